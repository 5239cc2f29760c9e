// The register tile: MR rows times NP*NV vectors of outputs, accumulated over k with one fma per (row, vector, k).
//
// Panel layout: [k][NV][lanes], so one k step reads NV vectors in a row and broadcasts one number per row.
// An output element is one chain  acc = fma(in[k], panel[k], acc), k ascending: the same for every tile shape, so the shape
// is free to follow the row count and the register file. Every kernel of the library runs on this one loop.
#pragma once

namespace {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
template <class T> LF_INLINE T smaller(T a, T b) { return a < b ? a : b; }
template <class T> LF_INLINE T larger(T a, T b) { return a < b ? b : a; }
template <class A, class B> constexpr bool SAME = false;
template <class A> constexpr bool SAME<A, A> = true;

constexpr int GROUP = 4;     // vectors per panel: the four gates of a block of units, or four vectors of columns
constexpr int ROWS_MAX = 6;  // rows of the largest tile

// Rows per tile such that MR * NV accumulators, a panel vector and the broadcasts fit the register file.
template <class V> LF_INLINE constexpr int rows_per_tile(int vectors) {
    const int r = (V::registers == 32 ? 24 : 12) / vectors;
    return r > ROWS_MAX ? ROWS_MAX : r;
}

// One tile: what it reads and the finished sums. Two segments of k follow each other in one chain: x, then h.
template <class V> struct Tile {
    using T = typename V::T;
    alignas(64) T storage[24 * V::N];
    T *z = storage;               // out: z[row * z_row + ...] ([block][vector][lanes])
    const T *init;                // the chains start at init[row * init_row + ...]; may be z
    int64_t z_row, init_row;
    int64_t step;                 // distance between in[..][k] and in[..][k+1]
    struct Segment {
        int64_t count;                // k steps, may be 0
        const T *in[ROWS_MAX];        // one pointer per row
        const T *panel[2];            // one per block
    } segment[2];
};

// NA vectors of panel number `panel` with W vectors per k, vectors from `first` on, and NB of the second panel.
template <class V, int MR, int NA, int NB = 0, int W = NA> __attribute__((noinline)) void run_tile(Tile<V> &t, int panel = 0, int first = 0) {
    using T = typename V::T;
    constexpr int NV = NA + NB;
    const int64_t column = (panel * W + first) * V::N;
    V acc[MR][NV];
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
        for (int j = 0; j < NV; ++j) acc[r][j] = V::load(t.init + r * t.init_row + column + j * V::N);
    const int64_t step = t.step;
    for (const typename Tile<V>::Segment &segment : t.segment) {
        if (!segment.count) continue;  // its pointers may be nothing
        const T *in[MR], *p[2] = {segment.panel[panel] + first * V::N, segment.panel[1]};
#pragma GCC unroll 8
        for (int r = 0; r < MR; ++r) in[r] = segment.in[r];
        for (int64_t k = 0, at = 0; k < segment.count; ++k, at += step) {
            V a[MR];
#pragma GCC unroll 8
            for (int r = 0; r < MR; ++r) a[r] = V::set1(in[r][at]);
#pragma GCC unroll 8
            for (int j = 0; j < NV; ++j) {
                const V w = V::load(j < NA ? p[0] + j * V::N : p[1] + (j - NA) * V::N);
#pragma GCC unroll 8
                for (int r = 0; r < MR; ++r) acc[r][j] = V::fma(a[r], w, acc[r][j]);
            }
            p[0] += W * V::N;
            p[1] += NB * V::N;
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < MR; ++r)
#pragma GCC unroll 8
        for (int j = 0; j < NV; ++j) V::store(t.z + r * t.z_row + column + j * V::N, acc[r][j]);
}

// Calls f(integral constant) with the compile-time value of n, 1 <= n <= MAX.
template <int N> struct Int { static constexpr int value = N; };
template <int MAX, class F> LF_INLINE void with_constant(int n, F f) {
    if constexpr (MAX == 1) {
        f(Int<1>());
    } else {
        if (n == MAX) f(Int<MAX>());
        else with_constant<MAX - 1>(n, f);
    }
}

// With 16 registers, a whole panel and fewer than 3 rows: they read a panel faster than L2 delivers it. So 4 and 5 rows stay
// together, and take the columns in two halves.
template <class V> LF_INLINE constexpr int tallest_tile(int vectors) {
    return V::registers == 16 && vectors == GROUP ? 5 : rows_per_tile<V>(vectors);
}

// Runs a tile of `rows` <= tallest_tile rows and `vectors` <= GROUP columns of a panel.
template <class V> inline void run_tile(Tile<V> &t, int rows, int vectors, int panel = 0) {
    with_constant<GROUP>(vectors, [&](auto nv) {
        constexpr int NV = decltype(nv)::value, MOST = rows_per_tile<V>(NV);
        if (rows <= MOST) return with_constant<MOST>(rows, [&](auto mr) { run_tile<V, decltype(mr)::value, NV>(t, panel); });
        if constexpr (tallest_tile<V>(NV) > MOST)
            for (int first = 0; first < NV; first += NV / 2) {
                if (rows == 4) run_tile<V, 4, NV / 2, 0, NV>(t, panel, first);
                else run_tile<V, 5, NV / 2, 0, NV>(t, panel, first);
            }
    });
}

// Two panels of NV vectors and of `second`: few rows take them at once, which keeps the fma units busy; more rows only where both have NV.
template <class V, int NV> inline void run_tile_pair(Tile<V> &t, int rows, int second) {
    constexpr int FEW = rows_per_tile<V>(2 * GROUP);
    if (rows <= FEW)
        return with_constant<NV>(second, [&](auto nb) {
            with_constant<FEW>(rows, [&](auto mr) { run_tile<V, decltype(mr)::value, NV, decltype(nb)::value>(t); });
        });
    for (int panel = 0; panel < 2; ++panel) run_tile(t, rows, NV, panel);
}

// Cuts n rows into tiles for `vectors` columns, f(begin, size): the fewest, of sizes equal to within one, or by threes.
template <class V, class F> LF_INLINE void for_tiles(int64_t n, int vectors, F f) {
    const int most = rows_per_tile<V>(vectors), tallest = tallest_tile<V>(vectors);
    const int64_t pieces = n <= tallest ? (n > 0) : tallest > most ? (n - tallest + most - 1) / most + 1 : ceil_div(n, most);
    for (int64_t i = 0, begin = 0; i < pieces; ++i) {
        const int64_t end = i + 1 == pieces ? n : tallest > most ? begin + most : n * (i + 1) / pieces;
        f(begin, static_cast<int>(end - begin));
        begin = end;
    }
}

// f(begin, count) for n items in pieces of `width`, from the first piece on or from the last one: where a pass over panels
// ends, the next one begins, among those that the caches still hold.
template <class F> LF_INLINE void for_turns(int64_t n, int64_t width, bool from_end, F f) {
    const int64_t pieces = ceil_div(n, width);
    for (int64_t i = 0; i < pieces; ++i) {
        const int64_t begin = (from_end ? pieces - 1 - i : i) * width;
        f(begin, smaller(width, n - begin));
    }
}

// Stores vectors: past the caches where more is written than they would keep, which then costs no reading of what was there.
template <class V> struct Put {
    bool past_caches = false;  // for addresses that fit
    static bool fits(const void *p) { return reinterpret_cast<uintptr_t>(p) % (V::N * sizeof(typename V::T)) == 0; }
    LF_INLINE void operator()(typename V::T *p, V a) const {
        if (past_caches) V::stream(p, a);
        else V::store(p, a);
    }
};

// Whole vectors, or the first lanes of one: the same text then compiles to plain or masked loads and stores.
template <class V> struct Whole {
    static LF_INLINE V load(const typename V::T *p) { return V::load(p); }
    static LF_INLINE void store(typename V::T *p, V a) { V::store(p, a); }
    static LF_INLINE V only(V a) { return a; }
};
template <class V> struct Part {
    typename V::Mask mask;
    LF_INLINE V load(const typename V::T *p) const { return V::load(p, mask); }
    LF_INLINE void store(typename V::T *p, V a) const { V::store(p, a, mask); }
    LF_INLINE V only(V a) const {  // zero in the other lanes
        alignas(64) typename V::T lanes[V::N];
        V::store(lanes, a);
        return V::load(lanes, mask);
    }
};

// A batch of vectors: all whole, but those whose bit is set in `parts` have the lanes of `part`.
template <class V> struct Batch {
    int count;
    uint32_t parts;
    Part<V> part;
    template <class F> LF_INLINE void with(int k, F f) const {  // f(lanes of vector k)
        if (parts >> k & 1) f(part);
        else f(Whole<V>());
    }
    template <class F> LF_INLINE void each(F f) const {  // f(k, lanes) for each vector k
        for (int k = 0; k < count; ++k) with(k, [&](auto lanes) LF_LAMBDA { f(k, lanes); });
    }
};

// Calls f with the lanes of vector number `block` that lie below `width`.
template <class V, class F> LF_INLINE void with_lanes(int64_t block, int64_t width, F f) {
    const int64_t left = width - block * V::N;
    if (V::N == 1 || left >= V::N) f(Whole<V>());
    else f(Part<V>{V::mask(static_cast<int>(left))});
}

}  // namespace
