"""Penalties choose by role."""

from __future__ import annotations

import numpy as np
import pytest

import graphdiff as gd


def network() -> gd.Graph:
    g = gd.Graph("net")
    rng = np.random.default_rng(0)
    h = gd.nn.dense(g.input("x", ("t", 4)), 3, gd.nn.relu, scope="hidden", rng=rng)
    gd.nn.dense(h, 2, scope="out", rng=rng)
    return g


def test_weights_are_penalised_and_biases_are_not() -> None:
    g = network()
    g.output("L2", gd.nn.l2(g))
    g.output("L1", gd.nn.l1(g))
    g.output("all", gd.nn.l2(g, roles=("weight", "bias")))
    values = {
        name: np.random.default_rng(1).normal(size=t.shape) for name, t in g.parameters.items()
    }
    W, V = values["hidden/W"], values["out/W"]
    for name, expected in {
        "L2": {"hidden/W": W, "out/W": V},
        "L1": {"hidden/W": np.sign(W), "out/W": np.sign(V)},
        "all": values,
    }.items():
        G = gd.gradient(g, of=name, disconnected="zero")
        found = gd.compile(G)(x=np.zeros((1, 4)), **values)
        for parameter in values:
            gradient = expected.get(parameter, np.zeros_like(values[parameter]))
            np.testing.assert_allclose(found[f"d{name}/d{parameter}"], gradient, rtol=1e-15)
        if name == "L2":
            np.testing.assert_allclose(found["L2"], (np.sum(W**2) + np.sum(V**2)) / 2, rtol=1e-14)


def test_tensors_may_be_given_themselves() -> None:
    g = gd.Graph()
    w = g.parameter("w", (3,))
    g.output("omega", gd.nn.l1([w]))
    assert gd.compile(g)(w=[1.0, -2.0, 0.0])["omega"] == 3.0


def test_what_a_penalty_refuses() -> None:
    g = network()
    with pytest.raises(gd.GraphError, match="no parameter to penalise") as caught:
        gd.nn.l2(g, roles=["gain"])
    assert "bias, weight" in str(caught.value)
    with pytest.raises(gd.GraphError, match="no parameter to penalise"):
        gd.nn.l2(gd.Graph())
    with pytest.raises(gd.GraphError, match="nothing to penalise"):
        gd.nn.l2([])
    g.parameter("U", (2, 2))
    with pytest.raises(gd.GraphError, match="not said whether this parameter is a weight"):
        gd.nn.l2(g)
    with pytest.raises(gd.ShapeError, match="one shape"):
        gd.nn.tie(g["hidden/W"], g["out/W"])


def test_roles_stand_at_the_nodes_and_stay_there(tmp_path: object) -> None:
    g = network()
    g.output("J", gd.nn.l2(g))
    g.save(f"{tmp_path}/net.json")
    for graph in (
        g,
        g.copy(),
        gd.load(f"{tmp_path}/net.json"),
        gd.Graph.from_networkx(g.dag),
        gd.gradient(g, of="J", disconnected="zero"),
        gd.compile(g).graph,
    ):
        assert {n: t.role for n, t in graph.parameters.items()} == {
            "hidden/W": "weight",
            "hidden/b": "bias",
            "out/W": "weight",
            "out/b": "bias",
        }
        assert graph.dag.nodes["hidden/W"]["role"] == "weight"
    assert g["hidden/h"].role is None


def test_a_picture_says_the_role() -> None:
    notes = {box.name: box.note for box in gd.draw(network(), rewrites=()).scene.boxes}
    assert notes["W"].startswith("weight")
    assert notes["b"].startswith("bias")
