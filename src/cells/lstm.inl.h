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
        const int n = batch.count;
        const V one = V::set1(1), two = V::set1(2);
        in_packs<V>(z, 4 * N, n, InverseSigmoid());
        in_packs<V>(z + N, 4 * N, n, InverseSigmoid());
        in_packs<V>(z + 2 * N, 4 * N, n, TanhNumerator());
        in_packs<V>(z + 3 * N, 4 * N, n, Sigmoid());
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            typename V::T *const q = z + k * 4 * N;
            const V p_i = V::load(q), f = one / V::load(q + N), m = V::load(q + 2 * N);
            const V c = V::fma(f, lanes.load(cell[k].c_prev), m / (p_i * (m + two)));
            lanes.store(cell[k].c, c);
            if constexpr (Training) {
                lanes.store(cell[k].gates, one / p_i);
                lanes.store(cell[k].gates + H, f);
                lanes.store(cell[k].gates + 2 * H, m / (m + two));
                lanes.store(cell[k].gates + 3 * H, V::load(q + 3 * N));
            }
            V::store(q, c);
        });
        in_packs<V>(z, 4 * N, n, CellTanh());
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            const V h = V::load(z + (k * 4 + 3) * N) * V::load(z + k * 4 * N);
            lanes.store(cell[k].h, h);
            if (cell[k].y) lanes.store(cell[k].y, h);
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
        using T = typename V::T;
        alignas(64) T tanh_c[24 * V::N];
        T *c = tanh_c;
        for (int r = 0; r < rows; ++r)
            for (int j = 0; j < vectors; ++j, c += V::N)
                with_lanes<V>(block + j, v.H, [&](auto lanes) { V::store(c, lanes.load(row[r].cell + (block + j) * V::N)); });
        in_packs<V>(tanh_c, V::N, rows * vectors, CellTanh());
        c = tanh_c;
        for (int r = 0; r < rows; ++r)
            for (int j = 0; j < vectors; ++j, dh += V::N, c += V::N)
                with_lanes<V>(block + j, v.H, [&](auto lanes) {
                    backward_vector<V>(V::load(dh), V::load(c), (block + j) * V::N, v.H, row[r], lanes);
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
