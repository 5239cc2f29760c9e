// P vectors that go through the same function in lockstep, with the operations of one vector.
//
// A single sigmoid is a chain of 20 dependent operations; a core's floating-point scheduler (64 entries on Zen 3) holds only
// two or three such chains. Written out in lockstep, P chains interleave and the units stay busy.
#pragma once

namespace {

template <class V, int P> struct Pack {
    using T = typename V::T;
    V v[P];

#define LF_EACH(expression)              \
    Pack result;                         \
    _Pragma("GCC unroll 8") for (int k = 0; k < P; ++k) result.v[k] = expression; \
    return result
    static LF_INLINE Pack zero() { LF_EACH(V::zero()); }
    static LF_INLINE Pack set1(T a) { LF_EACH(V::set1(a)); }
    static LF_INLINE Pack fma(Pack a, Pack b, Pack c) { LF_EACH(V::fma(a.v[k], b.v[k], c.v[k])); }
    static LF_INLINE Pack fnma(Pack a, Pack b, Pack c) { LF_EACH(V::fnma(a.v[k], b.v[k], c.v[k])); }
    static LF_INLINE Pack max(Pack a, Pack b) { LF_EACH(V::max(a.v[k], b.v[k])); }
    static LF_INLINE Pack min(Pack a, Pack b) { LF_EACH(V::min(a.v[k], b.v[k])); }
    static LF_INLINE Pack abs(Pack a) { LF_EACH(V::abs(a.v[k])); }
    static LF_INLINE Pack copysign(Pack a, Pack b) { LF_EACH(V::copysign(a.v[k], b.v[k])); }
    static LF_INLINE Pack if_less(Pack a, Pack b, Pack c, Pack d) { LF_EACH(V::if_less(a.v[k], b.v[k], c.v[k], d.v[k])); }
    static LF_INLINE Pack pow2(Pack a) { LF_EACH(V::pow2(a.v[k])); }
    friend LF_INLINE Pack operator+(Pack a, Pack b) { LF_EACH(a.v[k] + b.v[k]); }
    friend LF_INLINE Pack operator-(Pack a, Pack b) { LF_EACH(a.v[k] - b.v[k]); }
    friend LF_INLINE Pack operator*(Pack a, Pack b) { LF_EACH(a.v[k] * b.v[k]); }
    friend LF_INLINE Pack operator/(Pack a, Pack b) { LF_EACH(a.v[k] / b.v[k]); }
#undef LF_EACH
};

// P neighbours of a batch from vector `first`, which go through a whole cell in registers: the last chains of a group overlap with
// the first of the next, and where there is but one group, nothing waits for memory.
template <class V, int P> struct Group {
    using X = Pack<V, P>;
    const Batch<V> &batch;
    const int first;
    template <class F> LF_INLINE void each(F f) const {  // f(k in [0, P), number in the batch, lanes)
#pragma GCC unroll 8
        for (int k = 0; k < P; ++k) batch.with(first + k, [&](auto lanes) LF_LAMBDA { f(k, first + k, lanes); });
    }
    LF_INLINE X load(const typename V::T *p, int64_t stride) const {  // whole vectors, `stride` apart in the batch
        X x;
#pragma GCC unroll 8
        for (int k = 0; k < P; ++k) x.v[k] = V::load(p + (first + k) * stride);
        return x;
    }
};

// f(group) for the vectors of a batch: two at a time (of 64 bytes; of fewer three), the rest alone.
template <class V, class F> LF_INLINE void in_groups(const Batch<V> &batch, F f) {
    constexpr int P = V::N * sizeof(typename V::T) == 64 ? 2 : 3;
    int k = 0;
    for (; k + P <= batch.count; k += P) f(Group<V, P>{batch, k});
    for (; k < batch.count; ++k) f(Group<V, 1>{batch, k});
}

// Vectors per pack: three or four live values each must fit the registers.
template <class V> constexpr int pack_size() { return V::registers == 32 ? 6 : 3; }

// p[k*stride] = function(p[k*stride]) for k in [0, n), 0 < n; one pack, which repeats its last vector when n < P.
template <class V, int P, class F> LF_INLINE void in_pack(typename V::T *p, int64_t stride, int n, F function) {
    Pack<V, P> x;
#pragma GCC unroll 8
    for (int k = 0; k < P; ++k) x.v[k] = V::load(p + smaller(k, n - 1) * stride);
    x = function(x);
#pragma GCC unroll 8
    for (int k = 0; k < P; ++k) V::store(p + smaller(k, n - 1) * stride, x.v[k]);
}

// The same for any n, in packs; what is left over takes a smaller pack.
template <class V, class F> LF_INLINE void in_packs(typename V::T *p, int64_t stride, int n, F function) {
    constexpr int P = pack_size<V>(), THIRD = P / 3;
    for (; n > 2 * THIRD; n -= P, p += P * stride) in_pack<V, P>(p, stride, n, function);
    if (n > THIRD) in_pack<V, 2 * THIRD>(p, stride, n, function);
    else if (n > 0) in_pack<V, THIRD>(p, stride, n, function);
}

// The functions of math.inl.h as arguments of in_packs.
struct Sigmoid {
    template <class X> LF_INLINE X operator()(X x) const { return sigmoid(x); }
};
struct CellTanh {
    template <class X> LF_INLINE X operator()(X x) const { return cell_tanh(x); }
};

}  // namespace
