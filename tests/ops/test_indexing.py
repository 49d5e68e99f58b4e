"""Slices and labels against NumPy, for known sizes and for named dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import graphdiff as gd
from graphdiff.ops import OPS
from graphdiff.ops.dimension import evaluate_dimension
from graphdiff.ops.indexing import basic_index
from graphdiff.ops.spec import Spec
from tests.reference import run

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


def evaluated(tensor: gd.Tensor, **values: Any) -> Any:
    graph = tensor.graph
    graph.output("out", tensor)
    return run(graph, **values)["out"]


@given(st.data())
def test_basic_indices_give_what_numpy_gives(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    g = gd.Graph()
    found = g.input("x", shape)[index]
    assert found.shape == x[index].shape
    np.testing.assert_array_equal(evaluated(found, x=x), x[index])


@given(st.data())
def test_an_index_in_its_one_form_stays_so(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    index = basic_index(data.draw(hnp.basic_indices(shape, allow_newaxis=True)), len(shape))
    assert basic_index(index, len(shape)) == index


BOUNDS = st.one_of(st.none(), st.integers(-6, 6))


@given(BOUNDS, BOUNDS, st.integers(1, 3), st.integers(1, 8))
def test_slices_of_a_named_dimension(start: Any, stop: Any, step: int, size: int) -> None:
    length = OPS["slice"].infer(Spec.of("t"), index=((start, stop, step),)).shape[0]
    expected = len(range(size)[start:stop:step])
    assert evaluate_dimension(length, {"t": size}) == expected


@given(BOUNDS, BOUNDS, st.integers(1, 5), st.integers(1, 5))
def test_slices_of_a_formula(start: Any, stop: Any, t: int, n: int) -> None:
    (length,) = OPS["slice"].infer(Spec.of("2*t + n"), index=((start, stop, None),)).shape
    expected = len(range(2 * t + n)[start:stop])
    assert evaluate_dimension(length, {"t": t, "n": n}) == expected


@given(st.integers(-3, 3).filter(bool), st.integers(1, 8))
def test_backward_slices_of_a_named_dimension(step: int, size: int) -> None:
    (length,) = OPS["slice"].infer(Spec.of("t"), index=((None, None, step),)).shape
    assert evaluate_dimension(length, {"t": size}) == len(range(size)[::step])


@pytest.mark.parametrize(
    ("key", "length"),
    [
        (np.s_[1:], "t - 1"),
        (np.s_[:-1], "t - 1"),
        (np.s_[-2:], "Min(2, t)"),
        (np.s_[:3], "Min(3, t)"),
        (np.s_[::2], "(t + 1)//2"),
        (np.s_[::-1], "t"),
        (np.s_[: gd.Dim("t") - 1], "t - 1"),
        (np.s_[gd.Dim("t") - 1 :], 1),
    ],
)
def test_lengths_read_as_one_would_write_them(key: slice, length: object) -> None:
    assert gd.Graph().input("x", ("t", 3))[key].shape == (length, 3)


@given(st.data())
def test_integer_arrays_on_the_leading_axes(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    count = data.draw(st.integers(1, len(shape)))
    index = data.draw(hnp.integer_array_indices(shape[:count], dtype=np.dtype(np.int64)))
    x = np.arange(float(np.prod(shape))).reshape(shape)
    g = gd.Graph()
    found = g.input("x", shape)[index]
    np.testing.assert_array_equal(evaluated(found, x=x), x[index])


LABELS = np.array([2, 0, 2, 1])


@pytest.mark.parametrize(
    "pick",
    [
        lambda x, labels: x[labels],
        lambda x, labels: x[labels, :],
        lambda x, labels: x[labels, ..., :],
        lambda x, labels: x[:, labels],
        lambda x, labels: x[..., labels],
        lambda x, labels: x[labels, 1],
        lambda x, labels: x[-1, labels],
        lambda x, labels: x[np.arange(4), labels],
        lambda x, labels: x[[3, 2, 1, 0], labels],
        lambda x, labels: x[labels, labels],
        lambda x, labels: x[labels[:, None], labels],
        lambda x, labels: np.take(x, labels, axis=0),
        lambda x, labels: np.take(x, labels, axis=1),
        lambda x, labels: np.take(x, labels),
        lambda x, labels: np.take(x, labels[:, None], axis=-1),
        lambda x, labels: np.take_along_axis(x, labels[:, None], axis=1),
        lambda x, labels: np.take_along_axis(x, labels[None, :3], axis=0),
        lambda x, labels: np.take_along_axis(x, labels, axis=None),
        lambda x, labels: np.where(labels[:, None] == np.arange(3), x, 0.0),
    ],
)
def test_labels_that_are_tensors(pick: Any) -> None:
    x = np.arange(12.0).reshape(4, 3)
    g = gd.Graph()
    found = pick(g.input("x", (4, 3)), g.input("labels", (4,), "int64"))
    np.testing.assert_array_equal(evaluated(found, x=x, labels=LABELS), pick(x, LABELS))


def test_cross_entropy_with_labels_and_a_named_dimension() -> None:
    g = gd.Graph()
    z, labels = g.parameter("z", ("t", 3)), g.input("labels", ("t",), "int64")
    logp = gd.special.log_softmax(z, axis=1)
    g.output("J", -np.mean(np.take_along_axis(logp, labels[:, None], axis=1)))
    g.output("K", -np.sum(np.where(labels[:, None] == np.arange(3), logp, 0.0)) / z.shape[0])
    values = {"z": np.arange(12.0).reshape(4, 3) ** 1.5 / 7, "labels": LABELS}
    found = run(gd.gradient(gd.gradient(g, of="J"), of="K"), **values)
    assert found["J"] == pytest.approx(found["K"], rel=1e-14)
    np.testing.assert_allclose(found["dJ/dz"], found["dK/dz"], rtol=1e-13)
    p = np.exp(values["z"]) / np.exp(values["z"]).sum(axis=1, keepdims=True)
    expected = (p - (LABELS[:, None] == np.arange(3))) / 4
    np.testing.assert_allclose(found["dJ/dz"], expected, rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (np.s_[0, 0, 0], "too many indices"),
        (np.s_[..., ...], "more than one ellipsis"),
        (np.s_[1.5], "not a basic index"),
        (np.s_["a"], "not a basic index"),
        (np.s_[True], "not a basic index"),
        (np.s_[::0], "the step of a slice is a number other than 0"),
        (np.s_[1.0:], "not a basic index"),
        (np.s_[:, 3], "index 3 is out of range"),
        (np.s_[:, -4], "index -4 is out of range"),
        (np.s_[5:0:-1], "a backward slice with bounds and a named dimension"),
        (np.s_[: gd.Dim("t") - 5], "the bound 't - 5' of a slice could be negative"),
        (np.s_[gd.Dim("t")], "a dimension as an index"),
        (np.s_[[True, False]], "the mask does not fit"),
        (np.s_[:, [True, False]], "the mask does not fit"),
        (np.s_[[0.5]], "an index is not an integer"),
        (np.s_[np.arange(4), np.arange(4)[None]], None),
        (np.s_[np.arange(4), np.arange(3)], "operands do not broadcast together"),
    ],
)
def test_what_is_no_index_is_refused_at_the_users_line(key: Any, message: str | None) -> None:
    x = gd.Graph().input("x", ("t", 3))
    if message is None:
        assert x[key].shape == (1, 4)
        return
    with pytest.raises(gd.GraphdiffError) as caught:
        x[key]
    assert message in str(caught.value)
    assert "test_indexing.py:" in str(caught.value)


def test_a_new_axis_beside_arrays_is_not_assigned_to() -> None:
    x = gd.Graph().input("x", ("t", 3))
    with pytest.raises(gd.GraphdiffError, match="a new axis beside integer arrays in an index"):
        x[None, [0]] = 1.0


@given(st.data())
def test_placing_is_the_adjoint_of_slicing(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    index = basic_index(data.draw(hnp.basic_indices(shape, allow_newaxis=True)), len(shape))
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    part = OPS["slice"].evaluate(x, index=index)
    assume(part.size)
    u = rng.normal(size=part.shape)
    back = OPS["place"].evaluate(u, shape=shape, index=index)
    assert np.sum(part * u) == pytest.approx(np.sum(x * back), rel=1e-12, abs=1e-12)
