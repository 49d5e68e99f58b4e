"""Memory that NumPy takes while it runs: what is measured is what the plan says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.planning.cost import weigh
from graphdiff.planning.demand import on_demand
from graphdiff.planning.problem import problem_from_dag
from graphdiff.planning.schedule import measure
from tests.planning.test_executed import measured_peak

ROWS = 4096
PARTS = {
    "columns": lambda x: x[:, 16:] + x[:, :16],
    "every second row": lambda x: x[::2] * x[1::2],
    "a function of columns": lambda x: np.tanh(x[:, 16:]),
    "rows": lambda x: x[:2048] + x[2048:],
}


@pytest.mark.parametrize("part", PARTS)
def test_parts_with_gaps_are_read_by_a_buffer(part: str) -> None:
    g = gd.Graph()
    g.output("y", PARTS[part](g.input("x", (ROWS, 32))))
    plan = gd.plan(g, "store")
    f = gd.compile(g, style="readable", plan=plan)
    values: dict[str, Any] = {"x": np.ones((ROWS, 32))}
    assert measured_peak(f, values) == pytest.approx(plan.peak_bytes, rel=0.02)


def test_memory_that_is_taken_for_a_moment_does_not_wait_for_what_is_recomputed() -> None:
    """Adding a bias takes a buffer: one at a time, however many layers are computed again."""
    g = gd.Graph()
    h = g.input("x", (1024, 16))
    for k in range(16):
        h = np.tanh(h @ g.parameter(f"W{k}", (16, 16)) + g.parameter(f"b{k}", (16,)))
    g.output("J", np.mean(h**2))
    G = gd.gradient(g, of="J")
    value = 8 * 1024 * 16
    dag = gd.plan(G, "store").graph
    assert dag is not None
    weighed = weigh(dag)
    problem = problem_from_dag(weighed, weighed.graph["outputs"])
    assert measure(problem, on_demand(problem))[0] < 6 * value
    plan = gd.plan(G, "auto", memory_limit=6 * value, time_limit=1.0)
    assert plan.peak_bytes <= 6 * value
