// The LSTM cell: the equations on the hot tile, and their inverses line by line.
#pragma once

namespace {

struct Lstm : CellBase {
    static constexpr int COLUMNS = 4, ALL = 4, BLOCKS = 1, TAPE = 4;
    static constexpr bool MEMORY = true;

    template <class V, class Lanes> static V bias(const typename V::T *b, int gate, int64_t H, int64_t unit, Lanes lanes) {
        return lanes.load(b + gate * H + unit);
    }

    template <class T> struct Place {
        const T *c_prev;  // c_{t-1}; may equal c
        T *c, *h;         // c_t, h_t
        T *y;             // h_t once more, or NULL
        T *gates;         // i f g o, H apart; NULL in inference

        template <bool Training, class View> static Place of(const View &v, int64_t s, int64_t rank, int64_t b) {
            T *c = Training ? v.cell(s, rank) : static_cast<T *>(v.a.c) + b * v.H;
            const T *c_prev = Training || s == 0 || v.resets(b, s) ? v.cell_before(s, rank, b) : c;
            return {c_prev, c, v.unit_row(s, rank, b), v.unit_y(s, b), Training ? v.gates(s, rank) : nullptr};
        }
        LF_INLINE Place at(int64_t unit) const {
            return {c_prev + unit, c + unit, h + unit, y ? y + unit : nullptr, gates ? gates + unit : nullptr};
        }
    };

    // n vectors of cells; z: [n][4][lanes], their hot tiles.
    //   i = sigmoid(z_i)  f = sigmoid(z_f)  g = tanh(z_g)  o = sigmoid(z_o)
    //   c' = f*c + i*g    h' = o*tanh(c')
    // i*g divides once: m / (p (m + 2)) with p = 1/i and g = m / (m + 2). p (m + 2) = Inf gives the 0 that i*g rounds to.
    template <class V, bool Training, class View>
    static inline void forward(typename V::T *z, typename V::T *, const View &v, const Place<typename V::T> *cell, const Batch<V> &batch) {
        constexpr int64_t N = V::N;
        const int64_t H = v.H;
        in_groups(batch, [&](auto group) LF_LAMBDA {
            using X = typename decltype(group)::X;
            const X one = X::set1(1), two = X::set1(2);
            const auto gate = [&](int column) LF_LAMBDA { return group.load(z + column * N, 4 * N); };
            const X p_i = inverse_sigmoid(gate(0)), m = tanh_numerator(gate(2)), i_g = m / (p_i * (m + two)), f = sigmoid(gate(1));
            X c_prev, i, g;
            group.each([&](int k, int number, auto lanes) LF_LAMBDA { c_prev.v[k] = lanes.load(cell[number].c_prev); });
            const X c = X::fma(f, c_prev, i_g);
            const X tanh_c = cell_tanh(c), o = sigmoid(gate(3)), h = o * tanh_c;
            if constexpr (Training) i = one / p_i, g = m / (m + two);
            group.each([&](int k, int number, auto lanes) LF_LAMBDA {
                const Place<typename V::T> &to = cell[number];
                lanes.store(to.h, h.v[k]);
                if (to.y) lanes.store(to.y, h.v[k]);
                lanes.store(to.c, c.v[k]);
                if constexpr (Training) {
                    lanes.store(to.gates, i.v[k]);
                    lanes.store(to.gates + H, f.v[k]);
                    lanes.store(to.gates + 2 * H, g.v[k]);
                    lanes.store(to.gates + 3 * H, o.v[k]);
                }
            });
        });
    }

    template <class T> struct Row {
        T *gates;         // (4, H) i f g o -> dG, the gradients of the pre-activations
        T *cell;          // (H) c_t -> h_t, recomputed for the weight gradient
        const T *c_prev;  // (H) c_{t-1}
        const T *dc_in;   // (H) gradient of c_t from step t+1, or of the last state
        T *dc_out;        // (H) gradient of c_{t-1}; may equal dc_in

        // recurrent: step s+1 has left its gradient in carry.
        template <class View> static Row of(const View &v, int64_t s, int64_t rank, int64_t b, bool recurrent, T *carry) {
            return {v.gates(s, rank), v.cell(s, rank), v.cell_before(s, rank, b),
                    recurrent ? carry : v.last_gradient(v.a.dc, s, b, v.H), s == 0 && v.a.dc0 ? static_cast<T *>(v.a.dc0) + b * v.H : carry};
        }
    };

    // dh [rows][vectors][lanes]: the complete gradient of h_t of the units from vector `block`.
    template <class V, class View>
    static inline void backward(const typename V::T *dh, int rows, int vectors, int64_t block, const View &v, const Row<typename V::T> *row) {
        for (int r = 0; r < rows; ++r)
            for (int j = 0; j < vectors; ++j, dh += V::N)
                with_lanes<V>(block + j, v.H, [&](auto lanes) {
                    const int64_t unit = (block + j) * V::N;
                    backward_vector<V>(V::load(dh), cell_tanh(lanes.load(row[r].cell + unit)), unit, v.H, row[r], lanes);
                });
    }

    template <class V, class Lanes>
    static LF_INLINE void backward_vector(V dh, V tanh_c, int64_t unit, int64_t H, const Row<typename V::T> &row, Lanes lanes) {
        typename V::T *const gate = row.gates + unit;
        const V one = V::set1(1);
        const V i = lanes.load(gate), f = lanes.load(gate + H), g = lanes.load(gate + 2 * H), o = lanes.load(gate + 3 * H);
        const V c_prev = lanes.load(row.c_prev + unit);
        const V do_ = dh * tanh_c;                                                                // h' = o*tanh(c')
        const V dc = V::fma(dh * o, V::fnma(tanh_c, tanh_c, one), lanes.load(row.dc_in + unit));  // h' = o*tanh(c')
        const V di = dc * g, df = dc * c_prev, dg = dc * i;                                       // c' = f*c + i*g
        lanes.store(row.dc_out + unit, dc * f);                                                   // c' = f*c + i*g
        lanes.store(row.cell + unit, o * tanh_c);
        lanes.store(gate, di * (i * (one - i)));                                                  // i = sigmoid(z_i)
        lanes.store(gate + H, df * (f * (one - f)));                                              // f = sigmoid(z_f)
        lanes.store(gate + 2 * H, dg * V::fnma(g, g, one));                                       // g = tanh(z_g)
        lanes.store(gate + 3 * H, do_ * (o * (one - o)));                                         // o = sigmoid(z_o)
    }
};

}  // namespace
