// Forward and backward of a cell whose step ends with arithmetic over all units of a row: both products into rows, then row by row.
#pragma once

namespace {

template <class V, bool Training> struct Forward<V, LstmNorm, Training> {
    using T = typename V::T;
    using View = SequenceView<V, LstmNorm>;
    explicit Forward(const View &view) : v(view) {}

    const View &v;
    int64_t chunk_begin = 0;

    T *product_x(int64_t s, int64_t rank) const {
        return Training ? v.gates(s, rank) : v.scratch + v.scratch_layout.projected + ((s - chunk_begin) * v.B + rank) * 4 * v.H;
    }
    T *product_h(int64_t s, int64_t rank) const { return Training ? v.gates(s, rank) + LstmNorm::DH * v.H : v.between(rank); }

    // x w_x of this worker's rows over steps [begin, end).
    void project(int64_t begin, int64_t end) {
        chunk_begin = begin;
        const int64_t rows = v.my_rows(begin), columns = 4 * v.H;
        const auto input = [&](int64_t q) {
            const int64_t b = v.row(v.rank(q % rows)), s = smaller(begin + q / rows, v.length(b) - 1);
            return static_cast<const T *>(View::at(v.a.x, b, v.position(b, s)));
        };
        const auto done = [&](int64_t q0, int size, int64_t block, int vectors, const T *z) {
            for (int64_t q = q0; q < q0 + size; ++q, z += vectors * V::N) {
                const int64_t s = begin + q / rows, p = q % rows;
                if (p >= v.my_rows(s)) continue;  // a row that ended inside the chunk
                T *const out = product_x(s, v.rank(p));
                for (int j = 0; j < vectors; ++j)
                    with_lanes<V>(block + j, columns, [&](auto lanes) { lanes.store(out + (block + j) * V::N, V::load(z + j * V::N)); });
            }
        };
        multiply_rows<V>(rows * (end - begin), v.I, v.panels, ceil_div(columns, V::N), v.products, input, StartFrom<V>{nullptr}, done);
    }

    void advance(int64_t s, int64_t begin, int64_t end, bool) {
        const int64_t chunk = v.scratch_layout.steps_projected, rows = v.my_rows(s), columns = 4 * v.H;
        if (rows == 0) return;
        if ((s - begin) % chunk == 0) project(s, smaller(end, s + chunk));
        for (int64_t p = 0; v.a.h_scale && p < rows; ++p) {
            const int64_t rank = v.rank(p), b = v.row(rank);
            v.scale(rank, b, v.h_before(s, rank, b));
        }
        multiply_rows<V>(rows, v.H, LstmNorm::panels_h<V>(*v.a.weights), ceil_div(columns, V::N), v.products,
                         [&](int64_t p) { return static_cast<const T *>(LstmNorm::state_input(v, s, v.rank(p), v.row(v.rank(p)))); },
                         StartFrom<V>{nullptr}, store_rows<V>(columns, [&](int64_t p) { return product_h(s, v.rank(p)); }), s & 1);
        for (int64_t p = 0; p < rows; ++p)
            LstmNorm::forward_row<V, Training>(v, s, v.rank(p), product_x(s, v.rank(p)), product_h(s, v.rank(p)));
    }
};

template <class V> struct SecondBackward<V, LstmNorm, void> {
    using View = SequenceView<V, LstmNorm>;
    SecondBackward(const View &, const lf_worker *) {}
    void step(const View &v, int64_t s, const lf_worker *) const {
        for (int64_t p = 0; p < v.my_rows(s); ++p) {
            const int64_t rank = v.rank(p);
            LstmNorm::backward_row<V>(v, s, rank, p < v.my_rows(s + 1));
            v.end_past(s, rank, 0, static_cast<int>(v.panel_layout.blocks));
        }
    }
};

}  // namespace
