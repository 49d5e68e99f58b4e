"""The fast style: the bits of the readable one, in memory that nobody else sees."""

from __future__ import annotations

import ast
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.lower import buffers
from tests.lower.test_source import run_alone, xor
from tests.ops.rows import ROWS
from tests.ops.table import Row, as_dtype
from tests.properties.test_random_graphs import (
    BINARY,
    OURS,
    UNARY,
    Step,
    declared,
    isolated,
    network,
    steps,
)

ALL_IN_WORKSPACE = 0
CASES = [
    pytest.param(row, case, id=f"{row.op}-{case}") for row in ROWS for case in range(len(row.cases))
]


def agree(G: gd.Graph, values: dict[str, Any]) -> None:
    """Both styles give the same bits, twice; results are the caller's, arguments are left alone."""
    readable = gd.compile(G, style="readable")
    fast = gd.compile(G, style="fast")
    before = {name: np.array(value) for name, value in values.items()}
    wanted = readable(**values)
    first = fast(**values)
    kept = {name: np.array(value) for name, value in first.items()}
    second = fast(**values)
    for name, value in wanted.items():
        for found in (first[name], second[name]):
            assert type(found) is type(value), name
            assert found.dtype == value.dtype
            np.testing.assert_array_equal(found, value, err_msg=f"{name}\n{fast.source}")
        np.testing.assert_array_equal(first[name], kept[name])
        for other in (second[name], *values.values()):
            assert value.ndim == 0 or not np.shares_memory(first[name], other)
    for name, value in values.items():
        np.testing.assert_array_equal(value, before[name])
    assert max(map(len, fast.source.splitlines())) <= 100


@pytest.mark.parametrize("small", [ALL_IN_WORKSPACE, buffers.SMALL])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("row", "case"), CASES)
def test_every_op_and_its_gradient(
    row: Row, case: int, dtype: str, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers, "SMALL", small)
    g = gd.Graph(row.op)
    values = {f"x{i}": as_dtype(a, dtype) for i, a in enumerate(row.draw(case))}
    tensors = [g.input(name, value.shape, value.dtype) for name, value in values.items()]
    result = g.apply(row.op, tensors, row.cases[case][1])
    g.output("y", result)
    by = [tensor for tensor in tensors if tensor.dtype.kind == "f"]
    if not by or result.dtype.kind != "f":
        agree(g, values)
        return
    g.output("J", np.sum(np.sin(result) * result))
    try:
        G = gd.gradient(g, of="J", wrt=by, disconnected="zero")
    except gd.GradientError:  # it has none
        G = g
    agree(G, values)


@pytest.mark.parametrize("small", [ALL_IN_WORKSPACE, buffers.SMALL])
@settings(max_examples=60, deadline=None)
@given(program=steps, seed=st.integers(0, 2**31))
def test_random_graphs(small: int, program: list[Step], seed: int) -> None:
    x, w = np.random.default_rng(seed).normal(size=(2, 3, 3))
    G = gd.gradient(declared(program), of="J", wrt=["x", "w"], disconnected="zero")
    usual, buffers.SMALL = buffers.SMALL, small
    try:
        agree(G, {"x": x, "w": w})
        module = isolated(gd.compile(G, style="fast").source)
    finally:
        buffers.SMALL = usual
    J, grads = module.value_and_grad(x, w)
    assert module.forward(x, w) == J
    np.testing.assert_array_equal(grads["x"], gd.compile(G)(x=x, w=w)["dJ/dx"])


