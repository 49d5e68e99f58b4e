"""Derivatives through `np.where`: zeros of branches not taken, and where there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphdiff as gd

AT = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])


def source_of(f: Any) -> str:
    g = gd.Graph()
    x = g.input("x", ("n",))
    g.output("J", np.sum(f(x)))
    return gd.compile(gd.gradient(g, of="J", wrt="x"), style="readable").source


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: np.where(x > 0, np.sqrt(x), 0.0), [0, 0, 0, 0.5**0.5, 0.5 * 0.5**0.5]),
        (lambda x: np.where(x > 0, np.log(x), x), [1, 1, 1, 2, 0.5]),
        (
            lambda x: np.where(x > 0, x, np.where(x > 0, 0.0, np.exp(x))),
            [np.exp(-2), np.exp(-0.5), 1, 1, 1],
        ),
        # The inner choice is complete, the outer one is not: what that leaves out stays 0.
        (
            lambda x: np.where(x > 0, np.sqrt(np.where(x > 1, x, 2 * x)), 0.0),
            [0, 0, 0, 1, 0.5 * 0.5**0.5],
        ),
        # Both branches lead to x, but not to the same element of it.
        (
            lambda x: np.where(x > 0, np.sqrt(x), x[::-1] ** 2),
            [0, 0, 0, 0.5**0.5 + 1, 0.5 * 0.5**0.5 + 4],
        ),
    ],
)
def test_slopes(f: Any, slope: list[float]) -> None:
    with np.errstate(all="ignore"):
        found = gd.grad(lambda x: np.sum(f(x)))(AT)
    np.testing.assert_allclose(found, slope, rtol=1e-14)


@pytest.mark.parametrize("unit", [gd.nn.leaky_relu, gd.nn.elu])
def test_where_one_of_two_branches_is_always_taken_no_zero_is_looked_for(unit: Any) -> None:
    code = source_of(lambda x: unit(x / np.sqrt(np.mean(x**2))))
    assert "== 0.0" not in code
    assert code.partition("# gradient")[2].count("np.where(") == 1


def test_a_zero_is_looked_for_where_a_branch_may_leave_one() -> None:
    assert "== 0.0" in source_of(lambda x: np.where(x > 0, x / np.sqrt(np.mean(x**2)), 0.0))


def test_whole_powers_need_no_such_look() -> None:
    code = source_of(lambda x: np.where(x > 0, (x - 1) ** 2, 0.0))
    assert "== 0.0" not in code.partition("# gradient")[2]
    assert "== 0.0" not in source_of(
        lambda x: np.sum(np.where(x > 0, x, 0.0)[:, None] ** 3, axis=1)
    )
