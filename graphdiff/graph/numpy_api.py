"""NumPy's functions on tensors, with NumPy's own signatures.

Ufuncs need no entry here: an op of the same name takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.errors import DTypeError, GraphError, ShapeError
from graphdiff.graph.dag import here
from graphdiff.ops.indexing import basic_index
from graphdiff.ops.shaping import permutation
from graphdiff.ops.spec import dtype_of, normal_axes, normal_axis, shape_of

if TYPE_CHECKING:
    from graphdiff.graph.tensor import Tensor


def _graph_of(*values: Any) -> Any:
    """The graph of the first tensor among nested arguments."""
    stack = list(reversed(values))
    while stack:
        value = stack.pop()
        graph = getattr(value, "graph", None)
        if graph is not None:
            return graph
        if isinstance(value, (list, tuple)):
            stack.extend(reversed(value))
    raise GraphError("no tensor among the arguments", origin=here())


def _apply(op: str, *operands: Any, **params: Any) -> Tensor:
    result: Tensor = _graph_of(*operands).apply(op, operands, params)
    return result


def _tensor(value: Any, graph: Any) -> Tensor:
    """A tensor as it is, anything else as a constant of the graph."""
    tensor: Tensor = value if getattr(value, "graph", None) is not None else graph.constant(value)
    return tensor


def _axis(axis: Any, ndim: int) -> int | tuple[int, ...] | None:
    """An axis argument in one form: None for all, an int for one."""
    if axis is None:
        return None
    axes = normal_axes(tuple(axis) if isinstance(axis, (list, tuple)) else axis, ndim)
    if len(axes) == ndim:
        return None
    return axes[0] if len(axes) == 1 else axes


def _reduction(op: str) -> Callable[..., Tensor]:
    def reduce(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
        if keepdims not in (True, False):
            raise GraphError(f"keepdims is {keepdims!r}", origin=here(), expected="True or False")
        return _apply(op, a, axis=_axis(axis, a.ndim), keepdims=bool(keepdims))

    reduce.__name__ = op
    return reduce


sum_ = _reduction("sum")
mean = _reduction("mean")
max_ = _reduction("max")
min_ = _reduction("min")


def transpose(a: Any, axes: Sequence[int] | None = None) -> Tensor:
    """np.transpose."""
    order = permutation(None if axes is None else tuple(axes), a.ndim)
    if order == tuple(range(a.ndim)):
        tensor: Tensor = a
        return tensor
    return _apply("transpose", a, axes=None if order == tuple(reversed(range(a.ndim))) else order)


def swapaxes(a: Any, axis1: int, axis2: int) -> Tensor:
    """np.swapaxes."""
    order = list(range(a.ndim))
    i, j = normal_axis(axis1, a.ndim), normal_axis(axis2, a.ndim)
    order[i], order[j] = order[j], order[i]
    return transpose(a, order)


def moveaxis(a: Any, source: int, destination: int) -> Tensor:
    """np.moveaxis, for one axis."""
    order = list(range(a.ndim))
    axis = order.pop(normal_axis(source, a.ndim))
    order.insert(normal_axis(destination, a.ndim), axis)
    return transpose(a, order)


def reshape(a: Any, shape: Any) -> Tensor:
    """np.reshape."""
    wanted = shape if isinstance(shape, (list, tuple)) else (shape,)
    return _apply("reshape", a, shape=tuple(wanted))


def ravel(a: Any) -> Tensor:
    """np.ravel."""
    return reshape(a, -1)


def broadcast_to(array: Any, shape: Any) -> Tensor:
    """np.broadcast_to."""
    return _apply("broadcast_to", array, shape=shape_of(shape))


def expand_dims(a: Any, axis: Any) -> Tensor:
    """np.expand_dims."""
    count = len(axis) if isinstance(axis, (list, tuple)) else 1
    axes = normal_axes(tuple(axis) if count > 1 else axis, a.ndim + count)
    return _apply("expand_dims", a, axis=axes[0] if len(axes) == 1 else axes)


def squeeze(a: Any, axis: Any = None) -> Tensor:
    """np.squeeze."""
    if axis is None:
        axis = tuple(i for i, part in enumerate(a.shape) if part == 1)
    axes = normal_axes(tuple(axis) if isinstance(axis, (list, tuple)) else axis, a.ndim)
    if not axes:
        tensor: Tensor = a
        return tensor
    return _apply("squeeze", a, axis=axes[0] if len(axes) == 1 else axes)


def concatenate(arrays: Sequence[Any], axis: int = 0) -> Tensor:
    """np.concatenate."""
    if axis is None:
        raise GraphError("concatenate with axis=None", origin=here(), hint="ravel the arrays first")
    return _apply("concatenate", *arrays, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Tensor:
    """np.stack."""
    graph = _graph_of(*arrays)
    parts = [expand_dims(_tensor(array, graph), axis) for array in arrays]
    return concatenate(parts, normal_axis(axis, parts[0].ndim))


def where(condition: Any, x: Any = None, y: Any = None) -> Tensor:
    """np.where with three arguments."""
    if x is None or y is None:
        raise GraphError("np.where needs both values", origin=here(), expected="condition, x, y")
    if getattr(condition, "dtype", None) != np.bool_ and hasattr(condition, "graph"):
        condition = condition != 0
    return _apply("where", condition, x, y)


def outer(a: Any, b: Any) -> Tensor:
    """np.outer."""
    graph = _graph_of(a, b)
    vectors = [v if v.ndim == 1 else reshape(v, -1) for v in (_tensor(a, graph), _tensor(b, graph))]
    return _apply("outer", *vectors)


def dot(a: Any, b: Any) -> Tensor:
    """np.dot, for scalars, vectors and matrices."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return _apply("multiply", a, b)
    if np.ndim(b) > 2:
        raise ShapeError("np.dot of more than matrices", origin=here(), hint="use @")
    return _apply("matmul", a, b)


