// The LSTM with every option of the cell: any activations, peepholes, coupled input and forget gates, clips, zoneout. One epilogue
// with run-time switches; the tape keeps pre-activations, from which backward computes gates and slopes again.
#pragma once

namespace {

struct LstmAny : Lstm {
    static constexpr int TAPE = 5, H_COLUMN = 4;  // i f g o before their activations and clips, then h
    static constexpr int EXTRA = 3;               // peepholes i f o
    static constexpr bool ZONEOUT = true;

    static bool zones(const lf_weights &w) { return w.zoneout_h > 0 || w.zoneout_c > 0; }
    static int tape_more(const lf_weights &w) { return w.peepholes && w.zoneout_c > 0; }  // c' before zoneout, for the peepholes' gradient

    // How much of its old state each unit of a vector keeps; `counter` numbers its first unit among all draws of the call.
    // Draws: splitmix64 (Steele et al. 2014) of seed and counter.
    template <class V> static V kept(const lf_sequence &a, double rate, int64_t counter) {
        using T = typename V::T;
        if (!a.zoneout_drawn) return V::set1(static_cast<T>(rate));
        alignas(64) T lanes[V::N];
        const uint64_t bound = static_cast<uint64_t>(rate * 9007199254740992.0);  // 2^53
        for (int k = 0; k < V::N; ++k) {
            uint64_t x = a.zoneout_seed + (static_cast<uint64_t>(counter + k) + 1) * 0x9e3779b97f4a7c15u;
            x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
            x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
            lanes[k] = ((x ^ (x >> 31)) >> 11) < bound ? T(1) : T(0);
        }
        return V::load(lanes);
    }
    template <class View> static int64_t counter_of(const View &v, int64_t s, int64_t b) { return (b * v.a.T + s) * 2 * v.H; }

    template <class T> struct Place {
        const T *c_prev;     // c_{t-1}; may equal c
        const T *h_prev;     // h_{t-1}
        T *c, *h;            // c_t, h_t
        T *y;                // h_t once more, or NULL
        T *gates;            // pre-activations of i f g o, H apart; NULL in inference
        const T *peepholes;  // [3][lanes]
        int64_t counter;     // of the draws for h; those for c follow H on

        template <bool Training, class View> static Place of(const View &v, int64_t s, int64_t rank, int64_t b) {
            const auto p = Lstm::Place<T>::template of<Training>(v, s, rank, b);
            return {p.c_prev, v.h_before(s, rank, b), p.c, p.h, p.y, p.gates, v.panels + v.panel_layout.extra, counter_of(v, s, b)};
        }
        LF_INLINE Place at(int64_t unit) const {
            return {c_prev + unit, h_prev + unit, c + unit, h + unit, y ? y + unit : nullptr, gates ? gates + unit : nullptr,
                    peepholes + 3 * unit, counter + unit};
        }
    };

