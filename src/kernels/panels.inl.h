// Where the packed weights lie, and the packing.
#pragma once

namespace {

// Parts of the packed weights, in numbers from the start of `panels`.
template <class V, class Cell> struct PanelLayout {
    static constexpr int G = Cell::COLUMNS;
    int64_t blocks;        // vectors of hidden units
    int64_t whole;         // of which have no idle lanes
    int idle_from;         // lanes of the last block that are units, when some are idle
    int tail_vectors;      // that its panel holds per k: gate by gate without gaps, unless one gate stands apart
    int64_t unit_stride;   // one block's share of a forward panel: [I+K][blocks of the panel][G][lanes]
    int64_t bias;          // [block][G][lanes]
    int64_t bias_apart;    // [block][lanes]: the start of the h sum that is kept apart
    int64_t extra;         // [block][EXTRA][lanes]: peepholes
    int64_t back_h;        // w_h^T: GH rows, K columns (multiply_rows layout)
    int64_t back_x;        // w_x^T: ALL*H rows in the order of dG, I columns; none in a second part
    int64_t total;

    explicit PanelLayout(const lf_weights &w) {
        const int64_t I = Cell::inputs(w), H = Cell::units(w), K = Cell::depth(w);
        blocks = ceil_div(H, V::N);
        whole = H / V::N;
        idle_from = static_cast<int>(H - whole * V::N);
        tail_vectors = Cell::APART ? G : static_cast<int>(ceil_div(G * idle_from, V::N));
        unit_stride = (I + K) * G * V::N;
        bias = blocks * unit_stride;
        bias_apart = bias + blocks * G * V::N;
        extra = bias_apart + (Cell::APART ? blocks * V::N : 0);
        back_h = extra + blocks * Cell::EXTRA * V::N;
        back_x = back_h + ((w.backward & 1) ? ceil_div(K, V::N) * V::N * G * H : 0);
        total = back_x + ((w.backward & 2) && !Cell::SECOND ? ceil_div(I, V::N) * V::N * Cell::ALL * H : 0);
    }
    int panel_vectors(int64_t j, int64_t blocks_of_panel) const {
        return j >= whole ? tail_vectors : static_cast<int>(blocks_of_panel) * G;
    }
    // Writes the gates of block j as its panel holds them, and up to a vector of zeros behind; returns the end. value(gate, lanes) -> V,
    // zero in idle lanes.
    template <class Value> typename V::T *pack_gates(int64_t j, typename V::T *out, Put<V> put, Value value) const {
        if (j < whole || tail_vectors == G) {
            with_lanes<V>(j - whole, idle_from, [&](auto lanes) {
                for (int gate = 0; gate < G; ++gate) put(out + gate * V::N, value(gate, lanes));
            });
            return out + G * V::N;
        }
        const Part<V> lanes = {V::mask(idle_from)};
        V::store(out + (tail_vectors - 1) * V::N, V::zero());  // the gates fill the others
#pragma GCC unroll 4
        for (int gate = 0; gate < G; ++gate) V::store(out + gate * idle_from, value(gate, lanes));  // zeros behind it give way to the next
        return out + tail_vectors * V::N;
    }
    // Blocks in the panel that starts at block j, up to `end`: a block with idle lanes has a panel of its own.
    int panel_blocks(int64_t j, int64_t end) const {
        return j >= whole ? 1 : static_cast<int>(smaller<int64_t>(Cell::BLOCKS, smaller(whole, end) - j));
    }
};

template <class V, class Cell> void pack_weights(const void *args, const lf_worker *worker) {
    using T = typename V::T;
    const lf_weights &w = *static_cast<const lf_weights *>(args);
    const PanelLayout<V, Cell> layout(w);
    constexpr int G = Cell::COLUMNS;
    const int64_t I = Cell::inputs(w), H = Cell::units(w), K = Cell::depth(w), row_stride = Cell::ALL * H;
    T *const panels = static_cast<T *>(w.panels);
    const T *const w_x = static_cast<const T *>(w.w_x), *const w_h = static_cast<const T *>(Cell::recurrent(w));
    const T *const b = static_cast<const T *>(w.b);
    const Put<V> put = {layout.total * static_cast<int64_t>(sizeof(T)) >= KEPT_BYTES && Put<V>::fits(panels)};
    constexpr int64_t CHUNK = 4;  // weight rows per pass over the blocks: read front to back
    for (int64_t k0 = 0; k0 < I + K; k0 += CHUNK) {
        for (int64_t j = 0, panel = 0, blocks; j < layout.blocks; j += blocks, ++panel) {
            blocks = layout.panel_blocks(j, layout.blocks);
            if (panel % worker->count != worker->index) continue;
            T *out = panels + j * layout.unit_stride + k0 * layout.panel_vectors(j, blocks) * V::N;
            for (int64_t k = k0; k < smaller(I + K, k0 + CHUNK); ++k) {
                const T *row = (k < I ? w_x + k * row_stride : w_h + (k - I) * row_stride) + Cell::FIRST * H + j * V::N;
                for (int64_t q = 0; q < blocks; ++q, row += V::N)
                    out = layout.pack_gates(j, out, put, [&](int gate, auto lanes) { return lanes.load(row + gate * H); });
            }
        }
    }
    for (int64_t j = worker->index; j < layout.blocks; j += worker->count) {
        const auto bias = [&](int gate, auto lanes) { return b ? Cell::template bias<V>(b, gate, H, j * V::N, lanes) : V::zero(); };
        layout.pack_gates(j, panels + layout.bias + j * G * V::N, put, bias);
        if constexpr (Cell::APART)
            with_lanes<V>(j, H, [&](auto lanes) { V::store(panels + layout.bias_apart + j * V::N, bias(G, lanes)); });
    }
    if constexpr (Cell::EXTRA > 0) {
        const T *const peephole = static_cast<const T *>(w.peephole);
        for (int64_t j = worker->index; j < layout.blocks; j += worker->count)
            with_lanes<V>(j, H, [&](auto lanes) {
                for (int64_t k = 0; k < Cell::EXTRA; ++k)
                    V::store(panels + layout.extra + (j * Cell::EXTRA + k) * V::N, w.peepholes ? lanes.load(peephole + k * H + j * V::N) : V::zero());
            });
    }
    if (w.backward & 1) pack_panels<V, true>(w_h + Cell::FIRST * H, G * H, K, row_stride, panels + layout.back_h, worker, 0, 0, put);
    if ((w.backward & 2) && !Cell::SECOND) {
        // dG begins with the last gate where h's part of it stands apart, behind the others.
        constexpr int first = Cell::APART ? G - 1 : 0;
        pack_panels<V, true>(w_x + first * H, (Cell::ALL - first) * H, I, row_stride, panels + layout.back_x, worker, 0, first * H, put);
        if (first) pack_panels<V, true>(w_x, first * H, I, row_stride, panels + layout.back_x, worker, (G - first) * H, 0, put);
    }
    if (put.past_caches) V::settle();
}

}  // namespace
