// One vector of AVX-512 (F, DQ): 16 floats or 8 doubles. See vec_generic.h for the contract of the operations.
#pragma once
#include <immintrin.h>

namespace {

template <class S> struct Vec;

template <> struct Vec<float> {
    using T = float;
    using Mask = __mmask16;
    static constexpr int N = 16;
    static constexpr int registers = 32;
    __m512 v;

    static Vec zero() { return {_mm512_setzero_ps()}; }
    static Vec set1(T a) { return {_mm512_set1_ps(a)}; }
    static Vec load(const T *p) { return {_mm512_loadu_ps(p)}; }
    static void store(T *p, Vec a) { _mm512_storeu_ps(p, a.v); }
    static void stream(T *p, Vec a) { _mm512_stream_ps(p, a.v); }
    static void settle() { _mm_sfence(); }
    static Mask mask(int n) { return static_cast<Mask>((1u << n) - 1u); }
    static Vec load(const T *p, Mask m) { return {_mm512_maskz_loadu_ps(m, p)}; }
    static void store(T *p, Vec a, Mask m) { _mm512_mask_storeu_ps(p, m, a.v); }
    static Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
    static Vec fnma(Vec a, Vec b, Vec c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
    static Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
    static Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
    static Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
    static Vec abs(Vec a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.v)}; }
    static Vec copysign(Vec magnitude, Vec sign) {
        const __m512 s = _mm512_set1_ps(-0.0f);
        return {_mm512_or_ps(_mm512_andnot_ps(s, magnitude.v), _mm512_and_ps(s, sign.v))};
    }
    static Vec if_less(Vec a, Vec b, Vec yes, Vec no) {
        return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), no.v, yes.v)};
    }
    static Vec zip_low(Vec a, Vec b) {
        return {_mm512_permutex2var_ps(a.v, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b.v)};
    }
    static Vec zip_high(Vec a, Vec b) {
        return {_mm512_permutex2var_ps(a.v, _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b.v)};
    }
    static Vec pow2(Vec shifted) {
        const __m512i n = _mm512_slli_epi32(_mm512_castps_si512(shifted.v), 23);
        return {_mm512_castsi512_ps(_mm512_add_epi32(n, _mm512_set1_epi32(0x3f800000)))};
    }
    friend Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
    friend Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
    friend Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
    friend Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
};

template <> struct Vec<double> {
    using T = double;
    using Mask = __mmask8;
    static constexpr int N = 8;
    static constexpr int registers = 32;
    __m512d v;

    static Vec zero() { return {_mm512_setzero_pd()}; }
    static Vec set1(T a) { return {_mm512_set1_pd(a)}; }
    static Vec load(const T *p) { return {_mm512_loadu_pd(p)}; }
    static void store(T *p, Vec a) { _mm512_storeu_pd(p, a.v); }
    static void stream(T *p, Vec a) { _mm512_stream_pd(p, a.v); }
    static void settle() { _mm_sfence(); }
    static Mask mask(int n) { return static_cast<Mask>((1u << n) - 1u); }
    static Vec load(const T *p, Mask m) { return {_mm512_maskz_loadu_pd(m, p)}; }
    static void store(T *p, Vec a, Mask m) { _mm512_mask_storeu_pd(p, m, a.v); }
    static Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
    static Vec fnma(Vec a, Vec b, Vec c) { return {_mm512_fnmadd_pd(a.v, b.v, c.v)}; }
    static Vec max(Vec a, Vec b) { return {_mm512_max_pd(a.v, b.v)}; }
    static Vec min(Vec a, Vec b) { return {_mm512_min_pd(a.v, b.v)}; }
    static Vec sqrt(Vec a) { return {_mm512_sqrt_pd(a.v)}; }
    static Vec abs(Vec a) { return {_mm512_andnot_pd(_mm512_set1_pd(-0.0), a.v)}; }
    static Vec copysign(Vec magnitude, Vec sign) {
        const __m512d s = _mm512_set1_pd(-0.0);
        return {_mm512_or_pd(_mm512_andnot_pd(s, magnitude.v), _mm512_and_pd(s, sign.v))};
    }
    static Vec if_less(Vec a, Vec b, Vec yes, Vec no) {
        return {_mm512_mask_blend_pd(_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ), no.v, yes.v)};
    }
    static Vec zip_low(Vec a, Vec b) {
        return {_mm512_permutex2var_pd(a.v, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b.v)};
    }
    static Vec zip_high(Vec a, Vec b) {
        return {_mm512_permutex2var_pd(a.v, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b.v)};
    }
    static Vec pow2(Vec shifted) {
        const __m512i n = _mm512_slli_epi64(_mm512_castpd_si512(shifted.v), 52);
        return {_mm512_castsi512_pd(_mm512_add_epi64(n, _mm512_set1_epi64(0x3ff0000000000000)))};
    }
    friend Vec operator+(Vec a, Vec b) { return {_mm512_add_pd(a.v, b.v)}; }
    friend Vec operator-(Vec a, Vec b) { return {_mm512_sub_pd(a.v, b.v)}; }
    friend Vec operator*(Vec a, Vec b) { return {_mm512_mul_pd(a.v, b.v)}; }
    friend Vec operator/(Vec a, Vec b) { return {_mm512_div_pd(a.v, b.v)}; }
};

}  // namespace
