"""Vertex elimination: Jacobians against jax and reverse mode, optima against brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.autodiff.elimination_orders import (
    RULES,
    Structure,
    cost_of,
    in_windows,
    least_degree,
    search,
)
from graphdiff.autodiff.elimination_orders import Elimination as Eliminating
from graphdiff.autodiff.elimination_subsets import least_order

ORDERS = (*RULES, "optimal")


@st.composite
def structures(draw, largest=8):
    """A random linearised graph, every intermediate vertex between an argument and a result."""
    count, sources, sinks = (draw(st.integers(low, high)) for low, high in
                             ((0, largest), (1, 3), (1, 3)))  # fmt: skip
    total = count + sources + sinks
    before, after = ([set() for _ in range(total)] for _ in range(2))

    def join(a, b):
        after[a].add(b)
        before[b].add(a)

    starts = range(count, count + sources)
    ends = range(count + sources, total)
    for v in range(count):
        for u in draw(st.sets(st.sampled_from([*range(v), *starts]), min_size=1, max_size=3)):
            join(u, v)
    for v in range(count):
        if not after[v] or draw(st.booleans()):
            join(v, draw(st.sampled_from(ends)))
    return Structure(count, tuple(map(frozenset, before)), tuple(map(frozenset, after)))


@settings(max_examples=40)
@given(structures(largest=7))
def test_the_optimum_is_that_of_brute_force(graph):
    least = min(cost_of(graph, order) for order in permutations(range(graph.count)))
    found = search(graph)
    assert found.cost == found.bound == least == cost_of(graph, found.order)
    assert found.how == "proved optimal"
    for rule in RULES.values():
        order = rule(graph)
        assert sorted(order) == list(range(graph.count))
        assert cost_of(graph, order) >= least


def test_the_optimum_of_eight_vertices_is_that_of_brute_force():
    rng = np.random.default_rng(5)
    for _ in range(3):
        before = [set() for _ in range(12)]
        for v in range(8):
            before[v] |= set(rng.choice([*range(v), 8, 9], size=2, replace=False).tolist())
        used = set().union(*before)
        before[10] = {v for v in range(8) if v not in used or rng.random() < 0.4}
        before[11] = {v for v in range(8) if rng.random() < 0.3}
        after = [{w for w in range(12) if v in before[w]} for v in range(12)]
        graph = Structure(8, tuple(map(frozenset, before)), tuple(map(frozenset, after)))
        least = min(cost_of(graph, order) for order in permutations(range(8)))
        assert search(graph).cost == least


@settings(max_examples=40)
@given(structures(largest=6), st.randoms(use_true_random=False))
def test_no_vertex_is_ever_cheaper_than_its_bound(graph, random):
    order = list(range(graph.count))
    random.shuffle(order)
    before = 0
    for end in range(1, len(order) + 1):
        after = cost_of(graph, order[:end])
        assert after - before >= least_degree(graph, order[end - 1])
        before = after


def random_structure(count, ends, seed):
    """Each vertex has two operands among those before it and the arguments; several results."""
    rng = np.random.default_rng(seed)
    before = [set() for _ in range(count + 2 * ends)]
    arguments = range(count, count + ends)
    for v in range(count):
        near = [*range(max(0, v - 5), v), *arguments] if v < 4 or ends > 4 else range(v - 4, v)
        before[v] = set(rng.choice(list(near), size=2, replace=False).tolist())
    for end in range(count + ends, count + 2 * ends):
        before[end] = {int(rng.integers(count))}
    used = set().union(*before)
    before[count + ends] |= {v for v in range(count) if v not in used}
    after = [{w for w in range(len(before)) if v in before[w]} for v in range(len(before))]
    return Structure(count, tuple(map(frozenset, before)), tuple(map(frozenset, after)))


def least_cost(graph):
    """The least cost over all orders: from set to set, each graph made by eliminating."""
    sets = {frozenset(): 0}
    for _ in range(graph.count):
        larger = {}
        for done, paid in sets.items():
            state = Eliminating(graph)
            for vertex in done:
                state.eliminate(vertex)
            for vertex in set(range(graph.count)) - done:
                after = done | {vertex}
                cost = paid + state.degree(vertex)
                larger[after] = min(cost, larger.get(after, cost))
        sets = larger
    (least,) = sets.values()
    return least


@pytest.mark.parametrize(("low", "count", "ends"), [(14, 9, 3), (3, 9, 3), (0, 7, 3), (3, 8, 70)])
def test_the_optimum_is_that_of_all_sets_of_vertices(monkeypatch, low, count, ends):
    """However many are dealt with at once, and with more neighbours than a word has bits."""
    monkeypatch.setattr("graphdiff.autodiff.elimination_subsets.LOW", low)
    for seed in range(3):
        graph = random_structure(count, ends, seed)
        order, cost = least_order(graph.count, graph.before, graph.after)
        assert sorted(order) == list(range(count))
        assert cost_of(graph, order) == cost == least_cost(graph)


def test_twenty_five_vertices_are_proved_and_more_say_what_was_found():
    proved = search(random_structure(25, 4, 0))
    assert proved.how == "proved optimal"
    assert proved.cost == proved.bound
    found = search(random_structure(40, 4, 0))
    assert found.how == "local search"
    assert found.bound < found.cost


def black_scholes(s, k, r, v, t):
    """The price of a call, the normal distribution written with erf."""
    root = v * np.sqrt(t)
    d1 = (np.log(s / k) + (r + v * v / 2.0) * t) / root
    d2 = d1 - root
    n1 = 0.5 + 0.5 * gd.special.erf(d1 / np.sqrt(2.0))
    n2 = 0.5 + 0.5 * gd.special.erf(d2 / np.sqrt(2.0))
    discounted = k * np.exp(-r * t)
    return s * n1 - discounted * n2, discounted * (1.0 - n2) - s * (1.0 - n1)


def heart_dipole(a, b, c, d, t, u, v, w):
    """The left-hand sides of the human heart dipole problem (Averick et al., MINPACK-2, 1992)."""
    tv, uw = t * t - v * v, u * u - w * w
    tvv, uww = t * t - 3.0 * v * v, u * u - 3.0 * w * w
    return (
        a + b,
        c + d,
        t * a + u * b - v * c - w * d,
        v * a + w * b + t * c + u * d,
        a * tv - 2.0 * c * t * v + b * uw - 2.0 * d * u * w,
        c * tv + 2.0 * a * t * v + d * uw + 2.0 * b * u * w,
        a * t * tvv + c * v * (v * v - 3.0 * t * t) + b * u * uww + d * w * (w * w - 3.0 * u * u),
        c * t * tvv - a * v * (v * v - 3.0 * t * t) + d * u * uww - b * w * (w * w - 3.0 * u * u),
    )


def network(function, names):
    g = gd.Graph(function.__name__)
    results = function(*(g.input(name) for name in names))
    return g, [g.output(f"y{i}", result) for i, result in enumerate(results)]


@pytest.mark.parametrize(
    ("function", "names", "at"),
    [
        (black_scholes, "skrvt", (1.1, 0.9, 0.05, 0.3, 0.7)),
        (heart_dipole, "abcdtuvw", (0.1, 0.5, -0.3, 0.7, 0.9, 1.1, -0.4, 0.2)),
    ],
)
def test_every_order_gives_the_jacobian_and_the_best_found_is_best(function, names, at):
    jax = pytest.importorskip("jax")
    g, results = network(function, names)
    given = dict(zip(names, at, strict=True))
    if function is heart_dipole:
        with jax.enable_x64(True):
            jacobian = np.array(jax.jacobian(lambda *a: function(*a), argnums=range(8))(*at)).T
    else:
        jacobian = np.array(
            [
                [
                    gd.compile(gd.gradient(g, y, name))(**given)[f"d{y.name}/d{name}"]
                    for name in names
                ]
                for y in results
            ]
        ).T
    cost = {}
    for order in ORDERS:
        found = gd.eliminate(g, results, list(names), order=order)
        values = gd.compile(found.graph)(**given)
        for i, y in enumerate(results):
            for j, name in enumerate(names):
                assert values[f"d{y.name}/d{name}"] == pytest.approx(
                    jacobian[j, i], rel=1e-10, abs=1e-12
                )
        assert found.multiplications == found.additions + found.fill_in >= found.lower_bound
        cost[order] = found.multiplications
    assert cost["optimal"] == min(cost.values())


@st.composite
def scalar_graphs(draw):
    g = gd.Graph("random")
    values = [g.input(name) for name in "uv"]
    for _ in range(draw(st.integers(1, 8))):
        a, b = (values[draw(st.integers(0, len(values) - 1))] for _ in range(2))
        op = draw(st.sampled_from((np.multiply, np.add, lambda a, b: np.sin(a))))
        values.append(op(a, b))
    g.output("y", values[draw(st.integers(2, len(values) - 1))])
    if "z" not in g and g["y"].name != values[-1].name:
        g.output("z", values[-1])
    return g


@settings(max_examples=40)
@given(scalar_graphs(), st.sampled_from(ORDERS), st.floats(-1, 1), st.floats(-1, 1))
def test_the_jacobian_is_that_of_reverse_mode(g, order, u, v):
    wrt = [n for n in "uv" if any(gd.count_paths(g, n, y) for y in g.outputs.values())]
    assume(wrt)
    found = gd.eliminate(g, list(g.outputs), wrt, order=order)
    values = gd.compile(found.graph)(u=u, v=v)
    for y in g.outputs:
        swept = gd.compile(gd.gradient(g, y, wrt, disconnected="zero"))(u=u, v=v)
        for name in wrt:
            np.testing.assert_allclose(
                values[f"d{y}/d{name}"], swept[f"d{y}/d{name}"], rtol=1e-9, atol=1e-9
            )


def test_ends_on_the_way_of_others():
    g = gd.Graph()
    w = g.input("w")
    x = np.sin(w).named("x")
    y = g.output("y", x * w)
    z = g.output("z", np.exp(y))
    values = gd.compile(gd.eliminate(g, ["y", z, "x"], ["w", x]).graph)(w=0.5)
    at, dx = np.sin(0.5), np.cos(0.5)
    assert values["dy/dw"] == pytest.approx(at + 0.5 * dx)
    assert values["dy/dx"] == 0.5
    assert values["dz/dx"] == pytest.approx(0.5 * np.exp(0.5 * at))
    assert values["dx/dw"] == pytest.approx(dx)
    assert values["dx/dx"] == 1


def test_a_long_chain():
    g = gd.Graph("long")
    z = g.input("w")
    for _ in range(1_500):
        z = np.sin(z)
    g.output("z", z)
    for order in ("forward", "reverse", "markowitz", "relative_markowitz"):
        found = gd.eliminate(g, "z", "w", order=order)
        assert found.multiplications == 1_499
        assert found.optimal
        assert found.order[0] == found.graph.operands("z")[0] or order != "reverse"


def test_beyond_the_exact_search_the_result_says_so():
    g = gd.Graph("wide")
    a, b = g.input("a"), g.input("b")
    for _ in range(15):
        a, b = np.sin(a * b), np.cos(a + b)
    g.output("y", a), g.output("z", b)
    costs = {order: gd.eliminate(g, ["y", "z"], ["a", "b"], order).multiplications
             for order in RULES}  # fmt: skip
    found = gd.eliminate(g, ["y", "z"], ["a", "b"])
    assert found.multiplications <= min(costs.values())
    assert found.how == "local search"
    assert not found.optimal
    assert "local search" in repr(found)
    assert gd.eliminate(g, ["y", "z"], ["a", "b"]).order == found.order


def test_errors_say_what_is_wrong():
    g = gd.Graph()
    x, m = g.input("x"), g.input("m", (3,))
    y, s = g.output("y", np.sin(x)), g.output("s", np.sum(m * x))
    with pytest.raises(gd.GradientError, match="no order"):
        gd.eliminate(g, y, x, order="best")
    with pytest.raises(gd.GradientError, match="only a network of float scalars"):
        gd.eliminate(g, s, x)
    with pytest.raises(gd.GradientError, match="no result depends"):
        gd.eliminate(g, "y", ["x", g.input("alone")])
    with pytest.raises(gd.GradientError, match="of is empty"):
        gd.eliminate(g, [], "x")
    with pytest.raises(gd.GraphError, match="no node"):
        gd.eliminate(g, "y", "xx")


def test_neighbours_in_an_order_are_put_into_their_best_order():
    """By windows alone, from the forward order, and never to more multiplications."""
    for seed in range(4):
        graph = random_structure(30, 4, seed)
        forward = RULES["forward"](graph)
        order = in_windows(graph, forward)
        assert sorted(order) == list(range(30))
        assert cost_of(graph, order) < cost_of(graph, forward)
        assert search(graph).cost <= cost_of(graph, order)
