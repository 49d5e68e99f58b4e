"""Real programs in plain NumPy: value and gradient against JAX, and the gradient checked alone."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd
from tests.programs.programs import PROGRAMS

jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_value_and_gradient(name: str) -> None:
    program = PROGRAMS[name]
    places = tuple(range(program.count))
    fixed = program.arguments[program.count :]

    def of(module: Any) -> Any:
        return lambda *varied: program.f(module, *varied, *fixed)

    varied = program.arguments[: program.count]
    value, slopes = gd.value_and_grad(of(np), places)(*varied)
    with jax.disable_jit():  # compiling what is unrolled takes XLA minutes
        wanted, theirs = jax.value_and_grad(of(jnp), places)(*map(_jax, varied))
    np.testing.assert_allclose(value, of(np)(*varied), rtol=1e-12)
    np.testing.assert_allclose(value, wanted, rtol=1e-10)
    ours, theirs = jax.tree.leaves(slopes), jax.tree.leaves(theirs)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-12 * np.abs(other).max())


def _jax(value: Any) -> Any:
    return jax.tree.map(jnp.asarray, value)


@pytest.mark.parametrize("name", ["marginal", "runge_kutta", "stencil"])
def test_second_derivatives(name: str) -> None:
    program = PROGRAMS[name]
    x, *rest = program.arguments
    v = np.linspace(-1.0, 1.0, x.size).reshape(x.shape)
    ours = gd.hvp(lambda x: program.f(np, x, *rest))(x, v)
    slope = jax.grad(lambda x: program.f(jnp, x, *rest))
    with jax.disable_jit():
        theirs = jax.jvp(slope, (jnp.asarray(x),), (jnp.asarray(v),))[1]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_in_place_programs_are_differentiated_too() -> None:
    """A Gauss-Seidel sweep as it is written in textbooks: the array is overwritten as it goes."""

    def sweep(x: Any, A: Any, b: Any) -> Any:
        x = x.copy()
        for _ in range(3):
            for i in range(len(b)):
                x[i] = (b[i] - A[i] @ x + A[i, i] * x[i]) / A[i, i]
        return np.sum(x**2)

    A = np.array([[4.0, 1.0, 0.5], [1.0, 5.0, -1.0], [0.5, -1.0, 6.0]])
    b, x = np.array([1.0, 2.0, 3.0]), np.array([0.3, -0.2, 0.1])
    gd.check_gradients(sweep, (x, A, b))
    assert gd.grad(sweep, argnums=1)(x, A, b).shape == (3, 3)
