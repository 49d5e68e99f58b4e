"""How a contribution is made to fit its operand: broadcasts undone, real parts taken.

These stand here once, so that no rule of an op has to think of them.
"""

from __future__ import annotations

import numpy as np

from graphdiff.graph import numpy_api
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.dimension import Dimension, Shape, product


def broadcast_to(value: Tensor, shape: Shape) -> Tensor:
    """The value at its full shape."""
    return value if value.shape == shape else numpy_api.broadcast_to(value, shape)


def with_parts_of(value: Tensor, operand: Tensor) -> Tensor:
    """The real part of a complex contribution to a real operand, whose change is real.

    The other way round nothing is to be done: a complex operand's cotangent may be real.
    """
    real = value.dtype.kind == "c" and operand.dtype.kind != "c"
    return np.real(value) if real else value


def undo_broadcast(value: Tensor, full: Shape, shape: Shape) -> Tensor:
    """The adjoint of broadcasting from ``shape`` to ``full``: a sum over the axes it added.

    ``value`` broadcasts to ``full``; an axis along which it has not been broadcast yet gives the
    axis's length as a factor instead of a sum.
    """
    dropped: list[int] = []
    kept: list[int] = []
    factors: list[Dimension] = []
    for axis in range(-len(full), 0):
        has = value.shape[axis] if -axis <= value.ndim else None
        wanted = shape[axis] if -axis <= len(shape) else None
        if wanted == full[axis] or wanted not in (None, 1):
            continue  # alike, or not broadcast to the operand's length yet
        if has == full[axis]:
            (dropped if wanted is None else kept).append(axis % value.ndim)
        else:
            factors.append(full[axis])
            if has is not None and wanted is None:
                dropped.append(axis % value.ndim)
    if kept:
        value = value.sum(tuple(kept), keepdims=True)
    if dropped:
        value = value.sum(tuple(dropped))
    count = product(factors)
    return value if count == 1 else value * count
