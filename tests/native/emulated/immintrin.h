// Stands in for <immintrin.h> when src/isa/avx512.cpp is compiled for a CPU without AVX-512: SIMDe computes each 512-bit
// operation as two of AVX2, with the same rounding. For tests only; the directory comes first on the include path.
#ifndef LSTM_FAST_EMULATED_IMMINTRIN_H
#define LSTM_FAST_EMULATED_IMMINTRIN_H
#include_next <immintrin.h>

// The intrinsics' own names. SIMDE_ENABLE_NATIVE_ALIASES would also redefine the compiler's types.
#define SIMDE_X86_AVX512F_ENABLE_NATIVE_ALIASES
#define SIMDE_X86_AVX512DQ_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#define __m512 simde__m512
#define __m512d simde__m512d
#define __m512i simde__m512i

#if defined(SIMDE_X86_AVX512F_NATIVE) || !defined(SIMDE_X86_FMA_NATIVE)
#error "compile with -mavx2 -mfma and without AVX-512: SIMDe's own fma rounds twice"
#endif

// Not every version of SIMDe gives its two-source permutations of 512 bits the intrinsics' names.
#undef _mm512_permutex2var_ps
#undef _mm512_permutex2var_pd
#define _mm512_permutex2var_ps(a, index, b) emulated_permute<simde__m512, float, int32_t>(a, index, b)
#define _mm512_permutex2var_pd(a, index, b) emulated_permute<simde__m512d, double, int64_t>(a, index, b)

// SIMDe has no masked memory operations. Lane by lane: no byte outside the mask is touched.
#define _mm512_maskz_loadu_ps(m, p) emulated_load<simde__m512, float>(m, p)
#define _mm512_maskz_loadu_pd(m, p) emulated_load<simde__m512d, double>(m, p)
#define _mm512_mask_storeu_ps(p, m, a) emulated_store<simde__m512, float>(p, m, a)
#define _mm512_mask_storeu_pd(p, m, a) emulated_store<simde__m512d, double>(p, m, a)

// SIMDe lacks the stores past the caches.
#define _mm512_stream_ps(p, a) simde_mm512_storeu_ps(p, a)
#define _mm512_stream_pd(p, a) simde_mm512_storeu_pd(p, a)

namespace {

template <class M, class T> M emulated_load(unsigned mask, const T *p) {
    M a;
    T lane[sizeof(M) / sizeof(T)] = {};
    for (unsigned l = 0; l < sizeof(M) / sizeof(T); ++l)
        if (mask >> l & 1) lane[l] = p[l];
    __builtin_memcpy(&a, lane, sizeof a);
    return a;
}

template <class M, class T> void emulated_store(T *p, unsigned mask, M a) {
    T lane[sizeof(M) / sizeof(T)];
    __builtin_memcpy(lane, &a, sizeof a);
    for (unsigned l = 0; l < sizeof(M) / sizeof(T); ++l)
        if (mask >> l & 1) p[l] = lane[l];
}

template <class M, class T, class I> M emulated_permute(M a, simde__m512i index, M b) {
    constexpr unsigned n = sizeof(M) / sizeof(T);
    T from[2 * n], to[n];
    I at[n];
    __builtin_memcpy(from, &a, sizeof a);
    __builtin_memcpy(from + n, &b, sizeof b);
    __builtin_memcpy(at, &index, sizeof index);
    for (unsigned l = 0; l < n; ++l) to[l] = from[at[l] & (2 * n - 1)];
    __builtin_memcpy(&a, to, sizeof a);
    return a;
}

}  // namespace
#endif
