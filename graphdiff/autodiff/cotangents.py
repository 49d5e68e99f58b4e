"""Cotangents, what they are sums of, and the masks that they carry with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphdiff.graph import numpy_api
from graphdiff.graph.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Cotangent:
    """The derivative of the cost by a value, or one contribution to it.

    ``value`` may have a shape that only broadcasts to the value's own. It counts where ``mask`` is
    true. ``branched`` says that zeros in it may be those of a branch that was not taken; ``steep``
    that the op which gave it may have an infinite slope.
    """

    value: Tensor
    mask: Tensor | None = None
    branched: bool = False
    steep: bool = False

    def settled(self) -> Cotangent:
        """The same with its mask applied."""
        if self.mask is None:
            return self
        return Cotangent(numpy_api.where(self.mask, self.value, 0.0), branched=True)


def total(parts: Sequence[Cotangent], *, linear: bool) -> Cotangent:
    """The sum of several contributions; ``linear`` if it may be differentiated by them.

    It is masked where all of them are. A mask that is applied once more changes nothing, but
    keeps out what an infinite slope further on would make of the zeros. Where both branches of
    one condition lead to the value, one of them is taken everywhere, and nothing is left out.
    """
    masks = {_literal(part.mask): part.mask for part in parts if part.mask is not None}
    masked = all(part.mask is not None for part in parts)
    if masked and len(masks) == 2 and len({condition for condition, _ in masks}) == 1:
        return _either(parts)
    if len(masks) > 1 or not masked:
        parts = [part.settled() for part in parts]
    value = parts[0].value
    for part in parts[1:]:
        value = value + part.value
    mask: Any = None
    if masked and (linear or len(masks) == 1):
        mask, *others = masks.values()
        for other in others:
            mask = np.logical_or(mask, other)
    branched, steep = any(p.branched for p in parts), any(p.steep for p in parts)
    return Cotangent(value, mask, branched, steep)


def _either(parts: Sequence[Cotangent]) -> Cotangent:
    """The sum of contributions some of which count where a condition holds, the others not."""
    sums: dict[bool, Tensor] = {}
    for part in parts:
        name, holds = _literal(part.mask)
        sums[holds] = sums[holds] + part.value if holds in sums else part.value
    value = numpy_api.where(parts[0].value.graph[name], sums[True], sums[False])
    branched, steep = any(p.branched for p in parts), any(p.steep for p in parts)
    return Cotangent(value, branched=branched, steep=steep)


def _literal(mask: Tensor | None) -> tuple[str, bool]:
    """The condition that a mask stands for, and whether it is to hold or not to hold."""
    assert mask is not None
    if mask.op == "logical_not":
        return mask.operands[0].name, False
    return mask.name, True


def both(a: Tensor, b: Tensor) -> Tensor:
    """Where two masks are true."""
    found: Tensor = a if _literal(a) == _literal(b) else np.logical_and(a, b)  # type: ignore[assignment]  # a Tensor
    return found
