"""One node to be made for many examples: its operands, with the axis of examples or without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphdiff.graph.tensor import Tensor
from graphdiff.ops.dimension import Dimension
from graphdiff.ops.spec import Spec


def apply(op: str, *operands: Any, **params: Any) -> Tensor:
    """An op of tensors."""
    graph = next(operand.graph for operand in operands if isinstance(operand, Tensor))
    return graph.apply(op, operands, params)


@dataclass(frozen=True, slots=True)
class Batched:
    """An operand: with the axis of examples in front, or without it, the same for all of them.

    ``parts`` are the results of a loop or a branch, each with the axis.
    """

    value: Tensor
    has_axis: bool
    parts: tuple[Tensor, ...] = ()

    @property
    def ndim(self) -> int:
        """The number of axes for one example."""
        return self.value.ndim - self.has_axis

    def aligned(self, ndim: int) -> Tensor:
        """The value with axes of length 1 put in after that of the examples."""
        missing = ndim - self.ndim
        if not self.has_axis or missing <= 0:
            return self.value
        return apply("expand_dims", self.value, axis=tuple(range(1, missing + 1)))

    def spread(self, length: Dimension) -> Tensor:
        """The value with the axis of examples, repeated if it has none."""
        if self.has_axis:
            return self.value
        return apply("broadcast_to", self.value, shape=(length, *self.value.shape))


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
