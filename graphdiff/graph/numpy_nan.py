"""NumPy's reductions of what is not NaN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.graph.numpy_reduction import mean, std, var


def _place_without_nan(op: str, value: float) -> Callable[..., Any]:
    """np.nanargmax and np.nanargmin."""

    def function(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
        return a.graph.apply(op, (_without(a, value),), {"axis": axis, "keepdims": keepdims})

    return function


def _without(a: Any, value: float) -> Any:
    return np.where(np.isnan(a), value, a) if a.spec.is_inexact else a


def _nanreduction(function: Callable[..., Any], neutral: float) -> Callable[..., Any]:
    """A reduction in which NaN counts as the value that changes nothing."""

    def reduce(a: Any, axis: Any = None, **given: Any) -> Any:
        return function(_without(a, neutral), axis=axis, **given)

    return reduce


def _nanextreme(function: Callable[..., Any], least: float) -> Callable[..., Any]:
    """np.nanmax and np.nanmin: of nothing but NaN it is NaN."""

    def reduce(
        a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Any:
        if not a.spec.is_inexact:
            return function(a, axis=axis, keepdims=keepdims, initial=initial, where=where)
        start = least if initial is None and where is not True else initial
        found = function(_without(a, least), axis=axis, keepdims=keepdims, initial=start,
                         where=where)  # fmt: skip
        if initial is not None:
            return found
        nothing = np.all(np.isnan(a), axis=axis, keepdims=keepdims, where=where)
        return np.where(nothing, np.nan, found)

    return reduce


def nancumsum(a: Any, axis: Any = None) -> Any:
    """np.nancumsum."""
    return np.cumsum(_without(a, 0.0), axis=axis)


def nancumprod(a: Any, axis: Any = None) -> Any:
    """np.nancumprod."""
    return np.cumprod(_without(a, 1.0), axis=axis)


def _nanmoment(function: Callable[..., Any]) -> Callable[..., Any]:
    """np.nanmean, np.nanvar and np.nanstd, of what is not NaN."""

    def moment(a: Any, axis: Any = None, *, where: Any = True, **given: Any) -> Any:
        known = np.logical_not(np.isnan(a))
        return function(a, axis, where=known if where is True else known & where, **given)

    return moment


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.nanargmax: _place_without_nan("argmax", -np.inf),
        np.nanargmin: _place_without_nan("argmin", np.inf),
        np.nansum: _nanreduction(np.sum, 0.0),
        np.nanprod: _nanreduction(np.prod, 1.0),
        np.nancumsum: nancumsum,
        np.nancumprod: nancumprod,
        np.nanmax: _nanextreme(np.max, -np.inf),
        np.nanmin: _nanextreme(np.min, np.inf),
        np.nanmean: _nanmoment(mean),
        np.nanvar: _nanmoment(var),
        np.nanstd: _nanmoment(std),
    }
)
