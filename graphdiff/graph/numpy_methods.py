"""The methods of NumPy's ufuncs: reduce, accumulate, outer, reduceat and at.

Where a function of NumPy says the same it is that function, else one element after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce as folded
from itertools import accumulate as accumulated
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.graph import numpy_calling, numpy_placing, numpy_reduction
from graphdiff.graph.numpy_elementwise import is_tensor
from graphdiff.ops.spec import normal_axis


def _logsumexp(
    a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    found = a if where is True else np.where(where, a, -np.inf)
    found = a.graph.apply("logsumexp", (found,), {"axis": axis, "keepdims": keepdims})
    return found if initial is None else np.logaddexp(found, initial)


def _logsumexp2(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    scale = float(np.log(2.0))
    return _logsumexp(a * scale, axis, keepdims=keepdims, where=where) / scale


def _length(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return a.graph.apply("norm", (a,), {"axis": axis, "keepdims": keepdims})


# What a reduction is by its name in NumPy, or where NumPy has none, by what computes it.
REDUCTIONS: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {
        np.add: np.sum,
        np.multiply: np.prod,
        np.maximum: np.max,
        np.minimum: np.min,
        np.fmax: np.nanmax,
        np.fmin: np.nanmin,
        np.logical_and: np.all,
        np.logical_or: np.any,
    }
)
_OWN: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {np.logaddexp: _logsumexp, np.logaddexp2: _logsumexp2, np.hypot: _length}
)
CUMULATIVE: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {
        np.add: numpy_reduction.cumulative("cumsum"),
        np.multiply: numpy_reduction.cumulative("cumprod"),
        np.maximum: numpy_reduction.cumulative("cummax"),
        np.minimum: numpy_reduction.cumulative("cummin"),
    }
)


def apply_method(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: Any) -> Any:
    """What a method of a ufunc gives, `__call__` aside.

    Raises
    ------
    GraphError
        If it has no rule, or needs values that are not known.
    """
    name = f"np.{ufunc.__name__}.{method}"
    given = {key: value for key, value in kwargs.items() if value is not None}
    target, dtype = given.pop("out", None), given.pop("dtype", None)
    if "axis" in kwargs and kwargs["axis"] is None:
        given["axis"] = None
    if dtype is not None:
        args = tuple(numpy_calling.converted_for(ufunc, args, dtype))
    if method == "at" and ufunc.nin == len(args) - 1:
        numpy_placing.at(ufunc, *args)
        return None
    if ufunc.nin != 2 or ufunc.signature is not None:
        raise GraphError(f"{name} has no rule in graphdiff", hint="call the ufunc itself")
    if target is not None and not all(map(is_tensor, target)):
        numpy_calling.assigned(target, None, f"out= of {name}")  # refused
    try:
        result = _METHODS[method](ufunc, *args, **given)
    except TypeError as error:
        raise GraphError(str(error), op=name, hint="use slices and the ufunc") from error
    return result if target is None else numpy_calling.assigned(target, result)


def reduce(ufunc: np.ufunc, a: Any, axis: Any = 0, **given: Any) -> Any:
    """ufunc.reduce."""
    function = REDUCTIONS.get(ufunc)
    if function is not None:
        return function(a, axis=axis, **given)
    if ufunc in _OWN:
        return _OWN[ufunc](a, axis=axis, **given)
    return _folded(ufunc, a, axis, **given)


def _folded(ufunc: np.ufunc, a: Any, axis: Any, *, keepdims: bool = False) -> Any:
    """From the first element along an axis to the last."""
    if axis is None and a.ndim == 1:
        axis = 0
    rows = _rows(ufunc, a, axis)
    if not rows:
        raise ShapeError(f"np.{ufunc.__name__}.reduce of no elements", got=repr(a))
    found = folded(ufunc, rows)
    return np.expand_dims(found, axis) if keepdims else found


def _rows(ufunc: np.ufunc, a: Any, axis: Any) -> list[Any]:
    """The entries along an axis, whose length must be known."""
    length = a.shape[normal_axis(axis, a.ndim)]
    if not isinstance(length, int):
        raise ShapeError(
            f"np.{ufunc.__name__} along an axis of a length that is not known",
            got=repr(a), hint="gd.scan repeats a step along it",
        )  # fmt: skip
    return [np.take(a, i, axis=axis) for i in range(length)]


def accumulate(ufunc: np.ufunc, a: Any, axis: int = 0) -> Any:
    """ufunc.accumulate."""
    if ufunc in CUMULATIVE:
        return CUMULATIVE[ufunc](a, axis)
    rows = _rows(ufunc, a, axis)
    return np.stack(list(accumulated(rows, ufunc)), axis=axis) if rows else a.copy()


def outer(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """ufunc.outer: each element of one beside each element of the other."""
    ndim = np.ndim(a)
    wide = np.expand_dims(a, tuple(range(ndim, ndim + np.ndim(b)))) if np.ndim(b) else a
    return ufunc(wide, b)


def reduceat(ufunc: np.ufunc, a: Any, indices: Any, axis: int = 0) -> Any:
    """ufunc.reduceat: of the parts between numbers; where these fall, of a single element."""
    if is_tensor(indices):
        raise GraphError("reduceat between places that are not known", hint="use np.add.at")
    axis = normal_axis(axis, a.ndim)
    starts = np.asarray(indices).tolist()
    if not starts or not all(0 <= i < a.shape[axis] for i in starts):
        raise ShapeError("places that are not in the array", got=repr(indices))
    parts = []
    for start, stop in zip(starts, [*starts[1:], a.shape[axis]], strict=True):
        part = (*(slice(None),) * axis, slice(start, max(stop, start + 1)))
        parts.append(reduce(ufunc, a[part], axis, keepdims=True))
    return np.concatenate(parts, axis=axis)


_METHODS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"reduce": reduce, "accumulate": accumulate, "outer": outer, "reduceat": reduceat}
)
