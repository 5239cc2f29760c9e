// Runs the kernels through the C contract alone, without Python, and prints one hash per case.
//
//   selftest --list        the instruction sets of this build and CPU, best first
//   selftest ISA           one line per case: FNV-1a (64 bits) over the bytes of all its outputs
//
// Every ISA must print the same lines: `check` compares them across machines, emulators and sanitizers. Inputs come from an
// integer generator and stay far from subnormals, which ARM and x86 flush before and after rounding respectively. Each
// case runs with one and with two workers, and the bits must agree. Every array is its own allocation of exactly the
// contract's size, so that a sanitizer sees the first byte beyond it; outputs start as NaN, so that one left out is found.
#include "lstm_fast.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

int failures = 0;

void expect(bool good, const char *name, const char *what) {
    if (good) return;
    std::fprintf(stderr, "selftest: %s: %s\n", name, what);
    ++failures;
}

// Uniform in [-scale, scale), on a grid of 2^-23 so that float32 and float64 see the same draws.
class Random {
    uint64_t state_;

public:
    explicit Random(uint64_t seed) : state_(seed * 2862933555777941757ull + 3037000493ull) {}
    double operator()(double scale) {
        state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
        return scale * (static_cast<double>(state_ >> 40) / 8388608.0 - 1.0);
    }
};

// `bytes` of its own, 64-byte aligned, no slack at the end.
class Buffer {
    void *p_ = nullptr;
    size_t bytes_;

public:
    explicit Buffer(int64_t bytes) : bytes_(static_cast<size_t>(bytes)) {
        if (bytes < 0 || posix_memalign(&p_, 64, bytes_)) std::abort();
        std::memset(p_, 0xff, bytes_);  // NaN
    }
    Buffer(const Buffer &) = delete;
    ~Buffer() { std::free(p_); }
    void *get() const { return p_; }
    size_t bytes() const { return bytes_; }
};

template <class T> class Array : public Buffer {
public:
    explicit Array(int64_t n) : Buffer(n * static_cast<int64_t>(sizeof(T))) {}
    Array(int64_t n, Random &random, double scale) : Array(n) {
        for (int64_t k = 0; k < n; ++k) (*this)[k] = static_cast<T>(random(scale));
    }
    T &operator[](int64_t k) const { return static_cast<T *>(get())[k]; }
    int64_t size() const { return static_cast<int64_t>(bytes() / sizeof(T)); }
};

class Hash {
    uint64_t value_ = 14695981039346656037ull;
    const char *name_;

public:
    explicit Hash(const char *name) : name_(name) {}
    uint64_t value() const { return value_; }
    template <class T> void add(const T *p, int64_t n, const char *what) {
        for (int64_t k = 0; k < n; ++k) expect(!std::isnan(p[k]), name_, what);
        const unsigned char *byte = reinterpret_cast<const unsigned char *>(p);
        for (size_t k = 0; k < static_cast<size_t>(n) * sizeof(T); ++k) value_ = (value_ ^ byte[k]) * 1099511628211ull;
    }
    template <class T> void add(const Array<T> &a, const char *what) { add(&a[0], a.size(), what); }
};

template <class T> constexpr int dtype_of() { return sizeof(T) == 4 ? LF_FLOAT32 : LF_FLOAT64; }

enum Option { REVERSE = 1, RAGGED = 2, NO_STATE = 4, NO_BIAS = 8, TIME_MAJOR = 16, LAST_ONLY = 32, FEW_GRADIENTS = 64, ACCUMULATE = 128,
              MASKED = 256, RESET = 512, SCALED = 1024, CHECKPOINTS = 2048, CELLS = 4096 };

struct SequenceCase {
    int64_t B, T, I, H;
    int options;
};

