"""np.pad in all of its modes, axis by axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError

_INSIDE = ("reflect", "symmetric", "wrap")
_STATISTICS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}
)


def pad(
    array: Any,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = 0,
    end_values: Any = 0,
    stat_length: Any = None,
    reflect_type: str = "even",
) -> Any:
    """np.pad: by numbers, by what is in the array, by statistics of it, or down to numbers."""
    known = ("constant", "edge", "linear_ramp", *_INSIDE, *_STATISTICS)
    if mode not in known:
        raise GraphError(f"np.pad with mode {mode!r}", expected=", ".join(known))
    if reflect_type not in ("even", "odd"):
        raise GraphError(f"np.pad with {reflect_type=!r}", expected="'even' or 'odd'")
    for axis, sides in enumerate(_pairs(_by_axis(pad_width, array.ndim), array.ndim)):
        before, after = map(int, sides)
        if before == after == 0:
            continue
        if mode in _INSIDE:
            if not isinstance(array.shape[axis], int):
                raise GraphError(
                    f"np.pad with mode {mode!r} along a named dimension",
                    got=str(array.shape[axis]), hint="join slices with np.concatenate",
                )  # fmt: skip
            if reflect_type == "odd" and mode != "wrap":
                array = _odd(array, axis, (before, after), mode)
                continue
            labels = np.pad(np.arange(array.shape[axis]), (before, after), mode=mode)  # type: ignore[call-overload]  # one of its modes
            array = np.take(array, labels, axis=axis)
            continue
        if mode == "constant":
            value = _pairs(constant_values, array.ndim)[axis]
            ends = [_constant(array, axis, n, v) for n, v in zip(sides, value, strict=True)]
        elif mode == "edge":
            ends = [_edge(array, axis, n, k) for k, n in enumerate(sides)]
        elif mode == "linear_ramp":
            value = _pairs(end_values, array.ndim)[axis]
            ends = [
                _ramp(array, axis, n, v, k)
                for k, (n, v) in enumerate(zip(sides, value, strict=True))
            ]
        else:
            length = _pairs(stat_length, array.ndim)[axis]
            ends = [
                _statistic(array, axis, n, m, k, _STATISTICS[mode])
                for k, (n, m) in enumerate(zip(sides, length, strict=True))
            ]
        parts = [part for part in (ends[0], array, ends[1]) if part is not None]
        array = np.concatenate(parts, axis=axis)
    return array


def _odd(array: Any, axis: int, width: tuple[int, int], mode: str) -> Any:
    """What is reflected, subtracted from twice the edge: a sum of elements by known weights."""
    one = np.eye(array.shape[axis], dtype=array.dtype)
    weights = np.pad(one, (width, (0, 0)), mode=mode, reflect_type="odd")  # type: ignore[call-overload]  # one of its modes
    return np.moveaxis(np.tensordot(weights, array, axes=(1, axis)), 0, axis)


def _by_axis(pad_width: Any, ndim: int) -> Any:
    """The widths; a dict names those of some axes."""
    if not isinstance(pad_width, dict):
        return pad_width
    widths: list[Any] = [(0, 0)] * ndim
    for axis, width in pad_width.items():
        widths[axis] = (width, width) if np.ndim(width) == 0 else width
    return widths


def _pairs(value: Any, ndim: int) -> list[Any]:
    """For each axis a value before it and one after it."""
    if hasattr(value, "graph"):
        wide = np.broadcast_to(value, (ndim, 2))
        return [(wide[i, 0], wide[i, 1]) for i in range(ndim)]
    pairs: list[Any] = np.broadcast_to(np.asarray(value), (ndim, 2)).tolist()
    return pairs


def _wide(part: Any, axis: int, count: int) -> Any:
    """A part of length 1 along an axis, repeated."""
    return np.broadcast_to(part, (*part.shape[:axis], count, *part.shape[axis + 1 :]))


def _constant(array: Any, axis: int, count: int, value: Any) -> Any:
    if not count:
        return None
    number = value if hasattr(value, "graph") else array.graph.constant(np.asarray(value))
    number = number.astype(array.dtype)
    return np.broadcast_to(number, (*array.shape[:axis], count, *array.shape[axis + 1 :]))


def _end(array: Any, axis: int, count: Any, side: int) -> Any:
    """The first elements along an axis, or the last ones; all of them for None."""
    length = array.shape[axis]
    if count is None or (isinstance(length, int) and count >= length):
        return array
    part = slice(-count, None) if side else slice(0, count)
    return array[(*(slice(None),) * axis, part)]


def _edge(array: Any, axis: int, count: int, side: int) -> Any:
    return _wide(_end(array, axis, 1, side), axis, count) if count else None


def _ramp(array: Any, axis: int, count: int, value: Any, side: int) -> Any:
    """From the value at the edge to a number, in equal steps."""
    if not count:
        return None
    weight = np.arange(count)[:: -1 if side else 1] / count
    weight = weight.reshape(-1, *[1] * (array.ndim - axis - 1)).astype(array.dtype)
    return value + (_end(array, axis, 1, side) - value) * weight


def _statistic(
    array: Any, axis: int, count: int, length: Any, side: int, function: Callable[..., Any]
) -> Any:
    if not count:
        return None
    part = _end(array, axis, length, side)
    return _wide(function(part, axis=axis, keepdims=True), axis, count)


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType({np.pad: pad})
