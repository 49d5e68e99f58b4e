"""NumPy's functions on tensors, with NumPy's own signatures.

A function is called only where a tensor is among the arguments. A ufunc needs no entry here if an
op has its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.errors import DTypeError, GraphError, ShapeError
from graphdiff.graph import memory
from graphdiff.ops.indexing import Index, basic_index
from graphdiff.ops.shaping import permutation
from graphdiff.ops.spec import dtype_of, normal_axis

if TYPE_CHECKING:
    from graphdiff.graph.tensor import Tensor


def _tensors(*values: Any) -> list[Tensor]:
    """The values as tensors of one graph: anything else than a tensor becomes a constant."""
    graph = next(value.graph for value in values if hasattr(value, "graph"))
    return [value if hasattr(value, "graph") else graph.constant(value) for value in values]


def _tensors_of(tensor: Tensor, *values: Any) -> list[Tensor]:
    """The values as tensors of another's graph."""
    constant = tensor.graph.constant
    return [value if hasattr(value, "graph") else constant(value) for value in values]


def _apply(op: str, tensor: Tensor, *others: Any, **params: Any) -> Tensor:
    result = tensor.graph.apply(op, (tensor, *others), params)
    if op in memory.VIEWS and result.ndim:
        memory.as_view(result, tensor)
    return result


# -- reductions ------------------------------------------------------------------------------------


