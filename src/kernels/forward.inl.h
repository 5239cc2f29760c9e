// Forward: for each step and each block of units, one register tile that ends as finished cells.
#pragma once

namespace {

constexpr int64_t PAIR_BYTES = 96 << 10;  // of a panel: two such panels stay in L2 beside the rows, and a tile's addresses serve both

template <class V, class Cell, bool Training> struct Forward {
    using T = typename V::T;
    using View = SequenceView<V, Cell>;
    static constexpr int G = Cell::COLUMNS, BLOCKS = Cell::BLOCKS;
    explicit Forward(const View &view) : v(view) {}

    const View &v;
    T *projected = nullptr;        // x w_x + b of steps [chunk_begin, ...): [step][own row][block][G][lanes]; NULL: not projected
    int64_t chunk_begin = 0, chunk_rows = 0;
    bool side_by_side = false;     // this step's inputs were copied to input_row
    Tile<V> t;

    // Finished sums wait here until there are enough to keep the activations' packs full.
    static constexpr int WAITING = 24;
    int waiting = 0;     // cells
    uint32_t parts = 0;  // bit k: cell k belongs to the block that ends inside a vector
    typename Cell::template Place<T> cell[WAITING];
    alignas(64) T z[WAITING * G * V::N];
    alignas(64) T apart[Cell::APART ? WAITING * V::N : 1];  // sums over x of the gate that keeps them apart

    void finish() {
        if (!waiting) return;
        Cell::template forward<V, Training>(z, apart, v, cell, Batch<V>{waiting, parts, {V::mask(v.panel_layout.idle_from)}});
        waiting = 0;
        parts = 0;
    }

    // Sums of `rows` of this worker's rows from p0, and `blocks` blocks of units from j (one panel, or a full one and the next), at step s.
    void tile(int64_t s, int64_t p0, int rows, int64_t j, int blocks) {
        const int64_t unit = j * V::N;
        const int first = smaller(blocks, BLOCKS), second = blocks - first;  // blocks of the panels
        const int vectors = v.panel_layout.panel_vectors(j, first), more = second ? v.panel_layout.panel_vectors(j + first, second) : 0;
        if (waiting + rows * blocks > WAITING) finish();
        t.z = z + waiting * G * V::N;
        t.z_row = blocks * G * V::N;
        for (int r = 0; r < rows; ++r) {
            const int64_t rank = v.rank(p0 + r), b = v.row(rank);
            t.segment[0].in[r] = side_by_side ? v.input_row(rank) : View::at(v.a.x, b, v.position(b, s));
            t.segment[1].in[r] = Cell::state_input(v, s, rank, b);
            const auto place = Cell::template Place<T>::template of<Training>(v, s, rank, b);
            for (int q = 0; q < blocks; ++q, ++waiting) {
                cell[waiting] = place.at(unit + q * V::N);
                if (cell[waiting].y) __builtin_prefetch(cell[waiting].y, 1);
                if (j + q >= v.panel_layout.whole) parts |= 1u << waiting;
            }
        }
        for (int q = 0; q < 2; ++q) {
            const T *const panel = v.panels + (j + q * first) * v.panel_layout.unit_stride;
            t.segment[0].panel[q] = panel;
            t.segment[1].panel[q] = panel + v.I * (q ? more : vectors) * V::N;
        }
        t.init = projected ? projected_at((s - chunk_begin) * chunk_rows + p0, j) : v.panels + v.panel_layout.bias + j * G * V::N;
        t.init_row = projected ? projected_row() : 0;
        t.step = 1;
        t.segment[0].count = projected ? 0 : v.I;
        t.segment[1].count = v.K;
        if constexpr (Cell::APART) set_apart(rows, j, blocks);
        run(rows, vectors, more);
        if (vectors + more < blocks * G) spread_gates(rows);
    }

    void run(int rows, int vectors, int more) {
        if (more) run_tile_pair<V, BLOCKS * G>(t, rows, more);
        else run_tile(t, rows, vectors);
    }

    // The sums of the last block, gates without gaps, to whole vectors of lanes. From the end on: nothing is overwritten unread.
    void spread_gates(int rows) {
        const Part<V> lanes = {V::mask(v.panel_layout.idle_from)};
        T *last = t.z + t.z_row - G * V::N;
        for (int r = 0; r < rows; ++r, last += t.z_row)
            for (int gate = G - 1; gate >= 0; --gate) V::store(last + gate * V::N, lanes.load(last + gate * v.panel_layout.idle_from));
    }

    // The sums over x come first and alone; those of the last gate move to `apart`, where its sums over h start instead.
    void set_apart(int rows, int64_t j, int blocks) {
        if (!projected) {
            t.segment[1].count = 0;
            run(rows, smaller(blocks, BLOCKS) * G, larger(blocks - BLOCKS, 0) * G);
            t.segment[0].count = 0;
            t.segment[1].count = v.K;
        }
        T *to = t.z, *x = apart + (waiting - rows * blocks) * V::N;
        for (int r = 0; r < rows; ++r) {
            const T *from = projected ? t.init + r * t.init_row : to;
            for (int q = 0; q < blocks; ++q, from += G * V::N, to += G * V::N, x += V::N) {
                V::store(x, V::load(from + (G - 1) * V::N));
                for (int gate = 0; gate < G - 1; ++gate) V::store(to + gate * V::N, V::load(from + gate * V::N));
                V::store(to + (G - 1) * V::N, V::load(v.panels + v.panel_layout.bias_apart + (j + q) * V::N));
            }
        }
        t.init = t.z;
        t.init_row = t.z_row;
    }

    int64_t projected_row() const { return v.panel_layout.blocks * G * V::N; }
    T *projected_at(int64_t row, int64_t block) const { return projected + row * projected_row() + block * G * V::N; }

    void step(int64_t s) {
        const int64_t rows = v.my_rows(s);
        side_by_side = v.I && !projected && !v.split_units && rows > rows_per_tile<V>(4) && v.a.x.stride_b != v.I;
        if (side_by_side)
            for (int64_t p = 0; p < rows; ++p) {
                const int64_t b = v.row(v.rank(p));
                memcpy(v.input_row(v.rank(p)), View::at(v.a.x, b, v.position(b, s)), static_cast<size_t>(v.I) * sizeof(T));
            }
        if (v.a.h_scale && !Cell::SECOND)
            for (int64_t p = 0; p < rows; ++p) {
                const int64_t rank = v.rank(p), b = v.row(rank);
                v.scale(rank, b, v.h_before(s, rank, b));
            }
        const PanelLayout<V, Cell> &layout = v.panel_layout;
        const int64_t bytes = ((projected ? 0 : v.I) + v.K) * BLOCKS * G * V::N * static_cast<int64_t>(sizeof(T));
        const bool few = rows <= rows_per_tile<V>(2 * GROUP), pairs = few || (2 * BLOCKS * ROWS_MAX <= WAITING && bytes <= PAIR_BYTES);
        const int64_t all = v.block_end - v.block_begin, width = pairs ? 2 * BLOCKS : BLOCKS;
        const bool alone = v.block_end > layout.whole && (all - 1) % width == 0;  // the last block would begin a turn: it comes last
        for_turns(all - alone, width, s & 1, [&](int64_t first, int64_t count) {
            const int64_t end = v.block_begin + first + count;
            for (int64_t j = v.block_begin + first, blocks; j < end; j += blocks) {
                const int64_t panel = layout.panel_blocks(j, end), rest = end - j - panel;
                const bool next = pairs && panel == BLOCKS && rest > 0 && layout.panel_blocks(j + panel, end) == rest &&
                                  (few || (rest == BLOCKS && end <= layout.whole));
                blocks = panel + (next ? rest : 0);
                for_tiles<V>(rows, layout.panel_vectors(j, panel), [&](int64_t p0, int size) { tile(s, p0, size, j, static_cast<int>(blocks)); });
            }
        });
        if (alone)
            for_tiles<V>(rows, layout.tail_vectors, [&](int64_t p0, int size) { tile(s, p0, size, v.block_end - 1, 1); });
        finish();
    }

    // Step s of [begin, end); with `ahead`, the inputs of as many steps as fit are projected when the last ones are used up.
    void advance(int64_t s, int64_t begin, int64_t end, bool ahead) {
        const int64_t chunk = v.scratch_layout.steps_projected;
        if (ahead && (s - begin) % chunk == 0 && v.my_rows(s) > 0) project(s, smaller(end, s + chunk));
        step(s);
    }

    // x w_x + b for this worker's rows and units over steps [begin, end): rows of many steps fill the tile.
    void project(int64_t begin, int64_t end) {
        const int64_t rows = v.my_rows(begin), I = v.I;  // rows that end inside the chunk are projected from valid memory, unused
        projected = v.scratch + v.scratch_layout.projected + v.rows_before * v.scratch_layout.steps_projected * projected_row();
        chunk_begin = begin;
        chunk_rows = rows;
        for (int64_t j = v.block_begin, blocks; j < v.block_end; j += blocks) {
            blocks = v.panel_layout.panel_blocks(j, v.block_end);
            const auto input = [&](int64_t q) {
                const int64_t b = v.row(v.rank(q % rows)), s = smaller(begin + q / rows, v.length(b) - 1);
                return static_cast<const T *>(View::at(v.a.x, b, v.position(b, s)));
            };
            multiply_rows<V>(rows * (end - begin), I, v.panels + j * v.panel_layout.unit_stride, v.panel_layout.panel_vectors(j, blocks),
                             v.products, input, StartFrom<V>{v.panels + v.panel_layout.bias + j * G * V::N}, NothingDone(), false,
                             [&](int64_t q, int64_t, int, T *) { return Span<T>{projected_at(q, j), projected_row()}; });
        }
    }
};

// The second part of each step, where a cell has one.
template <class V, class Cell, bool Training, class Second = typename Cell::Second> struct SecondForward {
    SecondPart<V, Cell> part;
    SequenceView<V, Second> v;
    Forward<V, Second, Training> forward;

    SecondForward(const SequenceView<V, Cell> &first, const lf_worker *w) : part(first.a), v(part.view(first, w)), forward(v) {}
    void advance(int64_t s, int64_t begin, int64_t end, bool ahead, const lf_worker *w) {
        v.end_step(w);
        forward.advance(s, begin, end, ahead && v.I);
    }
};
template <class V, class Cell, bool Training> struct SecondForward<V, Cell, Training, void> {
    SecondForward(const SequenceView<V, Cell> &, const lf_worker *) {}
    void advance(int64_t, int64_t, int64_t, bool, const lf_worker *) {}
};

// Copies the last state of this worker's rows and units to h and c, and fills y where no step has written it.
template <class V, class Cell, bool Training> inline void finish_rows(const SequenceView<V, Cell> &v) {
    using T = typename V::T;
    const Share<T> units = v.my_units(), numbers = v.my_state();
    for (int64_t p = 0; p < v.my_rows_of(v.B); ++p) {
        const int64_t r = v.rank(p), b = v.row(r), n = v.length(b);
        const bool gone = v.resets(b, n);
        numbers.copy(static_cast<T *>(v.a.h) + b * v.P, gone ? v.zeros() : n ? v.h_row(n - 1, r, b) : v.row_or_zeros(v.a.h0, b, v.P));
        if (Cell::MEMORY && (gone || n == 0 || Training))
            units.copy(static_cast<T *>(v.a.c) + b * v.H, gone ? v.zeros() : n ? v.cell(n - 1, r) : v.row_or_zeros(v.a.c0, b, v.H));
        const auto fill = [&](const lf_seq &out, const Share<T> &share) {
            if (out.data)
                v.for_idle(b, [&](int64_t t, int64_t last) { share.copy(v.at(out, b, t), last < 0 ? v.zeros() : v.at(out, b, last)); });
        };
        fill(v.a.y, numbers);
        fill(v.a.c_seq, units);
    }
}

// Keeps the state before step s of this worker's rows and units.
template <class V, class Cell> inline void keep_checkpoint(const SequenceView<V, Cell> &v, int64_t s) {
    using T = typename V::T;
    const Share<T> units = v.my_units(), numbers = v.my_state();
    for (int64_t p = 0; p < v.my_rows(s); ++p) {
        const int64_t rank = v.rank(p), b = v.row(rank);
        numbers.copy(v.checkpoint(s, 0) + b * v.P, v.h_row(s - 1, rank, b));
        if constexpr (Cell::MEMORY) units.copy(v.checkpoint(s, 1) + b * v.H, static_cast<const T *>(v.a.c) + b * v.H);
    }
}

// Hands out c of step s of this worker's rows and units.
template <class V, class Cell, bool Training> inline void copy_cells(const SequenceView<V, Cell> &v, int64_t s) {
    using T = typename V::T;
    for (int64_t p = 0; p < v.my_rows(s); ++p) {
        const int64_t rank = v.rank(p), b = v.row(rank);
        v.my_units().copy(v.at(v.a.c_seq, b, v.position(b, s)), Training ? v.cell(s, rank) : static_cast<const T *>(v.a.c) + b * v.H);
    }
}

// Steps [begin, end); `polled`: steps of the call before them. False: stopped.
template <class V, class Cell, bool Training>
inline bool forward_steps(const SequenceView<V, Cell> &v, int64_t begin, int64_t end, int64_t polled, int64_t poll_steps, const lf_worker *w) {
    if (v.idle()) return true;
    Forward<V, Cell, Training> forward(v);
    SecondForward<V, Cell, Training> second(v, w);
    // Few rows per step, or many inputs: project the inputs of many steps at once. A tiny I is not worth the round trip.
    const bool project = end - begin > 1 && ((v.I >= 4 && v.my_rows(begin) <= 2 * rows_per_tile<V>(4)) || v.I >= PROJECT_INPUTS);
    for (int64_t s = begin; s < end && v.alive(s) > 0; ++s) {
        const int64_t done = polled + s - begin;
        if (!Training && s && v.a.checkpoint_every && s % v.a.checkpoint_every == 0) keep_checkpoint(v, s);
        forward.advance(s, begin, end, project);
        second.advance(s, begin, end, project, w);
        if (Cell::MEMORY && v.a.c_seq.data) copy_cells<V, Cell, Training>(v, s);
        if ((done + 1) % poll_steps == 0) lf_poll(w, done);
        v.end_step(w);
        if (lf_stops(w, done)) return false;
    }
    return true;
}

template <class V, class Cell, bool Training> inline void forward_rows(const lf_sequence &args, const lf_sequence_call &call, const lf_worker *w) {
    const SequenceView<V, Cell> v(args, call.offsets, w);
    if (w->index == 0) v.clear_zeros();
    lf_barrier_wait(w);
    if (forward_steps<V, Cell, Training>(v, 0, v.steps, 0, call.poll_steps, w)) finish_rows<V, Cell, Training>(v);
}

template <class V, class Cell> void sequence_forward(const void *args, const lf_worker *w) {
    const lf_sequence_call &call = *static_cast<const lf_sequence_call *>(args);
    lf_sequence a = *call.args;
    if (a.training && a.checkpoint_every && a.checkpoint_every < a.T) a.training = 0;  // no tape yet
    else a.checkpoint_every = 0;
    if (a.training) forward_rows<V, Cell, true>(a, call, w);
    else forward_rows<V, Cell, false>(a, call, w);
}

}  // namespace
