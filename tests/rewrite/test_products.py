"""The order of matrix products: fewer operations where that is sure, and the same numbers."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.rewrite import STABLE

RNG = np.random.default_rng(0)


def code(build: Any, **shapes: tuple[Any, ...]) -> str:
    """The code of one result."""
    g = gd.Graph()
    g.output("out", build(*(g.input(name, shape) for name, shape in shapes.items())))
    source = gd.compile(g, style="readable").source.split("def forward")[1]
    return source.split("return ")[1].split("\n")[0]


N = ("n", "n")


@pytest.mark.parametrize(
    ("build", "shapes", "expected"),
    [
        (lambda A, B, x: A @ B @ x, {"A": N, "B": N, "x": ("n",)}, "A @ (B @ x)"),
        (lambda A, B, x: x @ (A @ B), {"A": N, "B": N, "x": ("n",)}, "x @ A @ B"),
        (lambda A, B, C: A @ B @ C, {"A": N, "B": N, "C": N}, "A @ B @ C"),
        # as many examples as there may be: neither order is better for all numbers of them
        (lambda A, B, x: x @ (A @ B), {"A": N, "B": N, "x": ("t", "n")}, "x @ (A @ B)"),
        (lambda A, B, x: A @ B @ x, {"A": (9, 2), "B": (2, 9), "x": (9, 9)}, "A @ (B @ x)"),
        (lambda A, B, x: A @ (B @ x), {"A": (2, 9), "B": (9, 2), "x": (2, 9)}, "A @ B @ x"),
        (lambda A, B, x: A @ B @ x, {"A": ("s", 9, 2), "B": (2, 9), "x": (9,)}, "A @ B @ x"),
    ],
)
def test_what_is_written(build: Any, shapes: dict[str, Any], expected: str) -> None:
    assert code(build, **shapes) == expected


@pytest.mark.parametrize("sizes", list(product((1, 3, 8), repeat=4)))
def test_of_three_matrices_the_cheaper_order_is_taken(sizes: tuple[int, ...]) -> None:
    m, k, n, r = sizes
    values = [RNG.normal(size=shape) for shape in ((m, k), (k, n), (n, r))]
    for build in (lambda A, B, C: A @ B @ C, lambda A, B, C: A @ (B @ C)):
        g = gd.Graph()
        tensors = [g.input(name, v.shape) for name, v in zip("ABC", values, strict=True)]
        g.output("out", build(*tensors))
        f = gd.compile(g)
        flops = [
            2 * f.graph.spec(a).size * f.graph.spec(node).shape[-1]
            for node in f.graph.order()
            if f.graph.op(node).name == "matmul"
            for a in f.graph.operands(node)[:1]
        ]
        assert sum(flops) == 2 * min(m * k * n + m * n * r, k * n * r + m * k * r)
        np.testing.assert_allclose(
            f(**dict(zip("ABC", values, strict=True)))["out"],
            np.linalg.multi_dot(values), rtol=1e-12, atol=1e-13,
        )  # fmt: skip


def test_the_gradient_of_a_chain_is_back_propagation() -> None:
    """Declared as one product of matrices, differentiated as a network of layers."""
    g = gd.Graph("chain")
    x = g.input("x", (5,))
    W1, W2, W3 = (g.parameter(f"W{i}", (5, 5)) for i in (1, 2, 3))
    g.output("J", np.sum((W3 @ W2 @ W1 @ x) ** 2))
    G = gd.gradient(g, of="J")
    source = gd.compile(G, style="readable").source.partition("# forward")[2]
    body = source.partition("if __name__")[0]
    assert "W2 @ W1" not in body
    assert body.count("np.outer(") == 3
    assert G.dag.graph["rewrites"]["order_products"] == 2
    as_written = gd.compile(gd.gradient(g, of="J", rewrites=()), rewrites=())
    values = {"x": RNG.normal(size=5), **{f"W{i}": RNG.normal(size=(5, 5)) for i in (1, 2, 3)}}
    expected = as_written(**values)
    for name, found in gd.compile(G)(**values).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-12)


def test_a_product_that_is_named_or_used_again_stays() -> None:
    g = gd.Graph()
    A, B, x = g.input("A", N), g.input("B", N), g.input("x", ("n",))
    named = (A @ B).named("both")
    other = B @ A
    g.output("named", named @ x)
    g.output("used", np.sum(other) + other @ x)
    source = gd.compile(g, style="readable").source
    assert "both = A @ B" in source
    assert source.split("# ")[0].count("B @ (A") == 0
    assert [p.__name__ for p in STABLE] == ["stabilise", "order"]
