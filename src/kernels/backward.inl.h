// Backward: per step dh_t = dy_t + dG_{t+1} w_h^T in a register tile that ends as gate gradients; then the
// time-batched products dx = dG w_x^T, dw_x = x^T dG, dw_h = h_{t-1}^T dG, db = sum dG over all tape rows.
#pragma once

namespace {

template <class V, class Cell> struct Backward {
    using T = typename V::T;
    using View = SequenceView<V, Cell>;
    const View &v;
    static constexpr int G = Cell::COLUMNS;
    static constexpr bool CARRIES_H = !Cell::MEMORY && Cell::TAPE > 1;  // dh past the gates, in v.carry

    // Gate gradients at step s of this worker's rows [begin, end): dh = dy (+ dh of the last state), + dG_{s+1} w_h^T when
    // step s+1 exists for these rows (recurrent), then the cell.
    void step(int64_t s, int64_t begin, int64_t end, bool recurrent) const {
        const int64_t H = v.H, first = v.block_begin;
        const auto start = [&](int64_t p0, int rows, int64_t block, int vectors, T *z) {
            for (int r = 0; r < rows; ++r) {
                const int64_t b = v.row(v.rank(begin + p0 + r));
                const T *dy = v.a.dy.data ? View::at(v.a.dy, b, v.position(b, s)) : v.zeros();
                const T *last = !recurrent ? v.row_or_zeros(v.a.dh, b) : CARRIES_H ? v.carry(v.rank(begin + p0 + r)) : v.zeros();
                for (int j = 0; j < vectors; ++j, z += V::N)
                    with_lanes<V>(first + block + j, H, [&](auto lanes) {
                        const int64_t unit = (first + block + j) * V::N;
                        V::store(z, lanes.load(dy + unit) + lanes.load(last + unit));
                    });
            }
        };
        const auto cells = [&](int64_t p0, int rows, int64_t block, int vectors, const T *z) {
            typename Cell::template Row<T> row[ROWS_MAX];
            for (int r = 0; r < rows; ++r) {
                const int64_t rank = v.rank(begin + p0 + r);
                row[r] = Cell::template Row<T>::of(v, s, rank, v.row(rank), recurrent, v.carry(rank));
            }
            Cell::template backward<V>(z, rows, vectors, first + block, v, row);
        };
        multiply_rows<V>(end - begin, recurrent ? G * H : 0, v.panels + v.panel_layout.back_h + first * V::N * G * H,
                         v.block_end - first, v.products,
                         [&](int64_t p) { return static_cast<const T *>(v.gates(s + 1, v.rank(begin + p)) + Cell::DH * H); }, start, cells);
    }

    // dh0 = dG_0 w_h^T (+ dh past the gates), or the gradient of the last state for rows of length 0 (dc0 likewise).
    void initial_state() const {
        const int64_t H = v.H, started = v.my_rows(0), all = (v.B - v.first + v.stride - 1) / v.stride;
        const int64_t begin = v.block_begin * V::N, end = smaller(H, v.block_end * V::N);
        if (begin >= end) return;
        const auto row = [&](int64_t p) { return static_cast<const T *>(v.gates(0, v.rank(p)) + Cell::DH * H); };
        const auto start = [&](int64_t p0, int rows, int64_t block, int vectors, T *z) {
            for (int r = 0; r < rows; ++r)
                for (int j = 0; j < vectors; ++j, z += V::N)
                    with_lanes<V>(v.block_begin + block + j, H, [&](auto lanes) {
                        V::store(z, CARRIES_H ? lanes.load(v.carry(v.rank(p0 + r)) + begin + (block + j) * V::N) : V::zero());
                    });
        };
        if (v.a.dh0)
            multiply_rows<V>(started, G * H, v.panels + v.panel_layout.back_h + begin * G * H, v.block_end - v.block_begin,
                             v.products, row, start, store_rows<V>(H - begin, [&](int64_t p) {
                                 return static_cast<T *>(v.a.dh0) + v.row(v.rank(p)) * H + begin;
                             }));
        const size_t bytes = static_cast<size_t>(end - begin) * sizeof(T);
        for (int64_t p = started; p < all; ++p) {
            const int64_t b = v.row(v.rank(p)), at = b * H + begin;
            if (v.a.dh0) memmove(static_cast<T *>(v.a.dh0) + at, v.row_or_zeros(v.a.dh, b) + begin, bytes);
            if (v.a.dc0) memmove(static_cast<T *>(v.a.dc0) + at, v.row_or_zeros(v.a.dc, b) + begin, bytes);
        }
    }
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
    constexpr int G = Cell::COLUMNS;
    constexpr int64_t CHUNK = 240;
    T *out[CHUNK];
    TapeCursor<View> cursor(v, begin);
    for (int64_t r0 = begin; r0 < end; r0 += CHUNK) {
        const int64_t count = smaller(CHUNK, end - r0);
        for (int64_t r = 0; r < count; ++r, cursor.next()) out[r] = View::at(v.a.dx, cursor.b(), cursor.t());
        const T *d = static_cast<const T *>(v.a.tape_gates) + (r0 * Cell::TAPE + Cell::DX) * v.H;
        multiply_rows<V>(count, G * v.H, v.panels + v.panel_layout.back_x, ceil_div(v.I, V::N), v.products,
                         [&](int64_t r) { return d + r * Cell::TAPE * v.H; }, StartFrom<V>{nullptr},
                         store_rows<V>(v.I, [&](int64_t r) { return out[r]; }));
    }
}

template <class V, class Cell> inline void parameter_gradients(const SequenceView<V, Cell> &v, int64_t R, const lf_worker *w) {
    using T = typename V::T;
    using View = SequenceView<V, Cell>;
    constexpr int64_t G = Cell::COLUMNS;
    const lf_sequence &a = v.a;
    const int64_t I = v.I, H = v.H, row = Cell::TAPE * H;
    T *const dw_x = static_cast<T *>(a.dw_x), *const dw_h = static_cast<T *>(a.dw_h), *const db = static_cast<T *>(a.db);
    const T *const d = static_cast<const T *>(a.tape_gates);
    const auto solve = [&](const GradientProblem<T> &problem) {
        weight_gradient<V>(problem, v.scratch + v.scratch_layout.packs, w,
                           [&](int64_t first, int64_t count, const T **x, const T **h) {
                               if (count <= 0) return;
                               TapeCursor<View> cursor(v, first);
                               for (int64_t k = 0; k < count; ++k, cursor.next()) {
                                   const int64_t b = cursor.b();
                                   x[k] = View::at(a.x, b, cursor.t());
                                   h[k] = v.h_recorded(cursor.s, cursor.rank, b);
                               }
                           });
    };
    const bool add = a.accumulate != 0;
    if constexpr (!Cell::APART) {
        solve({R, G * H, d, row, G * H, {{I, dw_x}, {H, dw_h}}, db, add});
    } else {  // dG = [last gate's x part, first gates, last gate's h part]; db = [db_x, db_h]
        constexpr int64_t L = G - 1;
        solve({R, L * H, d + H, row, G * H, {{I, dw_x}, {0, nullptr}}, db, add});
        solve({R, H, d, row, G * H, {{I, dw_x + L * H}, {0, nullptr}}, db + L * H, add});
        solve({R, G * H, d + H, row, G * H, {{0, nullptr}, {H, dw_h}}, db + G * H, add});
    }
}

template <class V, class Cell> void sequence_backward(const void *args, const lf_worker *w) {
    using View = SequenceView<V, Cell>;
    const lf_sequence_call &call = *static_cast<const lf_sequence_call *>(args);
    const View v(*call.args, call.offsets, w);
    const lf_sequence &a = *call.args;
    if (w->index == 0) v.clear_zeros();
    lf_barrier_wait(w);
    const Backward<V, Cell> backward{v};
    for (int64_t s = v.steps - 1; s >= 0; --s) {
        const int64_t going = v.my_rows(s + 1), rows = v.my_rows(s);
        backward.step(s, 0, going, true);
        backward.step(s, going, rows, false);
        const int64_t done = v.steps - 1 - s;
        if ((done + 1) % call.poll_steps == 0) lf_poll(w, done);
        if (v.split_units) lf_barrier_wait(w);
        if (lf_stops(w, done)) break;
    }
    lf_barrier_wait(w);
    if (lf_stops(w, v.steps)) return;
    backward.initial_state();
    const int64_t R = v.tape_row(v.steps);
    if (a.dx.data) {
        input_gradient<V, Cell>(v, R * w->index / w->count, R * (w->index + 1) / w->count);
        for (int64_t b = w->index; b < v.B; b += w->count)
            for (int64_t t = v.length(b); t < a.T; ++t)
                memset(View::at(a.dx, b, t), 0, static_cast<size_t>(v.I) * sizeof(typename V::T));
    }
    parameter_gradients<V, Cell>(v, R, w);
}

}  // namespace
