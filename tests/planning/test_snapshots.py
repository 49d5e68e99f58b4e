"""Plans that choose how many states a loop keeps, against Griewank and Walther's formula."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from math import comb
from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.planning import snapshots
from graphdiff.planning.ladder import Option, Taken, ladder, least_work, options
from graphdiff.planning.planner import attempt
from graphdiff.planning.schedule import Plan
from graphdiff.rewrite import DEFAULT, rewritten
from graphdiff.rewrite.reversals import loops_back, run_again
from tests.planning.test_checkpoints import SIZES, arguments, counted_steps, gated, recurrent
from tests.planning.test_executed import measured_peak

STATE = 8 * 16 * SIZES["n"]


def deep(layers: int = 3) -> gd.Graph:
    """Loops over the states of loops, and layers behind them."""
    g = gd.Graph("deep")
    hs, h = g.input("x", ("t", "n", 16)), g.input("h", ("n", 16))
    first = h
    for k in range(layers):
        W, U = g.parameter(f"W{k}", (16, 16)), g.parameter(f"U{k}", (16, 16))

        def step(h: Any, x: Any, W: Any = W, U: Any = U) -> Any:
            h = np.tanh(h @ W + np.sin(x @ U) * h)
            return h, h

        h, hs = gd.scan(step, first, hs)
    for k in range(3):
        h = np.tanh(h @ g.parameter(f"V{k}", (16, 16)))
    g.output("J", np.mean(h**2))
    return gd.gradient(g, of="J")


def repeated(steps: int, states: int) -> int:
    r = 0
    while comb(states + r, states) < steps:
        r += 1
    return r * steps - comb(states + r, states + 1)


NETS: dict[str, Any] = {"recurrent": lambda: recurrent(None), "gated": lambda: gated(None)}


@pytest.mark.parametrize(
    ("net", "share"),
    [("recurrent", s) for s in (0.8, 0.4, 0.2)] + [("gated", s) for s in (0.4, 0.12)]
    + [("deep", s) for s in (0.7, 0.5)],
)  # fmt: skip
def test_memory_results_and_work_are_the_plans(net: str, share: float) -> None:
    G = {**NETS, "deep": deep}[net]()
    values = arguments(G)
    store = gd.plan(G, "store", sizes=SIZES)
    plan = gd.plan(G, memory_limit=share * store.peak_bytes, sizes=SIZES, time_limit=2)
    assert plan.loops
    assert plan.peak_bytes <= share * store.peak_bytes
    assert plan.cost > store.cost
    wanted = gd.compile(G, style="readable")(**values)
    for style in ("readable", "fast"):
        f = gd.compile(G, plan=plan, style=style)
        for name, found in f(**values).items():
            np.testing.assert_array_equal(found, wanted[name])
        assert measured_peak(f, values) == pytest.approx(plan.peak_bytes, rel=0.05)


@pytest.mark.parametrize("states", [1, 2, 5, 17, 37])
def test_as_many_states_are_kept_as_fit_and_no_more(states: int) -> None:
    """A limit between what two numbers of states take; the plan is proved to be the cheapest."""
    G = recurrent(None)
    limit = gd.plan(recurrent(states), "store", sizes=SIZES).peak_bytes
    for more in (0, STATE // 2):
        plan = gd.plan(G, memory_limit=limit + more, sizes=SIZES)
        (loop,) = plan.loops
        assert (loop.steps, loop.snapshots) == (SIZES["t"], states)
        swept = SIZES["t"] - 1 if states > 1 else 0
        assert loop.repeated == repeated(SIZES["t"], states) - swept
        assert plan.gap == 0.0
        steps = counted_steps(gd.compile(G, plan=plan).source, SIZES["t"])
        assert steps == SIZES["t"] + loop.repeated + SIZES["t"]
    assert f"{states} states kept at a time, {loop.repeated:,} steps run again" in str(
        plan.report()
    )


def test_what_fits_is_stored() -> None:
    G = recurrent(None)
    store = gd.plan(G, "store", sizes=SIZES)
    plan = gd.plan(G, memory_limit=store.peak_bytes, sizes=SIZES)
    assert not plan.loops
    assert plan.cost == store.cost
    assert not gd.plan(G, sizes=SIZES).loops


def test_a_limit_that_cannot_be_met_is_refused_with_the_smallest_that_can() -> None:
    G = recurrent(None)
    with pytest.raises(gd.PlanError, match=r"smallest limit that can be met \(proved\)") as error:
        gd.plan(G, memory_limit=1000, sizes=SIZES)
    assert error.value.expected is not None
    smallest = int(error.value.expected.split()[2].replace(",", ""))
    plan = gd.plan(G, memory_limit=smallest, sizes=SIZES)
    assert plan.peak_bytes == smallest
    assert plan.loops[0].snapshots == 1
    with pytest.raises(gd.PlanError, match="no schedule fits"):
        gd.plan(G, memory_limit=smallest - 1, sizes=SIZES)
    with pytest.raises(gd.PlanError, match="bytes are enough"):
        gd.plan(deep(), memory_limit=1000, sizes=SIZES, time_limit=1)


def test_other_strategies_leave_loops_as_they_are() -> None:
    G = recurrent(None)
    limit = gd.plan(G, "store", sizes=SIZES).peak_bytes // 2
    for strategy in ("store", "sqrt", "revolve", "recompute"):
        with pytest.raises(gd.PlanError, match='strategy="auto"'):
            gd.plan(G, strategy, limit, sizes=SIZES)


def test_one_choice_with_layers_computed_again() -> None:
    """Where layers around a loop are cheaper to compute again, its gradient stores."""
    g = gd.Graph()
    h = g.input("h", ("n", 16))
    for _ in range(12):
        h = np.exp(-h)
    W = g.parameter("W", (16, 16))
    h = gd.fori(0, 6, lambda _, h: np.tanh(h @ W), h)
    g.output("J", np.mean(h**2))
    G = gd.gradient(g, of="J", wrt=["h", "W"])
    sizes = {"n": SIZES["n"]}
    store = gd.plan(G, "store", sizes=sizes)
    plan = gd.plan(G, memory_limit=store.peak_bytes - 2 * STATE, sizes=sizes, time_limit=2)
    assert plan.recomputed
    assert not plan.loops


def test_an_interrupted_search_gives_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one choice has a plan, Ctrl-C while others are tried does not lose it."""
    G, answers = recurrent(None), []
    limit = 0.4 * gd.plan(G, "store", sizes=SIZES).peak_bytes

    def interrupted(*asked: Any, **options: Any) -> Any:
        if any(isinstance(found, Plan) for found in answers):
            raise KeyboardInterrupt
        found = attempt(*asked, **options)
        if asked[1] == "auto":
            answers.append(found)
        return found

    monkeypatch.setattr(snapshots, "attempt", interrupted)
    plan = gd.plan(G, memory_limit=limit, sizes=SIZES, time_limit=2)
    assert plan.loops
    assert plan.peak_bytes <= limit


