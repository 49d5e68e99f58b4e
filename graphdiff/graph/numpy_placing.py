"""NumPy's functions that assign to places of an array, that add up by places, or list them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError
from graphdiff.graph import memory
from graphdiff.graph.numpy_api import apply, broadcast_to, reshape
from graphdiff.graph.numpy_indexing import entries_of, is_array, places_of
from graphdiff.ops.spec import broadcast, normal_axis, shape_text


def at(ufunc: np.ufunc, a: Any, indices: Any, *b: Any) -> None:
    """ufunc.at: to a place that comes more than once it is applied as often."""
    name = f"np.{ufunc.__name__}.at"
    _refuse_array(name, a)
    if ufunc in (np.add, np.subtract):
        _add_at(name, a, indices, b[0] if ufunc is np.add else np.negative(b[0]))
        return
    numbers = _numbers(name, a, indices)
    flat = numbers.ravel()
    order = np.argsort(flat, kind="stable")
    first = np.searchsorted(flat[order], flat[order])
    turns = np.empty_like(flat)
    turns[order] = np.arange(flat.size) - first  # how often the place came before
    for turn in range(int(np.max(turns, initial=-1)) + 1):
        (chosen,) = np.nonzero(turns == turn)
        places = np.unravel_index(flat[chosen], a.shape)
        values = (v if np.ndim(v) == 0 else _spread(v, numbers.shape)[chosen] for v in b)
        a[places] = ufunc(a[places], *values)


def _spread(value: Any, shape: Any) -> Any:
    return np.ravel(np.broadcast_to(value, shape))


def _numbers(name: str, a: Any, indices: Any) -> np.ndarray[Any, Any]:
    """The numbers in the flattened array of the places that an index names."""
    listed = indices if isinstance(indices, tuple) else (indices,)
    if any(hasattr(i, "graph") for i in listed) or not all(isinstance(n, int) for n in a.shape):
        raise GraphError(f"{name} at places that are not known", hint="np.where, or np.add.at")
    return np.asarray(np.arange(a.size).reshape(a.shape)[indices])


def _add_at(name: str, a: Any, indices: Any, b: Any) -> None:
    """np.add.at: what comes to a place more than once is added up."""
    value = b if hasattr(b, "graph") else a.graph.constant(b)
    entries = entries_of(a, indices)
    if not any(map(is_array, entries)):
        zero = np.zeros_like(a)
        zero[indices] = value
        memory.write(a, a + zero)
        return
    places = places_of(a, entries)
    if places.slices or places.axes != tuple(range(len(places.axes))):
        numbers = _numbers(name, a, indices)
        spread = _spread(value, numbers.shape)
        added = reshape(apply("scatter_add", spread, numbers.ravel(), shape=(a.size,)), a.shape)
    else:
        front = broadcast(*(np.shape(array) for array in places.arrays))
        spread = broadcast_to(value, (*front, *a.shape[len(places.axes) :]))
        added = apply("scatter_add", spread, *places.arrays, shape=a.shape)
    memory.write(a, memory.fitted(a + added, a, name))


def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """np.put_along_axis."""
    if axis is None:
        raise GraphError("np.put_along_axis without an axis", hint="ravel the array, and axis=0")
    where = list(np.indices(np.shape(indices), sparse=True))
    where[normal_axis(axis, arr.ndim)] = indices
    arr[tuple(where)] = values


def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """np.put: assign to elements by their number in the flattened array."""
    if hasattr(ind, "graph") or mode != "raise":
        raise GraphError("np.put at numbers that are not known, or with mode=", hint="a[i] = v")
    numbers = np.asarray(ind)
    count = int(np.prod(np.shape(v)))
    values = v if np.ndim(v) == 0 else np.take(v, np.arange(numbers.size) % max(count, 1))
    places = np.unravel_index(numbers.ravel() % a.size, a.shape)
    a[places] = values


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """np.copyto."""
    _refuse_array("np.copyto", dst)
    dst[...] = src if where is True else np.where(where, src, dst)


def putmask(a: Any, mask: Any, values: Any) -> None:
    """np.putmask: the values are repeated over the array, and stand where the mask is true."""
    _refuse_array("np.putmask", a)
    a[...] = np.where(mask, values if np.size(values) == 1 else np.resize(values, a.shape), a)


def place(arr: Any, mask: Any, vals: Any) -> None:
    """np.place: the values one after the other, where the mask is true."""
    _refuse_array("np.place", arr)
    if np.size(vals) == 1:
        arr[...] = np.where(mask, vals, arr)
        return
    if hasattr(mask, "graph"):
        raise GraphError(
            "np.place of several values by a mask that is not known", hint="np.putmask"
        )
    places = np.nonzero(mask)
    arr[places] = np.take(vals, np.arange(len(places[0])) % np.size(vals))


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """np.bincount of known numbers, by weights that may be tensors."""
    if hasattr(x, "graph"):
        raise GraphError(
            "np.bincount of numbers that are not known: nor is then the length of the result",
            hint="np.add.at(np.zeros(length), x, weights)",
        )
    length = max(minlength, int(np.max(x, initial=-1)) + 1)
    return apply("scatter_add", weights, np.asarray(x), shape=(length,))


def _refuse_array(function: str, a: Any) -> None:
    if not hasattr(a, "graph"):
        raise GraphError(
            f"{function} of a tensor into a NumPy array", hint="begin with np.zeros_like(x)"
        )


def _indices_from(function: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """A function of the shape of an array alone."""
    name = f"np.{function.__name__}"

    def indices(arr: Any, *offset: int, **named: int) -> tuple[Any, ...]:
        if not all(isinstance(length, int) for length in arr.shape):
            raise GraphError(f"{name} of named dimensions", got=shape_text(arr.shape))
        return function(np.empty(arr.shape, bool), *offset, **named)

    return indices


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """np.fill_diagonal of a matrix."""
    if a.ndim != 2 or wrap:
        raise GraphError("np.fill_diagonal of more than a matrix, or wrapped")
    i = np.arange(min(a.shape))
    a[i, i] = val


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.put_along_axis: put_along_axis,
        np.put: put,
        np.copyto: copyto,
        np.putmask: putmask,
        np.place: place,
        np.fill_diagonal: fill_diagonal,
        np.bincount: bincount,
        np.diag_indices_from: _indices_from(np.diag_indices_from),
        np.tril_indices_from: _indices_from(np.tril_indices_from),
        np.triu_indices_from: _indices_from(np.triu_indices_from),
    }
)