// Every dimension meets every tile height, lane count, mask, block size and option; two workers share the larger ones, by
// rows (19 x 4 x 65 x 70) and by units (2 x 15 x 65 x 130).
const SequenceCase sequences[] = {
    {1, 1, 1, 1, 0}, {1, 9, 7, 5, NO_STATE}, {2, 3, 0, 5, 0}, {2, 5, 1, 17, REVERSE}, {3, 4, 7, 1, RAGGED},
    {3, 9, 1, 33, TIME_MAJOR}, {4, 3, 600, 17, 0}, {4, 6, 65, 5, RAGGED | REVERSE}, {5, 2, 7, 70, LAST_ONLY},
    {5, 20, 5, 70, 0}, {5, 60, 4, 17, RAGGED | NO_BIAS}, {6, 7, 65, 33, NO_STATE | NO_BIAS | REVERSE}, {7, 5, 0, 17, RAGGED | LAST_ONLY},
    {7, 1, 65, 70, FEW_GRADIENTS}, {8, 4, 1, 16, ACCUMULATE}, {9, 5, 7, 33, RAGGED | REVERSE | TIME_MAJOR}, {11, 3, 600, 5, RAGGED},
    {12, 5, 13, 32, 0}, {13, 9, 7, 17, RAGGED | FEW_GRADIENTS}, {13, 2, 65, 1, ACCUMULATE | REVERSE}, {16, 3, 16, 64, TIME_MAJOR | LAST_ONLY},
    {17, 8, 1, 5, RAGGED | NO_STATE}, {19, 4, 65, 70, RAGGED}, {19, 9, 7, 33, TIME_MAJOR | ACCUMULATE | REVERSE},
    {19, 2, 600, 33, FEW_GRADIENTS | NO_STATE}, {2, 15, 65, 130, 0}, {1, 5, 3, 150, RAGGED | REVERSE}, {97, 3, 7, 9, RAGGED | TIME_MAJOR},
    {3, 0, 7, 5, 0}, {0, 3, 7, 5, 0},
    {5, 9, 3, 17, MASKED}, {3, 8, 65, 33, MASKED | RESET | REVERSE}, {19, 7, 4, 5, RESET | TIME_MAJOR}, {13, 5, 7, 16, SCALED},
    {2, 6, 5, 150, SCALED | RESET | MASKED}, {1, 300, 3, 5, CHECKPOINTS}, {19, 30, 5, 17, CHECKPOINTS | MASKED | RESET | SCALED},
    {2, 9, 520, 66, CHECKPOINTS | REVERSE | ACCUMULATE}, {259, 5, 2, 3, CHECKPOINTS | RAGGED},
    {3, 9, 4, 33, CELLS | MASKED | RESET}, {13, 7, 3, 17, CELLS | RAGGED | REVERSE | TIME_MAJOR}, {2, 10, 65, 130, CELLS | CHECKPOINTS},
};

// The tables of a batch with holes and resets, as the contract describes them.
struct Places {
    Array<int64_t> position, index, begin, end;
    Array<uint8_t> reset;

    // Every third position or so is masked, every fifth starts anew; fills lengths.
    Places(int64_t B, int64_t T, int options, const Array<int64_t> &lengths)
        : position(B * T), index(B), begin(B), end(B), reset(B * T + B) {
        for (int64_t b = 0; b < B; ++b) {
            index[b] = b * T, begin[b] = 0, end[b] = T;
            int64_t n = 0;
            uint8_t pending = 0;
            for (int64_t k = 0; k < T; ++k) {
                const int64_t t = options & REVERSE ? T - 1 - k : k;
                if (options & RESET && (t * 3 + b) % 5 == 0) pending = 1;
                if (options & MASKED && (t * 5 + b * 7) % 3 == 0) continue;
                position[b * T + n] = t, reset[b * T + b + n++] = pending;
                pending = 0;
            }
            reset[b * T + b + n] = pending;
            lengths[b] = n;
        }
    }
    void give(lf_sequence *a, int options) const {
        a->position = &position[0], a->index = &index[0], a->begin = &begin[0], a->end = &end[0];
        a->reset = options & RESET ? &reset[0] : nullptr;
    }
};

struct CellCase {
    const char *name;
    int cell;
    lf_function gate, candidate, output;
    double clip, cell_clip;
    int coupled, peepholes;
    double zoneout_h = 0, zoneout_c = 0;
};

