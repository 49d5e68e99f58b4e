"""First and second derivatives of every op against JAX, through `graphdiff.gradient`."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ops import OPS
from tests.ops.rows import ROWS
from tests.ops.table import Row, as_dtype, is_inexact, some
from tests.reference import run

Array = np.ndarray[Any, Any]

CASES = [
    pytest.param(row, case, id=f"{row.op}-{case}")
    for row in ROWS
    if OPS[row.op].vjp is not None
    for case in range(len(row.cases))
    if row.cases[case][1].get("dtype", "float64") == "float64"
]


@cache
def expected(row: Row, case: int) -> tuple[list[Array], list[Array], list[Array], list[Array]]:
    """The operands, a direction for each, JAX's gradient, and that of the gradient's projection."""
    arrays, params = row.draw(case), row.cases[case][1]
    floats = [i for i, array in enumerate(arrays) if is_inexact(array)]
    rng = np.random.default_rng(7)
    out = jax.eval_shape(lambda *values: row.other(*values, **params), *arrays)
    weights = some(rng, out.shape, out.dtype)
    along = [some(rng, arrays[i].shape, arrays[i].dtype) for i in floats]

    def cost(*values: Any) -> Any:
        full: list[Any] = list(arrays)
        for i, value in zip(floats, values, strict=True):
            full[i] = value
        return jnp.sum(jnp.real(weights * row.other(*full, **params)))

    def projection(*values: Any) -> Any:
        gradient = jax.grad(cost, positions)(*values)
        return sum(jnp.sum(jnp.real(v * g)) for v, g in zip(along, gradient, strict=True))

    positions = tuple(range(len(floats)))
    both = jax.jit(lambda *v: (jax.grad(cost, positions)(*v), jax.grad(projection, positions)(*v)))
    first, second = both(*(arrays[i] for i in floats))
    return [*arrays, weights], along, list(map(np.asarray, first)), list(map(np.asarray, second))


def declared(row: Row, case: int, dtype: str) -> tuple[gd.Graph, dict[str, Array]]:
    """The graph of the weighted sum of the op's result."""
    g = gd.Graph(row.op)
    *arrays, weights = expected(row, case)[0]
    values = {f"x{i}": as_dtype(array, dtype) for i, array in enumerate(arrays)}
    tensors = [
        (g.parameter if is_inexact(value) else g.input)(name, value.shape, value.dtype)
        for name, value in values.items()
    ]
    result = g.apply(row.op, tensors, row.cases[case][1])
    g.output("J", np.sum(np.real(as_dtype(weights, dtype) * result)))
    return g, values


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("row", "case"), CASES)
def test_first_and_second_derivative(row: Row, case: int, dtype: str) -> None:
    _, along, first, second = expected(row, case)
    g, values = declared(row, case, dtype)
    G = gd.gradient(g, of="J", disconnected="zero")
    names = list(g.parameters)
    found = run(G, **values)
    for name, wanted in zip(names, first, strict=True):
        _check(found[f"dJ/d{name}"], wanted, dtype)

    terms = [
        np.sum(np.real(as_dtype(v, dtype) * G[f"dJ/d{name}"]))
        for v, name in zip(along, names, strict=True)
    ]
    G.output("K", sum(terms[1:], start=terms[0]))
    found = run(gd.gradient(G, of="K", disconnected="zero"), **values)
    for name, wanted in zip(names, second, strict=True):
        _check(found[f"dK/d{name}"], wanted, dtype)


def _check(found: Array, wanted: Array, dtype: str) -> None:
    assert found.dtype == as_dtype(wanted, dtype).dtype
    assert found.shape == wanted.shape
    rtol = 1e-12 if dtype == "float64" else 5e-5
    scale = np.max(np.abs(wanted), initial=1.0)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * 0.01 * scale)
