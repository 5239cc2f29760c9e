// Sums over one row in an order that no vector width changes, and layer normalisation with them.
#pragma once

namespace {

constexpr int PARTIAL_SUMS = 32;  // number k of a row goes to partial sum k % PARTIAL_SUMS; the partial sums are added pairwise

// All lanes of v joined in every lane: pairwise, the first half with the second.
template <class V, class Join> LF_INLINE V across(V v, Join join) {
#pragma GCC unroll 4
    for (int width = 1; width < V::N; width *= 2) v = join(V::zip_low(v, v), V::zip_high(v, v));
    return v;
}

// term(k, lanes, sum): adds the terms of numbers k.. of the row, n in all, to V sum[M]; zeros for idle lanes.
template <class V, int M, class Term> LF_INLINE void row_sums(int64_t n, V (&total)[M], Term term) {
    constexpr int PARTS = PARTIAL_SUMS / V::N;
    V sum[PARTS][M];
#pragma GCC unroll 8
    for (int p = 0; p < PARTS; ++p)
        for (int m = 0; m < M; ++m) sum[p][m] = V::zero();
    int64_t k = 0;
    for (; k + PARTIAL_SUMS <= n; k += PARTIAL_SUMS)
#pragma GCC unroll 8
        for (int p = 0; p < PARTS; ++p) term(k + p * V::N, Whole<V>(), sum[p]);
    for (int p = 0; p < PARTS && k < n; ++p, k += V::N)
        with_lanes<V>(0, n - k, [&](auto lanes) LF_LAMBDA { term(k, lanes, sum[p]); });
    for (int m = 0; m < M; ++m) {
        for (int width = PARTS / 2; width; width /= 2)
            for (int p = 0; p < width; ++p) sum[p][m] = sum[p][m] + sum[p + width][m];
        total[m] = across(sum[0][m], [](V a, V b) LF_LAMBDA { return a + b; });
    }
}

// (z - mean) / sqrt(variance + epsilon)
template <class V> struct Standard {
    V mean, scale;
    LF_INLINE V operator()(V z) const { return (z - mean) * scale; }
    // The gradient of z, where that of (*this)(z) is d and the row has mean(d) = along[0], mean(d*(*this)(z)) = along[1].
    LF_INLINE V inverse(V d, V standard, const V (&along)[2]) const { return scale * V::fnma(standard, along[1], d - along[0]); }
};

// Of the n numbers z; the variance in a second pass, around the mean.
template <class V> Standard<V> standard_of(const typename V::T *z, int64_t n, double epsilon) {
    using T = typename V::T;
    const V count = V::set1(static_cast<T>(n));
    V mean[1], square[1];
    row_sums<V>(n, mean, [&](int64_t k, auto lanes, V(&sum)[1]) LF_LAMBDA { sum[0] = sum[0] + lanes.load(z + k); });
    mean[0] = mean[0] / count;
    row_sums<V>(n, square, [&](int64_t k, auto lanes, V(&sum)[1]) LF_LAMBDA {
        const V d = lanes.only(lanes.load(z + k) - mean[0]);
        sum[0] = V::fma(d, d, sum[0]);
    });
    return {mean[0], V::set1(1) / V::sqrt(square[0] / count + V::set1(static_cast<T>(epsilon)))};
}

}  // namespace
