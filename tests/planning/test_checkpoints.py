"""Loops with checkpoints: steps, memory and results against Griewank and Walther's formula."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ops.kernels import snapshots
from graphdiff.planning.chain import forward_steps, revolve
from tests.planning.test_executed import measured_peak

SIZES = {"t": 40, "n": 1024}  # a state takes 128 KiB


def recurrent(checkpoints: int | None, *, reverse: bool = False) -> gd.Graph:
    g = gd.Graph("recurrent")
    x, h = g.input("x", ("t", 16)), g.input("h", ("n", 16))
    W = g.parameter("W", (16, 16))

    def step(h: Any, x: Any) -> Any:
        return np.tanh(h @ W + x), None

    h, _ = gd.scan(step, h, x, reverse=reverse, checkpoints=checkpoints)
    g.output("J", np.mean(h**2))
    return gd.gradient(g, of="J")


def gated(checkpoints: int | None) -> gd.Graph:
    """Two states, of which the second begins with zeros."""
    g = gd.Graph("gated")
    x, h = g.input("x", ("t", 16)), g.input("h", ("n", 16))
    W, U = g.parameter("W", (16, 16)), g.parameter("U", (16, 16))

    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        gate = gd.special.sigmoid(h @ W + x)
        c = gate * c + np.tanh(h @ U)
        h = gate * np.tanh(c)
        return (h, c), None

    (h, _), _ = gd.scan(step, (h, np.zeros_like(h)), x, checkpoints=checkpoints)
    g.output("J", np.mean(h**2))
    return gd.gradient(g, of="J")


def arguments(G: gd.Graph) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        name: 0.3 * rng.normal(size=[SIZES.get(part, part) for part in tensor.shape])
        for name, tensor in {**G.inputs, **G.parameters}.items()
    }


@pytest.mark.parametrize("net", [recurrent, gated])
@pytest.mark.parametrize("checkpoints", [1, 2, 5, 12, 39, 40, 100])
def test_memory_is_the_plans_and_results_are_the_same(net: Any, checkpoints: int) -> None:
    G = net(checkpoints)
    values = arguments(G)
    plan = gd.plan(G, "store", sizes=SIZES)
    f = gd.compile(G, style="readable", plan=plan)
    wanted = gd.compile(net(None))(**values)
    for name, found in f(**values).items():
        np.testing.assert_array_equal(found, wanted[name])
    assert measured_peak(f, values) == pytest.approx(plan.peak_bytes, rel=0.05)


def test_a_state_more_is_a_state_more_at_the_peak() -> None:
    peaks = [gd.plan(recurrent(c), "store", sizes=SIZES).peak_bytes for c in range(2, 39)]
    assert set(np.diff(peaks)) == {8 * 16 * SIZES["n"]}


def counted_steps(source: str, length: int) -> int:
    """How often a step of the recurrent network runs in one call, by its hyperbolic tangent."""
    count = 0

    def counted(value: Any, out: Any = None) -> Any:
        nonlocal count
        count += 1
        return np.tanh(value, out=out)

    scope: dict[str, Any] = {"counted": counted, "__name__": "generated"}
    source = re.sub(r"np\.tanh\b", "counted", source)
    exec(compile(source, "generated", "exec"), scope)
    rng = np.random.default_rng(0)
    values = {
        "x": rng.normal(size=(length, 16)),
        "h": rng.normal(size=(2, 16)),
        "W": rng.normal(size=(16, 16)),
    }
    scope["value_and_grad"](**values)
    return count


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("length", "checkpoints"), [(1, 1), (2, 1), (7, 3), (40, 4), (60, 60)])
def test_steps_are_counted_as_they_run(length: int, checkpoints: int, reverse: bool) -> None:
    G = recurrent(checkpoints, reverse=reverse)
    steps = counted_steps(gd.compile(G).source, length)
    swept = forward_steps(length, checkpoints)
    swept += 1 if checkpoints > 1 else length  # the loop itself is the first sweep
    assert steps == swept + length


def test_the_schedule_is_revolves() -> None:
    for length in (*range(1, 40), 200, 1000):
        for room in range(1, 21):
            kept, advanced, stored = [0], 0, {0}
            for last in reversed(range(length)):
                begin = max(kept)
                places = snapshots(begin, last, room - len(kept))
                kept += [place for place in places if place < last]
                stored.update(places)
                advanced += last - begin
                assert len(kept) <= room
                if last in kept:
                    kept.remove(last)
            wanted = revolve(length, room)
            assert advanced == wanted.forward_steps == forward_steps(length, room)
            assert stored == {state for action, state in wanted.actions if action == "store"}


def test_costs_count_every_step() -> None:
    n, t = SIZES["n"], SIZES["t"]
    step = 2 * n * 16 * 16 + 2 * n * 16  # h W, + x, tanh
    costs = [gd.plan(recurrent(c), "store", sizes=SIZES).cost for c in (2, 7)]
    assert costs[0] - costs[1] == step * (forward_steps(t, 2) - forward_steps(t, 7))


def test_plans_and_checkpoints_together() -> None:
    """A limit that holds for the rest of the network, with a loop in it that keeps three states."""
    g = gd.Graph()
    h = g.input("h", ("n", 16))
    W = g.parameter("W", (16, 16))
    for _ in range(6):
        h = np.tanh(h @ W)
    h = gd.fori(0, 30, lambda _, h: np.sin(h @ W), h, checkpoints=3)
    g.output("J", np.mean(h**2))
    G = gd.gradient(g, of="J")
    sizes = {"n": SIZES["n"]}
    store = gd.plan(G, "store", sizes=sizes)
    plan = gd.plan(G, memory_limit=store.peak_bytes * 0.85, sizes=sizes, time_limit=3)
    assert plan.recomputed
    values, f = arguments(G), gd.compile(G, style="readable", plan=plan)
    for name, found in gd.compile(G)(**values).items():
        np.testing.assert_array_equal(found, f(**values)[name])
    assert measured_peak(f, values) == pytest.approx(plan.peak_bytes, rel=0.05)


def test_one_loop_that_reads_well() -> None:
    source = gd.compile(recurrent(5)).source
    assert (
        """
    kept[0] = h
    for i in reversed(range(t)):
        begin = max(kept)
        h_before = kept[begin]
        places2 = snapshots(begin, i, 5 - len(kept))
        for j in range(begin, i):
            if j in places2:
                kept[j] = h_before
            h_before = np.tanh(h_before @ W + x[j])
        kept.pop(i, None)
