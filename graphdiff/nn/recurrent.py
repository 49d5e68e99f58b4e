"""Recurrent layers: the same weights at every step of a sequence, by `graphdiff.scan`.

Sequences are arrays (..., T, n): the steps are the axis before the features, and the axes before it
count the sequences. All layers return their outputs at all steps, (..., T, m); the last alone is
``h[..., -1, :]``. Goodfellow et al., *Deep Learning* (2016), chapter 10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.nn.declaring import check_activation, check_tensor, check_width, filled, weight
from graphdiff.nn.initial import Initialiser, glorot, orthogonal
from graphdiff.nn.layers import Activation
from graphdiff.nn.units import sigmoid, tanh


def rnn(
    x: gd.Tensor,
    width: int,
    activation: Activation = tanh,
    *,
    scope: str,
    rng: np.random.Generator | None = None,
    init: Initialiser = glorot,
) -> gd.Tensor:
    """A simple recurrent layer, ``h_t = f(x_t W + h_{t-1} U + b)`` with h_0 = 0.

    Parameters
    ----------
    x
        Sequences (..., T, n).
    width
        The number m of units.
    activation, scope, rng, init
        As for `dense`; the recurrent weights ``U`` are drawn by `orthogonal`.

    Returns
    -------
    Tensor
        Of shape (..., T, m), called ``h``.

    Raises
    ------
    ShapeError
        If ``x`` has fewer than two axes.

    Notes
    -----
    ``W`` (n, m) and ``U`` (m, m) of role "weight", ``b`` (m,) of role "bias". What does not depend
    on the step before, ``x W + b``, is one matrix product for all steps; the rest is a loop in the
    generated code. Elman, "Finding structure in time" (1990).

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> gd.nn.rnn(g.input("x", ("t", "T", 3)), 8, scope="rnn").shape
    ('t', 'T', 8)
    """
    check_tensor(x, "rnn", 2)
    check_activation(activation, "rnn")
    with x.graph.scope(scope):
        a, U = _affine(x, width, 1, rng, init)

        def step(h: Any, a: Any) -> tuple[Any, Any]:
            h = activation(a + h @ U)
            return h, h

        return _scanned(step, a, lambda zero: zero, width)


def lstm(
    x: gd.Tensor,
    width: int,
    *,
    scope: str,
    rng: np.random.Generator | None = None,
    init: Initialiser = glorot,
) -> gd.Tensor:
    """A layer of long short-term memory, whose cells keep a value until a gate lets it go.

    ``c_t = σ(f) c_{t-1} + σ(i) tanh(u)`` and ``h_t = σ(o) tanh(c_t)``, where (i, f, o, u) are the
    four parts of ``x_t W + h_{t-1} U + b``. The arguments and the result are those of `rnn`.

    ``W`` is (n, 4 m), ``U`` (m, 4 m) and ``b`` (4 m,); the part of ``b`` that opens the forget gate
    f starts at 1. Hochreiter & Schmidhuber, "Long short-term memory" (1997); Gers et al., "Learning
    to forget" (2000).

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> gd.nn.lstm(g.input("x", ("t", "T", 3)), 8, scope="lstm").shape
    ('t', 'T', 8)
    """
    check_tensor(x, "lstm", 2)
    with x.graph.scope(scope):
        a, U = _affine(x, width, 4, rng, init, first=(0.0, 1.0, 0.0, 0.0))

        def step(state: Any, a: Any) -> tuple[Any, Any]:
            z_i, z_f, z_o, z_u = _parts((a + state["h"] @ U).named("z"), width, 4)
            write, keep = sigmoid(z_i).named("write"), sigmoid(z_f).named("keep")
            new = tanh(z_u).named("new")
            c = keep * state["c"] + write * new
            h = sigmoid(z_o).named("read") * tanh(c)
            return {"h": h, "c": c}, h

        return _scanned(step, a, lambda zero: {"h": zero, "c": zero}, width)


def gru(
    x: gd.Tensor,
    width: int,
    *,
    scope: str,
    rng: np.random.Generator | None = None,
    init: Initialiser = glorot,
) -> gd.Tensor:
    """A layer of gated recurrent units, ``h_t = n + z (h_{t-1} - n)``.

    With the three parts of ``a = x_t W + b`` and of ``u = h_{t-1} U``, the gates r and z are
    ``σ(a + u)`` of the first two, and ``n = tanh(a + r u)`` of the third. The arguments and the
    result are those of `rnn`.

    ``W`` is (n, 3 m), ``U`` (m, 3 m) and ``b`` (3 m,). Cho et al., "Learning phrase representations
    using RNN encoder-decoder" (2014), with the reset gate after the product.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> gd.nn.gru(g.input("x", ("t", "T", 3)), 8, scope="gru").shape
    ('t', 'T', 8)
    """
    check_tensor(x, "gru", 2)
    with x.graph.scope(scope):
        a, U = _affine(x, width, 3, rng, init)

        def step(h: Any, a: Any) -> tuple[Any, Any]:
            a_r, a_z, a_n = _parts(a, width, 3)
            u_r, u_z, u_n = _parts(h @ U, width, 3)
            r, z = sigmoid(a_r + u_r).named("r"), sigmoid(a_z + u_z).named("z")
            n = tanh(a_n + r * u_n).named("n")
            h = n + z * (h - n)
            return h, h

        return _scanned(step, a, lambda zero: zero, width)


def _affine(
    x: gd.Tensor,
    width: int,
    parts: int,
    rng: np.random.Generator | None,
    init: Initialiser,
    first: tuple[float, ...] | None = None,
) -> tuple[gd.Tensor, gd.Tensor]:
    """``x W + b`` of all steps, the steps first, and the recurrent weights ``U``.

    ``first`` are the initial biases of the parts.
    """
    check_width(width, "a recurrent layer", named=False)
    n = x.shape[-1]
    W = weight(x, "W", (n, parts * width), init, rng, fans=(n, width))
    U = weight(x, "U", (width, parts * width), orthogonal, rng)
    start = None if rng is None else np.repeat(first or (0.0,) * parts, width)
    b = filled(x, "b", (parts * width,), "bias", start)
    steps: Any = x
    return (np.moveaxis(steps, -2, 0) @ W + b).named("a"), U


def _parts(a: Any, width: int, count: int) -> tuple[Any, ...]:
    return tuple(a[..., k * width : (k + 1) * width] for k in range(count))


def _scanned(
    step: Callable[[Any, Any], tuple[Any, Any]],
    a: gd.Tensor,
    carry: Callable[[Any], Any],
    width: int,
) -> gd.Tensor:
    """The outputs of all steps, beginning with zeros, the steps back in their place."""
    _, outputs = gd.scan(step, carry(np.zeros_like(a[0, ..., :width])), a)
    h: gd.Tensor = np.moveaxis(outputs, 0, -2)
    return h.named("h")
