// Softmax over the rows of a matrix, and its cross-entropy.
#pragma once

namespace {

// e^x. float: max error 1 ULP. Range: x <= 0, below -87.9 (float; double -709) the result is 0. NaN -> NaN.
struct ExpOfNegative {
    template <class X> LF_INLINE X operator()(X x) const {
        using C = ExpConstants<typename X::T>;
        const ExpParts<X> p = exp_parts(X::max(X::set1(-C::limit), x));
        return X::fma(p.fraction, p.scale, p.scale);
    }
};

// The largest of n numbers, in every lane; idle (lanes): -Inf in the lanes of the last vector that have none of them, else 0.
template <class V> LF_INLINE V largest(const typename V::T *x, int64_t n, V idle) {
    V top[2] = {V::set1(-__builtin_inff()), V::set1(-__builtin_inff())};
    int64_t k = 0;
    for (; k + 2 * V::N < n; k += 2 * V::N)
        for (int p = 0; p < 2; ++p) top[p] = V::max(V::load(x + k + p * V::N), top[p]);
    for (; k + V::N < n; k += V::N) top[0] = V::max(V::load(x + k), top[0]);
    with_lanes<V>(0, n - k, [&](auto lanes) LF_LAMBDA { top[1] = V::max(lanes.load(x + k) + idle, top[1]); });
    return across(V::max(top[0], top[1]), [](V a, V b) LF_LAMBDA { return V::max(a, b); });
}

// y[r] = e^(x[r] - max x[r]) / sum; x, y (rows, C); x may be y. Rows go through e^x together, as many vectors as keep its packs full.
template <class V> void softmax(int64_t rows, int64_t C, const void *in, void *out) {
    using T = typename V::T;
    constexpr int64_t HOT = 24;  // vectors
    alignas(64) T z[HOT * V::N];
    const T *const x = static_cast<const T *>(in);
    T *const y = static_cast<T *>(out);
    const int64_t blocks = ceil_div(C, V::N), together = larger<int64_t>(1, HOT / blocks);
    V idle = V::set1(-__builtin_inff()), top[HOT];
    with_lanes<V>(blocks - 1, C, [&](auto lanes) {
        alignas(64) T lane[V::N];
        V::store(lane, idle);
        lanes.store(lane, V::zero());
        idle = V::load(lane);
    });
    for (int64_t r0 = 0; r0 < rows; r0 += together) {
        const int64_t r1 = smaller(rows, r0 + together);
        for (int64_t r = r0; r < r1; ++r) top[r - r0] = largest<V>(x + r * C, C, idle);
        for (int64_t block0 = 0; block0 < blocks; block0 += HOT) {
            const int64_t count = smaller(HOT, blocks - block0);
            const auto each = [&](auto f) LF_LAMBDA {
                for (int64_t r = r0; r < r1; ++r)
                    for (int64_t j = 0; j < count; ++j)
                        with_lanes<V>(block0 + j, C, [&](auto lanes) LF_LAMBDA {
                            f(lanes, r * C + (block0 + j) * V::N, z + ((r - r0) * count + j) * V::N, r - r0);
                        });
            };
            each([&](auto lanes, int64_t at, T *hot, int64_t row) LF_LAMBDA { V::store(hot, lanes.load(x + at) - top[row]); });
            in_packs<V>(z, V::N, static_cast<int>((r1 - r0) * count), ExpOfNegative());
            each([&](auto lanes, int64_t at, T *hot, int64_t) LF_LAMBDA { lanes.store(y + at, V::load(hot)); });
        }
        for (int64_t r = r0; r < r1; ++r) {
            T *const row = y + r * C;
            V total[1];
            row_sums<V>(C, total, [&](int64_t k, auto lanes, V(&sum)[1]) LF_LAMBDA { sum[0] = sum[0] + lanes.load(row + k); });
            const V factor = V::set1(1) / total[0];
            for_vectors<V>(0, C, [&](int64_t k, auto lanes) LF_LAMBDA { lanes.store(row + k, lanes.load(row + k) * factor); });
        }
    }
}

template <class V> void class_gradient(const lf_classes &a) {
    using T = typename V::T;
    const T *p = static_cast<const T *>(a.p), *const weight = static_cast<const T *>(a.weight);
    T *d = static_cast<T *>(a.dlogits);
    for (int64_t r = 0; r < a.rows; ++r, p += a.C) {
        const int64_t label = a.label[r];
        static_cast<T *>(a.chosen)[r] = p[label];
        if (!d) continue;
        const T factor = static_cast<T>(a.scale) * (weight ? weight[r / (a.rows / a.weights)] : T(1));
        for_vectors<V>(0, a.C, [&](int64_t k, auto lanes) LF_LAMBDA { lanes.store(d + k, lanes.load(p + k) * V::set1(factor)); });
        d[label] = (p[label] - T(1)) * factor;
        d += a.C;
    }
}

}  // namespace
