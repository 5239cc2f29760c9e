// Weight gradients: dW = A^T D and db = column sums of D, over the R rows of a tape.
//
// The sum over R is cut into blocks of SUM_BLOCK rows; inside a block each element is one fma chain from zero, and the
// blocks are added from the last to the first, as backward meets them, so that the float32 error does not grow with R.
// Workers own output tiles: no atomics, and the order depends on the shape alone. db is summed in the same order while D is
// packed.
#pragma once

namespace {

constexpr int64_t SUM_BLOCK = LF_SUM_BLOCK;
constexpr int64_t A_COLUMNS = 3072;  // columns of A packed at once, 3 MB of floats: they stream past each panel of D

// One part of A: `width` columns, whose gradient goes to out (width, N), rows out_stride apart.
template <class T> struct GradientPart {
    int64_t width;
    T *out;
};

template <class T> struct GradientProblem {
    int64_t R, N;            // tape rows; columns of D
    const T *d;              // (R, N), rows d_stride apart
    int64_t d_stride, out_stride;
    GradientPart<T> part[2]; // x, h; width 0: none
    T *db;                   // (N) or NULL
    bool accumulate = false, more = false;  // to what out holds; other calls add theirs
    int64_t polled = 0;      // steps of the call before this one, for lf_poll
};

// Numbers that `workers` need for M columns of A: the packed A is shared, a panel of D is each worker's own.
template <class V> inline int64_t gradient_scratch(int64_t M, int64_t workers) {
    return (smaller(M, A_COLUMNS) + ROWS_MAX) * SUM_BLOCK + workers * SUM_BLOCK * GROUP * V::N;
}

// Packs columns [begin, end) of the concatenated parts as [tile][SUM_BLOCK][MR]; rows[p][k] points at row k of part p.
// Workers take 8 rows in turn: reads then run along rows, and each write fills whole cache lines of a tile.
template <class T, int MR>
inline void pack_columns(const GradientProblem<T> &g, const T *const *const (&rows)[2], int64_t count, int64_t begin,
                         int64_t end, T *out, const lf_worker *worker) {
    constexpr int64_t STRIP = 8;
    for (int64_t k0 = STRIP * worker->index; k0 < count; k0 += STRIP * worker->count) {
        const int64_t k1 = smaller(count, k0 + STRIP);
        for (int64_t m = begin; m < end; m += MR) {
            T *const tile = out + (m - begin) * SUM_BLOCK;
            int64_t column = m;
            int p = 0;
            while (p < 2 && column >= g.part[p].width) column -= g.part[p++].width;
            if (p < 2 && column + MR <= g.part[p].width) {
                for (int64_t k = k0; k < k1; ++k) memcpy(tile + k * MR, rows[p][k] + column, MR * sizeof(T));
                continue;
            }
            for (int r = 0; r < MR; ++r, ++column) {  // a tile across parts, or beyond the last one
                while (p < 2 && column >= g.part[p].width) column -= g.part[p++].width;
                for (int64_t k = k0; k < k1; ++k) tile[k * MR + r] = p < 2 ? rows[p][k][column] : T(0);
            }
        }
    }
}

// Where the gradient of concatenated column m goes; NULL beyond the last one.
template <class T> inline T *gradient_row(const GradientProblem<T> &g, int64_t m) {
    for (const GradientPart<T> &part : g.part) {
        if (m < part.width) return part.out ? part.out + m * g.out_stride : nullptr;
        m -= part.width;
    }
    return nullptr;
}

// Packs `count` rows of `columns` <= GROUP*lanes columns of D as [k][vectors][lanes] and gives their sums to db (NULL: nowhere).
template <class V>
inline void pack_gradient(const typename V::T *d, int64_t stride, int64_t count, int64_t columns, typename V::T *out,
                          typename V::T *db, bool add) {
    const int vectors = static_cast<int>(ceil_div(columns, V::N));
    const int64_t last = vectors - 1;
    with_constant<GROUP>(vectors, [&](auto constant) {
        constexpr int NV = decltype(constant)::value;
        with_lanes<V>(last, columns, [&](auto lanes) {
            V sum[NV];
#pragma GCC unroll 8
            for (int j = 0; j < NV; ++j) sum[j] = V::zero();
            for (int64_t k = 0; k < count; ++k, d += stride, out += NV * V::N)
#pragma GCC unroll 8
                for (int j = 0; j < NV; ++j) {
                    const V row = j < NV - 1 ? V::load(d + j * V::N) : lanes.load(d + j * V::N);
                    V::store(out + j * V::N, row);
                    sum[j] = sum[j] + row;
                }
            if (!db) return;
            for (int j = 0; j < NV - 1; ++j) V::store(db + j * V::N, add ? V::load(db + j * V::N) + sum[j] : sum[j]);
            typename V::T *const end = db + last * V::N;
            lanes.store(end, add ? lanes.load(end) + sum[last] : sum[last]);
        });
    });
}

// Fetches a row of a panel: `columns` numbers from p.
template <class T> LF_INLINE void fetch_row(const T *p, int64_t columns, bool write) {
    for (int64_t n = 0; n < columns; n += 64 / static_cast<int64_t>(sizeof(T))) {
        if (write) __builtin_prefetch(p + n, 1);
        else __builtin_prefetch(p + n, 0);
    }
}

// fill(first, count, rows0, rows1) writes the pointers of tape rows first.. of parts 0 and 1.
template <class V, class Fill>
inline void weight_gradient(const GradientProblem<typename V::T> &g, typename V::T *scratch, const lf_worker *worker, Fill fill) {
    using T = typename V::T;
    constexpr int MR = rows_per_tile<V>(GROUP);
    const int64_t M = g.part[0].width + g.part[1].width;
    const int64_t panel_width = GROUP * V::N, panels = ceil_div(g.N, panel_width);
    // Enough panels: workers share them. Few panels: workers share the columns of A.
    const bool by_panel = panels >= worker->count;
    const int64_t panel_first = by_panel ? worker->index : 0, panel_step = by_panel ? worker->count : 1;
    T *const a_pack = scratch;
    T *const d_pack = a_pack + (smaller(M, A_COLUMNS) + ROWS_MAX) * SUM_BLOCK + worker->index * SUM_BLOCK * panel_width;
    const T *rows0[SUM_BLOCK], *rows1[SUM_BLOCK];
    const T *const *const rows[2] = {rows0, rows1};
    alignas(64) const T zeros[GROUP * V::N] = {};
    Tile<V> t;
    t.init = zeros;
    t.init_row = 0;
    t.step = MR;
    t.segment[0].panel[0] = d_pack;
    t.segment[1].count = 0;

    const bool fits = g.out_stride % V::N == 0 && Put<V>::fits(g.part[0].out) && Put<V>::fits(g.part[1].out);
    const bool once = g.R <= SUM_BLOCK && !g.accumulate && !g.more;
    const Put<V> put = {fits && once && M * g.N * static_cast<int64_t>(sizeof(T)) >= KEPT_BYTES / 2};

    const int64_t last_block = g.R > 0 ? (g.R - 1) / SUM_BLOCK * SUM_BLOCK : 0;
    for (int64_t k0 = last_block; k0 >= 0; k0 -= SUM_BLOCK) {
        const int64_t count = smaller(SUM_BLOCK, g.R - k0), done = g.polled + last_block - k0;
        const bool add = k0 < last_block || g.accumulate;
        fill(k0, count, rows0, rows1);
        t.segment[0].count = count;
        for (int64_t m0 = 0; m0 < M || m0 == 0; m0 += A_COLUMNS) {
            const int64_t m1 = smaller(M, m0 + A_COLUMNS), tiles = ceil_div(m1 - m0, MR);
            pack_columns<T, MR>(g, rows, count, m0, m1, a_pack, worker);
            lf_barrier_wait(worker);
            const int64_t begin = by_panel ? m0 : m0 + MR * (tiles * worker->index / worker->count);
            const int64_t end = by_panel ? m1 : smaller(m1, m0 + MR * (tiles * (worker->index + 1) / worker->count));
            const int64_t own_tiles = ceil_div(end - begin, MR);
            for (int64_t panel = panel_first; panel < panels; panel += panel_step) {
                const int64_t n0 = panel * panel_width, columns = smaller(panel_width, g.N - n0);
                const int vectors = static_cast<int>(ceil_div(columns, V::N));
                const bool sums = g.db && m0 == 0 && (by_panel || worker->index == 0);
                pack_gradient<V>(g.d + k0 * g.d_stride + n0, g.d_stride, count, columns, d_pack, sums ? g.db + n0 : nullptr, add);
                // The rows of D that are packed next come into L2 meanwhile: too far apart for the hardware to see them.
                const bool last = panel + panel_step >= panels;
                const int64_t next_row = last && m1 == M ? k0 - SUM_BLOCK : k0, next_count = next_row == k0 ? count : k0 ? SUM_BLOCK : 0;
                const T *const next = g.d + next_row * g.d_stride + (last ? panel_first : panel + panel_step) * panel_width;
                int64_t fetched = 0;
                for (int64_t m = begin, tile = 1; m < end; m += MR, ++tile) {
                    T *out[MR];
                    for (int r = 0; r < MR; ++r) {
                        t.segment[0].in[r] = a_pack + (m - m0) * SUM_BLOCK + r;
                        out[r] = m + r < end ? gradient_row(g, m + r) : nullptr;
                        if (out[r] && add) fetch_row(out[r] + n0, columns, true);
                    }
                    for (; fetched < next_count * tile / own_tiles; ++fetched) fetch_row(next + fetched * g.d_stride, columns, false);
                    // Whole vectors of MR rows of one part go straight to their place, unless past the caches.
                    const bool direct = !add && !put.past_caches && columns == vectors * V::N && out[0] && out[MR - 1] == out[0] + (MR - 1) * g.out_stride;
                    t.z = direct ? out[0] + n0 : t.storage;
                    t.z_row = direct ? g.out_stride : vectors * V::N;
                    run_tile(t, MR, vectors);
                    for (int r = 0; r < MR && !direct; ++r) {
                        if (!out[r]) continue;
                        for (int j = 0; j < vectors; ++j)
                            with_lanes<V>(j, columns, [&](auto lanes) {
                                T *to = out[r] + n0 + j * V::N;
                                const V sum = V::load(t.z + (r * vectors + j) * V::N);
                                if (SAME<decltype(lanes), Whole<V>> && !add) put(to, sum);
                                else lanes.store(to, add ? lanes.load(to) + sum : sum);
                            });
                    }
                }
            }
            if (put.past_caches) V::settle();
            lf_poll(worker, done);
            lf_barrier_wait(worker);  // before a_pack is overwritten
            if (lf_stops(worker, done)) return;
        }
    }
}

}  // namespace
