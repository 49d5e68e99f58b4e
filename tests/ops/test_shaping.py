"""Ops that move elements, against NumPy on random shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import graphdiff as gd
from graphdiff.ops import OPS
from tests.reference import run

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4)


def both(function: Callable[[Any], Any], shape: tuple[int, ...]) -> tuple[Any, Any]:
    """What a function gives through a graph, and what it gives on the array."""
    x = np.arange(float(np.prod(shape))).reshape(shape)
    g = gd.Graph()
    g.output("out", function(g.input("x", shape)))
    return run(g, x=x)["out"], function(x)


def same(function: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    found, expected = both(function, shape)
    np.testing.assert_array_equal(found, expected, strict=True)


@given(st.data())
def test_transpositions(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    axes = [axis - data.draw(st.sampled_from([0, len(shape)])) for axis in range(len(shape))]
    order = data.draw(st.permutations(axes))
    same(lambda x: np.transpose(x, order), shape)
    same(lambda x: x.T, shape)
    if len(shape) > 1:
        i, j = data.draw(st.tuples(st.sampled_from(axes), st.sampled_from(axes)))
        same(lambda x: np.swapaxes(x, i, j), shape)
        same(lambda x: np.moveaxis(x, i, j), shape)
        same(lambda x: np.moveaxis(x, order[:2], axes[:2]), shape)
        same(lambda x: x.mT, shape)


@given(st.data())
def test_reshapes(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    wanted = list(data.draw(st.permutations(shape)))
    if wanted and data.draw(st.booleans()):
        wanted[data.draw(st.integers(0, len(wanted) - 1))] = -1
    same(lambda x: x.reshape(wanted), shape)
    same(lambda x: np.ravel(x), shape)


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=1, max_side=3))
def test_broadcasts(shapes: hnp.BroadcastableShapes) -> None:
    same(lambda x: np.broadcast_to(x, shapes.result_shape), shapes.input_shapes[0])


@given(st.data())
def test_axes_of_length_1(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    count = data.draw(st.integers(1, 2))
    ndim = len(shape) + count
    axes = data.draw(
        st.lists(st.integers(0, ndim - 1), min_size=count, max_size=count, unique=True)
    )
    signed = tuple(axis - data.draw(st.sampled_from([0, ndim])) for axis in axes)
    same(lambda x: np.expand_dims(x, signed), shape)
    same(lambda x: np.squeeze(np.expand_dims(x, signed), signed), shape)
    same(lambda x: np.squeeze(np.expand_dims(x, signed)), shape)


@given(st.data())
def test_concatenations(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    same(lambda x: np.concatenate([x, x, 2 * x], axis=axis), shape)
    same(lambda x: np.concatenate([x, np.ones(shape)], axis=None), shape)
    same(lambda x: np.stack([x, 2 * x], axis=axis), shape)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: x.reshape(-1), ("3*t",)),
        (lambda x: x.reshape(3, -1), (3, "t")),
        (lambda x: x.reshape("t", 3, 1), ("t", 3, 1)),
        (lambda x: np.concatenate([x, x]), ("2*t", 3)),
        (lambda x: np.concatenate([x, np.ones((2, 3))]), ("t + 2", 3)),
        (lambda x: np.stack([x, x]), (2, "t", 3)),
        (lambda x: np.broadcast_to(x[:, :1], x.shape), ("t", 3)),
        (lambda x: x[None].transpose(1, 2, 0), ("t", 3, 1)),
    ],
)
def test_named_dimensions(function: Callable[[Any], Any], shape: tuple[Any, ...]) -> None:
    g = gd.Graph()
    g.output("out", function(g.input("x", ("t", 3))))
    assert g["out"].shape == shape
    found = run(g, x=np.arange(12.0).reshape(4, 3))["out"]  # the interpreter checks the shape
    assert found.size in (4 * 3, 4 * 3 + 6, 2 * 4 * 3)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x.reshape(5, -1), "reshape would change the number of elements"),
        (lambda x: x.reshape(5), "expected: 12 elements, as in (4, 3)"),
        (lambda x: x.reshape(-1, -1), "more than one dimension is left open"),
        (lambda x: x.reshape(-2, 6), "a dimension is negative: -2"),
        (lambda x: x.reshape(2.0, 6), "2.0 is not a dimension"),
        (lambda x: x.transpose(0, 0), "the axes are not a permutation"),
        (lambda x: x.transpose(0, 2), "there is no axis 2"),
        (lambda x: np.swapaxes(x, 0, 5), "there is no axis 5"),
        (lambda x: np.moveaxis(x, (0, 1), 0), "source and destination do not fit"),
        (lambda x: np.squeeze(x, 0), "axis 0 cannot be dropped"),
        (lambda x: np.expand_dims(x, 9), "there is no axis 9"),
        (lambda x: np.expand_dims(x, (0, 0)), "an axis is named twice"),
        (lambda x: np.broadcast_to(x, (3,)), "a value cannot be broadcast to a smaller shape"),
        (lambda x: np.concatenate([x, x[:, :1]]), "operands do not fit for concatenate"),
        (lambda x: np.concatenate([x[0, 0], x[0, 1]]), "scalars cannot be concatenated"),
        (lambda x: np.concatenate([x, x], axis=2), "there is no axis 2"),
        (lambda x: np.stack([x, x[0]]), "operands do not fit for concatenate"),
        (lambda x: x[0].mT, "there is no axis -2"),
    ],
)
def test_shapes_that_do_not_fit(function: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(gd.ShapeError) as caught:
        function(gd.Graph().input("x", (4, 3)))
    assert message in str(caught.value)
    assert "test_shaping.py:" in str(caught.value)


def test_nothing_to_concatenate() -> None:
    with pytest.raises(gd.ShapeError, match="nothing to concatenate"):
        OPS["concatenate"].evaluate()
