"""NumPy's differences of neighbours, and what undoes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.graph.numpy_elementwise import is_tensor
from graphdiff.ops.spec import normal_axis


def ediff1d(ary: Any, to_end: Any = (), to_begin: Any = ()) -> Any:
    """np.ediff1d."""
    ends = [() if part is None else np.ravel(part) for part in (to_begin, to_end)]
    parts = [ends[0], diff(np.ravel(ary)), ends[1]]
    return np.concatenate(
        [part if is_tensor(part) else part.astype(ary.dtype) for part in parts if np.size(part)]
        or [np.ravel(ary)]
    )


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """np.diff."""
    if n < 0:
        raise GraphError("the order of np.diff is negative", got=repr(n))
    axis = normal_axis(axis, np.ndim(a))
    shape = np.shape(a)
    edge = (*shape[:axis], 1, *shape[axis + 1 :])
    if n and (prepend is not None or append is not None):
        ends = (np.broadcast_to(p, edge) if np.ndim(p) == 0 else p for p in (prepend, append))
        front, back = (
            [] if p is None else [q] for p, q in zip((prepend, append), ends, strict=True)
        )
        a = np.concatenate([*front, a, *back], axis=axis)
    before = (slice(None),) * axis
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(0, -1))]
    return a


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """np.gradient: differences of the neighbours on both sides, at the ends of one side."""
    axes = range(f.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    steps = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    if len(steps) != len(axes):
        raise ShapeError("not one spacing for each axis", got=f"{len(steps)} for {len(axes)}")
    if edge_order not in (1, 2):
        raise GraphError(f"np.gradient with edge_order {edge_order}", expected="1 or 2")
    found = [
        _slopes(f, h, normal_axis(i, f.ndim), edge_order) for i, h in zip(axes, steps, strict=True)
    ]
    return found[0] if len(found) == 1 else tuple(found)


def _slopes(f: Any, spacing: Any, axis: int, order: int) -> Any:
    """Along one axis; the spacing is a number, or the places of the values."""
    f = np.moveaxis(f, axis, -1)
    length = f.shape[-1]
    if isinstance(length, int) and length < order + 1:
        raise ShapeError("too few values for np.gradient", expected=f"{order + 1}", got=str(length))
    if np.ndim(spacing):
        steps = spacing[1:] - spacing[:-1]
        first, last = (steps[0], steps[1:2]), (steps[-1], steps[-2:-1])
        left, right = steps[:-1], steps[1:]
    else:
        first = last = (spacing, spacing)
        left = right = spacing
    across = (f[..., 2:] - f[..., 1:-1]) * (left / (right * (left + right)))
    middle = across + (f[..., 1:-1] - f[..., :-2]) * (right / (left * (left + right)))
    start = _one_sided(f[..., 0:1], f[..., 1:2], f[..., 2:3], *first, order)
    end = _one_sided(f[..., -1:], f[..., -2:-1], f[..., -3:-2], *last, order)
    return np.moveaxis(np.concatenate([start, middle, -end], axis=-1), -1, axis)


def _one_sided(f0: Any, f1: Any, f2: Any, h: Any, k: Any, order: int) -> Any:
    """The slope at the first of three values that are h and k apart."""
    slope = (f1 - f0) / h
    if order == 1:
        return slope
    return slope - ((f2 - f1) / k - slope) * (h / (h + k))


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * np.pi) -> Any:
    """np.unwrap: multiples of the period are added where it jumps; these have no slope."""
    axis = normal_axis(axis, p.ndim)
    jump = np.diff(p, axis=axis)
    half = period / 2
    wrapped = np.mod(jump + half, period) - half
    wrapped = np.where(np.logical_and(wrapped == -half, jump > 0), half, wrapped)
    limit = half if discont is None else max(discont, half)
    added = np.where(np.abs(jump) < limit, 0.0, wrapped - jump)
    zero = np.zeros_like(p[(*(slice(None),) * axis, slice(0, 1))])
    turns = np.concatenate([zero, np.cumsum(added, axis=axis)], axis=axis)
    return p + p.graph.apply("stop_gradient", (turns,))


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """np.trapezoid: the integral by trapezoids."""
    last = np.moveaxis(y, axis, -1)
    if x is not None:
        dx = np.diff(x) if np.ndim(x) == 1 else np.moveaxis(np.diff(x, axis=axis), axis, -1)
    return np.sum(dx * (last[..., 1:] + last[..., :-1]), axis=-1) / 2.0


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.diff: diff,
        np.ediff1d: ediff1d,
        np.gradient: gradient,
        np.unwrap: unwrap,
        np.trapezoid: trapezoid,
    }
)
