// Backward over the tape rows of many steps at once, when these are done: dx = dG w_x^T, dw_x = x^T dG, dw_h = h_{t-1}^T dG, db = sum dG.
#pragma once

namespace {

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
    const auto solve = [&](GradientProblem<T> problem, bool second = false) {  // A: what met w_h, or the second part's weights
        problem.accumulate = add, problem.more = begin > 0, problem.polled = polled;
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
        solve({R, G * H, d, row, G * H, {{I, dw_x}, {0, nullptr}}, nullptr});
        solve({R, G * H, d + Cell::DH * H, row, G * H, {{0, nullptr}, {H, dw_h}}, nullptr});
    } else if constexpr (Cell::PROJECTED) {
        solve({R, G * H, d, row, G * H, {{I, dw_x}, {P, dw_h}}, db});
        solve({R, P, d + Cell::TAPE * H + P, row, P, {{0, nullptr}, {H, static_cast<T *>(a.dw_p)}}, nullptr}, true);
    } else if constexpr (!SAME<typename Cell::Second, void>) {  // dG = [first part, second part], then the second part's input
        constexpr int64_t L = Cell::COLUMNS;
        solve({R, G * H, d, row, G * H, {{I, dw_x}, {0, nullptr}}, db});
        solve({R, L * H, d, row, G * H, {{0, nullptr}, {H, dw_h}}, nullptr});
        solve({R, (G - L) * H, d + L * H, row, G * H, {{0, nullptr}, {H, dw_h + L * H}}, nullptr}, true);
    } else if constexpr (!Cell::APART) {
        solve({R, G * H, d, row, G * H, {{I, dw_x}, {H, dw_h}}, db});
    } else {  // dG = [last gate's x part, first gates, last gate's h part]; db = [db_x, db_h]
        constexpr int64_t L = G - 1;
        solve({R, L * H, d + H, row, G * H, {{I, dw_x}, {0, nullptr}}, db});
        solve({R, H, d, row, G * H, {{I, dw_x + L * H}, {0, nullptr}}, db + L * H});
        solve({R, G * H, d + H, row, G * H, {{0, nullptr}, {H, dw_h}}, db + G * H});
    }
}

}  // namespace
