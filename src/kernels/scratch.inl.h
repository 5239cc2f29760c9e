// Where the scratch of a call lies.
#pragma once

namespace {

inline int64_t line(int64_t numbers) { return ceil_div(numbers, 16) * 16; }  // whole cache lines

// Scratch, in numbers from its start.
template <class V, class Cell> struct ScratchLayout {
    int64_t zeros;       // (H or P), with resets a row of dG: absent states and gradients
    int64_t states;      // (2, B, P): h of the last two steps, unless y rows serve
    int64_t inputs;      // (B, I): x of one step, side by side
    int64_t scaled;      // (threads, B, P): h of one step times h_scale; workers that share rows have a copy each
    int64_t between;     // (B, BETWEEN*H): from the first part of a step to the second
    int64_t projected;   // workers' shares of (steps_projected, rows, blocks, G, lanes)
    int64_t carry;       // (B, H): what backward hands from step to step beside dG: dc, or dh past the gates
    int64_t h_past;      // (B, H): dh past the gates beside dc
    int64_t sums;        // (B, SUMS*H): sums over the steps of a row
    int64_t products;    // per worker: multiply_rows
    int64_t packs;       // weight_gradient
    int64_t steps_projected, total;

    static int64_t zero_count(const lf_sequence &a) {
        return larger((a.reset ? (Cell::TAPE > 1 ? Cell::TAPE : 1) : 1) * a.weights->H, Cell::state(*a.weights)) + V::N;
    }

    // A second part of a step shares the regions up to `between` with the first and has its others from `after` on.
    explicit ScratchLayout(const lf_sequence &a, int64_t after = 0) {
        const lf_weights &w = *a.weights;
        const int64_t per_step = Cell::inputs(w) || Cell::WHOLE_ROWS ? a.B * Cell::COLUMNS * ceil_div(w.H, V::N) * V::N : 0, P = Cell::state(w);
        steps_projected = steps_at_once(a.T, per_step);
        zeros = 0;
        states = zeros + line(zero_count(a));
        inputs = states + line(2 * a.B * P);
        scaled = inputs + line(a.B * w.I);
        between = scaled + (a.h_scale ? line(a.threads * a.B * P) : 0);
        projected = larger(after, between + line(Cell::BETWEEN * a.B * w.H));
        carry = projected + line(steps_projected * per_step);
        h_past = carry + (a.training ? line(a.B * w.H) : 0);
        sums = h_past + (a.training && Cell::ZONEOUT ? line(a.B * w.H) : 0);
        products = sums + (a.training ? line(Cell::SUMS * a.B * w.H) : 0);
        packs = products + a.threads * multiply_scratch();
        total = packs + (a.training && !Cell::SECOND ? gradient_scratch<V>(larger(w.I + P, w.H), a.threads) : 0);
    }
};

}  // namespace
