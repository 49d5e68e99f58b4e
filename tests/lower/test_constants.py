"""Constants that meet constants only: written as numbers, computed as NumPy would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphdiff as gd

VALUES = [0, -3, 2.5, -0.0, np.inf, np.nan, True, 1 + 2j]
METHODS: dict[str, Callable[[Any], Any]] = {
    "astype": lambda c: c.astype("complex128"),
    "reshape": lambda c: c.reshape(1, 1),
    "flatten": lambda c: c.flatten(),
    "new axis": lambda c: c[None],
    "stack": lambda c: np.stack([c, c]),
    "repeat": lambda c: np.broadcast_to(c, (2, 3)),
    "real": np.real,
    "sum": np.sum,
    "sums": np.cumsum,
    "round": np.round,
    "is it nan": np.isnan,
}
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "quotient": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "quotient of results": lambda a, b: (a * 2.0) / (b * 1.0),
    "power of results": lambda a, b: (a * 2.0) ** (b + 0.0),
}


def with_constants(function: Callable[..., Any], *values: Any) -> gd.Graph:
    g = gd.Graph("constants")
    x = g.input("x", ())
    result = function(*(g.constant(value) for value in values))
    g.output("alone", result)
    g.output("met", x + result)
    return g


def agree(g: gd.Graph, wanted: Any) -> None:
    for options in ({"rewrites": ()}, {"plan": gd.plan(g, "store")}, {}):
        for style in ("readable", "fast"):
            with np.errstate(all="ignore"):
                found = gd.compile(g, style=style, **options)(x=1.0)
            np.testing.assert_array_equal(found["alone"], wanted)
            np.testing.assert_array_equal(found["met"], 1.0 + wanted)


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_constant_has_the_methods_of_an_array(method: Callable[[Any], Any], value: Any) -> None:
    agree(with_constants(method, value), method(np.asarray(value)))


@pytest.mark.parametrize("values", [(1.0, 0.0), (-8.0, 1 / 3), (10.0, 400.0), (0.0, -1.0)])
@pytest.mark.parametrize("function", ARITHMETIC.values(), ids=ARITHMETIC)
def test_arithmetic_of_constants_is_that_of_numpy(
    function: Callable[[Any, Any], Any], values: tuple[float, float]
) -> None:
    with np.errstate(all="ignore"):
        wanted = function(*map(np.float64, values))
    agree(with_constants(function, *values), wanted)
