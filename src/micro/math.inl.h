// sigmoid and tanh on one vector. Only correctly rounded operations in a fixed order: the same bits on every ISA.
#pragma once

namespace {

#define LF_INLINE inline __attribute__((always_inline))
#define LF_LAMBDA __attribute__((always_inline))

template <class T> struct ExpConstants;
template <> struct ExpConstants<float> {
    static constexpr float log2e = 1.442695f, ln2_hi = 0.6931472f, ln2_lo = -1.9046542e-09f;
    static constexpr float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    static constexpr float limit = 87.9f;        // e^limit is finite, e^-limit is flushed to zero
    static constexpr float saturated = 20.0f;    // (e^x - 1) / (e^x + 1) rounds to 1
};
template <> struct ExpConstants<double> {
    static constexpr double log2e = 1.4426950408889634, ln2_hi = 0.6931471805599453, ln2_lo = 2.3190468138462996e-17;
    static constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double limit = 709.0;
    static constexpr double saturated = 40.0;
};

// (e^r - 1 - r) / r^2 for |r| <= log(2)/2: minimax; relative error of e^r below 0.06 * 2^-24 (float), 0.1 * 2^-53 (double).
template <class V> LF_INLINE V exp_tail(V r, V r2, float) {
    const V low = V::fma(V::set1(0.16666521f), r, V::set1(0.49999994f));
    const V high = V::fma(V::set1(0.008368677f), r, V::set1(0.041668266f));
    return V::fma(V::fma(V::set1(0.0013820734f), r2, high), r2, low);
}
template <class V> LF_INLINE V exp_tail(V r, V r2, double) {
    const V c01 = V::fma(V::set1(0.1666666666666641), r, V::set1(0.5000000000000011));
    const V c23 = V::fma(V::set1(0.00833333333349498), r, V::set1(0.04166666666652972));
    const V c45 = V::fma(V::set1(0.0001984126950577352), r, V::set1(0.0013888888943761658));
    const V c67 = V::fma(V::set1(2.755758680037073e-06), r, V::set1(2.480149294798737e-05));
    const V c89 = V::fma(V::set1(2.5000020789555686e-08), r, V::set1(2.76303069802812e-07));
    const V r4 = r2 * r2;
    const V high = V::fma(c89, r4, V::fma(c67, r2, c45));
    return V::fma(high, r4, V::fma(c23, r2, c01));
}

template <class V> struct ExpParts {
    V fraction;  // e^r - 1, |r| <= log(2)/2
    V scale;     // 2^n:  e^x = scale * (1 + fraction)
};

// |x| <= limit, or NaN (then fraction is NaN).
template <class V> LF_INLINE ExpParts<V> exp_parts(V x) {
    using C = ExpConstants<typename V::T>;
    const V shifted = V::fma(x, V::set1(C::log2e), V::set1(C::magic));
    const V n = shifted - V::set1(C::magic);
    V r = V::fnma(n, V::set1(C::ln2_hi), x);
    r = V::fnma(n, V::set1(C::ln2_lo), r);
    const V r2 = r * r;
    return {V::fma(r2, exp_tail(r, r2, typename V::T()), r), V::pow2(shifted)};
}

// 1 + e^-x = 1/sigmoid(x). The smaller of 1 and 2^n joins first, so that the sum is rounded about once.
template <class V> LF_INLINE V inverse_sigmoid(V x) {
    using C = ExpConstants<typename V::T>;
    const V one = V::set1(1);
    const V y = V::max(V::set1(-C::limit), V::min(V::set1(C::limit), V::zero() - x));
    const ExpParts<V> p = exp_parts(y);
    return V::fma(p.fraction, p.scale, V::min(one, p.scale)) + V::max(one, p.scale);
}

// sigmoid(x) = 1 / (1 + e^-x).
// float, double. Max error 2 ULP, lower tail included. Range: all; a subnormal result is flushed to 0.
// Special values: -Inf -> 0, +Inf -> 1, NaN -> NaN.
template <class V> LF_INLINE V sigmoid(V x) {
    return V::set1(1) / inverse_sigmoid(x);
}

// m = e^2x - 1, the numerator of tanh(x) = m / (m + 2), for products with tanh that divide once.
// Range: all; beyond `saturated` m / (m + 2) rounds to +-1. NaN -> NaN.
template <class V> LF_INLINE V tanh_numerator(V x) {
    const V bound = V::set1(ExpConstants<typename V::T>::saturated);
    const ExpParts<V> p = exp_parts(V::max(V::zero() - bound, V::min(bound, x + x)));
    return V::fma(p.fraction, p.scale, p.scale - V::set1(1));
}

// tanh inside a cell, half the work of tanh. float: max error 2.7 ULP.
template <class V> LF_INLINE V cell_tanh(V x) {
    const V m = tanh_numerator(x);
    return m / (m + V::set1(2));
}

// tanh(x) for |x| < 0.55 as x + x^3 P(x^2): minimax, relative error below 0.02 * 2^-24.
template <class V> LF_INLINE V tanh_small(V x, V, float) {
    const V u = x * x;
    V p = V::fma(V::set1(-0.006246077f), u, V::set1(0.021052506f));
    p = V::fma(p, u, V::set1(-0.053847853f));
    p = V::fma(p, u, V::set1(0.13332546f));
    p = V::fma(p, u, V::set1(-0.33333316f));
    return V::fma(x * u, p, x);
}
// tanh(x) = m / (2 + m) with m = e^2x - 1.
template <class V> LF_INLINE V tanh_small(V, V m, double) {
    return m / (V::set1(2) + m);
}

// tanh(x) = 1 - 2 / (1 + e^2|x|), or tanh_small, with the sign of x.
// float: max error 2 ULP; double: 3 ULP. Range: all; subnormal input gives a zero of its sign.
// Special values: +-Inf -> +-1, +-0 -> +-0, NaN -> NaN.
template <class V> LF_INLINE V tanh(V x) {
    using C = ExpConstants<typename V::T>;
    const V one = V::set1(1), a = V::abs(x);
    const ExpParts<V> p = exp_parts(V::min(V::set1(C::limit), a + a));
    const V big = one - V::set1(2) / (V::fma(p.fraction, p.scale, one) + p.scale);
    const V small = tanh_small(a, V::fma(p.fraction, p.scale, p.scale - one), typename V::T());
    return V::copysign(V::if_less(V::set1(typename V::T(0.55)), a, big, small), x);
}

}  // namespace
