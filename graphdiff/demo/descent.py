"""Gradient descent with a generated function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
ValueAndGrad = Callable[..., tuple[Any, dict[str, Array]]]


def step(
    value_and_grad: ValueAndGrad,
    data: Mapping[str, Array],
    values: Mapping[str, Array],
    rate: float,
) -> tuple[float, dict[str, Array]]:
    """The cost, and the parameters after one step against the gradient."""
    cost, gradients = value_and_grad(**data, **values)
    return float(cost), {name: values[name] - rate * gradients[name] for name in values}


def descend(
    value_and_grad: ValueAndGrad,
    data: Mapping[str, Array],
    values: Mapping[str, Array],
    rate: float,
    steps: int,
    enough: float = 0.0,
) -> tuple[float, dict[str, Array]]:
    """The cost and the parameters after many steps, or after the cost is small enough."""
    cost, found = float("inf"), dict(values)
    for _ in range(steps):
        cost, found = step(value_and_grad, data, found, rate)
        if cost <= enough:
            break
    return cost, found
