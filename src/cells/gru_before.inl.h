// The GRU whose reset gate acts before the product (Keras' reset_after=False; ONNX' linear_before_reset=0), with any
// activations and a clip. A step has two parts, each a cell of its own to the tiles: z and r of all units, then n.
#pragma once

namespace {

// n = f_candidate(x w_xn + (r*h) w_hn + b_n); the product's input r*h comes from the first part.
struct GruCandidate : CellBase {
    static constexpr int COLUMNS = 1, FIRST = 2, ALL = 3, BLOCKS = GROUP, TAPE = 4, BETWEEN = 2;
    static constexpr bool SECOND = true;

    template <class V, class Lanes> static V bias(const typename V::T *b, int, int64_t H, int64_t unit, Lanes lanes) {
        return lanes.load(b + 2 * H + unit);
    }
    template <class View> static auto state_input(const View &v, int64_t, int64_t rank, int64_t) { return v.between(rank) + v.H; }  // r*h
    // In backward, from the first part's view: what w_h met, and its gradient's dG.
    template <class View> static auto recorded(const View &v, int64_t s, int64_t rank) { return v.gates(s, rank) + ALL * v.H; }
    template <class View> static auto gradient(const View &v, int64_t s, int64_t rank) { return v.gates(s, rank) + FIRST * v.H; }

    template <class T> struct Place {
        const T *h_prev, *z;  // h_{t-1}; the update gate
        T *h, *y;             // h_t; once more, or NULL
        T *gates;             // the pre-activation of n; NULL in inference

        template <bool Training, class View> static Place of(const View &v, int64_t s, int64_t rank, int64_t b) {
            return {v.h_before(s, rank, b), v.between(rank), v.h_row(s, rank, b), v.y_row(s, b), Training ? v.gates(s, rank) + 2 * v.H : nullptr};
        }
        LF_INLINE Place at(int64_t unit) const {
            return {h_prev + unit, z + unit, h + unit, y ? y + unit : nullptr, gates ? gates + unit : nullptr};
        }
    };

    // n vectors of cells; sums: [n][lanes].   h' = n + z*(h - n)
    template <class V, bool Training, class View>
    static inline void forward(typename V::T *sums, typename V::T *, const View &v, const Place<typename V::T> *cell, const Batch<V> &batch) {
        const lf_weights &w = *v.a.weights;
        if constexpr (Training)
            batch.each([&](int k, auto lanes) LF_LAMBDA { lanes.store(cell[k].gates, V::load(sums + k * V::N)); });
        apply_curve<V>(w.candidate, w.clip, sums, nullptr, V::N, batch.count);
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            const V n = V::load(sums + k * V::N);
            const V h = V::fma(lanes.load(cell[k].z), lanes.load(cell[k].h_prev) - n, n);
            lanes.store(cell[k].h, h);
            if (cell[k].y) lanes.store(cell[k].y, h);
        });
    }

    // q [rows][vectors][lanes]: the gradient of r*h_{t-1}.   r = f_gate(sum_r)
    template <class V, class View>
    static inline void backward(const typename V::T *q, int rows, int vectors, int64_t block, const View &v, int64_t s, const int64_t *ranks) {
        using T = typename V::T;
        const lf_weights &w = *v.a.weights;
        const int64_t H = v.H;
        alignas(64) T r[24 * V::N], slope[24 * V::N];
        const auto each = [&](auto f) LF_LAMBDA {
            for (int row = 0, k = 0; row < rows; ++row)
                for (int j = 0; j < vectors; ++j, k += V::N)
                    with_lanes<V>(block + j, H, [&](auto lanes) { f(k, ranks[row], (block + j) * V::N, lanes); });
        };
        each([&](int k, int64_t rank, int64_t unit, auto lanes) { V::store(r + k, lanes.load(v.gates(s, rank) + H + unit)); });
        apply_curve<V>(w.gate, w.clip, r, slope, V::N, rows * vectors);
        each([&](int k, int64_t rank, int64_t unit, auto lanes) {
            const int64_t b = v.row(rank);
            V dq = V::load(q + k);
            if (v.a.h_scale) dq = dq * lanes.load(static_cast<const T *>(v.a.h_scale) + b * H + unit);
            T *const carry = v.carry(rank) + unit;
            lanes.store(carry, v.resets(b, s) ? V::zero() : V::fma(dq, V::load(r + k), lanes.load(carry)));
            lanes.store(v.gates(s, rank) + H + unit, dq * lanes.load(v.h_recorded(s, rank, b) + unit) * V::load(slope + k));
        });
    }
};

