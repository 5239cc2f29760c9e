// LSTM cells on the hot tile: the equations, and their inverses line by line.
#pragma once

namespace {

// One vector of cells on its way from sums to state; every pointer is at its first unit.
template <class T> struct CellForward {
    const T *c_prev;  // c_{t-1}; may equal c
    T *c, *h;         // c_t, h_t
    T *y;             // h_t once more, or NULL
    T *gates;         // i f g o, H apart; NULL in inference
};

// n vectors of cells; z: [n][4][lanes], their hot tiles.
//   i = sigmoid(z_i)  f = sigmoid(z_f)  g = tanh(z_g)  o = sigmoid(z_o)
//   c' = f*c + i*g    h' = o*tanh(c')
// i*g divides once: m / (p (m + 2)) with p = 1/i and g = m / (m + 2). p (m + 2) = Inf gives the 0 that i*g rounds to.
template <class V, bool Training, class Lanes>
inline void lstm_cells_forward(typename V::T *z, int n, int64_t H, const CellForward<typename V::T> *cell, Lanes lanes) {
    using T = typename V::T;
    constexpr int64_t N = V::N;
    const V one = V::set1(1), two = V::set1(2);
    const auto inverse_sigmoids = [](auto x) LF_LAMBDA { return inverse_sigmoid(x); };
    in_packs<V>(z, 4 * N, n, inverse_sigmoids);
    in_packs<V>(z + N, 4 * N, n, inverse_sigmoids);
    in_packs<V>(z + 2 * N, 4 * N, n, [](auto x) LF_LAMBDA { return tanh_numerator(x); });
    in_packs<V>(z + 3 * N, 4 * N, n, [](auto x) LF_LAMBDA { return sigmoid(x); });
    T *q = z;
    for (int k = 0; k < n; ++k, q += 4 * N) {
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
    }
    in_packs<V>(z, 4 * N, n, [](auto x) LF_LAMBDA { return cell_tanh(x); });
    q = z;
    for (int k = 0; k < n; ++k, q += 4 * N) {
        const V h = V::load(q + 3 * N) * V::load(q);
        lanes.store(cell[k].h, h);
        if (cell[k].y) lanes.store(cell[k].y, h);
    }
}

template <class T> struct CellBackward {
    T *gates;         // (4, H) i f g o -> dG, the gradients of the pre-activations
    T *cell;          // (H) c_t -> h_t, recomputed for the weight gradient
    const T *c_prev;  // (H) c_{t-1}
    const T *dc_in;   // (H) gradient of c_t from step t+1, or of the last state
    T *dc_out;        // (H) gradient of c_{t-1}; may equal dc_in
};

// dh: the complete gradient of h_t of the units from `unit`; tanh_c = tanh(c_t).
template <class V, class Lanes>
LF_INLINE void lstm_cell_backward(V dh, V tanh_c, int64_t unit, int64_t H, const CellBackward<typename V::T> &row, Lanes lanes) {
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

}  // namespace