const lf_function LINEAR = {LF_LINEAR, 1, 0}, RELU = {LF_RELU, 1, 0}, TANH = {LF_TANH, 1, 1}, SIGMOID = {LF_SIGMOID, 1, 0};
const CellCase cells[] = {
    {"lstm", LF_LSTM, SIGMOID, TANH, TANH, 0, 0, 0, 0},
    {"gru", LF_GRU, SIGMOID, TANH, LINEAR, 0, 0, 0, 0},
    {"rnn", LF_RNN, SIGMOID, TANH, LINEAR, 0, 0, 0, 0},
    {"relu rnn", LF_RNN, SIGMOID, RELU, LINEAR, 0, 0, 0, 0},
    {"peephole lstm", LF_LSTM_ANY, {LF_HARD_SIGMOID, 0.2, 0.5}, {LF_SOFTSIGN, 1, 0}, {LF_MISH, 1, 0}, 1.75, 1.25, 0, 1},
    {"coupled lstm", LF_LSTM_ANY, SIGMOID, {LF_ELU, 1, 1}, {LF_SOFTPLUS, 1, 0}, 0, 0, 1, 1},
    {"zoned lstm", LF_LSTM_ANY, SIGMOID, TANH, TANH, 0, 1.25, 0, 1, 0.25, 0.375},
    {"projected lstm", LF_LSTM_PROJECTED, SIGMOID, TANH, TANH, 0, 0, 0, 0},
    {"projected peephole lstm", LF_LSTM_ANY_PROJECTED, SIGMOID, {LF_SOFTSIGN, 1, 0}, TANH, 0, 1.25, 1, 1},
    {"gru before", LF_GRU_BEFORE, SIGMOID, TANH, LINEAR, 0, 0, 0, 0},
    {"silu gru", LF_GRU_ANY, {LF_HARD_SIGMOID, 0.2, 0.5}, {LF_SILU, 1, 0}, LINEAR, 2.5, 0, 0, 0},
    {"scaled tanh rnn", LF_RNN, SIGMOID, {LF_SCALED_TANH, 1.5, 0.75}, LINEAR, 2.0, 0, 0, 0},
    {"normalised lstm", LF_LSTM_NORM, SIGMOID, TANH, TANH, 0, 0, 0, 0},
};

