// What forward and backward share: which rows and steps there are, and where their numbers lie.
#pragma once

namespace {

// A worker's numbers of a row.
template <class T> struct Share {
    int64_t begin, end;
    void copy(T *to, const T *from) const {
        if (begin < end) memmove(to + begin, from + begin, static_cast<size_t>(end - begin) * sizeof(T));
    }
};

// One worker's view of a call: its rows, its units, and the address of everything.
template <class V, class Cell> struct SequenceView {
    using T = typename V::T;
    const lf_sequence &a;
    const int64_t B, steps, I, H;
    const int64_t K, P;        // numbers of what meets w_h, of h
    const PanelLayout<V, Cell> panel_layout;
    const ScratchLayout<V, Cell> scratch_layout;
    const T *const panels;
    T *const scratch;
    const int64_t *offsets;    // (T+1) first tape row of each step; NULL: s*B
    const int index;           // of the worker
    const bool in_tape;        // the tape keeps h, which then serves the next step
    const bool compact;        // h of a step is kept side by side: rows of y or of x far apart would collide in the caches
    T *const products;         // multiply_rows scratch of this worker
    int64_t first_step = 0;    // of the segment that the tape holds
    int64_t tape_base = 0;     // tape row r lies at r - tape_base
    const void *h_start, *c_start;  // (B, H) or NULL (zeros): the state before first_step
    T *scaled;                 // h of one step times h_scale, this worker's copy
    int64_t first, stride;     // this worker's rows: ranks first, first+stride, ..., `owned` at most
    int64_t owned, rows_before; // rows of the workers before this one
    int64_t block_begin, block_end;  // this worker's blocks of units
    int64_t state_begin, state_end;  // of h: the same unless the cell projects
    bool split_units;          // workers share the units of a row, with a barrier after each step
    int active;                // workers with a share of the steps: the first ones

    SequenceView(const lf_sequence &args, const int64_t *tape_offsets, const lf_worker *w, int64_t scratch_after, int64_t step, int64_t base, const void *h)
        : SequenceView(args, tape_offsets, w, scratch_after) {
        first_step = step, tape_base = base, h_start = h;
    }
    SequenceView(const lf_sequence &args, const int64_t *tape_offsets, const lf_worker *w, int64_t scratch_after = 0)
        : a(args), B(args.B), steps(args.T), I(Cell::inputs(*args.weights)), H(Cell::units(*args.weights)), K(Cell::depth(*args.weights)),
          P(Cell::state(*args.weights)), panel_layout(*args.weights),
          scratch_layout(args, scratch_after), panels(static_cast<const T *>(args.weights->panels)),
          scratch(static_cast<T *>(args.scratch)), offsets(tape_offsets), index(w->index),
          in_tape((!Cell::MEMORY || Cell::H_COLUMN || Cell::STATES) && args.training),
          compact(in_tape || !args.y.data || (B > rows_per_tile<V>(4) && args.y.stride_b != P)),
          products(scratch + scratch_layout.products + w->index * multiply_scratch()), h_start(args.h0), c_start(args.c0) {
        const Grid grid = share_work(args, V::N, w->count, Cell::WHOLE_ROWS);
        split_units = grid.unit_parts > 1;
        scaled = scratch + scratch_layout.scaled + (split_units ? w->index * B * P : 0);
        const int64_t part = w->index / grid.unit_parts, parts = grid.row_parts, unit = w->index % grid.unit_parts;
        active = grid.unit_parts * grid.row_parts;
        // Rows of one length: neighbours, so that workers share few cache lines. Rows that end in turn are dealt out in turn.
        const bool dealt = tape_offsets && parts > 1;
        first = idle() ? B : dealt ? part : B * part / parts;
        stride = dealt ? parts : 1;
        owned = idle() ? 0 : dealt ? B : B * (part + 1) / parts - first;
        rows_before = dealt ? part * (B / parts) + smaller(part, B % parts) : first;
        const auto share = [&](int64_t width, int64_t &begin, int64_t &end) {
            const int64_t granule = larger<int64_t>(unit_granule(args), Cell::BLOCKS), blocks = ceil_div(width, V::N);
            const int64_t groups = ceil_div(blocks, granule);
            begin = idle() ? 0 : smaller(blocks, granule * (groups * unit / grid.unit_parts));
            end = idle() ? 0 : smaller(blocks, granule * (groups * (unit + 1) / grid.unit_parts));
        };
        share(H, block_begin, block_end);
        share(P, state_begin, state_end);
    }

    bool idle() const { return index >= active; }
    // After a step, or its first part: what its workers wrote is there for all of them.
    void end_step(const lf_worker *w) const {
        if (split_units) lf_step_wait(w, active);
    }
    Share<T> my_units() const { return {block_begin * V::N, smaller(H, block_end * V::N)}; }
    Share<T> my_state() const { return {state_begin * V::N, smaller(P, state_end * V::N)}; }
    int64_t alive(int64_t s) const { return s >= steps ? 0 : offsets ? offsets[s + 1] - offsets[s] : B; }
    int64_t tape_row(int64_t s) const { return offsets ? offsets[s] : s * B; }
    int64_t my_rows_of(int64_t rows) const { return rows <= first ? 0 : smaller(owned, (rows - first + stride - 1) / stride); }
    int64_t my_rows(int64_t s) const { return my_rows_of(alive(s)); }
    int64_t rank(int64_t p) const { return first + p * stride; }
    int64_t row(int64_t r) const { return a.order ? a.order[r] : r; }
    int64_t length(int64_t b) const { return a.lengths ? a.lengths[b] : a.T; }
    int64_t position(int64_t b, int64_t s) const {
        return a.position ? a.position[a.index[b] + s] : a.reverse ? length(b) - 1 - s : s;
    }
    // Whether the state is zero before step s of row b; s = length(b): after its last step.
    bool resets(int64_t b, int64_t s) const { return a.reset && a.reset[a.index[b] + b + s]; }

    // f(t, position of the step before or -1) for the positions of row b that no step has, padding last.
    template <class F> void for_idle(int64_t b, F f) const {
        const int64_t n = length(b), begin = a.position ? a.begin[b] : 0, end = a.position ? a.end[b] : n;
        if (a.position && n < end - begin) {
            int64_t last = -1;
            for (int64_t k = 0, s = 0; k < end - begin; ++k) {
                const int64_t t = a.reverse ? end - 1 - k : begin + k;
                if (s < n && position(b, s) == t) last = t, ++s;
                else f(t, last);
            }
        }
        if (!a.packed)
            for (int64_t t = end; t < a.T; ++t) f(t, int64_t(-1));
    }
    // f(t) for the positions that repeat y of step s of row b.
    template <class F> void for_repeats(int64_t b, int64_t s, F f) const {
        if (!a.position) return;
        const int64_t step = a.reverse ? -1 : 1;
        const int64_t stop = s + 1 < length(b) ? position(b, s + 1) : a.reverse ? a.begin[b] - 1 : a.end[b];
        for (int64_t t = position(b, s) + step; t != stop; t += step) f(t);
    }

    static T *at(const lf_seq &q, int64_t b, int64_t t) { return static_cast<T *>(q.data) + b * q.stride_b + t * q.stride_t; }
    void clear_zeros() const {
        memset(scratch + scratch_layout.zeros, 0, static_cast<size_t>(scratch_layout.zero_count(a)) * sizeof(T));
    }
    const T *zeros() const { return scratch + scratch_layout.zeros; }
    // Row b of p (B, width), or zeros.
    const T *row_or_zeros(const void *p, int64_t b, int64_t width) const { return p ? static_cast<const T *>(p) + b * width : zeros(); }
    T *h_row(int64_t s, int64_t r, int64_t b) const {
        if (in_tape) return h_taped(s, r);
        return compact ? scratch + scratch_layout.states + ((s & 1) * B + r) * P : at(a.y, b, position(b, s));
    }
    // Where the units of a step go, and their copy: h and y, or m where the cell projects it.
    T *unit_row(int64_t s, int64_t r, int64_t b) const {
        if constexpr (Cell::PROJECTED) return m_row(s, r);
        else return h_row(s, r, b);
    }
    T *unit_y(int64_t s, int64_t b) const { return Cell::PROJECTED ? nullptr : y_row(s, b); }
    T *m_row(int64_t s, int64_t r) const { return Cell::H_COLUMN && a.training ? m_taped(s, r) : between(r); }
    T *m_taped(int64_t s, int64_t r) const { return Cell::H_COLUMN ? gates(s, r) + Cell::H_COLUMN * a.weights->H : cell(s, r); }
    T *y_row(int64_t s, int64_t b) const { return compact && a.y.data ? at(a.y, b, position(b, s)) : nullptr; }
    T *input_row(int64_t r) const { return scratch + scratch_layout.inputs + r * I; }
    // scaled_row(r) = h times h_scale
    void scale(int64_t r, int64_t b, const T *h) const {
        const T *const factor = static_cast<const T *>(a.h_scale) + b * P;
        T *const out = scaled_row(r);
        for (int64_t j = 0; j < ceil_div(P, V::N); ++j)
            with_lanes<V>(j, P, [&](auto lanes) {
                lanes.store(out + j * V::N, lanes.load(h + j * V::N) * lanes.load(factor + j * V::N));
            });
    }
    T *scaled_row(int64_t r) const { return scaled + r * P; }
    const T *h_before(int64_t s, int64_t r, int64_t b) const {
        if (resets(b, s)) return zeros();
        return s > first_step ? h_row(s - 1, r, b) : row_or_zeros(h_start, b, P);
    }
    int64_t tape_width() const {  // of tape_gates
        if constexpr (Cell::STATES > 0) return Cell::TAPE * a.weights->H + Cell::STATES * P;
        else return (Cell::TAPE + Cell::tape_more(*a.weights)) * H;
    }
    T *gates(int64_t s, int64_t r) const { return static_cast<T *>(a.tape_gates) + (tape_row(s) - tape_base + r) * tape_width(); }
    T *cell(int64_t s, int64_t r) const { return static_cast<T *>(a.tape_cells) + (tape_row(s) - tape_base + r) * H; }
    // c' before zoneout, once backward has passed there.
    const T *cell_unzoned(int64_t s, int64_t r) const { return Cell::tape_more(*a.weights) ? gates(s, r) + Cell::TAPE * H : cell(s, r); }
    const T *cell_before(int64_t s, int64_t r, int64_t b) const {
        if (resets(b, s)) return zeros();
        return s > first_step ? cell(s - 1, r) : row_or_zeros(c_start, b, H);
    }
    // The gradient p (B, width) of the last state of row b, whose last step is s.
    const T *last_gradient(const void *p, int64_t s, int64_t b, int64_t width) const {
        return resets(b, s + 1) ? zeros() : row_or_zeros(p, b, width);
    }
    // h (which 0) or c (1) before step s, a multiple of checkpoint_every: (B, P) or (B, H)
    T *checkpoint(int64_t s, int which) const {
        const int64_t kept = P + (Cell::MEMORY ? H : 0);
        return static_cast<T *>(a.checkpoints) + ((s / a.checkpoint_every - 1) * kept + which * P) * B;
    }
    // With a gradient of c_seq: gathers in carry what reaches c of step s, `vectors` vectors of units from `block`, from step s+1
    // (recurrent) or the last state, and from outside. Whether carry holds the gradient of c.
    bool gather_past(int64_t s, int64_t r, bool recurrent, int64_t block, int vectors) const {
        if constexpr (!Cell::MEMORY) return recurrent;
        if (!a.dc_seq.data) return recurrent;
        const int64_t b = row(r);
        const T *const from = recurrent ? carry(r) : last_gradient(a.dc, s, b, H), *const outside = at(a.dc_seq, b, position(b, s));
        for (int64_t j = block; j < block + vectors; ++j)
            with_lanes<V>(j, H, [&](auto lanes) {
                V sum = lanes.load(from + j * V::N) + lanes.load(outside + j * V::N);
                for_repeats(b, s, [&](int64_t t) { sum = sum + lanes.load(at(a.dc_seq, b, t) + j * V::N); });
                lanes.store(carry(r) + j * V::N, sum);
            });
        return true;
    }
    // The gradient past the gates, left by `vectors` vectors of units from `block` at step s, ends at a reset.
    void end_past(int64_t s, int64_t r, int64_t block, int vectors) const {
        const int64_t b = row(r);
        if (!resets(b, s)) return;
        T *const past = s == 0 && Cell::MEMORY && a.dc0 ? static_cast<T *>(a.dc0) + b * H : carry(r);
        for (int64_t j = block; j < block + vectors; ++j)
            with_lanes<V>(j, H, [&](auto lanes) {
                lanes.store(past + j * V::N, V::zero());
                if constexpr (Cell::ZONEOUT) lanes.store(h_past(r) + j * V::N, V::zero());
            });
    }
    // The tape now holds steps from s on, whose first row lies at `place`.
    void enter_segment(int64_t s, int64_t place) {
        first_step = s;
        tape_base = tape_row(s) - place;
        h_start = s ? checkpoint(s, 0) : a.h0;
        c_start = s && Cell::MEMORY ? checkpoint(s, 1) : a.c0;
    }
    T *between(int64_t r) const { return scratch + scratch_layout.between + r * Cell::BETWEEN * a.weights->H; }
    T *sums(int64_t r) const { return scratch + scratch_layout.sums + r * Cell::SUMS * H; }
    T *h_past(int64_t r) const { return scratch + scratch_layout.h_past + r * H; }
    T *carry(int64_t r) const { return scratch + scratch_layout.carry + r * H; }
    // h of a step in the tape: while backward passes for Lstm, from forward on for the others
    T *h_taped(int64_t s, int64_t r) const {
        if constexpr (Cell::STATES > 0) return gates(s, r) + Cell::TAPE * a.weights->H;
        else return Cell::H_COLUMN ? gates(s, r) + Cell::H_COLUMN * H : cell(s, r);
    }
    T *dh_taped(int64_t s, int64_t r) const { return h_taped(s, r) + P; }  // where the cell projects
    const T *h_recorded(int64_t s, int64_t r, int64_t b) const {
        if (resets(b, s)) return zeros();
        return s > first_step ? h_taped(s - 1, r) : row_or_zeros(h_start, b, P);
    }
    // ... times h_scale, once backward has passed there
    const T *h_multiplied(int64_t s, int64_t r, int64_t b) const {
        return s == first_step && a.h_scale && !resets(b, s) ? scaled_row(r) : h_recorded(s, r, b);
    }
};

// The call of the second part of a step: the same arrays, its own panels and scratch.
template <class V, class Cell> struct SecondPart {
    lf_weights weights;
    lf_sequence args;
    int64_t scratch_after;

    SecondPart(const lf_sequence &a) : weights(*a.weights), args(a), scratch_after(ScratchLayout<V, Cell>(a).total) {
        weights.panels = static_cast<typename V::T *>(weights.panels) + PanelLayout<V, Cell>(weights).total;
        args.weights = &weights;
    }
    SequenceView<V, typename Cell::Second> view(const SequenceView<V, Cell> &first, const lf_worker *w) const {
        return {args, first.offsets, w, scratch_after, first.first_step, first.tape_base, first.h_start};
    }
};

template <class V, class Cell> inline void pack_parts(const void *args, const lf_worker *worker) {
    if constexpr (Cell::WHOLE_ROWS) return Cell::template pack<V>(*static_cast<const lf_weights *>(args), worker);
    else pack_weights<V, Cell>(args, worker);
    if constexpr (!SAME<typename Cell::Second, void>) {
        lf_weights second = *static_cast<const lf_weights *>(args);
        second.panels = static_cast<typename V::T *>(second.panels) + PanelLayout<V, Cell>(second).total;
        pack_weights<V, typename Cell::Second>(&second, worker);
    }
}

template <class V, class Cell> inline int64_t panel_numbers(const lf_weights *w) {
    int64_t total = PanelLayout<V, Cell>(*w).total;
    if constexpr (!SAME<typename Cell::Second, void>) total += PanelLayout<V, typename Cell::Second>(*w).total;
    return total;
}

template <class V, class Cell> inline int useful_workers(const lf_sequence *a, int workers) {
    const Grid grid = share_work(*a, V::N, workers, Cell::WHOLE_ROWS);
    return grid.row_parts * grid.unit_parts;
}

template <class V, class Cell> inline int64_t scratch_numbers(const lf_sequence *a) {
    const int64_t total = ScratchLayout<V, Cell>(*a).total;
    if constexpr (SAME<typename Cell::Second, void>) return total;
    else return ScratchLayout<V, typename Cell::Second>(*a, total).total;
}

}  // namespace
