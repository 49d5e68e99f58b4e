"""The user's marks: values kept, values computed again, by every strategy and without one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.planning import plan, tradeoff
from graphdiff.planning.planner import STRATEGIES
from tests.planning.oracle import gradient_chain, least_cost, random_dag, run
from tests.planning.test_executed import SIZES, arguments, measured_peak


def deep_net(mark: Callable[[gd.Tensor, int], object] = lambda h, k: None) -> gd.Graph:
    g = gd.Graph("net")
    h = g.input("x", ("t", "n"))
    for k in range(1, 7):
        h = np.tanh(h @ g.parameter(f"W{k}", ("n", "n"))).named(f"h{k}")
        mark(h, k)
    g.output("J", np.mean(h**2))
    return gd.gradient(g, of="J")


def keep_third(h: gd.Tensor, k: int) -> None:
    if k == 3:
        assert h.keep() is h


def recompute_even(h: gd.Tensor, k: int) -> None:
    if k % 2 == 0:
        assert h.recompute() is h


def held_over_the_turn(p: gd.Plan, node: str) -> bool:
    """Whether the value that the forward pass computed is still there when the cost is."""
    turn = p.steps.index(("compute", "J"))
    resident = [action for action, name in p.steps[:turn] if name == node]
    return resident[-1] == "compute"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_honours_marks(strategy: str) -> None:
    G = deep_net(recompute_even)
    p = gd.plan(G, strategy, sizes=SIZES, time_limit=2)
    for node in ("h2", "h4"):
        assert p.computations[node] > 1
        assert not held_over_the_turn(p, node)
    kept = gd.plan(deep_net(keep_third), strategy, sizes=SIZES, time_limit=2)
    assert kept.computations["h3"] == 1
    assert ("free", "h3") not in kept.steps


def test_results_and_memory_of_marked_graphs_are_exact() -> None:
    wanted = gd.compile(deep_net())(**arguments(deep_net()))
    for mark in (keep_third, recompute_even):
        G = deep_net(mark)
        values = arguments(G)
        store = gd.plan(G, "store", sizes=SIZES)
        p = gd.plan(G, memory_limit=0.85 * store.peak_bytes, sizes=SIZES, time_limit=2)
        for chosen in (store, p):
            f = gd.compile(G, plan=chosen)
            for name, found in f(**values).items():
                np.testing.assert_array_equal(found, wanted[name])
            assert measured_peak(f, values) == pytest.approx(chosen.peak_bytes, rel=0.05)


def test_without_a_plan_marked_values_are_computed_again_and_memory_falls() -> None:
    def mark(h: gd.Tensor, k: int) -> None:
        h.recompute() if k in (1, 2, 4, 5) else h.keep()

    plain, G = deep_net(), deep_net(mark)
    values = arguments(G)
    f = gd.compile(G, style="readable")
    assert f.source.count("recomputed") == 4
    assert "del h1, " not in f.source.split("# gradient")[1].split("recomputed")[0]
    for name, found in f(**values).items():
        np.testing.assert_array_equal(found, gd.compile(plain)(**values)[name])
    assert "del h3" not in f.source  # kept
    stored = gd.compile(plain, style="readable")
    assert measured_peak(f, values) < 0.6 * measured_peak(stored, values)


@pytest.mark.parametrize("seed", range(30))
def test_optimal_under_keep_is_optimal(seed: int) -> None:
    dag = random_dag(8, seed)
    outputs = [v for v in dag if not dag.out_degree(v)]
    kept = [v for v in list(dag)[seed % 4 :: 4] if v in nx.ancestors(dag, outputs[0])]
    nx.set_node_attributes(dag, dict.fromkeys(kept, "keep"), "policy")
    most = plan(dag, "store", outputs=outputs).peak_bytes
    curve = tradeoff(dag, outputs)
    for limit in (most, most - 1, most - 3, most - 6):
        best = least_cost(dag, outputs, limit, kept)
        on_curve = [p.cost for p in curve.points if p.peak_bytes <= limit]
        if best is None:
            assert not on_curve
            with pytest.raises(gd.PlanError):
                plan(dag, "optimal", limit, outputs)
            continue
        found = plan(dag, "optimal", limit, outputs)
        assert run(dag, [*outputs, *kept], found.steps) == (found.peak_bytes, found.cost)
        assert (found.cost, found.gap) == (best, 0.0) == (min(on_curve), 0.0)


@pytest.mark.parametrize("limit", [6, 7, 8, 9, 10])
def test_optimal_under_recompute_is_that_of_the_graph_with_copies(limit: int) -> None:
    dag = gradient_chain(5)
    for v in dag:
        dag.nodes[v]["phase"] = "gradient" if v.startswith("b") else "forward"
    doubled = nx.DiGraph(dag)
    for v, u in (("f2", "f1"), ("f4", "f3")):
        dag.nodes[v]["policy"] = "recompute"
        doubled.add_edge(u, f"{v}'")
        doubled.add_node(f"{v}'", size=1, cost=1)
        for user in [w for w in dag.successors(v) if w.startswith("b")]:
            doubled.remove_edge(v, user)
            doubled.add_edge(f"{v}'", user)
    best = least_cost(doubled, ["b1"], limit)
    found = plan(dag, "optimal", limit, ["b1"])
    assert (found.cost, found.gap) == (best, 0.0)
    assert run(dag, ["b1"], found.steps) == (found.peak_bytes, found.cost)


def block(x: Any, w: Any) -> Any:
    return np.tanh(np.exp(np.sin(x @ w)).T.T)


checkpointed = gd.checkpoint(block)


def cost(f: Callable[..., Any], w: Any, x: Any) -> Any:
    return np.sum(f(f(x, w), w))


W, X = np.random.default_rng(0).normal(size=(2, 3, 3))


@pytest.mark.parametrize(
    "transform",
    [
        gd.grad,
        gd.value_and_grad,
        lambda f: gd.jit(gd.grad(f)),
        lambda f: gd.grad(gd.jit(f)),
        lambda f: gd.vmap(gd.grad(f), in_axes=(None, 0)),
        gd.hessian,
        gd.jacobian,
    ],
)
def test_checkpoint_composes_and_changes_no_bit(transform: Callable[..., Any]) -> None:
    x = np.stack([X, X + 1]) if "vmap" in repr(transform(lambda w, x: w)) else X
    plain = transform(lambda w, x: cost(block, w, x))
    marked = transform(lambda w, x: cost(checkpointed, w, x))
    found, wanted = (f(W, x) if type(f(W, x)) is tuple else (f(W, x),) for f in (marked, plain))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)
    assert "recomputed" in marked.source(W, x)
    assert "recomputed" not in plain.source(W, x)


def test_checkpoint_marks_what_is_inside_and_not_the_results() -> None:
    g = gd.Graph()
    x, w = g.input("x", (3, 3)), g.parameter("w", (3, 3))
    y = checkpointed(x, w)
    g.output("J", np.sum(np.exp(y)))

    def marks(graph: gd.Graph) -> list[str]:
        return sorted(t.op for t in graph if graph.dag.nodes[t.name].get("policy") == "recompute")

    assert marks(g) == ["exp", "matmul", "sin", "transpose", "transpose"]
    view = gd.checkpoint(lambda x: np.tanh(x).T)(x)  # the array behind a result is held, too
    assert all(g.dag.nodes[t.name].get("policy") is None for t in (view, *view.operands))
    nested = gd.checkpoint(lambda x: checkpointed(x, x) + 1.0)(x)
    assert g.dag.nodes[nested.operands[0].name]["policy"] == "recompute"
    assert gd.checkpoint(np.sin)(1.0) == np.sin(1.0)
    with pytest.raises(gd.ArgumentError, match="without a tensor"):
        gd.checkpoint(lambda a: a * w)(np.ones(3))


def test_checkpoint_of_blocks_saves_memory() -> None:
    def deep(inner: Callable[..., Any]) -> Callable[..., Any]:
        def f(ws: Any, x: Any) -> Any:
            for w in ws:
                x = inner(x, w)
            return np.sum(x)

        return f

    rng = np.random.default_rng(0)
    ws = [0.3 * rng.normal(size=(16, 16)) for _ in range(8)]
    x = rng.normal(size=(512, 16))
    values = {f"ws.{i}": w for i, w in enumerate(ws)} | {"x": x}
    peaks = []
    for inner in (block, checkpointed):
        f = gd.compile(gd.value_and_grad(deep(inner)).graph(ws, x), style="readable")
        peaks.append(measured_peak(f, values))
    assert peaks[1] < 0.6 * peaks[0]


def test_marks_outlive_files_copies_and_rewrites(tmp_path: Any) -> None:
    G = deep_net(recompute_even)
    G.save(tmp_path / "net.json")
    source = gd.compile(G).source
    for other in (gd.load(tmp_path / "net.json"), G.copy(), copy.deepcopy(G)):
        assert gd.compile(other).source == source
    assert gd.plan(G, "store", sizes=SIZES).planned != gd.plan(deep_net(), sizes=SIZES).planned


def test_marks_that_say_nothing_are_refused() -> None:
    g = gd.Graph()
    with pytest.raises(gd.GraphError, match="never computed"):
        g.input("x").recompute()
    dag = nx.DiGraph()
    dag.add_node("a", size=1, cost=1, policy="forget")
    with pytest.raises(gd.PlanError, match="unknown policy"):
        plan(dag)
    network = nx.DiGraph()
    network.add_node("a", op="input", shape=(), policy="forget")
    with pytest.raises(gd.GraphError, match="unknown policy"):
        gd.Graph.from_networkx(network)


def test_keep_that_leaves_no_schedule_is_refused() -> None:
    dag = gradient_chain(4)
    limit = plan(dag, "store", outputs=["b1"]).peak_bytes - 1
    nx.set_node_attributes(dag, "keep", "policy")
    for strategy in STRATEGIES:
        with pytest.raises(gd.PlanError):
            plan(dag, strategy, limit, ["b1"])


# Inside loops -------------------------------------------------------------------------------------


def looped(kind: str, checkpoints: int | None = None) -> gd.Graph:
    """40 steps of three values each, one of which is marked."""
    g = gd.Graph(kind)
    x, w, h = g.input("x", (40,)), g.parameter("w"), g.input("h", (2**14,))

    def inner(h: Any, x: Any) -> Any:
        a = np.sin(h * w)
        b = np.exp(-a * a)
        c = np.cos(b * x)
        if kind == "recompute":
            b.recompute(), c.recompute()
        if kind == "keep":
            b.keep()
        return a * b * c

    run = gd.checkpoint(inner) if kind == "checkpoint" else inner
    h, _ = gd.scan(lambda h, x: (run(h, x), None), h, x, checkpoints=checkpoints)
    g.output("J", np.sum(h * h))
    return gd.gradient(g, of="J")


def test_marks_inside_a_loop_change_what_its_steps_store() -> None:
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=40), "h": rng.normal(size=2**14), "w": 0.7}
    peaks = {}
    wanted = gd.compile(looped("plain"))(**values)
    for kind in ("plain", "keep", "recompute", "checkpoint"):
        plan = gd.plan(looped(kind), "store")
        f = gd.compile(looped(kind), style="readable", plan=plan)
        for name, found in f(**values).items():
            np.testing.assert_array_equal(found, wanted[name])
        peaks[kind] = measured_peak(f, values)
        assert peaks[kind] == pytest.approx(plan.peak_bytes, rel=0.05)
    each_step = 40 * 8 * 2**14
    assert peaks["keep"] == pytest.approx(peaks["plain"], rel=0.01)
    assert peaks["recompute"] < peaks["plain"] - 0.9 * each_step
    assert peaks["checkpoint"] < 1.5 * each_step  # the states, and little else


def test_nothing_is_kept_in_a_loop_whose_steps_are_run_again() -> None:
    with pytest.raises(gd.GradientError, match=r"(?s)keep\(\).*test_marks\.py.*checkpoints"):
        looped("keep", checkpoints=3)
    looped("recompute", checkpoints=3)
