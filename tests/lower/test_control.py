"""The source of loops and branches: nothing is unrolled, and it reads as if written by hand."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphdiff as gd


def rnn() -> gd.Graph:
    g = gd.Graph("rnn")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    W, U, b = g.parameter("W", (2, 3)), g.parameter("U", (3, 3)), g.parameter("b", (3,))
    v = g.parameter("v", (3,))

    def step(h: Any, x: Any) -> Any:
        h = np.tanh(x @ W + h @ U + b)
        return h, h

    _, hs = gd.scan(step, np.zeros(3), x)
    g.output("J", np.mean((hs @ v - y) ** 2))
    return g


ALONE = """
    hs = np.empty((t, 3))
    h = np.zeros(3)
    for i in range(t):
        h = np.tanh(x[i] @ W + h @ U + b)  # (3,)
        hs[i] = h
"""

FORWARD = """
    h_states = np.empty((t + 1, 3))
    h_before, hs = h_states[:-1], h_states[1:]
    h = np.zeros(3)
    h_states[0] = h
    for i in range(t):
        h = np.tanh(x[i] @ W + h @ U + b)  # (3,)
        hs[i] = h
"""

BACK = """
    dJ_dh = np.zeros(3)
    dJ_dW = np.zeros((2, 3))
    dJ_dU = np.zeros((3, 3))
    dJ_db = np.zeros(3)
    for i in reversed(range(t)):
        dJ_da = (dJ_dh + dJ_dhs[i]) * (1.0 - np.square(hs[i]))  # (3,)
        dJ_dh = U @ dJ_da
        dJ_dW += np.outer(x[i], dJ_da)
        dJ_dU += np.outer(h_before[i], dJ_da)
        dJ_db += dJ_da
