"""Layers against formulas typed in by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphdiff as gd
from tests.nn.running import run

RNG = np.random.default_rng(1)
X = RNG.normal(size=(5, 4))


def test_a_dense_layer() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 4))
    h = gd.nn.dense(x, 3, gd.nn.tanh, scope="hidden", rng=np.random.default_rng(0))
    found, p = run(h, x=X)
    np.testing.assert_allclose(found, np.tanh(X @ p["hidden/W"] + p["hidden/b"]), rtol=1e-14)
    assert not p["hidden/b"].any()
    assert {t.name: t.role for t in g.parameters.values()} == {
        "hidden/W": "weight",
        "hidden/b": "bias",
    }
    assert {"hidden/a", "hidden/h"} <= set(g.dag)
    assert {a["scope"] for n, a in g.dag.nodes(data=True) if n.startswith("hidden/")} == {"hidden"}


def test_the_same_generator_gives_the_same_weights_in_the_operands_dtype() -> None:
    def weights() -> Any:
        g = gd.Graph()
        x = g.input("x", ("t", 4), "float32")
        gd.nn.dense(x, 3, scope="out", rng=np.random.default_rng(7), bias=False)
        assert list(g.parameters) == ["out/W"]
        return g.parameters["out/W"].params["value"]

    first, second = weights(), weights()
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, second)


def test_without_a_generator_parameters_are_given_at_calls_and_sizes_may_be_names() -> None:
    g = gd.Graph()
    h = gd.nn.dense(g.input("x", ("t", "n")), "H", gd.nn.relu, scope="hidden")
    g.output("h", h)
    W, b = RNG.normal(size=(4, 6)), RNG.normal(size=6)
    found = gd.compile(g)(**{"x": X, "hidden/W": W, "hidden/b": b})["h"]
    np.testing.assert_allclose(found, np.maximum(0, X @ W + b), rtol=1e-14)


def test_what_a_layer_refuses() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 4))
    with pytest.raises(gd.GraphError, match="dense takes a tensor"):
        gd.nn.dense(X, 3, scope="hidden")  # type: ignore[arg-type]  # refused
    with pytest.raises(gd.ShapeError, match="1 or more axes"):
        gd.nn.dense(g.input("s"), 3, scope="hidden")
    with pytest.raises(gd.ShapeError, match="known at calls only") as caught:
        gd.nn.dense(x, "H", scope="hidden", rng=np.random.default_rng(0))
    assert "test_layers.py" in str(caught.value)
    with pytest.raises(gd.GraphError, match="activation of dense is no function"):
        gd.nn.dense(x, 3, "relu", scope="hidden")  # type: ignore[arg-type]  # refused
    with pytest.raises(gd.ArgumentError, match="generator"):
        gd.nn.dense(x, 3, scope="hidden", rng=0)  # type: ignore[arg-type]  # refused
    for width in (-3, 2.5):
        with pytest.raises(gd.ShapeError):
            gd.nn.dense(x, width, scope="hidden", rng=np.random.default_rng(0))
    assert not g.parameters  # nothing of these has been added
    gd.nn.dense(x, 3, scope="hidden")
    with pytest.raises(gd.GraphError, match="'hidden/W' is taken"):
        gd.nn.dense(x, 3, scope="hidden")
    with pytest.raises(gd.DTypeError, match="labels are integers"):
        gd.nn.embedding(x, 10, 3, scope="table")
    with pytest.raises(gd.ShapeError, match="skip connection"):
        gd.nn.residual(x, lambda x: gd.nn.dense(x, 3, scope="inner"), scope="block")


def test_a_factored_layer_has_fewer_parameters_and_the_rank_of_its_bottleneck() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 4))
    h = gd.nn.factored_dense(x, 3, 2, gd.nn.relu, scope="f", rng=np.random.default_rng(0))
    assert gd.nn.parameter_count(g) == (4 + 3) * 2 + 3
    found, p = run(h, x=X)
    W = p["f/U"] @ p["f/V"]
    assert np.linalg.matrix_rank(W) == 2
    np.testing.assert_allclose(found, np.maximum(0, X @ W), rtol=1e-12, atol=1e-14)


def test_radial_basis_functions() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 4))
    h = gd.nn.rbf(x, 3, scope="spots", rng=np.random.default_rng(0), sigma=2.0)
    found, p = run(h, x=X)
    C = p["spots/C"]
    expected = [[np.exp(-(np.linalg.norm(c - row) ** 2) / 4) for c in C] for row in X]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_an_embedding_takes_rows_and_their_gradients_add_up() -> None:
    g = gd.Graph()
    words = g.input("words", ("t",), "int64")
    h = gd.nn.embedding(words, 6, 2, scope="table", rng=np.random.default_rng(0))
    g.output("h", h)
    g.output("J", np.sum(h))
    found = gd.compile(gd.gradient(g, of="J"))(words=np.array([3, 0, 3]))
    np.testing.assert_array_equal(found["h"], g["table/E"].params["value"][[3, 0, 3]])
    np.testing.assert_array_equal(found["dJ/dtable/E"][:, 0], [1, 0, 0, 2, 0, 0])


def test_dropout_multiplies_by_the_mask_that_is_given() -> None:
    g = gd.Graph()
    g.output("h", gd.nn.dropout(g.input("x", ("t", 4)), scope="drop"))
    f = gd.compile(g)
    mask = gd.nn.dropout_mask(np.random.default_rng(0), (5, 4), 0.25)
    np.testing.assert_array_equal(f(**{"x": X, "drop/mask": mask})["h"], X * mask)
    many = gd.nn.dropout_mask(np.random.default_rng(0), (100_000,), 0.25, "float32")
    assert many.dtype == np.float32
    assert set(many.tolist()) == {0.0, float(np.float32(4 / 3))}
    assert abs(many.mean() - 1) < 0.01
    with pytest.raises(gd.GraphdiffError, match="not a rate"):
        gd.nn.dropout_mask(np.random.default_rng(0), (5,), 1.0)


def test_a_skip_connection_adds() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 4))
    rng = np.random.default_rng(0)
    h = gd.nn.residual(
        x, lambda x: gd.nn.dense(x, 4, gd.nn.relu, scope="inner", rng=rng), scope="block"
    )
    found, p = run(h, x=X)
    np.testing.assert_allclose(found, X + np.maximum(0, X @ p["block/inner/W"]), rtol=1e-14)


LAYERS: dict[str, tuple[tuple[int, ...], Any]] = {
    "dense": ((5, 4), lambda x, **at: gd.nn.dense(x, 3, gd.nn.silu, **at)),
    "factored_dense": ((5, 4), lambda x, **at: gd.nn.factored_dense(x, 3, 2, gd.nn.gelu, **at)),
    "conv2d": ((2, 5, 4, 2), lambda x, **at: gd.nn.conv2d(x, 3, 3, gd.nn.tanh, **at)),
    "rbf": ((5, 4), lambda x, **at: gd.nn.rbf(x, 3, **at)),
    "layer_norm": ((5, 4), lambda x, scope, rng: gd.nn.layer_norm(x, scope=scope)),
    "batch_norm": ((5, 4), lambda x, scope, rng: gd.nn.batch_norm(x, scope=scope)),
    "attention": ((2, 5, 4), lambda x, **at: gd.nn.multi_head_attention(x, 2, **at)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_by_differences(name: str) -> None:
    shape, layer = LAYERS[name]
    g = gd.Graph()
    h = layer(g.parameter("x", shape), scope="layer", rng=np.random.default_rng(0))
    g.output("J", np.sum(h * np.linspace(-1, 1, int(h.size)).reshape(h.shape)))
    gd.check_gradients(gd.gradient(g, of="J"), {"x": np.random.default_rng(1).normal(size=shape)})
