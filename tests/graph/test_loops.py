"""Loops and branches as nodes: what is traced, what is refused, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphdiff as gd

A = np.array([1, 2])


def counted(graph: gd.Graph, op: str) -> int:
    return sum(name == op for _, name in graph.dag.nodes(data="op"))


def network() -> gd.Graph:
    g = gd.Graph("net")
    x, W = g.input("x", ("t", 2)), g.parameter("W", (2, 2))

    def outer(h: Any, x: Any) -> Any:
        def inner(c: Any, _: Any) -> Any:
            return gd.cond(c[0] > 0, np.tanh, lambda c: c * W[0], c), None

        h, _ = gd.scan(inner, h @ W + x, length=2)
        return h, np.sum(h)

    _, ys = gd.scan(outer, np.zeros(2), x)
    g.output("J", np.mean(ys**2))
    return g


def test_plain_arrays_are_looped_over_at_once() -> None:
    carry, ys = gd.scan(lambda c, x: (c + x["a"], c * x["b"]), 1, {"a": A, "b": A + 2.0})
    assert carry == 4
    np.testing.assert_array_equal(ys, [3.0, 8.0])
    assert gd.fori(0, 0, lambda i, v: v * 2, 3.0) == 3.0
    assert gd.while_loop(lambda v: v[0] < 5, lambda v: (v[0] + 1, v[1] * 2), (0, 1.0))[1] == 32.0
    assert gd.cond(False, lambda: 1, lambda: 2) == 2
    empty, none = gd.scan(lambda c, x: (c, x * 2), 1.0, np.zeros((0, 3)))
    assert empty == 1.0
    assert none.shape == (0, 3)


def test_the_callers_arrays_stay() -> None:
    start, xs = np.zeros(2), np.ones((3, 2))

    def step(h: Any, x: Any) -> Any:
        h += x
        x *= 2
        return h, x

    for run in (gd.scan, gd.jit(gd.scan)):
        h, ys = run(step, start, xs)
        np.testing.assert_array_equal(h, [3, 3])
        np.testing.assert_array_equal(ys, 2 * np.ones((3, 2)))
        np.testing.assert_array_equal(start, [0, 0])
        np.testing.assert_array_equal(xs, np.ones((3, 2)))


def test_results_are_the_callers_own() -> None:
    f = gd.jit(lambda h, x: gd.scan(lambda h, x: ((x, h[0], h[0]), h[1]), (h, h, h), x)[0])
    h, xs = np.zeros(2), np.ones((1, 2))
    found = f(h, xs)
    for i, part in enumerate(found):
        part += i + 1
    np.testing.assert_array_equal(np.stack(found), [[2, 2], [2, 2], [3, 3]])
    np.testing.assert_array_equal(h, [0, 0])
    np.testing.assert_array_equal(xs, [[1, 1]])


def test_tensors_from_around_are_operands() -> None:
    g = network()
    assert counted(g, "scan") == 1
    (loop,) = [node for node, op in g.dag.nodes(data="op") if op == "scan"]
    assert g.operands(loop)[1:3] == ["x", "W"]
    assert not counted(g, "tanh")  # it is inside


def test_the_network_is_still_networkx() -> None:
    g = network()
    source = gd.compile(g).source
    assert gd.compile(gd.Graph.from_networkx(g.dag)).source == source
    assert gd.compile(g.copy()).source == source


def test_what_is_no_loop_is_refused() -> None:
    g = network()
    (loop,) = [node for node, op in g.dag.nodes(data="op") if op == "scan"]
    operands = [g[name] for name in g.operands(loop)]
    for changed, message in (
        ({"body": 3}, "no graph"),
        ({"carries": 2}, "not one slice a step"),
        ({"length": 7}, "not one slice a step"),
        ({"slices": 0}, "do not fit the body"),
    ):
        with pytest.raises(gd.GraphdiffError, match=message):
            g.apply("scan", operands, {**g.dag.nodes[loop]["params"], **changed})
    with pytest.raises(gd.GraphdiffError, match="no result 2"):
        g.apply("result", [g[loop]], {"index": 2})
    with pytest.raises(gd.DTypeError):
        g[loop] + 1.0


def test_files(tmp_path: Path) -> None:
    G = gd.gradient(network(), of="J")
    G.save(tmp_path / "net.json")
    assert gd.compile(gd.load(tmp_path / "net.json")).source == gd.compile(G).source


def test_numbers_take_the_dtype_of_what_is_carried() -> None:
    x = np.arange(3, dtype=np.float32)
    f = gd.jit(lambda x: gd.scan(lambda c, x: (c + x, c), 0.0, x))
    assert [value.dtype for value in f(x)] == [np.float32, np.float32]
    whole = gd.jit(lambda x: gd.scan(lambda c, x: (c + x, None), 0, x)[0])
    assert whole(np.array([0.5, 1.0])) == 1.5


@pytest.mark.parametrize("number", [0.0, 1])
def test_a_number_carried_divides_as_numpy_does(number: float) -> None:
    f = gd.jit(lambda x: gd.fori(0, 2, lambda i, c: x / c - x / c, number))
    with np.errstate(divide="ignore", invalid="ignore"):
        assert np.isnan(f(1.0))


def test_results_are_of_numpy() -> None:
    def f(x: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            nothing = x * 0.0 + 0.0
            one = 1.0 * np.ones_like(nothing)
            return one, one

        return gd.scan(step, 0.0, x), gd.cond(x[0] > 0, lambda: 1.0, lambda: 2.0)

    (carry, ones), number = gd.jit(f)(np.ones(2))
    assert type(carry) is type(number) is np.float64
    np.testing.assert_array_equal(ones, [1.0, 1.0])
    assert (
        type(gd.grad(lambda x: gd.cond(x > 0, np.sqrt, lambda x: 0.0 * x, x))(-4.0)) is np.float64
    )


def loops(x: Any) -> dict[str, Any]:
    """Mistakes, each with what its message says."""
    return {
        "shape in a step": lambda: gd.scan(lambda c, x: (c[None] + x, None), np.zeros(3), x),
        "dtype in a step": lambda: gd.scan(lambda c, x: (c > 0, None), np.zeros(3), x),
        "nested as the one": lambda: gd.scan(lambda c, x: ((c, c), None), np.zeros(3), x),
        "did not return a pair": lambda: gd.scan(lambda c, x: c, np.zeros(3), x),
        "differ in length": lambda: gd.scan(lambda c, x: (c, None), 0.0, (x, x[1:])),
        "no axis to loop over": lambda: gd.scan(lambda c, x: (c, None), 0.0, x[0, 0]),
        "nothing to loop over": lambda: gd.scan(lambda c, x: (c + np.sum(x), None), 0.0),
        "one truth value": lambda: gd.while_loop(lambda c: c > 0, lambda c: c, x),
        "cond takes one truth value": lambda: gd.cond(x > 0, np.sin, np.cos, x),
        "two branches differ": lambda: gd.cond(x[0, 0] > 0, np.sin, np.sum, x),
        "differently nested": lambda: gd.cond(x[0, 0] > 0, lambda x: (x,), lambda x: x, x),
        "gd.cond runs one of two": lambda: gd.scan(
            lambda c, x: (c if x[0] > 0 else -c, None), 0.0, x
        ),
        "not a number or an array": lambda: gd.scan(lambda c, x: (c, "no"), 0.0, x),
        "not an array or a number": lambda: gd.scan(lambda c, x: (c, x), "no", x),
        "a bound of fori": lambda: gd.fori(0, 2.5, lambda i, c: c, x),
    }


@pytest.mark.parametrize("message", loops(None))
def test_mistakes_name_the_line(message: str) -> None:
    def f(x: Any) -> Any:
        return loops(x)[message]()

    with pytest.raises(gd.GraphdiffError) as caught:
        gd.jit(f)(np.ones((4, 3)))
    assert message in str(caught.value)
    assert "test_loops.py:" in str(caught.value)


def test_a_value_does_not_leave_its_loop() -> None:
    kept: list[Any] = []

    def step(c: Any, x: Any) -> Any:
        kept.append(c)
        return c + x, None

    def f(x: Any) -> Any:
        total, _ = gd.scan(step, 0.0, x)
        return total + kept[0]

    with pytest.raises(gd.GraphError, match="returned from it"):
        gd.jit(f)(np.ones(3))


def test_an_array_from_around_is_not_assigned_to() -> None:
    def f(x: Any) -> Any:
        total = np.zeros_like(x)

        def step(c: Any, x: Any) -> Any:
            total[0] = c + x
            return c, None

        gd.scan(step, 0.0, x)
        return total

    with pytest.raises(gd.GraphError, match="carry it"):
        gd.jit(f)(np.ones(3))


def test_transforms_inside_a_body_read_from_around() -> None:
    w = np.array([0.5, -1.0])

    def f(w: Any, x: Any) -> Any:
        def step(c: Any, row: Any) -> Any:
            slope = gd.grad(lambda v: np.sum(np.sin(v * row) * w))(w)
            return c + slope, gd.jit(np.tanh)(row @ w)

        return gd.scan(step, np.zeros(2), x)

    x = np.arange(6.0).reshape(3, 2)
    carry, ys = gd.jit(f)(w, x)
    np.testing.assert_allclose(carry, sum(row * np.cos(w * row) * w for row in x))
    np.testing.assert_allclose(ys, np.tanh(x @ w))


def test_assignments_inside_a_body() -> None:
    def step(c: Any, x: Any) -> Any:
        row = np.zeros_like(c)
        row[1:] = c[:-1]
        row[0] = x
        return row, row.copy()

    carry, rows = gd.jit(lambda x: gd.scan(step, np.zeros(3), x))(np.arange(1.0, 5.0))
    np.testing.assert_array_equal(carry, [4, 3, 2])
    np.testing.assert_array_equal(rows[1], [2, 1, 0])


def test_a_plan_weighs_loops() -> None:
    G = gd.gradient(network(), of="J")
    small, large = (gd.plan(G, strategy="store", sizes={"t": t}) for t in (10, 1000))
    assert large.cost > 50 * small.cost
    assert large.peak_bytes > 50 * small.peak_bytes
    f = gd.compile(G, plan=small)
    given = {"x": np.ones((10, 2)), "W": np.eye(2)}
    for name, value in gd.compile(G)(**given).items():
        np.testing.assert_allclose(f(**given)[name], value)


def test_a_picture_shows_the_body(tmp_path: Path) -> None:
    g = gd.Graph()
    x, w = g.input("x", ("t",)), g.parameter("w")
    total, _ = gd.scan(lambda total, x: (total * w + x, None), 0.0, x)
    g.output("J", total)
    gd.draw(g, tmp_path / "loop.dot")
    assert "total ← total w + x" in (tmp_path / "loop.dot").read_text(encoding="utf-8")


def test_a_value_may_have_the_name_of_the_argument_that_it_replaces():
    g = gd.Graph()
    xs, W = g.input("xs", ("T", 2)), g.parameter("W", (2, 2))

    def step(h, x):
        h = np.tanh(h @ W + x).named("h")
        return h, h.sum()

    h, ys = gd.scan(step, g.input("h0", (2,)), xs)
    g.output("J", np.sum(h) + ys.sum())
    source = gd.compile(g, style="readable").source
    assert "        h = np.tanh(h @ W + xs[i])  # (2,)\n" in source
    with pytest.raises(gd.GraphError, match="the name 'W' is taken"):
        h.named("W")
