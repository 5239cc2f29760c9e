// The layer-normalised LSTM (Ba, Kiros, Hinton 2016, equations 20 to 22). N(z) is z of one row with mean 0 and variance 1:
//   [i f g o] = gain_x N(x w_x) + gain_h N(h w_h) + b   c' = f*c + i*g   h' = o*f_output(gain_c N(c') + shift)
// A gate waits for the sums of all units and h for all of c', so products end in rows, and a step in arithmetic over each row. Workers
// never share a row.
#pragma once

namespace {

struct LstmNorm : Lstm {
    // The tape: [z_x (4H) z_h (4H) h], the products; backward turns them into their gradients.
    static constexpr int TAPE = 9, H_COLUMN = 8, DH = 4;
    static constexpr int EXTRA = 10;    // gain_x (4H), gain_h (4H), gain_c, shift, one after the other
    static constexpr int BETWEEN = 6;   // forward: z_h in inference, o; backward: dh, of the worker's first row also d of one row
    static constexpr int SUMS = 28;     // (2, 14H): the gradients of b (4H) and of the extra numbers; of some steps, and of all
    static constexpr int64_t SUM_STEPS = 256;  // steps per partial sum
    static constexpr bool WHOLE_ROWS = true;

    template <class V> static void pack(const lf_weights &w, const lf_worker *worker) {
        using T = typename V::T;
        const PanelLayout<V, LstmNorm> layout(w);
        const int64_t I = w.I, H = w.H;
        T *const panels = static_cast<T *>(w.panels);
        const T *const w_x = static_cast<const T *>(w.w_x), *const w_h = static_cast<const T *>(w.w_h);
        pack_panels<V, false>(w_x, I, 4 * H, 4 * H, panels, worker);
        pack_panels<V, false>(w_h, H, 4 * H, 4 * H, panels_h<V>(w), worker);
        if (w.backward & 1) pack_panels<V, true>(w_h, 4 * H, H, 4 * H, panels + layout.back_h, worker);
        if (w.backward & 2) pack_panels<V, true>(w_x, 4 * H, I, 4 * H, panels + layout.back_x, worker);
        if (worker->index) return;
        const size_t bytes = static_cast<size_t>(4 * H) * sizeof(T);
        if (w.b) memcpy(panels + layout.bias, w.b, bytes);
        else memset(panels + layout.bias, 0, bytes);
        memcpy(panels + layout.extra, w.norm, static_cast<size_t>(EXTRA * H) * sizeof(T));
    }
    template <class V> static typename V::T *panels_h(const lf_weights &w) {
        return static_cast<typename V::T *>(w.panels) + ceil_div(4 * w.H, V::N) * V::N * w.I;
    }

    template <class T> struct Numbers {  // b (4H) and the extra numbers
        const T *b, *gain_x, *gain_h, *gain_c, *shift;
        template <class View> explicit Numbers(const View &v)
            : b(v.panels + v.panel_layout.bias), gain_x(v.panels + v.panel_layout.extra), gain_h(gain_x + 4 * v.H), gain_c(gain_h + 4 * v.H),
              shift(gain_c + v.H) {}
    };

    // What the gates and the output of one row are made of.
    template <class V> struct Inputs {
        using T = typename V::T;
        const lf_weights &w;
        const Numbers<T> numbers;
        const T *z_x, *z_h;
        const Standard<V> x, h;

        template <class View> Inputs(const View &v, const T *row_x, const T *row_h)
            : w(*v.a.weights), numbers(v), z_x(row_x), z_h(row_h), x(standard_of<V>(row_x, 4 * v.H, w.norm_epsilon)),
              h(standard_of<V>(row_h, 4 * v.H, w.norm_epsilon)) {}
        // Column k of the pre-activations.
        template <class Lanes> LF_INLINE V gate(int64_t k, Lanes lanes) const {
            const V sum = V::fma(lanes.load(numbers.gain_h + k), h(lanes.load(z_h + k)), lanes.load(numbers.b + k));
            return V::fma(lanes.load(numbers.gain_x + k), x(lanes.load(z_x + k)), sum);
        }
        // The argument of f_output.
        template <class Lanes> LF_INLINE V output(V standard_c, int64_t unit, Lanes lanes) const {
            return V::fma(lanes.load(numbers.gain_c + unit), standard_c, lanes.load(numbers.shift + unit));
        }
    };

    static constexpr int VECTORS = 24;  // of units that go through the activations together
    // f(unit, vectors, each) for the units of a row, VECTORS at a time; each(g) calls g(k, unit, lanes) for vector k of them.
    template <class V, class F> static LF_INLINE void in_pieces(int64_t H, F f) {
        const int64_t blocks = ceil_div(H, V::N);
        for (int64_t j = 0; j < blocks; j += VECTORS) {
            const int n = static_cast<int>(smaller<int64_t>(VECTORS, blocks - j));
            f(n, [&](auto g) LF_LAMBDA {
                for (int k = 0; k < n; ++k) with_lanes<V>(j + k, H, [&](auto lanes) LF_LAMBDA { g(k, (j + k) * V::N, lanes); });
            });
        }
    }

