"""Naive texts, value and gradient, where computing them as written gives infinity or NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphdiff as gd
from graphdiff.rewrite import stabilise

U = np.array([-800.0, -40.0, -1.5, 0.0, 1e-12, 2.5, 36.0, 800.0])
exp, log = mpmath.exp, mpmath.log

NAIVE: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "-log σ": (lambda u: -np.log(1 / (1 + np.exp(-u))), lambda u: log(1 + exp(-u))),
    "-log σ, turned": (
        lambda u: -np.log(np.exp(u) / (np.exp(u) + 1.0)),
        lambda u: log(1 + exp(-u)),
    ),
    "-log (1 - σ)": (
        lambda u: -np.log(1 - gd.special.sigmoid(u)),
        lambda u: log(1 + exp(u)),
    ),
    "σ": (lambda u: 1.0 / (np.exp(-u) + 1.0), lambda u: 1 / (1 + exp(-u))),
    "1 - σ": (lambda u: 1 - 1 / (1 + np.exp(-u)), lambda u: 1 / (1 + exp(u))),
    "ζ": (lambda u: np.log(1 + np.exp(u)), lambda u: log(1 + exp(u))),
    "log1p": (lambda u: np.log(1 + u * u * 1e-24), lambda u: mpmath.log1p(u * u * 1e-24)),
    "expm1": (lambda u: np.exp(u * 0.01) - 1, lambda u: mpmath.expm1(u * 0.01)),
}


@pytest.mark.parametrize("name", NAIVE)
def test_element_wise(name: str) -> None:
    naive, exact = NAIVE[name]
    g = gd.Graph()
    u = g.parameter("u", U.shape)
    y = g.output("y", naive(u))
    g.output("J", y.sum())
    found = gd.compile(gd.gradient(g, of="J"))(u=U)
    with mpmath.workdps(500):
        values = [float(exact(mpmath.mpf(v))) for v in U]
        slopes = [float(mpmath.diff(exact, mpmath.mpf(v))) for v in U]
    np.testing.assert_allclose(found["y"], values, rtol=4e-15, atol=0)
    np.testing.assert_allclose(found["dJ/du"], slopes, rtol=2e-14, atol=2e-17)  # y (1 - y)


Z = np.array([[1e4, -1e4, 3.0], [0.1, 0.2, -0.3]])


def test_softmax_of_large_logits() -> None:
    g = gd.Graph()
    z = g.parameter("z", Z.shape)
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    y = g.output("y", -np.log(p))
    g.output("J", y[:, 0].sum())
    found = gd.compile(gd.gradient(g, of="J"))(z=Z)
    shifted = Z - Z.max(axis=1, keepdims=True)
    wanted = np.log(np.exp(shifted).sum(axis=1, keepdims=True)) - shifted
    np.testing.assert_allclose(found["y"], wanted, rtol=1e-15)
    slope = np.exp(-wanted) - np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(found["dJ/dz"], slope, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize(
    "text",
    [
        lambda z: z - np.log(np.sum(np.exp(z), axis=1, keepdims=True)),
        lambda z: (z.T - np.log(np.sum(np.exp(z.T), axis=0))).T,
        lambda z: np.log(np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)),
    ],
)
def test_every_text_of_the_log_softmax(text: Callable[[Any], Any]) -> None:
    g = gd.Graph()
    z = g.parameter("z", Z.shape)
    g.output("J", text(z)[:, 2].sum())
    found = gd.compile(gd.gradient(g, of="J"))(z=Z)
    assert found["J"] == pytest.approx(-9997.0 + np.log(np.exp([-0.3])[0] / np.exp(Z[1]).sum()))
    assert np.isfinite(found["dJ/dz"]).all()


def test_what_does_not_line_up_is_left_alone() -> None:
    """exp(z) / sum(exp(z), axis=1) without keepdims divides columns, not rows, by the sums."""
    g = gd.Graph()
    z = g.input("z", (3, 3))
    g.output("y", np.exp(z) / np.sum(np.exp(z), axis=1))
    value = np.arange(9.0).reshape(3, 3)
    e = np.exp(value)
    np.testing.assert_allclose(gd.compile(g)(z=value)["y"], e / e.sum(axis=1), rtol=1e-14)


def test_the_rewrites_are_named_and_can_be_turned_off() -> None:
    g = gd.Graph()
    u = g.parameter("u")
    g.output("J", -np.log(1 / (1 + np.exp(-u))))
    G = gd.gradient(g, of="J")
    report = gd.compile(G).report()
    assert report.rewrites["stable_sigmoid"] == report.rewrites["stable_log"] == 1
    plain = gd.gradient(g, of="J", rewrites=())
    with np.errstate(all="ignore"):
        naive = gd.compile(plain, rewrites=())(u=-800.0)
    assert not np.isfinite(naive["dJ/du"])
    assert gd.compile(G)(u=-800.0) == {"J": 800.0, "dJ/du": -1.0}


def test_names_and_tensors_survive() -> None:
    g = gd.Graph()
    u = g.parameter("u")
    z = -np.log(1 / (1 + np.exp(-u)))
    G = gd.gradient(g, of=z, wrt=u)
    assert gd.compile(G)(u=-800.0)[f"d{z.name}/du"] == -1.0
    p = (1 / (1 + np.exp(-u))).named("p")
    g.output("q", p * 2.0)
    assert stabilise(g)["p"].op == "sigmoid"


@pytest.mark.parametrize(
    "length",
    [
        lambda x: np.sqrt(np.sum(np.square(x))),
        lambda x: np.sqrt(np.sum(x * x)),
        lambda x: np.sqrt((x**2).sum()),
        lambda x: np.sqrt(np.sum(x**2, axis=0, keepdims=True))[0],
    ],
)
def test_the_length_of_a_vector_has_slope_0_at_0(length: Callable[[Any], Any]) -> None:
    g = gd.Graph()
    x = g.parameter("x", (2,))
    g.output("J", length(x))
    f = gd.compile(gd.gradient(g, of="J"), style="readable")
    assert f(x=np.zeros(2))["dJ/dx"].tolist() == [0.0, 0.0]
    found = f(x=np.array([3.0, 4.0]))
    assert found["J"] == 5.0
    np.testing.assert_allclose(found["dJ/dx"], [0.6, 0.8], rtol=1e-15)
