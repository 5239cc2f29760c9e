// The LSTM with every option of the cell: any activations, peepholes, coupled input and forget gates, clips. One epilogue
// with run-time switches; the tape keeps pre-activations, from which backward computes gates and slopes again.
#pragma once

namespace {

struct LstmAny : Lstm {
    static constexpr int TAPE = 5, H_COLUMN = 4;  // i f g o before their activations and clips, then h
    static constexpr int EXTRA = 3;               // peepholes i f o

    template <class T> struct Place {
        const T *c_prev;     // c_{t-1}; may equal c
        T *c, *h;            // c_t, h_t
        T *y;                // h_t once more, or NULL
        T *gates;            // pre-activations of i f g o, H apart; NULL in inference
        const T *peepholes;  // [3][lanes]

        template <bool Training, class View> static Place of(const View &v, int64_t s, int64_t rank, int64_t b) {
            const auto p = Lstm::Place<T>::template of<Training>(v, s, rank, b);
            return {p.c_prev, p.c, p.h, p.y, p.gates, v.panels + v.panel_layout.extra};
        }
        LF_INLINE Place at(int64_t unit) const {
            return {c_prev + unit, c + unit, h + unit, y ? y + unit : nullptr, gates ? gates + unit : nullptr, peepholes + 3 * unit};
        }
    };

