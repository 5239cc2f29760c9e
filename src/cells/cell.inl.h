// What a cell tells the sequence kernels. A cell also has
//   COLUMNS   gate columns per unit that its tiles multiply, from gate FIRST of the ALL in w_x, w_h, b
//   BLOCKS    blocks of units side by side in one panel, so that a tile is GROUP vectors wide
//   TAPE      numbers per unit in tape_gates
//   bias      what the chains of a gate start from; gate COLUMNS is the h sum that is kept apart
//   Place     where one cell of forward reads and writes
//   Row       where one row of backward reads and writes
//   forward, backward
#pragma once

namespace {

struct CellBase {
    static constexpr int FIRST = 0;
    static constexpr bool MEMORY = false;  // a second state c beside h; without it the tape's cells hold h from the start
    static constexpr bool APART = false;   // the last gate keeps its sums over x and over h apart; the hot tile then has one vector more
    static constexpr int DH = 0;           // first column of a tape row's dG that meets w_h; COLUMNS of them. Those of w_x: from 0, ALL
    static constexpr int H_COLUMN = 0;     // which number of the tape is h; 0: tape_cells hold it, when backward needs it
    static constexpr int EXTRA = 0;        // vectors per block of units that the panels hold beside weights and biases
    static constexpr int BETWEEN = 0;      // numbers per unit that the first part of a step hands to the second
    static constexpr int SUMS = 0;         // numbers per unit and row of the batch that backward adds up from step to step
    static constexpr bool WHOLE_ROWS = false;  // a step ends with arithmetic over all units of a row: kernels/whole_rows.inl.h
    static constexpr bool ZONEOUT = false; // dh past the gates may exist beside dc: in h_past
    static constexpr int tape_more(const lf_weights &) { return 0; }  // numbers per unit that a tape row has behind TAPE
    static constexpr int STATES = 0;       // numbers per number of h that a tape row has behind those of the units: h, dh
    using Second = void;                   // the cell of the second part
    static constexpr bool SECOND = false;  // is a second part
    static constexpr bool PROJECTED = false;  // the first part's units are not yet h

    // Widths: inputs of x, units of the tiles, what meets w_h, h.
    static int64_t inputs(const lf_weights &w) { return w.I; }
    static int64_t units(const lf_weights &w) { return w.H; }
    static int64_t depth(const lf_weights &w) { return w.H; }
    static int64_t state(const lf_weights &w) { return w.H; }
    static const void *recurrent(const lf_weights &w) { return w.w_h; }

    // What meets w_h.
    template <class View> static auto state_input(const View &v, int64_t s, int64_t rank, int64_t b) {
        return v.a.h_scale ? static_cast<decltype(v.h_before(s, rank, b))>(v.scaled_row(rank)) : v.h_before(s, rank, b);
    }
};

}  // namespace
