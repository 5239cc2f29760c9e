// Optimizer updates and activations over flat arrays, and the probes that measure the machine.
#pragma once

namespace {

// Keras 3's rules, element by element. adam: Kingma and Ba 2015; AdamW: Loshchilov and Hutter 2019.
template <class V> void apply_update(const void *args, const lf_worker *worker) {
    using T = typename V::T;
    const lf_update &u = *static_cast<const lf_update *>(args);
    const int64_t lines = ceil_div(u.n, 16);  // of the cache, or two
    const int64_t begin = lines * worker->index / worker->count * 16;
    const int64_t end = smaller(u.n, lines * (worker->index + 1) / worker->count * 16);
    const auto real = [](double a) { return V::set1(static_cast<T>(a)); };
    T *const p = static_cast<T *>(u.p), *const m = static_cast<T *>(u.m), *const v = static_cast<T *>(u.v);
    T *const extra = static_cast<T *>(u.extra);
    const T *const g = static_cast<const T *>(u.g);
    const V lr = real(u.lr), epsilon = real(u.epsilon), momentum = real(u.momentum);
    const V decay = real(u.lr * u.weight_decay);
    if (u.rule == LF_SGD) {
        for_vectors<V>(begin, end, [&](int64_t k, auto lanes) {
            V w = lanes.load(p + k);
            const V d = lanes.load(g + k) * lr;
            w = w - w * decay;
            if (!m) {
                lanes.store(p + k, w - d);
                return;
            }
            const V step = lanes.load(m + k) * momentum - d;
            lanes.store(m + k, step);
            lanes.store(p + k, u.nesterov ? w + (step * momentum - d) : w + step);
        });
    } else if (u.rule == LF_ADAM) {
        double b1 = 1, b2 = 1;  // beta^step by squaring: log2(step) multiplications, no libm
        double q1 = u.beta_1, q2 = u.beta_2;
        for (int64_t e = u.step; e; e >>= 1, q1 *= q1, q2 *= q2)
            if (e & 1) b1 *= q1, b2 *= q2;
        const V alpha = real(u.lr * __builtin_sqrt(1 - b2) / (1 - b1)), r1 = real(1 - u.beta_1), r2 = real(1 - u.beta_2);
        for_vectors<V>(begin, end, [&](int64_t k, auto lanes) {
            V w = lanes.load(p + k), mean = lanes.load(m + k), square = lanes.load(v + k);
            const V d = lanes.load(g + k);
            w = w - w * decay;
            mean = mean + (d - mean) * r1;
            square = square + (d * d - square) * r2;
            lanes.store(m + k, mean);
            lanes.store(v + k, square);
            if (extra) {
                square = V::max(lanes.load(extra + k), square);
                lanes.store(extra + k, square);
            }
            lanes.store(p + k, w - mean * alpha / (V::sqrt(square) + epsilon));
        });
    } else {
        const V rho = real(u.beta_1), rest = real(1 - u.beta_1);
        for_vectors<V>(begin, end, [&](int64_t k, auto lanes) {
            V w = lanes.load(p + k);
            const V d = lanes.load(g + k);
            w = w - w * decay;
            const V square = rho * lanes.load(v + k) + rest * (d * d);
            lanes.store(v + k, square);
            V scale = square;
            if (extra) {
                const V mean = rho * lanes.load(extra + k) + rest * d;
                lanes.store(extra + k, mean);
                scale = scale - mean * mean;
            }
            V step = lr * d / V::sqrt(scale + epsilon);
            if (m) {
                step = momentum * lanes.load(m + k) + step;
                lanes.store(m + k, step);
            }
            lanes.store(p + k, w - step);
        });
    }
}

template <class V> void activation(int kind, int64_t n, const void *x, void *y) {
    using T = typename V::T;
    const T *in = static_cast<const T *>(x);
    T *out = static_cast<T *>(y);
    for_vectors<V>(0, n, [&](int64_t k, auto lanes) { lanes.store(out + k, activate(kind, lanes.load(in + k))); });
}

// out[index[k]] += source[k] for n rows of `width` numbers, in order.
template <class V> void add_rows(int64_t n, int64_t width, const int64_t *index, const void *source, void *out) {
    using T = typename V::T;
    const T *from = static_cast<const T *>(source);
    for (int64_t k = 0; k < n; ++k, from += width) {
        T *const to = static_cast<T *>(out) + index[k] * width;
        for_vectors<V>(0, width, [&](int64_t j, auto lanes) LF_LAMBDA { lanes.store(to + j, lanes.load(to + j) + lanes.load(from + j)); });
    }
}

// `rounds` times 12 independent fma chains of 64 steps; returns the flops done, leaves a number that keeps them alive.
template <class V> double probe_fma(int64_t rounds, double *keep) {
    constexpr int CHAINS = 12;
    V acc[CHAINS];
    for (int j = 0; j < CHAINS; ++j) acc[j] = V::set1(static_cast<typename V::T>(j));
    const V a = V::set1(static_cast<typename V::T>(0.999)), b = V::set1(static_cast<typename V::T>(0.001));
    for (int64_t i = 0; i < rounds * 64; ++i) {
#pragma GCC unroll 12
        for (int j = 0; j < CHAINS; ++j) acc[j] = V::fma(acc[j], a, b);
    }
    V sum = acc[0];
    for (int j = 1; j < CHAINS; ++j) sum = sum + acc[j];
    typename V::T lane[V::N];
    V::store(lane, sum);
    *keep = static_cast<double>(lane[0]);
    return 2.0 * 64.0 * CHAINS * V::N * static_cast<double>(rounds);
}

// Reads n numbers (a multiple of 16 vectors) `rounds` times with whole vectors.
template <class V> void probe_read(const void *buffer, int64_t n, int64_t rounds, double *keep) {
    const typename V::T *p = static_cast<const typename V::T *>(buffer);
    V acc[8];
    for (V &a : acc) a = V::zero();
    for (int64_t i = 0; i < rounds; ++i)
        for (int64_t k = 0; k + 8 * V::N <= n; k += 8 * V::N)
#pragma GCC unroll 8
            for (int j = 0; j < 8; ++j) acc[j] = acc[j] + V::load(p + k + j * V::N);
    typename V::T lane[V::N];
    for (int j = 1; j < 8; ++j) acc[0] = acc[0] + acc[j];
    V::store(lane, acc[0]);
    *keep = static_cast<double>(lane[0]);
}

}  // namespace