def test_marks_in_a_loop_are_honoured() -> None:
    def net(*, keep: bool) -> gd.Graph:
        g = gd.Graph()
        W = g.parameter("W", (16, 16))

        def step(_: Any, h: Any) -> Any:
            a = np.tanh(h @ W)
            return np.sin(a.keep() if keep else a)

        g.output("J", np.mean(gd.fori(0, 30, step, g.input("h", ("n", 16))) ** 2))
        return gd.gradient(g, of="J")

    sizes = {"n": SIZES["n"]}
    limit = gd.plan(net(keep=False), "store", sizes=sizes).peak_bytes // 2
    assert gd.plan(net(keep=False), memory_limit=limit, sizes=sizes).loops
    with pytest.raises(gd.PlanError):
        gd.plan(net(keep=True), memory_limit=limit, sizes=sizes, time_limit=1)


def test_the_curve_has_plans_with_states() -> None:
    G = recurrent(None)
    curve = gd.tradeoff(G, sizes=SIZES, points=5, time_limit=5)
    assert {len(plan.loops) for plan in curve.points} == {0, 1}
    values = arguments(G)
    wanted = gd.compile(G)(**values)
    for plan in curve.points:
        for name, found in gd.compile(G, plan=plan)(**values).items():
            np.testing.assert_array_equal(found, wanted[name])


