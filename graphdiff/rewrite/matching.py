"""What rules ask of the tensors that they look at."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.graph.tensor import Tensor


def number_of(t: Tensor) -> Any:
    """The value of a scalar constant, else None."""
    if t.op != "constant" or t.ndim:
        return None
    value = t.params["value"]
    return value.item() if isinstance(value, np.ndarray) else value


def is_number(t: Tensor, value: float) -> bool:
    """Whether a tensor is a scalar constant of this value."""
    number = number_of(t)
    return number is not None and not isinstance(number, bool) and bool(number == value)


def is_factor(t: Tensor) -> bool:
    """Whether a tensor is a scalar made of constants and sizes only."""
    if t.op in ("constant", "size"):
        return t.ndim == 0
    return t.op in ("multiply", "divide") and all(
        o.op in ("constant", "size") and o.ndim == 0 for o in t.operands
    )


def fits(candidate: Tensor, t: Tensor) -> Tensor | None:
    """The candidate, if it has the shape and dtype of what it would replace."""
    return candidate if candidate.spec == t.spec else None


def free(t: Tensor) -> bool:
    """Whether a tensor is nothing but a part of one other value: nobody named or returns it."""
    return uses(t) == 1 and not t.graph.dag._node[t.name]["named"]


def uses(t: Tensor) -> int:
    """How often a tensor is an operand."""
    return sum(map(len, t.graph.dag._succ[t.name].values()))
