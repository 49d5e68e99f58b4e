"""Sums of arrays that are zero but for a part: the gradient of what was cut up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphdiff as gd

RNG = np.random.default_rng(0)


def gradient_code(build: Any, shape: tuple[Any, ...]) -> tuple[str, Any]:
    """The gradient part of the source, and the derivative at random values."""
    g = gd.Graph()
    x = g.input("x", shape)
    g.output("J", build(x))
    G = gd.gradient(g, of="J", wrt="x")
    f = gd.compile(G, style="readable")
    value = RNG.normal(size=[3 if part == "t" else part for part in shape])
    found = f(x=value)["dJ/dx"]
    np.testing.assert_array_equal(found, gd.compile(G, rewrites=())(x=value)["dJ/dx"])
    gd.check_gradients(G, {"x": value})
    return f.source.partition("# gradient\n")[2].partition("\n\nif __name__")[0], found


def cut(*bounds: int) -> Any:
    """A cost of the parts between the bounds, each in its own way."""
    functions = (np.sin, np.exp, np.tanh, np.cos, np.square)

    def build(x: Any) -> Any:
        ends = (*bounds, None)
        parts = [x[:, a:b] for a, b in zip((0, *bounds), ends, strict=True)]
        return sum(np.sum(f(part)) for f, part in zip(functions, parts, strict=False))

    return build


@pytest.mark.parametrize("bounds", [(2,), (2, 5), (1, 4, 6), (1, 2, 3, 7)])
def test_parts_that_fill_an_axis_are_concatenated(bounds: tuple[int, ...]) -> None:
    code, _ = gradient_code(cut(*bounds), ("t", 8))
    assert code.count("np.concatenate(") == 1
    assert "place(" not in code
    assert code.count(",") >= len(bounds)


def test_parts_that_leave_a_gap_or_overlap_are_not() -> None:
    code, found = gradient_code(
        lambda x: np.sum(np.sin(x[:, :2])) + np.sum(np.exp(x[:, 3:])), ("t", 8)
    )
    assert "np.concatenate(" not in code
    assert (found[:, 2] == 0.0).all()
    code, _ = gradient_code(lambda x: np.sum(np.sin(x[:, :4])) + np.sum(np.exp(x[:, 3:])), ("t", 8))
    assert "np.concatenate(" not in code


def test_neighbours_in_the_middle_are_one_piece() -> None:
    code, found = gradient_code(
        lambda x: np.sum(np.sin(x[:, 2:4])) + np.sum(np.exp(x[:, 4:6])), ("t", 8)
    )
    assert code.count("place(") == 1
    assert code.count("np.concatenate(") == 1
    assert (found[:, [0, 1, 6, 7]] == 0.0).all()


@pytest.mark.parametrize(("layer", "count"), [(gd.nn.lstm, 1), (gd.nn.gru, 2)])
def test_gates_are_joined_in_every_step(layer: Any, count: int) -> None:
    """Those of a GRU twice: by x W + b and by h U, which have parts in common."""
    g = gd.Graph()
    h = layer(g.input("x", ("t", "T", 3)), 5, scope="layer")
    g.output("J", np.sum(h**2))
    source = gd.compile(gd.gradient(g, of="J"), style="readable").source
    assert source.count("np.concatenate([") == count
    assert "place(" not in source


def test_the_branches_of_one_condition_are_one_choice() -> None:
    g = gd.Graph()
    x, y = g.input("x", ("t",)), g.input("y", ("t",))
    g.output("out", np.where(x > 0, np.sin(x), 0.0) + np.where(x > 0, 0.0, np.exp(y)))
    f = gd.compile(g, style="readable")
    values = {"x": RNG.normal(size=9), "y": RNG.normal(size=9)}
    assert f.source.split("def forward")[1].count("np.where(") == 1
    expected = np.where(values["x"] > 0, np.sin(values["x"]), np.exp(values["y"]))
    np.testing.assert_array_equal(f(**values)["out"], expected)


def test_a_softmax_under_its_likelihood_has_the_slope_of_the_book() -> None:
    """dJ/dz = (softmax(z) − one-hot) / t, without a sum: Goodfellow et al., section 6.2.2.3."""
    g = gd.Graph()
    z, y = g.input("z", ("t", 4)), g.input("y", ("t",), "int64")
    g.output("J", gd.nn.multinoulli_nll(z, y))
    G = gd.gradient(g, of="J", wrt="z")
    source = gd.compile(G, style="readable").source.partition("# gradient")[2]
    assert "dJ_dz = dJ_dlogp + (1.0 / t) * np.exp(logp)" in source
    assert "np.sum(" not in source.partition("if __name__")[0]
    values = {"z": RNG.normal(size=(5, 4)), "y": np.array([0, 3, 1, 1, 2])}
    expected = (gd.nn.softmax(values["z"]) - np.eye(4)[values["y"]]) / 5
    np.testing.assert_allclose(gd.compile(G)(**values)["dJ/dz"], expected, atol=1e-16)


@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
@pytest.mark.parametrize("keepdims", [False, True])
def test_the_sum_of_what_was_scattered(axis: Any, keepdims: bool) -> None:
    indices = np.array([[0, 2], [1, 1], [2, 0]])  # twice at one place in the second row

    def build(v: Any) -> Any:
        g = v.graph
        spread = g.apply("scatter_add_along_axis", (v, g.constant(indices)), SPREAD)
        return np.sum(spread, axis=axis, keepdims=keepdims)

    g = gd.Graph()
    g.output("out", build(g.input("v", (3, 2))))
    value = RNG.normal(size=(3, 2))
    found = gd.compile(g)(v=value)["out"]
    np.testing.assert_allclose(found, gd.compile(g, rewrites=())(v=value)["out"], atol=1e-15)
    text = gd.compile(g).source
    assert ("scatter" in text) == (axis != 1)


SPREAD = {"shape": (3, 4), "axis": 1}


@pytest.mark.parametrize(
    ("shape", "index", "text"),
    [
        (("t", 1), np.s_[:, 0], "[:, None]"),
        (("t", 1, 3), np.s_[:, -1], "[:, None]"),
        ((1, 1), np.s_[0, 0], "[None, None]"),
        ((4, 1, 1), np.s_[0:4:1, 0, 0], "[:, None, None]"),
        ((4, 3), np.s_[:4], "np.cos("),
    ],
)
def test_a_part_that_is_the_whole_has_no_zeros_around_it(
    shape: tuple[Any, ...], index: Any, text: str
) -> None:
    code, found = gradient_code(lambda x: np.sum(np.sin(x[index]) * x[index]), shape)
    assert "place(" not in code
    assert text in code
    code, found = gradient_code(lambda x: 2.0 * np.sum(x[index]), shape)
    assert "place(" not in code
    np.testing.assert_array_equal(found, np.full(found.shape, 2.0))


@pytest.mark.parametrize(
    ("shape", "index"),
    [(("t", 2), np.s_[:, 0]), ((4, 1), np.s_[::-1, 0]), ((4, 1), np.s_[1:, 0]), ((4,), np.s_[:3])],
)
def test_other_parts_keep_their_zeros(shape: tuple[Any, ...], index: Any) -> None:
    code, _ = gradient_code(lambda x: np.sum(np.sin(x[index])), shape)
    assert "place(" in code
