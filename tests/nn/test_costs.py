"""Costs against the distributions of scipy, and bad operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import graphdiff as gd

RNG = np.random.default_rng(0)
T, N = 7, 4
Z, Y = RNG.normal(size=(T, N)), RNG.normal(size=(T, N))
BITS, LABELS = RNG.integers(2, size=(T, N)), RNG.integers(N, size=T)
ONE_HOT = np.eye(N)[LABELS]
SOFT = special.softmax(RNG.normal(size=(T, N)), axis=1)
P = special.softmax(Z, axis=1)


def compiled(cost: Callable[..., Any], z: Any, y: Any) -> dict[str, Any]:
    g = gd.Graph()
    zs = g.input("z", ("t", *np.shape(z)[1:]))
    ys = g.input("y", ("t", *np.shape(y)[1:]), y.dtype)
    g.output("J", cost(zs, ys))
    return gd.compile(gd.gradient(g, of="J", wrt="z"))(z=z, y=y)


# A cost, the predictions, what was observed, the value and its gradient by the predictions.
CASES: dict[str, tuple[Callable[..., Any], Any, Any, float, Any]] = {
    "mse": (gd.nn.mse, Z, Y, np.mean((Z - Y) ** 2), 2 * (Z - Y) / Z.size),
    "gaussian": (
        gd.nn.gaussian_nll,
        Z,
        Y,
        -np.mean(stats.norm(Z, 1).logpdf(Y)),
        (Z - Y) / Z.size,
    ),
    "bernoulli": (
        gd.nn.bernoulli_nll,
        Z,
        BITS,
        -np.mean(stats.bernoulli(special.expit(Z)).logpmf(BITS)),
        (special.expit(Z) - BITS) / Z.size,
    ),
    "bernoulli of truth values": (
        gd.nn.bernoulli_nll,
        Z,
        BITS > 0,
        -np.mean(stats.bernoulli(special.expit(Z)).logpmf(BITS)),
        (special.expit(Z) - BITS) / Z.size,
    ),
    "binary cross-entropy": (
        gd.nn.binary_cross_entropy,
        SOFT,
        BITS,
        -np.mean(stats.bernoulli(SOFT).logpmf(BITS)),
        ((1 - BITS) / (1 - SOFT) - BITS / SOFT) / Z.size,
    ),
    "multinoulli with labels": (
        gd.nn.multinoulli_nll,
        Z,
        LABELS,
        -np.mean(stats.multinomial.logpmf(ONE_HOT, 1, P)),
        (P - ONE_HOT) / T,
    ),
    "multinoulli with one-hot rows": (
        gd.nn.multinoulli_nll,
        Z,
        ONE_HOT.astype(int),
        -np.mean(stats.multinomial.logpmf(ONE_HOT, 1, P)),
        (P - ONE_HOT) / T,
    ),
    "multinoulli with probabilities": (
        gd.nn.multinoulli_nll,
        Z,
        SOFT,
        np.mean([stats.entropy(q) + stats.entropy(q, p) for q, p in zip(SOFT, P, strict=True)]),
        (P - SOFT) / T,
    ),
    "cross-entropy with labels": (
        gd.nn.cross_entropy,
        SOFT,
        LABELS,
        -np.mean(np.log(SOFT[np.arange(T), LABELS])),
        -ONE_HOT / SOFT / T,
    ),
    "cross-entropy with one-hot rows": (
        gd.nn.cross_entropy,
        SOFT,
        ONE_HOT,
        -np.mean(np.log(SOFT[np.arange(T), LABELS])),
        -ONE_HOT / SOFT / T,
    ),
    "hinge": (
        gd.nn.hinge,
        Z,
        2 * BITS - 1,
        np.mean(np.maximum(0, 1 - (2 * BITS - 1) * Z)),
        np.where((2 * BITS - 1) * Z < 1, 1 - 2 * BITS, 0) / Z.size,
    ),
    "huber": (
        gd.nn.huber,
        3 * Z,
        Y,
        np.mean(special.huber(1.0, 3 * Z - Y)),
        np.clip(3 * Z - Y, -1, 1) / Z.size,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str) -> None:
    cost, z, y, value, gradient = CASES[name]
    found = compiled(cost, z, y)
    np.testing.assert_allclose(found["J"], value, rtol=1e-13)
    np.testing.assert_allclose(found["dJ/dz"], gradient, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(cost(z, y), value, rtol=1e-13)  # of plain arrays


def test_huber_takes_the_width_of_its_parabola() -> None:
    expected = np.mean(special.huber(0.3, Z - Y))
    np.testing.assert_allclose(gd.nn.huber(Z, Y, delta=0.3), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("unit", "on_probabilities", "on_logits", "y"),
    [
        (gd.nn.sigmoid, gd.nn.binary_cross_entropy, gd.nn.bernoulli_nll, BITS),
        (
            gd.nn.softmax,
            gd.nn.cross_entropy,
            gd.nn.multinoulli_nll,
            LABELS,
        ),
    ],
)
def test_probabilities_that_a_unit_made_are_as_stable_as_logits(
    unit: Any, on_probabilities: Any, on_logits: Any, y: Any
) -> None:
    far = 1000 * Z
    found = compiled(lambda z, y: on_probabilities(unit(z), y), far, y)
    expected = compiled(on_logits, far, y)
    assert np.isfinite(expected["J"])
    np.testing.assert_allclose(found["J"], expected["J"], rtol=1e-13)
    np.testing.assert_allclose(found["dJ/dz"], expected["dJ/dz"], rtol=1e-12, atol=1e-15)


def test_labels_leave_a_network_in_single_precision() -> None:
    g = gd.Graph()
    z, y = g.input("z", ("t",), "float32"), g.input("y", ("t",), "int64")
    assert gd.nn.bernoulli_nll(z, y).dtype == np.float32
    assert gd.nn.mse(z, y).dtype == np.float32


@pytest.mark.parametrize("cost", [gd.nn.mse, gd.nn.bernoulli_nll, gd.nn.hinge, gd.nn.huber])
def test_operands_never_broadcast(cost: Any) -> None:
    g = gd.Graph()
    z, y = g.input("z", ("t", 1)), g.input("y", ("t",))
    before = len(g)
    with pytest.raises(gd.ShapeError, match="differ in shape"):
        cost(z, y)
    with pytest.raises(gd.ShapeError, match="differ in shape"):
        cost(np.zeros((3, 1)), np.zeros(3))
    assert len(g) == before


def test_labels_have_one_axis_less_and_are_integers() -> None:
    with pytest.raises(gd.ShapeError, match="neither one label an example"):
        gd.nn.multinoulli_nll(Z, LABELS[:, None])
    with pytest.raises(gd.DTypeError, match="labels are integers"):
        gd.nn.multinoulli_nll(Z, LABELS.astype(float))


def test_scalars_lists_and_small_integers_are_taken_too() -> None:
    assert gd.nn.mse([1, 2], [1, 4]) == 2.0
    assert gd.nn.huber(3, 1) == 1.5
    assert gd.nn.bernoulli_nll(0.0, True) == pytest.approx(np.log(2))
    assert gd.nn.multinoulli_nll(Z, LABELS.astype("uint8")) == gd.nn.multinoulli_nll(Z, LABELS)
