"""Whatever is freed and computed again: the code of any valid schedule gives the same bits."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.planning.cost import weigh
from tests.properties.test_random_graphs import Step, declared, steps


def operands_of(dag: nx.DiGraph, node: str) -> list[str]:
    """The values that a node is computed from, through the memory that ops work in."""
    found: list[str] = []
    for operand in dag.pred[node]:
        found += [operand] if isinstance(operand, str) else operands_of(dag, operand)
    return list(dict.fromkeys(found))


class Schedule:
    """Follows an order, throws values out at random, and computes what is missing again."""

    def __init__(self, plan: gd.Plan, rng: random.Random, rate: float) -> None:
        dag = weigh(plan.graph, {})  # type: ignore[arg-type]  # it is of a graph
        self.operands = {n: operands_of(dag, n) for n in dag if isinstance(n, str)}
        self.rng, self.rate = rng, rate
        self.present: set[str] = set()
        self.steps: list[tuple[Any, Any]] = []
        outputs = [  # of a copy that is handed out, what it is made of
            node
            for output in dag.graph["outputs"]
            for node in ([output] if isinstance(output, str) else operands_of(dag, output))
        ]
        for goal in [*(node for action, node in plan.steps if action == "compute"), *outputs]:
            self.compute(goal, set(outputs if goal in outputs else ()))
        for node in sorted(self.present.difference(outputs)):
            self.steps.append(("free", node))

    def compute(self, goal: str, pinned: set[str]) -> None:
        if goal in self.present:
            return
        operands = self.operands[goal]
        for operand in operands:
            self.compute(operand, pinned.union(operands))
        self.steps.append(("compute", goal))
        self.present.add(goal)
        for node in sorted(self.present - pinned - {goal}):
            if self.rng.random() < self.rate:
                self.present.remove(node)
                self.steps.append(("free", node))


def check(program: list[Step], seed: int, rate: float) -> None:
    G = gd.gradient(declared(program), of="J", wrt=["x", "w"], disconnected="zero")
    x, w = np.random.default_rng(seed).normal(size=(2, 3, 3))
    store = gd.plan(G, "store")
    found = Schedule(store, random.Random(seed), rate)
    if len(found.steps) > 2000:
        return  # it throws out more than it keeps
    plan = replace(store, steps=tuple(found.steps))
    with np.errstate(all="ignore"):
        wanted = gd.compile(G, style="readable")(x=x, w=w)
        for style in ("readable", "fast"):
            for name, value in gd.compile(G, style=style, plan=plan)(x=x, w=w).items():
                np.testing.assert_array_equal(value, wanted[name], err_msg=f"{style}: {name}")


@pytest.mark.parametrize("rate", [0.05, 0.3])
@settings(max_examples=40, deadline=None)
@given(program=steps, seed=st.integers(0, 2**31))
def test_random_schedules(program: list[Step], seed: int, rate: float) -> None:
    check(program, seed, rate)


def test_two_derivatives_that_are_one_value() -> None:
    """The second is a copy, which is made when all is done."""
    check([*[("tanh", 0, 0)] * 4, ("add", 4, 5), ("tanh", 0, 0)], 0, 0.3)


def test_a_view_that_the_plan_counts_as_a_copy() -> None:
    """The memory of a value is not written over while a reshaped array of it is still read."""
    program = [
        ("exp", 7, 14), ("tanh", 6, 18), ("flat", 0, 6), ("outer", 9, 4),
        ("multiply", 2, 12), ("sin", 9, 0), ("transpose", 1, 9), ("tanh", 1, 8),
    ]  # fmt: skip
    for seed in range(20):
        check(program, seed, 0.3)
