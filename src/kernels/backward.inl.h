// Backward per step: dh_t = dy_t + dG_{t+1} w_h^T in a register tile that ends as gate gradients; segment by segment of the tape.
#pragma once

namespace {

template <class V, class Cell> struct Backward {
    using T = typename V::T;
    using View = SequenceView<V, Cell>;
    const View &v;
    static constexpr int G = Cell::COLUMNS;
    // The gradient of h past the gates, which a step leaves for the step before it.
    const T *past_gates(int64_t rank) const {
        if constexpr (!Cell::MEMORY && Cell::TAPE > 1) return v.carry(rank);
        else if constexpr (Cell::ZONEOUT) return Cell::zones(*v.a.weights) ? v.h_past(rank) : v.zeros();
        else return v.zeros();
    }

    // dG of step s of a row as w_h meets it; zeros where the state was reset before that step.
    const T *through_h(int64_t s, int64_t rank) const {
        return v.resets(v.row(rank), s) ? v.zeros() : v.gates(s, rank) + Cell::DH * v.H;
    }
    template <class Lanes> V scale_of(int64_t b, int64_t unit, Lanes lanes) const {
        return lanes.load(static_cast<const T *>(v.a.h_scale) + b * v.P + unit);
    }

    // h of step s of a row, `vectors` vectors from `block`, is kept as it enters the product.
    void scale_taped(int64_t s, int64_t rank, int64_t block, int vectors) const {
        for (int64_t j = block; j < block + vectors; ++j)
            with_lanes<V>(j, v.P, [&](auto lanes) {
                T *const h = v.h_taped(s, rank) + j * V::N;
                lanes.store(h, lanes.load(h) * scale_of(v.row(rank), j * V::N, lanes));
            });
    }
    // dh of step s of a row, complete: for the second part.
    void keep_gradient(int64_t s, int64_t rank, int64_t block, int vectors, const T *dh) const {
        for (int64_t j = block; j < block + vectors; ++j, dh += V::N)
            with_lanes<V>(j, v.P, [&](auto lanes) { lanes.store(v.dh_taped(s, rank) + j * V::N, V::load(dh)); });
    }

    // Gate gradients at step s of this worker's rows [begin, end): dh = dy (+ dh of the last state), + dG_{s+1} w_h^T when
    // step s+1 exists for these rows (recurrent), then the cell, unless it projects: then dh is only kept.
    void step(int64_t s, int64_t begin, int64_t end, bool recurrent) const {
        const int64_t K = G * v.H, first = v.state_begin;
        // use(z, part of dh that does not come through w_h, vector, lanes) for each vector of a tile
        const bool repeats = v.a.dy.data && v.a.position;
        const auto direct = [&](int64_t p0, int rows, int64_t block, int vectors, T *z, auto use) {
            for (int r = 0; r < rows; ++r) {
                const int64_t rank = v.rank(begin + p0 + r), b = v.row(rank);
                const T *dy = v.a.dy.data ? View::at(v.a.dy, b, v.position(b, s)) : v.zeros();
                const T *last = !recurrent ? v.last_gradient(v.a.dh, s, b, v.P) : past_gates(rank);
                for (int j = 0; j < vectors; ++j, z += V::N)
                    with_lanes<V>(first + block + j, v.P, [&](auto lanes) {
                        const int64_t unit = (first + block + j) * V::N;
                        V sum = lanes.load(dy + unit) + lanes.load(last + unit);
                        if (repeats) v.for_repeats(b, s, [&](int64_t t) { sum = sum + lanes.load(View::at(v.a.dy, b, t) + unit); });
                        use(z, sum, b, unit, lanes);
                    });
            }
        };
        const auto start = [&](int64_t p0, int rows, int64_t block, int vectors, T *z) {
            if (v.a.h_scale) return StartFrom<V>{nullptr}(p0, rows, block, vectors, z);
            direct(p0, rows, block, vectors, z, [](T *q, V sum, int64_t, int64_t, auto) { V::store(q, sum); });
            return Span<const T>{z, vectors * V::N};
        };
        const auto cells = [&](int64_t p0, int rows, int64_t block, int vectors, T *z) {
            if (v.a.h_scale)
                direct(p0, rows, block, vectors, z, [&](T *q, V sum, int64_t b, int64_t unit, auto lanes) {
                    V::store(q, V::fma(V::load(q), scale_of(b, unit, lanes), sum));
                });
            if constexpr (Cell::PROJECTED) {
                for (int r = 0; r < rows; ++r) keep_gradient(s, v.rank(begin + p0 + r), first + block, vectors, z + r * vectors * V::N);
            } else if constexpr (Cell::WHOLE_ROWS) {
                for (int r = 0; r < rows; ++r)
                    Cell::template keep_gradient<V>(v, v.rank(begin + p0 + r), first + block, vectors, z + r * vectors * V::N);
            } else {
                typename Cell::template Row<T> row[ROWS_MAX];
                for (int r = 0; r < rows; ++r) {
                    const int64_t rank = v.rank(begin + p0 + r);
                    const bool carried = v.gather_past(s, rank, recurrent, first + block, vectors);
                    row[r] = Cell::template Row<T>::of(v, s, rank, v.row(rank), carried, v.carry(rank));
                }
                Cell::template backward<V>(z, rows, vectors, first + block, v, row);
                for (int r = 0; v.a.reset && r < rows; ++r) v.end_past(s, v.rank(begin + p0 + r), first + block, vectors);
            }
            for (int r = 0; v.a.h_scale && r < rows; ++r) scale_taped(s, v.rank(begin + p0 + r), first + block, vectors);
        };
        multiply_rows<V>(end - begin, recurrent ? K : 0, v.panels + v.panel_layout.back_h + first * V::N * K,
                         v.state_end - first, v.products, [&](int64_t p) { return through_h(s + 1, v.rank(begin + p)); }, start, cells, s & 1);
    }

    // dh0 = dG_0 w_h^T (+ dh past the gates), or the gradient of the last state for rows of length 0 (dc0 likewise).
    void initial_state() const {
        const int64_t P = v.P, K = G * v.H, started = v.my_rows(0), all = v.my_rows_of(v.B), begin = v.state_begin * V::N;
        const bool scaled = v.a.h_scale;
        const auto past = [&](int64_t p, int64_t unit, auto lanes) { return lanes.load(past_gates(v.rank(p)) + unit); };
        const auto start = [&](int64_t p0, int rows, int64_t block, int vectors, T *z) {
            if (scaled) return StartFrom<V>{nullptr}(p0, rows, block, vectors, z);
            for (int r = 0; r < rows; ++r)
                for (int j = 0; j < vectors; ++j)
                    with_lanes<V>(v.state_begin + block + j, P, [&](auto lanes) {
                        V::store(z + (r * vectors + j) * V::N, past(p0 + r, begin + (block + j) * V::N, lanes));
                    });
            return Span<const T>{z, vectors * V::N};
        };
        const auto done = [&](int64_t p0, int rows, int64_t block, int vectors, const T *z) {
            for (int r = 0; r < rows; ++r)
                for (int j = 0; j < vectors; ++j, z += V::N)
                    with_lanes<V>(v.state_begin + block + j, P, [&](auto lanes) {
                        const int64_t b = v.row(v.rank(p0 + r)), unit = begin + (block + j) * V::N;
                        const V dh = V::load(z);
                        lanes.store(static_cast<T *>(v.a.dh0) + b * P + unit,
                                    scaled ? V::fma(dh, scale_of(b, unit, lanes), past(p0 + r, unit, lanes)) : dh);
                    });
        };
        if (v.a.dh0)
            multiply_rows<V>(started, K, v.panels + v.panel_layout.back_h + begin * K, v.state_end - v.state_begin, v.products,
                             [&](int64_t p) { return through_h(0, v.rank(p)); }, start, done);
        for (int64_t p = started; p < all; ++p) {
            const int64_t b = v.row(v.rank(p));
            if (v.a.dh0) v.my_state().copy(static_cast<T *>(v.a.dh0) + b * P, v.last_gradient(v.a.dh, -1, b, P));
            if (v.a.dc0) v.my_units().copy(static_cast<T *>(v.a.dc0) + b * v.H, v.last_gradient(v.a.dc, -1, b, v.H));
        }
    }
};

// The second part of a step passes its gradient on to the first, before dG of the step is complete: d(r*h) = dn w_hn^T, dm = dh w_p^T.
template <class V, class Cell, class Second = typename Cell::Second> struct SecondBackward {
    SecondPart<V, Cell> part;
    SequenceView<V, Second> own;

    SecondBackward(const SequenceView<V, Cell> &v, const lf_worker *w) : part(v.a), own(part.view(v, w)) {}
    void step(const SequenceView<V, Cell> &v, int64_t s, const lf_worker *w) const {
        using T = typename V::T;
        const int64_t K = own.H, first = v.block_begin;
        v.end_step(w);
        multiply_rows<V>(v.my_rows(s), K, own.panels + own.panel_layout.back_h + first * V::N * K, v.block_end - first, v.products,
                         [&](int64_t p) { return static_cast<const T *>(Second::gradient(v, s, v.rank(p))); }, StartFrom<V>{nullptr},
                         [&](int64_t p0, int rows, int64_t block, int vectors, const T *z) {
                             int64_t ranks[ROWS_MAX];
                             for (int r = 0; r < rows; ++r) ranks[r] = v.rank(p0 + r);
                             Second::template backward<V>(z, rows, vectors, first + block, v, s, ranks);
                         });
    }
};
template <class V, class Cell> struct SecondBackward<V, Cell, void> {
    SecondBackward(const SequenceView<V, Cell> &, const lf_worker *) {}
    void step(const SequenceView<V, Cell> &, int64_t, const lf_worker *) const {}
};

// The tape of a segment holds its rows, then the first rows of the segment after it: those of the step that follows, and
// those of a block of weight gradients that is not complete yet. Segments come from the last to the first, each in front of the one
// before it, until there is no room: then these rows move to the end.
template <class V, class Cell> struct Segments {
    using T = typename V::T;
    using View = SequenceView<V, Cell>;
    View &v;
    const lf_sequence_call &call;
    const lf_worker *const w;
    int64_t open_rows;   // tape rows [0, open_rows) still wait for their part in the weight gradients
    int64_t polled = 0;  // steps done, of any kind
    bool add;
    int64_t capacity;    // rows of the tape
    int64_t place = capacity;  // where the segment that was last begins

    // Makes room for segment [begin, end) in front of the first rows of the one after it.
    void make_room(int64_t begin, int64_t end) {
        const int64_t first = v.tape_row(end), rows = first - v.tape_row(begin);
        if (place < rows) {
            const int64_t keep = larger(open_rows - first, v.alive(end)), to = capacity - keep;
            T *const gates = static_cast<T *>(v.a.tape_gates), *const cells = static_cast<T *>(v.a.tape_cells);
            if (w->index == 0) {
                memmove(gates + to * v.tape_width(), gates + place * v.tape_width(), static_cast<size_t>(keep * v.tape_width()) * sizeof(T));
                memmove(cells + to * v.H, cells + place * v.H, static_cast<size_t>(keep * v.H) * sizeof(T));
            }
            place = to;
        }
        place -= rows;
    }

    // False: stopped.
    bool run(int64_t begin, int64_t end, bool again) {
        if (again) {
            make_room(begin, end);
            v.enter_segment(begin, place);
            lf_barrier_wait(w);
            forward_steps<V, Cell, true>(v, begin, end, polled, call.poll_steps, w);
            polled += end - begin;
            lf_barrier_wait(w);
            if (lf_stops(w, polled - 1)) return false;
        }
        const Backward<V, Cell> backward{v};
        const SecondBackward<V, Cell> second(v, w);
        for (int64_t s = end - 1; s >= begin && !v.idle(); --s) {
            const int64_t going = v.my_rows(s + 1), rows = v.my_rows(s), done = polled + end - 1 - s;
            backward.step(s, 0, going, true);
            backward.step(s, going, rows, false);
            second.step(v, s, w);
            if ((done + 1) % call.poll_steps == 0) lf_poll(w, done);
            v.end_step(w);
            if (lf_stops(w, done)) break;
        }
        polled += end - begin;
        if (v.a.h_scale && begin == v.first_step)
            for (int64_t p = 0; p < v.my_rows(begin); ++p) {
                const int64_t rank = v.rank(p), b = v.row(rank);
                v.scale(rank, b, v.row_or_zeros(v.h_start, b, v.P));
            }
        lf_barrier_wait(w);
        if (lf_stops(w, polled - 1)) return false;
        if (begin == 0) backward.initial_state();
        if constexpr (Cell::WHOLE_ROWS)
            if (begin == 0) Cell::template finish<V>(v, w);
        const int64_t from = v.tape_row(begin), rows = v.tape_row(end) - from;
        if (v.a.dx.data) input_gradient<V, Cell>(v, from + rows * w->index / w->count, from + rows * (w->index + 1) / w->count);
        // The h that a step met is there once the step before it has passed backward, or where the tape begins.
        const int64_t first = ceil_div(v.tape_row(begin > v.first_step ? begin + 1 : begin), SUM_BLOCK) * SUM_BLOCK;
        if (begin == 0 || first < open_rows) {
            parameter_gradients<V, Cell>(v, first, open_rows, add, polled, w);
            polled += open_rows - first;
            open_rows = first;
            add = true;
        }
        lf_barrier_wait(w);
        return !lf_stops(w, polled - 1);
    }
};

// Steps whose dG is still in L2 when the products over tape rows read it; all of them where four blocks of rows would not fit.
template <class View> inline int64_t steps_per_segment(const View &v) {
    constexpr int64_t NEAR = (1 << 21) / sizeof(typename View::T);
    const int64_t rows = NEAR / v.tape_width();
    return larger<int64_t>(1, rows >= 4 * SUM_BLOCK && v.B > 0 ? rows / v.B : v.steps);
}

template <class V, class Cell> void sequence_backward(const void *args, const lf_worker *w) {
    using View = SequenceView<V, Cell>;
    const lf_sequence_call &call = *static_cast<const lf_sequence_call *>(args);
    lf_sequence a = *call.args;
    a.y.data = a.c_seq.data = nullptr;  // a segment computed again leaves them alone
    View v(a, call.offsets, w);
    if (w->index == 0) v.clear_zeros();
    lf_barrier_wait(w);
    const bool again = a.checkpoint_every && a.checkpoint_every < a.T;
    const int64_t length = again ? a.checkpoint_every : steps_per_segment(v);
    const int64_t rows = v.tape_row(v.steps);
    Segments<V, Cell> segments{v, call, w, rows, 0, a.accumulate != 0, smaller(rows, lf_segment_rows(a))};
    for (int64_t begin = larger<int64_t>(0, v.steps - 1) / length * length; begin >= 0; begin -= length)
        if (!segments.run(begin, smaller(v.steps, begin + length), again)) return;
    if (a.dx.data)
        for (int64_t b = w->index; b < v.B; b += w->count)
            v.for_idle(b, [&](int64_t t, int64_t) { memset(View::at(a.dx, b, t), 0, static_cast<size_t>(v.I) * sizeof(typename V::T)); });
}

}  // namespace
