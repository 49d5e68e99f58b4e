"""A plan is executed, not advised: the code's memory, results and work are the plan's."""

from __future__ import annotations

import ast
import re
import tracemalloc
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.planning.cost import weigh
from graphdiff.rewrite import DEFAULT, rewritten

SIZES = {"t": 512, "n": 16}  # a value of (t, n) takes 64 KiB


def tanh_net(layers: int = 6) -> gd.Graph:
    g = gd.Graph("net")
    h = g.input("x", ("t", "n"))
    for k in range(1, layers + 1):
        h = np.tanh(h @ g.parameter(f"W{k}", ("n", "n"))).named(f"h{k}")
    g.output("J", np.mean(h**2))
    return gd.gradient(g, of="J")


def residual_net(blocks: int = 4) -> gd.Graph:
    g = gd.Graph("residual")
    h = g.input("x", ("t", "n"))
    label = g.input("label", ("t",), "int64")
    for k in range(1, blocks + 1):
        inner = np.maximum(0, h @ g.parameter(f"U{k}", ("n", "n")) + g.parameter(f"b{k}", ("n",)))
        h = h + inner @ g.parameter(f"V{k}", ("n", "n"))
    logp = h - np.log(np.sum(np.exp(h), axis=1, keepdims=True))
    g.output("J", -np.mean(np.take_along_axis(logp, label[:, None], axis=1)))
    g.output("p", np.exp(logp))
    return gd.gradient(g, of="J")


def gated_net(layers: int = 4) -> gd.Graph:
    """Kernels that work in memory of their own: sigmoid, erf, softmax, logsumexp."""
    g = gd.Graph("gated")
    h = g.input("x", ("t", "n"))
    for k in range(1, layers + 1):
        z = h @ g.parameter(f"W{k}", ("n", "n"))
        h = gd.special.sigmoid(z) * h + gd.special.erf(h)
    p = gd.special.softmax(h, axis=1)
    g.output("J", np.sum(p * h) + np.mean(gd.special.logsumexp(h, axis=1)))
    return gd.gradient(g, of="J")


NETS = {"tanh": tanh_net, "residual": residual_net, "gated": gated_net}
LIMITS = {"tanh": (0.9, 0.75, 0.6), "residual": (0.9, 0.75), "gated": (0.9,)}


def arguments(G: gd.Graph) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {}
    for name, tensor in {**G.inputs, **G.parameters}.items():
        shape = [SIZES.get(part, part) for part in tensor.shape]
        if tensor.dtype == np.int64:
            values[name] = rng.integers(SIZES["n"], size=shape)
        else:
            values[name] = 0.2 * rng.normal(size=shape)
    return values


def measured_peak(f: gd.Compiled, values: dict[str, Any]) -> int:
    """Bytes that one call takes beyond its arguments, at the highest point."""
    f(**values)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    f(**values)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return peak


def plans(G: gd.Graph, limits: tuple[float, ...]) -> dict[str, gd.Plan]:
    store = gd.plan(G, "store", sizes=SIZES)
    found = {"store": store, "recompute": gd.plan(G, "recompute", sizes=SIZES)}
    for share in limits:
        limit = store.peak_bytes * share
        found[f"{share}"] = gd.plan(G, memory_limit=limit, sizes=SIZES, time_limit=3)
        assert found[f"{share}"].peak_bytes <= limit
    return found


@pytest.mark.parametrize("net", NETS)
def test_memory_results_and_work_are_the_plans(net: str) -> None:
    G = NETS[net]()
    values = arguments(G)
    wanted = gd.compile(G, style="readable")(**values)
    weights = weigh(rewritten(G, DEFAULT), SIZES).nodes
    for name, plan in plans(G, LIMITS[net]).items():
        for style in ("readable", "fast"):
            f = gd.compile(G, style=style, plan=plan)
            for output, found in f(**values).items():  # the same ops on the same operands
                np.testing.assert_array_equal(found, wanted[output], err_msg=f"{name}: {output}")
            peak = measured_peak(f, values)
            assert peak == pytest.approx(plan.peak_bytes, rel=0.05), f"{name}, {style}"
        assert plan.cost == sum(
            weights[node]["cost"] for action, node in plan.steps if action == "compute"
        )


