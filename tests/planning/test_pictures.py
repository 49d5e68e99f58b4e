"""Charts of plans and curves: what they show is the plan's, and files are whole."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.planning import plan, tradeoff
from graphdiff.planning.pictures import schedule_matrix
from tests.planning.oracle import gradient_chain


def test_the_matrix_adds_up_to_the_timeline() -> None:
    dag = gradient_chain(9, size=3)
    p = plan(dag, memory_limit=18)
    assert p.recomputed
    state = schedule_matrix(p)
    memory = [b for b, (action, _) in zip(p.timeline, p.steps, strict=True) if action == "compute"]
    np.testing.assert_array_equal(3 * np.count_nonzero(state, axis=0), memory)
    rows = dict(zip(p.computations, state, strict=True))
    for node, count in p.computations.items():
        assert np.count_nonzero(rows[node] == 2) == 1
        assert np.count_nonzero(rows[node] == 3) == count - 1
    order = [node for action, node in p.steps if action == "compute"]
    for column, node in enumerate(order):
        assert rows[node][column] in (2, 3)


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_charts_are_written_whole_and_alike(tmp_path: Path, suffix: str) -> None:
    dag = gradient_chain(8)
    p, curve = plan(dag, memory_limit=6), tradeoff(dag, ["b1"])
    for drawn in (p, curve):
        assert drawn.plot().axes  # a figure of matplotlib; no file
        path = tmp_path / f"chart.{suffix}"
        drawn.plot(path)
        first = path.read_bytes()
        drawn.plot(path)
        assert path.read_bytes() == first
        assert len(first) > 5000
    assert [path.name for path in tmp_path.iterdir()] == [f"chart.{suffix}"]


def test_a_curve_knows_the_strategies() -> None:
    curve = tradeoff(gradient_chain(10), ["b1"])
    assert [p.strategy for p in curve.strategies] == ["store", "recompute", "sqrt", "revolve"]
    for p in curve.strategies:  # none is below the curve
        assert any(q.peak_bytes <= p.peak_bytes and q.cost <= p.cost for q in curve.points)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    p = plan(gradient_chain(3))
    with pytest.raises(gd.DrawError, match="cannot be written to"):
        p.plot(tmp_path / "plan.gif")
    with pytest.raises(gd.FileError, match="cannot be written"):
        p.plot(tmp_path / "none" / "plan.svg")
    big = nx.path_graph(2001, create_using=nx.DiGraph)
    nx.set_node_attributes(big, 1, "size")
    nx.set_node_attributes(big, 1, "cost")
    with pytest.raises(gd.DrawError, match="2,001 nodes"):
        plan(big, "store").plot(tmp_path / "plan.svg")
    found = builtins.__import__

    def without_matplotlib(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(gd.DrawError, match="matplotlib"):
        p.plot(tmp_path / "plan.svg")
    assert not list(tmp_path.iterdir())
