"""Attention: a memory that is read by content, with weights that a softmax gives.

Vaswani et al., "Attention is all you need" (2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.nn.declaring import check_tensor, filled, weight
from graphdiff.nn.initial import Initialiser, glorot
from graphdiff.nn.units import softmax


def attention(q: gd.Tensor, k: gd.Tensor, v: gd.Tensor, mask: Any = None) -> gd.Tensor:
    """Scaled dot-product attention, ``softmax(Q Kᵀ / √d) V``.

    Parameters
    ----------
    q, k, v
        Queries (..., T, d), keys (..., S, d) and values (..., S, n).
    mask
        Booleans that broadcast to (..., T, S): which keys each query may see. At least one each.

    Returns
    -------
    Tensor
        Of shape (..., T, n).

    Raises
    ------
    ShapeError
        If the shapes do not fit, or d is a named dimension.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> q, k, v = g.input("q", ("T", 4)), g.input("k", ("S", 4)), g.input("v", ("S", 3))
    >>> gd.nn.attention(q, k, v).shape
    ('T', 3)
    """
    for operand in (q, k, v):
        check_tensor(operand, "attention", 2)
    d = q.shape[-1]
    if not isinstance(d, int):
        raise gd.ShapeError("the length of a query is not known", node=q.name, got=repr(q.spec))
    scores = q @ k.mT / d**0.5
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    result: gd.Tensor = softmax(scores) @ v
    return result


def multi_head_attention(
    x: gd.Tensor,
    heads: int,
    *,
    scope: str,
    memory: gd.Tensor | None = None,
    mask: Any = None,
    rng: np.random.Generator | None = None,
    init: Initialiser = glorot,
) -> gd.Tensor:
    """Several attentions side by side, each over its own part of the features.

    Parameters
    ----------
    x
        Of shape (..., T, n): what asks.
    heads
        How many attentions; it divides n.
    scope
        What the layer is called; its weights ``Wq``, ``Wk``, ``Wv`` and ``Wo`` are (n, n), and
        ``b`` is (n,).
    memory
        Of shape (..., S, m): what is read; ``x`` itself where it is left out.
    mask
        Booleans that broadcast to (..., heads, T, S); for a text that is read forward
        ``np.tri(T, dtype=bool)``.
    rng, init
        As for `dense`.

    Returns
    -------
    Tensor
        Of shape (..., T, n), called ``h``.

    Raises
    ------
    ShapeError
        If n is no multiple of the number of heads, or a named dimension.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> x = g.input("x", ("t", 10, 16))
    >>> gd.nn.multi_head_attention(x, 4, scope="attend")
    <Tensor 'attend/h': add, float64 (t, 10, 16)>
    """
    check_tensor(x, "multi_head_attention", 2)
    if memory is not None:
        check_tensor(memory, "multi_head_attention", 2)
    n = x.shape[-1]
    if not (isinstance(n, int) and isinstance(heads, int) and heads >= 1) or n % heads:
        raise gd.ShapeError(
            "the features cannot be divided among the heads", node=x.name,
            expected=f"a multiple of heads={heads}", got=repr(x.spec),
        )  # fmt: skip
    source = x if memory is None else memory

    def split(tensor: gd.Tensor) -> gd.Tensor:
        parts: Any = tensor.reshape(*tensor.shape[:-1], heads, n // heads)
        swapped: gd.Tensor = np.swapaxes(parts, -2, -3)
        return swapped

    with x.graph.scope(scope):
        q, k, v = (
            split(operand @ weight(x, name, (operand.shape[-1], n), init, rng)).named(split_name)
            for name, operand, split_name in (
                ("Wq", x, "queries"),
                ("Wk", source, "keys"),
                ("Wv", source, "values"),
            )
        )
        read: Any = attention(q, k, v, mask).named("read")
        joined = np.swapaxes(read, -2, -3).reshape(*x.shape).named("joined")
        Wo = weight(x, "Wo", (n, n), init, rng)
        h: gd.Tensor = joined @ Wo + filled(x, "b", (n,), "bias", None if rng is None else 0.0)
        return h.named("h")