"""
        in source
    )
    function = next(
        node for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "value_and_grad"
    )  # fmt: skip
    assert sum(isinstance(node, ast.For) for node in ast.walk(function)) == 3


def test_the_file_checks_itself_and_a_graph_survives_a_file(tmp_path: Path) -> None:
    G = recurrent(3)
    G.save(tmp_path / "graph.json")
    assert gd.compile(gd.load(tmp_path / "graph.json")).source == gd.compile(G).source
    gd.compile(G).save(tmp_path / "code.py")
    result = subprocess.run(
        [sys.executable, "-I", "-W", "error", tmp_path / "code.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_views_are_kept_as_copies() -> None:
    """A state that is a part of a large array does not keep the rest alive."""

    def cost(h: Any, checkpoints: int | None) -> Any:
        def step(_: Any, h: Any) -> Any:
            return np.sin(np.concatenate([h, h, h, h]))[: h.size]

        return np.sum(gd.fori(0, 30, step, h, checkpoints=checkpoints))

    h = np.linspace(0.0, 1.0, 2**15)
    f = gd.grad(lambda h: cost(h, 20))
    np.testing.assert_array_equal(f(h), gd.grad(lambda h: cost(h, None))(h))
    tracemalloc.start()
    f(h)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * h.nbytes  # not 20 arrays four times as long


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True, "3"])
def test_what_is_no_number_of_states_is_refused(wrong: Any) -> None:
    with pytest.raises(gd.GraphError, match="how many states"):
        recurrent(wrong)


@pytest.mark.parametrize("checkpoints", [2, 5])
def test_a_loop_back_that_is_run_twice_finds_nothing_left(checkpoints: int) -> None:
    """It takes the states that were left, so the second time it runs its own first sweep."""
    G = recurrent(checkpoints)
    plan = gd.plan(G, "store", sizes=SIZES)
    (loop,) = plan.loops
    place = plan.steps.index(("compute", loop.node))
    twice = (("free", loop.node), ("compute", loop.node))
    steps = (*plan.steps[: place + 1], *twice, *plan.steps[place + 1 :])
    again = gd.compile(G, plan=dataclasses.replace(plan, steps=steps))  # type: ignore[arg-type]  # its own steps, changed
    values = arguments(G)
    for name, found in gd.compile(G, plan=plan)(**values).items():
        np.testing.assert_array_equal(again(**values)[name], found)
