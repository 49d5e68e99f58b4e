"""Transforms of plain NumPy functions: JAX's conventions, JAX's numbers."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd

jax.config.update("jax_enable_x64", True)


def cost(w: Any, x: Any, y: Any, m: Any = np) -> Any:
    hidden = m.tanh(x @ w["W"] + w["b"])
    return m.mean((m.sum(hidden, axis=1) - y) ** 2)


RNG = np.random.default_rng(0)
W = {"W": RNG.normal(size=(3, 2)), "b": RNG.normal(size=2)}
X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=5)


def same(found: Any, wanted: Any, rtol: float = 1e-10) -> None:
    """Nested alike, and equal."""
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12)
        assert np.shape(ours) == np.shape(theirs)


def theirs(w: Any, x: Any, y: Any) -> Any:
    return cost(w, x, y, jnp)


@pytest.mark.parametrize("argnums", [0, 1, -1, (0,), (1, 0), (0, 1, 2)])
def test_grad_and_value_and_grad_equal_jax(argnums: Any) -> None:
    same(gd.grad(cost, argnums)(W, X, Y), jax.grad(theirs, argnums)(W, X, Y))
    same(gd.value_and_grad(cost, argnums)(W, X, Y), jax.value_and_grad(theirs, argnums)(W, X, Y))


def test_auxiliary_results() -> None:
    def f(x: Any) -> Any:
        y = x * x
        return y.sum(), {"y": y, "n": 3.0}

    x = np.arange(3.0)
    same(gd.grad(f, has_aux=True)(x), jax.grad(f, has_aux=True)(x))
    same(gd.value_and_grad(f, has_aux=True)(x), jax.value_and_grad(f, has_aux=True)(x))
    with pytest.raises(gd.GraphError, match=r"expected: \(value, aux\)"):
        gd.grad(lambda x: x.sum(), has_aux=True)(x)


def test_jit_equals_the_function() -> None:
    def f(x: Any, more: Any, *, power: int = 2) -> Any:
        return {"y": x**power, "z": [more[0] - x, (more[1]["k"],)]}

    args = (X, [X + 1.0, {"k": 2.5}])
    same(gd.jit(f)(*args), f(*args))
    same(gd.jit(f)(*args, power=3), f(*args, power=3))


def test_the_result_has_the_arguments_dtypes() -> None:
    w = {name: array.astype(np.float32) for name, array in W.items()}
    value, slope = gd.value_and_grad(cost)(w, X.astype(np.float32), Y.astype(np.float32))
    assert value.dtype == np.float32
    assert {array.dtype for array in slope.values()} == {np.dtype(np.float32)}
    assert isinstance(gd.grad(lambda x: x * x)(3.0), np.float64)
    assert isinstance(gd.grad(lambda x: x * x)(np.float32(3.0)), np.float32)


def test_derivatives_of_derivatives() -> None:
    def f(x: Any) -> Any:
        return np.sin(x) * x**3

    ours, wanted = f, lambda x: jnp.sin(x) * x**3
    for _ in range(4):
        ours, wanted = gd.grad(ours), jax.grad(wanted)
        assert ours(0.7) == pytest.approx(float(wanted(0.7)), rel=1e-12)


def test_a_function_that_calls_grad() -> None:
    def f(m: Any, x: Any, y: Any) -> Any:
        """No perturbation is taken for another (Siskind & Pearlmutter, 2005)."""
        inner = m.grad(lambda z: x * z * z)
        return x * inner(y) + m.grad(lambda z: x + z)(1.0) + m.grad(lambda z: z**2)(x)

    for argnums in (0, 1):
        found = gd.grad(lambda x, y: f(gd, x, y), argnums)(3.0, 5.0)
        assert found == jax.grad(lambda x, y: f(jax, x, y), argnums)(3.0, 5.0)
    assert gd.grad(lambda x: x * gd.grad(lambda y: x * y)(2.0))(3.0) == 6.0


def test_a_gradient_within_a_declared_graph() -> None:
    g = gd.Graph()
    x = g.input("x", ("t",))
    g.output("s", gd.grad(lambda z: np.sum(np.sin(z)))(x))
    np.testing.assert_allclose(gd.compile(g)(x=X[0])["s"], np.cos(X[0]))


def test_stop_gradient() -> None:
    found = gd.grad(lambda x: x * gd.stop_gradient(x * x))(3.0)
    assert found == 9.0
    assert gd.stop_gradient((1.0, [2.0])) == (1.0, [2.0])


def test_what_does_not_matter_has_gradient_zero() -> None:
    same(gd.grad(lambda p: p["a"].sum())({"a": X, "b": Y}), {"a": np.ones_like(X), "b": 0 * Y})
    assert gd.grad(lambda x: 2.0)(1.0) == 0.0


@dataclass
class Model:
    W: Any
    b: Any
    kind: str = "linear"


def test_dataclasses_are_arguments_and_gradients() -> None:
    def f(model: Model, x: Any) -> Any:
        assert model.kind == "linear"
        return np.sum((x @ model.W + model.b) ** 2)

    found = gd.grad(f)(Model(W["W"], W["b"]), X)
    wanted = jax.grad(lambda W, b: f(Model(W, b), X), (0, 1))(W["W"], W["b"])
    assert isinstance(found, Model)
    assert found.kind == "linear"
    same((found.W, found.b), wanted)


# -- products and Jacobians ------------------------------------------------------------------------


def several(m: Any, x: Any, p: Any) -> Any:
    return {"y": m.sin(x) @ p["W"], "z": (m.sum(x * x), p["b"] * 2.0)}


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("argnums", [0, 1, (1, 0)])
def test_jacobians_equal_jax(mode: Any, argnums: Any) -> None:
    found = gd.jacobian(lambda x, p: several(np, x, p), argnums, mode)(X, W)
    same(found, jax.jacobian(lambda x, p: several(jnp, x, p), argnums)(X, W))


def test_jacobians_run_no_loop_and_choose_the_mode() -> None:
    tall = gd.jacobian(lambda x: np.tanh(np.ones((50, 2)) @ x))
    wide = gd.jacobian(lambda x: np.tanh(np.ones((2, 50)) @ x))
    for fn, argument in ((tall, np.ones(2)), (wide, np.ones(50))):
        assert all(t.size <= 100 for t in fn.graph(argument))  # nothing is 50 × 50
        assert "for " not in fn.source(argument).split('"""')[-1]


