"""NumPy's indexing: reading and assigning by slices, integer arrays and masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphdiff.errors import DTypeError, GraphError, ShapeError
from graphdiff.graph import memory
from graphdiff.graph.numpy_api import (
    apply,
    broadcast_to,
    expand_dims,
    moveaxis,
    ravel,
    tensors,
    transpose,
    where,
)
from graphdiff.graph.picking import Picked, same_condition
from graphdiff.ops.indexing import Index, basic_index
from graphdiff.ops.spec import broadcast, normal_axis, shape_text

if TYPE_CHECKING:
    from graphdiff.graph.tensor import Tensor


# -- what is in the brackets -----------------------------------------------------------------------


class Places(NamedTuple):
    """An index with arrays: slices first, then integer arrays, one for each of some axes."""

    slices: Index
    axes: tuple[int, ...]
    arrays: tuple[Any, ...]

    @property
    def first(self) -> int:
        """The axis of the result where those of the arrays begin."""
        joined = list(self.axes) == list(range(self.axes[0], self.axes[0] + len(self.axes)))
        return self.axes[0] if joined else 0

    @property
    def ndim(self) -> int:
        """How many axes of the result the arrays give."""
        return max(np.ndim(array) for array in self.arrays)


def is_array(entry: Any) -> bool:
    """Whether an entry of an index is an array, a list or a tensor."""
    return isinstance(entry, (list, np.ndarray)) or hasattr(entry, "graph")


def _is_full(entry: Any) -> bool:
    return isinstance(entry, tuple) and entry in ((None, None, None), (None, None, 1))


def entries_of(a: Tensor, key: Any) -> tuple[Any, ...]:
    """What stands between the commas; a mask that is known as the places where it is true."""
    given = [np.asarray(e) if isinstance(e, list) else e for e in _listed(key)]
    axis, entries = 0, list[Any]()
    for entry in given:
        taken = _taken(entry)
        if _is_mask(entry) and not hasattr(entry, "graph"):
            part = a.shape[axis : axis + taken]
            if part != entry.shape:
                raise ShapeError(
                    "the mask does not fit",
                    expected=f"a mask of shape {shape_text(part)}, with known lengths",
                    got=shape_text(entry.shape),
                )
            entries += np.nonzero(entry)
        else:
            entries.append(entry)
        axis += a.ndim - sum(map(_taken, given)) if entry is Ellipsis else taken
    return tuple(entries)


def _listed(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _is_mask(entry: Any) -> bool:
    return is_array(entry) and bool(entry.dtype.kind == "b")


def _taken(entry: Any) -> int:
    """How many axes an entry of an index is about."""
    return entry.ndim if _is_mask(entry) else 0 if entry is None or entry is Ellipsis else 1


def places_of(a: Tensor, entries: tuple[Any, ...]) -> Places:
    """An index with arrays among its entries.

    Raises
    ------
    GraphError, DTypeError
        If there is a new axis in it, or a mask that is not known.
    """
    if any(map(_is_mask, entries)):
        raise DTypeError(
            "an index by a mask has a length that is not known",
            hint="use np.where(mask, x, 0), and divide by np.sum(mask) for a mean",
        )
    if any(entry is None for entry in entries):
        raise GraphError("a new axis beside integer arrays in an index", hint="index in two steps")
    index = basic_index(tuple(0 if is_array(e) else e for e in entries), a.ndim)
    dots = next((i for i, e in enumerate(entries) if e is Ellipsis), len(entries))
    behind = len(index) - len(entries)
    axes, arrays = [], []
    for i, entry in enumerate(entries):
        if entry is not Ellipsis and not isinstance(entry, slice):
            axes.append(i if i < dots else i + behind)
            arrays.append(entry if hasattr(entry, "graph") else np.asarray(entry))
    slices = tuple((None, None, None) if i in axes else part for i, part in enumerate(index))
    return Places(() if all(map(_is_full, slices)) else slices, tuple(axes), tuple(arrays))


def _basic(a: Tensor, key: Any) -> Index:
    """An index of slices and ints, without what takes everything at its end."""
    index = basic_index(key, a.ndim)
    while index and _is_full(index[-1]):
        index = index[:-1]
    return index


# -- reading ---------------------------------------------------------------------------------------


def getitem(a: Tensor, key: Any) -> Tensor:
    """``a[key]``."""
    if hasattr(key, "graph") and key.dtype.kind == "b" and key.ndim:
        picked: Any = Picked(a, key)
        return picked  # type: ignore[no-any-return]  # it stands for a tensor of unknown length
    entries = entries_of(a, key)
    if any(map(is_array, entries)):
        if any(entry is None for entry in entries):  # first the new axes, then all else
            axes = (e if e is None or e is Ellipsis else slice(None) for e in entries)
            return getitem(
                getitem(a, tuple(axes)), tuple(slice(None) if e is None else e for e in entries)
            )
        return _gathered(a, places_of(a, entries))
    index = _basic(a, key)
    if not index:
        return a
    if all(entry is None or _is_full(entry) for entry in index):
        return expand_dims(a, [i for i, entry in enumerate(index) if entry is None])
    return apply("slice", a, index=index)


def _gathered(a: Tensor, places: Places) -> Tensor:
    if places.slices:
        a = apply("slice", a, index=places.slices)
    order = [*places.axes, *(i for i in range(a.ndim) if i not in places.axes)]
    rows = apply("gather", transpose(a, order), *places.arrays)
    count, first = places.ndim, places.first
    return moveaxis(rows, list(range(count)), list(range(first, first + count)))


def take(a: Any, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Tensor:
    """np.take: rows by label, or columns, or whatever lies along an axis."""
    if mode not in ("raise", "wrap", "clip"):
        raise GraphError(f"np.take with mode={mode!r}", expected="'raise', 'wrap' or 'clip'")
    value, labels = tensors(a, indices)
    if axis is None:
        value, axis = ravel(value), 0
    axis = normal_axis(axis, value.ndim)
    if mode != "raise":
        length = value.shape[axis]
        labels = labels % length if mode == "wrap" else np.clip(labels, 0, length - 1)
    return _gathered(value, Places((), (axis,), (labels,)))


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Tensor:
    """np.take_along_axis."""
    value, labels = tensors(arr, indices)
    if axis is None:
        value, axis = ravel(value), 0
    return apply("take_along_axis", value, labels, axis=axis)


# -- assigning -------------------------------------------------------------------------------------


def setitem(a: Tensor, key: Any, value: Any) -> Tensor:
    """What ``a`` holds after ``a[key] = value``."""
    if isinstance(value, Picked):
        if not hasattr(key, "graph") or not same_condition(key, value.mask):
            raise GraphError("elements picked by a mask go to the places of the same mask only")
        return memory.fitted(value.filled(a), a, "item assignment")
    part = value if hasattr(value, "graph") else a.graph.constant(value)
    mask = np.asarray(key) if isinstance(key, list) else key
    if _is_mask(mask) and part.ndim <= a.ndim - mask.ndim:
        if mask.ndim < a.ndim:
            mask = np.expand_dims(mask, tuple(range(mask.ndim, a.ndim)))
        return where(mask, memory.fitted(part, a, "item assignment"), a)
    entries = entries_of(a, key)
    if any(map(is_array, entries)):
        return _scattered(a, places_of(a, entries), part)
    index = _basic(a, key)
    if index:
        return apply("put", a, part, index=index)
    return memory.fitted(part, a, "item assignment")


def _scattered(a: Tensor, places: Places, value: Tensor) -> Tensor:
    """What ``a`` holds after an assignment to places given by integer arrays."""
    if places.slices:
        part = apply("slice", a, index=places.slices)
        return apply("put", a, _scattered(part, places._replace(slices=()), value),
                     index=places.slices)  # fmt: skip
    rest = [i for i in range(a.ndim) if i not in places.axes]
    order = [*places.axes, *rest]
    count, first = places.ndim, places.first
    if first:  # the axes of the arrays are not the value's first
        front = broadcast(*(np.shape(array) for array in places.arrays))
        others = [a.shape[i] for i in rest]
        value = broadcast_to(value, (*others[:first], *front, *others[first:]))
        value = moveaxis(value, list(range(first, first + count)), list(range(count)))
    moved = apply("put_at", transpose(a, order), value, *places.arrays)
    return transpose(moved, np.argsort(order).tolist())


FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {np.take: take, np.take_along_axis: take_along_axis}
)
