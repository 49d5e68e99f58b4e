"""NumPy's functions that apply a function of the user's along axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError
from graphdiff.ops.spec import normal_axis


def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """np.apply_along_axis: once for each vector along the axis, as in NumPy.

    The vectors become so many copies of the function's nodes; `graphdiff.vmap` needs one.
    """
    axis = normal_axis(axis, arr.ndim)
    moved = np.moveaxis(arr, axis, -1)
    front = moved.shape[:-1]
    if not all(isinstance(length, int) for length in front):
        raise GraphError(
            "np.apply_along_axis beside a named dimension", got=repr(arr),
            hint="use gd.vmap, which has one program for any number of vectors",
        )  # fmt: skip
    results = [func1d(moved[place], *args, **kwargs) for place in np.ndindex(*front)]
    if not results:
        raise GraphError("np.apply_along_axis of an array without elements", got=repr(arr))
    stacked = np.stack(results)
    back = stacked.shape[1:]
    places = list(range(axis, axis + len(back)))
    return np.moveaxis(
        np.reshape(stacked, (*front, *back)),
        list(range(len(front), len(front) + len(back))),
        places,
    )


def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """np.apply_over_axes: one axis after the other, which stays with the length 1."""
    for axis in np.atleast_1d(axes).tolist():
        ndim = np.ndim(a)
        found = func(a, axis)
        a = np.expand_dims(found, normal_axis(axis, ndim)) if np.ndim(found) < ndim else found
    return a


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {np.apply_along_axis: apply_along_axis, np.apply_over_axes: apply_over_axes}
)
