"""NumPy's reductions and cumulative functions that are made of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import ShapeError
from graphdiff.graph import numpy_api
from graphdiff.graph.numpy_complex import is_complex
from graphdiff.graph.numpy_elementwise import is_tensor
from graphdiff.ops.dimension import Dimension, product
from graphdiff.ops.spec import normal_axes, normal_axis


def _count(a: Any, axis: Any) -> Dimension:
    return product(a.shape[i] for i in normal_axes(axis, a.ndim))


def _apply(op: str, a: Any, **params: Any) -> Any:
    return a.graph.apply(op, (a,), params)


def _reduction(op: str, neutral: Any, combine: Callable[..., Any] = np.add) -> Callable[..., Any]:
    """A reduction; where ``where`` is false it takes the neutral value instead."""

    def reduce(
        a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Any:
        if where is not True:
            a = np.where(where, a, neutral)
        found = _apply(op, a, axis=axis, keepdims=keepdims)
        return found if initial is None else combine(found, initial)

    reduce.__name__ = op
    return reduce


def _truth(op: str) -> Callable[..., Any]:
    """np.any and np.all."""
    reduce = _reduction(op, op == "all")

    def function(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
        return reduce(a, axis, keepdims=keepdims, where=where)

    return function


def mean(a: Any, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """np.mean."""
    if where is True:
        return _apply("mean", a, axis=axis, keepdims=keepdims)
    total = np.sum(np.where(where, a, 0), axis=axis, keepdims=keepdims)
    count = _counted(a, axis, keepdims, where)
    return total / (count.astype(total.dtype) if a.spec.is_inexact else count)


def var(
    a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True,
    mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """np.var: the mean square of the distance from the mean."""
    ddof = ddof if correction is None else correction
    distance = _distance(a, axis, mean, where)
    distance = np.square(np.abs(distance) if is_complex(distance) else distance)
    if ddof == 0 and where is True:
        return np.mean(distance, axis=axis, keepdims=keepdims)
    count = _freedom(a, axis, ddof, keepdims, where)
    count = count if where is True else count.astype(distance.dtype)
    return np.sum(distance, axis=axis, keepdims=keepdims) / count


def std(
    a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True,
    mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """np.std: the length of the distances from the mean, so that it is 0 for equal values."""
    ddof = ddof if correction is None else correction
    length = _apply("norm", _distance(a, axis, mean, where), axis=axis, keepdims=keepdims)
    count = _freedom(a, axis, ddof, keepdims, where)
    if isinstance(count, (int, float)):
        return length / float(np.sqrt(count))
    if not is_tensor(count) and not isinstance(count, np.ndarray):  # a named dimension
        count = a.graph.apply("size", (), {"dimension": count, "dtype": length.dtype.name})
    return length / np.sqrt(count).astype(length.dtype)


def _distance(a: Any, axis: Any, centre: Any, where: Any) -> Any:
    """From the mean, which may be given; 0 where the values do not count."""
    if centre is None:
        centre = mean(a, axis, keepdims=True, where=where)
    return a - centre if where is True else np.where(where, a - centre, 0)


def _freedom(a: Any, axis: Any, ddof: float, keepdims: bool, where: Any) -> Any:
    """How many values count, less so many, but not below 0."""
    count: Any = _count(a, axis) if where is True else _counted(a, axis, keepdims, where)
    if isinstance(count, int):
        return max(count - ddof, 0)
    return count - ddof if where is True else np.maximum(count - ddof, 0)


def _counted(a: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    where = where if is_tensor(where) else np.asarray(where, bool)
    return np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)


def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.ptp."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """np.average; with ``returned`` the sums of the weights as well."""
    if weights is None:
        found = np.mean(a, axis=axis, keepdims=keepdims)
        if not returned:
            return found
        return found, np.full_like(found, 1.0) * _count(a, axis)
    weights = weights if is_tensor(weights) else np.asarray(weights)
    a = a if is_tensor(a) else np.asarray(a)
    if weights.shape != a.shape:
        weights = _weights_along(a, axis, weights)
    total = np.sum(np.broadcast_to(weights, a.shape), axis=axis, keepdims=keepdims)
    found = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (found, total + np.zeros_like(found)) if returned else found


def _weights_along(a: Any, axis: Any, weights: Any) -> Any:
    """Weights for some axes, in the order in which these are named, beside the others."""
    axes = axis if isinstance(axis, tuple) else () if axis is None else (axis,)
    places = [normal_axis(i, a.ndim) for i in axes]
    if weights.shape != tuple(a.shape[i] for i in places):
        raise ShapeError("the weights do not fit", hint="give them the shape of the values")
    weights = np.transpose(weights, np.argsort(places).tolist())
    return np.expand_dims(weights, [i for i in range(a.ndim) if i not in places])


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


def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """np.count_nonzero."""
    return np.sum(a != 0, axis=axis, keepdims=keepdims)


def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """np.cov: the covariance of the rows, in float64 where no dtype is named."""
    rows = _rows(m, rowvar)
    if y is not None:
        rows = np.concatenate([rows, _rows(y, rowvar)])
    rows = rows.astype(np.result_type(rows.dtype, np.float64) if dtype is None else dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = _observed(rows.shape[1], fweights, aweights)
    if weights is None:
        distance = rows - np.mean(rows, axis=1, keepdims=True)
        return np.squeeze(distance @ np.conj(distance).T / (rows.shape[1] - ddof))
    total = np.sum(weights)
    less = ddof if aweights is None else ddof * np.sum(weights * aweights) / total
    distance = rows - np.sum(rows * weights, axis=1, keepdims=True) / total
    return np.squeeze((distance * weights) @ np.conj(distance).T / (total - less))


def _rows(m: Any, rowvar: bool) -> Any:
    rows = np.atleast_2d(m)
    return rows if rowvar or np.ndim(m) < 2 else rows.T


def _observed(count: Any, fweights: Any, aweights: Any) -> Any:
    """The weights of observations: how often each was made, times how much each counts."""
    if fweights is None and aweights is None:
        return None
    given = {"fweights": fweights, "aweights": aweights}
    known = {key: w for key, w in given.items() if w is not None and not is_tensor(w)}
    np.cov(np.arange(count), **known)  # NumPy says what is wrong with them
    weights = [w if is_tensor(w) else np.asarray(w) for w in given.values() if w is not None]
    return weights[0] * weights[1] if len(weights) == 2 else weights[0]


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """np.corrcoef."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    scale = np.sqrt(np.real(np.diagonal(c)))
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
        np.sum: _reduction("sum", 0),
        np.mean: mean,
        np.prod: _reduction("prod", 1, np.multiply),
        np.any: _truth("any"),
        np.all: _truth("all"),
        np.var: var,
        np.std: std,
        np.ptp: ptp,
        np.average: average,
        np.cumsum: cumulative("cumsum"),
        np.cumprod: cumulative("cumprod"),
        np.count_nonzero: count_nonzero,
        np.cov: cov,
        np.corrcoef: corrcoef,
        **NEWER,
    }
)
