"""NumPy's functions on tensors, with NumPy's own signatures.

A function is called only where a tensor is among the arguments. A ufunc needs no entry here if an
op has its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.errors import GraphError, ShapeError
from graphdiff.graph import memory
from graphdiff.ops.shaping import permutation
from graphdiff.ops.spec import dtype_of, normal_axis

if TYPE_CHECKING:
    from graphdiff.graph.tensor import Tensor


def tensors(*values: Any) -> list[Tensor]:
    """The values as tensors of one graph: anything else than a tensor becomes a constant."""
    graph = next(value.graph for value in values if hasattr(value, "graph"))
    return [value if hasattr(value, "graph") else graph.constant(value) for value in values]


def apply(op: str, tensor: Tensor, *others: Any, **params: Any) -> Tensor:
    """An op of a tensor, noted as its view if it is one."""
    result = tensor.graph.apply(op, (tensor, *others), params)
    if op in memory.VIEWS and result.ndim:
        memory.as_view(result, tensor)
    return result


# -- reductions ------------------------------------------------------------------------------------


def _extreme(op: str, larger: Callable[..., Any]) -> Callable[..., Tensor]:
    """np.max and np.min; ``where`` it is false the initial value stands for the element."""

    def reduce(
        a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Tensor:
        if where is not True:
            if initial is None:
                raise GraphError(f"np.{op} with where=", hint="give initial= as well")
            a = np.where(where, a, initial)
        if initial is not None and a.size == 0:
            empty: Tensor = larger(np.sum(a, axis=axis, keepdims=keepdims), initial)
            return full_like(empty, initial)
        found = apply(op, a, axis=axis, keepdims=keepdims)
        return found if initial is None else larger(found, initial)

    reduce.__name__ = op
    return reduce


# -- shapes ----------------------------------------------------------------------------------------


def listed(value: Any) -> Any:
    """Axes or a shape, of which an array is a list."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def transpose(a: Any, axes: Sequence[int] | None = None) -> Tensor:
    """np.transpose."""
    axes = listed(axes)
    if permutation(axes, a.ndim) != tuple(range(a.ndim)):
        a = apply("transpose", a, axes=axes)
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


def reshape(a: Any, shape: Any, order: str = "C") -> Tensor:
    """np.reshape; by the order "F" the first axis changes fastest."""
    shape = listed(shape)
    if order == "F":
        parts = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
        return transpose(apply("reshape", transpose(a), shape=parts[::-1]))
    if order != "C":
        raise GraphError(f"the order {order!r}, which is that of memory", expected="'C' or 'F'")
    return apply("reshape", a, shape=shape)


def ravel(a: Any, order: str = "C") -> Tensor:
    """np.ravel."""
    return reshape(a, -1, order)


def broadcast_to(array: Any, shape: Any) -> Tensor:
    """np.broadcast_to."""
    return apply("broadcast_to", array, shape=listed(shape))


def expand_dims(a: Any, axis: Any) -> Tensor:
    """np.expand_dims."""
    return apply("expand_dims", a, axis=axis)


def squeeze(a: Any, axis: Any = None) -> Tensor:
    """np.squeeze."""
    return apply("squeeze", a, axis=axis)


def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Tensor:
    """np.concatenate."""
    parts = tensors(*arrays)
    if axis is None:
        parts, axis = list(map(ravel, parts)), 0
    return apply("concatenate", *parts, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Tensor:
    """np.stack."""
    return concatenate([expand_dims(part, axis) for part in tensors(*arrays)], axis)


def astype(x: Any, dtype: Any) -> Tensor:
    """np.astype."""
    tensor: Tensor = x.copy() if x.dtype == dtype_of(dtype) else apply("astype", x, dtype=dtype)
    return tensor


def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True,
    shape: Any = None,
) -> Tensor:  # fmt: skip
    """np.full_like."""
    dtype = dtype_of(a.dtype if dtype is None else dtype)
    tensor = fill_value if hasattr(fill_value, "graph") else np.asarray(fill_value).astype(dtype)
    (value,) = tensors(tensor) if tensor is fill_value else (a.graph.constant(tensor),)
    value = astype(value, dtype)
    shape = a.shape if shape is None else listed(shape)
    if shape not in ((), []):  # not a view, since it can be assigned to
        value = value.graph.apply("broadcast_to", (value,), {"shape": shape})
    return value


def zeros_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Tensor:
    """np.zeros_like."""
    return full_like(a, 0, dtype, shape=shape)


def ones_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None
) -> Tensor:
    """np.ones_like."""
    return full_like(a, 1, dtype, shape=shape)


# -- choices ---------------------------------------------------------------------------------------


def where(condition: Any, x: Any = None, y: Any = None) -> Tensor:
    """np.where with three arguments."""
    if x is None or y is None:
        raise GraphError(
            "how many places there are depends on values that are not known",
            hint="np.where(condition, a, b) chooses for each element; a sum over a mask is "
            "np.sum(np.where(mask, x, 0))",
        )
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
    vectors = [v if v.ndim == 1 else reshape(v, -1) for v in tensors(a, b)]
    return apply("outer", *vectors)


# -- ufuncs that are no ops ----------------------------------------------------------------------


def positive(x: Any) -> Tensor:
    """np.positive."""
    tensor: Tensor = x.copy()
    return tensor


def copy(a: Any, order: Any = "K") -> Tensor:
    """np.copy."""
    tensor: Tensor = a.copy()
    return tensor


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


def result_type(*arrays_and_dtypes: Any) -> Any:
    """np.result_type."""
    given = (np.dtype(a.dtype) if hasattr(a, "graph") else a for a in arrays_and_dtypes)
    return np.result_type(*given)


UFUNCS: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType({np.positive: positive})

FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.max: _extreme("max", np.maximum),
        np.amax: _extreme("max", np.maximum),
        np.min: _extreme("min", np.minimum),
        np.amin: _extreme("min", np.minimum),
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
        np.empty_like: zeros_like,
        np.where: where,
        np.clip: clip,
        np.outer: outer,
        np.shape: shape,
        np.ndim: ndim,
        np.size: size,
        np.result_type: result_type,
    }
)
