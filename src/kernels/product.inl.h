// out = init + in * panels for many rows: input projections, dx, dh0 and dense layers. Also the packing of panels.
#pragma once

namespace {

// Rows whose inputs (K numbers each) share about 128 KB, so that they stay in L2 while all panels pass over them.
template <class T> inline int64_t rows_in_cache(int64_t K) {
    const int64_t rows = 131072 / (static_cast<int64_t>(sizeof(T)) * (K + 1));
    return rows < 48 ? 48 : rows > 512 ? 512 : rows;
}

// panels: for each group of up to GROUP of the `blocks` vectors: [K][vectors in group][lanes].
//   row(r) -> const T*                 input row r, K numbers
//   init (blocks*lanes)                what every row's chains start from
//   done(r, block, const T *z)         takes the finished vector (whole lanes) of output row r
template <class V, class Row, class Done>
inline void multiply_rows(int64_t rows, int64_t K, const typename V::T *panels, int64_t blocks, const typename V::T *init,
                          Row row, Done done) {
    const int64_t chunk = rows_in_cache<typename V::T>(K);
    Tile<V> t;
    t.init_row = 0;
    t.step = 1;
    t.segment[0].count = K;
    t.segment[1].count = 0;
    for (int64_t first = 0; first < rows; first += chunk)
        for (int64_t group = 0; group < blocks; group += GROUP) {
            const int vectors = static_cast<int>(smaller<int64_t>(GROUP, blocks - group));
            t.init = init + group * V::N;
            t.segment[0].panel[0] = panels + group * K * V::N;
            for_tiles(smaller(chunk, rows - first), rows_per_tile<V>(vectors), [&](int64_t begin, int size) {
                for (int r = 0; r < size; ++r) t.segment[0].in[r] = row(first + begin + r);
                run_tile(t, size, vectors);
                for (int r = 0; r < size; ++r)
                    for (int j = 0; j < vectors; ++j) done(first + begin + r, group + j, t.z + (r * vectors + j) * V::N);
            });
        }
}

// Packs the matrix w(k, n) = w[k*stride_k + n*stride_n], K x N, for multiply_rows; columns beyond N are zero.
// Workers take groups in turn.
template <class V>
inline void pack_panels(const typename V::T *w, int64_t K, int64_t N, int64_t stride_k, int64_t stride_n,
                        typename V::T *panels, const lf_worker *worker) {
    using T = typename V::T;
    const int64_t blocks = ceil_div(N, V::N);
    for (int64_t group = GROUP * worker->index; group < blocks; group += GROUP * worker->count) {
        const int64_t vectors = smaller<int64_t>(GROUP, blocks - group), lanes = vectors * V::N;
        const int64_t columns = smaller(lanes, N - group * V::N);
        const T *source = w + group * V::N * stride_n;
        T *out = panels + group * V::N * K;
        constexpr int64_t CHUNK = 64;  // k rows per pass: the panel chunk stays in L1 while columns are written
        for (int64_t k0 = 0; k0 < K; k0 += CHUNK) {
            const int64_t k1 = smaller(K, k0 + CHUNK);
            if (stride_n == 1) {
                for (int64_t k = k0; k < k1; ++k)
                    for (int64_t n = 0; n < columns; ++n) out[k * lanes + n] = source[k * stride_k + n];
            } else {
                for (int64_t n = 0; n < columns; ++n)
                    for (int64_t k = k0; k < k1; ++k) out[k * lanes + n] = source[k * stride_k + n * stride_n];
            }
            for (int64_t k = k0; k < k1; ++k)
                for (int64_t n = columns; n < lanes; ++n) out[k * lanes + n] = T(0);
        }
    }
}

}  // namespace