"""


def source_of(f: Any, *args: Any) -> str:
    """The body of the generated function."""
    text = gd.jit(f).source(*args)
    return text.split("def forward")[1].split("\n\n", 1)[-1]


def test_a_recurrent_network_and_its_gradient() -> None:
    source = gd.compile(gd.gradient(rnn(), of="J"), style="readable").source
    alone, both = source.split("def value_and_grad")
    assert ALONE in alone
    assert FORWARD in both
    assert BACK in both
    assert "hs, h_before = scan(h ← tanh(x W + h U + b))" in source


def test_the_file_checks_itself_without_graphdiff(tmp_path: Path) -> None:
    path = tmp_path / "rnn.py"
    gd.compile(gd.gradient(rnn(), of="J"), style="readable").save(path)
    result = subprocess.run(
        [sys.executable, "-I", "-W", "error", path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    errors = [float(line.rsplit(" ", 1)[1]) for line in result.stdout.splitlines()]
    assert len(errors) == 4
    assert max(errors) < 1e-8


def test_the_same_graph_gives_the_same_bytes() -> None:
    first, second = (
        gd.compile(gd.gradient(rnn(), of="J"), style="readable").source for _ in range(2)
    )
    assert first == second


def test_carries_change_places_at_once() -> None:
    text = source_of(lambda a, b: gd.fori(0, 5, lambda i, c: (c[1], c[0] + c[1]), (a, b)), 0.0, 1.0)
    assert "for _ in range(5):\n" in text
    assert "c_0, c_1 = c_1, c_0 + c_1" in text


def test_loops_in_loops_and_branches() -> None:
    def f(x: Any, n: Any) -> Any:
        def outer(total: Any, row: Any) -> Any:
            def inner(c: Any, e: Any) -> Any:
                return gd.cond(e > 0, lambda: c + e, lambda: c * 0.5), None

            c, _ = gd.scan(inner, total, row)
            return gd.while_loop(lambda c: abs(c) > n, lambda c: c / 2, c), c

        return gd.scan(outer, 0.0, x)

    text = source_of(f, np.ones((4, 3)), 2.0)
    for line in (
        "\n    for i in range(4):\n",
        "\n        for j in range(3):\n",
        "\n            if e > 0.0:\n                c = c + e\n",
        "\n            else:\n                c = c * 0.5\n",
        "\n        while np.abs(total) > n:\n            total = total / 2.0\n",
    ):
        assert line in text, text
    x = np.random.default_rng(0).normal(size=(4, 3))
    total, last = 0.0, []
    for row in x:
        for e in row:
            total = total + e if e > 0 else total * 0.5
        last.append(total)
        while abs(total) > 0.1:
            total /= 2
    found = gd.jit(f)(x, 0.1)
    np.testing.assert_allclose(found[0], total)
    np.testing.assert_allclose(found[1], last)


def test_what_nobody_reads_is_not_computed() -> None:
    def f(x: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            a, b = carry
            return (a + x, b * np.sin(x)), (np.exp(a), np.cos(b))

        (a, _), _ = gd.scan(step, (0.0, 1.0), x)
        return a

    text = source_of(f, np.ones(3))
    assert "sin" not in text
    assert "np.empty" not in text


def forward_mode(f: Any, x: Any) -> str:
    return gd.jit(lambda x, v: gd.jvp(f, (x,), (v,))).source(x, np.ones_like(x))


def test_forward_mode_is_one_loop() -> None:
    text = forward_mode(
        lambda x: gd.scan(lambda c, x: (np.sin(c * x), None), 1.0, x)[0], np.ones(3)
    )
    assert text.count("for ") == text.count("for i in range(3):") == 1
    assert "np.empty" not in text
    text = forward_mode(lambda x: gd.fori(0, 4, lambda i, c: np.sin(c) + i, x), np.ones(3))
    assert text.count("for ") == text.count("for i in range(4):") == 1
    root = lambda a: gd.while_loop(lambda x: x * x > a, lambda x: (x + a / x) / 2, a)  # noqa: E731
    assert forward_mode(root, 4.0).count("while ") == 1
    text = forward_mode(lambda x: gd.cond(x > 0, np.sin, np.cos, x), 1.0)
    assert text.count("if ") == 1


def test_equal_loops_become_one_and_others_do_not() -> None:
    def f(x: Any, k: float) -> Any:
        return gd.scan(lambda c, x: (np.sin(c * k + x), None), 0.0, x)[0]

    x = np.ones(3)
    assert source_of(lambda x: f(x, 2.0) * f(x, 2.0), x).count("for ") == 1
    assert source_of(lambda x: f(x, 2.0) * f(x, 3.0), x).count("for ") == 2


def test_the_rules_run_inside() -> None:
    text = source_of(
        lambda x: gd.scan(lambda c, x: (c + np.log(1 + x) * 1.0, None), 0.0, x)[0], np.ones(3)
    )
    assert "c += np.log1p(x[i])" in text


def test_arrays_that_a_body_reads() -> None:
    table = np.arange(6.0).reshape(3, 2)
    f = gd.jit(lambda x: gd.scan(lambda c, x: (c @ table.T @ table + x, None), np.zeros(2), x)[0])
    x = np.ones((2, 2))
    np.testing.assert_allclose(f(x), x[0] @ table.T @ table + x[1])


def test_a_variable_is_no_part_of_a_string_and_no_keyword() -> None:
    """The names ``j`` and ``axis`` stand in the code otherwise, too."""

    def f(A: Any, x: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            first, second = carry
            j = np.einsum("ij,j->i", A, first) + x
            axis = np.sum(np.outer(second, j), axis=0)
            return (j, axis), None

        return gd.scan(step, (np.zeros(2), np.ones(2)), x)[0]

    A, x = np.arange(4.0).reshape(2, 2), np.ones((3, 2))
    first, second = np.zeros(2), np.ones(2)
    for row in x:
        first = A @ first + row
        second = np.sum(second) * first
    found = gd.jit(f)(A, x)
    np.testing.assert_allclose(found[0], first)
    np.testing.assert_allclose(found[1], second)


def test_a_side_that_changes_nothing_is_left_out() -> None:
    def f(x: Any, side: str) -> Any:
        def step(c: Any, x: Any) -> Any:
            sides = [lambda c: c + x, lambda c: c]
            return gd.cond(x > 0, *(sides if side == "then" else sides[::-1]), c), None

        return gd.scan(step, 0.0, x)[0]

    x = np.array([1.0, -2.0, 3.0])
    then = gd.jit(lambda x: f(x, "then"))
    lines = "        if x_ > 0.0:\n            c = c + x_\n    return c"
    assert lines in then.source(x)
    assert then(x) == 4.0
    other = gd.jit(lambda x: f(x, "otherwise"))
    assert "            pass\n        else:\n            c = c + " in other.source(x)
    assert other(x) == -2.0


def test_lengths_are_formulas_in_the_names_of_the_program() -> None:
    g = gd.Graph()
    x = g.input("x", ("t",))
    t = g.input("t")
    _, ys = gd.scan(lambda c, pair: (c + pair[0] * t, c - pair[1]), 0.0, (x[1:], x[:-1]))
    g.output("y", ys)
    f = gd.compile(g, style="readable")
    assert "range(t_2 - 1)" in f.source or "range(t2 - 1)" in f.source
    given = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(f(x=given, t=3.0)["y"], [-1.0, 4.0])


def test_parts_of_a_carry_are_called_as_their_successors() -> None:
    def f(x: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            speed, angle = carry
            speed = speed - 0.1 * np.sin(angle) + x
            angle = angle + speed
            return (speed, angle), None

        return gd.scan(step, (0.0, 1.0), x)[0][1]

    text = source_of(f, np.ones(4))
    assert "speed = speed - 0.1 * np.sin(angle) + x[i]" in text
    assert "angle = angle + speed" in text


def test_slices_that_are_all_the_same_are_one_value() -> None:
    def f(w: Any, x: Any) -> Any:
        return np.mean(gd.scan(lambda h, x: (np.sin(h @ w + x), h), np.zeros(2), x)[1])

    w, x = np.ones((2, 2)), np.linspace(0, 1, 6).reshape(3, 2)
    slope = gd.grad(f)
    text = slope.source(w, x)
    assert "np.ones" not in text
    assert "np.full" not in text
    step = 1e-6 * np.array([[1.0, 0.0], [0.5, -1.0]])
    change = gd.jit(f)(w + step, x) - gd.jit(f)(w - step, x)
    np.testing.assert_allclose(np.sum(slope(w, x) * step), change / 2, rtol=1e-6)


def test_the_counter_has_the_users_name() -> None:
    text = source_of(lambda x: gd.fori(0, 3, lambda step, c: c * step, x), 1.0)
    assert "for step in range(3):" in text


def test_ten_thousand_steps() -> None:
    def f(w: Any, x: Any) -> Any:
        return np.sum(gd.scan(lambda c, x: (np.sin(c * w + x), c), 0.0, x)[1])

    times = {}
    for length in (10, 10_000):
        slope = gd.grad(f)
        start = time.perf_counter()
        text = slope.source(0.5, np.zeros(length))
        times[length] = time.perf_counter() - start
        assert text.count("\n") < 60
    assert times[10_000] < 5 * times[10] + 0.05
    x = np.linspace(0, 1, 10_000)
    step = 1e-6
    wanted = (gd.jit(f)(0.5 + step, x) - gd.jit(f)(0.5 - step, x)) / (2 * step)
    np.testing.assert_allclose(gd.grad(f)(0.5, x), wanted, rtol=1e-6)


def test_a_side_whose_results_read_one_another() -> None:
    """The exponential is a result of the branch and is in its tangent, called after the result."""

    def f(x: Any) -> Any:
        return gd.cond(x > 0, lambda x: np.exp(-x * x), lambda x: x, x)

    value, slope = gd.jvp(lambda x: gd.grad(lambda x: f(x) * 2.0)(x) + f(x), (0.5,), (1.0,))
    y = np.exp(-0.25)
    np.testing.assert_allclose(value, -2.0 * y + y)
    np.testing.assert_allclose(slope, 2 * (-2.0 + 4 * 0.25) * y - y)
    np.testing.assert_allclose(gd.jvp(f, (0.5,), (1.0,)), (y, -y))


def test_a_side_whose_results_are_the_same_value() -> None:
    """The cotangents of a sum's operands: one value, which is each of the two results."""

    def f(a: Any, b: Any) -> Any:
        return gd.cond(a > 0, lambda a, b: np.sin(a + b), lambda a, b: a * b, a, b)

    np.testing.assert_allclose(gd.grad(f, (0, 1))(0.5, 2.0), np.cos([2.5, 2.5]))
    np.testing.assert_allclose(gd.grad(f, (0, 1))(-0.5, 2.0), [2.0, -0.5])


