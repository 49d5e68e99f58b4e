"""Functions that bring their own derivative."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd

jax.config.update("jax_enable_x64", True)

X = np.array([0.3, -1.2, 2.0])

rounded = gd.custom_gradient(np.round, lambda g, out, x: g)
calm = gd.custom_gradient(lambda x: x, lambda g, out, x: np.clip(g, -1.0, 1.0))
scaled = gd.custom_gradient(
    lambda p, x: p["a"] * x + p["b"],
    lambda g, out, p, x: ({"a": 10.0 * np.sum(g * x), "b": None}, g * p["a"] * out),
)


@jax.custom_vjp
def theirs(p: Any, x: Any) -> Any:
    return p["a"] * x + p["b"]


def forwards(p: Any, x: Any) -> Any:
    out = theirs(p, x)
    return out, (p, x, out)


def backwards(kept: Any, g: Any) -> Any:
    p, x, out = kept
    return {"a": 10.0 * jnp.sum(g * x), "b": jnp.zeros_like(p["b"])}, g * p["a"] * out


theirs.defvjp(forwards, backwards)
PARAMS = {"a": 1.7, "b": np.array([0.1, 0.2, 0.3])}


def test_the_value_is_the_functions_and_the_slope_is_its_own() -> None:
    value, slope = gd.value_and_grad(lambda x: np.sum(rounded(x) ** 2))(X)
    assert value == 5.0
    np.testing.assert_allclose(slope, 2 * np.round(X))
    np.testing.assert_allclose(gd.grad(lambda x: np.sum(100 * calm(x)))(X), 1.0)
    assert rounded(2.6) == 3.0


@pytest.mark.parametrize("order", [1, 2])
def test_it_is_jaxs_custom_vjp(order: int) -> None:
    def cost(f: Any, m: Any) -> Any:
        return lambda p, x: m.sum(m.sin(f(p, x)))

    def squares(slope: Any, m: Any) -> Any:
        return lambda p, x: m.sum(slope(p, x)[1] ** 2) + slope(p, x)[0]["a"] ** 2

    ours, other = gd.grad(cost(scaled, np), (0, 1)), jax.grad(cost(theirs, jnp), (0, 1))
    if order == 2:
        ours, other = gd.grad(squares(ours, np), (0, 1)), jax.grad(squares(other, jnp), (0, 1))
    found, wanted = jax.tree.leaves(ours(PARAMS, X)), jax.tree.leaves(other(PARAMS, X))
    for mine, one in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, one, rtol=1e-12)


@pytest.mark.parametrize("many", [(None, 0), ({"a": 0, "b": None}, 0), ({"a": 0, "b": None}, None)])
def test_many_examples(many: Any) -> None:
    axes_p, axes_x = many
    p = {"a": np.array([1.7, 0.3]) if axes_p else 1.7, "b": PARAMS["b"]}
    x = np.stack([X, 2 * X]) if axes_x == 0 else X

    def cost(f: Any, vmap: Any, m: Any) -> Any:
        return lambda p, x: m.sum(m.sin(vmap(f, in_axes=many)(p, x)))

    ours = gd.grad(cost(scaled, gd.vmap, np), (0, 1))(p, x)
    other = jax.grad(cost(theirs, jax.vmap, jnp), (0, 1))(p, x)
    for mine, one in zip(jax.tree.leaves(ours), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(mine, one, rtol=1e-12)


def test_forward_mode_follows_a_linear_rule_and_refuses_another() -> None:
    _, tangent = gd.jvp(rounded, (X,), (X + 1.0,))
    np.testing.assert_allclose(tangent, X + 1.0)
    with pytest.raises(gd.GradientError, match="not linear in the cotangent"):
        gd.jvp(calm, (X,), (X,))


def test_a_rule_may_use_tensors_from_around_it() -> None:
    def cost(x: Any, w: Any) -> Any:
        twice = gd.custom_gradient(lambda x: 2.0 * x, lambda g, out, x: g * w)
        return np.sum(twice(x))

    by_x, by_w = gd.grad(cost, (0, 1))(X, 3.0)
    np.testing.assert_allclose(by_x, 3.0)
    assert by_w == 0.0


def test_declared_graphs_hold_it_and_so_do_files(tmp_path: Path) -> None:
    g = gd.Graph()
    w = g.parameter("w", (3,))
    g.output("J", np.sum(rounded(w * 2.0) ** 2))
    g.save(tmp_path / "g.json")
    for graph in (g, gd.load(tmp_path / "g.json"), gd.Graph.from_networkx(g.dag)):
        f = gd.compile(gd.gradient(graph, of="J"), style="readable")
        np.testing.assert_allclose(f(w=X)["dJ/dw"], 4 * np.round(2 * X))
        assert "stop_gradient" not in f.source
        assert "custom_gradient" not in f.source


def test_what_does_not_fit_is_refused() -> None:
    def differentiated(f: Any, bwd: Any, *args: Any) -> Any:
        return gd.grad(lambda *a: np.sum(gd.custom_gradient(f, bwd)(*a)))(*args)

    with pytest.raises(gd.GradientError, match="2 cotangents are needed"):
        differentiated(lambda x, y: x * y, lambda g, out, x, y: g, X, X)
    with pytest.raises(gd.GradientError, match=r"cotangent of 'x' has another shape(.|\n)*\(3,\)"):
        differentiated(lambda x: x, lambda g, out, x: g[:2], X)
    with pytest.raises(gd.GradientError, match="not nested as it is"):
        differentiated(lambda p: p["a"], lambda g, out, p: g, {"a": X})
    with pytest.raises(gd.GradientError, match="does not return one array"):
        gd.jit(gd.custom_gradient(lambda x: (x, x), lambda g, out, x: g))(X)
