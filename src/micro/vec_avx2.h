// One vector of AVX2: 8 floats or 4 doubles. The operations every kernel is written in; see vec_generic.h for their contract.
#pragma once
#include <immintrin.h>

namespace {

template <class S> struct Vec;

template <> struct Vec<float> {
    using T = float;
    using Mask = __m256i;
    static constexpr int N = 8;
    static constexpr int registers = 16;
    __m256 v;

    static Vec zero() { return {_mm256_setzero_ps()}; }
    static Vec set1(T a) { return {_mm256_set1_ps(a)}; }
    static Vec load(const T *p) { return {_mm256_loadu_ps(p)}; }
    static void store(T *p, Vec a) { _mm256_storeu_ps(p, a.v); }
    static void stream(T *p, Vec a) { _mm256_stream_ps(p, a.v); }
    static void settle() { _mm_sfence(); }
    static Mask mask(int n) {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }
    static Vec load(const T *p, Mask m) { return {_mm256_maskload_ps(p, m)}; }
    static void store(T *p, Vec a, Mask m) { _mm256_maskstore_ps(p, m, a.v); }
    static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
    static Vec fnma(Vec a, Vec b, Vec c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
    static Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
    static Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
    static Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
    static Vec abs(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
    static Vec copysign(Vec magnitude, Vec sign) {
        const __m256 s = _mm256_set1_ps(-0.0f);
        return {_mm256_or_ps(_mm256_andnot_ps(s, magnitude.v), _mm256_and_ps(s, sign.v))};
    }
    static Vec if_less(Vec a, Vec b, Vec yes, Vec no) {
        return {_mm256_blendv_ps(no.v, yes.v, _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ))};
    }
    static Vec zip_low(Vec a, Vec b) {
        return {_mm256_permute2f128_ps(_mm256_unpacklo_ps(a.v, b.v), _mm256_unpackhi_ps(a.v, b.v), 0x20)};
    }
    static Vec zip_high(Vec a, Vec b) {
        return {_mm256_permute2f128_ps(_mm256_unpacklo_ps(a.v, b.v), _mm256_unpackhi_ps(a.v, b.v), 0x31)};
    }
    static Vec pow2(Vec shifted) {
        const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted.v), 23);
        return {_mm256_castsi256_ps(_mm256_add_epi32(n, _mm256_set1_epi32(0x3f800000)))};
    }
    friend Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
    friend Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
    friend Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
    friend Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
};

template <> struct Vec<double> {
    using T = double;
    using Mask = __m256i;
    static constexpr int N = 4;
    static constexpr int registers = 16;
    __m256d v;

    static Vec zero() { return {_mm256_setzero_pd()}; }
    static Vec set1(T a) { return {_mm256_set1_pd(a)}; }
    static Vec load(const T *p) { return {_mm256_loadu_pd(p)}; }
    static void store(T *p, Vec a) { _mm256_storeu_pd(p, a.v); }
    static void stream(T *p, Vec a) { _mm256_stream_pd(p, a.v); }
    static void settle() { _mm_sfence(); }
    static Mask mask(int n) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)); }
    static Vec load(const T *p, Mask m) { return {_mm256_maskload_pd(p, m)}; }
    static void store(T *p, Vec a, Mask m) { _mm256_maskstore_pd(p, m, a.v); }
    static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
    static Vec fnma(Vec a, Vec b, Vec c) { return {_mm256_fnmadd_pd(a.v, b.v, c.v)}; }
    static Vec max(Vec a, Vec b) { return {_mm256_max_pd(a.v, b.v)}; }
    static Vec min(Vec a, Vec b) { return {_mm256_min_pd(a.v, b.v)}; }
    static Vec sqrt(Vec a) { return {_mm256_sqrt_pd(a.v)}; }
    static Vec abs(Vec a) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), a.v)}; }
    static Vec copysign(Vec magnitude, Vec sign) {
        const __m256d s = _mm256_set1_pd(-0.0);
        return {_mm256_or_pd(_mm256_andnot_pd(s, magnitude.v), _mm256_and_pd(s, sign.v))};
    }
    static Vec if_less(Vec a, Vec b, Vec yes, Vec no) {
        return {_mm256_blendv_pd(no.v, yes.v, _mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ))};
    }
    static Vec zip_low(Vec a, Vec b) {
        return {_mm256_permute2f128_pd(_mm256_unpacklo_pd(a.v, b.v), _mm256_unpackhi_pd(a.v, b.v), 0x20)};
    }
    static Vec zip_high(Vec a, Vec b) {
        return {_mm256_permute2f128_pd(_mm256_unpacklo_pd(a.v, b.v), _mm256_unpackhi_pd(a.v, b.v), 0x31)};
    }
    static Vec pow2(Vec shifted) {
        const __m256i n = _mm256_slli_epi64(_mm256_castpd_si256(shifted.v), 52);
        return {_mm256_castsi256_pd(_mm256_add_epi64(n, _mm256_set1_epi64x(0x3ff0000000000000)))};
    }
    friend Vec operator+(Vec a, Vec b) { return {_mm256_add_pd(a.v, b.v)}; }
    friend Vec operator-(Vec a, Vec b) { return {_mm256_sub_pd(a.v, b.v)}; }
    friend Vec operator*(Vec a, Vec b) { return {_mm256_mul_pd(a.v, b.v)}; }
    friend Vec operator/(Vec a, Vec b) { return {_mm256_div_pd(a.v, b.v)}; }
};

}  // namespace