def clip(a: Any, a_min: Any = None, a_max: Any = None) -> Tensor:
    """np.clip, as minimum and maximum."""
    result: Any = a
    if a_min is not None:
        result = _apply("where", result < a_min, a_min, result)
    if a_max is not None:
        result = _apply("where", result > a_max, a_max, result)
    tensor: Tensor = result
    return tensor


def zeros_like(a: Any, dtype: Any = None) -> Tensor:
    """np.zeros_like."""
    return full_like(a, 0, dtype)


def ones_like(a: Any, dtype: Any = None) -> Tensor:
    """np.ones_like."""
    return full_like(a, 1, dtype)


def full_like(a: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """np.full_like."""
    constant = a.graph.constant(fill_value, dtype=a.dtype if dtype is None else dtype)
    return broadcast_to(constant, a.shape) if a.ndim else constant


def astype(x: Any, dtype: Any) -> Tensor:
    """np.astype."""
    wanted = dtype_of(dtype)
    if x.dtype == wanted:
        tensor: Tensor = x
        return tensor
    return _apply("astype", x, dtype=str(wanted))


def take_along_axis(arr: Any, indices: Any, axis: int = -1) -> Tensor:
    """np.take_along_axis."""
    return _apply("take_along_axis", arr, indices, axis=normal_axis(axis, arr.ndim))


def take(a: Any, indices: Any, axis: int | None = None) -> Tensor:
    """np.take along the first axis: rows by label."""
    if axis is None and a.ndim > 1:
        a, axis = reshape(a, -1), 0
    if normal_axis(axis or 0, a.ndim) != 0:
        raise GraphError(
            "np.take along another axis than the first", origin=here(),
            hint="use np.moveaxis before and after, or np.take_along_axis",
        )  # fmt: skip
    return _apply("gather", a, indices)


def getitem(a: Any, key: Any) -> Tensor:
    """``a[key]``: a basic index, or integer arrays and tensors on the leading axes."""
    entries = key if isinstance(key, tuple) else (key,)
    if any(_is_array(entry) for entry in entries):
        if not all(_is_array(entry) or isinstance(entry, int) for entry in entries):
            raise GraphError(
                "slices beside integer arrays in one index", origin=here(),
                hint="index in two steps",
            )  # fmt: skip
        for entry in entries:
            if (
                not isinstance(entry, int)
                and np.result_type(getattr(entry, "dtype", 0)).kind == "b"
            ):
                raise DTypeError(
                    "a boolean index has a length that is not known", origin=here(),
                    hint="use np.where(mask, x, 0)",
                )  # fmt: skip
        return _apply("gather", a, *(np.asarray(e) if isinstance(e, list) else e for e in entries))
    index = basic_index(key, a.ndim)
    if all(entry == (None, None, None) for entry in index):
        tensor: Tensor = a
        return tensor
    if all(entry is None or entry == (None, None, None) for entry in index):
        return expand_dims(a, [i for i, entry in enumerate(index) if entry is None])
    return _apply("slice", a, index=index)


def _is_array(entry: Any) -> bool:
    return isinstance(entry, (list, np.ndarray)) or hasattr(entry, "graph")


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        np.sum: sum_,
        np.mean: mean,
        np.max: max_,
        np.amax: max_,
        np.min: min_,
        np.amin: min_,
        np.transpose: transpose,
        np.swapaxes: swapaxes,
        np.moveaxis: moveaxis,
        np.reshape: reshape,
        np.ravel: ravel,
        np.broadcast_to: broadcast_to,
        np.expand_dims: expand_dims,
        np.squeeze: squeeze,
        np.concatenate: concatenate,
        np.stack: stack,
        np.where: where,
        np.outer: outer,
        np.dot: dot,
        np.clip: clip,
        np.zeros_like: zeros_like,
        np.ones_like: ones_like,
        np.full_like: full_like,
        np.astype: astype,
        np.take_along_axis: take_along_axis,
        np.take: take,
        np.shape: lambda a: a.shape,
        np.ndim: lambda a: a.ndim,
        np.size: lambda a: a.size,
    }
)
