"""A graph for one example made into the graph for many: each op with a leading axis more.

Only what depends on the examples is made anew; everything else is computed once and broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from graphdiff.errors import GraphError
from graphdiff.graph.order import order_among, users_of
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.shaping import permutation
from graphdiff.ops.spec import Dimension, Spec, normal_axes

_MARKS = ("phase", "scope", "origin", "seed", "via", "local")


@dataclass(frozen=True, slots=True)
class Batched:
    """An operand: with the axis of examples in front, or without it, the same for all of them."""

    value: Tensor
    has_axis: bool

    @property
    def ndim(self) -> int:
        """The number of axes for one example."""
        return self.value.ndim - self.has_axis

    def aligned(self, ndim: int) -> Tensor:
        """The value with axes of length 1 put in after that of the examples."""
        missing = ndim - self.ndim
        if not self.has_axis or missing <= 0:
            return self.value
        return _apply("expand_dims", self.value, axis=tuple(range(1, missing + 1)))

    def spread(self, length: Dimension) -> Tensor:
        """The value with the axis of examples, repeated if it has none."""
        if self.has_axis:
            return self.value
        return _apply("broadcast_to", self.value, shape=(length, *self.value.shape))


@dataclass(frozen=True, slots=True)
class Use:
    """One node to be made for many examples."""

    op: str
    params: Mapping[str, Any]
    operands: tuple[Batched, ...]
    out: Spec
    length: Dimension

    @property
    def x(self) -> Tensor:
        """The first operand for all examples."""
        return self.operands[0].spread(self.length)


Rule = Callable[[Use], Tensor]


def batch(
    of: Sequence[Tensor], given: Sequence[tuple[Tensor, Tensor]], length: Dimension
) -> list[Tensor | None]:
    """Add to a graph some of its values for many examples.

    Parameters
    ----------
    of
        The values, each for one example.
    given
        Values that they depend on, each with what it is for all examples: the same with an axis
        in front.
    length
        The number of examples.

    Returns
    -------
    list
        For each of ``of`` the value with an axis in front; None where it depends on no example.
    """
    graph = given[0][0].graph
    table = {one.name: Batched(many, True) for one, many in given}
    below = users_of(graph.dag, table)
    wanted = [value.name for value in of]
    needed = {node for node in wanted if node in below}
    order = order_among(graph.dag, below)
    for node in reversed(order):
        if node in needed and node not in table:
            needed.update(source for source in graph.operands(node) if source in below)
    for node in order:
        if node not in needed or node in table:
            continue
        attributes = graph.dag.nodes[node]
        operands = tuple(
            table.get(source) or Batched(graph[source], False) for source in graph.operands(node)
        )
        use = Use(attributes["op"], attributes["params"], operands, attributes["spec"], length)
        with graph.marking(**{key: attributes[key] for key in _MARKS if key in attributes}):
            table[node] = Batched(_rule(graph[node])(use), True)
    return [table[node].value if node in table else None for node in wanted]


def _rule(tensor: Tensor) -> Rule:
    found = _RULES.get(tensor.op)
    if found is None:
        found = _elementwise if tensor.graph.op(tensor.name).elementwise else _one_by_one
    return found


def _apply(op: str, *operands: Any, **params: Any) -> Tensor:
    graph = next(operand.graph for operand in operands if isinstance(operand, Tensor))
    return graph.apply(op, operands, params)


# -- rules -----------------------------------------------------------------------------------------


def _elementwise(use: Use) -> Tensor:
    return _apply(use.op, *(o.aligned(use.out.ndim) for o in use.operands), **use.params)


def _same(use: Use) -> Tensor:
    return _apply(use.op, use.x, **use.params)


def _reduction(use: Use) -> Tensor:
    axes = tuple(i + 1 for i in normal_axes(use.params["axis"], use.operands[0].ndim))
    return _apply(use.op, use.x, **{**use.params, "axis": axes})


def _matmul(use: Use) -> Tensor:
    a, b = use.operands
    if not b.has_axis and b.ndim <= 2:  # each example's rows times the same matrix
        return _apply("matmul", a.value, b.value)
    if not a.has_axis and a.ndim == 2 and b.ndim == 1:
        return _apply("matmul", b.value, a.value.T)
    left = _apply("expand_dims", a.value, axis=-2) if a.ndim == 1 else a.value
    right = _apply("expand_dims", b.value, axis=-1) if b.ndim == 1 else b.value
    ndim = max(a.ndim, b.ndim, 2)
    product = _apply(
        "matmul", Batched(left, a.has_axis).aligned(ndim), Batched(right, b.has_axis).aligned(ndim)
    )
    dropped = tuple(axis for axis, x in ((-2, a), (-1, b)) if x.ndim == 1)
    return _apply("squeeze", product, axis=dropped) if dropped else product


def _outer(use: Use) -> Tensor:
    a, b = use.operands
    left = _apply("expand_dims", a.value, axis=-1)
    right = _apply("expand_dims", b.value, axis=-2)
    return _apply("multiply", left, right)


def _transpose(use: Use) -> Tensor:
    order = permutation(use.params["axes"], use.out.ndim)
    return _apply("transpose", use.x, axes=(0, *(i + 1 for i in order)))


def _broadcast(use: Use) -> Tensor:
    shape = (use.length, *use.out.shape)
    return _apply("broadcast_to", use.operands[0].aligned(use.out.ndim), shape=shape)


def _reshaped(use: Use) -> Tensor:
    return _apply("reshape", use.x, shape=(use.length, *use.out.shape))


def _concatenate(use: Use) -> Tensor:
    parts = (operand.spread(use.length) for operand in use.operands)
    return _apply("concatenate", *parts, axis=use.params["axis"] + 1)


_ALL = ((None, None, None),)


def _slice(use: Use) -> Tensor:
    return _apply("slice", use.x, index=_ALL + use.params["index"])


def _place(use: Use) -> Tensor:
    shape = (use.length, *use.params["shape"])
    return _apply("place", use.x, shape=shape, index=_ALL + use.params["index"])


def _put(use: Use) -> Tensor:
    index = use.params["index"]
    dropped = sum(isinstance(entry, int) for entry in index)
    added = sum(entry is None for entry in index)
    value = use.operands[1].aligned(use.out.ndim - dropped + added)
    return _apply("put", use.x, value, index=_ALL + index)


def _gather(use: Use) -> Tensor:
    x, *indices = use.operands
    ndim = max(index.ndim for index in indices)
    where = [index.aligned(ndim) for index in indices]
    if not x.has_axis:
        return _apply("gather", x.value, *where)
    return _apply("gather", x.value, _examples(use, ndim), *where)


def _scatter_add(use: Use) -> Tensor:
    _, *indices = use.operands
    ndim = max(index.ndim for index in indices)
    where = (index.aligned(ndim) for index in indices)
    shape = (use.length, *use.params["shape"])
    return _apply("scatter_add", use.x, _examples(use, ndim), *where, shape=shape)


def _examples(use: Use, ndim: int) -> Tensor:
    """The numbers of the examples, as an index beside others."""
    if not isinstance(use.length, int):
        raise GraphError(
            f"{use.op} by labels for a number of examples that is not known",
            hint="declare that dimension as a number",
        )
    graph = use.operands[0].value.graph
    return graph.constant(np.arange(use.length).reshape(use.length, *[1] * ndim))


def _along(use: Use) -> Tensor:
    """take_along_axis and its adjoint."""
    params = {**use.params, "axis": use.params["axis"] + 1}
    if "shape" in params:
        params["shape"] = (use.length, *params["shape"])
    return _apply(use.op, *(o.spread(use.length) for o in use.operands), **params)


def _convolution(use: Use) -> Tensor:
    """Images with an axis more for the same kernel, or with kernels of their own."""
    a, b = use.operands
    params = use.params
    if "shape" in params:
        params = {**params, "shape": (use.length, *params["shape"])}
    if use.op != "conv2d_kernel" and not b.has_axis and b.ndim == 4:
        return _apply(use.op, a.value, b.value, **params)
    return _apply(use.op, a.spread(use.length), b.spread(use.length), **params)


def _pooling(use: Use) -> Tensor:
    params = use.params
    if "shape" in params:
        params = {**params, "shape": (use.length, *params["shape"])}
    return _apply(use.op, *(o.spread(use.length) for o in use.operands), **params)


def _one_by_one(use: Use) -> Tensor:
    """An op without a rule of its own: applied to each example, and the results stacked."""
    if not isinstance(use.length, int):
        raise GraphError(
            f"{use.op} for a number of examples that is not known",
            hint="declare that dimension as a number",
        )
    rows = []
    for i in range(use.length):
        parts = (
            _apply("slice", o.value, index=(i,)) if o.has_axis else o.value for o in use.operands
        )
        rows.append(_apply("expand_dims", _apply(use.op, *parts, **use.params), axis=0))
    return _apply("concatenate", *rows, axis=0)


_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys(
            ("sum", "mean", "max", "min", "logsumexp", "softmax", "log_softmax"), _reduction
        ),
        "matmul": _matmul,
        "outer": _outer,
        "transpose": _transpose,
        "reshape": _reshaped,
        "broadcast_to": _broadcast,
        "expand_dims": _reshaped,
        "squeeze": _reshaped,
        "concatenate": _concatenate,
        "stop_gradient": _same,
        "slice": _slice,
        "place": _place,
        "put": _put,
        "gather": _gather,
        "scatter_add": _scatter_add,
        "take_along_axis": _along,
        "scatter_add_along_axis": _along,
        **dict.fromkeys(("conv2d", "conv2d_input", "conv2d_kernel"), _convolution),
        **dict.fromkeys(("sum_pool2d", "sum_pool2d_input"), _pooling),
        **dict.fromkeys(("max_pool2d", "max_pool2d_input", "max_pool2d_tangent"), _pooling),
    }
)
