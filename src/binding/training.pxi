# Updates of parameters, losses, norms. Part of _core.pyx.

cdef int update(lf_update *u, object p, object g, object m, object v, object extra, double lr, double weight_decay) except -1:
    u.dtype = dtype_of(p)
    u.n = cnp.PyArray_SIZE(p)
    u.p, u.g = flat(p, u.dtype, u.n, True, "p"), flat(g, u.dtype, u.n, False, "g")
    u.m, u.v = flat(m, u.dtype, u.n, True, "m"), flat(v, u.dtype, u.n, True, "v")
    u.extra = flat(extra, u.dtype, u.n, True, "extra slot")
    u.lr, u.weight_decay, u.threads = lr, weight_decay, thread_count(0)
    if g is None or (u.rule == LF_ADAM and (m is None or v is None)) or (u.rule == LF_RMSPROP and v is None):
        raise ValueError("_core: expected an array for every gradient and slot, got None")
    with nogil:
        lf_apply_update(u)
    return 0


def adam(p, g, m, v, double lr, double beta_1, double beta_2, double epsilon, int64_t step, double weight_decay=0.0, vhat=None):
    """One Adam (AdamW, amsgrad with vhat) update of flat arrays, Keras 3's rule; step counts from 1."""
    cdef lf_update u
    u.rule, u.step, u.beta_1, u.beta_2, u.epsilon = LF_ADAM, step, beta_1, beta_2, epsilon
    update(&u, p, g, m, v, vhat, lr, weight_decay)


def sgd(p, g, mom, double lr, double momentum, bint nesterov, double weight_decay=0.0):
    """One SGD update of flat arrays, Keras 3's rule; mom None: no momentum."""
    cdef lf_update u
    u.rule, u.momentum, u.nesterov = LF_SGD, momentum, nesterov
    update(&u, p, g, mom, None, None, lr, weight_decay)


def rmsprop(p, g, v, mom, mg, double lr, double rho, double momentum, double epsilon, double weight_decay=0.0):
    """One RMSprop update of flat arrays, Keras 3's rule; mom, mg None: no momentum, not centered."""
    cdef lf_update u
    u.rule, u.beta_1, u.momentum, u.epsilon = LF_RMSPROP, rho, momentum, epsilon
    update(&u, p, g, mom, v, mg, lr, weight_decay)


cdef double loss(int kind, object y_true, object y_pred, object dpred, object weight) except? -1:
    cdef int dtype = dtype_of(y_pred)
    cdef int64_t n = cnp.PyArray_SIZE(y_pred), rows = n
    cdef void *t = flat(y_true, dtype, n, False, "y_true")
    cdef void *p = flat(y_pred, dtype, n, False, "y_pred")
    cdef void *d = flat(dpred, dtype, n, True, "dpred")
    cdef void *w
    cdef double value
    if cnp.PyArray_NDIM(y_pred) > 0:
        rows = cnp.PyArray_DIM(y_pred, 0)
    w = flat(weight, dtype, rows, False, "weight")
    if y_true is None or n == 0:
        raise ValueError("_core: expected a loss over at least one element")
    with nogil:
        value = lf_loss(kind, dtype, rows, n // rows, t, p, w, d)
    return value


def mse(y_true, y_pred, dpred, weight):
    """Mean squared error; dpred (or None) receives its gradient; weight per row of the first axis, or None."""
    return loss(LF_MSE, y_true, y_pred, dpred, weight)


def mae(y_true, y_pred, dpred, weight):
    """Mean absolute error; dpred (or None) receives its gradient; weight per row of the first axis, or None."""
    return loss(LF_MAE, y_true, y_pred, dpred, weight)


def class_gradient(p, labels, weight, double scale, chosen, dlogits):
    """Cross-entropy of a softmax p (...,C) with labels (...): chosen (...) = p[label], dlogits = (p - one-hot) * weight * scale.

    weight (B) of each position of the first axis, or None: 1; dlogits (...,C) or None.
    """
    cdef lf_classes a
    cdef int ndim
    cdef int64_t r, n
    a.dtype, a.scale = dtype_of(p), scale
    ndim, n = cnp.PyArray_NDIM(p), cnp.PyArray_SIZE(p)
    a.C = cnp.PyArray_DIM(p, ndim - 1) if ndim > 1 else 0
    a.rows, a.weights = n // a.C if a.C else 0, cnp.PyArray_DIM(p, 0) if ndim else 0
    if a.C < 1 or not cnp.PyArray_Check(labels) or cnp.PyArray_TYPE(labels) != cnp.NPY_INT64 or cnp.PyArray_SIZE(labels) != a.rows \
            or not cnp.PyArray_IS_C_CONTIGUOUS(labels) or chosen is None:
        raise ValueError("_core.class_gradient: expected p (...,C), as many int64 labels as rows, in C order, and room for what they choose")
    a.label = <const int64_t *>cnp.PyArray_DATA(labels)
    for r in range(a.rows):
        if a.label[r] < 0 or a.label[r] >= a.C:
            raise IndexError(f"_core.class_gradient: label {a.label[r]} is out of range for {a.C} classes")
    a.p, a.weight = flat(p, a.dtype, n, False, "p"), flat(weight, a.dtype, a.weights, False, "weight")
    a.chosen, a.dlogits = flat(chosen, a.dtype, a.rows, True, "chosen"), flat(dlogits, a.dtype, n, True, "dlogits")
    with nogil:
        lf_class_gradient(&a)


def norm2(g):
    """Sum of squares, in float64 and a fixed order."""
    cdef int dtype = dtype_of(g)
    cdef int64_t n = cnp.PyArray_SIZE(g)
    cdef void *p = flat(g, dtype, n, False, "g")
    cdef double value
    with nogil:
        value = lf_sum_of_squares(dtype, n, p)
    return value
