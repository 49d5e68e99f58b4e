"""Arrays that were put together from parts, each with zeros around it, by adding: they are joined.

The gradient of a value of which parts are taken is such a sum.
"""

from __future__ import annotations

import numpy as np

from graphdiff.graph.tensor import Tensor
from graphdiff.ops.dimension import Dimension
from graphdiff.ops.indexing import Slice
from graphdiff.ops.spec import normal_axes
from graphdiff.rewrite.matching import fits, free, is_number


def join_branches(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """``where(c, x, 0) + where(c, 0, y)`` is ``where(c, x, y)``."""
    if a.op != "where" or b.op != "where" or not (free(a) and free(b)):
        return None
    condition, x, no_x = a.operands
    other, y, no_y = b.operands
    if condition.name != other.name:
        return None
    if is_number(no_x, 0) and is_number(y, 0):
        return fits(t.graph.apply("where", (condition, x, no_y), {}), t)
    if is_number(x, 0) and is_number(no_y, 0):
        return fits(t.graph.apply("where", (condition, y, no_x), {}), t)
    return None


def join_pieces(t: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    """Two neighbours among zeros are one piece; pieces that fill an axis are concatenated."""
    first, second = _piece(a), _piece(b)
    if first is None or second is None or first[0] != second[0] or a.shape != b.shape:
        return None
    if first[1] > second[1]:
        (a, b), (first, second) = (b, a), (second, first)
    axis, start, middle = first
    if middle != second[1]:
        return None
    parts = (a.operands[0], b.operands[0])
    joined: Tensor = np.concatenate(parts, axis=axis)  # type: ignore[assignment]  # a Tensor
    if start == 0 and second[2] == t.shape[axis]:
        return fits(joined, t)
    index = tuple(slice(start, second[2]) if k == axis else slice(None) for k in range(axis + 1))
    return fits(t.graph.apply("place", (joined,), {"shape": t.shape, "index": index}), t)


def join_joined(t: Tensor, *parts: Tensor) -> Tensor | None:
    """What was joined to what was joined before is one concatenation; the last one sees to it."""
    axis, phase = t.params["axis"], t.graph.dag._node[t.name]["phase"]
    if phase != "gradient" or not any(_joined(part, axis) for part in parts):
        return None
    if free(t):
        user = Tensor(t.graph, next(iter(t.graph.dag._succ[t.name])))
        if user.op == "concatenate" and user.params["axis"] == axis:
            return None
    found: list[Tensor] = []
    waiting = list(reversed(parts))
    while waiting:
        part = waiting.pop()
        if _joined(part, axis):
            waiting += reversed(part.operands)
        else:
            found.append(part)
    return fits(np.concatenate(found, axis=axis), t)  # type: ignore[arg-type]  # a Tensor


def whole_piece(t: Tensor, x: Tensor) -> Tensor | None:
    """A piece that leaves no room for zeros is the whole, but for axes of length 1.

    The gradient by ``z[:, 0]`` is such a piece where ``z`` has one column.
    """
    index = t.params["index"]
    if None in index:
        return None
    taken = [axis for axis, entry in enumerate(index) if not isinstance(entry, tuple)]
    if any(t.shape[axis] != 1 for axis in taken) or not all(
        axis in taken or _is_whole(entry, t.shape[axis]) for axis, entry in enumerate(index)
    ):
        return None
    return fits(t.graph.apply("expand_dims", (x,), {"axis": tuple(taken)}) if taken else x, t)


def _is_whole(part: Slice, length: Dimension) -> bool:
    """Whether a slice takes all of an axis, in its order."""
    start, stop, step = part
    return start in (None, 0) and stop in (None, length) and step in (None, 1)


def sum_of_scattered(t: Tensor, x: Tensor) -> Tensor | None:
    """The sum along an axis of what was scattered along it is the sum of what it was."""
    if x.op != "scatter_add_along_axis":
        return None
    values, indices = x.operands
    axis, keepdims = x.params["axis"], t.params["keepdims"]
    if values.shape != indices.shape or normal_axes(t.params["axis"], x.ndim) != (axis,):
        return None
    if values.shape[axis] != 1:
        return fits(t.graph.apply("sum", (values,), t.params), t)
    return fits(values if keepdims else t.graph.apply("squeeze", (values,), {"axis": axis}), t)


def _piece(t: Tensor) -> tuple[int, int, int] | None:
    """The axis, start and stop of a part placed along one axis.

    It may be a part of other sums too: there as here it costs no more to join it.
    """
    if t.op != "place" or t.graph.dag._node[t.name]["named"]:
        return None
    found: tuple[int, int, int] | None = None
    for axis, entry in enumerate(t.params["index"]):
        if entry in ((None, None, None), (None, None, 1)):
            continue
        if found is not None or not isinstance(entry, tuple) or entry[2] not in (None, 1):
            return None
        length = t.shape[axis]
        if not isinstance(length, int) or not all(
            bound is None or isinstance(bound, int) for bound in entry[:2]
        ):
            return None
        start, stop, _ = slice(*entry[:2]).indices(length)
        found = axis, start, stop
    return found


def _joined(t: Tensor, axis: int) -> bool:
    """Whether a tensor is a concatenation along the axis that is a part of one other value."""
    return t.op == "concatenate" and t.params["axis"] == axis and free(t)
