"""NumPy's functions that put values in order: sorting, quantiles, interpolation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.graph import numpy_api
from graphdiff.ops.spec import normal_axes

# -- sorting ---------------------------------------------------------------------------------------


def _ordered(op: str) -> Callable[..., Any]:
    def function(a: Any, axis: int | None = -1, *, kind: Any = None, stable: Any = None) -> Any:
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


def argpartition(a: Any, kth: Any, axis: int | None = -1) -> Any:
    """np.argpartition."""
    if axis is None:
        a, axis = numpy_api.ravel(a), 0
    return a.graph.apply("argpartition", (a,), {"kth": kth, "axis": axis})


def partition(a: Any, kth: Any, axis: int | None = -1) -> Any:
    """np.partition."""
    if axis is None:
        a, axis = numpy_api.ravel(a), 0
    return np.take_along_axis(a, argpartition(a, kth, axis), axis=axis)


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """np.searchsorted."""
    if sorter is not None:
        a = np.take(a, sorter)
    graph = next(x.graph for x in (a, v) if hasattr(x, "graph"))
    return graph.apply("searchsorted", (a, v), {"side": side})


def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """np.digitize into bins that increase, or, where they are known, decrease."""
    side = "left" if right else "right"
    if hasattr(bins, "graph"):
        return searchsorted(bins, x, side)
    bins = np.asarray(bins)
    np.digitize([], bins)  # where they do neither, NumPy says so
    if bins.size and bins[0] > bins[-1]:
        return bins.size - searchsorted(bins[::-1], x, side)
    return searchsorted(bins, x, side)


# -- quantiles -------------------------------------------------------------------------------------


def _quantiles(one: Callable[[Any, float, str], Any]) -> Callable[..., Any]:
    """A function of a quantile, or of a list of them, whose results are stacked."""

    def function(
        a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
    ) -> Any:
        if hasattr(q, "graph"):
            if method != "linear" or one is not _quantile:
                raise GraphError("a quantile that is not known", expected="a number from 0 to 1")
            return _at_unknown(a, q, axis, keepdims)
        places = np.asarray(q, float)
        if not np.all((places >= 0) & (places <= 1)):
            raise GraphError("the quantile is not a number from 0 to 1", got=repr(q))
        ordered, kept = _sorted_last(a, axis)
        if (
            not isinstance(q, (int, float)) and ordered.dtype.kind == "f"
        ):  # these are no weak numbers
            ordered = ordered.astype(np.result_type(ordered.dtype, np.asarray(q).dtype))
        found = [one(ordered, float(place), method) for place in places.ravel()]
        if keepdims:
            found = [np.reshape(part, kept) for part in found]
        if places.ndim == 0:
            return found[0]
        return np.reshape(np.stack(found), (*places.shape, *found[0].shape))

    return function


def _at_unknown(a: Any, q: Any, axis: Any, keepdims: bool) -> Any:
    """Quantiles that are a tensor: by these the slope is that of the line between two values."""
    ordered, kept = _sorted_last(a if hasattr(a, "graph") else q.graph.constant(a), axis)
    length = ordered.shape[-1]
    if not isinstance(length, int):
        raise GraphError("quantiles that are not known, of a number of values that is not either")
    found = _between(ordered, q * (length - 1.0), np.take)
    last = ordered[..., -1]
    rest = tuple(range(np.ndim(last), np.ndim(last) + q.ndim))
    found = np.where(np.isnan(np.expand_dims(last, rest)), np.nan, found)
    found = np.moveaxis(found, rest, tuple(range(q.ndim)))
    return np.reshape(found, (*q.shape, *kept)) if keepdims else found


def _sorted_last(a: Any, axis: Any) -> tuple[Any, Any]:
    """The values in order along one last axis instead of some, and the shape with these as 1."""
    axes = normal_axes(axis, a.ndim)
    if any(a.shape[i] == 0 for i in axes):
        raise ShapeError("no elements have no quantiles", got=repr(a))
    rest = [i for i in range(a.ndim) if i not in axes]
    if len(axes) != 1:
        a_last = np.transpose(a, (*rest, *axes))
        a_last = np.reshape(a_last, (*(a.shape[i] for i in rest), -1))
    else:
        a_last = np.moveaxis(a, axes[0], -1)
    kept = tuple(1 if i in axes else part for i, part in enumerate(a.shape))
    return np.sort(a_last, axis=-1), kept


def _quantile(ordered: Any, q: float, method: str) -> Any:
    """Between the two values around, by their distance; NaN where there is one among them."""
    length = ordered.shape[-1]
    if isinstance(length, int):
        place = q * (length - 1) if method == "linear" else _numpys_place(length, q, method)
        low = int(place)
        found = ordered[..., low]
        if place != low:
            found = found + (ordered[..., low + 1] - found) * (place - low)
    else:
        _only_linear(method, "of a number of values that is not known")
        count = ordered.graph.apply("size", (), {"dimension": length, "dtype": "float64"})
        found = _between(ordered, q * (count - 1.0), np.take)
    if ordered.dtype.kind != "f":
        return found
    last = ordered[..., -1]
    return np.where(np.isnan(last), last, found)


def _between(ordered: Any, place: Any, take: Callable[..., Any]) -> Any:
    """What is at a place between two values; the place is a tensor."""
    below, above = np.floor(place), np.ceil(place)
    first, last = (take(ordered, i.astype(np.int64), axis=-1) for i in (below, above))
    return first + (last - first) * (place - below).astype(ordered.dtype)


def _numpys_place(length: int, q: float, method: str) -> float:
    """Where a method of NumPy's has the quantile of so many: that of 0, 1, 2 and so on."""
    place: float = np.quantile(np.arange(length, dtype=float), q, method=method)  # type: ignore[call-overload]  # one of its methods
    return float(place)


