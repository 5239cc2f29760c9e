// One "vector" of width 1 in portable C++: the scalar row of the kernel table, and the contract of every vector type.
//
// Vec<T> (T float or double) with N lanes and `registers` architectural registers. Every operation is lane-wise and
// correctly rounded (IEEE 754, to nearest), so that a lane's result does not depend on the instruction set:
//   mask(n)            the first n lanes, 1 <= n <= N; masked load gives 0 in the other lanes and touches no memory there
//   stream(p,a)        store past the caches, p aligned to a vector; settle() before other threads read it
//   fma(a,b,c)         a*b+c with one rounding;  fnma(a,b,c) = -(a*b)+c with one rounding
//   max(a,b), min(a,b) a > b ? a : b, a < b ? a : b: a NaN in b is kept
//   if_less(a,b,y,n)   a < b ? y : n (n when unordered)
//   copysign(m,s)      |m| with the sign bit of s
//   zip_low(a,b), zip_high(a,b)  a_0 b_0 a_1 b_1 ... of the first, of the last N/2 lanes
//   pow2(s)            2^n for s = n + 1.5*2^(mantissa bits): n is in the low bits of s; -126 <= n <= 127 (float)
#pragma once
#include <stdint.h>
#include <string.h>

namespace {

template <class S> struct ScalarBits;
template <> struct ScalarBits<float> {
    using U = uint32_t;
    static constexpr int mantissa = 23;
    static constexpr U one = 0x3f800000u;
};
template <> struct ScalarBits<double> {
    using U = uint64_t;
    static constexpr int mantissa = 52;
    static constexpr U one = 0x3ff0000000000000u;
};

inline float scalar_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double scalar_fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline float scalar_sqrt(float a) { return __builtin_sqrtf(a); }
inline double scalar_sqrt(double a) { return __builtin_sqrt(a); }
inline float scalar_abs(float a) { return __builtin_fabsf(a); }
inline double scalar_abs(double a) { return __builtin_fabs(a); }
inline float scalar_copysign(float a, float b) { return __builtin_copysignf(a, b); }
inline double scalar_copysign(double a, double b) { return __builtin_copysign(a, b); }

template <class S> struct Vec {
    using T = S;
    struct Mask {};
    static constexpr int N = 1;
    static constexpr int registers = 16;
    T v;

    static Vec zero() { return {T(0)}; }
    static Vec set1(T a) { return {a}; }
    static Vec load(const T *p) { return {*p}; }
    static void store(T *p, Vec a) { *p = a.v; }
    static void stream(T *p, Vec a) { store(p, a); }
    static void settle() {}
    static Mask mask(int) { return {}; }
    static Vec load(const T *p, Mask) { return {*p}; }
    static void store(T *p, Vec a, Mask) { *p = a.v; }
    static Vec fma(Vec a, Vec b, Vec c) { return {scalar_fma(a.v, b.v, c.v)}; }
    static Vec fnma(Vec a, Vec b, Vec c) { return {scalar_fma(-a.v, b.v, c.v)}; }
    static Vec max(Vec a, Vec b) { return {a.v > b.v ? a.v : b.v}; }
    static Vec min(Vec a, Vec b) { return {a.v < b.v ? a.v : b.v}; }
    static Vec sqrt(Vec a) { return {scalar_sqrt(a.v)}; }
    static Vec abs(Vec a) { return {scalar_abs(a.v)}; }
    static Vec copysign(Vec magnitude, Vec sign) { return {scalar_copysign(magnitude.v, sign.v)}; }
    static Vec if_less(Vec a, Vec b, Vec yes, Vec no) { return a.v < b.v ? yes : no; }
    static Vec zip_low(Vec a, Vec) { return a; }
    static Vec zip_high(Vec, Vec b) { return b; }
    static Vec pow2(Vec shifted) {
        typename ScalarBits<T>::U bits;
        memcpy(&bits, &shifted.v, sizeof bits);
        bits = (bits << ScalarBits<T>::mantissa) + ScalarBits<T>::one;
        Vec r;
        memcpy(&r.v, &bits, sizeof bits);
        return r;
    }
    friend Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
    friend Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
    friend Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
    friend Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
};

}  // namespace
