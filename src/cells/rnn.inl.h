// The plain recurrent cell: h' = activation(x w_x + h w_h + b).
#pragma once

namespace {

struct Rnn {
    static constexpr int COLUMNS = 1, BLOCKS = GROUP, TAPE = 1, DX = 0, DH = 0;
    static constexpr bool MEMORY = false, APART = false;

    template <class V, class Lanes> static V bias(const typename V::T *b, int, int64_t, int64_t unit, Lanes lanes) {
        return lanes.load(b + unit);
    }

    template <class T> struct Place {
        T *h, *y;  // h_t; once more, or NULL

        template <bool, class View> static Place of(const View &v, int64_t s, int64_t rank, int64_t b) {
            return {v.h_row(s, rank, b), v.y_row(s, b)};
        }
        LF_INLINE Place at(int64_t unit) const { return {h + unit, y ? y + unit : nullptr}; }
    };

    // n vectors of cells; z: [n][lanes].
    template <class V, bool, class View>
    static inline void forward(typename V::T *z, typename V::T *, const View &v, const Place<typename V::T> *cell, const Batch<V> &batch) {
        if (v.a.weights->activation == LF_TANH) in_packs<V>(z, V::N, batch.count, CellTanh());
        else in_packs<V>(z, V::N, batch.count, [](auto x) LF_LAMBDA { return decltype(x)::max(decltype(x)::zero(), x); });
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            const V h = V::load(z + k * V::N);
            lanes.store(cell[k].h, h);
            if (cell[k].y) lanes.store(cell[k].y, h);
        });
    }

    template <class T> struct Row {
        T *gates;    // (H) out: dG
        const T *h;  // (H) h_t

        template <class View> static Row of(const View &v, int64_t s, int64_t rank, int64_t, bool, T *) {
            return {v.gates(s, rank), v.cell(s, rank)};
        }
    };

    // dh [rows][vectors][lanes]: the complete gradient of h_t of the units from vector `block`.
    template <class V, class View>
    static inline void backward(const typename V::T *dh_tile, int rows, int vectors, int64_t block, const View &v, const Row<typename V::T> *row) {
        const bool is_tanh = v.a.weights->activation == LF_TANH;
        for (int r = 0; r < rows; ++r)
            for (int j = 0; j < vectors; ++j, dh_tile += V::N)
                with_lanes<V>(block + j, v.H, [&](auto lanes) {
                    const int64_t unit = (block + j) * V::N;
                    const V dh = V::load(dh_tile), h = lanes.load(row[r].h + unit);
                    lanes.store(row[r].gates + unit, is_tanh ? dh * V::fnma(h, h, V::set1(1)) : V::if_less(V::zero(), h, dh, V::zero()));
                });
    }
};

}  // namespace
