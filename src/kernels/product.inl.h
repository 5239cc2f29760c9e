// out = init + in * panels for many rows: projections, the backward recurrence, dx, dense layers. Also the packing of panels.
#pragma once

namespace {

// Blocking for caches, in k steps, rows and vectors of columns. A chain that is stored and reloaded between k blocks keeps
// its bits, so none of these numbers changes a result.
constexpr int64_t K_BLOCK = 512;      // 64 rows of 512 floats and a panel of 512 steps share L2
constexpr int64_t ROW_BLOCK = 96;     // a multiple of every tile height
constexpr int64_t COLUMN_BLOCK = 512; // columns whose unfinished chains are kept at once
constexpr int64_t KEPT_BYTES = 1 << 23; // of panels: from here on most have left the caches before the first step reads them

constexpr int64_t multiply_scratch() { return ROW_BLOCK * (COLUMN_BLOCK + 64); }  // numbers per worker

// [rows][vectors][lanes], rows `row` numbers apart.
template <class T> struct Span {
    T *at;
    int64_t row;
};
template <class V> struct InScratch {
    Span<typename V::T> operator()(int64_t, int64_t, int vectors, typename V::T *free) const { return {free, vectors * V::N}; }
};
struct NothingDone {
    template <class T> void operator()(int64_t, int, int64_t, int, const T *) const {}
};

// panels: for each group of up to GROUP of the `blocks` vectors: [K][vectors in group][lanes].
//   row(r) -> const T*                               input row r, K numbers
//   start(first row, rows, first block, vectors, z)  -> Span of what the chains of a tile start from; may have written it to z
//   done(first row, rows, first block, vectors, z)   takes the finished tile
//   from_end                                         the last panel first
//   place(first row, first block, vectors, free)     -> Span where the tile's chains lie, unfinished and finished
template <class V, class Row, class Start, class Done, class Place = InScratch<V>>
inline void multiply_rows(int64_t rows, int64_t K, const typename V::T *panels, int64_t blocks, typename V::T *scratch,
                          Row row, Start start, Done done, bool from_end = false, Place place = Place()) {
    using T = typename V::T;
    constexpr int64_t COLUMN_BLOCKS = COLUMN_BLOCK / V::N;
    const int64_t k_block = rows <= rows_per_tile<V>(GROUP) ? larger<int64_t>(K, 1) : K_BLOCK;  // one tile reads no panel twice
    Tile<V> t;
    t.step = 1;
    t.segment[1].count = 0;
    for (int64_t row0 = 0; row0 < rows; row0 += ROW_BLOCK)
        for (int64_t block0 = 0; block0 < blocks; block0 += COLUMN_BLOCKS)
            for (int64_t k0 = 0; k0 < K || k0 == 0; k0 += k_block) {
                t.segment[0].count = smaller(k_block, K - k0);
                T *free = scratch;
                for_turns(smaller(COLUMN_BLOCKS, blocks - block0), GROUP, from_end, [&](int64_t first, int64_t count) {
                    const int64_t group = block0 + first;
                    const int vectors = static_cast<int>(count);
                    t.segment[0].panel[0] = panels + (group * K + k0 * vectors) * V::N;
                    for_tiles<V>(smaller(ROW_BLOCK, rows - row0), vectors, [&](int64_t begin, int size) {
                        const Span<T> z = place(row0 + begin, group, vectors, free);
                        free += size * vectors * V::N;
                        const Span<const T> init = k0 == 0 ? start(row0 + begin, size, group, vectors, z.at) : Span<const T>{z.at, z.row};
                        t.z = z.at, t.z_row = z.row;
                        t.init = init.at, t.init_row = init.row;
                        for (int r = 0; r < size; ++r) t.segment[0].in[r] = row(row0 + begin + r) + k0;
                        run_tile(t, size, vectors);
                        if (k0 + k_block >= K) done(row0 + begin, size, group, vectors, t.z);
                    });
                });
            }
}

// start: every row's chains start from init (blocks*lanes), or from 0.
template <class V> struct StartFrom {
    using T = typename V::T;
    alignas(64) static constexpr T zeros[GROUP * V::N] = {};
    const T *init;
    Span<const T> operator()(int64_t, int, int64_t block, int, T *) const { return {init ? init + block * V::N : zeros, 0}; }
};

// done: stores column vectors of `width` columns; out(r) -> T*.
template <class V, class Out> LF_INLINE auto store_rows(int64_t width, Out out) {
    return [width, out](int64_t first, int rows, int64_t block, int vectors, const typename V::T *z) {
        for (int j = 0; j < vectors; ++j)
            with_lanes<V>(block + j, width, [&](auto lanes) {
                for (int r = 0; r < rows; ++r)
                    lanes.store(out(first + r) + (block + j) * V::N, V::load(z + (r * vectors + j) * V::N));
            });
    };
}

// Transposes N rows of N numbers in registers: log2(N) rounds of perfect shuffles.
template <class V> LF_INLINE void transpose(V (&rows)[V::N]) {
#pragma GCC unroll 4
    for (int round = 1; round < V::N; round *= 2) {
        V next[V::N];
#pragma GCC unroll 8
        for (int r = 0; r < V::N / 2; ++r) {
            next[2 * r] = V::zip_low(rows[r], rows[r + V::N / 2]);
            next[2 * r + 1] = V::zip_high(rows[r], rows[r + V::N / 2]);
        }
#pragma GCC unroll 16
        for (int r = 0; r < V::N; ++r) rows[r] = next[r];
    }
}

// Packs the matrix w (K, N), rows `stride` apart, for multiply_rows; columns beyond N are zero. Transposed: w is (N, K).
// `above` and `below` more rows of the same panels are left for other calls. Workers take groups in turn.
template <class V, bool Transposed>
inline void pack_panels(const typename V::T *w, int64_t K, int64_t N, int64_t stride, typename V::T *panels, const lf_worker *worker,
                        int64_t above = 0, int64_t below = 0, Put<V> put = {}) {
    using T = typename V::T;
    const int64_t blocks = ceil_div(N, V::N);
    for (int64_t group = GROUP * worker->index; group < blocks; group += GROUP * worker->count) {
        const int64_t vectors = smaller<int64_t>(GROUP, blocks - group);
        T *const out = panels + (group * (above + K + below) + above * vectors) * V::N;
        const int64_t CHUNK = put.past_caches ? 16 : 64;  // k rows per pass: their part of the panel stays in L1, or is written front to back
        for (int64_t k0 = 0; k0 < K; k0 += CHUNK) {
            const int64_t k1 = smaller(K, k0 + CHUNK);
            for (int64_t j = 0; j < vectors; ++j) {
                const int64_t n0 = (group + j) * V::N, columns = smaller<int64_t>(V::N, N - n0);
                if constexpr (Transposed) {
                    const T *from[V::N];  // those beyond the last column are not read
                    for (int r = 0; r < V::N; ++r) from[r] = w + (n0 + smaller<int64_t>(r, columns - 1)) * stride;
                    for (int64_t k = k0; k < k1; k += V::N)
                        with_lanes<V>(k / V::N, k1, [&](auto lanes) LF_LAMBDA {
                            V rows[V::N];
#pragma GCC unroll 16
                            for (int r = 0; r < V::N; ++r) rows[r] = r < columns ? lanes.load(from[r] + k) : V::zero();
                            transpose(rows);
                            T *to = out + (k * vectors + j) * V::N;
#pragma GCC unroll 16
                            for (int r = 0; r < V::N; ++r, to += vectors * V::N)
                                if (SAME<decltype(lanes), Whole<V>> || k + r < k1) put(to, rows[r]);
                        });
                } else {
                    with_lanes<V>(0, columns, [&](auto lanes) {
                        for (int64_t k = k0; k < k1; ++k) put(out + (k * vectors + j) * V::N, lanes.load(w + k * stride + n0));
                    });
                }
            }
        }
    }
}

}  // namespace
