"""NumPy's reductions and cumulative functions that are made of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.graph import numpy_api
from graphdiff.graph.numpy_complex import is_complex
from graphdiff.graph.numpy_elementwise import is_tensor
from graphdiff.ops.dimension import Dimension, product
from graphdiff.ops.spec import normal_axes, normal_axis


def _count(a: Any, axis: Any) -> Dimension:
    return product(a.shape[i] for i in normal_axes(axis, a.ndim))


def _apply(op: str, a: Any, **params: Any) -> Any:
    return a.graph.apply(op, (a,), params)


def _reduction(
    op: str, neutral: Any, combine: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """A reduction; where ``where`` is false it takes the neutral value instead."""

    def reduce(
        a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Any:
        if where is not True:
            a = np.where(where, a, neutral)
        found = _apply(op, a, axis=axis, keepdims=keepdims)
        if initial is None:
            return found
        if combine is None:
            raise GraphError(f"np.{op} with initial=", hint="leave it out")
        return combine(found, initial)

    reduce.__name__ = op
    return reduce


def mean(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """np.mean."""
    if where is True:
        return _apply("mean", a, axis=axis, keepdims=keepdims)
    if not is_tensor(where):
        where = np.asarray(where, bool)
    count = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)
    return np.sum(np.where(where, a, 0), axis=axis, keepdims=keepdims) / count


def var(
    a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False, correction: Any = None
) -> Any:
    """np.var: the mean square of the distance from the mean."""
    ddof = ddof if correction is None else correction
    distance = a - np.mean(a, axis=axis, keepdims=True)
    distance = np.square(np.abs(distance) if is_complex(distance) else distance)
    if ddof == 0:
        return np.mean(distance, axis=axis, keepdims=keepdims)
    return np.sum(distance, axis=axis, keepdims=keepdims) / (_count(a, axis) - ddof)


def std(
    a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False, correction: Any = None
) -> Any:
    """np.std: the length of the distances from the mean, so that it is 0 for equal values."""
    ddof = ddof if correction is None else correction
    distance = a - np.mean(a, axis=axis, keepdims=True)
    count = _count(a, axis) - ddof
    length = _apply("norm", distance, axis=axis, keepdims=keepdims)
    if isinstance(count, int):
        return length / float(np.sqrt(count))
    size = a.graph.apply("size", (), {"dimension": count, "dtype": length.dtype.name})
    return length / np.sqrt(size)


def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.ptp."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """np.average."""
    if returned:
        raise GraphError("np.average with returned=", hint="np.sum(weights) is the second result")
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    if np.shape(weights) != np.shape(a):
        if not isinstance(axis, (int, np.integer)) or np.ndim(weights) != 1:
            raise ShapeError("the weights do not fit", hint="give them the shape of the values")
        after = np.ndim(a) - 1 - normal_axis(int(axis), np.ndim(a))
        weights = np.expand_dims(weights, tuple(range(1, after + 1)))
    total = np.broadcast_to(weights, np.shape(a))
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / np.sum(
        total, axis=axis, keepdims=keepdims
    )


def cumulative(op: str) -> Callable[..., Any]:
    """A function along an axis, None for all elements in a row."""

    def accumulate(a: Any, axis: Any = None) -> Any:
        if axis is None:
            a, axis = numpy_api.ravel(a), 0
        return _apply(op, a, axis=axis)

    accumulate.__name__ = op
    return accumulate


def _cumulative_along(op: str, first: int) -> Callable[..., Any]:
    """np.cumulative_sum and np.cumulative_prod."""

    def function(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
        if axis is None and x.ndim != 1:
            raise ShapeError("the axis is not given", expected="an axis, since there are several")
        axis = normal_axis(axis or 0, x.ndim)
        found = _apply(op, x, axis=axis)
        if not include_initial:
            return found
        before = np.full_like(found[(*(slice(None),) * axis, slice(0, 1))], first)
        return np.concatenate([before, found], axis=axis)

    return function


def _place_without_nan(op: str, value: float) -> Callable[..., Any]:
    """np.nanargmax and np.nanargmin."""

    def function(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
        return _apply(op, _without(a, value), axis=axis, keepdims=keepdims)

    return function


def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.count_nonzero."""
    return np.sum(a != 0, axis=axis, keepdims=keepdims)


# -- what is not NaN -------------------------------------------------------------------------------


def _without(a: Any, value: float) -> Any:
    return np.where(np.isnan(a), value, a) if a.spec.is_inexact else a


