"""What a plan takes as formulas: at any sizes they give the numbers of the plan for these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import sympy

import graphdiff as gd
from graphdiff.planning.cost import weigh
from graphdiff.planning.problem import problem_from_dag
from graphdiff.planning.schedule import measure
from graphdiff.planning.symbolic import account
from tests.planning.test_checkpoints import gated, recurrent
from tests.planning.test_executed import NETS, measured_peak, tanh_net
from tests.planning.test_snapshots import deep, repeated

SIZES = ({"t": 100_000, "n": 30}, {"t": 2_000, "n": 2_000}, {"t": 600, "n": 5_000})


def at(expression: Any, sizes: dict[str, int]) -> int:
    return int(expression.subs({s: sizes[s.name] for s in expression.free_symbols}))


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("sizes", SIZES)
def test_formulas_give_the_numbers_of_the_plan(net: str, sizes: dict[str, int]) -> None:
    G = NETS[net]()
    p = gd.plan(G, "sqrt", sizes=sizes)
    found = p.account
    assert p.recomputed
    assert at(p.peak, sizes) == p.peak_bytes
    assert at(found.work, sizes) == p.cost
    assert max(at(b, sizes) for b in found.timeline) == p.peak_bytes
    assert p.graph is not None
    weights = weigh(p.graph, sizes).nodes
    assert {v: at(b, sizes) for v, b in found.bytes.items()} == {
        v: weights[v]["size"] for v in found.bytes
    }


@pytest.mark.parametrize("net", NETS)
def test_the_peak_is_the_largest_step_for_all_sizes(net: str) -> None:
    p = gd.plan(NETS[net](), "store")
    rng = np.random.default_rng(0)
    t, n = sympy.symbols("t n", integer=True, positive=True)
    peak, steps = (sympy.lambdify((t, n), e) for e in (p.peak, p.timeline))
    for a, b in [(1, 1), *np.exp(rng.uniform(0, 14, size=(200, 2))).astype(int).tolist()]:
        assert peak(a, b) == max(steps(a, b))


def test_a_plan_without_sizes_is_valid_for_all() -> None:
    G = tanh_net(2)
    p = gd.plan(G, "store")
    n, t = sympy.symbols("n t", integer=True, positive=True)
    assert p.peak_bytes == p.peak
    assert p.cost == p.lower_bound == sympy.factor(10 * n**2 * t + 10 * n * t)
    assert p.gap == 0.0
    assert str(p.peak) in repr(p)
    f = gd.compile(G, plan=p)
    for a, b in ((3, 2), (512, 64)):
        rng = np.random.default_rng(0)
        values = {"x": rng.normal(size=(a, b)), **{f"W{k}": np.eye(b) for k in (1, 2)}}
        np.testing.assert_array_equal(f(**values)["dJ/dW1"], gd.compile(G)(**values)["dJ/dW1"])
    assert measured_peak(f, values) == pytest.approx(at(p.peak, {"t": 512, "n": 64}), rel=0.05)


def test_one_layer() -> None:
    g = gd.Graph()
    x, W = g.input("x", ("t", 3)), g.parameter("W", (3, "h"))
    g.output("J", np.sum(np.exp(x @ W)))
    p = gd.plan(gd.gradient(g, of="J"), "store")
    h, t = sympy.symbols("h t", integer=True, positive=True)
    assert p.account.bytes["J"] == 8
    # x W and its exponential; or the exponential, J and the derivative by W, if t is small
    assert {sympy.expand(a) for a in p.peak.args} == {16 * h * t, 8 * h * t + 24 * h + 8}


def test_parts_of_a_dimension_are_formulas_too() -> None:
    g = gd.Graph()
    x = g.input("x", ("t",))
    g.output("y", np.exp(x[: x.shape[0] // 2]) * 2.0)
    p = gd.plan(g, "store")
    t = sympy.Symbol("t", integer=True, positive=True)
    assert p.peak == 16 * sympy.floor(t / 2)


def test_a_thousand_layers_have_a_short_formula() -> None:
    p = gd.plan(tanh_net(200), "store")
    assert len(p.peak.args) <= 3
    dag = weigh(p.graph, {"t": 9_000, "n": 40})  # type: ignore[arg-type]  # it has one
    problem = problem_from_dag(dag, dag.graph["outputs"])
    index = {name: i for i, name in enumerate(problem.names)}
    steps = [index[node] for action, node in p.steps if action == "compute"]
    assert at(p.peak, {"t": 9_000, "n": 40}) == measure(problem, steps)[0]


@pytest.mark.parametrize("net", [recurrent, gated])
@pytest.mark.parametrize("checkpoints", [1, 2, 5])
def test_loops_that_keep_states_have_formulas(net: Any, checkpoints: int) -> None:
    G = net(checkpoints)
    p = gd.plan(G, "store")
    for t, n in ((1, 8192), (2, 8192), (5, 8192), (40, 8192), (300, 3000)):
        sizes = {"t": t, "n": n}
        numbers = gd.plan(G, "store", sizes=sizes)
        if t > 6:
            assert at(p.peak, sizes) == numbers.peak_bytes
        else:  # all states may be kept then
            assert at(p.peak, sizes) >= numbers.peak_bytes
        assert at(p.cost, sizes) == numbers.cost
        steps, length = (sympy.sympify(part) for part in (p.loops[0].repeated, p.loops[0].steps))
        assert at(length, sizes) == t
        swept = t - 1 if checkpoints > 1 else 0
        assert at(steps, sizes) == numbers.loops[0].repeated == repeated(t, checkpoints) - swept
    assert "t steps back" in str(p.report())


def test_a_limit_is_met_at_other_lengths_too() -> None:
    """The formulas of a plan that chose states hold for all lengths."""
    sizes = {"t": 40, "n": 8192}
    G = deep()
    limit = gd.plan(G, "store", sizes=sizes).peak_bytes // 2
    p = gd.plan(G, memory_limit=limit, sizes=sizes, time_limit=1)
    assert len(p.loops) == 3
    assert p.peak_bytes <= at(p.peak, sizes) <= 1.01 * p.peak_bytes
    assert at(p.account.work, sizes) == p.cost
    t = sympy.Symbol("t", integer=True, positive=True)
    work = sympy.lambdify(t, p.account.work.subs(dict.fromkeys(p.peak.free_symbols - {t}, 8192)))
    assert work(40) == p.cost
    assert work(80) > 2 * work(40)


def test_what_has_no_formula_is_refused(tmp_path: Path) -> None:
    G = tanh_net(2)
    for strategy in ("auto", "recompute"):
        with pytest.raises(gd.PlanError, match="is not given"):
            gd.plan(G, strategy)
    with pytest.raises(gd.PlanError, match="is not given"):
        gd.plan(G, "store", memory_limit=1e6)
    with pytest.raises(gd.DrawError, match="without sizes"):
        gd.plan(G, "store").plot(tmp_path / "plan.svg")
    bare = nx.DiGraph()
    bare.add_node("a", size=1, cost=1)
    with pytest.raises(gd.PlanError, match="bare DAG"):
        _ = gd.plan(bare).peak
    g = gd.Graph()
    g.output("y", np.exp(g.input("x")))
    assert account(g, gd.plan(g).steps).peak == 8
