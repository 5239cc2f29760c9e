// Dense layer: y = activation(x w + b) and its gradients, on the same tile and in the same fixed order as the recurrence.
#pragma once

namespace {

template <class V> struct DenseScratch {
    int64_t w, init, products, packs, total;  // numbers: packed w or w^T; padded b; per worker: multiply_rows, weight_gradient
    explicit DenseScratch(const lf_dense &a) {
        const int64_t forward = ceil_div(a.O, V::N) * V::N * a.I, back = ceil_div(a.I, V::N) * V::N * a.O;
        w = 0;
        init = line(forward > back ? forward : back);
        products = init + line(a.O + V::N);
        packs = products + a.threads * multiply_scratch();
        total = packs + gradient_scratch<V>(a.I, a.threads);
    }
};

template <class V> LF_INLINE V activate(int kind, V z) {
    switch (kind) {
        case LF_RELU: return V::if_less(z, V::zero(), V::zero(), z);
        case LF_TANH: return tanh(z);
        case LF_SIGMOID: return sigmoid(z);
        default: return z;
    }
}

// Gradient of the pre-activation, from the gradient and the value of the output.
template <class V> LF_INLINE V activation_gradient(int kind, V dy, V y) {
    const V one = V::set1(1);
    switch (kind) {
        case LF_RELU: return V::if_less(V::zero(), y, dy, V::zero());
        case LF_TANH: return dy * V::fnma(y, y, one);
        case LF_SIGMOID: return dy * (y * (one - y));
        default: return dy;
    }
}

// Calls f(offset, lanes) over n numbers, the last one partial.
template <class V, class F> LF_INLINE void for_vectors(int64_t begin, int64_t end, F f) {
    for (int64_t j = 0; j < ceil_div(end - begin, V::N); ++j)
        with_lanes<V>(j, end - begin, [&](auto lanes) { f(begin + j * V::N, lanes); });
}

template <class V> void dense_forward(const void *args, const lf_worker *worker) {
    using T = typename V::T;
    const lf_dense &a = *static_cast<const lf_dense *>(args);
    const int64_t I = a.I, O = a.O, begin = a.rows * worker->index / worker->count, end = a.rows * (worker->index + 1) / worker->count;
    const DenseScratch<V> layout(a);
    T *const panels = static_cast<T *>(a.scratch) + layout.w, *const init = static_cast<T *>(a.scratch) + layout.init;
    if (!a.packed) pack_panels<V, false>(static_cast<const T *>(a.w), I, O, O, panels, worker);
    if (!a.packed && worker->index == 0) {
        memset(init, 0, static_cast<size_t>(O + V::N) * sizeof(T));
        if (a.b) memcpy(init, a.b, static_cast<size_t>(O) * sizeof(T));
    }
    lf_barrier_wait(worker);
    const T *x = static_cast<const T *>(a.x) + begin * I;
    T *y = static_cast<T *>(a.y) + begin * O;
    T *const products = static_cast<T *>(a.scratch) + layout.products + worker->index * multiply_scratch();
    multiply_rows<V>(end - begin, I, panels, ceil_div(O, V::N), products, [&](int64_t r) { return x + r * I; },
                     StartFrom<V>{init}, store_rows<V>(O, [&](int64_t r) { return y + r * O; }));
    if (a.activation != LF_LINEAR)
        for_vectors<V>(0, (end - begin) * O, [&](int64_t at, auto lanes) LF_LAMBDA {
            lanes.store(y + at, activate(a.activation, lanes.load(y + at)));
        });
}

template <class V> void dense_backward(const void *args, const lf_worker *worker) {
    using T = typename V::T;
    const lf_dense &a = *static_cast<const lf_dense *>(args);
    const DenseScratch<V> layout(a);
    const int64_t I = a.I, O = a.O, begin = a.rows * worker->index / worker->count, end = a.rows * (worker->index + 1) / worker->count;
    T *const panels = static_cast<T *>(a.scratch) + layout.w, *const dy = static_cast<T *>(a.dy);
    const T *const y = static_cast<const T *>(a.y), *const x = static_cast<const T *>(a.x);
    if (a.dx) pack_panels<V, true>(static_cast<const T *>(a.w), O, I, O, panels, worker);
    if (a.activation != LF_LINEAR)
        for_vectors<V>(begin * O, end * O, [&](int64_t at, auto lanes) {
            lanes.store(dy + at, activation_gradient(a.activation, lanes.load(dy + at), lanes.load(y + at)));
        });
    lf_barrier_wait(worker);
    if (a.dx) {
        T *dx = static_cast<T *>(a.dx);
        T *const products = static_cast<T *>(a.scratch) + layout.products + worker->index * multiply_scratch();
        multiply_rows<V>(end - begin, O, panels, ceil_div(I, V::N), products,
                         [&](int64_t r) { return static_cast<const T *>(dy + (begin + r) * O); }, StartFrom<V>{nullptr},
                         store_rows<V>(I, [&](int64_t r) { return dx + (begin + r) * I; }));
    }
    const GradientProblem<T> problem = {a.rows, O, dy, O, O, {{I, static_cast<T *>(a.dw)}, {0, nullptr}}, static_cast<T *>(a.db), a.accumulate != 0};
    weight_gradient<V>(problem, static_cast<T *>(a.scratch) + layout.packs, worker,
                       [&](int64_t first, int64_t count, const T **rows, const T **) {
                           for (int64_t k = 0; k < count; ++k) rows[k] = x + (first + k) * I;
                       });
}

}  // namespace
