// A team of workers for one call: OpenMP creates it, every worker flushes subnormals while it works.
#ifndef LSTM_FAST_TEAM_H
#define LSTM_FAST_TEAM_H
#include <stdint.h>

struct lf_barrier {
    alignas(64) int arrived = 0;  // workers that wait
    alignas(64) int generation = 0;
};

struct lf_team {
    lf_barrier all, steps;
    alignas(64) int64_t stop_after = INT64_MAX;  // the last step to be done, once worker 0 was told to stop
    int (*interrupted)(void) = nullptr;
    double next_question = 0;     // seconds on the monotonic clock
};

// One worker's view of its team; worker 0 is the caller's thread.
struct lf_worker {
    int index, count;
    lf_team *team;
};

// A barrier for all workers (spin, then yield).
void lf_barrier_wait(const lf_worker *w);

// The same for the first `workers` of them, who share the steps of a sequence.
void lf_step_wait(const lf_worker *w, int workers);

// To be called now and then, at the end of a step: worker 0 asks `interrupted`, at most five times a second.
void lf_poll(const lf_worker *w, int64_t step);

// Whether the team stops after this step. Asked after a step's barrier, it has the same answer on every worker.
inline bool lf_stops(const lf_worker *w, int64_t step) {
    return __atomic_load_n(&w->team->stop_after, __ATOMIC_ACQUIRE) <= step;
}

typedef void (*lf_work)(const void *args, const lf_worker *w);

// Runs work(args, worker) on `threads` workers (1: on the caller, no team) and returns when all are done; false: stopped.
bool lf_run_team(int threads, lf_work work, const void *args, int (*interrupted)(void) = nullptr);

double lf_seconds();  // monotonic clock

#endif
