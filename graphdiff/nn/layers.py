"""Layers: functions that add nodes to the graph of their operand, within a scope.

The names in a scope are the lecture's: weights ``W``, biases ``b``, the affine map ``a`` and the
output ``h``. So the values of ``dense(x, 64, relu, scope="hidden1")`` are ``hidden1/a`` and
``hidden1/h`` in the graph, in pictures and in the generated source.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.nn.declaring import (
    check_activation,
    check_amount,
    check_generator,
    check_tensor,
    check_width,
    filled,
    usual,
    weight,
)
from graphdiff.nn.initial import Array, Initialiser, normal
from graphdiff.nn.units import linear

Activation = Callable[[Any], Any]


def dense(
    x: gd.Tensor,
    width: int | str,
    activation: Activation = linear,
    *,
    scope: str,
    rng: np.random.Generator | None = None,
    init: Initialiser | None = None,
    bias: bool = True,
) -> gd.Tensor:
    """A fully connected layer ``f(x W + b)``.

    Parameters
    ----------
    x
        Of shape (..., n).
    width
        The number m of units, or a named dimension.
    activation
        The unit f: any function of a tensor, such as ``gd.nn.relu``.
    scope
        What the layer is called.
    rng
        The generator that the initial weights are drawn with; biases start at 0. Without one, the
        parameters have no values and are given at each call.
    init
        How weights are drawn; `he` for rectifiers and `glorot` for others if it is left out.
    bias
        Whether to add a bias.

    Returns
    -------
    Tensor
        Of shape (..., m), called ``h``; ``a`` where there is no activation.

    Raises
    ------
    GraphError
        If ``x`` is no tensor, the activation no function, or there is a layer of that scope.
    ShapeError
        If ``x`` is a scalar, the width none, or weights are to be drawn for a named dimension.

    Notes
    -----
    n m + m parameters, ``W`` (n, m) of role "weight" and ``b`` (m,) of role "bias"; about 2 n m
    operations an example. Goodfellow et al., *Deep Learning* (2016), chapter 6.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph("net")
    >>> x = g.input("x", ("t", 4))
    >>> rng = np.random.default_rng(0)
    >>> h = gd.nn.dense(x, 8, gd.nn.relu, scope="hidden", rng=rng)
    >>> h
    <Tensor 'hidden/h': relu, float64 (t, 8)>
    >>> {name: tensor.role for name, tensor in g.parameters.items()}
    {'hidden/W': 'weight', 'hidden/b': 'bias'}
    """
    check_tensor(x, "dense")
    check_activation(activation, "dense")
    check_width(width, "dense")
    with x.graph.scope(scope):
        W = weight(x, "W", (x.shape[-1], width), init or usual(activation), rng)
        a = x @ W
        if bias:
            a = a + filled(x, "b", (width,), "bias", None if rng is None else 0.0)
        return activated(a, activation)


def factored_dense(
    x: gd.Tensor,
    width: int | str,
    rank: int | str,
    activation: Activation = linear,
    *,
    scope: str,
    rng: np.random.Generator | None = None,
    init: Initialiser | None = None,
) -> gd.Tensor:
    """A dense layer ``f(x U V + b)`` whose weights pass through a linear bottleneck.

    In the place of the n m weights of `dense` there are (n + m) rank: fewer, if the rank is smaller
    than n m / (n + m). The arguments are those of `dense`, and ``rank`` is the width of the linear
    layer between. Goodfellow et al., *Deep Learning* (2016), section 6.3.3.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> x = g.input("x", ("t", 100))
    >>> h = gd.nn.factored_dense(x, 100, 5, gd.nn.tanh, scope="hidden")
    >>> gd.nn.parameter_count(g), 100 * 100 + 100
    (1100, 10100)
    """
    check_tensor(x, "factored_dense")
    check_activation(activation, "factored_dense")
    check_width(width, "factored_dense")
    check_width(rank, "factored_dense", "units in the bottleneck")
    with x.graph.scope(scope):
        U = weight(x, "U", (x.shape[-1], rank), init or usual(linear), rng)
        V = weight(x, "V", (rank, width), init or usual(activation), rng)
        b = filled(x, "b", (width,), "bias", None if rng is None else 0.0)
        return activated(x @ U @ V + b, activation)


def rbf(
    x: gd.Tensor,
    width: int | str,
    *,
    scope: str,
    rng: np.random.Generator | None = None,
    sigma: float = 1.0,
) -> gd.Tensor:
    """Radial basis functions ``h_i = exp(-‖C_i - x‖² / σ_i²)``: units that look at one spot.

    The centres ``C`` (width, n) have the role "centre" and are drawn from a standard normal
    distribution; ``sigma`` (width,) of role "scale" starts as given. Far from its centre a unit
    and its gradient are 0, which makes it hard to train. For t examples it takes t n width numbers
    of memory. Goodfellow et al., *Deep Learning* (2016), section 6.3.4.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph()
    >>> h = gd.nn.rbf(g.input("x", ("t", 2)), 3, scope="spots", rng=np.random.default_rng(0))
    >>> h.shape
    ('t', 3)
    """
    check_tensor(x, "rbf")
    check_width(width, "rbf")
    check_amount("sigma", sigma)
    with x.graph.scope(scope):
        shape = (width, x.shape[-1])
        C = weight(x, "C", shape, normal(1.0), rng, role="centre")
        s = filled(x, "sigma", (width,), "scale", None if rng is None else sigma)
        h: gd.Tensor = np.exp(-np.sum((x[..., None, :] - C) ** 2, axis=-1) / s**2)
        return h.named("h")


def embedding(
    labels: gd.Tensor,
    count: int | str,
    width: int | str,
    *,
    scope: str,
    rng: np.random.Generator | None = None,
    init: Initialiser | None = None,
) -> gd.Tensor:
    """A learnt vector for each of ``count`` labels: row ``labels[i]`` of a table.

    Parameters
    ----------
    labels
        Integers from 0 to count - 1, of any shape.
    count, width
        The shape of the table ``E``, whose role is "weight".
    scope, rng, init
        As for `dense`; the numbers drawn are Gaussian with standard deviation 0.1.

    Returns
    -------
    Tensor
        Of the labels' shape and one more axis of ``width``.

    Raises
    ------
    DTypeError
        If the labels are no integers.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> words = g.input("words", ("t", 5), "int64")
    >>> gd.nn.embedding(words, 1000, 16, scope="words_in")
    <Tensor 'words_in/h': gather, float64 (t, 5, 16)>
    """
    check_tensor(labels, "embedding", 0)
    if labels.dtype.kind != "i":
        raise gd.DTypeError(
            "labels are integers", node=labels.name, expected="int64", got=str(labels.dtype)
        )
    check_width(count, "embedding", "labels")
    check_width(width, "embedding")
    with labels.graph.scope(scope):
        E = weight(labels, "E", (count, width), init or normal(0.1), rng)
        return E[labels].named("h")


def dropout(x: gd.Tensor, *, scope: str) -> gd.Tensor:
    """``x`` times a mask that is an input of the graph, ``mask`` in the scope.

    The mask is an argument of each call, so that the graph computes the same each time it is given
    the same: in training one from `dropout_mask`, otherwise ones. Srivastava et al., "Dropout: a
    simple way to prevent neural networks from overfitting" (2014).

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> gd.nn.dropout(g.input("x", ("t", 64)), scope="drop")
    <Tensor 'drop/h': multiply, float64 (t, 64)>
    >>> g.inputs["drop/mask"]
    <Tensor 'drop/mask': input, float64 (t, 64)>
    """
    check_tensor(x, "dropout", 0)
    with x.graph.scope(scope):
        h: gd.Tensor = x * x.graph.input("mask", x.shape, x.dtype)
        return h.named("h")


def dropout_mask(
    rng: np.random.Generator, shape: tuple[int, ...], rate: float, dtype: Any = "float64"
) -> Array:
    """A mask for `dropout`: 0 with probability ``rate``, else 1 / (1 - rate).

    So the mean of what is masked stays what it was, and ones are the mask of a trained net.

    Raises
    ------
    ArgumentError
        If the rate is not at least 0 and less than 1, or ``rng`` is no generator.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> gd.nn.dropout_mask(np.random.default_rng(0), (5,), 0.5)
    array([2., 0., 0., 0., 2.])
    """
    check_generator(rng)
    if not (isinstance(rate, Real) and 0 <= rate < 1):
        raise gd.ArgumentError("not a rate", expected="0 ≤ rate < 1", got=repr(rate))
    mask: Array = np.where(rng.random(shape) >= rate, 1.0 / (1.0 - rate), 0.0)
    return mask.astype(dtype)


def residual(x: gd.Tensor, block: Callable[[gd.Tensor], gd.Tensor], *, scope: str) -> gd.Tensor:
    """A skip connection ``x + block(x)``, along which the gradient flows unchanged.

    The nodes of the block are added within the scope. He et al., "Deep residual learning for image
    recognition" (2016).

    Raises
    ------
    GraphError
        If the block is no function of a tensor that gives a tensor.
    ShapeError
        If the block changes the shape.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> x = g.input("x", ("t", 8))
    >>> gd.nn.residual(x, lambda x: gd.nn.dense(x, 8, gd.nn.relu, scope="inner"), scope="block1")
    <Tensor 'block1/h': add, float64 (t, 8)>
    """
    check_tensor(x, "residual", 0)
    if not callable(block):
        raise gd.GraphError(
            "the block of a skip connection is no function", got=repr(block)[:80],
            hint='lambda h: gd.nn.dense(h, 8, gd.nn.relu, scope="inner")',
        )  # fmt: skip
    with x.graph.scope(scope):
        inner = block(x)
        check_tensor(inner, "the end of a residual block", 0)
        if inner.shape != x.shape:
            raise gd.ShapeError(
                "the block of a skip connection changes the shape", node=inner.name,
                expected=str(x.shape), got=str(inner.shape),
                hint="bring x to that shape first, with a linear gd.nn.dense",
            )  # fmt: skip
        h: gd.Tensor = x + inner
        return h.named("h")


def activated(a: gd.Tensor, activation: Activation) -> gd.Tensor:
    """The output of a layer, and the names of both sides of its activation."""
    a = a.named("a")
    h: gd.Tensor = activation(a)
    if not isinstance(h, gd.Tensor):
        raise gd.GraphError(
            "an activation does not give a tensor", node=a.name, got=type(h).__name__,
            hint="write it in NumPy's functions, such as lambda z: np.maximum(0, z)",
        )  # fmt: skip
    return h if h is a else h.named("h")