def test_a_user_who_has_chosen_is_left_alone() -> None:
    plan = gd.plan(recurrent(4), memory_limit=10**9, sizes=SIZES)
    assert [loop.snapshots for loop in plan.loops] == [4]


def test_options_follow_from_the_first_three() -> None:
    length = 50
    taken = {s: Taken(100 + 7 * s, 1000 + 3 * repeated(length, s)) for s in range(1, length)}
    taken[1] = Taken(100, 5000)  # nothing is left by the loop
    found = options(length, Taken(9000, 500), taken[1], taken[2], taken[3])
    assert found[0] == Option(9000, 500, 0)
    for option in found[1:]:
        assert option == Option(*taken[option.states], option.states)
    for few in (1, 2):
        assert [o.states for o in options(few, *4 * [Taken(1, 1)])] == [0, 1]
    many = options(100_000, Taken(9000, 500), taken[1], taken[2], taken[3])
    assert [option.states for option in many[1:65]] == list(range(1, 65))
    assert len(many) < 200


def test_each_rung_of_the_ladder_saves_memory_at_a_growing_price() -> None:
    rng = np.random.default_rng(0)
    loops = {
        name: [Option(1000, 10, 0)] + [
            Option(float(rng.uniform(10, 1200)), float(rng.uniform(11, 500)), s)
            for s in range(1, 30)
        ]
        for name in "ab"
    }  # fmt: skip
    rungs = ladder(loops)
    assert rungs[0] == {}

    def total(choice: Any) -> Any:
        found = [loops[name][choice.get(name, 0)] for name in loops]
        return sum(o.bytes for o in found), sum(o.work for o in found)

    points = np.array([total(rung) for rung in rungs])
    saved, paid = -np.diff(points[:, 0]), np.diff(points[:, 1])
    assert (saved > 0).all()
    assert (np.diff(paid / saved) >= 0).all()
    least = sum(min(option.bytes for option in found) for found in loops.values())
    assert points[-1, 0] == pytest.approx(least)


@pytest.mark.parametrize("share", [0.8, 0.6])
def test_the_bound_of_several_loops_is_below_all_choices(share: float) -> None:
    """Two short loops: each choice is planned, and the bound lies below the cheapest plan."""
    sizes = {"t": 4, "n": 64}
    G = rewritten(deep(2), DEFAULT)
    loops = [loop.node for loop in loops_back(G)]
    assert len(loops) == 2
    store = gd.plan(G, "store", sizes=sizes, rewrites=())
    limit = int(share * store.peak_bytes)
    costs = []
    for numbers in product(range(4), repeat=2):
        choice = {loop: n for loop, n in zip(loops, numbers, strict=True) if n}
        with suppress(gd.PlanError):
            again = run_again(G, choice)
            plan = gd.plan(again, "optimal", limit, sizes, rewrites=(), time_limit=0.3)
            costs.append(plan.cost)
    plan = gd.plan(G, memory_limit=limit, sizes=sizes, rewrites=(), time_limit=1)
    assert store.cost <= plan.lower_bound <= min(costs)
    assert share > 0.7 or store.cost < plan.lower_bound
    assert plan.cost == min(costs)