template <class T> uint64_t run_sequence(const CellCase &kind, const SequenceCase &c, int threads, const char *name) {
    const int64_t B = c.B, T_ = c.T, I = c.I, H = c.H;
    const lf_cell_shape shape = lf_shape_of(kind.cell);
    const int64_t G = shape.columns, P = shape.projected ? 3 + H / 2 : H;
    const bool state = !(c.options & NO_STATE), few = c.options & FEW_GRADIENTS, last_only = c.options & LAST_ONLY;
    Random random(static_cast<uint64_t>(B + 100 * T_ + 10007 * I + 1000003 * H));
    const double s = 1.5 / std::sqrt(static_cast<double>(I + H));
    Hash hash(name);

    Array<int64_t> lengths(B), order(B);
    int64_t R = B * T_;
    const bool holes = c.options & (MASKED | RESET), ragged = holes || c.options & RAGGED;
    if (c.options & RAGGED)
        for (int64_t b = 0; b < B; ++b) lengths[b] = (b * 7 + 3) % (T_ + 1);
    const Places places(holes ? B : 0, holes ? T_ : 0, c.options, lengths);
    if (ragged) {
        R = 0;
        for (int64_t b = 0; b < B; ++b) R += lengths[b];
        int64_t at = 0;
        for (int64_t n = T_; n >= 0; --n)
            for (int64_t b = 0; b < B; ++b)
                if (lengths[b] == n) order[at++] = b;
    }
    const Array<T> w_x(I * G * H, random, s), w_h(P * G * H, random, s), b(shape.biases * H, random, 1.0);
    const Array<T> x(B * T_ * I, random, 2.0), h0(B * P, random, 1.0), c0(B * H, random, 2.0);
    const Array<T> dy(B * T_ * P, random, 1.0), dh(B * P, random, 1.0), dc(B * H, random, 1.0);
    const Array<T> peephole(3 * H, random, 0.5), dpeephole(3 * H);
    const Array<T> y(B * T_ * P), h(B * P), cell(B * H), dx(B * T_ * I), dh0(B * P), dc0(B * H);
    const Array<T> h_scale(B * P, random, 1.5);
    const Array<T> w_p(shape.projected * H * P, random, s), dw_p(shape.projected * H * P);
    const bool cells_too = c.options & CELLS && shape.memory;
    const Array<T> c_seq(cells_too ? B * T_ * H : 0), dc_seq(c_seq.size(), random, 1.0);
    const bool normalised = kind.cell == LF_LSTM_NORM;
    const Array<T> norm(normalised ? 10 * H : 0, random, 1.5), dnorm(norm.size());
    const Array<T> dw_x(I * G * H), dw_h(P * G * H), db(shape.biases * H);

    lf_weights w = {};
    w.I = I, w.H = H, w.P = P, w.cell = kind.cell, w.dtype = dtype_of<T>(), w.backward = few ? 1 : 3;
    w.w_x = w_x.get(), w.w_h = w_h.get(), w.w_p = w_p.get(), w.b = c.options & NO_BIAS ? nullptr : b.get();
    w.gate = kind.gate, w.candidate = kind.candidate, w.output = kind.output, w.clip = kind.clip, w.cell_clip = kind.cell_clip;
    w.coupled = kind.coupled, w.peepholes = kind.peepholes, w.peephole = kind.peepholes ? peephole.get() : nullptr;
    w.zoneout_h = kind.zoneout_h, w.zoneout_c = kind.zoneout_c;
    w.norm_epsilon = 1e-3, w.norm = norm.get();
    const Buffer panels(lf_weights_bytes(&w));
    w.panels = panels.get();
    lf_pack(&w, 2);

    const auto series = [&](const Array<T> &a, int64_t F) {
        return c.options & TIME_MAJOR ? lf_seq{a.get(), F, B * F} : lf_seq{a.get(), T_ * F, F};
    };
    lf_sequence a = {};
    a.weights = &w, a.B = B, a.T = T_, a.threads = threads, a.reverse = c.options & REVERSE ? 1 : 0;
    if (ragged) a.lengths = &lengths[0], a.order = &order[0];
    if (holes) places.give(&a, c.options);
    if (c.options & SCALED) a.h_scale = h_scale.get();
    a.x = series(x, I);
    a.zoneout_drawn = B % 2, a.zoneout_seed = 7;
    if (!last_only) a.y = series(y, P);
    if (cells_too) a.c_seq = series(c_seq, H);
    a.h0 = state ? h0.get() : nullptr, a.c0 = state && shape.memory ? c0.get() : nullptr;
    a.h = h.get(), a.c = shape.memory ? cell.get() : nullptr;
    uint64_t inference;
    {
        const Buffer scratch(lf_sequence_scratch(&a));
        a.scratch = scratch.get();
        expect(lf_sequence_forward(&a) == LF_OK, name, "forward's status");
        Hash forward(name);
        if (!last_only) forward.add(y, "y is NaN");
        forward.add(h, "h is NaN");
        if (shape.memory) forward.add(cell, "c is NaN"), forward.add(c_seq, "c of all steps is NaN");
        inference = forward.value();
        std::memset(y.get(), 0xff, y.bytes()), std::memset(h.get(), 0xff, h.bytes()), std::memset(cell.get(), 0xff, cell.bytes());
        std::memset(c_seq.get(), 0xff, c_seq.bytes());
    }
    a.training = 1;
    if (c.options & CHECKPOINTS) a.checkpoint_every = 4;
    const int64_t rows = lf_tape_rows(&a, R), item = static_cast<int64_t>(sizeof(T));
    const int64_t numbers = shape.tape + (kind.peepholes && kind.zoneout_c > 0);
    const Buffer tape_gates(rows * (numbers * H + 2 * P * shape.projected) * item), tape_cells(rows * H * item);
    const Buffer checkpoints(c.options & CHECKPOINTS ? (T_ - 1) / 4 * (P + shape.memory * H) * B * item : 0);
    a.checkpoints = checkpoints.get();
    a.tape_gates = tape_gates.get(), a.tape_cells = tape_cells.get();
    const Buffer scratch(lf_sequence_scratch(&a));
    a.scratch = scratch.get();
    expect(lf_sequence_forward(&a) == LF_OK, name, "forward's status");
    if (!last_only) hash.add(y, "y is NaN");
    hash.add(h, "h is NaN");
    if (shape.memory) hash.add(cell, "c is NaN"), hash.add(c_seq, "c of all steps is NaN");
    expect(hash.value() == inference, name, "training and inference differ");

    if (!last_only) a.dy = series(dy, P);
    if (cells_too) a.dc_seq = series(dc_seq, H);
    a.dh = dh.get(), a.dc = few || !shape.memory ? nullptr : dc.get();
    if (!few) a.dx = series(dx, I), a.dh0 = dh0.get(), a.dc0 = shape.memory ? dc0.get() : nullptr;
    a.dw_x = dw_x.get(), a.dw_h = dw_h.get(), a.dw_p = dw_p.get(), a.db = db.get();
    if (kind.peepholes) a.dpeephole = dpeephole.get();
    if (normalised) a.dnorm = dnorm.get();
    if (c.options & ACCUMULATE) {
        a.accumulate = 1;
        for (const Array<T> *g : {&dw_x, &dw_h, &dw_p, &db, &dpeephole, &dnorm})
            for (int64_t k = 0; k < g->size(); ++k) (*g)[k] = static_cast<T>(random(1.0));
    }
    expect(lf_sequence_backward(&a) == LF_OK, name, "backward's status");
    if (!few) hash.add(dx, "dx is NaN"), hash.add(dh0, "dh0 is NaN");
    if (!few && shape.memory) hash.add(dc0, "dc0 is NaN");
    hash.add(dw_x, "dw_x is NaN"), hash.add(dw_h, "dw_h is NaN"), hash.add(db, "db is NaN");
    if (kind.peepholes) hash.add(dpeephole, "dpeephole is NaN");
    if (shape.projected) hash.add(dw_p, "dw_p is NaN");
    if (normalised) hash.add(dnorm, "dnorm is NaN");
    return hash.value();
}