def test_hessians_and_products_with_them_equal_jax() -> None:
    def f(m: Any, w: Any, x: Any) -> Any:
        return cost(w, x, Y, m)

    same(gd.hessian(lambda w: f(np, w, X))(W), jax.hessian(lambda w: f(jnp, w, X))(W), 1e-9)
    v = {"W": W["W"] + 1.0, "b": W["b"] * 2.0}
    wanted = jax.jvp(jax.grad(lambda w: f(jnp, w, X)), (W,), (v,))[1]
    same(gd.hvp(lambda w, x: f(np, w, x))(W, X, v), wanted, 1e-9)
    same(gd.jacobian(gd.grad(lambda w: f(np, w, X)))(W), jax.hessian(lambda w: f(jnp, w, X))(W))
    with pytest.raises(gd.ArgumentError, match="vector is missing"):
        gd.hvp(lambda w: f(np, w, X))(W)


def test_pullbacks_equal_jax() -> None:
    value, pullback = gd.vjp(lambda x, p: several(np, x, p), X, W)
    wanted, theirs = jax.vjp(lambda x, p: several(jnp, x, p), X, W)
    same(value, wanted)
    cotangent = jax.tree.map(lambda a: np.asarray(a) + 1.0, wanted)
    for _ in range(2):
        same(pullback(cotangent), theirs(cotangent))
    value, pullback, aux = gd.vjp(lambda x, n: (x * n, "text" and n), X, np.int64(2), has_aux=True)
    assert aux == 2
    assert pullback(X)[1] is None
    with pytest.raises(gd.ArgumentError, match="'cotangent' has the wrong shape"):
        pullback(Y)


def test_a_pullback_is_not_changed_by_what_becomes_of_the_arguments() -> None:
    x = np.ones(2)
    _, pullback = gd.vjp(lambda x: x**2, x)
    x[:] = 7.0
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [2.0, 2.0])