def test_loops_of_few_steps_may_store_where_others_keep_states() -> None:
    """For so short loops keeping states can take more than storing: not all of them do."""
    sizes = {"t": 4, "n": 64}
    G = rewritten(deep(2), DEFAULT)
    loops = [loop.node for loop in loops_back(G)]
    peaks = [
        gd.plan(
            run_again(G, dict(zip(loops, numbers, strict=True))), "store", sizes=sizes
        ).peak_bytes
        for numbers in product(range(1, 4), repeat=2)
    ]
    peaks += [
        gd.plan(run_again(G, {loop: n}), "store", sizes=sizes).peak_bytes
        for loop in loops for n in range(1, 4)
    ]  # fmt: skip
    plan = gd.plan(G, memory_limit=min(peaks), sizes=sizes, rewrites=(), time_limit=1)
    assert plan.peak_bytes <= min(peaks)


def test_no_more_loops_run_again_than_have_to() -> None:
    """Of three loops two are enough for this limit, whatever the ladder began with."""
    G = deep()
    store = gd.plan(G, "store", sizes=SIZES)
    plan = gd.plan(G, memory_limit=0.6 * store.peak_bytes, sizes=SIZES, time_limit=2)
    assert len(plan.loops) == 2
    assert plan.cost < 1.4 * store.cost


def test_the_least_work_is_below_that_of_whole_options() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        loops = [
            [Option(float(rng.integers(50, 99)), 0.0, 0)]
            + [Option(*map(float, rng.integers(1, 60, size=2)), s) for s in range(1, 4)]
            for _ in range(3)
        ]
        room = float(rng.integers(30, 200))
        chosen = [pick for pick in product(*loops) if sum(o.bytes for o in pick) <= room]
        best = min((sum(o.work for o in pick) for pick in chosen), default=np.inf)
        assert least_work(loops, room) <= best
        assert least_work(loops, 1000.0) == 0.0


def test_loops_in_loops_read_a_part_of_an_argument() -> None:
    """The part is no value of the plan: it is written as it is, at any depth."""
    g = gd.Graph()
    x, w = g.input("x", (5, 3)), g.parameter("w", (3,))

    def inner(_: Any, h: Any) -> Any:
        return gd.fori(0, 2, lambda _, h: np.tanh(h * w + x[0]), h)

    g.output("J", np.sum(gd.fori(0, 3, inner, w * 2.0)))
    G = gd.gradient(g, of="J", wrt=["x", "w"])
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=(5, 3)), "w": rng.normal(size=3)}
    wanted = gd.compile(G, style="readable")(**values)
    plan = gd.plan(G, "store")
    for style in ("readable", "fast"):
        for name, found in gd.compile(G, plan=plan, style=style)(**values).items():
            np.testing.assert_array_equal(found, wanted[name])


def test_loops_of_second_derivatives() -> None:
    """A loop back is a loop forward for the next one: only one of two can be run again."""
    shapes = {"W": (16, 16), "x": (5, 16), "h": (64, 16), "u": (16, 16)}

    def product(W: Any, x: Any, h: Any, u: Any) -> Any:
        def cost(W: Any) -> Any:
            return np.mean(gd.scan(lambda h, x: (np.tanh(h @ W + x), None), h, x)[0] ** 2)

        return np.sum(gd.grad(cost)(W) * u)

    rng = np.random.default_rng(0)
    values = {name: 0.3 * rng.normal(size=shape) for name, shape in shapes.items()}
    G = gd.gradient(gd.trace(product, *values.values()), of="out", wrt=["W"])
    loops = {loop.node: 2 for loop in loops_back(rewritten(G, DEFAULT))}
    assert len(loops) > 1
    again = run_again(rewritten(G, DEFAULT), loops)
    wanted = gd.compile(G, style="readable")(**values)
    store = gd.plan(again, "store")
    assert store.loops
    for style in ("readable", "fast"):
        f = gd.compile(again, style=style, plan=store)
        for name, found in f(**values).items():
            np.testing.assert_array_equal(found, wanted[name])
        assert measured_peak(f, values) == pytest.approx(store.peak_bytes, rel=0.05)
    with pytest.raises(gd.PlanError, match="bytes"):
        gd.plan(G, memory_limit=1000, time_limit=1)