def nansum(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nansum."""
    return np.sum(_without(a, 0.0), axis=axis, keepdims=keepdims)


def nancumsum(a: Any, axis: Any = None) -> Any:
    """np.nancumsum."""
    return np.cumsum(_without(a, 0.0), axis=axis)


def nancumprod(a: Any, axis: Any = None) -> Any:
    """np.nancumprod."""
    return np.cumprod(_without(a, 1.0), axis=axis)


def nanprod(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nanprod."""
    return np.prod(_without(a, 1.0), axis=axis, keepdims=keepdims)


def nanmax(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nanmax."""
    return np.max(_without(a, -np.inf), axis=axis, keepdims=keepdims)


def nanmin(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nanmin."""
    return np.min(_without(a, np.inf), axis=axis, keepdims=keepdims)


def nanmean(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.nanmean."""
    return mean(a, axis, keepdims=keepdims, where=np.logical_not(np.isnan(a)))


def nanvar(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """np.nanvar."""
    known = np.logical_not(np.isnan(a))
    distance = a - mean(a, axis, keepdims=True, where=known)
    total = np.sum(np.where(known, np.square(distance), 0), axis=axis, keepdims=keepdims)
    return total / (np.sum(known, axis=axis, keepdims=keepdims) - ddof)


def nanstd(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """np.nanstd."""
    known = np.logical_not(np.isnan(a))
    distance = np.where(known, a - mean(a, axis, keepdims=True, where=known), 0)
    count = np.sum(known, axis=axis, keepdims=keepdims) - ddof
    return _apply("norm", distance, axis=axis, keepdims=keepdims) / np.sqrt(count)


# -- differences and moments -----------------------------------------------------------------------


def ediff1d(ary: Any, to_end: Any = (), to_begin: Any = ()) -> Any:
    """np.ediff1d."""
    parts = [np.ravel(np.asarray(p) if np.iterable(p) else [p]) for p in (to_begin, to_end)]
    return np.concatenate([parts[0], diff(np.ravel(ary)), parts[1]])


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """np.diff."""
    axis = normal_axis(axis, a.ndim)
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
    return p + _apply("stop_gradient", turns)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """np.trapezoid: the integral by trapezoids."""
    last = np.moveaxis(y, axis, -1)
    if x is not None:
        dx = np.diff(x) if np.ndim(x) == 1 else np.moveaxis(np.diff(x, axis=axis), axis, -1)
    return np.sum(dx * (last[..., 1:] + last[..., :-1]), axis=-1) / 2.0


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None) -> Any:
    """np.cov: the covariance of the rows."""
    rows = np.atleast_2d(m)
    rows = rows if rowvar or np.ndim(m) < 2 else rows.T
    if y is not None:
        more = np.atleast_2d(y)
        rows = np.concatenate([rows, more if rowvar or np.ndim(y) < 2 else more.T])
    ddof = (0 if bias else 1) if ddof is None else ddof
    distance = rows - np.mean(rows, axis=1, keepdims=True)
    return np.squeeze(distance @ np.conj(distance).T / (rows.shape[1] - ddof))


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """np.corrcoef."""
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    scale = np.sqrt(np.diagonal(c))
    return c / scale[:, None] / scale[None, :]


NEWER: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {  # of NumPy 2.1
        getattr(np, name): _cumulative_along(op, first)
        for name, op, first in (("cumulative_sum", "cumsum", 0), ("cumulative_prod", "cumprod", 1))
        if hasattr(np, name)
    }
)

FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.sum: _reduction("sum", 0, np.add),
        np.mean: mean,
        np.prod: _reduction("prod", 1, np.multiply),
        np.any: _reduction("any", False),
        np.all: _reduction("all", True),
        np.var: var,
        np.std: std,
        np.ptp: ptp,
        np.average: average,
        np.cumsum: cumulative("cumsum"),
        np.cumprod: cumulative("cumprod"),
        np.count_nonzero: count_nonzero,
        np.nanargmax: _place_without_nan("argmax", -np.inf),
        np.nanargmin: _place_without_nan("argmin", np.inf),
        np.nansum: nansum,
        np.nanprod: nanprod,
        np.nancumsum: nancumsum,
        np.nancumprod: nancumprod,
        np.nanmax: nanmax,
        np.nanmin: nanmin,
        np.nanmean: nanmean,
        np.nanvar: nanvar,
        np.nanstd: nanstd,
        np.diff: diff,
        np.ediff1d: ediff1d,
        np.gradient: gradient,
        np.unwrap: unwrap,
        np.trapezoid: trapezoid,
        np.cov: cov,
        np.corrcoef: corrcoef,
        **NEWER,
    }
)
