// The GRU cell whose reset gate acts after the product (PyTorch; Keras' reset_after; ONNX' linear_before_reset).
#pragma once

namespace {

// dG of a tape row: [dn dz dr du], u the recurrent part of n: w_x meets the first three, w_h the last three.
struct Gru : CellBase {
    static constexpr int COLUMNS = 3, ALL = 3, BLOCKS = 1, TAPE = 4, DH = 1;
    static constexpr bool APART = true;

    // b: b_x (3H), then b_h (3H). Gates 0, 1: both; 2: b_xn; 3: b_hn.
    template <class V, class Lanes> static V bias(const typename V::T *b, int gate, int64_t H, int64_t unit, Lanes lanes) {
        const V first = lanes.load(b + (gate < 3 ? gate : 5) * H + unit);
        return gate < 2 ? first + lanes.load(b + (gate + 3) * H + unit) : first;
    }

    template <class T> struct Place {
        const T *h_prev;  // h_{t-1}
        T *h, *y;         // h_t; once more, or NULL
        T *gates;         // n z r u, H apart; NULL in inference

        template <bool Training, class View> static Place of(const View &v, int64_t s, int64_t rank, int64_t b) {
            return {v.h_before(s, rank, b), v.h_row(s, rank, b), v.y_row(s, b), Training ? v.gates(s, rank) : nullptr};
        }
        LF_INLINE Place at(int64_t unit) const {
            return {h_prev + unit, h + unit, y ? y + unit : nullptr, gates ? gates + unit : nullptr};
        }
    };

    // n vectors of cells; sums: [n][z r u][lanes]; x_n: [n][lanes], the sum of n over x alone.
    //   z = sigmoid(sum_z)   r = sigmoid(sum_r)   n = tanh(x_n + r*u)
    //   h' = n + z*(h - n)
    template <class V, bool Training, class View>
    static inline void forward(typename V::T *sums, typename V::T *x_n, const View &v, const Place<typename V::T> *cell, const Batch<V> &batch) {
        constexpr int64_t N = V::N;
        const int64_t H = v.H;
        in_groups(batch, [&](auto group) LF_LAMBDA {
            using X = typename decltype(group)::X;
            const X r = sigmoid(group.load(sums + N, 3 * N)), u = group.load(sums + 2 * N, 3 * N);
            const X n = cell_tanh(X::fma(r, u, group.load(x_n, N))), z = sigmoid(group.load(sums, 3 * N));
            group.each([&](int k, int number, auto lanes) LF_LAMBDA {
                const Place<typename V::T> &to = cell[number];
                const V h = V::fma(z.v[k], lanes.load(to.h_prev) - n.v[k], n.v[k]);
                lanes.store(to.h, h);
                if (to.y) lanes.store(to.y, h);
                if constexpr (Training) {
                    lanes.store(to.gates, n.v[k]);
                    lanes.store(to.gates + H, z.v[k]);
                    lanes.store(to.gates + 2 * H, r.v[k]);
                    lanes.store(to.gates + 3 * H, u.v[k]);
                }
            });
        });
    }

    template <class T> struct Row {
        T *gates;         // (4, H) n z r u -> dG
        const T *h_prev;  // (H) h_{t-1}
        T *carry;         // (H) out: the gradient of h_{t-1} that bypasses the gates

        template <class View> static Row of(const View &v, int64_t s, int64_t rank, int64_t b, bool, T *carry) {
            return {v.gates(s, rank), v.h_recorded(s, rank, b), carry};
        }
    };

    // dh [rows][vectors][lanes]: the complete gradient of h_t of the units from vector `block`.
    template <class V, class View>
    static inline void backward(const typename V::T *dh_tile, int rows, int vectors, int64_t block, const View &v, const Row<typename V::T> *row) {
        const int64_t H = v.H;
        const V one = V::set1(1);
        for (int r = 0; r < rows; ++r)
            for (int j = 0; j < vectors; ++j, dh_tile += V::N)
                with_lanes<V>(block + j, H, [&](auto lanes) {
                    const int64_t unit = (block + j) * V::N;
                    typename V::T *const gate = row[r].gates + unit;
                    const V dh = V::load(dh_tile);
                    const V n = lanes.load(gate), z = lanes.load(gate + H), reset = lanes.load(gate + 2 * H), u = lanes.load(gate + 3 * H);
                    const V dz = dh * (lanes.load(row[r].h_prev + unit) - n);         // h' = n + z*(h - n)
                    lanes.store(row[r].carry + unit, dh * z);                         // h' = n + z*(h - n)
                    const V dn = V::fnma(dh, z, dh) * V::fnma(n, n, one);             // h' = n + z*(h - n), n = tanh(x_n + r*u)
                    lanes.store(gate, dn);
                    lanes.store(gate + H, dz * (z * (one - z)));                      // z = sigmoid(sum_z)
                    lanes.store(gate + 2 * H, dn * u * (reset * (one - reset)));      // n = tanh(x_n + r*u), r = sigmoid(sum_r)
                    lanes.store(gate + 3 * H, dn * reset);                            // n = tanh(x_n + r*u)
                });
    }
};

}  // namespace