    // n vectors of cells; z: [n][4][lanes], their hot tiles. p: peepholes, 0 without.
    //   i = f_gate(z_i + p_i*c)   f = f_gate(z_f + p_f*c), or 1 - i when coupled   g = f_candidate(z_g)
    //   c' = clip(f*c + i*g)      o = f_gate(z_o + p_o*c')                         h' = o*f_output(c')
    // Zoneout (Krueger et al. 2016) then moves c' and h' towards c and h.
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
            V::store(q, c);
            lanes.store(cell[k].c, w.zoneout_c > 0 ? V::fma(kept<V>(v.a, w.zoneout_c, cell[k].counter + H), lanes.load(cell[k].c_prev) - c, c) : c);
            if (w.peepholes) o = V::fma(V::load(cell[k].peepholes + 2 * N), c, o);
            if constexpr (Training) lanes.store(cell[k].gates + 3 * H, o);
            V::store(q + 3 * N, o);
        });
        apply_curve<V>(w.gate, w.clip, z + 3 * N, nullptr, 4 * N, n);
        apply_curve<V>(w.output, 0, z, nullptr, 4 * N, n);
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            V h = V::load(z + (k * 4 + 3) * N) * V::load(z + k * 4 * N);
            if (w.zoneout_h > 0) h = V::fma(kept<V>(v.a, w.zoneout_h, cell[k].counter), lanes.load(cell[k].h_prev) - h, h);
            lanes.store(cell[k].h, h);
            if (cell[k].y) lanes.store(cell[k].y, h);
        });
    }

    template <class T> struct Row {
        Lstm::Row<T> lstm;  // gates: pre-activations -> dG; cell: c_t, kept
        T *h_past;          // (H) out: the gradient of h_{t-1} past the gates
        int64_t counter;    // of the draws

        template <class View> static Row of(const View &v, int64_t s, int64_t rank, int64_t b, bool recurrent, T *carry) {
            return {Lstm::Row<T>::of(v, s, rank, b, recurrent, carry), zones(*v.a.weights) ? v.h_past(rank) : nullptr, counter_of(v, s, b)};
        }
    };

    // dh [rows][vectors][lanes]: the complete gradient of h_t of the units from vector `block`.
    template <class V, class View>
    static inline void backward(const typename V::T *dh_tile, int rows, int vectors, int64_t block, const View &v, const Row<typename V::T> *row) {
        using T = typename V::T;
        constexpr int64_t N = V::N, C = 4 * N;  // value and slope: [vector][i f g o][lanes], then [vector][lanes] for the output
        const lf_weights &w = *v.a.weights;
        const int64_t H = v.H;
        const int n = rows * vectors;
        alignas(64) T value[24 * C], slope[24 * C], c_value[24 * N], out_value[24 * N], out_slope[24 * N];
        const auto each = [&](auto f) LF_LAMBDA {
            for (int r = 0, k = 0; r < rows; ++r)
                for (int j = 0; j < vectors; ++j, ++k)
                    with_lanes<V>(block + j, H, [&](auto lanes) { f(k, row[r], (block + j) * N, lanes); });
        };
        each([&](int k, const Row<T> &at, int64_t unit, auto lanes) {
            for (int gate = 0; gate < 4; ++gate) V::store(value + k * C + gate * N, lanes.load(at.lstm.gates + gate * H + unit));
        });
        for (int gate = 0; gate < 4; ++gate)
            if (gate != 1 || !w.coupled)
                apply_curve<V>(gate == 2 ? w.candidate : w.gate, w.clip, value + gate * N, slope + gate * N, C, n);
        each([&](int k, const Row<T> &at, int64_t unit, auto lanes) {  // c' before zoneout: forward's operations again
            const T *const x = value + k * C;
            const V one = V::set1(1), bound = V::set1(static_cast<T>(w.cell_clip));
            V c = V::fma(w.coupled ? one - V::load(x) : V::load(x + N), lanes.load(at.lstm.c_prev + unit), V::load(x) * V::load(x + 2 * N));
            if (w.cell_clip > 0) c = V::max(V::zero() - bound, V::min(bound, c));
            V::store(c_value + k * N, c);
            V::store(out_value + k * N, c);
        });
        apply_curve<V>(w.output, 0, out_value, out_slope, N, n);
        each([&](int k, const Row<T> &row_k, int64_t unit, auto lanes) {
            const Lstm::Row<T> &at = row_k.lstm;
            const T *const x = value + k * C, *const dx = slope + k * C, *const p = v.panels + v.panel_layout.extra + 3 * unit;
            const V one = V::set1(1), out = V::load(out_value + k * N), o = V::load(x + 3 * N);
            const V i = V::load(x), g = V::load(x + 2 * N), f = w.coupled ? one - i : V::load(x + N);
            const V c = V::load(c_value + k * N), c_prev = lanes.load(at.c_prev + unit);
            V dh = V::load(dh_tile + k * N), dc_in = lanes.load(at.dc_in + unit), dc_kept = V::zero();
            if (row_k.h_past) {                                                                   // c', h' towards c, h
                const V dh_kept = dh * kept<V>(v.a, w.zoneout_h, row_k.counter + unit);
                dc_kept = dc_in * kept<V>(v.a, w.zoneout_c, row_k.counter + H + unit);
                lanes.store(row_k.h_past + unit, dh_kept);
                dh = dh - dh_kept;
                dc_in = dc_in - dc_kept;
            }
            const V dz_o = dh * out * V::load(dx + 3 * N);                                        // h' = o*f_output(c')
            V dc = V::fma(dh * o, V::load(out_slope + k * N), dc_in);                             // h' = o*f_output(c')
            if (w.peepholes) dc = V::fma(dz_o, V::load(p + 2 * N), dc);                           // o = f_gate(z_o + p_o*c')
            if (w.cell_clip > 0) dc = V::if_less(V::abs(c), V::set1(static_cast<T>(w.cell_clip)), dc, V::zero());
            V di = dc * g, df = dc * c_prev;                                                      // c' = f*c + i*g
            if (w.coupled) di = di - df;                                                          // f = 1 - i
            const V dz_i = di * V::load(dx), dz_f = w.coupled ? V::zero() : df * V::load(dx + N);
            V past = V::fma(dc, f, dc_kept);                                                      // c' = f*c + i*g
            if (tape_more(w)) lanes.store(at.gates + TAPE * H + unit, c);
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
