"""Scalar factors come together, exactly where only powers of two and integers are involved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphdiff as gd

RNG = np.random.default_rng(0)


def code(build: Callable[..., Any], *shapes: tuple[Any, ...], exact: bool = True) -> str:
    """The code of the one output after all rewrites; its value is compared with the plain one's."""
    g = gd.Graph()
    tensors = [g.input("xyz"[i], shape) for i, shape in enumerate(shapes)]
    g.output("out", build(*tensors))
    f = gd.compile(g, style="readable")
    values = {
        "xyz"[i]: RNG.normal(size=[3 if part == "t" else part for part in shape])
        for i, shape in enumerate(shapes)
    }
    plain = gd.compile(g, rewrites=())(**values)["out"]
    np.testing.assert_allclose(f(**values)["out"], plain, rtol=0.0 if exact else 1e-14)
    return f.source.split("def forward")[1].split("return ")[1].split("\n")[0]


A, ROW = ("t", 4), (4,)


@pytest.mark.parametrize(
    ("build", "shapes", "expected"),
    [
        (lambda x, y: 2 * (2 * x * y), (A, A), "4.0 * x * y"),
        (lambda x, y: 2 * (x * (4 * y)), (A, A), "8.0 * x * y"),
        (lambda x, y: x * (2 * y), (A, A), "2.0 * x * y"),
        (lambda x, y: (x / 8) * (2 * y), (A, A), "0.25 * x * y"),
        (lambda x, y: (x / 8) * (y / 2), (A, A), "0.0625 * x * y"),
        (lambda x, y: (2 * x / y) * 2, (A, A), "4.0 * x / y"),
        (lambda x, y: 2 * (2 * (2 * x / y)), (A, A), "8.0 * x / y"),
        (lambda x, y: x * (2 * y), (ROW, A), "2.0 * x * y"),  # on the smaller of the two
        (lambda x, y: x * (2 * y), (A, ROW), "x * (2.0 * y)"),
        (lambda x, y: (4 * x) * (2 * y), (A, ROW), "x * (8.0 * y)"),
        (lambda x, y: (x / y) * (2 * y), (A, A), "2.0 * (x / y) * y"),
        (lambda x: x / x.shape[1] * 2, (A,), "0.5 * x"),
        (lambda x: 2 * x / x.size, (A,), "(1.0 / (2 * t)) * x"),
        (lambda x: 6 * x / x.size, (A,), "(3.0 / (2 * t)) * x"),
        (lambda x: 3 * x / x.size, (A,), "(3.0 / (4 * t)) * x"),
        (lambda x: 2.5 * x / x.size, (A,), "(2.5 / (4 * t)) * x"),
    ],
)
def test_what_is_written(
    build: Callable[..., Any], shapes: tuple[tuple[Any, ...], ...], expected: str
) -> None:
    assert code(build, *shapes, exact=build.__code__.co_argcount == 2) == expected


def test_a_factor_that_could_overflow_stays_where_it_is() -> None:
    assert code(lambda x, y: x * (1e300 * y), A, A) == "x * (1e+300 * y)"


def test_what_the_user_named_or_uses_twice_is_kept() -> None:
    g = gd.Graph()
    x, y = g.input("x", A), g.input("y", A)
    named = (2 * y).named("twice")
    shared = 2 * x
    g.output("out", x * named)
    g.output("other", y * shared + shared)
    source = gd.compile(g, style="readable").source
    assert "twice = 2.0 * y" in source
    assert source.count("2.0 * x") == 1


@pytest.mark.parametrize("sizes", [(1,), (3,), (7,), (48,), (1000003,)])
def test_a_reduced_fraction_has_the_same_bits(sizes: tuple[int]) -> None:
    (t,) = sizes
    for numerator, multiple in ((2, 2), (2, 48), (6, 4), (12, 18)):
        assert numerator / (multiple * t) == np.divide(numerator, multiple * t)
        common = np.gcd(numerator, multiple)
        assert numerator / (multiple * t) == (numerator // common) / (multiple // common * t)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x: np.sum(-x), "-np.sum(x)"),
        (lambda x: np.mean(-x, axis=0), "-np.mean(x, axis=0)"),
        (lambda x: 1 - np.sum(-np.tanh(x), axis=1), "1.0 + np.sum(np.tanh(x), axis=1)"),
    ],
)
def test_signs_come_out_of_sums(build: Callable[[Any], Any], expected: str) -> None:
    assert code(build, A) == expected


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x, y: x - (-2.0) * y, "x + 2.0 * y"),
        (lambda x, y: x + (-2.0) * y, "x - 2.0 * y"),
        (lambda x, y: (-2.0) * x + y, "y - 2.0 * x"),
        (lambda x, y: x - (-1.0) * y / y.shape[0], "x + y / t"),
        (lambda x, y: x - 2.0 * y, "x - 2.0 * y"),
    ],
)
def test_factors_are_positive(build: Callable[..., Any], expected: str) -> None:
    assert code(build, A, A) == expected


def test_in_a_gradient_the_factor_stands_first_and_else_where_the_user_put_it() -> None:
    g = gd.Graph()
    x = g.input("x", A)
    g.output("J", np.sum(np.where(x > 0, np.sin(x) * 0.25, x)))
    source = gd.compile(gd.gradient(g, of="J", wrt="x"), style="readable").source
    forward, _, backward = source.partition("def value_and_grad")[2].partition("# gradient")
    assert "np.sin(x) * 0.25" in forward
    assert "0.25 * np.cos(x)" in backward
