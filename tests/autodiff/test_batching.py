"""`vmap`: every op for many examples at once gives what a loop over the examples gives."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.autodiff import batching_control
from graphdiff.autodiff.batching_rules import RULES
from graphdiff.ops import OPS
from tests.ops.rows import ROWS
from tests.ops.table import Row
from tests.properties.test_random_graphs import BINARY, OURS, THEIRS, UNARY

CASES = [
    pytest.param(row, case, id=f"{row.op}-{case}") for row in ROWS for case in range(len(row.cases))
]


@pytest.mark.parametrize(("row", "case"), CASES)
def test_every_op_against_a_loop(row: Row, case: int) -> None:
    """With the examples along the first axis of every operand, and of each operand alone."""
    op, params = OPS[row.op], row.cases[case][1]
    first = row.draw(case)
    others = row.draw(case, example=1)
    count = len(first)
    patterns = [(0,) * count] + [
        tuple(0 if i == j else None for i in range(count)) for j in range(count)
    ]
    for pattern in dict.fromkeys(patterns):
        stacked = [
            np.stack([a, b, a]) if axis == 0 else a
            for a, b, axis in zip(first, others, pattern, strict=True)
        ]
        found = gd.vmap(lambda *xs: op(*xs, **params), in_axes=pattern)(*stacked)
        for i in range(3):
            each = (x[i] if axis == 0 else x for x, axis in zip(stacked, pattern, strict=True))
            np.testing.assert_allclose(
                found[i], op.evaluate(*each, **params), rtol=1e-12, atol=1e-14
            )


def test_every_op_has_a_rule() -> None:
    """None is applied to one example after the other."""
    needed = {op.name for op in OPS.values() if op.operands and not op.elementwise}
    assert needed | {"broadcast_to"} == {*RULES, *batching_control.RULES}


@pytest.mark.parametrize("word", [*UNARY, *BINARY])
def test_gradients_of_examples_equal_jax(word: str) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 4, 3, 3))

    def f(m: Any, a: Any, b: Any) -> Any:
        value = UNARY[word](m, a) * b if word in UNARY else BINARY[word](m, a, b)
        return m.np.sum(value * value)

    for axes in ((0, 0), (0, None), (None, 0)):
        args = tuple(x if axis == 0 else x[0] for x, axis in zip((a, b), axes, strict=True))
        found = gd.vmap(gd.grad(lambda a, b: f(OURS, a, b), (0, 1)), in_axes=axes)(*args)
        wanted = jax.vmap(jax.grad(lambda a, b: f(THEIRS, a, b), (0, 1)), in_axes=axes)(*args)
        for ours, theirs in zip(found, wanted, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-11)


def test_axes_of_arguments_and_results() -> None:
    def f(m: Any, p: Any, x: Any) -> Any:
        return {"y": m.tanh(x @ p["W"]), "s": m.sum(x), "k": 2.0}

    p = {"W": np.ones((2, 3, 5)), "b": np.ones((4, 3, 5))}
    x = np.arange(6.0).reshape(2, 3)
    for in_axes, out_axes in (((1, 1), 0), ((None, 1), 0), ((2, None), 0), ((-1, None), 0)):
        found = gd.vmap(lambda p, x: f(np, p, x), in_axes, out_axes)(
            {k: v if in_axes[0] is not None else v[:, 0] for k, v in p.items()},
            x if in_axes[1] == 1 else x[:, 0],
        )
        wanted = jax.vmap(lambda p, x: f(jnp, p, x), in_axes, out_axes)(
            {k: v if in_axes[0] is not None else v[:, 0] for k, v in p.items()},
            x if in_axes[1] == 1 else x[:, 0],
        )
        assert jax.tree.structure(found) == jax.tree.structure(wanted)
        for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(ours, theirs)
    found = gd.vmap(lambda x: x * 2.0, out_axes=1)(x)
    np.testing.assert_array_equal(found, 2.0 * x.T)


def test_maps_of_maps_and_gradients_of_maps() -> None:
    def f(d: Any, m: Any, x: Any, y: Any) -> Any:
        table = d.vmap(d.vmap(lambda a, b: m.sin(a) * b, in_axes=(0, None)), in_axes=(None, 0))
        return m.sum(table(x, y) ** 2)

    x, y = np.arange(3.0), np.arange(2.0) + 1.0
    found = gd.grad(lambda x, y: f(gd, np, x, y), (0, 1))(x, y)
    wanted = jax.grad(lambda x, y: f(jax, jnp, x, y), (0, 1))(x, y)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_what_is_the_same_for_all_is_computed_once() -> None:
    source = gd.vmap(lambda w, x: np.sum(np.exp(w)) * x, in_axes=(None, 0)).source(
        np.ones(3), np.ones((1000, 2))
    )
    assert source.count("np.exp") == 1
    assert "1000, 3" not in source
    assert "for " not in source.split('"""')[-1]


@pytest.mark.parametrize(
    ("in_axes", "args", "message"),
    [
        (0, (np.ones(2), np.ones(3)), "'b' has another number of examples.*expected: 2"),
        (1, (np.ones(2), np.ones(2)), "'a' has no axis 1"),
        (None, (1.0, 2.0), "no argument has an axis"),
        ((0,), (np.ones(2), np.ones(2)), "in_axes does not fit"),
        ((0, "x"), (np.ones(2), np.ones(2)), "in_axes is not nested"),
    ],
)
def test_examples_that_do_not_fit_are_refused(in_axes: Any, args: Any, message: str) -> None:
    with pytest.raises(gd.ArgumentError, match=f"(?s){message}"):
        gd.vmap(lambda a, b: a * b, in_axes)(*args)