def test_a_state_that_becomes_another_one_is_stacked_once() -> None:
    """The old state of ``b`` is that of ``a`` after the step: one array cannot have both."""

    def f(w: Any, x: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            a, b = carry
            return (b, np.tanh(np.outer(b, a) @ a + w * row)), np.cos(b) + row

        (a, b), ys = gd.scan(step, (np.zeros_like(w), np.tanh(w)), x)
        return np.sum(a * b) + np.sum(ys * x)

    w, x = np.array([0.3, -0.4, 0.9]), np.cos(np.arange(15.0)).reshape(5, 3)
    for value in ("np.nan", "1.0"):  # what the arrays that the code makes begin with
        G = gd.gradient(gd.trace(f, w, x), of="out", wrt=["w", "x"])
        scope: dict[str, Any] = {}
        source = gd.compile(G, style="readable").source
        exec(source.replace("np.empty(", f"np.full(fill_value={value}, shape="), scope)
        np.testing.assert_array_equal(
            scope["value_and_grad"](w, x)[1]["w"], gd.grad(f)(w, x), err_msg=source
        )
    gd.check_gradients(f, (w, x))


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("planned", [False, True])
def test_a_long_step_is_written_in_lines_that_fit(style: str, planned: bool) -> None:
    """Python takes no more than 200 brackets in one another; a reader no more than 100 columns."""

    def f(x: Any) -> Any:
        def step(h: Any, _: Any) -> Any:
            for _ in range(250):
                h = np.sin(h) * 1.01
            return h, h

        h, every = gd.scan(step, x, length=2)
        return np.sum(h * every)

    x = np.array([0.3, 0.7])
    g = gd.trace(f, x)
    G = gd.gradient(g, of="out", wrt=["x"])
    plan = gd.plan(G, strategy="store") if planned else None
    compiled = gd.compile(G, style=style, plan=plan)
    assert max(map(len, compiled.source.split("\n"))) <= 100
    h, every = x, []
    for _ in range(2):
        for _ in range(250):
            h = np.sin(h) * 1.01
        every.append(h)
    plain = np.sum(h * np.stack(every))
    assert compiled(x=x)["out"] == pytest.approx(plain, rel=1e-12)
    assert gd.grad(f)(x) == pytest.approx(compiled(x=x)["dout/dx"], rel=1e-12)