def test_the_code_has_the_steps_of_the_plan_in_their_order() -> None:
    G = tanh_net()
    store = gd.plan(G, "store", sizes=SIZES)
    plan = gd.plan(G, memory_limit=store.peak_bytes * 0.7, sizes=SIZES, time_limit=3)
    assert plan.recomputed
    f = gd.compile(G, plan=plan, style="readable")
    function = next(
        node for node in ast.parse(f.source).body
        if isinstance(node, ast.FunctionDef) and node.name == "value_and_grad"
    )  # fmt: skip
    statements = [
        statement
        for statement in function.body[2:]
        if isinstance(statement, (ast.Assign, ast.Delete))
    ]
    assigned = [ast.unparse(s.targets[0]) for s in statements if isinstance(s, ast.Assign)]
    computed = [node for action, node in plan.steps if action == "compute"]
    assert len(assigned) == len(computed)
    variables = dict(zip(computed, assigned, strict=True))
    assert [variables[node] for node in computed] == assigned  # one variable a node
    deleted = [ast.unparse(t) for s in statements if isinstance(s, ast.Delete) for t in s.targets]
    freed = [variables[node] for action, node in plan.steps if action == "free"]
    assert deleted == freed[: len(deleted)]
    marked = len(re.findall("recomputed", f.source))
    assert marked == sum(plan.computations[node] - 1 for node in plan.recomputed)


def test_costs_are_those_of_the_formulas() -> None:
    t, n = SIZES["t"], SIZES["n"]
    plan = gd.plan(tanh_net(1), "store", sizes=SIZES)
    forward = 2 * t * n * n + t * n + t * n + t * n  # x W, tanh, square, mean
    backward = t * n + t * n + t * n + 2 * t * n * n  # (2 / (t n)) h, 1 - h², product, xᵀ g
    assert plan.cost == forward + backward
    assert plan.lower_bound == plan.cost
    assert plan.gap == 0.0


def test_a_limit_below_every_schedule_is_refused_with_the_least() -> None:
    G = tanh_net(2)
    with pytest.raises(gd.PlanError, match="smallest limit") as caught:
        gd.plan(G, memory_limit=1000, sizes=SIZES)
    least = int(re.search(r"([\d,]+) bytes", str(caught.value.expected)).group(1).replace(",", ""))  # type: ignore[union-attr]  # it matches
    assert gd.plan(G, memory_limit=least, sizes=SIZES).peak_bytes == least
    with pytest.raises(gd.PlanError):
        gd.plan(G, memory_limit=least - 1, sizes=SIZES)


def test_a_plan_of_the_forward_pass_alone() -> None:
    g = gd.Graph()
    h = g.input("x", ("t", "n"))
    for _ in range(4):
        h = np.exp(-np.square(h))
    g.output("y", h)
    plan = gd.plan(g, "store", sizes=SIZES)
    f = gd.compile(g, plan=plan)
    assert "del " in f.source
    values = arguments(g)
    np.testing.assert_array_equal(f(**values)["y"], gd.compile(g)(**values)["y"])
    assert measured_peak(f, values) == pytest.approx(plan.peak_bytes, rel=0.05)


def test_views_own_no_memory() -> None:
    g = gd.Graph()
    x = g.input("x", (64, 64))
    big = np.tanh(x)
    g.output("y", (big.T @ big[:, :2]).sum() + big.reshape(-1).sum())
    dag = weigh(g)
    sizes = sorted(data["size"] for _, data in dag.nodes(data=True))
    assert sizes == [8, 8, 8, 64 * 2 * 8, 64 * 64 * 8]
    f = gd.compile(g, plan=gd.plan(g, "store", rewrites=()), rewrites=(), style="readable")
    assert ".T @ " in f.source