// A layer of a stack: all of its arrays.
template <class T> struct StackLayer {
    const int64_t I, H, G;
    const Array<T> w_x, w_h, b, y, h, cell, dx, dw_x, dw_h, db, dh0;
    lf_weights w = {};
    lf_sequence a = {};
    Buffer panels, scratch, tape_gates, tape_cells;

    StackLayer(int cell_kind, int64_t B, int64_t T_, int64_t inputs, int64_t units, int threads, const void *x, Random &random)
        : I(inputs), H(units), G(lf_shape_of(cell_kind).columns), w_x(I * G * H, random, 0.3), w_h(H * G * H, random, 0.3),
          b(lf_shape_of(cell_kind).biases * H, random, 1.0), y(B * T_ * H), h(B * H), cell(B * H), dx(B * T_ * I), dw_x(I * G * H),
          dw_h(H * G * H), db(b.size()), dh0(B * H), panels(start(cell_kind)), scratch(describe(B, T_, threads, x)),
          tape_gates(B * T_ * lf_shape_of(cell_kind).tape * H * static_cast<int64_t>(sizeof(T))), tape_cells(B * T_ * H * static_cast<int64_t>(sizeof(T))) {
        w.panels = panels.get(), a.scratch = scratch.get(), a.tape_gates = tape_gates.get(), a.tape_cells = tape_cells.get();
        lf_pack(&w, 2);
    }
    int64_t start(int cell_kind) {
        w.I = I, w.H = w.P = H, w.cell = cell_kind, w.dtype = dtype_of<T>(), w.backward = 3;
        w.w_x = w_x.get(), w.w_h = w_h.get(), w.b = b.get();
        return lf_weights_bytes(&w);
    }
    int64_t describe(int64_t B, int64_t T_, int threads, const void *x) {
        a.weights = &w, a.B = B, a.T = T_, a.threads = threads, a.training = 1;
        a.x = {const_cast<void *>(x), T_ * I, I}, a.y = {y.get(), T_ * H, H}, a.dx = {dx.get(), T_ * I, I};
        a.h = h.get(), a.c = cell.get(), a.dw_x = dw_x.get(), a.dw_h = dw_h.get(), a.db = db.get(), a.dh0 = dh0.get();
        return lf_sequence_scratch(&a);
    }
};

