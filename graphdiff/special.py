"""Functions that NumPy lacks, on tensors and on plain arrays alike.

Names and arguments are those of `scipy.special` where it has the function.
"""

from __future__ import annotations

from typing import Any

from graphdiff.ops import OPS


def sigmoid(x: Any) -> Any:
    """The logistic sigmoid σ(x) = 1 / (1 + exp(-x)), accurate in both tails.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.special.sigmoid(np.array([-800.0, 0.0, 800.0]))
    array([0. , 0.5, 1. ])
    """
    return OPS["sigmoid"](x)


expit = sigmoid  # scipy's name


def softplus(x: Any) -> Any:
    """ζ(x) = log(1 + exp(x)), the smooth rectifier; its derivative is the sigmoid."""
    return OPS["softplus"](x)


def relu(x: Any) -> Any:
    """The rectifier max(0, x); its derivative at 0 is 0."""
    return OPS["relu"](x)


def hard_tanh(x: Any) -> Any:
    """max(-1, min(1, x)) (Collobert 2004); its derivative at -1 and at 1 is 1."""
    return OPS["hard_tanh"](x)


def erf(x: Any) -> Any:
    """The error function 2/√π ∫₀ˣ exp(-t²) dt."""
    return OPS["erf"](x)


def logsumexp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(Σ exp(a)) over an axis, axes, or all of them; the largest term is taken out first."""
    return OPS["logsumexp"](a, axis=axis, keepdims=keepdims)


def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / Σ exp(x) over an axis, axes, or all of them.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.special.softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    return OPS["softmax"](x, axis=axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """x - log(Σ exp(x)) over an axis, axes, or all of them, which does not overflow."""
    return OPS["log_softmax"](x, axis=axis)
