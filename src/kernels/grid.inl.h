// How the workers of a call share its rows and units.
#pragma once

namespace {

// row_parts * unit_parts <= workers; worker k has row part k / unit_parts and unit part k % unit_parts.
struct Grid {
    int row_parts, unit_parts;
};

// Blocks of units that stay together: backward's panels are four blocks wide, forward's tiles two at few rows.
inline int64_t unit_granule(const lf_sequence &a) { return a.training ? 4 : 2; }

constexpr int64_t PROJECT_INPUTS = 512;  // from here on x and its panel would push h out of L2 at every step
constexpr int64_t PROJECTED_NUMBERS = 65536;  // of projected input kept at once: within L2

// Steps of `per_step` numbers whose inputs are projected at once.
inline int64_t steps_at_once(int64_t T, int64_t per_step) { return per_step ? smaller<int64_t>(T, PROJECTED_NUMBERS / per_step + 1) : 0; }

// Whoever shares the units reads only its part of the weights at each step, which may then fit its own cache, and waits for
// the others after each step. The costs are in multiply-adds of one 64-byte vector with one row.
//   whole_rows   the units of a row stay together
inline Grid share_work(const lf_sequence &a, int64_t lanes, int workers, bool whole_rows) {
    constexpr double OWN_CACHE = 1 << 20;        // bytes of weights that stay near one worker from step to step
    constexpr double READ = 2, READ_SHARED = 20; // per vector from there, and from a cache that all share
    constexpr double BARRIER = 250;              // per worker
    const lf_weights &w = *a.weights;
    const lf_cell_shape shape = lf_shape_of(w.cell);
    const double H = static_cast<double>(w.H), depth = static_cast<double>(shape.projected ? w.P : w.H);
    const double column = shape.columns * H * (w.dtype == LF_FLOAT64 ? 8 : 4);  // bytes of a row of w_x or w_h
    const int64_t at_once = w.I < PROJECT_INPUTS ? 1 : steps_at_once(a.T, a.B * shape.columns * w.H);  // steps per reading of w_x
    const int64_t groups = whole_rows ? 1 : ceil_div(ceil_div(w.H, lanes), unit_granule(a));
    Grid best = {1, 1};
    double least = 0;
    for (int units = 1; units <= smaller<int64_t>(workers, groups); ++units) {
        const int64_t parts = larger<int64_t>(1, smaller<int64_t>(workers / units, a.B));
        const double rows = static_cast<double>(ceil_div(a.B, parts));
        const double share = column * static_cast<double>(ceil_div(groups, units)) / static_cast<double>(groups);
        const double I = static_cast<double>(w.I), read = share * (depth + (at_once > 1 ? 0 : I)) <= OWN_CACHE ? READ : READ_SHARED;
        const double read_x = at_once == 1 ? read : (share * I <= OWN_CACHE ? READ : READ_SHARED) / static_cast<double>(at_once);
        const double cost = share / 64 * (depth * larger(rows, read) + I * larger(rows, read_x)) +
                            (units > 1 ? BARRIER * static_cast<double>(units * parts) : 0);
        if (units > 1 && cost >= least) continue;
        best = {static_cast<int>(parts), units};
        least = cost;
    }
    return best;
}

}  // namespace
