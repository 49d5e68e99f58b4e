"""Recurrent layers against loops typed in by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit

import graphdiff as gd

X = np.random.default_rng(1).normal(size=(3, 5, 2))  # three sequences of five steps
M = 4


def rnn(x: Any, W: Any, U: Any, b: Any) -> list[Any]:
    h, outputs = np.zeros(M), []
    for row in x:
        h = np.tanh(row @ W + h @ U + b)
        outputs.append(h)
    return outputs


def lstm(x: Any, W: Any, U: Any, b: Any) -> list[Any]:
    h, c, outputs = np.zeros(M), np.zeros(M), []
    for row in x:
        i, f, o, u = np.split(row @ W + h @ U + b, 4)
        c = expit(f) * c + expit(i) * np.tanh(u)
        h = expit(o) * np.tanh(c)
        outputs.append(h)
    return outputs


def gru(x: Any, W: Any, U: Any, b: Any) -> list[Any]:
    h, outputs = np.zeros(M), []
    for row in x:
        a_r, a_z, a_n = np.split(row @ W + b, 3)
        u_r, u_z, u_n = np.split(h @ U, 3)
        z = expit(a_z + u_z)
        n = np.tanh(a_n + expit(a_r + u_r) * u_n)
        h = z * h + (1 - z) * n
        outputs.append(h)
    return outputs


LAYERS = {"rnn": (gd.nn.rnn, rnn, 1), "lstm": (gd.nn.lstm, lstm, 4), "gru": (gd.nn.gru, gru, 3)}


@pytest.mark.parametrize("name", LAYERS)
def test_all_steps_of_all_sequences(name: str) -> None:
    layer, by_hand, parts = LAYERS[name]
    g = gd.Graph(name)
    h = g.output("h", layer(g.input("x", ("t", "T", 2)), M, scope="rec"))
    assert h.shape == ("t", "T", M)
    assert {t.name: (t.shape, t.role) for t in g.parameters.values()} == {
        "rec/W": ((2, parts * M), "weight"),
        "rec/U": ((M, parts * M), "weight"),
        "rec/b": ((parts * M,), "bias"),
    }
    rng = np.random.default_rng(0)
    values = {n.removeprefix("rec/"): rng.normal(size=t.shape) for n, t in g.parameters.items()}
    found = gd.compile(g)(x=X, **{f"rec/{n}": value for n, value in values.items()})["h"]
    expected = [by_hand(sequence, **values) for sequence in X]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_by_differences(name: str) -> None:
    layer, *_ = LAYERS[name]
    g = gd.Graph(name)
    x = g.parameter("x", X.shape)
    h = layer(x, M, scope="rec", rng=np.random.default_rng(0))
    g.output("J", np.sum(h[..., -1, :] ** 2) + np.sum(h[..., 1, :]))
    gd.check_gradients(gd.gradient(g, of="J"), {"x": X})


def test_one_sequence_alone_and_no_loop_written_out() -> None:
    g = gd.Graph("one")
    h = g.output("h", gd.nn.rnn(g.input("x", ("T", 2)), M, scope="rec"))
    assert h.shape == ("T", M)
    rng = np.random.default_rng(0)
    values = {n.removeprefix("rec/"): rng.normal(size=t.shape) for n, t in g.parameters.items()}
    f = gd.compile(g, style="readable")
    found = f(x=X[0], **{f"rec/{n}": value for n, value in values.items()})["h"]
    np.testing.assert_allclose(found, rnn(X[0], **values), rtol=1e-12, atol=1e-14)
    assert f.source.partition("__main__")[0].count("for ") == 1


def test_initial_values() -> None:
    g = gd.Graph()
    gd.nn.lstm(g.input("x", ("T", 2)), M, scope="rec", rng=np.random.default_rng(0))
    value = {n: t.params["value"] for n, t in g.parameters.items()}
    np.testing.assert_array_equal(value["rec/b"], np.repeat([0.0, 1.0, 0.0, 0.0], M))
    np.testing.assert_allclose(value["rec/U"] @ value["rec/U"].T, np.eye(M), atol=1e-14)


def test_sequences_have_two_axes() -> None:
    g = gd.Graph()
    with pytest.raises(gd.ShapeError, match="2 or more axes"):
        gd.nn.gru(g.input("x", ("t",)), M, scope="rec")
