// The plain recurrent cell: h' = activation(x w_x + h w_h + b).
#pragma once

namespace {

struct Rnn : CellBase {
    static constexpr int COLUMNS = 1, ALL = 1, BLOCKS = GROUP, TAPE = 1;

    template <class V, class Lanes> static V bias(const typename V::T *b, int, int64_t, int64_t unit, Lanes lanes) {
        return lanes.load(b + unit);
    }

    // Whether h alone gives the slope; otherwise the tape keeps the pre-activation.
    static bool slope_from_h(const lf_weights &w) {
        return w.clip <= 0 && (w.candidate.kind == LF_TANH || w.candidate.kind == LF_RELU);
    }

    template <class T> struct Place {
        T *h, *y;  // h_t; once more, or NULL
        T *gates;  // the pre-activation; NULL in inference and where h gives the slope

        template <bool Training, class View> static Place of(const View &v, int64_t s, int64_t rank, int64_t b) {
            return {v.h_row(s, rank, b), v.y_row(s, b), Training && !slope_from_h(*v.a.weights) ? v.gates(s, rank) : nullptr};
        }
        LF_INLINE Place at(int64_t unit) const { return {h + unit, y ? y + unit : nullptr, gates ? gates + unit : nullptr}; }
    };

    // n vectors of cells; z: [n][lanes].
    template <class V, bool, class View>
    static inline void forward(typename V::T *z, typename V::T *, const View &v, const Place<typename V::T> *cell, const Batch<V> &batch) {
        const lf_weights &w = *v.a.weights;
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            if (cell[k].gates) lanes.store(cell[k].gates, V::load(z + k * V::N));
        });
        apply_curve<V>(w.candidate, w.clip, z, nullptr, V::N, batch.count);
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            const V h = V::load(z + k * V::N);
            lanes.store(cell[k].h, h);
            if (cell[k].y) lanes.store(cell[k].y, h);
        });
    }

    template <class T> struct Row {
        T *gates;    // (H) in: the pre-activation, unless h gives the slope; out: dG
        const T *h;  // (H) h_t

        template <class View> static Row of(const View &v, int64_t s, int64_t rank, int64_t, bool, T *) {
            return {v.gates(s, rank), v.cell(s, rank)};
        }
    };

    // dh [rows][vectors][lanes]: the complete gradient of h_t of the units from vector `block`.
    template <class V, class View>
    static inline void backward(const typename V::T *dh_tile, int rows, int vectors, int64_t block, const View &v, const Row<typename V::T> *row) {
        const lf_weights &w = *v.a.weights;
        if (!slope_from_h(w)) return backward_any<V>(dh_tile, rows, vectors, block, v, row);
        const bool is_tanh = w.candidate.kind == LF_TANH;
        for (int r = 0; r < rows; ++r)
            for (int j = 0; j < vectors; ++j, dh_tile += V::N)
                with_lanes<V>(block + j, v.H, [&](auto lanes) {
                    const int64_t unit = (block + j) * V::N;
                    const V dh = V::load(dh_tile), h = lanes.load(row[r].h + unit);
                    lanes.store(row[r].gates + unit, is_tanh ? dh * V::fnma(h, h, V::set1(1)) : V::if_less(V::zero(), h, dh, V::zero()));
                });
    }

    template <class V, class View>
    static inline void backward_any(const typename V::T *dh_tile, int rows, int vectors, int64_t block, const View &v, const Row<typename V::T> *row) {
        const lf_weights &w = *v.a.weights;
        alignas(64) typename V::T z[24 * V::N], slope[24 * V::N];
        const auto each = [&](auto f) LF_LAMBDA {
            for (int r = 0, k = 0; r < rows; ++r)
                for (int j = 0; j < vectors; ++j, k += V::N)
                    with_lanes<V>(block + j, v.H, [&](auto lanes) { f(k, row[r].gates + (block + j) * V::N, lanes); });
        };
        each([&](int k, typename V::T *gate, auto lanes) { V::store(z + k, lanes.load(gate)); });
        apply_curve<V>(w.candidate, w.clip, z, slope, V::N, rows * vectors);
        each([&](int k, typename V::T *gate, auto lanes) { lanes.store(gate, V::load(dh_tile + k) * V::load(slope + k)); });
    }
};

}  // namespace
