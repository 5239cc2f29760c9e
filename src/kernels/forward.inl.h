// LSTM forward: for each step and each block of units, one register tile that ends as finished cells.
#pragma once

namespace {

constexpr int64_t PROJECT_INPUTS = 512;  // from here on x and its panel would push h out of L2 at every step

template <class V, bool Training> struct Forward {
    using T = typename V::T;
    explicit Forward(const SequenceView<V> &view) : v(view) {}

    const SequenceView<V> &v;
    const T *projected = nullptr;  // x w_x + b of steps [chunk_begin, ...): [step][rank][block][4][lanes]; NULL: not projected
    int64_t chunk_begin = 0;
    bool side_by_side = false;     // this step's inputs were copied to input_row
    Tile<V> t;

    // Finished sums wait here until there are enough to keep the activations' packs full.
    static constexpr int WAITING = 24;
    int waiting = 0;
    CellForward<T> cell[WAITING];
    alignas(64) T z[WAITING * 4 * V::N];

    template <class Lanes> void finish(Lanes lanes) {
        lstm_cells_forward<V, Training>(z, waiting, v.H, cell, lanes);
        waiting = 0;
    }

    // Sums of `rows` of this worker's rows from p0, and `blocks` (1 or 2) blocks of units from j, at step s.
    void tile(int64_t s, int64_t p0, int rows, int64_t j, int blocks) {
        const int64_t I = v.I, unit = j * V::N;
        if (waiting + rows * blocks > WAITING) finish(Whole<V>());
        t.z = z + waiting * 4 * V::N;
        for (int r = 0; r < rows; ++r) {
            const int64_t rank = v.rank(p0 + r), b = v.row(rank);
            t.segment[0].in[r] = side_by_side ? v.input_row(rank) : SequenceView<V>::at(v.a.x, b, v.position(b, s));
            t.segment[1].in[r] = v.h_before(s, rank, b);
            T *c = (Training ? v.cell(s, rank) : static_cast<T *>(v.a.c) + b * v.H) + unit;
            T *h = v.h_row(s, rank, b) + unit, *y = v.y_row(s, b), *gates = Training ? v.gates(s, rank) + unit : nullptr;
            const T *c_prev = Training || s == 0 ? v.cell_before(s, rank, b) + unit : c;
            for (int q = 0; q < blocks; ++q) {
                const int64_t at = q * V::N;
                if (y) __builtin_prefetch(y + unit + at, 1);
                cell[waiting++] = {c_prev + at, c + at, h + at, y ? y + unit + at : nullptr, Training ? gates + at : nullptr};
            }
        }
        for (int q = 0; q < blocks; ++q) {
            t.segment[0].panel[q] = v.panels + (j + q) * v.panel_layout.unit_stride;
            t.segment[1].panel[q] = t.segment[0].panel[q] + I * 4 * V::N;
        }
        t.init = projected ? projected_at(s, v.rank(p0), j) : v.panels + v.panel_layout.bias + j * 4 * V::N;
        t.init_row = projected ? v.stride * v.panel_layout.blocks * 4 * V::N : 0;
        t.step = 1;
        t.segment[0].count = projected ? 0 : I;
        t.segment[1].count = v.H;
        if (blocks == 2) run_tile_pair(t, rows);
        else run_tile(t, rows, 4);
    }

    const T *projected_at(int64_t s, int64_t rank, int64_t block) const {
        return projected + (((s - chunk_begin) * v.B + rank) * v.panel_layout.blocks + block) * 4 * V::N;
    }

    void step(int64_t s) {
        const int64_t rows = v.my_rows(s);
        side_by_side = !projected && !v.split_units && rows > rows_per_tile<V>(4) && v.a.x.stride_b != v.I;
        if (side_by_side)
            for (int64_t p = 0; p < rows; ++p) {
                const int64_t b = v.row(v.rank(p));
                memcpy(v.input_row(v.rank(p)), SequenceView<V>::at(v.a.x, b, v.position(b, s)), static_cast<size_t>(v.I) * sizeof(T));
            }
        const int64_t whole = smaller(v.block_end, v.H / V::N);  // blocks without idle lanes
        int64_t j = v.block_begin;
        if (rows > 0 && rows <= rows_per_tile<V>(2 * GROUP))
            for (; j + 2 <= whole; j += 2) tile(s, 0, static_cast<int>(rows), j, 2);
        for (; j < whole; ++j)
            for_tiles(rows, rows_per_tile<V>(4), [&](int64_t p0, int size) { tile(s, p0, size, j, 1); });
        finish(Whole<V>());
        if (j < v.block_end) {  // the last block ends inside a vector
            const Part<V> lanes = {V::mask(static_cast<int>(v.H - j * V::N))};
            for_tiles(rows, rows_per_tile<V>(4), [&](int64_t p0, int size) {
                tile(s, p0, size, j, 1);
                finish(lanes);
            });
        }
    }

    // x w_x + b for this worker's rows and units over steps [begin, end): rows of many steps fill the tile.
    void project(int64_t begin, int64_t end, T *out) {
        projected = out;
        chunk_begin = begin;
        const int64_t rows = v.my_rows(begin), I = v.I;  // rows that end inside the chunk are projected from valid memory, unused
        for (int64_t j = v.block_begin; j < v.block_end; ++j) {
            const auto place = [&](int64_t q) { return begin + q / rows; };
            const auto input = [&](int64_t q) {
                const int64_t b = v.row(v.rank(q % rows)), s = smaller(place(q), v.length(b) - 1);
                return static_cast<const T *>(SequenceView<V>::at(v.a.x, b, v.position(b, s)));
            };
            multiply_rows<V>(rows * (end - begin), I, v.panels + j * v.panel_layout.unit_stride, 4, v.products, input,
                             StartFrom<V>{v.panels + v.panel_layout.bias + j * 4 * V::N},
                             [&](int64_t q, int size, int64_t, int, const T *z) {
                                 for (int r = 0; r < size; ++r)
                                     memcpy(const_cast<T *>(projected_at(place(q + r), v.rank((q + r) % rows), j)),
                                            z + r * 4 * V::N, 4 * V::N * sizeof(T));
                             });
        }
    }
};

// Copies the last state of this worker's rows and units to h and c, and zeros y beyond each row's length.
template <class V, bool Training> inline void finish_rows(const SequenceView<V> &v) {
    using T = typename V::T;
    const int64_t begin = v.block_begin * V::N, end = smaller(v.H, v.block_end * V::N);
    if (begin >= end) return;
    const size_t bytes = static_cast<size_t>(end - begin) * sizeof(T);
    for (int64_t r = v.first; r < v.B; r += v.stride) {
        const int64_t b = v.row(r), n = v.length(b);
        const T *h = n ? v.h_row(n - 1, r, b) : v.state_or_zeros(v.a.h0, b);
        T *const h_out = static_cast<T *>(v.a.h) + b * v.H, *const c_out = static_cast<T *>(v.a.c) + b * v.H;
        memmove(h_out + begin, h + begin, bytes);
        if (n == 0) memmove(c_out + begin, v.state_or_zeros(v.a.c0, b) + begin, bytes);
        else if (Training) memcpy(c_out + begin, v.cell(n - 1, r) + begin, bytes);
        if (v.a.y.data)
            for (int64_t t = n; t < v.a.T; ++t) memset(SequenceView<V>::at(v.a.y, b, t) + begin, 0, bytes);
    }
}

template <class V, bool Training> inline void forward_rows(const lf_sequence_call &call, const lf_worker *w) {
    const SequenceView<V> v(*call.args, call.offsets, w);
    if (w->index == 0) v.clear_zeros();
    lf_barrier_wait(w);
    Forward<V, Training> forward(v);
    // Few rows per step, or many inputs: project the inputs of many steps at once. A tiny I is not worth the round trip.
    const bool project = v.steps > 1 && ((v.I >= 4 && v.my_rows(0) <= 2 * rows_per_tile<V>(4)) || v.I >= PROJECT_INPUTS);
    const int64_t chunk = v.scratch_layout.steps_projected;
    for (int64_t s = 0; s < v.steps && v.alive(s) > 0; ++s) {
        if (project && s % chunk == 0 && v.my_rows(s) > 0)
            forward.project(s, smaller(v.steps, s + chunk), v.scratch + v.scratch_layout.projected);
        forward.step(s);
        if ((s + 1) % call.poll_steps == 0) lf_poll(w, s);
        if (v.split_units) lf_barrier_wait(w);
        if (lf_stops(w, s)) return;
    }
    finish_rows<V, Training>(v);
}

template <class V> void sequence_forward(const void *args, const lf_worker *w) {
    const lf_sequence_call &call = *static_cast<const lf_sequence_call *>(args);
    if (call.args->training) forward_rows<V, true>(call, w);
    else forward_rows<V, false>(call, w);
}

}  // namespace
