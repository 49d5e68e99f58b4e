"""The kernels that the fast style calls in the place of others: the same bits, in fewer steps.

Each can be told where to put its result. That array is in C order, and no operand of the call but
that of an element-wise function, and the array that something is added ``onto``.
"""

import numpy as np


def sigmoid(z, out=None):
    """Return 1 / (1 + exp(-z)), accurate in both tails."""
    return np.divide(np.exp(np.minimum(z, 0.0)), 1.0 + np.exp(-np.abs(z)), out=out)


def logsumexp(x, axis=None, keepdims=False, out=None):
    """Return log(sum(exp(x))) over axes; the largest term is taken out first."""
    m = np.maximum.reduce(x, axis=axis, keepdims=True)
    if np.isfinite(m).all():
        s = np.log(np.add.reduce(np.exp(x - m), axis=axis, keepdims=keepdims))
    else:
        m = np.where(np.isfinite(m), m, 0.0)
        with np.errstate(divide="ignore", over="ignore"):  # where the largest is -inf or inf
            s = np.log(np.add.reduce(np.exp(x - m), axis=axis, keepdims=keepdims))
    return np.add(s, m if keepdims else m.squeeze(axis), out=out)


def softmax(x, axis=None, out=None):
    """Return exp(x) / sum(exp(x)) over axes; the largest term is taken out first."""
    m = np.maximum.reduce(x, axis=axis, keepdims=True)
    infinite = np.isinf(m)
    if infinite.any():
        with np.errstate(invalid="ignore"):  # where the largest is infinite, it takes all
            e = np.where(infinite, x == m, np.exp(x - m))
    else:
        e = np.exp(np.subtract(x, m, out=out), out=out)
    return np.divide(e, np.add.reduce(e, axis=axis, keepdims=True), out=out)


def log_softmax(x, axis=None, out=None):
    """Return x - log(sum(exp(x))) over axes; the largest term is taken out first."""
    d = np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=out)
    s = np.add.reduce(np.exp(d), axis=axis, keepdims=True)
    return np.subtract(d, np.log(s), out=out)


def place(x, shape, index, onto=None, out=None):
    """Return zeros of a shape with x at the basic index, or an array with x added there."""
    if out is None:
        out = np.zeros(shape, x.dtype) if onto is None else onto.copy()
    elif onto is None:
        out.fill(0)
    elif onto is not out:
        out[...] = onto
    if onto is None:
        out[index] = x
    else:
        out[index] += x
    return out


def scatter_add_along_axis(x, indices, shape, axis, onto=None, out=None):
    """Return zeros of a shape, or an array, with x added along an axis."""
    if out is None:
        out = np.zeros(shape, x.dtype) if onto is None else onto.copy()
    elif onto is None:
        out.fill(0)
    elif onto is not out:
        out[...] = onto
    where = [indices] * len(shape)
    for i, n in enumerate(indices.shape):
        if i != axis:
            where[i] = np.arange(n).reshape((n,) + (1,) * (len(shape) - 1 - i))
    np.add.at(out, tuple(where), x)
    return out