// Two layers with factors between them; two workers run LSTMs and GRUs side by side in time. The layers one by one must give the same.
template <class T> uint64_t run_stack(int cell, bool reverse, int threads, bool at_once, const char *name) {
    const int64_t B = 2, steps = 97, I = 3, H = 31, O = 30;
    Random random(5 + static_cast<uint64_t>(cell));
    const Array<T> x(B * steps * I, random, 2.0), factors(B * H, random, 1.5), dy(B * steps * O, random, 1.0);
    StackLayer<T> first(cell, B, steps, I, H, threads, x.get(), random), second(cell, B, steps, H, O, threads, first.y.get(), random);
    first.a.reverse = second.a.reverse = reverse;
    first.a.dy = second.a.dx, second.a.dy = {dy.get(), steps * O, O};
    const lf_sequence *const layers[] = {&first.a, &second.a};
    const lf_seq factor[] = {{nullptr, 0, 0}, {factors.get(), H, 0}};
    const lf_stack stack = {2, layers, factor};
    const auto scale = [&](const Array<T> &a) {
        for (int64_t k = 0; k < a.size(); ++k) a[k] *= factors[k / (steps * H) * H + k % H];
    };
    if (at_once) {
        expect(lf_stack_forward(&stack) == LF_OK && lf_stack_backward(&stack) == LF_OK, name, "the stack's status");
    } else {
        lf_sequence_forward(&first.a), scale(first.y), lf_sequence_forward(&second.a);
        lf_sequence_backward(&second.a), scale(second.dx), lf_sequence_backward(&first.a);
    }
    Hash hash(name);
    hash.add(second.y, "y is NaN"), hash.add(first.dx, "dx is NaN");
    for (const StackLayer<T> *layer : {&first, &second}) {
        hash.add(layer->h, "h is NaN"), hash.add(layer->dw_x, "dw_x is NaN"), hash.add(layer->dw_h, "dw_h is NaN");
        hash.add(layer->db, "db is NaN"), hash.add(layer->dh0, "dh0 is NaN");
    }
    return hash.value();
}

struct DenseCase {
    int64_t rows, I, O;
    int activation;
    bool bias, accumulate;
};

const DenseCase denses[] = {
    {1, 1, 1, LF_LINEAR, true, false}, {5, 7, 3, LF_RELU, true, false}, {19, 70, 17, LF_TANH, false, false},
    {300, 17, 33, LF_SIGMOID, true, true}, {3, 600, 5, LF_LINEAR, true, false}, {2, 3, 530, LF_TANH, true, false},
    {7, 3100, 3, LF_RELU, false, true}, {600, 9, 65, LF_LINEAR, true, false}, {4, 0, 5, LF_SIGMOID, true, false},
    {0, 7, 3, LF_LINEAR, true, false}, {600, 65, 70, LF_TANH, true, false},
};

template <class T> uint64_t run_dense(const DenseCase &c, int threads, const char *name) {
    Random random(static_cast<uint64_t>(c.rows + 1009 * c.I + 1000003 * c.O));
    const Array<T> x(c.rows * c.I, random, 2.0), w(c.I * c.O, random, 1.5 / std::sqrt(1.0 + static_cast<double>(c.I)));
    const Array<T> b(c.O, random, 1.0), dy(c.rows * c.O, random, 1.0), y(c.rows * c.O), dx(c.rows * c.I);
    const Array<T> dw(c.I * c.O, random, 1.0), db(c.O, random, 1.0);
    lf_dense a = {};
    a.rows = c.rows, a.I = c.I, a.O = c.O, a.dtype = dtype_of<T>(), a.activation = c.activation, a.threads = threads;
    a.accumulate = c.accumulate;
    a.x = x.get(), a.w = w.get(), a.b = c.bias ? b.get() : nullptr, a.y = y.get();
    const Buffer scratch(lf_dense_scratch(&a));
    a.scratch = scratch.get();
    lf_dense_forward(&a);
    Hash hash(name);
    hash.add(y, "y is NaN");
    a.dy = dy.get(), a.dx = dx.get(), a.dw = dw.get(), a.db = c.bias ? db.get() : nullptr;
    lf_dense_backward(&a);
    hash.add(dx, "dx is NaN"), hash.add(dw, "dw is NaN"), hash.add(db, "db is NaN");
    return hash.value();
}

