"""Complex values from declaration to picture; JAX's derivatives are the oracle."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.ops.sources import number_text
from graphdiff.ops.spec import Spec

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(3)
A, Z, X = (
    RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3)),
    RNG.normal(size=3) + 1j * RNG.normal(size=3),
    RNG.normal(size=3),
)


def _network(m: Any, A: Any, z: Any, x: Any) -> Any:
    y = m.exp(A @ z * 0.3) * x + 2j * m.conj(z) - z.real
    return m.sum(m.abs(y) ** 2) + m.sum(y.imag * m.sin(y).real)


def _fit(m: Any, A: Any, z: Any, x: Any) -> Any:
    weights = m.where(m.abs(z) > 0.5, z, 1j) * m.sqrt(z)
    return m.linalg.norm(m.linalg.solve(A, weights + x)) + m.angle(m.prod(z)) * x[0]


COSTS = (_network, _fit)


def close(ours: Any, theirs: Any, rtol: float = 1e-10) -> None:
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("cost", COSTS)
def test_gradients_and_second_derivatives_are_those_of_jax(cost: Callable[..., Any]) -> None:
    along = [RNG.normal(size=v.shape) * (1 + 0.5j if v.dtype.kind == "c" else 1) for v in (A, Z, X)]

    def projected(m: Any, d: Any) -> Callable[..., Any]:
        def projection(*args: Any) -> Any:
            slopes = d.grad(lambda *v: cost(m, *v), (0, 1, 2))(*args)
            return sum(m.real(m.sum(g * v)) for g, v in zip(slopes, along, strict=True))

        return projection

    for f in (lambda m, d: lambda *v: cost(m, *v), projected):
        found = gd.grad(f(np, gd), (0, 1, 2))(A, Z, X)
        wanted = jax.grad(f(jnp, jax), (0, 1, 2))(A, Z, X)
        for ours, theirs in zip(found, wanted, strict=True):
            close(ours, np.asarray(theirs))


def test_products_in_both_modes_are_those_of_jax() -> None:
    def f(m: Any, A: Any, z: Any, x: Any) -> Any:
        return {"z": m.tanh(A @ z) / (x + m.abs(z)), "r": m.real(m.conj(z) * x)}

    along = (A * 1j, Z[::-1].copy(), X + 1.0)
    found = gd.jvp(lambda *v: f(np, *v), (A, Z, X), along)
    wanted = jax.jvp(lambda *v: f(jnp, *v), (A, Z, X), along)
    for ours, theirs in zip(found, wanted, strict=True):
        for key, value in ours.items():
            close(value, np.asarray(theirs[key]))
    cotangent = {"z": Z * 1j, "r": X}
    pulled = gd.vjp(lambda *v: f(np, *v), A, Z, X)[1](cotangent)
    for ours, theirs in zip(
        pulled, jax.vjp(lambda *v: f(jnp, *v), A, Z, X)[1](cotangent), strict=True
    ):
        close(ours, np.asarray(theirs))


def test_jacobians_of_complex_values() -> None:
    close(gd.jacobian(np.abs)(Z), np.asarray(jax.jacrev(jnp.abs)(Z)))
    wave = gd.jacobian(lambda x: np.exp(1j * x))(X)
    close(wave, np.asarray(jax.jacfwd(lambda x: jnp.exp(1j * x))(X)))
    for mode in ("forward", "reverse"):
        ours = gd.jacobian(lambda z: np.sin(A @ z), mode=mode, holomorphic=True)(Z)
        close(ours, np.asarray(jax.jacrev(lambda z: jnp.sin(A @ z), holomorphic=True)(Z)))


def test_the_conjugate_of_the_gradient_points_uphill() -> None:
    """With z = u + iv the gradient is ∂J/∂u − i ∂J/∂v, by differences."""
    h, z = 1e-6, 0.3 - 0.7j

    def cost(z: Any) -> Any:
        return np.abs(z * z - 1.0j) ** 2 + np.real(z)

    du = (cost(z + h) - cost(z - h)) / (2 * h)
    dv = (cost(z + 1j * h) - cost(z - 1j * h)) / (2 * h)
    assert gd.grad(cost)(z) == pytest.approx(du - 1j * dv, rel=1e-8)


def test_where_a_length_has_no_slope_it_is_zero() -> None:
    zero = np.zeros(2, complex)
    for f in (np.abs, np.sign, lambda z: np.abs(z) ** 2, np.angle):
        close(gd.grad(lambda z, f=f: np.sum(np.real(f(z))))(zero), zero)
    assert gd.hvp(lambda z: np.abs(z) ** 2)(0j, 1j) == -2j  # d(2 conj(z)) along i


def test_float32_parts_stay() -> None:
    z, x = Z.astype(np.complex64), X.astype(np.float32)
    value, (by_z, by_x) = gd.value_and_grad(lambda z, x: np.sum(np.abs(z * x * 2j) ** 2), (0, 1))(
        z, x
    )
    assert (value.dtype, by_z.dtype, by_x.dtype) == (np.float32, np.complex64, np.float32)


def test_loops_branches_and_examples() -> None:
    def step(m: Any) -> Callable[..., Any]:
        def body(c: Any, v: Any) -> Any:
            c = c * v + m.conj(c) * 1j
            return c, m.abs(c)

        return body

    def ours(z: Any, x: Any, checkpoints: int | None = None) -> Any:
        c, lengths = gd.scan(step(np), z, x, checkpoints=checkpoints)
        return np.sum(np.abs(c) ** 2) + np.sum(lengths)

    def theirs(z: Any, x: Any) -> Any:
        c, lengths = jax.lax.scan(step(jnp), z, x)
        return jnp.sum(jnp.abs(c) ** 2) + jnp.sum(lengths)

    for found, wanted in zip(
        gd.grad(ours, (0, 1))(Z, X), jax.grad(theirs, (0, 1))(Z, X), strict=True
    ):
        close(found, np.asarray(wanted))
    sparing = gd.grad(lambda z: ours(z, X, checkpoints=2))(Z)
    close(sparing, np.asarray(jax.grad(theirs)(Z, X)))
    many = gd.vmap(gd.grad(ours), in_axes=(0, None))(A, X)
    close(many, np.asarray(jax.vmap(jax.grad(theirs), in_axes=(0, None))(A, X)))
    assert gd.check_gradients(lambda z: gd.cond(True, np.exp, np.conj, z), (Z,)).reverse < 1e-10


def test_a_gradient_of_a_users_own() -> None:
    triple = gd.custom_gradient(lambda z: z * 2.0, lambda g, out, z: g * 3j)
    close(gd.grad(lambda z: np.sum(np.real(triple(z))))(Z), np.full(3, 3j))


@gd.op(numpy="{z} * {z}.conj()", vjp=lambda g, y, z: g * z.conj() + np.conj(g * z), complex=True)
def square_length(z: gd.Spec) -> gd.Spec:
    return z


def test_an_op_of_a_users_own() -> None:
    found = gd.check_gradients(lambda z: square_length(np.sin(z)), (Z,))
    assert found.reverse < 1e-10
    refusing = gd.op(numpy="np.sinc({x})", vjp=lambda g, y, x: g)(_refusing)
    with pytest.raises(gd.DTypeError, match="refusing: complex values are not taken"):
        gd.jit(refusing)(Z)


def _refusing(x: gd.Spec) -> gd.Spec:
    return x


def declared() -> gd.Graph:
    g = gd.Graph("wave")
    z, x = g.parameter("z", ("t",), "complex128"), g.input("x", ("t",))
    w, k = g.parameter("w", (), "complex128"), g.constant(np.array([1.0, -2j]))
    y = np.exp(-1j * x) * z * w + k[1] * (2 + 1j) / 3.0
    g.output("J", np.mean(np.abs(y.named("y") - 1.0) ** 2))
    return g


def test_the_saved_file_and_the_saved_graph(tmp_path: Path) -> None:
    G = gd.gradient(declared(), of="J")
    f = gd.compile(G)
    f.save(tmp_path / "wave.py")
    ran = subprocess.run(
        [sys.executable, "-W", "error", tmp_path / "wave.py"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    errors = [float(line.split()[-1]) for line in ran.stdout.splitlines()]
    assert len(errors) == 2
    assert max(errors) < 1e-7
    G.save(tmp_path / "wave.json")
    assert gd.compile(gd.load(tmp_path / "wave.json")).source == f.source
    assert "complex128 (t,)" in f.source
    drawn = gd.draw(G, tmp_path / "wave.svg")
    assert drawn is not None
    assert "−i" in (tmp_path / "wave.svg").read_text()


def test_a_plan_counts_sixteen_bytes() -> None:
    g = gd.Graph()
    z = g.input("z", (1000,), "complex128")
    g.output("J", np.sum(np.real(np.exp(z))))
    plan = gd.plan(g, strategy="store")
    assert 16000 <= plan.peak_bytes < 16100  # the real part is a view


def test_rewrites_of_real_squares_leave_complex_ones_alone() -> None:
    z = 0.5 + 2.0j
    for f in (
        lambda z: np.sqrt(z**2),
        lambda z: np.sqrt(np.sum(z * z)),
        lambda z: np.sqrt(z @ z),
        lambda z: 1 / (1 + np.exp(-z)),
        lambda z: np.log(1 + np.exp(z)),
        lambda z: np.log(np.sum(np.exp(z))),
        lambda z: np.exp(z) / np.sum(np.exp(z)),
        lambda z: np.log(1 + z) + np.exp(z) - 1,
        lambda z: -np.log(1 / (1 + np.exp(-z))),
        lambda z: np.log(np.exp(z * 3)),
        lambda z: 2j * (z / 3.0) * 1j + z + z - (-z) * (1 + 0j) ** 2,
    ):
        values = np.array([z, z.conjugate() - 3.0])
        np.testing.assert_allclose(gd.jit(f)(values), f(values), rtol=1e-13)


@given(st.complex_numbers(width=128))
def test_a_number_is_written_bit_by_bit(number: complex) -> None:
    text = number_text(number, Spec((), np.dtype("complex128")))
    found = np.array(complex(eval(text, {"np": np})))
    wanted = np.array(number)
    for part in (np.real, np.imag):
        np.testing.assert_array_equal(part(found), part(wanted))
        if not np.isnan(part(wanted)):
            assert np.signbit(part(found)) == np.signbit(part(wanted))


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: gd.grad(lambda z: z * z)(1j), r"(?s)returns a real value.*np\.abs\(z\)\*\*2"),
        (lambda: gd.jacobian(lambda z: z * z)(1j), "(?s)complex results by.*holomorphic=True"),
        (lambda: gd.hessian(lambda z: np.abs(z) ** 2)(1j), "complex results by complex"),
        (lambda: gd.jacobian(np.abs, mode="forward")(1j), "(?s)in forward mode.*'reverse'"),
        (lambda: gd.jacobian(np.abs, holomorphic=True, mode="forward")(1j), "in forward mode"),
        (lambda: gd.gradient(gd.trace(np.exp, 1j), of="out", wrt="x"), "complex value has no grad"),
        (lambda: gd.compile(gd.trace(np.exp, 1.0))(x=1j), r"(?s)wrong dtype.*np\.real\(x\)"),
    ],
)
def test_what_has_no_derivative_is_refused(attempt: Callable[[], Any], message: str) -> None:
    with pytest.raises(gd.GraphdiffError, match=message) as caught:
        attempt()
    assert "test_complex.py:" in str(caught.value)


def test_derivatives_can_be_checked() -> None:
    found = gd.check_gradients(lambda z, x: (np.exp(z) * x, np.abs(z)), (Z, X))
    assert found.method == "central"
    assert found.reverse < 1e-14
    wrong = gd.custom_gradient(lambda z: z * 2.0, lambda g, out, z: np.conj(g) * 2.0)
    with pytest.raises(gd.GradientError, match="differ"):
        gd.check_gradients(lambda z: wrong(np.exp(z)), (Z,))
    with pytest.raises(gd.GradientError, match="no complex step through values that are complex"):
        gd.check_gradients(np.exp, (Z,), method="complex")


def test_sums_over_paths_and_expressions() -> None:
    g = gd.Graph()
    w = g.parameter("w", (), "complex128")
    y = (w * w).named("y")
    g.output("J", np.real(y * np.conj(y)) + np.real(y))
    naive = gd.path_sum(g, of="J", wrt="w")
    found = gd.compile(naive)(w=1.0 + 2.0j)["dJ/dw"]
    wanted = jax.grad(lambda w: jnp.abs(w * w) ** 2 + jnp.real(w * w))(1.0 + 2.0j)
    assert found == pytest.approx(complex(wanted), rel=1e-12)
    for attempt in (gd.expression, gd.eliminate):
        with pytest.raises(gd.GradientError, match="only"):
            attempt(g, "J", "w")