ONLY_OF_THREE = ("flat", "gather", "broadcast", "columns", "column")
WORDS = [word for word in (*UNARY, *BINARY) if word not in ONLY_OF_THREE]
layouts = st.lists(
    st.tuples(st.sampled_from(WORDS), st.integers(0, 20), st.integers(0, 20)),
    min_size=3,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(program=layouts, seed=st.integers(0, 2**31))
def test_sums_go_through_memory_in_the_same_order(program: list[Step], seed: int) -> None:
    rng = np.random.default_rng(seed)
    g = gd.Graph("square")
    x, w = g.input("x", ("n", "n")), g.parameter("w", ("n", "n"))
    g.output("J", network(OURS, [*program, ("transpose", 0, 0)], x, w))
    G = gd.gradient(g, of="J", wrt=["x", "w"], disconnected="zero")
    agree(G, {"x": rng.normal(size=(21, 21)), "w": rng.normal(size=(21, 21))})


def test_arrays_without_elements() -> None:
    g = gd.Graph()
    x, y = g.input("x", (0, 3)), g.input("y", (3,))
    g.output("sum", np.exp(np.sin(x) * y).sum())
    g.output("rows", np.sum(np.sin(x) + y, axis=0) * y)
    usual, buffers.SMALL = buffers.SMALL, ALL_IN_WORKSPACE
    try:
        agree(g, {"x": np.ones((0, 3)), "y": np.ones(3)})
    finally:
        buffers.SMALL = usual


def large() -> gd.Graph:
    """Two layers with arrays beyond the workspace's least size."""
    g = gd.Graph("large")
    x, y = g.input("x", ("t", 40)), g.input("y", ("t",))
    W, V = g.parameter("W", (40, 64)), g.parameter("V", (64, 64))
    h = np.tanh(np.tanh(x @ W) @ V).named("h")
    g.output("J", np.mean((h.sum(axis=1) - y) ** 2))
    g.output("h^2", h * h)
    return gd.gradient(g, of="J")


def arguments(t: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    shapes = {"x": (t, 40), "y": (t,), "W": (40, 64), "V": (64, 64)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def test_sizes_may_change_from_call_to_call() -> None:
    G = large()
    readable = gd.compile(G, style="readable")
    fast = gd.compile(G, style="fast")
    for t in (3, 70, 1, 3, 5, 8, 9, 70):
        values = arguments(t, seed=t)
        found = fast(**values)
        for name, wanted in readable(**values).items():
            np.testing.assert_array_equal(found[name], wanted, err_msg=f"{t}: {name}")


@pytest.mark.parametrize("sizes", [[50] * 4, [20, 30, 40, 50, 60, 70]])
def test_threads_do_not_work_in_each_others_arrays(sizes: list[int]) -> None:
    f = gd.compile(large(), style="fast")
    cases = [arguments(t, seed) for seed, t in enumerate(sizes)]
    wanted = [gd.compile(large(), style="readable")(**values) for values in cases]
    wrong: list[str] = []

    def work(values: dict[str, Any], right: dict[str, Any]) -> None:
        for _ in range(40):
            found = f(**values)
            wrong.extend(n for n in right if not np.array_equal(found[n], right[n]))

    threads = [threading.Thread(target=work, args=pair) for pair in zip(cases, wanted, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_call_that_fails_leaves_no_trace() -> None:
    f = gd.compile(large(), style="fast")
    values = arguments(20)
    wanted = f(**values)
    with np.errstate(over="raise", invalid="raise"), pytest.raises(FloatingPointError):
        f(**{**values, "y": np.full(20, 1e200)})
    for name, found in f(**values).items():
        np.testing.assert_array_equal(found, wanted[name])


def test_results_are_put_where_the_caller_says() -> None:
    f = gd.compile(large(), style="fast")
    values = arguments(64)
    wanted = f(**values)
    generated = f.generated
    assert set(generated.outs) == {"h^2", "dJ/dW", "dJ/dV"}
    places = {name: np.full_like(wanted[name], np.nan) for name in generated.outs}
    arrays = [values[name] for name in generated.arguments]
    found, grads = f.function(*arrays, out=places)
    assert found["h^2"] is places["h^2"]
    assert grads["W"] is places["dJ/dW"]
    assert grads["V"] is places["dJ/dV"]
    for name, place in places.items():
        np.testing.assert_array_equal(place, wanted[name])


def test_what_leads_to_a_result_is_computed_in_its_array() -> None:
    g = gd.Graph("adam")
    W, m, v, G = (g.input(name, (64, 64)) for name in ("W", "m", "v", "G"))
    m2, v2 = 0.9 * m + 0.1 * G, 0.999 * v + 0.001 * G * G
    g.output("m'", m2)
    g.output("v'", v2)
    g.output("W'", W - 0.01 * m2 / (np.sqrt(v2) + 1e-8))
    f = gd.compile(g, style="fast")
    arrays = list(np.random.default_rng(0).uniform(size=(4, 64, 64)))
    module = isolated(f.source)
    assert len(module.workspace()) == 2  # for the way to W', and the root that it is divided by
    wanted = gd.compile(g, style="readable").function(*arrays)
    places = {name: np.full((64, 64), np.nan) for name in f.generated.outs}
    assert places.keys() == wanted.keys()
    for found in (module.forward(*arrays), module.forward(*arrays, out=places), places):
        for name, value in wanted.items():
            np.testing.assert_array_equal(found[name], value)
    # The way to W' is not in its array, so that this may be W's, which is read last.
    assert f.generated.outs == {"m'": ("m",), "v'": ("m", "v"), "W'": ("W", "m", "v", "G")}
    for name, donor in (("m'", "m"), ("v'", "v"), ("W'", "W"), ("W'", "G")):
        copies = [array.copy() for array in arrays]
        place = copies[f.generated.arguments.index(donor)]
        found = module.forward(*copies, out={name: place})
        assert found[name] is place
        for other, value in wanted.items():
            np.testing.assert_array_equal(found[other], value)


def test_large_arrays_begin_where_cache_lines_do() -> None:
    module = isolated(gd.compile(large(), style="fast").source)
    work = module.workspace(33)
    assert work
    large_ones = [array for array in work if array.nbytes >= buffers.SMALL]
    assert large_ones
    assert all(array.ctypes.data % 64 == 0 for array in large_ones)
    arrays = [arguments(33)[name] for name in ("x", "y", "W", "V")]
    again = module.value_and_grad(*arrays, work=work)
    np.testing.assert_array_equal(module.value_and_grad(*arrays)[1]["W"], again[1]["W"])


def test_the_file_needs_numpy_only_and_checks_itself(tmp_path: Path) -> None:
    for G in (gd.gradient(xor(), of="J"), large()):
        path = tmp_path / f"{G.name}.py"
        f = gd.compile(G, style="fast")
        f.save(path)
        tree = ast.parse(f.source)
        imports = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
        modules = {n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in imports}
        assert modules <= {"math", "numpy"}
        printed = run_alone(path)
        errors = [float(line.split()[-1]) for line in printed.splitlines()]
        assert errors
        assert max(errors) < 1e-6


def test_users_names_that_are_ufuncs_change_nothing() -> None:
    g = gd.Graph()
    add, out, work = g.input("add", (3,)), g.input("out", (3,)), g.parameter("work", (3,))
    exp = np.exp(add * out).named("multiply")
    g.output("buffer", (exp + work).named("k2") * 2.0)
    f, plain = (gd.compile(g, style=style) for style in ("fast", "readable"))
    values = {name: np.arange(3.0) + i for i, name in enumerate(("add", "out", "work"))}
    np.testing.assert_array_equal(f(**values)["buffer"], plain(**values)["buffer"])


def test_views_keep_what_they_show() -> None:
    g = gd.Graph()
    x = g.input("x", (4, 4))
    a = np.exp(x)
    turned, half, flat = a.T, a[:2], a.reshape(16)
    b = np.tanh(x) * 3.0
    z = (np.sin(b) + b).named("z")
    g.output("y", turned @ z + np.concatenate([half, half]) + flat[::-1].reshape((4, 4)))
    g.output("e", np.einsum("ij->ji", a * 2.0) + z)
    agree(g, {"x": np.random.default_rng(0).normal(size=(4, 4))})
