// LSTM backward: per step dh_t = dy_t + dG_{t+1} w_h^T in a register tile that ends as gate gradients; then the
// time-batched products dx = dG w_x^T, dw_x = x^T dG, dw_h = h_{t-1}^T dG, db = sum dG over all tape rows.
#pragma once

namespace {

template <class V> struct Backward {
    using T = typename V::T;
    const SequenceView<V> &v;

    T *dc_row(int64_t rank) const { return v.scratch + v.scratch_layout.dc + rank * v.H; }
    static const T *row_or(const void *p, int64_t offset, const T *otherwise) {
        return p ? static_cast<const T *>(p) + offset : otherwise;
    }

    // Gate gradients at step s of this worker's rows [begin, end): dh = dy (+ dh of the last state), + dG_{s+1} w_h^T when
    // step s+1 exists for these rows (recurrent), then the cell.
    void step(int64_t s, int64_t begin, int64_t end, bool recurrent) const {
        const int64_t H = v.H, first = v.block_begin;
        const auto start = [&](int64_t p0, int rows, int64_t block, int vectors, T *z) {
            for (int r = 0; r < rows; ++r) {
                const int64_t b = v.row(v.rank(begin + p0 + r));
                const T *dy = v.a.dy.data ? SequenceView<V>::at(v.a.dy, b, v.position(b, s)) : v.zeros();
                const T *last = recurrent ? v.zeros() : row_or(v.a.dh, b * H, v.zeros());
                for (int j = 0; j < vectors; ++j, z += V::N)
                    with_lanes<V>(first + block + j, H, [&](auto lanes) {
                        const int64_t unit = (first + block + j) * V::N;
                        V::store(z, lanes.load(dy + unit) + lanes.load(last + unit));
                    });
            }
        };
        const auto cells = [&](int64_t p0, int rows, int64_t block, int vectors, const T *z) {
            CellBackward<T> row[ROWS_MAX];
            alignas(64) T tanh_c[24 * V::N];
            T *c = tanh_c;
            for (int r = 0; r < rows; ++r) {
                const int64_t rank = v.rank(begin + p0 + r), b = v.row(rank);
                T *dc = dc_row(rank);
                row[r] = {v.gates(s, rank), v.cell(s, rank), v.cell_before(s, rank, b),
                          recurrent ? dc : row_or(v.a.dc, b * H, v.zeros()), s == 0 && v.a.dc0 ? static_cast<T *>(v.a.dc0) + b * H : dc};
                for (int j = 0; j < vectors; ++j, c += V::N)
                    with_lanes<V>(first + block + j, H, [&](auto lanes) { V::store(c, lanes.load(row[r].cell + (first + block + j) * V::N)); });
            }
            in_packs<V>(tanh_c, V::N, rows * vectors, [](auto x) LF_LAMBDA { return cell_tanh(x); });
            c = tanh_c;
            for (int r = 0; r < rows; ++r)
                for (int j = 0; j < vectors; ++j, z += V::N, c += V::N)
                    with_lanes<V>(first + block + j, H, [&](auto lanes) {
                        lstm_cell_backward<V>(V::load(z), V::load(c), (first + block + j) * V::N, H, row[r], lanes);
                    });
        };
        multiply_rows<V>(end - begin, recurrent ? 4 * H : 0, v.panels + v.panel_layout.back_h + first * V::N * 4 * H,
                         v.block_end - first, v.products,
                         [&](int64_t p) { return static_cast<const T *>(v.gates(s + 1, v.rank(begin + p))); }, start, cells);
    }

    // dh0 = dG_0 w_h^T, or the gradient of the last state for rows of length 0 (dc0 likewise).
    void initial_state() const {
        const int64_t H = v.H, started = v.my_rows(0), all = (v.B - v.first + v.stride - 1) / v.stride;
        const int64_t begin = v.block_begin * V::N, end = smaller(H, v.block_end * V::N);
        if (begin >= end) return;
        const auto row = [&](int64_t p) { return static_cast<const T *>(v.gates(0, v.rank(p))); };
        if (v.a.dh0)
            multiply_rows<V>(started, 4 * H, v.panels + v.panel_layout.back_h + begin * 4 * H, v.block_end - v.block_begin,
                             v.products, row, StartFrom<V>{nullptr}, store_rows<V>(H - begin, [&](int64_t p) {
                                 return static_cast<T *>(v.a.dh0) + v.row(v.rank(p)) * H + begin;
                             }));
        const size_t bytes = static_cast<size_t>(end - begin) * sizeof(T);
        for (int64_t p = started; p < all; ++p) {
            const int64_t at = v.row(v.rank(p)) * H + begin;
            if (v.a.dh0) memmove(static_cast<T *>(v.a.dh0) + at, row_or(v.a.dh, at, v.zeros()), bytes);
            if (v.a.dc0) memmove(static_cast<T *>(v.a.dc0) + at, row_or(v.a.dc, at, v.zeros()), bytes);
        }
    }
};

// Walks tape rows in order: which step and row of the batch each one is.
template <class V> struct TapeCursor {
    const SequenceView<V> &v;
    int64_t s = 0, rank = 0;

    TapeCursor(const SequenceView<V> &view, int64_t tape_row) : v(view) {
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
template <class V> inline void input_gradient(const SequenceView<V> &v, int64_t begin, int64_t end) {
    using T = typename V::T;
    constexpr int64_t CHUNK = 240;
    T *out[CHUNK];
    TapeCursor<V> cursor(v, begin);
    for (int64_t r0 = begin; r0 < end; r0 += CHUNK) {
        const int64_t count = smaller(CHUNK, end - r0);
        for (int64_t r = 0; r < count; ++r, cursor.next()) out[r] = SequenceView<V>::at(v.a.dx, cursor.b(), cursor.t());
        const T *d = static_cast<const T *>(v.a.tape_gates) + r0 * 4 * v.H;
        multiply_rows<V>(count, 4 * v.H, v.panels + v.panel_layout.back_x, ceil_div(v.I, V::N), v.products,
                         [&](int64_t r) { return d + r * 4 * v.H; }, StartFrom<V>{nullptr},
                         store_rows<V>(v.I, [&](int64_t r) { return out[r]; }));
    }
}

template <class V> inline void parameter_gradients(const SequenceView<V> &v, int64_t R, const lf_worker *w) {
    using T = typename V::T;
    const lf_sequence &a = v.a;
    const GradientProblem<T> problem = {R, 4 * v.H, static_cast<const T *>(a.tape_gates),
        {{v.I, static_cast<T *>(a.dw_x)}, {v.H, static_cast<T *>(a.dw_h)}}, static_cast<T *>(a.db), a.accumulate != 0};
    weight_gradient<V>(problem, v.scratch + v.scratch_layout.packs, w,
                       [&](int64_t first, int64_t count, const T **x, const T **h) {
                           if (count <= 0) return;
                           TapeCursor<V> cursor(v, first);
                           for (int64_t k = 0; k < count; ++k, cursor.next()) {
                               const int64_t b = cursor.b();
                               x[k] = SequenceView<V>::at(a.x, b, cursor.t());
                               h[k] = cursor.s ? v.cell(cursor.s - 1, cursor.rank) : v.state_or_zeros(a.h0, b);
                           }
                       });
}

template <class V> void sequence_backward(const void *args, const lf_worker *w) {
    using T = typename V::T;
    const lf_sequence_call &call = *static_cast<const lf_sequence_call *>(args);
    const SequenceView<V> v(*call.args, call.offsets, w);
    const lf_sequence &a = *call.args;
    if (w->index == 0) v.clear_zeros();
    lf_barrier_wait(w);
    const Backward<V> backward{v};
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
        input_gradient<V>(v, R * w->index / w->count, R * (w->index + 1) / w->count);
        for (int64_t b = w->index; b < v.B; b += w->count)
            for (int64_t t = v.length(b); t < a.T; ++t)
                memset(SequenceView<V>::at(a.dx, b, t), 0, static_cast<size_t>(v.I) * sizeof(T));
    }
    parameter_gradients<V>(v, R, w);
}

}  // namespace
