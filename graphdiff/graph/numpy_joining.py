"""NumPy's functions that leave parts out, put parts in, and join nested lists of parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError
from graphdiff.graph import numpy_api
from graphdiff.graph.numpy_elementwise import is_tensor
from graphdiff.ops.spec import broadcast, normal_axis


def block(arrays: Any) -> Any:
    """np.block: the innermost lists are joined along the last axis, those around them before it."""
    depth, levels = 0, arrays
    while isinstance(levels, list) and levels:
        depth, levels = depth + 1, levels[0]
    ndim = max(depth, *(np.ndim(leaf) for leaf in _leaves(arrays)))

    def joined(part: Any, level: int) -> Any:
        if isinstance(part, list):
            return np.concatenate([joined(p, level + 1) for p in part], axis=level - depth)
        return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))

    return joined(arrays, 0)


def _leaves(arrays: Any) -> Iterator[Any]:
    for part in arrays if isinstance(arrays, list) else ():
        yield from _leaves(part)
    if not isinstance(arrays, list):
        yield arrays


def _length(function: str, arr: Any, axis: int) -> int:
    """The length of an axis, which must be a number."""
    length = np.shape(arr)[axis]
    if not isinstance(length, int):
        raise GraphError(
            f"{function} along a named dimension", got=repr(length),
            hint="the length of that axis must be a number",
        )  # fmt: skip
    return length


def _without(function: str, choose: Callable[[int], Any], arr: Any, axis: Any) -> Any:
    """The entries along an axis that are chosen from their number."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normal_axis(axis, arr.ndim)
    return np.take(arr, choose(_length(function, arr, axis)), axis=axis)


def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """np.delete."""
    return _without("np.delete", lambda n: np.delete(np.arange(n), obj), arr, axis)


def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    """np.compress; which entries are taken cannot depend on a tensor."""
    if is_tensor(condition):
        raise GraphError("np.compress by a tensor", hint="use np.where(condition, a, 0)")
    return _without("np.compress", lambda n: np.flatnonzero(condition), a, axis)


def extract(condition: Any, arr: Any) -> Any:
    """np.extract."""
    return compress(condition if is_tensor(condition) else np.ravel(condition), arr)


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """np.insert; where the values go cannot depend on a tensor."""
    if is_tensor(obj):
        raise GraphError("np.insert before places that are not known", hint="use np.where")
    if axis is None:
        arr, axis = np.ravel(arr), 0
    ndim = np.ndim(arr)
    axis = normal_axis(axis, ndim)
    length = _length("np.insert", arr, axis)
    dtype = arr.dtype if is_tensor(arr) else np.asarray(arr).dtype
    values = (values if is_tensor(values) else np.asarray(values)).astype(dtype)
    values = np.reshape(values, (1,) * (ndim - np.ndim(values)) + np.shape(values))
    if not isinstance(obj, slice) and np.ndim(obj) == 0:
        values = np.moveaxis(values, 0, axis)
        count = _length("np.insert", values, axis)
    else:
        count = len(np.arange(length)[obj]) if isinstance(obj, slice) else np.size(obj)
    shape = (*np.shape(arr)[:axis], count, *np.shape(arr)[axis + 1 :])
    order = np.insert(np.arange(length), obj, np.arange(length, length + count))
    return np.take(np.concatenate([arr, np.broadcast_to(values, shape)], axis), order, axis=axis)


def resize(a: Any, new_shape: Any) -> Any:
    """np.resize: the elements again and again until the shape is full."""
    shape = new_shape if isinstance(new_shape, (tuple, list)) else (new_shape,)
    return np.reshape(np.take(np.ravel(a), np.arange(np.prod(shape)) % a.size), shape)


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """np.rollaxis."""
    axis = normal_axis(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    return numpy_api.moveaxis(a, axis, start - (axis < start))


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """np.unstack."""
    return tuple(np.moveaxis(x, axis, 0))


def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """np.broadcast_arrays."""
    shape = broadcast(*(np.shape(arg) for arg in args))
    graph = next(arg.graph for arg in args if is_tensor(arg))
    tensors = (arg if is_tensor(arg) else graph.constant(arg) for arg in args)
    return tuple(numpy_api.broadcast_to(tensor, shape) for tensor in tensors)


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.block: block,
        np.broadcast_arrays: broadcast_arrays,
        np.delete: delete,
        np.compress: compress,
        np.extract: extract,
        np.insert: insert,
        np.resize: resize,
        np.rollaxis: rollaxis,
        **({np.unstack: unstack} if hasattr(np, "unstack") else {}),  # of NumPy 2.1
    }
)
