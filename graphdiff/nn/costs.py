"""Costs: what is made small by training, one number for a batch of examples.

Maximum likelihood ties the cost to the output unit:

=====================  =========================  ==============================================
output                 distribution of y          negative log-likelihood
=====================  =========================  ==============================================
ŷ = z (linear)         Gaussian, mean ŷ           `gaussian_nll`; without its constant `mse` / 2
ŷ = σ(z) (sigmoid)     Bernoulli                  `bernoulli_nll` of z = ζ((1 - 2y) z)
ŷ = softmax(z)         multinoulli                `multinoulli_nll` of z = logsumexp(z) - z_y
=====================  =========================  ==============================================

All take tensors and plain arrays alike, and no two operands are ever broadcast: what is predicted
has the shape of what was observed. Goodfellow et al., *Deep Learning* (2016), section 6.2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.nn.declaring import check_amount
from graphdiff.special import log_softmax, softplus


def mse(y_hat: Any, y: Any) -> Any:
    """The mean of (ŷ - y)² over all elements.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> float(gd.nn.mse(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    y_hat, y = _alike(y_hat, y)
    return _mean((y_hat - y) ** 2)


def gaussian_nll(y_hat: Any, y: Any) -> Any:
    """-log N(y; ŷ, I), the mean over all elements: ½ (y - ŷ)² + ½ log 2π.

    Its minimum is that of `mse`.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> round(float(gd.nn.gaussian_nll(np.zeros(3), np.zeros(3))), 4)  # ½ log 2π
    0.9189
    """
    return 0.5 * mse(y_hat, y) + 0.5 * math.log(2.0 * math.pi)


def bernoulli_nll(z: Any, y: Any) -> Any:
    """-log P(y) for P(y = 1) = σ(z), the mean over all elements: ζ((1 - 2y) z).

    Parameters
    ----------
    z
        Logits, before the sigmoid.
    y
        0 or 1 (or true and false), of the shape of ``z``.

    Notes
    -----
    The logarithm undoes the sigmoid's exponential: where z has the wrong sign the slope by z is
    near 1 in size, however large z is; it vanishes only where the answer is right.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> float(gd.nn.bernoulli_nll(np.array([-800.0]), np.array([1])))
    800.0
    """
    z, y = _alike(z, y)
    _one_of(y, 0.0, 1.0)
    return _mean(softplus((1.0 - 2.0 * y) * z))


def binary_cross_entropy(p: Any, y: Any) -> Any:
    """-(y log p + (1 - y) log(1 - p)), the mean over all elements.

    Where ``p`` is the sigmoid of a node, the compiler puts the stable `bernoulli_nll` of that node
    in its place. Given probabilities as numbers, `p` = 0 and 1 may cost infinity.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> round(float(gd.nn.binary_cross_entropy(np.array([0.5, 0.5]), np.array([0, 1]))), 4)
    0.6931
    """
    p, y = _alike(p, y)
    return -_mean(y * np.log(p) + (1.0 - y) * np.log(1.0 - p))


def multinoulli_nll(z: Any, y: Any) -> Any:
    """-log P(y) for P(y = i) = softmax(z)_i, the mean over examples: logsumexp(z) - z_y.

    Parameters
    ----------
    z
        Of shape (..., n): logits, before the softmax.
    y
        Labels from 0 to n - 1 of shape (...); or, of the shape of ``z``, one-hot rows or other
        probabilities.

    Raises
    ------
    ShapeError, DTypeError
        If ``y`` is neither.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> z = np.array([[0.0, 0.0, 800.0]])
    >>> float(gd.nn.multinoulli_nll(z, [1])), float(gd.nn.multinoulli_nll(z, [[0.5, 0, 0.5]]))
    (800.0, 400.0)
    """
    return _expected(log_softmax(z, axis=-1), y)


def cross_entropy(p: Any, y: Any) -> Any:
    """-Σ_i y_i log p_i over classes, the mean over examples.

    The arguments are those of `multinoulli_nll`, with probabilities in the place of logits. Where
    ``p`` is the softmax of a node, the compiler takes the logarithm of it stably.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> p = np.array([[0.5, 0.25, 0.25]])
    >>> round(float(gd.nn.cross_entropy(p, [0])), 4)  # log 2
    0.6931
    """
    return _expected(np.log(p), y)


def hinge(z: Any, y: Any) -> Any:
    """max(0, 1 - y z), the mean over all elements; ``y`` is -1 or 1.

    Its derivative at the corner is 0. Cortes & Vapnik, "Support-vector networks" (1995).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> float(gd.nn.hinge(np.array([2.0, 0.5, -1.0]), np.array([1, 1, 1])))  # (0 + 0.5 + 2) / 3
    0.8333333333333334
    """
    z, y = _alike(z, y)
    _one_of(y, -1.0, 1.0)
    return _mean(np.maximum(0.0, 1.0 - y * z))


def huber(y_hat: Any, y: Any, delta: float = 1.0) -> Any:
    """½ e² where the error e = ŷ - y is at most ``delta``, beyond it ``delta (abs(e) - ½ delta)``.

    The mean over all elements. Huber, "Robust estimation of a location parameter" (1964).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> float(gd.nn.huber(np.array([1.0, 11.0]), np.array([0.0, 0.0])))
    5.5
    """
    check_amount("delta", delta)
    y_hat, y = _alike(y_hat, y)
    size = np.abs(y_hat - y)
    return _mean(np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta)))


