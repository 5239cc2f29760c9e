// Picks one row of the kernel table, sizes every buffer with overflow checks, and hands each call to a team.
#include "isa_row.h"

#include <string.h>

#include <initializer_list>

extern "C" {
#if defined(LF_HAVE_AVX512)
extern const lf_isa_row lf_row_avx512;
#endif
#if defined(LF_HAVE_AVX2)
extern const lf_isa_row lf_row_avx2;
#endif
#if defined(LF_HAVE_NEON)
extern const lf_isa_row lf_row_neon;
#endif
extern const lf_isa_row lf_row_generic;
}

namespace {

bool always() { return true; }

#if defined(__x86_64__)
// Every feature that the object's compile flags allow; GCC's builtin checks the OS state bits (XGETBV) too.
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}
#endif

struct Candidate {
    const lf_isa_row *row;
    bool (*supported)();
};

const Candidate candidates[] = {  // best first
#if defined(LF_HAVE_AVX512)
    {&lf_row_avx512, has_avx512},
#endif
#if defined(LF_HAVE_AVX2)
    {&lf_row_avx2, has_avx2},
#endif
#if defined(LF_HAVE_NEON)
    {&lf_row_neon, always},
#endif
    {&lf_row_generic, always},
};

const lf_isa_row *selected = &lf_row_generic;

const lf_kernels &kernels(int dtype) { return selected->kernels[dtype]; }
const lf_cell_kernels &cell_kernels(const lf_weights *w) { return kernels(w->dtype).cell[w->cell]; }

// Workers that pay off: a share of one million multiply-adds takes 20 to 40 microseconds, several times a team.
int worth(int threads, double multiply_adds) {
    const double most = multiply_adds / 1e6;
    return most < 2.0 ? 1 : most < threads ? static_cast<int>(most) : threads;
}

// Rounded product of sizes in double, to reject what does not fit before integer arithmetic can overflow.
bool fits(double bytes) { return bytes >= 0 && bytes < 4.0e18; }

int64_t bytes_of(int64_t numbers, int dtype) { return ((numbers << (dtype == LF_FLOAT64 ? 3 : 2)) + 63) / 64 * 64; }

// The first tape row of each step of a ragged batch, from lengths in descending order; offsets has T+1 entries.
void fill_offsets(const lf_sequence *a, int64_t *offsets) {
    int64_t alive = a->B, total = 0;
    for (int64_t s = 0; s <= a->T; ++s) {
        offsets[s] = total;
        while (alive > 0 && a->lengths[a->order[alive - 1]] <= s) --alive;
        total += alive;
    }
}

// Numbers of h.
int64_t state_width(const lf_weights *w) { return lf_shape_of(w->cell).projected ? w->P : w->H; }

int64_t offsets_bytes(const lf_sequence *a) { return a->lengths ? (a->T + 1 + 7) / 8 * 64 : 0; }

lf_status run_sequence(const lf_sequence *a, lf_work work, double passes) {
    lf_sequence args = *a;
    const double I = static_cast<double>(a->weights->I), H = static_cast<double>(a->weights->H);
    const lf_cell_shape shape = lf_shape_of(a->weights->cell);
    const double P = static_cast<double>(state_width(a->weights)), projection = shape.projected ? P : 0;
    const double step_size = static_cast<double>(a->B) * H * (shape.columns * (I + P) + projection), steps = 1e8 / (step_size + 1.0);
    lf_sequence_call call = {&args, 1 + static_cast<int64_t>(steps), nullptr};
    if (a->lengths) {
        int64_t *offsets = static_cast<int64_t *>(a->scratch);
        fill_offsets(a, offsets);
        call.offsets = offsets;
        args.scratch = static_cast<char *>(a->scratch) + offsets_bytes(a);
    }
    int threads = worth(a->threads, passes * static_cast<double>(a->T) * step_size);
    if (threads > 1 && passes <= 1) threads = cell_kernels(a->weights).useful_workers(a, threads);  // all share weight gradients
    return lf_run_team(threads, work, &call, a->interrupted) ? LF_OK : LF_INTERRUPTED;
}

// Runs call() on the caller, subnormals flushed.
template <class Call> void alone(const Call &call) {
    lf_run_team(1, [](const void *args, const lf_worker *) { (*static_cast<const Call *>(args))(); }, &call);
}

volatile double probe_result;  // keeps the probes' work alive

}  // namespace

