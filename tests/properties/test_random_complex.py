"""Random networks of complex and real matrices: derivatives of both orders against JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd
from tests.properties.test_random_graphs import Step, computed, programs

jax.config.update("jax_enable_x64", True)

# Matrices (3, 3) in, matrices (3, 3) out, complex or real, of moderate size and away from cuts.
UNARY: dict[str, Callable[[Any, Any], Any]] = {
    "real": lambda m, a: m.real(a) * 1.5,
    "imag": lambda m, a: m.imag(a) + 0.1,
    "conj": lambda m, a: m.conj(a),
    "turned": lambda m, a: a * 1j - (0.5 - 2j),
    "exp": lambda m, a: m.exp(0.3j * a) * m.exp(-0.1 * m.abs(a) ** 2),
    "sin": lambda m, a: m.sin(0.5 * a),
    "tanh": lambda m, a: m.tanh(0.2 * a),
    "log": lambda m, a: m.log(3.0 + m.abs(a) ** 2 + 0.1 * a),
    "sqrt": lambda m, a: m.sqrt(2.0 + m.abs(a * a) + a),
    "cube": lambda m, a: 0.05 * a**3,
    "root": lambda m, a: (4.0 + m.conj(a) * a) ** 0.5,
    "length": lambda m, a: m.abs(a) - 0.3,
    "square": lambda m, a: 0.2 * m.abs(a) ** 2,
    "square of the root": lambda m, a: m.sqrt(m.real(a) ** 2 + 1e-2),
    "product with itself": lambda m, a: 0.2 * m.conj(a) * a,
    "sign": lambda m, a: a / m.abs(a + 0.01),
    "transpose": lambda m, a: a.T,
    "adjoint": lambda m, a: m.conj(a).T,
    "rows": lambda m, a: m.concatenate([a[1:], a[:1]]),
    "gather": lambda m, a: a[np.array([2, 0, 0])],
    "centred": lambda m, a: a - m.mean(a, axis=1, keepdims=True),
    "where": lambda m, a: m.where(m.abs(a) > 0.7, a, 0.5j * a),
    "twice": lambda m, a: a + a,
    "less itself": lambda m, a: -(a - 2j * a) / 3.0,
    "outer": lambda m, a: 0.4 * m.outer(a[0], m.conj(a[:, 1])),
    "fft": lambda m, a: m.fft.fft(a, norm="ortho"),
    "ifft": lambda m, a: m.fft.ifft2(a, norm="ortho"),
    "rfft": lambda m, a: m.fft.irfft(m.fft.rfft(m.real(a), axis=0) * 1j, 3, axis=0) + 0.1,
    "padded": lambda m, a: m.fft.fft(a, 5, norm="ortho")[:, :3],
    "cumsum": lambda m, a: 0.5 * m.cumsum(a, axis=1),
}
BINARY: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda m, a, b: a + b,
    "subtract": lambda m, a, b: a - m.conj(b),
    "multiply": lambda m, a, b: 0.7 * (a * b),
    "divide": lambda m, a, b: a / (1.0 + m.abs(b) ** 2),
    "matmul": lambda m, a, b: 0.3 * (a @ b),
    "matmul H": lambda m, a, b: 0.3 * (m.conj(a).T @ b.T),
    "row": lambda m, a, b: a * b[1],
    "column": lambda m, a, b: a + 1j * b[:, 2:],
    "scalar": lambda m, a, b: a * m.mean(b),
    "vdot": lambda m, a, b: a * (0.1 * m.vdot(a, b)),
    "power": lambda m, a, b: (3.0 + m.abs(a)) ** (0.3 * m.sin(0.3 * b)),
}

steps = programs([*UNARY, *BINARY], 9)


def network(m: Any, program: list[Step], z: Any, x: Any) -> Any:
    values = computed(m, program, [z, x], UNARY, BINARY)
    total = m.mean(values[-1] * values[-2])
    return m.abs(total + 0.2) + m.real(m.sum(values[-1] * (0.1 + 0.05j)))


def drawn(seed: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    u, v, x, along = rng.normal(size=(4, 3, 3))
    return u + 1j * v, x, along + 1j * u


def same(found: Any, wanted: Any, rtol: float, what: str = "") -> None:
    assert found.dtype == wanted.dtype
    scale = 1.0 + np.max(np.abs(wanted))
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-2 * rtol * scale, err_msg=what)


@settings(max_examples=60, deadline=None)
@given(program=steps, seed=st.integers(0, 2**31))
def test_value_and_gradient_equal_jax(program: list[Step], seed: int) -> None:
    z, x, _ = drawn(seed)
    g = gd.Graph("random")
    g.output("J", network(np, program, g.parameter("z", (3, 3), complex), g.parameter("x", (3, 3))))
    G = gd.gradient(g, of="J", disconnected="zero")
    value, (dz, dx) = jax.value_and_grad(lambda z, x: network(jnp, program, z, x), (0, 1))(z, x)
    for f in (gd.compile(G), gd.compile(G, rewrites=()), gd.compile(G, style="fast")):
        found = f(z=z, x=x)
        same(found["J"], np.asarray(value), 1e-10)
        same(found["dJ/dz"], np.asarray(dz), 1e-9)
        same(found["dJ/dx"], np.asarray(dx), 1e-9)
        assert max(map(len, f.source.splitlines())) <= 100


@settings(max_examples=25, deadline=None)
@given(program=steps, seed=st.integers(0, 2**31))
def test_both_modes_and_both_precisions(program: list[Step], seed: int) -> None:
    z, x, along = drawn(seed)

    def f(m: Any) -> Callable[..., Any]:
        return lambda z, x: network(m, program, z, x)

    found = gd.jvp(f(np), (z, x), (along, along.real))[1]
    same(found, np.asarray(jax.jvp(f(jnp), (z, x), (along, along.real))[1]), 1e-9)
    narrow = z.astype(np.complex64), x.astype(np.float32)
    value, slopes = gd.value_and_grad(f(np), (0, 1))(*narrow)
    assert [value.dtype, *(s.dtype for s in slopes)] == [np.float32, np.complex64, np.float32]


def test_every_word_is_right_alone_to_second_order() -> None:
    z, x, along = drawn(7)
    for word in [*UNARY, *BINARY]:
        program: list[Step] = [("tanh", 1, 0), (word, 0, 1), ("sin", 0, 0)]

        def projected(m: Any, d: Any, p: list[Step] = program) -> Callable[..., Any]:
            def projection(z: Any, x: Any) -> Any:
                return m.sum(m.real(along * d.grad(lambda z: network(m, p, z, x))(z)))

            return projection

        found = gd.grad(projected(np, gd), (0, 1))(z, x)
        wanted = jax.jit(jax.grad(projected(jnp, jax), (0, 1)))(z, x)
        for ours, theirs in zip(found, wanted, strict=True):
            same(ours, np.asarray(theirs), 1e-9, word)
