// Stacks of layers in one call: one after the other, or with few rows side by side in time.
#include "lstm_fast.h"
#include "team.h"

namespace {

int64_t item(const lf_sequence &a) { return a.weights->dtype == LF_FLOAT64 ? 8 : 4; }

lf_seq from(const lf_seq &q, int64_t t, int64_t bytes) {
    return {q.data ? static_cast<char *>(q.data) + t * q.stride_t * bytes : nullptr, q.stride_b, q.stride_t};
}

// a *= factor, both (B, T, F)
struct Scaling {
    lf_seq a, factor;
    int64_t B, T, F, bytes;
};

template <class T> void scale(const Scaling &s) {
    for (int64_t b = 0; b < s.B; ++b)
        for (int64_t t = 0; t < s.T; ++t) {
            T *const a = static_cast<T *>(s.a.data) + b * s.a.stride_b + t * s.a.stride_t;
            const T *const factor = static_cast<const T *>(s.factor.data) + b * s.factor.stride_b + t * s.factor.stride_t;
            for (int64_t j = 0; j < s.F; ++j) a[j] *= factor[j];
        }
}

void scale_work(const void *args, const lf_worker *) {
    const Scaling &s = *static_cast<const Scaling *>(args);
    if (s.bytes == 8) scale<double>(s);
    else scale<float>(s);
}

// What enters layer l, or its gradient, times the factors of that layer: T steps from position t on.
void scale_input(const lf_stack &stack, int64_t l, const lf_seq &input, int64_t t, int64_t T) {
    const lf_sequence &a = *stack.layers[l];
    if (l == 0 || !stack.factors[l].data) return;
    const int64_t bytes = item(a);
    const Scaling s = {from(input, t, bytes), from(stack.factors[l], t, bytes), a.B, T, a.weights->I, bytes};
    lf_run_team(1, scale_work, &s);
}

// Steps [s, s + n) of a, on one worker; a has neither rows of its own nor checkpoints.
lf_sequence part_of(const lf_sequence &a, int64_t s, int64_t n) {
    const int64_t bytes = item(a), t = a.reverse ? a.T - s - n : s, tape_row = s * a.B * a.weights->H * bytes;
    lf_sequence part = a;
    part.T = n, part.threads = 1, part.interrupted = nullptr;
    part.x = from(a.x, t, bytes), part.y = from(a.y, t, bytes), part.c_seq = from(a.c_seq, t, bytes);
    if (s) part.h0 = a.h, part.c0 = a.c;
    if (a.training) {
        part.tape_gates = static_cast<char *>(a.tape_gates) + tape_row * lf_shape_of(a.weights->cell).tape;
        part.tape_cells = static_cast<char *>(a.tape_cells) + tape_row;
    }
    return part;
}

// Layer l is at steps [k*steps, ...) while layer l + 1 is one such part behind; workers take layers in turn.
struct Wave {
    const lf_stack *stack;
    int64_t steps;
};

void run_wave(const void *args, const lf_worker *w) {
    const Wave &wave = *static_cast<const Wave *>(args);
    const lf_stack &stack = *wave.stack;
    const int64_t T = stack.layers[0]->T, parts = (T + wave.steps - 1) / wave.steps;
    for (int64_t round = 0; round < parts + stack.L - 1; ++round) {
        for (int64_t l = w->index; l < stack.L; l += w->count) {
            const int64_t begin = (round - l) * wave.steps, left = T - begin, n = left < wave.steps ? left : wave.steps;
            if (begin < 0 || n <= 0) continue;
            const lf_sequence &a = *stack.layers[l], part = part_of(a, begin, n);
            lf_sequence_forward(&part);
            if (l + 1 < stack.L) scale_input(stack, l + 1, a.y, a.reverse ? T - begin - n : begin, n);
        }
        lf_poll(w, round);
        lf_barrier_wait(w);
        if (lf_stops(w, round)) return;
    }
}

// Whether the steps of a can be run a few at a time by part_of: a plain cell, whose tape has rows of shape.tape*H numbers.
bool divides(const lf_sequence &a) {
    const int cell = a.weights->cell;
    return (cell == LF_LSTM || cell == LF_GRU || cell == LF_RNN) && !a.lengths && !a.position &&
           (!a.training || !a.checkpoint_every || a.checkpoint_every >= a.T);
}

double work_of(const lf_sequence &a) {  // multiply-adds
    const double I = static_cast<double>(a.weights->I), H = static_cast<double>(a.weights->H);
    return static_cast<double>(a.B) * static_cast<double>(a.T) * lf_shape_of(a.weights->cell).columns * H * (I + H);
}

// Steps of a part of the wave; 0: layers run one after the other, each on all workers. The wave is for layers that workers can
// share neither by rows nor by units. Measured on two idle cores: 1.3 to 1.7 times as fast; on busy ones a barrier may wait for milliseconds, so
// that, as with other calls, small ones stay on the caller.
int64_t wave_steps(const lf_stack &stack, int workers) {
    constexpr int64_t MOST_ROWS = 2, MOST_BYTES = 256;  // of a row of h
    constexpr int64_t STEPS = 6;                        // enough to hide the barrier, few enough to start the next layer soon
    constexpr double LEAST_WORK = 1.5e6, MOST_SHARE = 0.75;  // of the whole stack; of the worker that has most
    if (workers < 2 || stack.layers[0]->B > MOST_ROWS || stack.layers[0]->T < 4 * STEPS) return 0;
    double total = 0, most = 0;
    for (int64_t k = 0; k < workers; ++k) {
        double share = 0;
        for (int64_t l = k; l < stack.L; l += workers) {
            const lf_sequence &a = *stack.layers[l];
            if (!divides(a) || a.reverse != stack.layers[0]->reverse || a.weights->H * item(a) > MOST_BYTES) return 0;
            share += work_of(a);
        }
        total += share;
        most = share > most ? share : most;
    }
    return total >= LEAST_WORK && most <= MOST_SHARE * total ? STEPS : 0;
}

}  // namespace

extern "C" {

lf_status lf_stack_forward(const lf_stack *stack) {
    const lf_sequence &first = *stack->layers[0];
    const int workers = first.threads < stack->L ? first.threads : static_cast<int>(stack->L);
    const Wave wave = {stack, wave_steps(*stack, workers)};
    if (wave.steps) return lf_run_team(workers, run_wave, &wave, first.interrupted) ? LF_OK : LF_INTERRUPTED;
    for (int64_t l = 0; l < stack->L; ++l) {
        const lf_sequence &a = *stack->layers[l];
        scale_input(*stack, l, a.x, 0, a.T);
        const lf_status status = lf_sequence_forward(&a);
        if (status != LF_OK) return status;
    }
    return LF_OK;
}

lf_status lf_stack_backward(const lf_stack *stack) {
    for (int64_t l = stack->L - 1; l >= 0; --l) {
        const lf_sequence &a = *stack->layers[l];
        const lf_status status = lf_sequence_backward(&a);
        if (status != LF_OK) return status;
        scale_input(*stack, l, a.dx, 0, a.T);
    }
    return LF_OK;
}

}  // extern "C"