def test_transforms_compose_in_any_order() -> None:
    def program(d: Any, m: Any, x: Any) -> Any:
        slope = d.vmap(d.grad(lambda z: m.sin(z) * z**2))
        curve = d.vmap(lambda z: d.jvp(d.grad(lambda t: t**4), (z,), (1.0,))[1])
        table = d.jacobian(lambda z: d.vjp(lambda t: m.exp(t) * z, z)[1](m.cos(z))[0])
        return m.sum(slope(x)) + m.sum(curve(x)) + m.sum(table(x) ** 2)

    x = np.array([0.3, -0.4, 1.1])
    same(gd.grad(lambda x: program(gd, np, x))(x), jax.grad(lambda x: program(jax, jnp, x))(x))
    same(
        gd.hessian(lambda x: program(gd, np, x))(x),
        jax.hessian(lambda x: program(jax, jnp, x))(x),
        1e-9,
    )


@pytest.mark.parametrize("u", [800.0, -800.0, 1.0])
def test_naive_formulas_are_stable_under_every_transform(u: float) -> None:
    """-log σ(u) written out: its derivatives are -σ(-u) and σ(u) σ(-u)."""

    def f(u: Any) -> Any:
        return -np.log(1 / (1 + np.exp(-u)))

    s = gd.special.sigmoid(np.array([-u, u]))
    slope, curve = -s[0], s[0] * s[1]
    assert gd.grad(f)(u) == pytest.approx(slope)
    assert gd.jvp(f, (u,), (1.0,))[1] == pytest.approx(slope)
    assert gd.vjp(f, u)[1](1.0)[0] == pytest.approx(slope)
    assert gd.jacobian(f)(u) == pytest.approx(slope)
    assert gd.vmap(gd.grad(f))(np.array([u]))[0] == pytest.approx(slope)
    assert gd.grad(gd.grad(f))(u) == pytest.approx(curve)
    assert gd.hessian(f)(u) == pytest.approx(curve)
    assert gd.hvp(f)(u, 1.0) == pytest.approx(curve)


def test_what_a_jacobian_cannot_be_of_is_refused() -> None:
    with pytest.raises(gd.GradientError, match=r"no derivative of 'out\.1'"):
        gd.jacobian(lambda x: (x, x > 0))(X)
    with pytest.raises(gd.ArgumentError, match="no mode 'sideways'"):
        gd.jacobian(lambda x: x, mode="sideways")  # type: ignore[arg-type]  # wrong on purpose
    found, aux = gd.jacobian(lambda x: (x * 2.0, x > 0), has_aux=True)(Y)
    np.testing.assert_array_equal(found, 2.0 * np.eye(5))
    assert aux.dtype == bool


def test_axes_of_examples_may_be_nested_as_arguments_are() -> None:
    def f(params: dict[str, Any], x: Any) -> dict[str, Any]:
        return {"y": params["W"] @ x + params["b"][0], "b": params["b"][0] * 2.0, "x": [x, x]}

    args = {"W": np.arange(24.0).reshape(2, 3, 4), "b": (np.ones(3),)}, np.arange(8.0).reshape(2, 4)
    out = {"y": 1, "b": None, "x": 0}
    ours = gd.vmap(f, in_axes=({"W": 0, "b": None}, 0), out_axes=out)(*args)
    theirs = jax.vmap(f, in_axes=({"W": 0, "b": None}, 0), out_axes=out)(*args)
    assert ours["b"].shape == (3,)
    for name in out:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-12)


def test_axes_that_fit_nothing_are_refused() -> None:
    x = {"a": np.ones((2, 3))}
    with pytest.raises(gd.ArgumentError, match="in_axes is not nested as what it is for"):
        gd.vmap(lambda x: x["a"], in_axes=({"b": 0},))(x)
    with pytest.raises(gd.ArgumentError, match="in_axes is not nested as what it is for"):
        gd.vmap(lambda x: x["a"], in_axes=({"a": 0.5},))(x)
    with pytest.raises(gd.ArgumentError, match="out_axes is not nested"):
        gd.vmap(lambda x: x["a"], out_axes=(0, 0, 0))(x)
    with pytest.raises(gd.ArgumentError, match="differs by example"):
        gd.vmap(lambda x: x["a"], out_axes=None)(x)