// z and r, and r*h for the second part. dG of a tape row: [dz dr dn], then r*h.
struct GruBefore : CellBase {
    static constexpr int COLUMNS = 2, ALL = 3, BLOCKS = 2, TAPE = 4, BETWEEN = 2;
    using Second = GruCandidate;

    template <class V, class Lanes> static V bias(const typename V::T *b, int gate, int64_t H, int64_t unit, Lanes lanes) {
        return lanes.load(b + gate * H + unit);
    }

    template <class T> struct Place {
        const T *h_prev;  // h_{t-1} as it meets w_h
        T *y;             // NULL: the second part writes it
        T *z, *rh;        // for the second part
        T *gates;         // pre-activations of z and r; r*h three H on; NULL in inference

        template <bool Training, class View> static Place of(const View &v, int64_t s, int64_t rank, int64_t b) {
            return {state_input(v, s, rank, b), nullptr, v.between(rank), v.between(rank) + v.H, Training ? v.gates(s, rank) : nullptr};
        }
        LF_INLINE Place at(int64_t unit) const { return {h_prev + unit, nullptr, z + unit, rh + unit, gates ? gates + unit : nullptr}; }
    };

    // n vectors of cells; sums: [n][z r][lanes].   z = f_gate(sum_z)   r = f_gate(sum_r)
    template <class V, bool Training, class View>
    static inline void forward(typename V::T *sums, typename V::T *, const View &v, const Place<typename V::T> *cell, const Batch<V> &batch) {
        constexpr int64_t N = V::N;
        const lf_weights &w = *v.a.weights;
        const int64_t H = v.H;
        if constexpr (Training)
            batch.each([&](int k, auto lanes) LF_LAMBDA {
                for (int gate = 0; gate < 2; ++gate) lanes.store(cell[k].gates + gate * H, V::load(sums + (k * 2 + gate) * N));
            });
        apply_curve<V>(w.gate, w.clip, sums, nullptr, N, 2 * batch.count);
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            const V rh = V::load(sums + (k * 2 + 1) * N) * lanes.load(cell[k].h_prev);
            lanes.store(cell[k].z, V::load(sums + k * 2 * N));
            lanes.store(cell[k].rh, rh);
            if constexpr (Training) lanes.store(cell[k].gates + 3 * H, rh);
        });
    }

    template <class T> struct Row {
        T *gates;         // (4, H) pre-activations of z r n, r*h -> dz (r) dn
        const T *h_prev;  // (H) h_{t-1}
        T *carry;         // (H) out: the gradient of h_{t-1} past the gates

        template <class View> static Row of(const View &v, int64_t s, int64_t rank, int64_t b, bool, T *carry) {
            return {v.gates(s, rank), v.h_recorded(s, rank, b), carry};
        }
    };

    // dh [rows][vectors][lanes]: the complete gradient of h_t of the units from vector `block`.
    template <class V, class View>
    static inline void backward(const typename V::T *dh_tile, int rows, int vectors, int64_t block, const View &v, const Row<typename V::T> *row) {
        using T = typename V::T;
        constexpr int64_t N = V::N, C = 2 * N;  // [vector][z n][lanes]
        const lf_weights &w = *v.a.weights;
        const int64_t H = v.H;
        alignas(64) T value[24 * C], slope[24 * C];
        const auto each = [&](auto f) LF_LAMBDA {
            for (int r = 0, k = 0; r < rows; ++r)
                for (int j = 0; j < vectors; ++j, ++k)
                    with_lanes<V>(block + j, H, [&](auto lanes) { f(k, row[r], (block + j) * N, lanes); });
        };
        each([&](int k, const Row<T> &at, int64_t unit, auto lanes) {
            for (int gate = 0; gate < 2; ++gate) V::store(value + k * C + gate * N, lanes.load(at.gates + 2 * gate * H + unit));
        });
        apply_curve<V>(w.gate, w.clip, value, slope, C, rows * vectors);
        apply_curve<V>(w.candidate, w.clip, value + N, slope + N, C, rows * vectors);
        each([&](int k, const Row<T> &at, int64_t unit, auto lanes) {
            const V dh = V::load(dh_tile + k * N), z = V::load(value + k * C), n = V::load(value + k * C + N);
            const V dz = dh * (lanes.load(at.h_prev + unit) - n);                          // h' = n + z*(h - n)
            lanes.store(at.carry + unit, dh * z);                                          // h' = n + z*(h - n)
            lanes.store(at.gates + unit, dz * V::load(slope + k * C));                     // z = f_gate(sum_z)
            lanes.store(at.gates + 2 * H + unit, V::fnma(dh, z, dh) * V::load(slope + k * C + N));  // n = f_candidate(sum_n)
        });
    }
};

}  // namespace
