// The GRU with any activations and a clip; the reset gate acts after the product. The tape keeps pre-activations.
#pragma once

namespace {

struct GruAny : Gru {
    // n vectors of cells; sums: [n][z r u][lanes]; x_n: [n][lanes], the sum of n over x alone.
    //   z = f_gate(sum_z)   r = f_gate(sum_r)   n = f_candidate(x_n + r*u)   h' = n + z*(h - n)
    template <class V, bool Training, class View>
    static inline void forward(typename V::T *sums, typename V::T *x_n, const View &v, const Place<typename V::T> *cell, const Batch<V> &batch) {
        constexpr int64_t N = V::N;
        const lf_weights &w = *v.a.weights;
        const int64_t H = v.H;
        const int n = batch.count;
        if constexpr (Training)
            batch.each([&](int k, auto lanes) LF_LAMBDA {
                for (int gate = 0; gate < 3; ++gate) lanes.store(cell[k].gates + (gate + 1) * H, V::load(sums + (k * 3 + gate) * N));
            });
        apply_curve<V>(w.gate, w.clip, sums, nullptr, 3 * N, n);
        apply_curve<V>(w.gate, w.clip, sums + N, nullptr, 3 * N, n);
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            const typename V::T *const q = sums + k * 3 * N;
            const V sum = V::fma(V::load(q + N), V::load(q + 2 * N), V::load(x_n + k * N));
            V::store(x_n + k * N, sum);
            if constexpr (Training) lanes.store(cell[k].gates, sum);
        });
        apply_curve<V>(w.candidate, w.clip, x_n, nullptr, N, n);
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            const V z = V::load(sums + k * 3 * N), candidate = V::load(x_n + k * N);
            const V h = V::fma(z, lanes.load(cell[k].h_prev) - candidate, candidate);
            lanes.store(cell[k].h, h);
            if (cell[k].y) lanes.store(cell[k].y, h);
        });
    }

    // dh [rows][vectors][lanes]: the complete gradient of h_t of the units from vector `block`.
    template <class V, class View>
    static inline void backward(const typename V::T *dh_tile, int rows, int vectors, int64_t block, const View &v, const Row<typename V::T> *row) {
        using T = typename V::T;
        constexpr int64_t N = V::N, C = 3 * N;  // [vector][n z r][lanes]
        const lf_weights &w = *v.a.weights;
        const int64_t H = v.H;
        const int count = rows * vectors;
        alignas(64) T value[24 * C], slope[24 * C];
        const auto each = [&](auto f) LF_LAMBDA {
            for (int r = 0, k = 0; r < rows; ++r)
                for (int j = 0; j < vectors; ++j, ++k)
                    with_lanes<V>(block + j, H, [&](auto lanes) { f(k, row[r], (block + j) * N, lanes); });
        };
        each([&](int k, const Row<T> &at, int64_t unit, auto lanes) {
            for (int gate = 0; gate < 3; ++gate) V::store(value + k * C + gate * N, lanes.load(at.gates + gate * H + unit));
        });
        for (int gate = 0; gate < 3; ++gate)
            apply_curve<V>(gate == 0 ? w.candidate : w.gate, w.clip, value + gate * N, slope + gate * N, C, count);
        each([&](int k, const Row<T> &at, int64_t unit, auto lanes) {
            const T *const x = value + k * C, *const dx = slope + k * C;
            T *const gate = at.gates + unit;
            const V dh = V::load(dh_tile + k * N), n = V::load(x), z = V::load(x + N), u = lanes.load(gate + 3 * H);
            const V dz = dh * (lanes.load(at.h_prev + unit) - n);             // h' = n + z*(h - n)
            lanes.store(at.carry + unit, dh * z);                             // h' = n + z*(h - n)
            const V dn = V::fnma(dh, z, dh) * V::load(dx);                    // h' = n + z*(h - n), n = f_candidate(x_n + r*u)
            lanes.store(gate, dn);
            lanes.store(gate + H, dz * V::load(dx + N));                      // z = f_gate(sum_z)
            lanes.store(gate + 2 * H, dn * u * V::load(dx + 2 * N));          // n = f_candidate(x_n + r*u), r = f_gate(sum_r)
            lanes.store(gate + 3 * H, dn * V::load(x + 2 * N));               // n = f_candidate(x_n + r*u)
        });
    }
};

}  // namespace