    // n vectors of cells; z: [n][4][lanes], their hot tiles. p: peepholes, 0 without.
    //   i = f_gate(z_i + p_i*c)   f = f_gate(z_f + p_f*c), or 1 - i when coupled   g = f_candidate(z_g)
    //   c' = clip(f*c + i*g)      o = f_gate(z_o + p_o*c')                         h' = o*f_output(c')
    template <class V, bool Training, class View>
    static inline void forward(typename V::T *z, typename V::T *, const View &v, const Place<typename V::T> *cell, const Batch<V> &batch) {
        using T = typename V::T;
        constexpr int64_t N = V::N;
        const lf_weights &w = *v.a.weights;
        const int64_t H = v.H;
        const int n = batch.count;
        const V one = V::set1(1), bound = V::set1(static_cast<T>(w.cell_clip));
        if (w.peepholes || Training)
            batch.each([&](int k, auto lanes) LF_LAMBDA {
                T *const q = z + k * 4 * N;
                if (w.peepholes) {
                    const V c = lanes.load(cell[k].c_prev);
                    V::store(q, V::fma(V::load(cell[k].peepholes), c, V::load(q)));
                    V::store(q + N, V::fma(V::load(cell[k].peepholes + N), c, V::load(q + N)));
                }
                if constexpr (Training)
                    for (int gate = 0; gate < 3; ++gate) lanes.store(cell[k].gates + gate * H, V::load(q + gate * N));
            });
        apply_curve<V>(w.gate, w.clip, z, nullptr, 4 * N, n);
        if (!w.coupled) apply_curve<V>(w.gate, w.clip, z + N, nullptr, 4 * N, n);
        apply_curve<V>(w.candidate, w.clip, z + 2 * N, nullptr, 4 * N, n);
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            T *const q = z + k * 4 * N;
            const V i = V::load(q), f = w.coupled ? one - i : V::load(q + N);
            V c = V::fma(f, lanes.load(cell[k].c_prev), i * V::load(q + 2 * N)), o = V::load(q + 3 * N);
            if (w.cell_clip > 0) c = V::max(V::zero() - bound, V::min(bound, c));
            lanes.store(cell[k].c, c);
            V::store(q, c);
            if (w.peepholes) o = V::fma(V::load(cell[k].peepholes + 2 * N), c, o);
            if constexpr (Training) lanes.store(cell[k].gates + 3 * H, o);
            V::store(q + 3 * N, o);
        });
        apply_curve<V>(w.gate, w.clip, z + 3 * N, nullptr, 4 * N, n);
        apply_curve<V>(w.output, 0, z, nullptr, 4 * N, n);
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            const V h = V::load(z + (k * 4 + 3) * N) * V::load(z + k * 4 * N);
            lanes.store(cell[k].h, h);
            if (cell[k].y) lanes.store(cell[k].y, h);
        });
    }

    // dh [rows][vectors][lanes]: the complete gradient of h_t of the units from vector `block`.
    template <class V, class View>
    static inline void backward(const typename V::T *dh_tile, int rows, int vectors, int64_t block, const View &v, const Row<typename V::T> *row) {
        using T = typename V::T;
        constexpr int64_t N = V::N, C = 4 * N;  // value and slope: [vector][i f g o][lanes], then [vector][lanes] for the output
        const lf_weights &w = *v.a.weights;
        const int64_t H = v.H;
        const int n = rows * vectors;
        alignas(64) T value[24 * C], slope[24 * C], out_value[24 * N], out_slope[24 * N];
        const auto each = [&](auto f) LF_LAMBDA {
            for (int r = 0, k = 0; r < rows; ++r)
                for (int j = 0; j < vectors; ++j, ++k)
                    with_lanes<V>(block + j, H, [&](auto lanes) { f(k, row[r], (block + j) * N, lanes); });
        };
        each([&](int k, const Row<T> &at, int64_t unit, auto lanes) {
            for (int gate = 0; gate < 4; ++gate) V::store(value + k * C + gate * N, lanes.load(at.gates + gate * H + unit));
            V::store(out_value + k * N, lanes.load(at.cell + unit));
        });
        for (int gate = 0; gate < 4; ++gate)
            if (gate != 1 || !w.coupled)
                apply_curve<V>(gate == 2 ? w.candidate : w.gate, w.clip, value + gate * N, slope + gate * N, C, n);
        apply_curve<V>(w.output, 0, out_value, out_slope, N, n);
        each([&](int k, const Row<T> &at, int64_t unit, auto lanes) {
            const T *const x = value + k * C, *const dx = slope + k * C, *const p = v.panels + v.panel_layout.extra + 3 * unit;
            const V one = V::set1(1), dh = V::load(dh_tile + k * N), out = V::load(out_value + k * N), o = V::load(x + 3 * N);
            const V i = V::load(x), g = V::load(x + 2 * N), f = w.coupled ? one - i : V::load(x + N);
            const V c = lanes.load(at.cell + unit), c_prev = lanes.load(at.c_prev + unit);
            const V dz_o = dh * out * V::load(dx + 3 * N);                                        // h' = o*f_output(c')
            V dc = V::fma(dh * o, V::load(out_slope + k * N), lanes.load(at.dc_in + unit));       // h' = o*f_output(c')
            if (w.peepholes) dc = V::fma(dz_o, V::load(p + 2 * N), dc);                           // o = f_gate(z_o + p_o*c')
            if (w.cell_clip > 0) dc = V::if_less(V::abs(c), V::set1(static_cast<T>(w.cell_clip)), dc, V::zero());
            V di = dc * g, df = dc * c_prev;                                                      // c' = f*c + i*g
            if (w.coupled) di = di - df;                                                          // f = 1 - i
            const V dz_i = di * V::load(dx), dz_f = w.coupled ? V::zero() : df * V::load(dx + N);
            V past = dc * f;                                                                      // c' = f*c + i*g
            if (w.peepholes) past = V::fma(dz_i, V::load(p), V::fma(dz_f, V::load(p + N), past)); // i = f_gate(z_i + p_i*c), f
            lanes.store(at.dc_out + unit, past);
            lanes.store(at.gates + unit, dz_i);
            lanes.store(at.gates + H + unit, dz_f);
            lanes.store(at.gates + 2 * H + unit, dc * i * V::load(dx + 2 * N));                   // c' = f*c + i*g
            lanes.store(at.gates + 3 * H + unit, dz_o);
        });
    }
};

}  // namespace
