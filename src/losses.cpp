// Reductions over flat arrays. Eight partial sums by index modulo 8, added in order: the same bits on every machine.
#include "lstm_fast.h"

namespace {

constexpr int LANES = 8;

double in_order(const double (&sum)[LANES]) {
    double total = 0;
    for (double s : sum) total += s;
    return total;
}

template <class T>
double loss(int kind, int64_t rows, int64_t width, const T *y_true, const T *y_pred, const T *weight, T *dpred) {
    const double mean = 1.0 / static_cast<double>(rows * width);
    double sum[LANES] = {};
    for (int64_t r = 0; r < rows; ++r) {
        const double w = weight ? static_cast<double>(weight[r]) : 1.0;
        for (int64_t j = 0; j < width; ++j) {
            const int64_t k = r * width + j;
            const double e = static_cast<double>(y_pred[k]) - static_cast<double>(y_true[k]);
            const double sign = e > 0 ? 1.0 : e < 0 ? -1.0 : e;  // NaN stays NaN
            sum[k % LANES] += w * (kind == LF_MSE ? e * e : e * sign);
            if (dpred) dpred[k] = static_cast<T>(w * mean * (kind == LF_MSE ? 2.0 * e : sign));
        }
    }
    return in_order(sum) * mean;
}

template <class T> double sum_of_squares(int64_t n, const T *x) {
    double sum[LANES] = {};
    for (int64_t k = 0; k < n; ++k) sum[k % LANES] += static_cast<double>(x[k]) * static_cast<double>(x[k]);
    return in_order(sum);
}

}  // namespace

extern "C" double lf_loss(int kind, int dtype, int64_t rows, int64_t width, const void *y_true, const void *y_pred,
                          const void *weight, void *dpred) {
    if (dtype == LF_FLOAT32)
        return loss(kind, rows, width, static_cast<const float *>(y_true), static_cast<const float *>(y_pred),
                    static_cast<const float *>(weight), static_cast<float *>(dpred));
    return loss(kind, rows, width, static_cast<const double *>(y_true), static_cast<const double *>(y_pred),
                static_cast<const double *>(weight), static_cast<double *>(dpred));
}

extern "C" double lf_sum_of_squares(int dtype, int64_t n, const void *x) {
    return dtype == LF_FLOAT32 ? sum_of_squares(n, static_cast<const float *>(x))
                               : sum_of_squares(n, static_cast<const double *>(x));
}
