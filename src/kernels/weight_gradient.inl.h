// Weight gradients: dW = A^T D and db = column sums of D, over the R rows of a tape.
//
// The sum over R is cut into blocks of SUM_BLOCK rows; inside a block each element is one fma chain from zero, and the
// blocks are added in order, so that the float32 error does not grow with R. Workers own output tiles: no atomics, and the
// order depends on the shape alone. db is the product with a column of ones.
#pragma once

namespace {

constexpr int64_t SUM_BLOCK = 256;  // rows per partial sum: part of the numbers contract, the same on every ISA
constexpr int64_t A_ROWS = 240;     // columns of A packed at once: 240 * 256 * 4 B fits L2

// One part of A: `width` columns, whose gradient goes to out (width, N) C. width 1 and out = db for the ones.
template <class T> struct GradientPart {
    int64_t width;
    T *out;
};

template <class T> struct GradientProblem {
    int64_t R, N;            // tape rows; columns of D
    const T *d;              // (R, N) C
    GradientPart<T> part[3]; // x, h, ones; a width of 0 or a null out leaves one out
    bool accumulate;
};

template <class V> constexpr int64_t gradient_scratch() {  // numbers per worker
    return A_ROWS * SUM_BLOCK + SUM_BLOCK * GROUP * V::N;
}

// Packs columns [begin, end) of the concatenated parts as [tile][SUM_BLOCK][MR]; rows[p][k] points at row k of part p.
template <class T, int MR>
inline void pack_columns(const GradientProblem<T> &g, const T *const *const (&rows)[2], int64_t count, int64_t begin,
                         int64_t end, T *out) {
    const T one = T(1);
    for (int64_t m = begin; m < end; m += MR) {
        T *tile = out + (m - begin) * SUM_BLOCK;
        for (int r = 0; r < MR; ++r) {
            int64_t column = m + r;
            int p = 0;
            while (p < 2 && column >= g.part[p].width) column -= g.part[p++].width;
            if (p < 2) {
                for (int64_t k = 0; k < count; ++k) tile[k * MR + r] = rows[p][k][column];
            } else {
                for (int64_t k = 0; k < count; ++k) tile[k * MR + r] = one;
            }
        }
    }
}

// Where the gradient of concatenated column m goes; NULL beyond the last one.
template <class T> inline T *gradient_row(const GradientProblem<T> &g, int64_t m) {
    for (const GradientPart<T> &part : g.part) {
        if (m < part.width) return part.out ? part.out + m * g.N : nullptr;
        m -= part.width;
    }
    return nullptr;
}

// fill(first, count, rows0, rows1) writes the pointers of tape rows first.. of parts 0 and 1.
template <class V, class Fill>
inline void weight_gradient(const GradientProblem<typename V::T> &g, typename V::T *scratch, const lf_worker *worker, Fill fill) {
    using T = typename V::T;
    constexpr int MR = rows_per_tile<V>(GROUP);
    const int64_t M = g.part[0].width + g.part[1].width + g.part[2].width;
    const int64_t panel_width = GROUP * V::N, panels = ceil_div(g.N, panel_width);
    // Enough panels: workers share them. Few panels: workers share the columns of A.
    const bool by_panel = panels >= worker->count;
    const int64_t share = by_panel ? M : MR * ceil_div(ceil_div(M, MR), worker->count);
    const int64_t m_begin = by_panel ? 0 : smaller(M, share * worker->index), m_end = smaller(M, m_begin + share);
    const int64_t panel_first = by_panel ? worker->index : 0, panel_step = by_panel ? worker->count : 1;
    T *const a_pack = scratch + worker->index * gradient_scratch<V>(), *const d_pack = a_pack + A_ROWS * SUM_BLOCK;
    const T *rows0[SUM_BLOCK], *rows1[SUM_BLOCK];
    const T *const *const rows[2] = {rows0, rows1};
    alignas(64) const T zeros[GROUP * V::N] = {};
    Tile<V> t;
    t.init = zeros;
    t.init_row = 0;
    t.step = MR;
    t.segment[1].count = 0;

    for (int64_t k0 = 0; k0 < g.R || k0 == 0; k0 += SUM_BLOCK) {
        const int64_t count = smaller(SUM_BLOCK, g.R - k0);
        const bool add = k0 > 0 || g.accumulate;
        fill(k0, count, rows0, rows1);
        t.segment[0].count = count;
        for (int64_t m0 = m_begin; m0 < m_end; m0 += A_ROWS) {
            const int64_t m1 = smaller(m_end, m0 + A_ROWS);
            pack_columns<T, MR>(g, rows, count, m0, m1, a_pack);
            for (int64_t panel = panel_first; panel < panels; panel += panel_step) {
                const int64_t n0 = panel * panel_width, columns = smaller(panel_width, g.N - n0);
                const int vectors = static_cast<int>(ceil_div(columns, V::N));
                for (int64_t k = 0; k < count; ++k) {
                    const T *source = g.d + (k0 + k) * g.N + n0;
                    for (int j = 0; j < vectors; ++j)
                        with_lanes<V>(j, columns, [&](auto lanes) {
                            V::store(d_pack + (k * vectors + j) * V::N, lanes.load(source + j * V::N));
                        });
                }
                t.segment[0].panel[0] = d_pack;
                for (int64_t m = m0; m < m1; m += MR) {
                    for (int r = 0; r < MR; ++r) t.segment[0].in[r] = a_pack + (m - m0) * SUM_BLOCK + r;
                    run_tile(t, MR, vectors);
                    for (int r = 0; r < MR && m + r < m1; ++r) {
                        T *out = gradient_row(g, m + r);
                        if (!out) continue;
                        for (int j = 0; j < vectors; ++j)
                            with_lanes<V>(j, columns, [&](auto lanes) {
                                T *to = out + n0 + j * V::N;
                                const V sum = V::load(t.z + (r * vectors + j) * V::N);
                                lanes.store(to, add ? lanes.load(to) + sum : sum);
                            });
                    }
                }
            }
        }
    }
}

}  // namespace