# -- checks ----------------------------------------------------------------------------------------


def test_right_derivatives_pass_the_check() -> None:
    found = gd.check_gradients(lambda x, p, n: several(np, x * n, p), (X, W, 2), method="central")
    assert found.method == "central"
    assert found.forward < 1e-7
    assert found.reverse < 1e-12
    assert str(found).startswith("in 3 directions")
    gd.check_gradients(lambda x: (x * x, x > 0), (3.0,))


def test_the_complex_step_has_all_digits() -> None:
    A = np.array([[0.3, -0.7], [0.2, 0.9]])
    found = gd.check_gradients(lambda x: np.tanh(A @ x) / np.exp(x) ** 2, (np.array([0.4, 1.2]),))
    assert found.method == "complex"
    assert found.forward < 1e-14
    with pytest.raises(gd.GradientError, match=r"no complex step through this op(.|\n)*central"):
        gd.check_gradients(np.abs, (X,), method="complex")


def test_wrong_derivatives_do_not() -> None:
    def held(x: Any) -> Any:
        return x * gd.stop_gradient(x)

    with pytest.raises(gd.GradientError, match=r"(?s)derivatives of 'held' differ.*stop_gradient"):
        gd.check_gradients(held, (X,))
    with pytest.raises(gd.GradientError, match="no argument is a float"):
        gd.check_gradients(lambda n: n, (3,))


def net() -> tuple[gd.Graph, dict[str, Any]]:
    g = gd.Graph("net")
    x, w = g.input("x", ("t", 3)), g.parameter("w", value=[0.3, -0.2, 0.5])
    g.output("J", np.mean(np.tanh(x @ w) ** 2))
    return g, {"x": np.linspace(-1.0, 1.0, 12).reshape(4, 3)}


def test_a_graph_and_its_gradient_graph_pass_the_check() -> None:
    g, values = net()
    assert gd.check_gradients(g, values).forward < 1e-13
    G = gd.gradient(g, of="J", wrt=["x", "w"])
    assert gd.check_gradients(G, values).reverse < 1e-13


def test_a_wrong_gradient_graph_does_not() -> None:
    g, values = net()
    G = gd.gradient(g, of="J", wrt=["x", "w"])
    doubled = gd.Graph.from_networkx(G.dag)
    node = doubled.outputs_by_name["dJ/dw"]
    doubled.dag.graph["outputs"]["dJ/dw"] = (2.0 * doubled[node]).name
    with pytest.raises(gd.GradientError, match="derivatives of 'net' differ"):
        gd.check_gradients(doubled, values)
    with pytest.raises(gd.ArgumentError, match="given by name"):
        gd.check_gradients(g, (1.0,))
    with pytest.raises(gd.ArgumentError, match="no value for 'x'"):
        gd.check_gradients(g, {})


# -- caching ---------------------------------------------------------------------------------------


def test_a_second_call_does_not_trace() -> None:
    traces: list[int] = []

    def f(x: Any, n: int = 1) -> Any:
        traces.append(n)
        return np.sum(x["a"] ** n)

    fn = gd.grad(f)
    for _ in range(3):
        fn({"a": X})
        fn({"a": Y})
        fn({"a": Y}, 2)
        fn({"a": Y}, n=2)
    assert traces == [1, 1, 2, 2]
    fn({"a": Y.astype(np.float32)})
    fn({"a": Y}, 3)
    assert len(traces) == 6
    fn.graph({"a": Y})
    fn.source({"a": Y})
    assert len(traces) == 6
    gd.grad(f)({"a": Y})  # another function, another cache
    assert len(traces) == 7


def test_what_was_built_can_be_seen() -> None:
    fn = gd.value_and_grad(cost)
    assert list(fn.graph(W, X, Y).outputs) == ["out", "dout/dw.W", "dout/dw.b"]
    assert "def value_and_grad(w_W, w_b, x, y):" in fn.source(W, X, Y)
    assert "def forward(x):" in gd.jit(lambda x: x * 2.0).source(gd.Spec.of(("t",)))
    assert repr(gd.grad(cost)) == "<grad of cost>"
    assert fn.__name__ == "cost"


class Recorded(np.ndarray):
    pass


