// A team of workers for one call: OpenMP creates it, every worker flushes subnormals while it works.
#ifndef LSTM_FAST_TEAM_H
#define LSTM_FAST_TEAM_H
#include <stdint.h>

// One worker's view of its team. wait() is a barrier for all workers (spin, then yield).
struct lf_worker {
    int index, count;
    struct lf_barrier *barrier;
};

struct lf_barrier {
    alignas(64) int arrived;
    alignas(64) int generation;
};

void lf_barrier_wait(const lf_worker *w);

typedef void (*lf_work)(const void *args, const lf_worker *w);

// Runs work(args, worker) on `threads` workers (1: on the caller, no team) and returns when all are done.
void lf_run_team(int threads, lf_work work, const void *args);

#endif
