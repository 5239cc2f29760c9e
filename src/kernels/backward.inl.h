// Backward: per step dh_t = dy_t + dG_{t+1} w_h^T in a register tile that ends as gate gradients; then the
// time-batched products dx = dG w_x^T, dw_x = x^T dG, dw_h = h_{t-1}^T dG, db = sum dG over all tape rows.
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
            if (v.a.h_scale) memset(z, 0, static_cast<size_t>(rows * vectors * V::N) * sizeof(T));
            else direct(p0, rows, block, vectors, z, [](T *q, V sum, int64_t, int64_t, auto) { V::store(q, sum); });
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
            for (int r = 0; r < rows; ++r)
                for (int j = 0; j < vectors; ++j, z += V::N)
                    with_lanes<V>(v.state_begin + block + j, P, [&](auto lanes) {
                        V::store(z, scaled ? V::zero() : past(p0 + r, begin + (block + j) * V::N, lanes));
                    });
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

// Walks tape rows in order: which step and row of the batch each one is.
template <class View> struct TapeCursor {
    const View &v;
    int64_t s = 0, rank = 0;

    TapeCursor(const View &view, int64_t tape_row) : v(view) {
        if (!v.offsets) {
            s = v.B ? tape_row / v.B : 0;
        } else {  // last step that starts at or before the row
            int64_t low = 0, high = v.steps;
            while (high - low > 1) {
                const int64_t middle = (low + high) / 2;
                if (v.offsets[middle] <= tape_row) low = middle;
                else high = middle;
            }
            s = low;
        }
        rank = tape_row - v.tape_row(s);
    }
    int64_t b() const { return v.row(rank); }
    int64_t t() const { return v.position(b(), s); }
    void next() {
        if (++rank == v.alive(s)) {
            rank = 0;
            ++s;
        }
    }
};

// dx = dG w_x^T for tape rows [begin, end), in chunks whose output addresses fit on the stack.
template <class V, class Cell> inline void input_gradient(const SequenceView<V, Cell> &v, int64_t begin, int64_t end) {
    using T = typename V::T;
    using View = SequenceView<V, Cell>;
    constexpr int G = Cell::ALL;
    constexpr int64_t CHUNK = 240;
    T *out[CHUNK];
    TapeCursor<View> cursor(v, begin);
    for (int64_t r0 = begin; r0 < end; r0 += CHUNK) {
        const int64_t count = smaller(CHUNK, end - r0);
        for (int64_t r = 0; r < count; ++r, cursor.next()) out[r] = View::at(v.a.dx, cursor.b(), cursor.t());
        const T *d = static_cast<const T *>(v.a.tape_gates) + (r0 - v.tape_base) * v.tape_width();
        multiply_rows<V>(count, G * v.H, v.panels + v.panel_layout.back_x, ceil_div(v.I, V::N), v.products,
                         [&](int64_t r) { return d + r * v.tape_width(); }, StartFrom<V>{nullptr},
                         store_rows<V>(v.I, [&](int64_t r) { return out[r]; }));
    }
}

// The gradient of the peepholes i f o, (3, H), over tape rows [begin, begin + R), summed like the weight gradients:
// sum dz_i*c, dz_f*c, dz_o*c'.
template <class V, class Cell>
inline void peephole_gradient(const SequenceView<V, Cell> &v, int64_t begin, int64_t R, bool accumulate, const lf_worker *w) {
    using T = typename V::T;
    const int64_t H = v.H, last_block = R > 0 ? (R - 1) / SUM_BLOCK * SUM_BLOCK : 0;
    for (int64_t k0 = last_block; k0 >= 0; k0 -= SUM_BLOCK)
        for (int64_t j = w->index; j < v.panel_layout.blocks; j += w->count)
            with_lanes<V>(j, H, [&](auto lanes) {
                V sum[3] = {V::zero(), V::zero(), V::zero()};
                TapeCursor<SequenceView<V, Cell>> cursor(v, begin + k0);
                for (int64_t k = k0; k < smaller(R, k0 + SUM_BLOCK); ++k, cursor.next()) {
                    const T *const d = v.gates(cursor.s, cursor.rank) + j * V::N;
                    const V c_prev = lanes.load(v.cell_before(cursor.s, cursor.rank, cursor.b()) + j * V::N);
                    sum[0] = V::fma(lanes.load(d), c_prev, sum[0]);
                    sum[1] = V::fma(lanes.load(d + H), c_prev, sum[1]);
                    sum[2] = V::fma(lanes.load(d + 3 * H), lanes.load(v.cell_unzoned(cursor.s, cursor.rank) + j * V::N), sum[2]);
                }
                for (int gate = 0; gate < 3; ++gate) {
                    T *const out = static_cast<T *>(v.a.dpeephole) + gate * H + j * V::N;
                    lanes.store(out, k0 < last_block || accumulate ? lanes.load(out) + sum[gate] : sum[gate]);
                }
            });
}