extern "C" {

const char *lf_isa(void) { return selected->name; }

int lf_isa_count(void) {
    int n = 0;
    for (const Candidate &c : candidates) n += c.supported() ? 1 : 0;
    return n;
}

const char *lf_isa_name(int index) {
    for (const Candidate &c : candidates)
        if (c.supported() && index-- == 0) return c.row->name;
    return nullptr;
}

lf_status lf_select_isa(const char *forced) {
    if (!forced || !*forced) {
        for (const Candidate &c : candidates)
            if (c.supported()) {
                selected = c.row;
                return LF_OK;
            }
    }
    for (const Candidate &c : candidates)
        if (strcmp(forced, c.row->name) == 0) {
            if (!c.supported()) return LF_NO_ISA;
            selected = c.row;
            return LF_OK;
        }
    for (const char *known : {"generic", "avx2", "avx512", "neon"})
        if (strcmp(forced, known) == 0) return LF_NO_ISA;
    return LF_BAD_ISA;
}

lf_cell_shape lf_shape_of(int cell) {
    static const lf_cell_shape shapes[LF_CELLS] = {{4, 4, 4, 1, 0}, {3, 6, 4, 0, 0}, {1, 1, 1, 0, 0}, {4, 4, 5, 1, 0}, {3, 6, 4, 0, 0},
                                                    {3, 3, 4, 0, 0}, {4, 4, 4, 1, 1}, {4, 4, 5, 1, 1}, {4, 4, 9, 1, 0}};
    return shapes[cell];
}

int64_t lf_weights_bytes(const lf_weights *w) {
    const double I = static_cast<double>(w->I) + 64, H = static_cast<double>(w->H) + 64, P = static_cast<double>(state_width(w)) + 64;
    if (!fits(16.0 * (I + P) * 5.0 * H * 2.0)) return -1;
    return bytes_of(cell_kernels(w).weights_numbers(w), w->dtype);
}

int64_t lf_sequence_scratch(const lf_sequence *a) {
    const double H = static_cast<double>(a->weights->H + state_width(a->weights)) + 64, B = static_cast<double>(a->B), T = static_cast<double>(a->T);
    if (!fits(8.0 * (B + 1) * H * 64.0 + 1e8 * a->threads + 8.0 * T) || !fits(8.0 * B * T * (10.0 * H))) return -1;
    return offsets_bytes(a) + bytes_of(cell_kernels(a->weights).scratch_numbers(a), a->weights->dtype);
}

int64_t lf_tape_rows(const lf_sequence *a, int64_t R) {
    if (!a->checkpoint_every || a->checkpoint_every >= a->T) return R;
    const int64_t segment = lf_segment_rows(*a);
    return segment < R ? segment : R;
}

int64_t lf_dense_scratch(const lf_dense *a) {
    const double I = static_cast<double>(a->I) + 64, O = static_cast<double>(a->O) + 64;
    if (!fits(16.0 * I * O + 1e8 * a->threads)) return -1;
    return bytes_of(kernels(a->dtype).dense_scratch_numbers(a), a->dtype);
}

void lf_pack(const lf_weights *w, int32_t threads) {  // a number takes longer than a multiply-add: it is read once and written up to twice
    lf_run_team(worth(threads, 10.0 * static_cast<double>(cell_kernels(w).weights_numbers(w))), cell_kernels(w).pack, w);
}
lf_status lf_sequence_forward(const lf_sequence *a) { return run_sequence(a, cell_kernels(a->weights).forward, 1.0); }
lf_status lf_sequence_backward(const lf_sequence *a) { return run_sequence(a, cell_kernels(a->weights).backward, 2.0); }

void lf_dense_forward(const lf_dense *a) {
    const double size = static_cast<double>(a->rows) * static_cast<double>(a->I) * static_cast<double>(a->O);
    lf_run_team(worth(a->threads, size), kernels(a->dtype).dense_forward, a);
}

void lf_dense_backward(const lf_dense *a) {
    const double size = 2.0 * static_cast<double>(a->rows) * static_cast<double>(a->I) * static_cast<double>(a->O);
    lf_run_team(worth(a->threads, size), kernels(a->dtype).dense_backward, a);
}

void lf_apply_update(const lf_update *u) {  // a number takes a root and a division
    lf_run_team(worth(u->threads, 10.0 * static_cast<double>(u->n)), kernels(u->dtype).update, u);
}

void lf_activation(int kind, int dtype, int64_t n, const void *x, void *y) {
    alone([&] { kernels(dtype).activation(kind, n, x, y); });
}

void lf_softmax(int dtype, int64_t rows, int64_t C, const void *x, void *y) {
    alone([&] { kernels(dtype).softmax(rows, C, x, y); });
}

void lf_add_rows(int dtype, int64_t n, int64_t width, const int64_t *index, const void *source, void *out) {
    alone([&] { kernels(dtype).add_rows(n, width, index, source, out); });
}

void lf_class_gradient(const lf_classes *a) {
    alone([&] { kernels(a->dtype).class_gradient(*a); });
}

double lf_probe_fma(int dtype, double seconds) {
    double best = 0, keep;
    for (const double end = lf_seconds() + seconds; lf_seconds() < end;) {
        const double start = lf_seconds(), flops = kernels(dtype).probe_fma(2000, &keep);
        const double rate = 1e-9 * flops / (lf_seconds() - start);
        best = rate > best ? rate : best;
        probe_result = keep;
    }
    return best;
}

double lf_probe_read(const void *buffer, int64_t bytes, double seconds) {
    double best = 0, keep;
    const int64_t rounds = bytes > 0 ? 1 + 4000000 / bytes : 1;
    for (const double end = lf_seconds() + seconds; lf_seconds() < end;) {
        const double start = lf_seconds();
        kernels(LF_FLOAT32).probe_read(buffer, bytes / 4, rounds, &keep);
        const double rate = 1e-9 * static_cast<double>(bytes) * static_cast<double>(rounds) / (lf_seconds() - start);
        best = rate > best ? rate : best;
        probe_result = keep;
    }
    return best;
}

double lf_probe_team(int threads, int64_t barriers, double seconds) {
    const lf_work wait = [](const void *count, const lf_worker *w) {
        for (int64_t k = *static_cast<const int64_t *>(count); k > 0; --k) lf_barrier_wait(w);
    };
    double best = 1e9;
    const double end = lf_seconds() + seconds;
    do {
        const double start = lf_seconds();
        lf_run_team(threads, wait, &barriers);
        const double passed = lf_seconds() - start;
        best = passed < best ? passed : best;
    } while (lf_seconds() < end);
    return best;
}

}  // extern "C"
