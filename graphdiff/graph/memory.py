"""Assignment in place, by value: what a variable holds afterwards is another node of the graph.

In NumPy an array and its views share memory, and whoever looks later sees what was assigned. Here a
node never changes; instead the tensors that share memory are pointed to new nodes: the one assigned
to and what it is a view of at once, other views when they are next looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.errors import DTypeError, GraphError, ShapeError
from graphdiff.ops.shaping import permutation

if TYPE_CHECKING:
    from graphdiff.graph.tensor import Tensor


class Memory:
    """What an array and its views share: how often something was assigned to any of them."""

    __slots__ = ("version",)

    def __init__(self) -> None:
        self.version = 0


class Place:
    """Where a tensor's value is: in which memory, as of which version, as what view of what."""

    __slots__ = ("base", "memory", "op", "params", "version")

    def __init__(
        self, memory: Memory, base: Tensor | None, op: str, params: Mapping[str, Any]
    ) -> None:
        self.memory = memory
        self.version = memory.version
        self.base = base
        self.op = op
        self.params = params


_READ_ONLY = {
    "broadcast_to": "np.broadcast_to",
    "sliding_window_view": "sliding_window_view",
}
VIEWS = frozenset(
    {"slice", "transpose", "expand_dims", "squeeze", "reshape", "real", "imag", *_READ_ONLY}
)


def as_view(view: Tensor, base: Tensor) -> None:
    """Note that a tensor shares the memory of the one that it was just made from."""
    if base._place is None:
        base._place = Place(Memory(), None, "", {})
    attributes = view.graph.dag.nodes[view._current()]
    view._place = Place(base._place.memory, base, attributes["op"], attributes["params"])


def refresh(tensor: Tensor) -> None:
    """Point a view to what it shows after assignments to the memory that it shares."""
    stale = [tensor]
    while (base := _place(stale[-1]).base) is not None and not _is_fresh(base):
        stale.append(base)
    for view in reversed(stale):
        place = _place(view)
        assert place.base is not None  # what is no view is always fresh
        if place.op == "reshape":
            raise _layout(view._current(), "has been assigned to since")
        place.version = place.memory.version
        view._point_to(view.graph.apply(place.op, (place.base,), place.params))


def write(tensor: Tensor, value: Tensor) -> None:
    """Let a tensor hold another value of its shape and dtype, and all that it is a view of."""
    if value.graph is not tensor.graph:
        raise GraphError(
            "the body of a loop or a branch assigns to an array from around it", node=tensor.name,
            hint="carry it through the loop, or return it",
        )  # fmt: skip
    place = tensor._place
    if place is None:
        tensor._point_to(value)
        return
    changed = [(tensor, value)]
    while (base := _place(tensor).base) is not None:
        value = _through(base, _place(tensor), value)
        changed.append((base, value))
        tensor = base
    place.memory.version += 1
    for part, new in changed:
        part._point_to(new)
        _place(part).version = place.memory.version


def fitted(value: Tensor, target: Tensor, what: str) -> Tensor:
    """A value as it is put into the memory of another: of its shape and dtype.

    Raises
    ------
    ShapeError, DTypeError
        If it does not broadcast to the shape, or its dtype is of a higher kind.
    """
    if not np.can_cast(value.dtype, target.dtype, "same_kind"):
        raise DTypeError(
            f"{what} would lose the dtype of the value", node=target.name,
            expected=str(target.dtype), got=str(value.dtype), hint="convert one with astype",
        )  # fmt: skip
    if value.shape != target.shape:
        try:
            value = target.graph.apply("broadcast_to", (value,), {"shape": target.shape})
        except ShapeError as error:
            raise error.at(target.name, what, None) from None
    if value.dtype != target.dtype:
        value = target.graph.apply("astype", (value,), {"dtype": target.dtype})
    return value


def _through(base: Tensor, place: Place, value: Tensor) -> Tensor:
    """What an array holds when a value is assigned to a view of it."""
    apply, params = base.graph.apply, place.params
    if place.op == "slice":
        return apply("put", (base, value), {"index": params["index"]})
    if place.op == "transpose":
        order = np.argsort(permutation(params["axes"], base.ndim)).tolist()
        return apply("transpose", (value,), {"axes": order})
    if place.op in ("expand_dims", "squeeze"):
        return apply("reshape", (value,), {"shape": base.shape})
    if place.op in ("real", "imag"):
        parts = {part: apply(part, (base,), {}) for part in ("real", "imag")} | {place.op: value}
        both: Tensor = parts["real"] + 1j * parts["imag"]
        return both
    if place.op in _READ_ONLY:
        raise GraphError(
            f"what {_READ_ONLY[place.op]} gives cannot be assigned to", hint="copy it first"
        )
    raise _layout(base.name, "is assigned to through it")


def _layout(node: str, what: str) -> GraphError:
    return GraphError(
        f"an array was reshaped, and {what}: whether NumPy makes a view or a copy there depends "
        "on the layout of its memory",
        node=node, hint="say which: x.reshape(shape).copy(), or reshape again after assigning",
    )  # fmt: skip


def _place(tensor: Tensor) -> Place:
    assert tensor._place is not None  # all that share memory have one
    return tensor._place


def _is_fresh(tensor: Tensor) -> bool:
    place = _place(tensor)
    return place.base is None or place.version == place.memory.version
