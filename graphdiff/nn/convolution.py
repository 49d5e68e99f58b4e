"""A layer of convolutions, in which one small set of weights is shared by all places of an image.

Pooling has no parameters, so it is no layer: see `graphdiff.images`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.nn.declaring import (
    check_activation,
    check_tensor,
    check_width,
    filled,
    usual,
    weight,
)
from graphdiff.nn.initial import Initialiser
from graphdiff.nn.layers import Activation, activated
from graphdiff.nn.units import linear


def conv2d(
    x: gd.Tensor,
    filters: int | str,
    size: int | tuple[int, int],
    activation: Activation = linear,
    *,
    scope: str,
    stride: Any = 1,
    padding: Any = "same",
    rng: np.random.Generator | None = None,
    init: Initialiser | None = None,
    bias: bool = True,
) -> gd.Tensor:
    """Images convolved with learnt kernels, ``f(x * W + b)``.

    Parameters
    ----------
    x
        Images (..., rows, columns, channels).
    filters
        How many kernels there are: the channels of the result.
    size
        The rows and columns of a kernel, an int for both.
    activation, scope, rng, init, bias
        As for `dense`.
    stride, padding
        As for `graphdiff.images.conv2d`.

    Returns
    -------
    Tensor
        Of shape (..., rows, columns, filters), called ``h``; ``a`` where there is no activation.

    Raises
    ------
    ShapeError
        If ``x`` has fewer than three axes, or the kernels do not fit it.

    Notes
    -----
    ``W`` (rows, columns, channels, filters) of role "weight" and ``b`` (filters,) of role "bias":
    as many parameters for a large image as for a small one. LeCun et al., "Backpropagation applied
    to handwritten zip code recognition" (1989).

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> x = g.input("x", ("t", 8, 8, 1))
    >>> h = gd.nn.conv2d(x, 16, 3, gd.nn.relu, scope="conv1")
    >>> h
    <Tensor 'conv1/h': relu, float64 (t, 8, 8, 16)>
    >>> gd.images.max_pool2d(h).shape
    ('t', 4, 4, 16)
    """
    check_tensor(x, "conv2d", 3)
    check_activation(activation, "conv2d")
    check_width(filters, "conv2d", "filters")
    both = size if isinstance(size, tuple) else (size, size)
    if len(both) != 2 or not all(isinstance(length, int) and length >= 1 for length in both):
        raise gd.ShapeError(
            "not a size of kernels", expected="an int from 1 up, or (rows, columns)", got=repr(size)
        )
    (rows, columns), channels = both, x.shape[-1]
    window = rows * columns
    with x.graph.scope(scope):
        fans = (window * channels, filters * window)
        shape = (rows, columns, channels, filters)
        W = weight(x, "W", shape, init or usual(activation), rng, fans)
        a = gd.images.conv2d(x, W, stride, padding)
        if bias:
            a = a + filled(x, "b", (filters,), "bias", None if rng is None else 0.0)
        return activated(a, activation)