const char *const rules[] = {"sgd", "adam", "rmsprop"};

template <class T> uint64_t run_update(int rule, bool extras, int64_t n, int threads, const char *name) {
    Random random(static_cast<uint64_t>(n + rule));
    const Array<T> p(n, random, 1.0), g(n, random, 1.0), m(n, random, 0.1), v(n, random, 0.1), extra(n, random, 0.01);
    for (int64_t k = 0; k < n; ++k) v[k] = std::fabs(v[k]) + static_cast<T>(0.125);  // mean squares
    lf_update u = {};
    u.rule = rule, u.dtype = dtype_of<T>(), u.nesterov = extras, u.threads = threads, u.n = n, u.step = 7;
    u.p = p.get(), u.g = g.get(), u.v = v.get();
    u.m = rule == LF_ADAM || extras ? m.get() : nullptr;
    u.extra = extras && rule != LF_SGD ? extra.get() : nullptr;
    u.lr = 0.01, u.beta_1 = 0.9, u.beta_2 = 0.999, u.epsilon = 1e-7, u.momentum = 0.9, u.weight_decay = extras ? 0.004 : 0.0;
    lf_apply_update(&u);
    Hash hash(name);
    hash.add(p, "p is NaN"), hash.add(m, "m is NaN"), hash.add(v, "v is NaN"), hash.add(extra, "extra is NaN");
    return hash.value();
}

template <class T> uint64_t run_activation(int kind, const char *name) {
    const int64_t n = 4001;  // -20 to 20
    const Array<T> x(n), y(n);
    for (int64_t k = 0; k < n; ++k) x[k] = static_cast<T>((static_cast<double>(k) - 2000.0) / 100.0);
    lf_activation(kind, dtype_of<T>(), n, x.get(), y.get());
    Hash hash(name);
    hash.add(y, "y is NaN");
    return hash.value();
}

template <class T> uint64_t run_loss(int kind, const char *name) {
    const int64_t rows = 13, width = 7;
    Random random(static_cast<uint64_t>(kind) + 5);
    const Array<T> y_true(rows * width, random, 1.0), y_pred(rows * width, random, 1.0), weight(rows, random, 1.0), dpred(rows * width);
    const Array<double> value(2);
    value[0] = lf_loss(kind, dtype_of<T>(), rows, width, y_true.get(), y_pred.get(), weight.get(), dpred.get());
    value[1] = lf_sum_of_squares(dtype_of<T>(), dpred.size(), dpred.get());
    Hash hash(name);
    hash.add(value, "loss is NaN"), hash.add(dpred, "dpred is NaN");
    return hash.value();
}

template <class T> uint64_t run_softmax(int64_t C, const char *name) {
    const int64_t rows = 13;
    Random random(static_cast<uint64_t>(C));
    const Array<T> x(rows * C, random, 9.0), y(rows * C), weight(rows, random, 1.0), chosen(rows), dlogits(rows * C);
    int64_t label[rows];
    for (int64_t r = 0; r < rows; ++r) label[r] = 7 * r % C;
    lf_softmax(dtype_of<T>(), rows, C, x.get(), y.get());
    const lf_classes a = {rows, C, rows, dtype_of<T>(), 0.25, y.get(), label, weight.get(), chosen.get(), dlogits.get()};
    lf_class_gradient(&a);
    Hash hash(name);
    hash.add(y, "y is NaN"), hash.add(chosen, "chosen is NaN"), hash.add(dlogits, "dlogits is NaN");
    return hash.value();
}

