"""Units: what stands between a layer's affine map and its output.

Every one takes a tensor, or a plain array, and works element by element but for `softmax`. Which
cost belongs to which output unit is told in `graphdiff.nn.costs`.

Goodfellow et al., *Deep Learning* (2016), sections 6.2.2 (output units) and 6.3 (hidden units).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff import special
from graphdiff.special import erf, hard_tanh, relu, sigmoid, softplus

__all__ = [
    "elu",
    "gelu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_with_fixed_input",
    "softplus",
    "tanh",
]

tanh = np.tanh


def linear(z: Any) -> Any:
    """The argument itself: the mean of a Gaussian output, or a layer without an activation.

    Examples
    --------
    >>> import graphdiff as gd
    >>> gd.nn.linear(-2.0)
    -2.0
    """
    return z


def leaky_relu(z: Any, slope: float = 0.01) -> Any:
    """``z`` where it is positive, ``slope`` times that elsewhere (Maas et al., 2013).

    Its derivative at 0 is ``slope``.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.nn.leaky_relu(np.array([-2.0, 3.0]))
    array([-0.02,  3.  ])
    """
    z = _array(z)
    return np.where(z > 0, z, slope * z)


def elu(z: Any, alpha: float = 1.0) -> Any:
    """``z`` where it is positive, ``alpha (exp(z) - 1)`` elsewhere (Clevert et al., 2016).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.nn.elu(np.array([-1000.0, 0.0, 1000.0]))
    array([  -1.,    0., 1000.])
    """
    z = _array(z)
    positive = z > 0
    return np.where(positive, z, alpha * np.expm1(np.where(positive, 0.0, z)))  # no overflow


def gelu(z: Any) -> Any:
    """``z Φ(z)`` with the standard normal distribution function Φ (Hendrycks & Gimpel, 2016).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.nn.gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    z = _array(z)
    return 0.5 * z * (1.0 + erf(z * 0.5**0.5))


def silu(z: Any) -> Any:
    """``z σ(z)``, also called swish (Elfwing et al., 2018).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.nn.silu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    z = _array(z)
    return z * sigmoid(z)


def softmax(z: Any) -> Any:
    """exp(z_i) / Σ_j exp(z_j) over the last axis: probabilities of classes, or an address.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.nn.softmax(np.array([[0.0, 0.0], [0.0, 800.0]]))
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    return special.softmax(z, axis=-1)


def softmax_with_fixed_input(z: Any, at: float = 0.0) -> Any:
    """The softmax of ``z`` (..., n - 1) and one more input that is fixed: (..., n).

    Since the probabilities sum to 1, n - 1 numbers are enough; with n = 2 the last output is
    ``1 - σ(z)``. The input is fixed at 0; the lecture's is ``at=1``, with which the others are
    larger by 1 for the same probabilities. Goodfellow et al., section 6.2.2.3.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.nn.softmax_with_fixed_input(np.array([0.0, 0.0]))
    array([0.33333333, 0.33333333, 0.33333333])
    """
    z = _array(z)
    return softmax(np.concatenate([z, np.full_like(z[..., :1], at)], axis=-1))


def _array(z: Any) -> Any:
    """A list as an array; all else as it is."""
    return np.asarray(z) if isinstance(z, (list, tuple)) else z
