import random

import networkx as nx
import pytest

from graphdiff.errors import PlanError
from graphdiff.planning import plan, tradeoff
from tests.planning.oracle import gradient_chain, random_dag, run

STRATEGIES = ("store", "recompute", "sqrt", "revolve", "optimal", "auto")


def _sinks(dag):
    return [v for v in dag if not dag.out_degree(v)]


def residual(blocks, *, width=3):
    """The gradient graph of a chain of residual blocks: x + f(f(f(x)))."""
    forward = nx.DiGraph()
    forward.add_node(0)
    x = 0
    for _ in range(blocks):
        h = x
        for _ in range(width):
            forward.add_edge(h, h := len(forward))
        forward.add_edges_from([(h, y := len(forward)), (x, y)])
        x = y
    return gradient_of(forward)


def recurrent(steps):
    """The gradient graph of a recurrent net that is told its error in each step."""
    forward = nx.DiGraph()
    forward.add_node("h0")
    for t in range(steps):
        forward.add_edges_from([(f"h{t}", f"z{t + 1}"), (f"z{t + 1}", f"h{t + 1}")])
        forward.add_edge(f"h{t + 1}", f"e{t + 1}")
        if t:
            forward.add_edges_from([(f"s{t}", f"s{t + 1}")])
        forward.add_edge(f"e{t + 1}", f"s{t + 1}")
    return gradient_of(forward)


def gradient_of(forward):
    """Reverse mode: a value's gradient uses its consumers' gradients and their operands."""
    dag = nx.DiGraph()
    order = list(nx.topological_sort(forward))
    for v in order:
        dag.add_node(v)
        dag.add_edges_from((u, v) for u in forward.predecessors(v))
    for v in reversed(order):
        dag.add_edge(v, ("d", v))
        for consumer in forward.successors(v):
            dag.add_edge(("d", consumer), ("d", v))
            dag.add_edges_from((u, ("d", v)) for u in forward.predecessors(consumer))
    nx.set_node_attributes(dag, 8, "size")
    nx.set_node_attributes(dag, 1, "cost")
    return dag


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("seed", range(20))
def test_every_strategy_gives_a_valid_schedule(strategy, seed):
    dag = random_dag(12, seed)
    found = plan(dag, strategy)
    assert run(dag, _sinks(dag), found.steps) == (found.peak_bytes, found.cost)
    assert found.lower_bound <= found.cost
    assert found.strategy == strategy


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_keeps_to_the_limit_or_says_what_it_needs(strategy):
    dag = residual(6)
    stored = plan(dag, "store")
    for share in (0.3, 0.5, 0.7):
        limit = int(share * stored.peak_bytes)
        try:
            found = plan(dag, strategy, limit)
        except PlanError as refused:
            error = refused
        else:
            assert found.peak_bytes <= limit
            assert found.cost >= stored.cost
            continue
        assert "bytes" in str(error)


@pytest.mark.parametrize("dag", [gradient_chain(40), residual(8), recurrent(10)])
def test_auto_is_never_worse_than_any_strategy(dag):
    for other in ("sqrt", "revolve", "recompute"):
        rival = plan(dag, other)
        assert plan(dag, "auto", rival.peak_bytes, time_limit=1).cost <= rival.cost


def test_store_is_never_worse_than_the_given_order():
    dag = nx.DiGraph()
    for i in range(3):  # three wide branches, listed level by level
        dag.add_node(f"a{i}", size=10, cost=1)
    for i in range(3):
        dag.add_node(f"b{i}", size=1, cost=1)
        dag.add_edge(f"a{i}", f"b{i}")
    dag.add_node("c", size=1, cost=1)
    dag.add_edges_from((f"b{i}", "c") for i in range(3))
    assert plan(dag, "store").peak_bytes == 13  # given order: 31


def test_sqrt_of_a_chain_keeps_about_two_roots():
    found = plan(gradient_chain(400), "sqrt")
    assert found.peak_bytes <= 2 * 20 + 3
    assert found.cost - 800 <= 400  # no step is computed more than twice


def test_revolve_of_a_chain_keeps_about_a_logarithm():
    found = plan(gradient_chain(500), "revolve")
    assert found.peak_bytes <= 15
    assert found.cost <= 1000 + 500 * 9


def test_recompute_of_a_chain_keeps_nothing():
    found = plan(gradient_chain(50), "recompute")
    assert found.peak_bytes <= 4
    assert found.cost >= 100 + 49 * 48 // 2


def test_a_lattice_is_not_recomputed_path_by_path():
    lattice = nx.DiGraph()
    for level in range(40):
        lattice.add_nodes_from([(level, 0), (level, 1)], size=1, cost=1)
        if level:
            lattice.add_edges_from(((level - 1, i), (level, j)) for i in (0, 1) for j in (0, 1))
    lattice.add_node("end", size=1, cost=1, phase="gradient")
    lattice.add_edges_from([((39, 0), "end"), ((39, 1), "end")])
    with pytest.raises(PlanError, match="more than"):
        plan(lattice, "recompute")
    assert plan(lattice, "auto").cost == 81


def test_schedules_are_the_same_every_time():
    dag = residual(10)
    limit = plan(dag, "store").peak_bytes // 2
    for strategy in ("sqrt", "revolve"):
        assert plan(dag, strategy, limit) == plan(dag, strategy, limit)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"strategy": "magic"}, "no strategy 'magic'"),
        ({"memory_limit": -1}, "memory limit"),
        ({"memory_limit": float("nan")}, "memory limit"),
        ({"outputs": ["nowhere"]}, "nowhere"),
    ],
)
def test_wrong_arguments_are_refused(arguments, what):
    with pytest.raises(PlanError, match=what):
        plan(gradient_chain(3), **arguments)


def test_an_empty_graph_has_an_empty_plan():
    for strategy in STRATEGIES:
        found = plan(nx.DiGraph(), strategy)
        assert (found.steps, found.peak_bytes, found.cost) == ((), 0, 0)


@pytest.mark.parametrize("dag", [gradient_chain(1000), residual(200), recurrent(250)])
@pytest.mark.parametrize("hinted", [True, False])
def test_large_gradient_graphs_at_half_the_memory(dag, hinted):
    if hinted:
        for node in dag:
            backward = node[0] in ("d", "b") if not isinstance(node, int) else False
            dag.nodes[node]["phase"] = "gradient" if backward else "forward"
    stored = plan(dag, "store")
    found = plan(dag, "auto", stored.peak_bytes // 2, time_limit=1)
    assert found.peak_bytes <= stored.peak_bytes // 2
    extra, least = found.cost - stored.cost, found.lower_bound - stored.cost
    assert extra <= 1.1 * least


def test_the_curve_falls():
    curve = tradeoff(residual(30), points=5, time_limit=2)
    peaks = [plan.peak_bytes for plan in curve.points]
    costs = [plan.cost for plan in curve.points]
    assert peaks == sorted(set(peaks))
    assert costs == sorted(set(costs), reverse=True)
    assert len(curve.table().splitlines()) == len(peaks) + 1


def test_the_order_in_which_nodes_were_added_matters_little():
    dag = residual(40)
    nodes = list(dag)
    random.Random(1).shuffle(nodes)
    shuffled = nx.DiGraph()
    shuffled.add_nodes_from((node, dag.nodes[node]) for node in nodes)
    shuffled.add_edges_from(dag.edges)
    limit = plan(dag, "store").peak_bytes // 2
    found = plan(shuffled, "auto", limit, time_limit=3)
    assert found.cost <= 1.05 * plan(dag, "auto", limit, time_limit=3).cost