// dw_x, dw_h, db of tape rows [begin, end), begin a multiple of SUM_BLOCK; add: to what is there.
template <class V, class Cell> inline void parameter_gradients(const SequenceView<V, Cell> &v, int64_t begin, int64_t end, bool add, int64_t polled, const lf_worker *w) {
    using T = typename V::T;
    using View = SequenceView<V, Cell>;
    constexpr int64_t G = Cell::ALL;
    const lf_sequence &a = v.a;
    const int64_t I = v.I, H = v.H, P = v.P, row = v.tape_width();
    T *const dw_x = static_cast<T *>(a.dw_x), *const dw_h = static_cast<T *>(a.dw_h), *const db = static_cast<T *>(a.db);
    const T *const d = static_cast<const T *>(a.tape_gates) + (begin - v.tape_base) * row;
    const int64_t R = end - begin;
    const auto solve = [&](const GradientProblem<T> &problem, bool second = false) {  // A: what met w_h, or the second part's weights
        weight_gradient<V>(problem, v.scratch + v.scratch_layout.packs, w,
                           [&](int64_t first, int64_t count, const T **x, const T **h) {
                               if (count <= 0) return;
                               TapeCursor<View> cursor(v, begin + first);
                               for (int64_t k = 0; k < count; ++k, cursor.next()) {
                                   const int64_t b = cursor.b();
                                   x[k] = View::at(a.x, b, cursor.t());
                                   if constexpr (!SAME<typename Cell::Second, void>) {
                                       if (second) h[k] = Cell::Second::recorded(v, cursor.s, cursor.rank);
                                       if (second) continue;
                                   }
                                   h[k] = v.h_multiplied(cursor.s, cursor.rank, b);
                               }
                           });
    };
    if constexpr (Cell::EXTRA > 0 && !Cell::WHOLE_ROWS)
        if (a.dpeephole) peephole_gradient<V>(v, begin, R, add, w);
    if constexpr (Cell::WHOLE_ROWS) {  // dG = [of x w_x, of h w_h]
        solve({R, G * H, d, row, G * H, {{I, dw_x}, {0, nullptr}}, nullptr, add, polled});
        solve({R, G * H, d + Cell::DH * H, row, G * H, {{0, nullptr}, {H, dw_h}}, nullptr, add, polled});
    } else if constexpr (Cell::PROJECTED) {
        solve({R, G * H, d, row, G * H, {{I, dw_x}, {P, dw_h}}, db, add, polled});
        solve({R, P, d + Cell::TAPE * H + P, row, P, {{0, nullptr}, {H, static_cast<T *>(a.dw_p)}}, nullptr, add, polled}, true);
    } else if constexpr (!SAME<typename Cell::Second, void>) {  // dG = [first part, second part], then the second part's input
        constexpr int64_t L = Cell::COLUMNS;
        solve({R, G * H, d, row, G * H, {{I, dw_x}, {0, nullptr}}, db, add, polled});
        solve({R, L * H, d, row, G * H, {{0, nullptr}, {H, dw_h}}, nullptr, add, polled});
        solve({R, (G - L) * H, d + L * H, row, G * H, {{0, nullptr}, {H, dw_h + L * H}}, nullptr, add, polled}, true);
    } else if constexpr (!Cell::APART) {
        solve({R, G * H, d, row, G * H, {{I, dw_x}, {H, dw_h}}, db, add, polled});
    } else {  // dG = [last gate's x part, first gates, last gate's h part]; db = [db_x, db_h]
        constexpr int64_t L = G - 1;
        solve({R, L * H, d + H, row, G * H, {{I, dw_x}, {0, nullptr}}, db, add, polled});
        solve({R, H, d, row, G * H, {{I, dw_x + L * H}, {0, nullptr}}, db + L * H, add, polled});
        solve({R, G * H, d + H, row, G * H, {{0, nullptr}, {H, dw_h}}, db + G * H, add, polled});
    }
}

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
        if (v.a.h_scale)
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
        const int64_t first = ceil_div(from, SUM_BLOCK) * SUM_BLOCK;
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

template <class V, class Cell> void sequence_backward(const void *args, const lf_worker *w) {
    using View = SequenceView<V, Cell>;
    const lf_sequence_call &call = *static_cast<const lf_sequence_call *>(args);
    lf_sequence a = *call.args;
    a.y.data = a.c_seq.data = nullptr;  // a segment computed again leaves them alone
    View v(a, call.offsets, w);
    if (w->index == 0) v.clear_zeros();
    lf_barrier_wait(w);
    const bool again = a.checkpoint_every && a.checkpoint_every < a.T;
    const int64_t length = again ? a.checkpoint_every : v.steps;
    const int64_t rows = v.tape_row(v.steps);
    Segments<V, Cell> segments{v, call, w, rows, 0, a.accumulate != 0, smaller(rows, lf_segment_rows(a))};
    for (int64_t begin = again ? (v.steps - 1) / length * length : 0; begin >= 0; begin -= length > 0 ? length : 1)
        if (!segments.run(begin, smaller(v.steps, begin + length), again)) return;
    if (a.dx.data)
        for (int64_t b = w->index; b < v.B; b += w->count)
            v.for_idle(b, [&](int64_t t, int64_t) { memset(View::at(a.dx, b, t), 0, static_cast<size_t>(v.I) * sizeof(typename V::T)); });
}

}  // namespace
