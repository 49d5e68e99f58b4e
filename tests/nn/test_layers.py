"""Layers against formulas typed in by hand."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from scipy import special

import graphdiff as gd

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(1)
X = RNG.normal(size=(5, 4))


def run(h: gd.Tensor, **values: Any) -> tuple[Any, dict[str, Any]]:
    """The value of a node, and the values of the parameters."""
    g = h.graph
    g.output("result", h * 1.0)
    parameters = {name: tensor.params["value"] for name, tensor in g.parameters.items()}
    return gd.compile(g)(**values)["result"], parameters


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
        gd.nn.dense(X, 3, scope="hidden")  # type: ignore[arg-type]
    with pytest.raises(gd.ShapeError, match="1 or more axes"):
        gd.nn.dense(g.input("s"), 3, scope="hidden")
    with pytest.raises(gd.ShapeError, match="known at calls only") as caught:
        gd.nn.dense(x, "H", scope="hidden", rng=np.random.default_rng(0))
    assert "test_layers.py" in str(caught.value)
    with pytest.raises(gd.GraphError, match="activation of dense is no function"):
        gd.nn.dense(x, 3, "relu", scope="hidden")  # type: ignore[arg-type]
    with pytest.raises(gd.ArgumentError, match="generator"):
        gd.nn.dense(x, 3, scope="hidden", rng=0)  # type: ignore[arg-type]
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


def test_layer_norm_is_jaxs() -> None:
    g = gd.Graph()
    found, _ = run(gd.nn.layer_norm(g.input("x", ("t", 4)), scope="norm"), x=X)
    np.testing.assert_allclose(
        found, jax.nn.standardize(X, axis=-1, epsilon=1e-5), rtol=1e-12, atol=1e-14
    )


def test_batch_norm_of_a_batch_and_with_given_statistics() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 4))
    h = gd.nn.batch_norm(x, scope="norm", epsilon=0.0)
    g.output("mean", g["norm/mean"])
    found, _ = run(h, x=X)
    np.testing.assert_allclose(found.mean(axis=0), np.zeros(4), atol=1e-14)
    np.testing.assert_allclose(found.std(axis=0), np.ones(4), rtol=1e-13)
    g = gd.Graph()
    x, mean, variance = g.input("x", ("t", 4)), g.input("m", (4,)), g.input("v", (4,))
    h = gd.nn.batch_norm(x, scope="norm", epsilon=0.0, statistics=(mean, variance))
    found, _ = run(h, x=X, m=np.ones(4), v=np.full(4, 4.0))
    np.testing.assert_allclose(found, (X - 1) / 2, rtol=1e-14)


def test_batch_norm_of_images_keeps_their_last_axis() -> None:
    g = gd.Graph()
    images = RNG.normal(size=(5, 3, 3, 2))
    h = gd.nn.batch_norm(g.input("x", ("t", 3, 3, 2)), scope="norm", epsilon=0.0)
    found, _ = run(h, x=images)
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), np.ones(2), rtol=1e-13)


def test_attention_reads_by_content() -> None:
    q, k, v = RNG.normal(size=(3, 4)), RNG.normal(size=(6, 4)), RNG.normal(size=(6, 2))
    g = gd.Graph()
    tensors = g.input("q", (3, 4)), g.input("k", (6, 4)), g.input("v", (6, 2))
    g.output("r", gd.nn.attention(*tensors))
    expected = special.softmax(q @ k.T / 2, axis=1) @ v
    np.testing.assert_allclose(gd.compile(g)(q=q, k=k, v=v)["r"], expected, rtol=1e-13)
    mask = np.tri(3, 6, dtype=bool)
    g.output("masked", gd.nn.attention(*tensors, mask=mask))
    expected = special.softmax(np.where(mask, q @ k.T / 2, -np.inf), axis=1) @ v
    np.testing.assert_allclose(gd.compile(g)(q=q, k=k, v=v)["masked"], expected, rtol=1e-13)


def test_several_heads_read_each_with_its_own_columns() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 5, 6))
    mask = np.tri(5, dtype=bool)
    h = gd.nn.multi_head_attention(x, 2, scope="s", mask=mask, rng=np.random.default_rng(0))
    data = RNG.normal(size=(3, 5, 6))
    found, p = run(h, x=data)
    for example, result in zip(data, found, strict=True):
        read = []
        for head in (slice(0, 3), slice(3, 6)):
            q, k, v = (example @ p[f"s/W{name}"][:, head] for name in "qkv")
            scores = np.where(mask, q @ k.T / np.sqrt(3), -np.inf)
            read.append(special.softmax(scores, axis=1) @ v)
        np.testing.assert_allclose(result, np.hstack(read) @ p["s/Wo"], rtol=1e-12, atol=1e-14)
    for heads in (4, 0):
        with pytest.raises(gd.ShapeError, match=f"a multiple of heads={heads}"):
            gd.nn.multi_head_attention(x, heads, scope="other")


def test_a_layer_of_convolutions_is_jaxs() -> None:
    g = gd.Graph()
    x = g.input("x", ("t", 6, 5, 2))
    rng = np.random.default_rng(0)
    h = gd.nn.conv2d(x, 3, (3, 2), gd.nn.tanh, scope="conv", stride=2, padding="valid", rng=rng)
    images = RNG.normal(size=(4, 6, 5, 2))
    found, p = run(h, x=images)
    expected = jax.lax.conv_general_dilated(
        images, p["conv/W"], (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(found, np.tanh(expected), rtol=1e-12, atol=1e-14)
    assert gd.nn.parameter_count(g) == 3 * 2 * 2 * 3 + 3
    for size in (2.5, (3, 3, 3)):
        with pytest.raises(gd.ShapeError, match="not a size of kernels"):
            gd.nn.conv2d(x, 3, size, scope="other")  # type: ignore[arg-type]
    with pytest.raises(gd.ShapeError, match="3 or more axes"):
        gd.nn.conv2d(g.input("y", ("t", 4)), 3, 3, scope="other")


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