def test_integers_lists_and_subclasses_are_taken() -> None:
    def f(x: Any, k: Any) -> Any:
        return np.sum(x[0] * x[1]) * k

    fn = gd.grad(f)
    same(fn([2.0, 3.0], np.int32(2)), [6.0, 4.0])
    same(fn([2.0, 3.0], np.int32(5)), [15.0, 10.0])
    assert gd.jit(lambda k: k + 1)(np.arange(3, dtype=np.int16)).dtype == np.int64
    assert gd.jit(lambda x: x * x)(np.ones(2).view(Recorded)).sum() == 2.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x,
        lambda x: x.T,
        lambda x: x[1:].reshape(-1),
        lambda x: np.broadcast_to(x, (2, *x.shape)),
        lambda x: np.ones(3),
    ],
)
def test_results_are_the_callers_own(f: Any) -> None:
    x = np.arange(6.0).reshape(3, 2)
    fn = gd.jit(lambda x: (f(x), f(x)))
    for _ in range(2):
        first, second = fn(x)
        first += 1.0
        np.testing.assert_array_equal(x, np.arange(6.0).reshape(3, 2))
        np.testing.assert_array_equal(second, f(x))


def test_gradients_share_no_memory() -> None:
    a, b = gd.grad(lambda a, b: np.sum((a + b) ** 2), (0, 1))(np.ones(2), np.ones(2))
    a += 1.0
    np.testing.assert_array_equal(b, [4.0, 4.0])


def test_threads_share_a_function() -> None:
    fn = gd.value_and_grad(lambda x: np.sum(np.sin(x) ** 2))
    found: dict[int, Any] = {}

    def work(n: int) -> None:
        for _ in range(20):
            found[n] = fn(np.arange(float(n)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(1, 9):
        x = np.arange(float(n))
        np.testing.assert_allclose(found[n][1], np.sin(2 * x))


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args", "message"),
    [
        (lambda x: x * 2.0, (X,), r"returns one float.*float64 \(5, 3\).*np.sum.*jacobian"),
        (lambda x: (x, x), (1.0,), "returns one float.*has_aux=True"),
        (lambda x: x > 0.0, (1.0,), "returns one float.*got: bool"),
        (lambda n: n * 1.0, (3,), "no derivative by 'n', which is not a float.*3.0"),
        (lambda n: n * 1.0, (np.int64(3),), "no derivative by 'n'.*int64"),
        (lambda p: p["k"], ({"k": 1},), r"no derivative by 'p\.k'"),
        (lambda s: 1.0, ("text",), "no derivative by 's'"),
        (lambda: 1.0, (), "no argument 0"),
    ],
)
def test_what_has_no_gradient_is_refused(f: Any, args: Any, message: str) -> None:
    with pytest.raises(gd.GraphdiffError, match=f"(?s){message}") as caught:
        gd.grad(f)(*args)
    assert "test_functional.py:" in str(caught.value)


def test_argnums_that_are_none_are_refused() -> None:
    for argnums in (5, (0, 0), (), "x"):
        with pytest.raises(gd.ArgumentError):
            gd.grad(cost, argnums)(W, X, Y)  # type: ignore[arg-type]  # wrong on purpose


def test_a_layer_that_would_declare_parameters_within_a_function_is_refused() -> None:
    f = gd.grad(lambda x: np.sum(gd.nn.dense(x, 2, scope="hidden")))
    with pytest.raises(gd.GraphError, match="no parameters beside its arguments") as caught:
        f(np.ones((3, 2)))
    assert "test_functional.py" in str(caught.value)
    assert "hidden/W" in str(caught.value)


def test_threads_may_be_the_first_to_differentiate() -> None:
    """In a fresh process, where sympy has not been imported yet."""
    code = """
import threading, numpy as np, graphdiff as gd
found = {}
def work(k):
    found[k] = float(gd.grad(lambda x: np.sum(np.tanh(k * x)))(np.ones(2))[0])
threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 9)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print([found[k] for k in range(1, 9)])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slopes = [k * (1 - np.tanh(k) ** 2) for k in range(1, 9)]
    np.testing.assert_allclose(ast.literal_eval(run.stdout), slopes, rtol=1e-9)