def _only_linear(method: str, what: str) -> None:
    if method != "linear":
        raise GraphError(f"quantiles by the method {method!r} {what}", expected="'linear'")


def _nanquantile(ordered: Any, q: float, method: str) -> Any:
    """The same of those that are not NaN, which come first in the order."""
    _only_linear(method, "without NaN")
    count = np.sum(np.logical_not(np.isnan(ordered)), axis=-1, keepdims=True)
    found = _between(ordered, np.maximum(count - 1, 0) * q, np.take_along_axis)
    return np.squeeze(found, axis=-1)


quantile = _quantiles(_quantile)
nanquantile = _quantiles(_nanquantile)


def _percentile(quantiles: Callable[..., Any]) -> Callable[..., Any]:
    def function(
        a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
    ) -> Any:
        share = (q if isinstance(q, (int, float)) or hasattr(q, "graph") else np.asarray(q)) / 100.0
        return quantiles(a, share, axis, method=method, keepdims=keepdims)

    return function


def _median(quantiles: Callable[..., Any]) -> Callable[..., Any]:
    def function(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        return quantiles(a, 0.5, axis, keepdims=keepdims)

    return function


# -- interpolation ---------------------------------------------------------------------------------


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """np.interp: between points that are joined by lines, constant outside."""
    graph = next(v.graph for v in (x, xp, fp) if hasattr(v, "graph"))
    xs, ys = (v if hasattr(v, "graph") else np.asarray(v, float) for v in (xp, fp))
    if np.shape(xs) != np.shape(ys) or np.ndim(xs) != 1:
        raise ShapeError("the points of np.interp are not two vectors of one length")
    if period is not None:
        x, xs, left, right = np.mod(x, period), np.mod(xs, period), None, None
        order = np.argsort(xs)
        xs, ys = np.take(xs, order), np.take(ys, order)
        xs = np.concatenate([xs[-1:] - period, xs, xs[:1] + period])
        ys = np.concatenate([ys[-1:], ys, ys[:1]])
    xs, ys = (v if hasattr(v, "graph") else graph.constant(v) for v in (xs, ys))
    count = xs.shape[0]
    if count == 1:
        found = np.broadcast_to(ys[0], np.shape(x))
    else:
        i = np.clip(np.searchsorted(xs, x, side="right") - 1, 0, count - 2)
        x0, y0 = np.take(xs, i), np.take(ys, i)
        inside = np.clip(x, xs[0], xs[count - 1])
        slope = (np.take(ys, i + 1) - y0) / (np.take(xs, i + 1) - x0)
        found = y0 + (inside - x0) * slope
    if left is not None:
        found = np.where(np.less(x, xs[0]), left, found)
    if right is not None:
        found = np.where(np.greater(x, xs[count - 1]), right, found)
    return found


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.sort: _ordered("sort"),
        np.argsort: _ordered("argsort"),
        np.argmax: _extreme("argmax"),
        np.argmin: _extreme("argmin"),
        np.partition: partition,
        np.argpartition: argpartition,
        np.searchsorted: searchsorted,
        np.digitize: digitize,
        np.quantile: quantile,
        np.nanquantile: nanquantile,
        np.percentile: _percentile(quantile),
        np.nanpercentile: _percentile(nanquantile),
        np.median: _median(quantile),
        np.nanmedian: _median(nanquantile),
        np.interp: interp,
    }
)