// Prints and returns the hash of run(threads), which one and two workers must agree on.
template <class Run> uint64_t report(const char *name, Run run) {
    const uint64_t one = run(1), two = run(2);
    expect(one == two, name, "one and two workers differ");
    std::printf("%-40s %016llx\n", name, static_cast<unsigned long long>(one));
    std::fflush(stdout);
    return one;
}

template <class T> void run_all(const char *type) {
    char name[96];
    int number = 0;
    for (const CellCase &kind : cells)
        for (const SequenceCase &c : sequences) {
            const bool plain = kind.cell == LF_LSTM || kind.cell == LF_GRU || kind.cell == LF_RNN || kind.cell == LF_LSTM_PROJECTED;
            if (++number % 3 && !plain) continue;  // options: a third of the cases, in turn
            std::snprintf(name, sizeof name, "%s %s B%d T%d I%d H%d options%d", kind.name, type, static_cast<int>(c.B),
                          static_cast<int>(c.T), static_cast<int>(c.I), static_cast<int>(c.H), c.options);
            const uint64_t hash = report(name, [&](int threads) { return run_sequence<T>(kind, c, threads, name); });
            if (c.options & CHECKPOINTS) {
                const SequenceCase whole = {c.B, c.T, c.I, c.H, c.options & ~CHECKPOINTS};
                expect(run_sequence<T>(kind, whole, 1, name) == hash, name, "checkpoints change the numbers");
            }
        }
    for (int cell : {LF_LSTM, LF_GRU, LF_RNN})
        for (bool reverse : {false, true}) {
            std::snprintf(name, sizeof name, "stack %s cell%d%s", type, cell, reverse ? " reversed" : "");
            const uint64_t hash = report(name, [&](int threads) { return run_stack<T>(cell, reverse, threads, true, name); });
            expect(run_stack<T>(cell, reverse, 1, false, name) == hash, name, "layers one by one differ");
        }
    for (const DenseCase &c : denses) {
        std::snprintf(name, sizeof name, "dense %s rows%d I%d O%d activation%d", type, static_cast<int>(c.rows),
                      static_cast<int>(c.I), static_cast<int>(c.O), c.activation);
        report(name, [&](int threads) { return run_dense<T>(c, threads, name); });
    }
    for (int rule : {LF_SGD, LF_ADAM, LF_RMSPROP})
        for (int64_t n : {1, 7, 67, 200011}) {
            std::snprintf(name, sizeof name, "%s %s n%d", rules[rule], type, static_cast<int>(n));
            report(name, [&](int threads) { return run_update<T>(rule, n != 7, n, threads, name); });
        }
    for (int kind : {LF_RELU, LF_TANH, LF_SIGMOID}) {
        std::snprintf(name, sizeof name, "activation %s %d", type, kind);
        report(name, [&](int) { return run_activation<T>(kind, name); });
    }
    for (int64_t C : {1, 9, 70, 600}) {
        std::snprintf(name, sizeof name, "softmax %s C%d", type, static_cast<int>(C));
        report(name, [&](int) { return run_softmax<T>(C, name); });
    }
    for (int kind : {LF_MSE, LF_MAE}) {
        std::snprintf(name, sizeof name, "loss %s %d", type, kind);
        report(name, [&](int) { return run_loss<T>(kind, name); });
    }
}

}  // namespace

int main(int argc, char **argv) {
    lf_init();
    if (argc != 2) {
        std::fprintf(stderr, "usage: selftest --list | ISA\n");
        return 2;
    }
    if (std::strcmp(argv[1], "--list") == 0) {
        for (int k = 0; k < lf_isa_count(); ++k) std::puts(lf_isa_name(k));
        return 0;
    }
    if (lf_select_isa(argv[1]) != LF_OK || std::strcmp(lf_isa(), argv[1]) != 0) {
        std::fprintf(stderr, "selftest: %s does not run on this build and CPU\n", argv[1]);
        return 2;
    }
    std::fprintf(stderr, "selftest: running %s, OpenMP %s\n", lf_isa(), lf_openmp() ? "on" : "off");
    run_all<float>("float32");
    run_all<double>("float64");
    return failures ? 1 : 0;
}