def test_outputs_that_are_numbers_views_or_arguments() -> None:
    g = gd.Graph()
    x = g.parameter("x", (3,))
    g.output("same", x)
    g.output("turned", np.outer(x, x * 2.0).T)
    g.output("s", x.sum())
    G = gd.gradient(g, of="s")
    f = gd.compile(G, plan=gd.plan(G, "store"))
    found = f(x=[1.0, 2.0, 3.0])
    np.testing.assert_array_equal(found["ds/dx"], np.ones(3))
    np.testing.assert_array_equal(found["turned"], np.outer([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(found["same"], [1.0, 2.0, 3.0])


def test_an_output_that_is_a_view_is_computed_by_either_function() -> None:
    g = gd.Graph()
    w = g.parameter("w", (2, 3))
    g.output("turned", np.exp(w).T)
    g.output("J", np.sum(np.sin(w)))
    for graph in (g, gd.gradient(g, of="J")):
        f = gd.compile(graph, plan=gd.plan(graph, "store"))
        np.testing.assert_array_equal(f(w=np.ones((2, 3)))["turned"], np.exp(np.ones((3, 2))))
        scope: dict[str, Any] = {"__name__": "module"}
        exec(f.source, scope)
        np.testing.assert_array_equal(
            scope["forward"](np.ones((2, 3)))["turned"], np.exp(np.ones((3, 2)))
        )


def test_every_point_of_the_curve_can_be_compiled() -> None:
    G = tanh_net(2)
    values = arguments(G)
    wanted = gd.compile(G)(**values)["dJ/dW1"]
    curve = gd.tradeoff(G, sizes=SIZES, points=4, time_limit=5)
    peaks = [plan.peak_bytes for plan in curve.points]
    costs = [plan.cost for plan in curve.points]
    assert peaks == sorted(set(peaks))
    assert costs == sorted(set(costs), reverse=True)
    for plan in curve.points:
        np.testing.assert_array_equal(gd.compile(G, plan=plan)(**values)["dJ/dW1"], wanted)


def test_what_does_not_fit_together_is_refused() -> None:
    G, other = tanh_net(2), tanh_net(3)
    plan = gd.plan(G, "store", sizes=SIZES)
    with pytest.raises(gd.CompileError, match="another graph"):
        gd.compile(other, plan=plan)
    with pytest.raises(gd.PlanError, match="'n' is not given"):
        gd.plan(G, sizes={"t": 3})
    with pytest.raises(gd.PlanError, match="no dimension 'm'"):
        gd.plan(G, sizes={**SIZES, "m": 3})
    with pytest.raises(gd.PlanError, match="not a positive int"):
        gd.plan(G, sizes={**SIZES, "t": 0})
    with pytest.raises(gd.PlanError, match="outputs of a graph"):
        gd.plan(G, sizes=SIZES, outputs=["J"])
    bare = nx.DiGraph()
    bare.add_node("a", size=1, cost=1)
    with pytest.raises(gd.PlanError, match="no named dimensions"):
        gd.plan(bare, sizes=SIZES)
    with pytest.raises(gd.CompileError, match="another graph"):
        gd.compile(G, plan=gd.plan(bare))


@pytest.mark.parametrize("strategy", ["store", "recompute", "optimal"])
def test_a_loop_over_a_part_of_an_array(strategy: str) -> None:
    """A view has no step of its own in a plan."""
    g = gd.Graph()
    x, w = g.input("x", (2, 5)), g.parameter("w")
    h, _ = gd.scan(lambda c, v: (c * v + np.sin(c), None), w, x[0])
    g.output("J", h**2)
    G = gd.gradient(g, of="J")
    values = {"x": np.linspace(0.1, 1.0, 10).reshape(2, 5), "w": 0.5}
    found = gd.compile(G, plan=gd.plan(G, strategy=strategy))(**values)
    for name, wanted in gd.compile(G)(**values).items():
        assert found[name] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_the_mean_of_pairs_takes_no_second_result(style: Any) -> None:
    g = gd.Graph()
    x = g.input("x", (1000, 2, 64))
    g.output("y", np.mean(x * 2.0, axis=1))
    p = gd.plan(g)
    peak = measured_peak(gd.compile(g, plan=p, style=style), {"x": np.ones((1000, 2, 64))})
    assert abs(peak - p.peak_bytes) <= 0.05 * p.peak_bytes


def test_a_value_may_be_freed_and_computed_again_at_once() -> None:
    G = tanh_net()
    values, store = arguments(G), gd.plan(G, "store", sizes=SIZES)
    steps = list(store.steps)
    at = steps.index(("compute", "h6")) + 1
    square = next(node for action, node in steps[at:] if action == "compute")  # of h6
    at = steps.index(("compute", square))
    steps[at:at] = [("compute", square), ("free", square)]
    plan = replace(store, steps=tuple(steps))
    wanted = gd.compile(G, style="readable")(**values)
    for style in ("readable", "fast"):
        for output, found in gd.compile(G, style=style, plan=plan)(**values).items():
            np.testing.assert_array_equal(found, wanted[output])


def test_outputs_that_are_copied_are_counted() -> None:
    """No two outputs share memory, nor does one with an argument."""
    g = gd.Graph()
    x = g.input("x", ("t", "n"))
    h = np.tanh(x)
    g.output("part", h[:, ::2])
    for name in ("whole", "again"):
        g.output(name, h)
    g.output("turned", h.T)
    g.output("given", x)
    last, _ = gd.scan(lambda c, row: ((c[0] * 0.5, c[0]), None), (h, h), np.ones(3))
    g.output("first", last[0])
    g.output("second", last[1])
    values = arguments(g)
    p = gd.plan(g, "store", sizes=SIZES)
    assert p.timeline[-1] == p.peak_bytes
    for style in ("readable", "fast"):
        f = gd.compile(g, plan=p, style=style)
        assert measured_peak(f, values) == pytest.approx(p.peak_bytes, rel=0.05)
    symbols = {s: SIZES[s.name] for s in p.peak.free_symbols}
    assert int(p.peak.subs(symbols)) == p.peak_bytes


def test_what_is_freed_last_is_not_there_while_outputs_are_copied() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", "n"))
    g.output("given", x.T)
    g.output("y", np.sum(np.tanh(np.tanh(x)), axis=0))
    p = gd.plan(g, "store", sizes=SIZES)
    for style in ("readable", "fast"):
        f = gd.compile(g, plan=p, style=style)
        assert measured_peak(f, arguments(g)) == pytest.approx(p.peak_bytes, rel=0.05)


def test_of_what_is_kept_the_memory_that_it_takes_meanwhile_is_not() -> None:
    g = gd.Graph()
    h = g.input("x", ("t", "n"))
    for _ in range(3):
        h = gd.special.softmax(h, axis=1).keep()
    g.output("J", np.sum(h * h))
    p = gd.plan(g, "store", sizes=SIZES)
    f = gd.compile(g, plan=p)
    assert measured_peak(f, arguments(g)) == pytest.approx(p.peak_bytes, rel=0.05)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(kind, dtype)
     for kind in ("sort", "labels", "line", "softmax")
     for dtype in ("float32", "float64", "complex128")
     if (kind, dtype) != ("softmax", "complex128")],
)  # fmt: skip
def test_what_ops_work_in_is_counted(kind: str, dtype: str) -> None:
    """Within 5 % where values take 64 KiB, and nothing else is there."""
    g = gd.Graph()
    x = g.parameter("x", (2**15,) if kind == "line" else (512, 64), dtype)
    values: dict[str, Any] = {"x": np.random.default_rng(0).normal(size=x.shape).astype(dtype)}
    if kind == "labels":
        label = g.input("label", (512,), "int64")
        values["label"] = np.arange(512) % 64
        y = np.take_along_axis(np.tanh(x), label[:, None], axis=1)
    elif kind == "softmax":
        y = gd.special.softmax(x, axis=1)
    else:
        y = np.sort(np.tanh(x), axis=-1)
    g.output("J", np.sum(np.abs(y) ** 2))
    G = gd.gradient(g, of="J")
    p = gd.plan(G, "store")
    for style in ("readable", "fast"):
        f = gd.compile(G, plan=p, style=style)
        assert measured_peak(f, values) == pytest.approx(p.peak_bytes, rel=0.05)


def test_complex_products_have_one_order() -> None:
    """NumPy puts a large operand without a name first, which changes the last bit."""
    g = gd.Graph()
    x, w = (g.parameter(name, (256, 128), "complex128") for name in "xw")
    g.output("J", np.sum(np.abs(np.tanh(x * np.conj(w)) * np.sin(w)) ** 2))
    G = gd.gradient(g, of="J")
    rng = np.random.default_rng(0)
    values = {k: rng.normal(size=(256, 128)) + 1j * rng.normal(size=(256, 128)) for k in "xw"}
    plan = gd.plan(G, "store")
    wanted = gd.compile(G, style="readable")(**values)
    for found in (gd.compile(G, plan=plan)(**values), gd.compile(G, style="fast")(**values)):
        for name, value in wanted.items():
            np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("kind", ["turned", "both", "every second", "alone"])
def test_operands_that_lie_in_memory_another_way_are_buffered(kind: str) -> None:
    g = gd.Graph()
    x, w = g.input("x", (256, 32), "complex128"), g.input("w", (32, 256), "complex128")
    y = {
        "turned": lambda: x * w.T,
        "both": lambda: w.T * np.transpose(w),
        "every second": lambda: x[::2] * x[:128],
        "alone": lambda: np.exp(w.T),
    }[kind]()
    g.output("y", y)
    values = {"x": np.ones((256, 32), complex), "w": np.ones((32, 256), complex)}
    p = gd.plan(g)
    assert measured_peak(gd.compile(g, plan=p), values) == pytest.approx(p.peak_bytes, rel=0.05)
