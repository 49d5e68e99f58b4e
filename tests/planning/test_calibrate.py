"""Measured costs: a model is a value, rises with the load, and serves planning."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import networkx as nx
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.planning.calibrate import CostModel
from tests.planning.test_executed import SIZES, tanh_net

MODEL = CostModel(
    MappingProxyType(
        {
            "add": ((3, 1e-6), (3_000, 2e-6)),
            "tanh": ((2, 1e-6), (2_000, 1e-4)),
            "matmul": ((10, 1e-6), (10_000, 2e-6)),
        }
    ),
    "a machine",
)


def test_a_measurement_rises_with_the_size() -> None:
    model = gd.calibrate(ops=["tanh", "matmul", "where"], repeats=2)
    assert set(model.times) == {"tanh", "matmul", "where", "add"}
    for pairs in model.times.values():
        assert [load for load, _ in pairs] == sorted({load for load, _ in pairs})
        assert [s for _, s in pairs] == sorted(s for _, s in pairs)
        assert pairs[0][1] > 0
    (least, _), *_, (most, _) = model.times["matmul"]
    assert least == 2 + 1 + 2  # 1 product and sum, of 2 elements to 1
    assert most > 2 * 256**3


def test_predictions_lie_between_the_measurements() -> None:
    g = gd.Graph()
    x, W = g.input("x", ("t", 10)), g.input("W", (10, 10))
    y = g.output("y", np.tanh(x @ W))
    (product,) = y.operands
    found = MODEL.predict(g, {"t": 10})
    load = 2 * 1000 + 100 + 200
    assert found[product.name] == pytest.approx(1e-6 + 1e-6 * (load - 10) / 9_990)
    assert found["y"] == pytest.approx(1e-6 + 9.9e-5 * (300 - 2) / 1_998)
    assert found["x"] == 0.0
    large = MODEL.predict(g, {"t": 10_000})["y"]
    assert large == pytest.approx(1e-4 * 300_000 / 2_000)  # in proportion, beyond


def test_plans_by_measured_costs() -> None:
    G = tanh_net(4)
    store = gd.plan(G, "store", sizes=SIZES, costs=MODEL)
    assert store.graph is not None
    seconds = MODEL.predict(store.graph, SIZES)
    assert store.cost == sum(round(1e9 * seconds[str(node)]) for node in store.computations)
    limit = 0.75 * store.peak_bytes
    tight = gd.plan(G, memory_limit=limit, sizes=SIZES, costs=MODEL, time_limit=3)
    assert tight.peak_bytes <= limit
    again = {store.graph.op(str(node)).name for node in tight.recomputed}
    assert "matmul" in again
    curve = gd.tradeoff(G, sizes=SIZES, costs=MODEL, points=3, time_limit=3)
    assert curve.points[-1].cost == store.cost
    with pytest.raises(gd.PlanError, match="is not given"):
        gd.plan(G, "store", costs=MODEL)


def test_a_loop_takes_the_time_of_its_steps() -> None:
    def model(steps: int) -> float:
        def f(x: Any) -> Any:
            return gd.fori(0, steps, lambda i, h: np.tanh(h), x)

        g = gd.trace(f, np.ones(10))
        return sum(MODEL.predict(g).values())

    assert model(40) == pytest.approx(4 * model(10), rel=1e-3)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    MODEL.save(path)
    assert CostModel.load(path) == MODEL
    good = json.loads(path.read_text())
    for change in (
        {"format": "else"},
        {"version": 2},
        {"times": {}},
        {"times": {"add": [[3, 2e-6], [2, 1e-6]]}},
        {"times": {"add": [[3]]}},
        {"times": 3},
    ):
        path.write_text(json.dumps({**good, **change}))
        with pytest.raises(gd.FileError):
            CostModel.load(path)
    path.write_text("{")
    with pytest.raises(gd.FileError, match="not JSON"):
        CostModel.load(path)
    with pytest.raises(gd.FileError, match="cannot be read"):
        CostModel.load(tmp_path / "none.json")


def test_what_cannot_be_measured_or_used_is_refused() -> None:
    with pytest.raises(gd.PlanError, match="no op 'tahn'"):
        gd.calibrate(ops=["tahn"])
    bare = nx.DiGraph()
    bare.add_node("a", size=1, cost=1)
    with pytest.raises(gd.PlanError, match="costs of its own"):
        gd.plan(bare, costs=MODEL)
