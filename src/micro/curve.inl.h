// Activation functions chosen at run time, with their slopes: one call of this text serves a whole hot tile.
#pragma once

namespace {

// e^x and e^x - 1, the latter accurate near 0. x is bounded so that both are finite; underflow gives 0.
template <class X> struct Exp {
    X value, minus_one;
};
template <class X> LF_INLINE Exp<X> exp_of(X x) {
    using C = ExpConstants<typename X::T>;
    const ExpParts<X> p = exp_parts(X::max(X::set1(-C::limit), X::min(X::set1(C::limit), x)));
    return {X::fma(p.fraction, p.scale, p.scale), X::fma(p.fraction, p.scale, p.scale - X::set1(1))};
}

// log(1 + u) for 0 <= u <= 1 as 2 atanh(u / (2 + u)): the series in s^2 <= 1/9, cut below half an ULP of the sum.
template <class X> LF_INLINE X log1p_unit(X u) {
    constexpr int terms = sizeof(typename X::T) == 4 ? 8 : 17;
    const X s = u / (u + X::set1(2)), s2 = s * s;
    X sum = X::zero();
#pragma GCC unroll 17
    for (int k = terms; k > 0; --k)
        sum = X::fma(sum, s2, X::set1(static_cast<typename X::T>(1.0 / (2 * k + 1))));
    return (s + s) + (s + s) * (s2 * sum);
}

// erfc(z) = t e^(P - z^2) with t = 2 / (2 + z), P a polynomial in (t - middle) / half, for z up to `limit`, beyond which it is
// below half an ULP of 1: least squares at Chebyshev points, error below 7e-9 (float), 3e-15 (double).
template <class T> struct ErfcConstants;
template <> struct ErfcConstants<float> {
    static constexpr float limit = 4.2f, middle = 0.6612903f, half = 0.33870968f;
    static constexpr float p[] = {-0.45153504610061646f, 0.4658738076686859f, -0.0005155857070349157f, -0.015584244392812252f,
                                  0.0009445445029996336f, 0.0010846223449334502f, -0.00023168118786998093f, -6.58510543871671e-05f,
                                  2.8364380341372453e-05f, 1.0789366342578433e-06f};
};
template <> struct ErfcConstants<double> {
    static constexpr double limit = 6.2, middle = 0.6219512195121951, half = 0.3780487804878049;
    static constexpr double p[] = {-0.505625880176012, 0.5194065993840484, 0.006195437146268405, -0.022067955850836388,
                                   0.00042425904097503724, 0.002129075562560642, -0.0003348547252746483, -0.0002118985550883286,
                                   8.617501925337401e-05, 1.090284315091042e-05, -1.4948930918873946e-05, 2.160580140169734e-06,
                                   1.6383582056215834e-06, -7.693745362283204e-07, -3.039683511619236e-08, 1.2148068351567532e-07,
                                   -2.5757921379477076e-08, -9.535608772877708e-09, 3.788468239009961e-09, 9.927635158166928e-11};
};

// The normal distribution, (1 + erf(x / sqrt 2)) / 2.
template <class X> LF_INLINE X normal_distribution(X x) {
    using C = ErfcConstants<typename X::T>;
    using T = typename X::T;
    const X far = X::abs(x) * X::set1(static_cast<T>(0.70710678118654752)), z = X::min(X::set1(C::limit), far);
    const X t = X::set1(2) / (X::set1(2) + z), s = (t - X::set1(C::middle)) / X::set1(C::half);
    constexpr int terms = sizeof(C::p) / sizeof(T);
    X sum = X::set1(C::p[terms - 1]);
#pragma GCC unroll 20
    for (int k = terms - 2; k >= 0; --k) sum = X::fma(sum, s, X::set1(C::p[k]));
    X tail = X::set1(T(0.5)) * t * exp_of(X::fnma(z, z, sum)).value;
    tail = X::if_less(X::set1(C::limit), far, X::zero(), tail);
    return X::if_less(x, X::zero(), tail, X::set1(1) - tail);
}

// value(x) and slope(x, y) with y = value(x), for each kind of lf_function; a, b are its alpha and beta.
template <class X, int KIND> struct Curve {
    X a, b;
    static LF_INLINE X one() { return X::set1(1); }
    static LF_INLINE X step(X below, X x) { return X::if_less(below, x, one(), X::zero()); }  // 1 where below < x

    LF_INLINE X value(X x) const {
        if constexpr (KIND == LF_LINEAR) return x;
        if constexpr (KIND == LF_RELU) return X::max(X::zero(), x);
        if constexpr (KIND == LF_TANH) return cell_tanh(x);
        if constexpr (KIND == LF_SIGMOID) return sigmoid(x);
        if constexpr (KIND == LF_AFFINE) return X::fma(a, x, b);
        if constexpr (KIND == LF_LEAKY_RELU) return X::if_less(x, X::zero(), a * x, x);
        if constexpr (KIND == LF_THRESHOLDED_RELU) return X::if_less(a, x, x, X::max(X::zero(), X::min(X::zero(), x)));
        if constexpr (KIND == LF_SCALED_TANH) return a * cell_tanh(b * x);
        if constexpr (KIND == LF_HARD_SIGMOID) return X::max(X::zero(), X::min(one(), X::fma(a, x, b)));
        if constexpr (KIND == LF_ELU) return b * X::if_less(X::zero(), x, x, a * exp_of(X::min(X::zero(), x)).minus_one);
        if constexpr (KIND == LF_SOFTSIGN) return x / (one() + X::abs(x));
        if constexpr (KIND == LF_SOFTPLUS) return X::max(X::zero(), x) + log1p_unit(exp_of(X::zero() - X::abs(x)).value);
        if constexpr (KIND == LF_EXPONENTIAL) return exp_of(x).value;
        if constexpr (KIND == LF_SILU) return x * sigmoid(x);
        if constexpr (KIND == LF_RELU6) return X::min(X::set1(6), X::max(X::zero(), x));
        if constexpr (KIND == LF_MISH) return x * tanh_softplus(x);
        if constexpr (KIND == LF_GELU) return x * normal_distribution(x);
    }

    LF_INLINE X slope(X x, X y) const {
        if constexpr (KIND == LF_LINEAR) return one();
        if constexpr (KIND == LF_RELU) return step(X::zero(), x);
        if constexpr (KIND == LF_TANH) return X::fnma(y, y, one());
        if constexpr (KIND == LF_SIGMOID) return y * (one() - y);
        if constexpr (KIND == LF_AFFINE) return a;
        if constexpr (KIND == LF_LEAKY_RELU) return X::if_less(x, X::zero(), a, one());
        if constexpr (KIND == LF_THRESHOLDED_RELU) return step(a, x);
        if constexpr (KIND == LF_SCALED_TANH) {
            const X t = cell_tanh(b * x);
            return a * b * X::fnma(t, t, one());
        }
        if constexpr (KIND == LF_HARD_SIGMOID) return a * (step(X::zero(), y) * step(y, one()));
        if constexpr (KIND == LF_ELU) return b * X::if_less(X::zero(), x, one(), a * exp_of(X::min(X::zero(), x)).value);
        if constexpr (KIND == LF_SOFTSIGN) {
            const X d = one() / (one() + X::abs(x));
            return d * d;
        }
        if constexpr (KIND == LF_SOFTPLUS) return sigmoid(x);
        if constexpr (KIND == LF_EXPONENTIAL) return y;
        if constexpr (KIND == LF_SILU) {
            const X s = sigmoid(x);
            return X::fma(y, one() - s, s);
        }
        if constexpr (KIND == LF_RELU6) return step(X::zero(), y) * step(y, X::set1(6));
        if constexpr (KIND == LF_GELU) {
            const X density = X::set1(static_cast<typename X::T>(0.39894228040143268)) * exp_of(X::set1(typename X::T(-0.5)) * x * x).value;
            return X::fma(x, density, normal_distribution(x));
        }
        if constexpr (KIND == LF_MISH) {
            const X t = tanh_softplus(x);
            return X::fma(x * X::fnma(t, t, one()), sigmoid(x), t);
        }
    }

    // tanh(log(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2); 1 from 40 on.
    static LF_INLINE X tanh_softplus(X x) {
        const X e = exp_of(X::min(X::set1(40), x)).value, n = e * (e + X::set1(2));
        return n / (n + X::set1(2));
    }
};

// p[k*stride] = f(p[k*stride]), slopes[k*stride] *= f', k in [0, n), in packs; slopes may be NULL.
template <class V, int KIND>
__attribute__((noinline)) void curve_packs(const lf_function &f, typename V::T *p, typename V::T *slopes, int64_t stride, int n) {
    constexpr int P = pack_size<V>() / 3;  // a mish with its slope holds more live values than a sigmoid
    using X = Pack<V, P>;
    const Curve<X, KIND> curve = {X::set1(static_cast<typename V::T>(f.alpha)), X::set1(static_cast<typename V::T>(f.beta))};
    for (int k0 = 0; k0 < n; k0 += P) {
        X x, s;
        for (int k = 0; k < P; ++k) x.v[k] = V::load(p + smaller(k0 + k, n - 1) * stride);
        const X y = curve.value(x);
        if (slopes) {
            s = curve.slope(x, y);
            for (int k = 0; k < P && k0 + k < n; ++k) {
                typename V::T *const q = slopes + (k0 + k) * stride;
                V::store(q, V::load(q) * s.v[k]);
            }
        }
        for (int k = 0; k < P && k0 + k < n; ++k) V::store(p + (k0 + k) * stride, y.v[k]);
    }
}

// The function f behind a clip of its argument to [-clip, clip] (clip <= 0: none), over n vectors `stride` apart, in place.
// slopes, laid out like p and written when not NULL: the derivative, 0 where the clip holds.
template <class V>
inline void apply_curve(const lf_function &f, double clip, typename V::T *p, typename V::T *slopes, int64_t stride, int n) {
    using T = typename V::T;
    const V bound = V::set1(static_cast<T>(clip)), one = V::set1(1);
    if (clip <= 0 && (f.kind == LF_SIGMOID || f.kind == LF_TANH)) {  // whole packs
        const bool is_tanh = f.kind == LF_TANH;
        if (is_tanh) in_packs<V>(p, stride, n, CellTanh());
        else in_packs<V>(p, stride, n, Sigmoid());
        for (int k = 0; slopes && k < n; ++k) {
            const V y = V::load(p + k * stride);
            V::store(slopes + k * stride, is_tanh ? V::fnma(y, y, one) : y * (one - y));
        }
        return;
    }
    if (slopes || clip > 0)
        for (int k = 0; k < n; ++k) {
            const V x = V::load(p + k * stride);
            if (slopes) V::store(slopes + k * stride, clip > 0 ? V::if_less(V::abs(x), bound, one, V::zero()) : one);
            if (clip > 0) V::store(p + k * stride, V::max(V::zero() - bound, V::min(bound, x)));
        }
    if (!slopes && f.kind == LF_SIGMOID) return in_packs<V>(p, stride, n, Sigmoid());
    if (!slopes && f.kind == LF_TANH) return in_packs<V>(p, stride, n, CellTanh());
    switch (f.kind) {
#define LF_CASE(kind) \
    case kind: return curve_packs<V, kind>(f, p, slopes, stride, n)
        LF_CASE(LF_RELU);
        LF_CASE(LF_TANH);
        LF_CASE(LF_SIGMOID);
        LF_CASE(LF_AFFINE);
        LF_CASE(LF_LEAKY_RELU);
        LF_CASE(LF_THRESHOLDED_RELU);
        LF_CASE(LF_SCALED_TANH);
        LF_CASE(LF_HARD_SIGMOID);
        LF_CASE(LF_ELU);
        LF_CASE(LF_SOFTSIGN);
        LF_CASE(LF_SOFTPLUS);
        LF_CASE(LF_EXPONENTIAL);
        LF_CASE(LF_SILU);
        LF_CASE(LF_RELU6);
        LF_CASE(LF_MISH);
        LF_CASE(LF_GELU);
#undef LF_CASE
        default: return;  // LF_LINEAR
    }
}

}  // namespace
