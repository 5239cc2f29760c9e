#include "team.h"

#include "lstm_fast.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

bool in_fork_child = false;  // libgomp's pool does not survive fork: the child runs serially
int thread_setting = 0;      // 0: what OpenMP says (OMP_NUM_THREADS, affinity, threadpoolctl)

// Flush-to-zero (results and operands) from construction to destruction, on this thread only.
class FlushSubnormals {
#if defined(__x86_64__)
    unsigned saved_ = _mm_getcsr();

public:
    FlushSubnormals() { _mm_setcsr((saved_ & ~0x6000u) | 0x9fc0u); }  // FTZ, DAZ, all exceptions masked, to nearest
    ~FlushSubnormals() { _mm_setcsr(saved_); }
#elif defined(__aarch64__)
    uint64_t saved_;

public:
    FlushSubnormals() {
        __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
        const uint64_t flush = (saved_ & ~(3ull << 22)) | (1ull << 24);
        __asm__ volatile("msr fpcr, %0" : : "r"(flush));
    }
    ~FlushSubnormals() { __asm__ volatile("msr fpcr, %0" : : "r"(saved_)); }
#else
public:
    FlushSubnormals() {}
#endif
};

void pause_cpu() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void wait_for(lf_barrier &b, int workers) {
    if (workers == 1) return;
    const int generation = __atomic_load_n(&b.generation, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&b.arrived, 1, __ATOMIC_ACQ_REL) == workers) {
        __atomic_store_n(&b.arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&b.generation, generation + 1, __ATOMIC_RELEASE);
        return;
    }
    for (int spins = 0; __atomic_load_n(&b.generation, __ATOMIC_ACQUIRE) == generation; ++spins) {
        if (spins < 2000) pause_cpu();
        else sched_yield();
    }
}

void after_fork_in_child() { in_fork_child = true; }

}  // namespace

extern "C" void lf_init(void) { pthread_atfork(nullptr, nullptr, after_fork_in_child); }

extern "C" int lf_openmp(void) {
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

extern "C" void lf_set_num_threads(int n) {
    if (n >= 1) thread_setting = n;
}

extern "C" int lf_get_num_threads(void) {
    if (in_fork_child) return 1;
    if (thread_setting) return thread_setting;
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

void lf_barrier_wait(const lf_worker *w) { wait_for(w->team->all, w->count); }

void lf_step_wait(const lf_worker *w, int workers) { wait_for(w->team->steps, workers); }

double lf_seconds() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void lf_poll(const lf_worker *w, int64_t step) {
    lf_team *team = w->team;
    if (w->index != 0 || !team->interrupted) return;
    const double now = lf_seconds();
    if (team->next_question == 0) team->next_question = now + 0.2;
    if (now < team->next_question) return;
    team->next_question = now + 0.2;
    if (team->interrupted()) __atomic_store_n(&team->stop_after, step, __ATOMIC_RELEASE);
}

bool lf_run_team(int threads, lf_work work, const void *args, int (*interrupted)(void)) {
    if (in_fork_child) threads = 1;
    lf_team team;
    team.interrupted = interrupted;
#ifdef _OPENMP
    if (threads > 1) {
#pragma omp parallel num_threads(threads)
        {
            FlushSubnormals flush;
            const lf_worker w = {omp_get_thread_num(), omp_get_num_threads(), &team};
            work(args, &w);
        }
        return team.stop_after == INT64_MAX;
    }
#endif
    FlushSubnormals flush;
    const lf_worker alone = {0, 1, &team};
    work(args, &alone);
    return team.stop_after == INT64_MAX;
}
