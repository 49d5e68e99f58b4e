"""Reductions against NumPy on random shapes and axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import graphdiff as gd
from graphdiff.ops.spec import DTYPES
from tests.reference import run

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=3)


@given(st.data())
def test_any_axes_with_and_without_keepdims(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    axis = data.draw(
        st.one_of(
            st.none(), hnp.valid_tuple_axes(len(shape)), st.integers(-len(shape), len(shape) - 1)
        )
    )
    keepdims = data.draw(st.booleans())
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(float)
    g = gd.Graph()
    tensor = g.input("x", shape)
    for function in (np.sum, np.mean, np.max, np.min, np.amax, np.amin):
        found: Any = function(tensor, axis=axis, keepdims=keepdims)
        expected = function(x, axis=axis, keepdims=keepdims)
        assert found.shape == expected.shape
        g.output(f"{function.__name__}{len(g)}", found)
    for name, found in run(g, x=x).items():
        expected = getattr(np, name.rstrip("0123456789"))(x, axis=axis, keepdims=keepdims)
        np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min"])
def test_dtypes(name: str, dtype: str) -> None:
    if name in ("max", "min") and dtype.startswith("complex"):
        return  # refused: tests/ops/test_values.py
    expected = getattr(np, name)(np.ones(2, dtype))
    found = getattr(gd.Graph().input("x", (2,), dtype), name)()
    assert found.dtype == expected.dtype


def test_methods_are_the_functions() -> None:
    x = gd.Graph().input("x", ("t", 3, 2))
    for name in ("sum", "mean", "max", "min"):
        assert getattr(x, name)(axis=(0, -1), keepdims=True).shape == (1, 3, 1)
        assert getattr(x, name)(1).shape == ("t", 2)
        assert getattr(x, name)().shape == ()


def test_the_mean_divides_by_a_named_dimension() -> None:
    g = gd.Graph()
    w = g.parameter("w", ("t", 2))
    g.output("J", np.mean(w, axis=0).sum())
    found = run(gd.gradient(g, of="J"), w=np.ones((5, 2)))
    np.testing.assert_allclose(found["dJ/dw"], 0.2)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda x: np.sum(x, axis=2), "there is no axis 2"),
        (lambda x: np.sum(x, axis=(0, -2)), "an axis is named twice"),
        (lambda x: np.sum(x, axis="rows"), "'rows' is not an axis"),
        (lambda x: np.sum(x, axis=1.0), "1.0 is not an axis"),
        (lambda x: np.sum(x, axis=True), "True is not an axis"),
        (lambda x: np.sum(x[0, 0], axis=0), "expected: none: a scalar has no axes"),
        (lambda x: np.sum(x, keepdims=3), "keepdims is neither True nor False"),
        (lambda x: np.sum(x, dtype="float16"), "np.sum: dtype not supported"),
        (lambda x: np.sum(x, 0, True), "np.sum: True is not a dtype"),
        (lambda x: np.max(x[:, :0]), "the largest or smallest of no elements"),
        (lambda x: np.unique(x), "np.unique: how many there are depends on values"),
        (lambda x: gd.special.softmax((x > 0), axis=1), "floats are needed"),
    ],
)
def test_what_numpy_would_refuse_or_do_otherwise(attempt: Any, message: str) -> None:
    with pytest.raises(gd.GraphdiffError) as caught:
        attempt(gd.Graph().input("x", ("t", 3)))
    assert message in str(caught.value)
    assert "test_reduction.py:" in str(caught.value)