    // One row of a step, from its products.
    template <class V, bool Training, class View>
    static void forward_row(const View &v, int64_t s, int64_t rank, const typename V::T *z_x, const typename V::T *z_h) {
        using T = typename V::T;
        constexpr int64_t N = V::N;
        const int64_t H = v.H;
        const lf_weights &w = *v.a.weights;
        const auto at = Lstm::Place<T>::template of<Training>(v, s, rank, v.row(rank));
        const Inputs<V> in(v, z_x, z_h);
        T *const gate_o = v.between(rank) + 4 * H;
        alignas(64) T z[VECTORS * 4 * N];
        in_pieces<V>(H, [&](int n, auto each) {
            each([&](int k, int64_t unit, auto lanes) LF_LAMBDA {
                for (int gate = 0; gate < 4; ++gate) V::store(z + (k * 4 + gate) * N, in.gate(gate * H + unit, lanes));
            });
            for (int gate = 0; gate < 4; ++gate) apply_curve<V>(gate == 2 ? w.candidate : w.gate, w.clip, z + gate * N, nullptr, 4 * N, n);
            each([&](int k, int64_t unit, auto lanes) LF_LAMBDA {
                const T *const q = z + k * 4 * N;
                lanes.store(at.c + unit, V::fma(V::load(q + N), lanes.load(at.c_prev + unit), V::load(q) * V::load(q + 2 * N)));
                lanes.store(gate_o + unit, V::load(q + 3 * N));
            });
        });
        const Standard<V> c = standard_of<V>(at.c, H, w.norm_epsilon);
        in_pieces<V>(H, [&](int n, auto each) {
            each([&](int k, int64_t unit, auto lanes) LF_LAMBDA { V::store(z + k * N, in.output(c(lanes.load(at.c + unit)), unit, lanes)); });
            apply_curve<V>(w.output, 0, z, nullptr, N, n);
            each([&](int k, int64_t unit, auto lanes) LF_LAMBDA {
                const V h = lanes.load(gate_o + unit) * V::load(z + k * N);
                lanes.store(at.h + unit, h);
                if (at.y) lanes.store(at.y + unit, h);
            });
        });
    }

    // dh [vectors][lanes], the complete gradient of h_t of the units from vector `block`, waits for that of all units.
    template <class V, class View> static void keep_gradient(const View &v, int64_t rank, int64_t block, int vectors, const typename V::T *dh) {
        for (int64_t j = block; j < block + vectors; ++j, dh += V::N)
            with_lanes<V>(j, v.H, [&](auto lanes) { lanes.store(v.between(rank) + j * V::N, V::load(dh)); });
    }