def _reduction(op: str) -> Callable[..., Tensor]:
    def reduce(a: Any, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        return _apply(op, a, axis=axis, keepdims=keepdims)

    reduce.__name__ = op
    return reduce


# -- shapes ----------------------------------------------------------------------------------------


def transpose(a: Any, axes: Sequence[int] | None = None) -> Tensor:
    """np.transpose."""
    if permutation(axes, a.ndim) != tuple(range(a.ndim)):
        a = _apply("transpose", a, axes=axes)
    tensor: Tensor = a
    return tensor


def swapaxes(a: Any, axis1: int, axis2: int) -> Tensor:
    """np.swapaxes."""
    order = list(range(a.ndim))
    i, j = normal_axis(axis1, a.ndim), normal_axis(axis2, a.ndim)
    order[i], order[j] = order[j], order[i]
    return transpose(a, order)


def matrix_transpose(x: Any) -> Tensor:
    """np.matrix_transpose."""
    return swapaxes(x, -1, -2)


def moveaxis(a: Any, source: Any, destination: Any) -> Tensor:
    """np.moveaxis."""
    froms, tos = (
        [
            normal_axis(axis, a.ndim)
            for axis in (axes if isinstance(axes, (tuple, list)) else [axes])
        ]
        for axes in (source, destination)
    )
    if len(froms) != len(tos) or len(set(froms)) < len(froms) or len(set(tos)) < len(tos):
        raise ShapeError("source and destination do not fit", got=f"{source} and {destination}")
    order = [axis for axis in range(a.ndim) if axis not in froms]
    for to, axis in sorted(zip(tos, froms, strict=True)):
        order.insert(to, axis)
    return transpose(a, order)


def reshape(a: Any, shape: Any) -> Tensor:
    """np.reshape."""
    return _apply("reshape", a, shape=shape)


def ravel(a: Any) -> Tensor:
    """np.ravel."""
    return reshape(a, -1)


def broadcast_to(array: Any, shape: Any) -> Tensor:
    """np.broadcast_to."""
    return _apply("broadcast_to", array, shape=shape)


def expand_dims(a: Any, axis: Any) -> Tensor:
    """np.expand_dims."""
    return _apply("expand_dims", a, axis=axis)


def squeeze(a: Any, axis: Any = None) -> Tensor:
    """np.squeeze."""
    return _apply("squeeze", a, axis=axis)


def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Tensor:
    """np.concatenate."""
    parts = _tensors(*arrays)
    if axis is None:
        parts, axis = list(map(ravel, parts)), 0
    return _apply("concatenate", *parts, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Tensor:
    """np.stack."""
    return concatenate([expand_dims(part, axis) for part in _tensors(*arrays)], axis)


def astype(x: Any, dtype: Any) -> Tensor:
    """np.astype."""
    tensor: Tensor = x.copy() if x.dtype == dtype_of(dtype) else _apply("astype", x, dtype=dtype)
    return tensor


def full_like(a: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """np.full_like."""
    value = np.asarray(fill_value).astype(dtype_of(a.dtype if dtype is None else dtype))
    constant: Tensor = a.graph.constant(value)
    if a.ndim:  # not a view, since it can be assigned to
        constant = a.graph.apply("broadcast_to", (constant,), {"shape": a.shape})
    return constant


def zeros_like(a: Any, dtype: Any = None) -> Tensor:
    """np.zeros_like."""
    return full_like(a, 0, dtype)


def ones_like(a: Any, dtype: Any = None) -> Tensor:
    """np.ones_like."""
    return full_like(a, 1, dtype)


# -- choices ---------------------------------------------------------------------------------------


def where(condition: Any, x: Any, y: Any) -> Tensor:
    """np.where with three arguments."""
    if hasattr(condition, "graph"):
        mask = condition if condition.dtype.kind == "b" else condition != 0
    else:
        mask = np.asarray(condition).astype(bool)
    graph = next(value.graph for value in (condition, x, y) if hasattr(value, "graph"))
    tensor: Tensor = graph.apply("where", (mask, x, y))
    return tensor


def clip(
    a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> Tensor:
    """np.clip: what lies beyond a bound becomes the bound, so that the slope is 1 at it."""
    result = a
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is not None:
        result = np.where(np.less(result, low), low, result)
    if high is not None:
        result = np.where(np.greater(result, high), high, result)
    tensor: Tensor = result
    return tensor


# -- products --------------------------------------------------------------------------------------


def outer(a: Any, b: Any) -> Tensor:
    """np.outer."""
    vectors = [v if v.ndim == 1 else reshape(v, -1) for v in _tensors(a, b)]
    return _apply("outer", *vectors)


# -- ufuncs that are no ops ----------------------------------------------------------------------


def positive(x: Any) -> Tensor:
    """np.positive."""
    tensor: Tensor = x.copy()
    return tensor


def copy(a: Any) -> Tensor:
    """np.copy."""
    tensor: Tensor = a.copy()
    return tensor


# -- indices ---------------------------------------------------------------------------------------


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Tensor:
    """np.take_along_axis."""
    value, where = _tensors(arr, indices)
    if axis is None:
        value, axis = ravel(value), 0
    return _apply("take_along_axis", value, where, axis=axis)


def take(a: Any, indices: Any, axis: int | None = None) -> Tensor:
    """np.take: rows by label, or columns, or whatever lies along an axis."""
    value, labels = _tensors(a, indices)
    if axis is None:
        value, axis = ravel(value), 0
    axis = normal_axis(axis, value.ndim)
    rows = _apply("gather", moveaxis(value, axis, 0), labels)
    count = labels.ndim
    return moveaxis(rows, list(range(count)), list(range(axis, axis + count)))


def getitem(a: Tensor, key: Any) -> Tensor:
    """``a[key]``: a basic index, integer arrays on the leading axes, or one on any axis."""
    entries = key if isinstance(key, tuple) else (key,)
    if any(map(_is_array, entries)):
        return _by_arrays(a, entries)
    index = basic_index(key, a.ndim)
    while index and _is_full(index[-1]):
        index = index[:-1]
    if not index:
        return a
    if all(entry is None or _is_full(entry) for entry in index):
        return expand_dims(a, [i for i, entry in enumerate(index) if entry is None])
    return _apply("slice", a, index=index)


def setitem(a: Tensor, key: Any, value: Any) -> Tensor:
    """What ``a`` holds after ``a[key] = value``."""
    entries = key if isinstance(key, tuple) else (key,)
    (part,) = _tensors_of(a, value)
    if any(map(_is_array, entries)):
        return _by_mask(a, entries, part)
    index = basic_index(key, a.ndim)
    while index and _is_full(index[-1]):
        index = index[:-1]
    if index:
        return _apply("put", a, part, index=index)
    return memory.fitted(part, a, "item assignment")


def _by_mask(a: Tensor, entries: tuple[Any, ...], value: Tensor) -> Tensor:
    """``a[mask] = number``."""
    mask = np.asarray(entries[0]) if isinstance(entries[0], list) else entries[0]
    if len(entries) > 1 or mask.dtype.kind != "b" or value.ndim or mask.ndim > a.ndim:
        raise GraphError(
            "this assignment to places given by arrays has no rule in graphdiff",
            hint="use np.where(mask, new, old), or slices",
        )
    if mask.ndim < a.ndim:
        mask = np.expand_dims(mask, tuple(range(mask.ndim, a.ndim)))
    return where(mask, memory.fitted(value, a, "item assignment"), a)


def _by_arrays(a: Tensor, entries: tuple[Any, ...]) -> Tensor:
    """``a[rows, columns]`` and ``a[:, labels]``, where entries are integer arrays or tensors."""
    arrays = [np.asarray(e) if isinstance(e, list) else e for e in entries if _is_array(e)]
    if any(entry.dtype.kind == "b" for entry in arrays):
        raise DTypeError(
            "an index by a mask has a length that is not known",
            hint="use np.where(mask, x, 0), and divide by np.sum(mask) for a mean",
        )
    plain = tuple(0 if _is_array(entry) else entry for entry in entries)
    index: Index = basic_index(plain, a.ndim)
    axes = [i for i, entry in enumerate(index) if not _is_full(entry)]
    if None in index or any(isinstance(index[i], tuple) for i in axes):
        raise GraphError("slices beside integer arrays in an index", hint="index in two steps")
    if len(axes) == 1:
        return take(a, arrays[0], axis=axes[0])
    if axes != list(range(len(axes))):
        raise GraphError(
            "integer arrays in an index beside a full slice before them",
            hint="move the axes to the front with np.moveaxis, and index there",
        )
    where = (e for e in entries if e is not Ellipsis and not isinstance(e, slice))
    return _apply("gather", a, *(e if hasattr(e, "graph") else np.asarray(e) for e in where))


def _is_array(entry: Any) -> bool:
    return isinstance(entry, (list, np.ndarray)) or hasattr(entry, "graph")


def _is_full(entry: Any) -> bool:
    return isinstance(entry, tuple) and entry in ((None, None, None), (None, None, 1))


# -- what is known ---------------------------------------------------------------------------------


def shape(a: Any) -> Any:
    """np.shape."""
    return a.shape


def ndim(a: Any) -> Any:
    """np.ndim."""
    return a.ndim


def size(a: Any, axis: int | None = None) -> Any:
    """np.size."""
    return a.size if axis is None else a.shape[normal_axis(axis, a.ndim)]


UFUNCS: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType({np.positive: positive})

FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.max: _reduction("max"),
        np.amax: _reduction("max"),
        np.min: _reduction("min"),
        np.amin: _reduction("min"),
        np.transpose: transpose,
        np.matrix_transpose: matrix_transpose,
        np.swapaxes: swapaxes,
        np.moveaxis: moveaxis,
        np.reshape: reshape,
        np.ravel: ravel,
        np.broadcast_to: broadcast_to,
        np.expand_dims: expand_dims,
        np.squeeze: squeeze,
        np.concatenate: concatenate,
        np.stack: stack,
        np.astype: astype,
        np.copy: copy,
        np.full_like: full_like,
        np.zeros_like: zeros_like,
        np.ones_like: ones_like,
        np.where: where,
        np.clip: clip,
        np.outer: outer,
        np.take_along_axis: take_along_axis,
        np.take: take,
        np.shape: shape,
        np.ndim: ndim,
        np.size: size,
    }
)
