"""Assignment in place: a traced function gives what the same function gives with plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd
from tests.reference import run


def items(x: Any) -> Any:
    x = x.copy()
    x[0] = 5.0
    x[1, 2] = x[0, 0]
    x[:, -1] = x[:, 0] * 2.0
    x[::2, 1:] = [1.0, 2.0, 3.0]
    x[...] = x + 1.0
    return x


def operators(x: Any) -> Any:
    y = x * 1.0
    z = y
    y += 1.0
    y *= x
    y[0] -= 3.0
    y[1:] /= 2.0
    y **= 2
    return y + z


def earlier(x: Any) -> Any:
    y = x + 0.0
    before = y * 2.0
    y[:] = 0.0
    return before + y


def names(x: Any) -> Any:
    y = x + 0.0
    z, w = y, y.copy()
    y[0] = 7.0
    return z - w


def scalars(x: Any) -> Any:
    total = np.sum(x)
    first = total
    total += 1.0
    item = x[0, 0]
    item *= 2.0
    return x * first + total + item


def out(x: Any) -> Any:
    y = np.zeros_like(x)
    z = y
    np.add(x, 1.0, out=y)
    np.multiply(y, y, out=y)
    return z + np.exp(y * 0.1, out=y)


def views(x: Any) -> Any:
    y = x + 0.0
    row, column, turned, back = y[1], y[:, 0], y.T, y[::-1]
    wide, narrow = row[None], np.squeeze(y[:1], axis=0)
    y[1, 0] = 10.0
    row[1] = 20.0
    turned[2] = 30.0
    column += 1.0
    back[0, 1] = 40.0
    wide[0, 2] = 50.0
    narrow[0] = 60.0
    inner = turned[:2][:, 1]
    inner *= 2.0
    return y + row + column[0] + turned.T + back + wide + narrow


def shapes(x: Any) -> Any:
    y = (x + 0.0).reshape(4, 3).copy()
    y[0] = 1.0
    flat = y.flatten()
    flat[1] = 2.0
    return y.ravel() * flat


def masks(x: Any) -> Any:
    y = x + 0.0
    y[y > 0.2] = 0.0
    y[y[:, 0] < 0] = -1.0
    return y


def loops(x: Any) -> Any:
    y = np.zeros_like(x)
    y[0] = x[0]
    for i in range(1, x.shape[0]):
        y[i] = 0.5 * y[i - 1] + x[i]
    return y


PROGRAMS = [
    items, operators, earlier, names, scalars, out, views, shapes, masks, loops
]  # fmt: skip
X = np.random.default_rng(3).normal(size=(3, 4))


@pytest.mark.parametrize("f", PROGRAMS)
def test_the_same_as_with_plain_arrays(f: Any) -> None:
    before = X.copy()
    g = gd.trace(f, X)
    np.testing.assert_array_equal(run(g, x=X)["out"], f(X))
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("f", PROGRAMS)
def test_gradients_equal_differences(f: Any) -> None:
    weights = np.arange(f(X).size, dtype=float).reshape(f(X).shape)

    def cost(x: Any) -> Any:
        return np.sum(f(x) * weights)

    found = gd.grad(cost)(X)
    for index in np.ndindex(X.shape):
        step = np.zeros_like(X)
        step[index] = 1e-6
        wanted = (cost(X + step) - cost(X - step)) / 2e-6
        assert found[index] == pytest.approx(wanted, rel=1e-6, abs=1e-6)


STEPS = (
    lambda a, b, v: a.__setitem__(slice(1, None), v),
    lambda a, b, v: a.__setitem__((0, 1), v),
    lambda a, b, v: a.__setitem__((slice(None), 0), b[0]),
    lambda a, b, v: a.__iadd__(v),
    lambda a, b, v: a.T.__imul__(v),
    lambda a, b, v: a[1].__setitem__(slice(None, None, -1), v),
    lambda a, b, v: b.__isub__(a),
    lambda a, b, v: a[None, ::-1].__setitem__((0, 0), v + b[1]),
)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 4), st.integers(0, 4)), max_size=8)
)
def test_random_assignments_to_arrays_and_views(steps: list[tuple[int, int, int]]) -> None:
    def f(x: Any) -> Any:
        y = x + 0.0
        shared = [y, y.T, y[::-1], x * 2.0, np.swapaxes(y[:, ::-1], 0, 1)]
        for n, (step, i, j) in enumerate(steps):
            STEPS[step](shared[i], shared[j], float(n + 1))
        return sum(shared[1:], shared[0])

    x = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(run(gd.trace(f, x), x=x)["out"], f(x))


def test_a_declared_graph_does_the_same() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 2))
    y = x * 2.0
    y[:, 0] = x[:, 1]
    y += 1.0
    g.output("y", y)
    value = np.arange(6.0).reshape(3, 2)
    wanted = value * 2.0
    wanted[:, 0] = value[:, 1]
    np.testing.assert_array_equal(gd.compile(g)(x=value)["y"], wanted + 1.0)
    assert g.inputs["x"].op == "input"


def test_many_views_do_not_recurse() -> None:
    def f(x: Any) -> Any:
        y = x + 0.0
        view = y
        for _ in range(3000):
            view = view[::-1]
        y[0] = 9.0
        return view * 1.0

    x = np.arange(3.0)
    np.testing.assert_array_equal(run(gd.trace(f, x), x=x)["out"], f(x))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x.__setitem__(0, np.ones(7)), "does not fit its place"),
        (lambda x: x.__setitem__(7, 1.0), "index 7 is out of range"),
        (lambda x: x.__iadd__(np.ones((2, 3, 4))), "broadcast"),
        (lambda x: (x > 0).astype("int64").__iadd__(x), "lose the dtype"),
        (lambda x: x.ravel().__iadd__(1.0), r"depends on the layout.*\.copy\(\)"),
        (lambda x: (x.reshape(-1), x.__iadd__(1.0))[0] * 2.0, "has been assigned to since"),
        (lambda x: np.broadcast_to(x, (2, 3, 4)).__iadd__(1.0), "cannot be assigned to"),
        (lambda x: np.ones((3, 4)).__iadd__(x), "into a NumPy array.*zeros_like"),
        (lambda x: x.__setitem__(x > 0, np.ones(5)), "np.where"),
        (lambda x: x.__setitem__(np.array([0, 1]), np.ones(7)), "does not fit its places"),
        (lambda x: np.zeros(3).__setitem__(0, x[0, 0]), "cannot become"),
    ],
)
def test_what_cannot_be_assigned_is_refused_with_the_line(f: Any, message: str) -> None:
    def shadowed(x: Any) -> Any:
        y = x + 0.0
        f(y)
        return y * 1.0

    with pytest.raises(gd.GraphdiffError, match=f"(?s){message}") as caught:
        gd.trace(shadowed, X)
    assert f"test_memory.py:{f.__code__.co_firstlineno}" in str(caught.value)
