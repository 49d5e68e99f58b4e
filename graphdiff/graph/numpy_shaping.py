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
    pairs = np.broadcast(axis, shift)
    if pairs.ndim > 1:
        raise ShapeError("shifts and axes are not single numbers or lists", got=repr(shift))
    for one, many in ((int(i), int(n)) for i, n in pairs):
        i = normal_axis(one, a.ndim)
        length = a.shape[i]
        back = many % length if isinstance(length, int) and length else many
        if back:
            parts = a[_part(i, slice(-back, None))], a[_part(i, slice(None, -back))]
            if back < 0:
                parts = a[_part(i, slice(-back, None))], a[_part(i, slice(0, -back))]
            a = np.concatenate(parts, axis=i)
    return a


def _shift(sign: int) -> Callable[..., Any]:
    """np.fft.fftshift, which puts the middle first, and its inverse."""

    def function(x: Any, axes: Any = None) -> Any:
        shifted = normal_axes(axes, x.ndim)
        half = (x.shape[i] // 2 if sign > 0 else -(x.shape[i] // 2) for i in shifted)
        return roll(x, tuple(half), shifted)

    return function


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
    reps = numpy_api.listed(reps)
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


def meshgrid(*xi: Any, sparse: bool = False, indexing: str = "xy") -> Any:
    """np.meshgrid."""
    if indexing not in ("xy", "ij"):
        raise GraphError(f"np.meshgrid with indexing={indexing!r}", expected="'xy' or 'ij'")
    sizes = [np.size(x) for x in xi]
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[0], order[1] = 1, 0
    shape = tuple(sizes[i] for i in order)
    grids = []
    for i, x in enumerate(xi):
        place = order.index(i)
        column = np.reshape(x, (1,) * place + (-1,) + (1,) * (len(xi) - place - 1))
        grids.append(column if sparse else np.broadcast_to(column, shape))
    return tuple(grids)


def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """np.lib.stride_tricks.sliding_window_view."""
    if writeable:
        raise GraphError("windows that can be written to", hint="leave writeable out")
    return numpy_api.apply("sliding_window_view", x, window=window_shape, axis=axis)


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.flip: flip,
        np.flipud: lambda m: flip(m, 0),
        np.fliplr: lambda m: flip(m, 1),
        np.roll: roll,
        np.fft.fftshift: _shift(1),
        np.fft.ifftshift: _shift(-1),
        np.rot90: rot90,
        np.tile: tile,
        np.repeat: repeat,
        np.array_split: array_split,
        np.split: split,
        np.vsplit: lambda ary, parts: split(ary, parts, 0),
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
        np.lib.stride_tricks.sliding_window_view: sliding_window_view,
    }
)