def _mean(costs: Any) -> Any:
    """The mean; of the cost of one scalar, itself."""
    if 0 in np.shape(costs):
        raise gd.ShapeError("the cost of no examples", expected="1 or more", got=str(costs.shape))
    return np.mean(costs) if np.ndim(costs) else costs


def _one_of(y: Any, low: float, high: float) -> None:
    """Raise for labels of the other convention; what a tensor will be is known at calls only."""
    if isinstance(y, np.ndarray) and not np.isin(y, (low, high)).all():
        wrong = y[~np.isin(y, (low, high))]
        raise gd.ArgumentError(
            "labels of two classes", expected=f"{low:g} or {high:g}", got=f"{wrong[0]:g}"
        )


def _alike(prediction: Any, y: Any) -> tuple[Any, Any]:
    """Both as tensors or arrays of one dtype, checked to be of one shape."""
    prediction, y = _array(prediction), _array(y)
    if prediction.shape != y.shape:
        raise gd.ShapeError(
            "what is predicted and what was observed differ in shape",
            expected=str(prediction.shape), got=str(y.shape),
            hint="index away an axis of length 1: z[:, 0]",
        )  # fmt: skip
    return prediction, _as_float(prediction, y)


def _array(value: Any) -> Any:
    if isinstance(value, gd.Tensor):
        return value
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise gd.ArgumentError("a cost takes arrays of numbers", got=str(error)) from None
    if array.dtype.kind not in "fiub":
        raise gd.DTypeError("a cost takes arrays of numbers", got=str(array.dtype))
    return array


def _as_float(prediction: Any, y: Any) -> Any:
    """``y`` in the prediction's dtype: labels would turn a float32 network into a float64 one."""
    dtype = prediction.dtype if prediction.dtype.kind == "f" else np.dtype("float64")
    return y if y.dtype == dtype else y.astype(dtype)


def _expected(log_p: Any, y: Any) -> Any:
    """-Σ_i y_i log p_i over the last axis, the mean over examples; ``y`` may be labels."""
    y = _array(y)
    if y.shape == log_p.shape:
        return -_mean(np.sum(_as_float(log_p, y) * log_p, axis=-1))
    if y.shape != log_p.shape[:-1]:
        raise gd.ShapeError(
            "y is neither one label an example nor one row of probabilities",
            expected=f"{log_p.shape[:-1]} or {log_p.shape}", got=str(y.shape),
        )  # fmt: skip
    if y.dtype.kind not in "iu":
        raise gd.DTypeError("labels are integers", expected="int64", got=str(y.dtype))
    n = log_p.shape[-1]
    if isinstance(y, np.ndarray) and isinstance(n, int) and ((y < 0) | (y >= n)).any():
        wrong = y[(y < 0) | (y >= n)]
        raise gd.ArgumentError(
            "a label is out of range", expected=f"0 to {n - 1}", got=str(wrong[0])
        )
    return -_mean(np.take_along_axis(log_p, y[..., None], axis=-1))
