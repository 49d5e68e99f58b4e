"""Rules one by one: what they turn into, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ops import OPS
from graphdiff.rewrite import DEFAULT, algebra, prune, share, simplify
from graphdiff.rewrite.stabilise import stable_rules


def rewritten(build: Callable[..., Any], *shapes: tuple[int, ...]) -> tuple[str, gd.Graph]:
    """The code of the one output after all rewrites."""
    g = gd.Graph()
    tensors = [g.input("xyz"[i], shape) for i, shape in enumerate(shapes)]
    g.output("out", build(*tensors))
    f = gd.compile(g, style="readable")
    rng = np.random.default_rng(0)
    values = {"xyz"[i]: rng.normal(size=shape) for i, shape in enumerate(shapes)}
    plain = gd.compile(g, rewrites=())(**values)["out"]
    np.testing.assert_allclose(f(**values)["out"], plain, rtol=1e-15)
    source = f.source.split("def forward")[1]
    return source.split("return ")[1].split("\n")[0], f.graph


A, B = (3, 3), (3, 3)


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (lambda x: x + 0, "np.array(x)"),
        (lambda x: 0 + x, "np.array(x)"),
        (lambda x: x - 0, "np.array(x)"),
        (lambda x: 0 - x, "-x"),
        (lambda x: 1 * x, "np.array(x)"),
        (lambda x: x / 1, "np.array(x)"),
        (lambda x: x * -1, "-x"),
        (lambda x: x**1, "np.array(x)"),
        (lambda x: x**2, "x * x"),
        (lambda x: x * x, "x * x"),
        (lambda x: x + x, "2.0 * x"),
        (lambda x: np.negative(-x), "np.array(x)"),
        (lambda x: 2 * (x * 3), "6.0 * x"),
        (lambda x: (x / 4) * 2, "0.5 * x"),
        (lambda x: np.maximum(0, x), "np.maximum(x, 0.0)"),
        (lambda x: np.maximum(x, 0), "np.maximum(x, 0.0)"),
        (lambda x: np.where(x > 0, x, x), "np.array(x)"),
        (lambda x: np.where(np.logical_not(x > 0), x, -x), "np.where(x > 0.0, -x, x)"),
        (lambda x: x.T.T, "np.array(x)"),
        (lambda x: np.transpose(x.T, (0, 1)), "np.array(x.T)"),
        (lambda x: x.reshape(9).reshape(3, 3), "np.array(x)"),
        (lambda x: x.reshape(9).reshape(1, 9), "np.array(x.reshape((1, 9)))"),
        (lambda x: x.astype(np.float64), "np.array(x)"),
        (lambda x: np.broadcast_to(x, (3, 3)), "np.array(x)"),
        (lambda x: x + np.broadcast_to(x[0], (3, 3)), "x + x[0]"),
        (lambda x: x * (2.0 + 3.0), "x * 5.0"),
        (lambda x: np.sin(x) + np.sin(x), "2.0 * np.sin(x)"),
    ],
)  # fmt: skip
def test_one_operand(build: Callable[[Any], Any], code: str) -> None:
    assert rewritten(build, A)[0] == code


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (lambda x, y: x + (-y), "x - y"),
        (lambda x, y: (-x) + y, "y - x"),
        (lambda x, y: x - (-y), "x + y"),
        (lambda x, y: (-x) * y, "-(x * y)"),
        (lambda x, y: (-x) / (-y), "x / y"),
        (lambda x, y: -(x - y), "y - x"),
        (lambda x, y: (x.T @ y).T, "y.T @ x"),
        (lambda x, y: (x @ y).T, "(x @ y).T"),
        (lambda x, y: x @ y.T.T, "x @ y"),
        (lambda x, y: np.outer(x[0], y[0]).T, "np.outer(y[0], x[0])"),
    ],
)
def test_two_operands(build: Callable[[Any, Any], Any], code: str) -> None:
    assert rewritten(build, A, B)[0] == code


@pytest.mark.parametrize("build", [lambda x: x * 0.0, lambda x: x - x, lambda x: x / x])
def test_nan_and_infinity_are_not_argued_away(build: Callable[[Any], Any]) -> None:
    g = gd.Graph()
    g.output("out", build(g.input("x", (2,))))
    with np.errstate(all="ignore"):
        assert np.isnan(gd.compile(g)(x=[np.inf, np.nan])["out"]).all()


def test_shapes_and_dtypes_are_never_changed() -> None:
    g = gd.Graph()
    x = g.input("x", (3,), "float32")
    row, column = np.zeros((1, 3), np.float32), np.zeros((3, 1), np.float32)
    g.output("wider", x + np.zeros(3))  # float64
    g.output("row", x + row)
    g.output("square", x * np.ones_like(column))
    f = gd.compile(g)
    found = f(x=np.ones(3, np.float32))
    assert found["wider"].dtype == np.float64
    assert found["row"].shape == (1, 3)
    assert found["row"].dtype == np.float32
    assert found["square"].shape == (3, 3)


def test_common_subexpressions_are_computed_once() -> None:
    g = gd.Graph()
    x = g.input("x", (3,))
    g.output("out", np.tanh(x) * 2.0 + np.tanh(x) ** 3 + np.exp(x) * x + x * np.exp(x))
    ops = [op for _, op in share(g).dag.nodes(data="op")]
    assert ops.count("tanh") == ops.count("exp") == 1
    assert ops.count("multiply") == 2  # tanh(x) * 2, and x * exp(x) in either order


def test_zeros_of_both_signs_are_different_constants() -> None:
    g = gd.Graph()
    x = g.input("x")
    g.output("out", np.stack([x * 0.0, x * -0.0]))
    found = gd.compile(g)(x=1.0)["out"]
    np.testing.assert_array_equal(np.signbit(found), [False, True])


def test_dead_nodes_go_and_arguments_stay() -> None:
    g = gd.Graph()
    x, unused = g.input("x"), g.input("unused")
    np.tanh(unused)
    g.output("out", np.exp(x))
    assert set(prune(g).dag) == {"x", "unused", "out"}


def test_a_pass_leaves_its_argument_alone() -> None:
    g = gd.Graph()
    x = g.input("x", (3,))
    g.output("out", np.maximum(0, np.negative(-x)) + 0.0 * np.tanh(x) + np.tanh(x))
    before = {node: dict(data) for node, data in g.dag.nodes(data=True)}
    edges = sorted(g.dag.edges(keys=True))
    for rewrite in DEFAULT:
        rewrite(g)
        assert {node: dict(data) for node, data in g.dag.nodes(data=True)} == before
        assert sorted(g.dag.edges(keys=True)) == edges


def test_the_users_names_survive() -> None:
    g = gd.Graph()
    x = g.input("x", (3,))
    h = np.maximum(0, x).named("h")
    g.output("out", (h * 1.0).named("scaled") + 2.0)
    result = simplify(g)
    assert "h" in result.dag
    assert result.dag.nodes["h"]["op"] == "relu"


def test_every_rule_says_what_it_does() -> None:
    for op in OPS:
        for rule in (*stable_rules(op, tuple(OPS)), *algebra.algebraic_rules(op, tuple(OPS))):
            assert rule.__doc__
            assert rule.__doc__.strip().endswith(".")


def test_the_report_counts_rules() -> None:
    g = gd.Graph()
    x = g.input("x", (3,))
    g.output("out", np.maximum(0, x) ** 2)
    report = gd.compile(g).report()
    assert report.rewrites == {"name_relu": 1, "square_power": 1}
    assert "name_relu ×1" in str(report)