    // One row of a step, from dh: the products become their gradients. recurrent: step s+1 of the row was before.
    template <class V, class View> static void backward_row(const View &v, int64_t s, int64_t rank, bool recurrent) {
        using T = typename V::T;
        constexpr int64_t N = V::N, C = 3 * N;
        const int64_t H = v.H, b = v.row(rank);
        const lf_weights &w = *v.a.weights;
        const bool carried = v.gather_past(s, rank, recurrent, 0, static_cast<int>(v.panel_layout.blocks));
        const auto at = Lstm::Row<T>::of(v, s, rank, b, carried, v.carry(rank));
        T *const z_x = at.gates, *const z_h = z_x + 4 * H;
        const Inputs<V> in(v, z_x, z_h);
        const Numbers<T> &numbers = in.numbers;
        const Standard<V> norm_c = standard_of<V>(at.cell, H, w.norm_epsilon);
        const T *const dh = v.between(rank);
        T *const d = v.between(v.first) + H, *const d_c = d + 4 * H;  // of the pre-activations; of the argument of f_output
        T *const sums = v.sums(rank);
        const bool fresh = !recurrent || (s + 1) % SUM_STEPS == 0;
        const auto add = [&](int64_t k, V term, auto lanes) LF_LAMBDA { lanes.store(sums + k, fresh ? term : lanes.load(sums + k) + term); };
        alignas(64) T value[VECTORS * C], slope[VECTORS * C];
        in_pieces<V>(H, [&](int n, auto each) {
            each([&](int k, int64_t unit, auto lanes) LF_LAMBDA {
                V::store(value + k * N, in.gate(3 * H + unit, lanes));
                V::store(value + VECTORS * N + k * N, in.output(norm_c(lanes.load(at.cell + unit)), unit, lanes));
            });
            apply_curve<V>(w.gate, w.clip, value, slope, N, n);
            apply_curve<V>(w.output, 0, value + VECTORS * N, slope + VECTORS * N, N, n);
            each([&](int k, int64_t unit, auto lanes) LF_LAMBDA {  // h' = o*f_output(gain_c N(c') + shift)
                const V grad = lanes.load(dh + unit), out = V::load(value + VECTORS * N + k * N);
                const V dn = grad * V::load(value + k * N) * V::load(slope + VECTORS * N + k * N);
                lanes.store(d + 3 * H + unit, grad * out * V::load(slope + k * N));
                lanes.store(d_c + unit, dn * lanes.load(numbers.gain_c + unit));
                add(12 * H + unit, dn * norm_c(lanes.load(at.cell + unit)), lanes);
                add(13 * H + unit, dn, lanes);
            });
        });
        V along[2];
        row_sums<V>(H, along, [&](int64_t k, auto lanes, V(&sum)[2]) LF_LAMBDA {
            const V dn = lanes.load(d_c + k);
            sum[0] = sum[0] + dn;
            sum[1] = V::fma(dn, norm_c(lanes.load(at.cell + k)), sum[1]);
        });
        const V units = V::set1(static_cast<T>(H));
        along[0] = along[0] / units, along[1] = along[1] / units;
        in_pieces<V>(H, [&](int n, auto each) {
            each([&](int k, int64_t unit, auto lanes) LF_LAMBDA {
                for (int gate = 0; gate < 3; ++gate) V::store(value + k * C + gate * N, in.gate(gate * H + unit, lanes));
            });
            for (int gate = 0; gate < 3; ++gate)
                apply_curve<V>(gate == 2 ? w.candidate : w.gate, w.clip, value + gate * N, slope + gate * N, C, n);
            each([&](int k, int64_t unit, auto lanes) LF_LAMBDA {  // c' = f*c + i*g
                const T *const x = value + k * C, *const dx = slope + k * C;
                const V dc = lanes.load(at.dc_in + unit) + norm_c.inverse(lanes.load(d_c + unit), norm_c(lanes.load(at.cell + unit)), along);
                lanes.store(d + unit, dc * V::load(x + 2 * N) * V::load(dx));
                lanes.store(d + H + unit, dc * lanes.load(at.c_prev + unit) * V::load(dx + N));
                lanes.store(d + 2 * H + unit, dc * V::load(x) * V::load(dx + 2 * N));
                lanes.store(at.dc_out + unit, dc * V::load(x + N));
            });
        });
        V all[4];  // [i f g o] = gain_x N(z_x) + gain_h N(z_h) + b
        row_sums<V>(4 * H, all, [&](int64_t k, auto lanes, V(&sum)[4]) LF_LAMBDA {
            const V dz = lanes.load(d + k), dx = dz * lanes.load(numbers.gain_x + k), dy = dz * lanes.load(numbers.gain_h + k);
            sum[0] = sum[0] + dx;
            sum[1] = V::fma(dx, in.x(lanes.load(z_x + k)), sum[1]);
            sum[2] = sum[2] + dy;
            sum[3] = V::fma(dy, in.h(lanes.load(z_h + k)), sum[3]);
        });
        const V columns = V::set1(static_cast<T>(4 * H)), along_x[2] = {all[0] / columns, all[1] / columns};
        const V along_h[2] = {all[2] / columns, all[3] / columns};
        for_lanes<V>(4 * H, [&](int64_t k, auto lanes) LF_LAMBDA {
            const V dz = lanes.load(d + k), x = in.x(lanes.load(z_x + k)), h = in.h(lanes.load(z_h + k));
            lanes.store(z_x + k, in.x.inverse(dz * lanes.load(numbers.gain_x + k), x, along_x));
            lanes.store(z_h + k, in.h.inverse(dz * lanes.load(numbers.gain_h + k), h, along_h));
            add(k, dz, lanes);
            add(4 * H + k, dz * x, lanes);
            add(8 * H + k, dz * h, lanes);
        });
        if (s % SUM_STEPS) return;
        const bool first = s / SUM_STEPS == (v.length(b) - 1) / SUM_STEPS;
        for_lanes<V>(14 * H, [&](int64_t k, auto lanes) LF_LAMBDA {
            const V sum = lanes.load(sums + k);
            lanes.store(sums + 14 * H + k, first ? sum : lanes.load(sums + 14 * H + k) + sum);
        });
    }

    // db and dnorm: the sums of all rows of the batch, in their order.
    template <class V, class View> static void finish(const View &v, const lf_worker *worker) {
        using T = typename V::T;
        const int64_t H = v.H, vectors = ceil_div(H, V::N), started = v.alive(0);
        for (int64_t q = worker->index; q < 14 * vectors; q += worker->count) {
            const int64_t column = q / vectors * H, j = q % vectors;
            with_lanes<V>(j, H, [&](auto lanes) LF_LAMBDA {
                V total = V::zero();
                for (int64_t r0 = 0; r0 < started; r0 += SUM_BLOCK) {
                    V sum = V::zero();
                    for (int64_t r = r0; r < smaller(started, r0 + SUM_BLOCK); ++r) sum = sum + lanes.load(v.sums(r) + 14 * H + column + j * V::N);
                    total = total + sum;
                }
                T *const out = (q < 4 * vectors ? static_cast<T *>(v.a.db) : static_cast<T *>(v.a.dnorm) - 4 * H) + column + j * V::N;
                lanes.store(out, v.a.accumulate ? lanes.load(out) + total : total);
            });
        }
    }

private:
    template <class V, class F> static LF_INLINE void for_lanes(int64_t n, F f) {
        for (int64_t j = 0; j < ceil_div(n, V::N); ++j) with_lanes<V>(j, n, [&](auto lanes) LF_LAMBDA { f(j * V::N, lanes); });
    }
};

}  // namespace
