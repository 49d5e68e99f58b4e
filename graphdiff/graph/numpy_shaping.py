"""NumPy's functions that move elements, made of slices and of joining."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.graph import numpy_api
from graphdiff.ops.spec import normal_axes, normal_axis


def _part(axis: int, part: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, part)


def flip(m: Any, axis: Any = None) -> Any:
    """np.flip."""
    axes = normal_axes(axis, m.ndim)
    return m[tuple(slice(None, None, -1 if i in axes else None) for i in range(m.ndim))]


def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """np.roll."""
    if axis is None:
        return np.reshape(roll(np.ravel(a), shift, 0), a.shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    for one, many in zip(axes, shifts, strict=True):
        i = normal_axis(one, a.ndim)
        length = a.shape[i]
        back = int(many) % length if isinstance(length, int) and length else int(many)
        if back:
            parts = a[_part(i, slice(-back, None))], a[_part(i, slice(None, -back))]
            if back < 0:
                parts = a[_part(i, slice(-back, None))], a[_part(i, slice(0, -back))]
            a = np.concatenate(parts, axis=i)
    return a


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """np.rot90."""
    i, j = (normal_axis(axis, m.ndim) for axis in axes)
    if k % 4 == 0:
        return m.copy()
    if k % 4 == 2:
        return flip(m, (i, j))
    return np.swapaxes(flip(m, j), i, j) if k % 4 == 1 else flip(np.swapaxes(m, i, j), j)


def tile(A: Any, reps: Any) -> Any:
    """np.tile."""
    counts = list(reps) if isinstance(reps, (tuple, list)) else [reps]
    ndim = max(len(counts), A.ndim)
    counts = [1] * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - A.ndim) + A.shape
    wide = np.expand_dims(np.reshape(A, shape), tuple(range(0, 2 * ndim, 2)))
    full = [n for pair in zip(counts, shape, strict=True) for n in pair]
    total = [n * part for n, part in zip(counts, shape, strict=True)]
    return np.reshape(np.broadcast_to(wide, tuple(full)), tuple(total))


def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """np.repeat."""
    if axis is None:
        a, axis = np.ravel(a), 0
    axis = normal_axis(axis, a.ndim)
    if isinstance(repeats, (int, np.integer)):
        shape = (*a.shape[: axis + 1], int(repeats), *a.shape[axis + 1 :])
        wide = np.broadcast_to(np.expand_dims(a, axis + 1), shape)
        return np.reshape(wide, (*a.shape[:axis], a.shape[axis] * repeats, *a.shape[axis + 1 :]))
    return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis=axis)


def pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    """np.pad by a constant, or by what is in the array."""
    widths = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2)).tolist()
    for axis, (before, after) in enumerate(widths):
        if before == after == 0:
            continue
        length = array.shape[axis]
        if mode != "constant":
            if mode not in ("edge", "reflect", "symmetric", "wrap"):
                raise GraphError(f"np.pad with mode {mode!r}", hint="constant, edge, reflect, wrap")
            labels = np.pad(np.arange(length), (before, after), mode=mode)  # type: ignore[call-overload]
            array = np.take(array, labels, axis=axis)
            continue
        parts = [array]
        for place, count in ((0, before), (len(parts) + 1, after)):
            shape = (*array.shape[:axis], count, *array.shape[axis + 1 :])
            value = np.asarray(constant_values).astype(array.dtype)
            if value.ndim:
                value = np.broadcast_to(value, (array.ndim, 2))[axis, min(place, 1)]
            if count:
                parts.insert(place, np.broadcast_to(array.graph.constant(value), shape))
        array = np.concatenate(parts, axis=axis)
    return array


# -- splitting and joining -------------------------------------------------------------------------


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """np.array_split."""
    axis = normal_axis(axis, ary.ndim)
    length = ary.shape[axis]
    if isinstance(indices_or_sections, (int, np.integer)):
        small, extra = divmod(length, int(indices_or_sections))
        sizes = [small + 1] * extra + [small] * (int(indices_or_sections) - extra)
        bounds = np.cumsum(sizes)[:-1].tolist()
    else:
        bounds = [int(bound) for bound in indices_or_sections]
    starts, stops = [0, *bounds], [*bounds, length]
    return [ary[_part(axis, slice(start, stop))] for start, stop in zip(starts, stops, strict=True)]


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """np.split."""
    sections = indices_or_sections
    if isinstance(sections, (int, np.integer)) and ary.shape[axis] % sections:
        raise ShapeError("the parts of np.split are not of equal length", got=str(ary.spec))
    return array_split(ary, sections, axis)


def atleast(count: int) -> Callable[..., Any]:
    """np.atleast_1d, np.atleast_2d and np.atleast_3d."""

    def one(a: Any) -> Any:
        missing = count - np.ndim(a)
        if missing <= 0:
            return a
        front = 1 if count == 3 and missing < 3 else missing
        if count == 3:
            front = {3: 2, 2: 1, 1: 0}[missing]
        return np.reshape(a, (1,) * front + np.shape(a) + (1,) * (missing - front))

    def function(*arys: Any) -> Any:
        found = tuple(map(one, arys))
        return found[0] if len(found) == 1 else found

    function.__name__ = f"atleast_{count}d"
    return function


def hstack(tup: Sequence[Any]) -> Any:
    """np.hstack."""
    parts = [atleast(1)(part) for part in tup]
    return np.concatenate(parts, axis=0 if np.ndim(parts[0]) == 1 else 1)


def vstack(tup: Sequence[Any]) -> Any:
    """np.vstack."""
    return np.concatenate([atleast(2)(part) for part in tup], axis=0)


def dstack(tup: Sequence[Any]) -> Any:
    """np.dstack."""
    return np.concatenate([atleast(3)(part) for part in tup], axis=2)


def column_stack(tup: Sequence[Any]) -> Any:
    """np.column_stack."""
    return np.concatenate(
        [part if np.ndim(part) > 1 else np.reshape(part, (-1, 1)) for part in tup], axis=1
    )


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """np.append."""
    return np.concatenate([arr, values] if axis is not None or np.ndim(values) else [
        np.ravel(arr), np.reshape(values, (1,))
    ], axis=axis if axis is not None or np.ndim(values) else 0)  # fmt: skip


def meshgrid(*xi: Any, indexing: str = "xy") -> Any:
    """np.meshgrid."""
    sizes = [np.shape(x)[0] for x in xi]
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[0], order[1] = 1, 0
    shape = tuple(sizes[i] for i in order)
    grids = []
    for i, x in enumerate(xi):
        place = order.index(i)
        column = np.reshape(x, (1,) * place + (-1,) + (1,) * (len(xi) - place - 1))
        grids.append(np.broadcast_to(column, shape))
    return tuple(grids)


# -- order -----------------------------------------------------------------------------------------


def _ordered(op: str) -> Callable[..., Any]:
    def function(a: Any, axis: int | None = -1) -> Any:
        if axis is None:
            a, axis = numpy_api.ravel(a), 0
        return a.graph.apply(op, (a,), {"axis": axis})

    function.__name__ = op
    return function


def _extreme(op: str) -> Callable[..., Any]:
    def function(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
        return a.graph.apply(op, (a,), {"axis": axis, "keepdims": keepdims})

    function.__name__ = op
    return function


def searchsorted(a: Any, v: Any, side: str = "left") -> Any:
    """np.searchsorted."""
    graph = next(x.graph for x in (a, v) if hasattr(x, "graph"))
    return graph.apply("searchsorted", (a, v), {"side": side})


def quantile(a: Any, q: float, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """np.quantile, linear between the two values around."""
    if not isinstance(q, (int, float)) or not 0 <= q <= 1:
        raise GraphError("the quantile is not a number from 0 to 1", got=repr(q))
    whole = axis is None
    ordered = np.sort(np.ravel(a) if whole else a, axis=0 if axis is None else axis)
    i = 0 if axis is None else normal_axis(axis, a.ndim)
    place = q * (ordered.shape[i] - 1)
    low = int(place)
    found = ordered[_part(i, slice(low, low + 1))]
    if place > low:
        high = ordered[_part(i, slice(low + 1, low + 2))]
        found = found + (high - found) * (place - low)
    if keepdims:
        return np.reshape(found, (1,) * a.ndim) if whole else found
    return np.squeeze(found, axis=i)


def percentile(a: Any, q: float, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """np.percentile."""
    return quantile(a, q / 100.0, axis, keepdims=keepdims)


def median(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """np.median."""
    return quantile(a, 0.5, axis, keepdims=keepdims)


def interp(x: Any, xp: Any, fp: Any) -> Any:
    """np.interp: between points that are joined by lines, constant outside."""
    count = np.shape(xp)[0]
    i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, count - 2)
    graph = next(v.graph for v in (x, xp, fp) if hasattr(v, "graph"))
    xs, ys = (v if hasattr(v, "graph") else graph.constant(np.asarray(v, float)) for v in (xp, fp))
    x0, y0 = np.take(xs, i), np.take(ys, i)
    inside = np.minimum(np.maximum(x, xs[0]), xs[count - 1])
    slope = (np.take(ys, i + 1) - y0) / (np.take(xs, i + 1) - x0)
    return y0 + (inside - x0) * slope


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.flip: flip,
        np.flipud: lambda m: flip(m, 0),
        np.fliplr: lambda m: flip(m, 1),
        np.roll: roll,
        np.rot90: rot90,
        np.tile: tile,
        np.repeat: repeat,
        np.pad: pad,
        np.array_split: array_split,
        np.split: split,
        np.vsplit: split,
        np.hsplit: lambda ary, parts: split(ary, parts, 0 if ary.ndim == 1 else 1),
        np.dsplit: lambda ary, parts: split(ary, parts, 2),
        np.atleast_1d: atleast(1),
        np.atleast_2d: atleast(2),
        np.atleast_3d: atleast(3),
        np.hstack: hstack,
        np.vstack: vstack,
        np.dstack: dstack,
        np.column_stack: column_stack,
        np.append: append,
        np.meshgrid: meshgrid,
        np.sort: _ordered("sort"),
        np.argsort: _ordered("argsort"),
        np.argmax: _extreme("argmax"),
        np.argmin: _extreme("argmin"),
        np.searchsorted: searchsorted,
        np.quantile: quantile,
        np.percentile: percentile,
        np.median: median,
        np.interp: interp,
    }
)
