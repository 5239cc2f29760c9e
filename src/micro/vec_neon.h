// One vector of AArch64 NEON: 4 floats or 2 doubles. See vec_generic.h for the contract of the operations.
#pragma once
#include <arm_neon.h>

namespace {

template <class S> struct Vec;

template <> struct Vec<float> {
    using T = float;
    using Mask = int;  // number of leading lanes
    static constexpr int N = 4;
    static constexpr int registers = 32;
    float32x4_t v;

    static Vec zero() { return {vdupq_n_f32(0.0f)}; }
    static Vec set1(T a) { return {vdupq_n_f32(a)}; }
    static Vec load(const T *p) { return {vld1q_f32(p)}; }
    static void store(T *p, Vec a) { vst1q_f32(p, a.v); }
    static void stream(T *p, Vec a) { store(p, a); }
    static void settle() {}
    static Mask mask(int n) { return n; }
    static Vec load(const T *p, Mask m) {
        T lane[N] = {};
        for (int l = 0; l < m; ++l) lane[l] = p[l];
        return load(lane);
    }
    static void store(T *p, Vec a, Mask m) {
        T lane[N];
        store(lane, a);
        for (int l = 0; l < m; ++l) p[l] = lane[l];
    }
    static Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
    static Vec fnma(Vec a, Vec b, Vec c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
    static Vec max(Vec a, Vec b) { return {vbslq_f32(vcgtq_f32(a.v, b.v), a.v, b.v)}; }
    static Vec min(Vec a, Vec b) { return {vbslq_f32(vcltq_f32(a.v, b.v), a.v, b.v)}; }
    static Vec sqrt(Vec a) { return {vsqrtq_f32(a.v)}; }
    static Vec abs(Vec a) { return {vabsq_f32(a.v)}; }
    static Vec copysign(Vec magnitude, Vec sign) {
        return {vbslq_f32(vdupq_n_u32(0x80000000u), sign.v, magnitude.v)};
    }
    static Vec if_less(Vec a, Vec b, Vec yes, Vec no) { return {vbslq_f32(vcltq_f32(a.v, b.v), yes.v, no.v)}; }
    static Vec zip_low(Vec a, Vec b) { return {vzip1q_f32(a.v, b.v)}; }
    static Vec zip_high(Vec a, Vec b) { return {vzip2q_f32(a.v, b.v)}; }
    static Vec pow2(Vec shifted) {
        const int32x4_t n = vshlq_n_s32(vreinterpretq_s32_f32(shifted.v), 23);
        return {vreinterpretq_f32_s32(vaddq_s32(n, vdupq_n_s32(0x3f800000)))};
    }
    friend Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
    friend Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
    friend Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
    friend Vec operator/(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
};

template <> struct Vec<double> {
    using T = double;
    using Mask = int;  // number of leading lanes
    static constexpr int N = 2;
    static constexpr int registers = 32;
    float64x2_t v;

    static Vec zero() { return {vdupq_n_f64(0.0)}; }
    static Vec set1(T a) { return {vdupq_n_f64(a)}; }
    static Vec load(const T *p) { return {vld1q_f64(p)}; }
    static void store(T *p, Vec a) { vst1q_f64(p, a.v); }
    static void stream(T *p, Vec a) { store(p, a); }
    static void settle() {}
    static Mask mask(int n) { return n; }
    static Vec load(const T *p, Mask m) {
        T lane[N] = {};
        for (int l = 0; l < m; ++l) lane[l] = p[l];
        return load(lane);
    }
    static void store(T *p, Vec a, Mask m) {
        T lane[N];
        store(lane, a);
        for (int l = 0; l < m; ++l) p[l] = lane[l];
    }
    static Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f64(c.v, a.v, b.v)}; }
    static Vec fnma(Vec a, Vec b, Vec c) { return {vfmsq_f64(c.v, a.v, b.v)}; }
    static Vec max(Vec a, Vec b) { return {vbslq_f64(vcgtq_f64(a.v, b.v), a.v, b.v)}; }
    static Vec min(Vec a, Vec b) { return {vbslq_f64(vcltq_f64(a.v, b.v), a.v, b.v)}; }
    static Vec sqrt(Vec a) { return {vsqrtq_f64(a.v)}; }
    static Vec abs(Vec a) { return {vabsq_f64(a.v)}; }
    static Vec copysign(Vec magnitude, Vec sign) {
        return {vbslq_f64(vdupq_n_u64(0x8000000000000000u), sign.v, magnitude.v)};
    }
    static Vec if_less(Vec a, Vec b, Vec yes, Vec no) { return {vbslq_f64(vcltq_f64(a.v, b.v), yes.v, no.v)}; }
    static Vec zip_low(Vec a, Vec b) { return {vzip1q_f64(a.v, b.v)}; }
    static Vec zip_high(Vec a, Vec b) { return {vzip2q_f64(a.v, b.v)}; }
    static Vec pow2(Vec shifted) {
        const int64x2_t n = vshlq_n_s64(vreinterpretq_s64_f64(shifted.v), 52);
        return {vreinterpretq_f64_s64(vaddq_s64(n, vdupq_n_s64(0x3ff0000000000000)))};
    }
    friend Vec operator+(Vec a, Vec b) { return {vaddq_f64(a.v, b.v)}; }
    friend Vec operator-(Vec a, Vec b) { return {vsubq_f64(a.v, b.v)}; }
    friend Vec operator*(Vec a, Vec b) { return {vmulq_f64(a.v, b.v)}; }
    friend Vec operator/(Vec a, Vec b) { return {vdivq_f64(a.v, b.v)}; }
};

}  // namespace
