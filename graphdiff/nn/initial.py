"""Initial values of weights: small random numbers whose spread suits the size of the layer.

An initialiser is called as ``init(rng, shape, fan_in, fan_out)``, where the fans are the numbers of
inputs that each output is a sum over, and of outputs that each input goes into. A function of your
own will do as well. The generator is always an argument: nothing here is random by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

import graphdiff as gd

Array = npt.NDArray[Any]
Initialiser = Callable[[np.random.Generator, tuple[int, ...], int, int], Array]


def normal(std: float) -> Initialiser:
    """Gaussian numbers of mean 0 and one standard deviation for all layers, such as 0.01.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.nn.normal(0.01)(np.random.default_rng(0), (2,), 2, 1)
    array([ 0.0012573 , -0.00132105])
    """
    if not (isinstance(std, Real) and 0 <= std < np.inf):
        raise gd.ArgumentError(
            "not a standard deviation", expected="0 or more, such as 0.01", got=repr(std)
        )

    def init(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        return rng.normal(scale=std, size=shape)

    return init


def glorot(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
    """Uniform numbers of variance 2 / (fan_in + fan_out), for units that are linear near 0.

    It keeps the variance of activations and of gradients about the same from layer to layer.
    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks"
    (2010), equation 16.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> W = gd.nn.glorot(np.random.default_rng(0), (400, 200), 400, 200)
    >>> round(float(W.var() * 600 / 2), 2)
    1.0
    """
    bound = np.sqrt(6.0 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, shape)


def he(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
    """Gaussian numbers of variance 2 / fan_in, for rectifiers, which pass half of their inputs.

    He et al., "Delving deep into rectifiers" (2015), equation 10.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> W = gd.nn.he(np.random.default_rng(0), (400, 200), 400, 200)
    >>> round(float(W.var() * 400 / 2), 2)
    1.0
    """
    return rng.normal(scale=np.sqrt(2.0 / fan_in), size=shape)


def orthogonal(
    rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
) -> Array:
    """A random matrix with orthonormal rows or columns, for recurrent weights.

    Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks" (2014).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> Q = gd.nn.orthogonal(np.random.default_rng(0), (3, 3), 3, 3)
    >>> np.allclose(Q @ Q.T, np.eye(3))
    True
    """
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))  # or the distribution would not be uniform
    return (q if rows >= columns else q.T).reshape(shape)
