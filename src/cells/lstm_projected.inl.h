// The LSTM whose units are projected (LSTMP, Sak et al. 2014): m = o*tanh(c'), h' = m w_p. A step has two parts, each a cell of its
// own to the tiles: m of all units, then h'. Backward takes them in the other order: dh of the step, then dm and dG.
#pragma once

namespace {

// h' = m w_p. Base: the cell of the first part.
template <class Base> struct Projection : CellBase {
    static constexpr int COLUMNS = 1, ALL = 1, BLOCKS = GROUP, TAPE = Base::TAPE, H_COLUMN = Base::H_COLUMN, BETWEEN = 1, STATES = 2;
    static constexpr bool SECOND = true;

    static int64_t inputs(const lf_weights &) { return 0; }
    static int64_t units(const lf_weights &w) { return w.P; }
    static int64_t depth(const lf_weights &w) { return w.H; }
    static int64_t state(const lf_weights &w) { return w.P; }
    static const void *recurrent(const lf_weights &w) { return w.w_p; }
    template <class V, class Lanes> static V bias(const typename V::T *, int, int64_t, int64_t, Lanes) { return V::zero(); }
    template <class View> static const typename View::T *state_input(const View &v, int64_t s, int64_t rank, int64_t) { return v.m_row(s, rank); }
    template <class View> static const typename View::T *recorded(const View &v, int64_t s, int64_t rank) { return v.m_taped(s, rank); }
    template <class View> static const typename View::T *gradient(const View &v, int64_t s, int64_t rank) { return v.dh_taped(s, rank); }

    template <class T> struct Place {
        T *h, *y;  // h_t; once more, or NULL

        template <bool Training, class View> static Place of(const View &v, int64_t s, int64_t rank, int64_t b) {
            return {v.h_row(s, rank, b), v.y_row(s, b)};
        }
        LF_INLINE Place at(int64_t column) const { return {h + column, y ? y + column : nullptr}; }
    };

    // n vectors of h; sums: [n][lanes].
    template <class V, bool Training, class View>
    static inline void forward(typename V::T *sums, typename V::T *, const View &, const Place<typename V::T> *cell, const Batch<V> &batch) {
        batch.each([&](int k, auto lanes) LF_LAMBDA {
            const V h = V::load(sums + k * V::N);
            lanes.store(cell[k].h, h);
            if (cell[k].y) lanes.store(cell[k].y, h);
        });
    }

    // dm [rows][vectors][lanes]: the gradient of m_t of the units from vector `block`.
    template <class V, class View>
    static inline void backward(const typename V::T *dm, int rows, int vectors, int64_t block, const View &v, int64_t s, const int64_t *ranks) {
        typename Base::template Row<typename V::T> row[ROWS_MAX];
        for (int r = 0; r < rows; ++r) {
            const bool carried = v.gather_past(s, ranks[r], ranks[r] < v.alive(s + 1), block, vectors);
            row[r] = Base::template Row<typename V::T>::of(v, s, ranks[r], v.row(ranks[r]), carried, v.carry(ranks[r]));
        }
        Base::template backward<V>(dm, rows, vectors, block, v, row);
        if (v.a.reset)
            for (int r = 0; r < rows; ++r) v.end_past(s, ranks[r], block, vectors);
    }
};

// The first part: writes m instead of h.
template <class Base> struct Projected : Base {
    static constexpr int BETWEEN = 1, STATES = 2;
    static constexpr bool PROJECTED = true, ZONEOUT = false;
    using Second = Projection<Base>;

    static int64_t depth(const lf_weights &w) { return w.P; }
    static int64_t state(const lf_weights &w) { return w.P; }
};

}  // namespace
