// LSTM cells on the hot tile: the equations, and their inverses line by line.
#pragma once

namespace {

// Where one row of cells reads and writes, from unit 0.
template <class T> struct CellForwardRow {
    const T *c_prev;  // (H) c_{t-1}; may equal c
    T *c, *h;         // (H) c_t, h_t
    T *y;             // (H) h_t once more, or NULL
    T *gates;         // (4, H) i f g o; NULL in inference
};

// The cells of `rows` rows and one vector of units from `unit`. z: the hot tile, row r at z + r*stride: [4][lanes].
//   i = sigmoid(z_i)  f = sigmoid(z_f)  g = tanh(z_g)  o = sigmoid(z_o)
//   c' = f*c + i*g    h' = o*tanh(c')
template <class V, bool Training, class Lanes>
inline void lstm_cells_forward(typename V::T *z, int64_t stride, int rows, int64_t unit, int64_t H,
                               const CellForwardRow<typename V::T> *row, Lanes lanes) {
    using T = typename V::T;
    constexpr int64_t N = V::N;
    const auto sigmoids = [](auto x) LF_LAMBDA { return sigmoid(x); };
    const auto tanhs = [](auto x) LF_LAMBDA { return tanh(x); };
    in_packs<V>(z, stride, rows, sigmoids);
    in_packs<V>(z + N, stride, rows, sigmoids);
    in_packs<V>(z + 3 * N, stride, rows, sigmoids);
    in_packs<V>(z + 2 * N, stride, rows, tanhs);
    T *q = z;
    for (int r = 0; r < rows; ++r, q += stride) {
        const V i = V::load(q), f = V::load(q + N), g = V::load(q + 2 * N);
        const V c = V::fma(f, lanes.load(row[r].c_prev + unit), i * g);
        lanes.store(row[r].c + unit, c);
        if constexpr (Training) {
            T *const gates = row[r].gates + unit;
            lanes.store(gates, i);
            lanes.store(gates + H, f);
            lanes.store(gates + 2 * H, g);
            lanes.store(gates + 3 * H, V::load(q + 3 * N));
        }
        V::store(q, c);
    }
    in_packs<V>(z, stride, rows, tanhs);
    q = z;
    for (int r = 0; r < rows; ++r, q += stride) {
        const V h = V::load(q + 3 * N) * V::load(q);
        lanes.store(row[r].h + unit, h);
        if (row[r].y) lanes.store(row[r].y + unit, h);
    }
}

template <class T> struct CellBackwardRow {
    T *gates;         // (4, H) i f g o -> dG, the gradients of the pre-activations
    T *cell;          // (H) c_t -> h_t, recomputed for the weight gradient
    const T *c_prev;  // (H) c_{t-1}
    const T *dc_in;   // (H) gradient of c_t from step t+1, or of the last state
    T *dc_out;        // (H) gradient of c_{t-1}; may equal dc_in
};

// dh: [lanes], the complete gradient of h_t of the units from `unit`.
template <class V, class Lanes>
LF_INLINE void lstm_cell_backward(V dh, int64_t unit, int64_t H, const CellBackwardRow<typename V::T> &row, Lanes lanes) {
    typename V::T *const gate = row.gates + unit;
    const V one = V::set1(1);
    const V i = lanes.load(gate), f = lanes.load(gate + H), g = lanes.load(gate + 2 * H), o = lanes.load(gate + 3 * H);
    const V c_prev = lanes.load(row.c_prev + unit), tanh_c = tanh(lanes.load(row.cell + unit));
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

}  // namespace
