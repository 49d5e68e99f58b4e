"""Update rules against the recurrences of the book and against optax."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

import graphdiff as gd
from graphdiff import train

jax.config.update("jax_enable_x64", True)

STEPS = 30
RNG = np.random.default_rng(0)
START = RNG.normal(size=5)
GRADIENTS = RNG.normal(size=(STEPS, 5))


def run(optimiser, rates=None):
    """The parameters after each step, by the compiled rule alone."""
    g = optimiser.graph()
    f = gd.compile(g)
    theta, state = START, {name: np.zeros(5) for name in optimiser.state}
    path = []
    for k, gradient in enumerate(GRADIENTS):
        known = {"rate": rates[k] if rates is not None else optimiser.rate(0.0), "k": k + 1.0}
        known = {name: value for name, value in known.items() if name in g.inputs}
        found = f(theta=theta, g=gradient, **state, **known)
        theta, state = found["new theta"], {name: found[f"new {name}"] for name in state}
        path.append(theta)
    return np.array(path)


def with_optax(transformation):
    theta, state, path = START, transformation.init(START), []
    for gradient in GRADIENTS:
        updates, state = transformation.update(gradient, state, theta)
        theta = optax.apply_updates(theta, updates)
        path.append(np.asarray(theta))
    return np.array(path)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (train.sgd(0.1), optax.sgd(0.1)),
        (train.momentum(0.1, 0.8), optax.sgd(0.1, momentum=0.8)),
        (train.nesterov(0.1, 0.8), optax.sgd(0.1, momentum=0.8, nesterov=True)),
        (
            train.rmsprop(0.02, 0.95, 1e-5),
            optax.rmsprop(0.02, decay=0.95, eps=1e-5, eps_in_sqrt=True),
        ),
        (train.adam(0.02), optax.adam(0.02)),
        (train.adam(0.02, 0.8, 0.99, 1e-3), optax.adam(0.02, b1=0.8, b2=0.99, eps=1e-3)),
        (train.adamw(0.02, 0.3), optax.adamw(0.02, weight_decay=0.3)),
    ],
    ids=lambda part: repr(part) if isinstance(part, train.Optimiser) else "",
)
def test_a_rule_is_that_of_optax(ours, theirs):
    np.testing.assert_allclose(run(ours), with_optax(theirs), rtol=1e-12, atol=1e-14)


def test_adagrad_is_algorithm_8_4():
    theta, r, path = START, np.zeros(5), []
    for g in GRADIENTS:
        r = r + g**2
        theta = theta - 0.3 / (1e-7 + np.sqrt(r)) * g
        path.append(theta)
    np.testing.assert_allclose(run(train.adagrad(0.3)), path, rtol=1e-12)


def test_momentum_with_a_rate_that_changes_is_algorithm_8_2():
    rates = np.linspace(0.3, 0.01, STEPS)
    theta, v, path = START, np.zeros(5), []
    for g, rate in zip(GRADIENTS, rates, strict=True):
        v = 0.9 * v - rate * g
        theta = theta + v
        path.append(theta)
    np.testing.assert_allclose(run(train.momentum(), rates), path, rtol=1e-12)


def test_nesterov_takes_the_gradient_where_momentum_leads():
    """Algorithm 8.3 on a quadratic: our θ is its θ + αv."""
    H, rate, alpha = np.diag([3.0, 1.0, 0.2]), 0.2, 0.9
    theta, v = np.array([1.0, -2.0, 3.0]), np.zeros(3)
    ours = f = gd.compile(train.nesterov(rate, alpha).graph((3,)))
    at, held = theta, np.zeros(3)
    for _ in range(20):
        v = alpha * v - rate * H @ (theta + alpha * v)
        theta = theta + v
        found = ours(theta=at, g=H @ at, rate=rate, v=held)
        at, held = found["new theta"], found["new v"]
        np.testing.assert_allclose(at, theta + alpha * v, rtol=1e-12)
    assert f is ours


def test_a_float32_parameter_stays_float32():
    for make in (train.sgd, train.momentum, train.nesterov, train.adagrad, train.rmsprop,
                 train.adam, train.adamw):  # fmt: skip
        g = make().graph(("n", 2), "float32")
        assert {t.dtype.name for t in g.outputs.values()} == {"float32"}


def test_the_proximal_step_minimises_what_it_should():
    """Soft thresholding against the minimum of ½(w − θ)² + εα|w| on a fine grid."""
    theta, rate, alpha = np.array([-1.3, -0.2, 0.0, 0.25, 2.0]), 0.5, 0.6
    w = np.linspace(-3, 3, 600_001)[:, None]
    best = w[np.argmin((w - theta) ** 2 / 2 + rate * alpha * abs(w), axis=0), 0]
    found = train.soft_threshold(alpha)(theta, rate)
    np.testing.assert_allclose(found, best, atol=1e-5)
    assert (found[1:4] == 0.0).all()


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_max_norm_is_the_nearest_point_within(axis):
    theta = RNG.normal(size=(4, 3)) * [0.1, 1.0, 3.0]
    found = train.max_norm(1.0, axis)(theta, 0.1)
    norm = np.linalg.norm(theta, axis=axis, keepdims=True)
    expected = np.where(norm > 1, theta / norm, theta)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert not train.max_norm(1.0, axis)(np.zeros((4, 3)), 0.1).any()


def test_steps_that_follow_are_part_of_the_graph():
    optimiser = train.sgd(0.5).then(train.soft_threshold(1.0), train.max_norm(1.0))
    found = gd.compile(optimiser.graph())(theta=[3.0, 0.2, 4.0], g=np.zeros(3), rate=0.5)
    np.testing.assert_allclose(
        found["new theta"], np.array([2.5, 0.0, 3.5]) / np.hypot(2.5, 3.5), rtol=1e-15
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: train.sgd(0.0),
        lambda: train.sgd(float("nan")),
        lambda: train.momentum(0.1, 1.0),
        lambda: train.adam(decay2=-0.1),
        lambda: train.cosine(0.1, over=0),
        lambda: train.cosine(0.1, over=10, least=-1.0),
        lambda: train.adagrad(delta=-1.0),
        lambda: train.rmsprop(delta=-1.0),
        lambda: train.adamw(weight_decay=-1.0),
        lambda: train.adamw(weight_decay="0.1"),
        lambda: train.lbfgs(tolerance=-1.0),
        lambda: train.soft_threshold(-1.0),
        lambda: train.max_norm(0.0),
        lambda: train.sgd(True),
    ],
)
def test_numbers_out_of_range_are_refused(make):
    with pytest.raises(gd.ArgumentError, match="<"):
        make()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: train.lbfgs(memory=0), "memory is no count"),
        (lambda: train.sgd(lambda epochs: 0.1), "a number or a schedule"),
        (lambda: train.sgd(0.1).then(3), "no function"),
        (lambda: train.Optimiser("o", lambda *_: None, 0.1), "no schedule"),
        (lambda: train.Optimiser("o", None, train.constant(0.1)), "no function"),
        (lambda: train.until("low"), "no number"),
        (lambda: train.early_stopping(0), "patience is no count"),
    ],
)
def test_what_is_no_optimiser_is_refused(make, told):
    with pytest.raises(gd.ArgumentError, match=told):
        make()


def test_numbers_of_numpy_are_numbers():
    assert repr(train.sgd(np.float64(0.5))) == repr(train.sgd(np.int64(1) / 2)) == "sgd(0.5)"
    assert repr(train.sgd(np.float32(0.5))) == "sgd(0.5)"


def _parts(is_complex, dtype="complex128"):
    """A network with one complex parameter, or with its two parts."""
    g = gd.Graph()
    A = 0.3 * np.random.default_rng(3).normal(size=(2, 5, 3))
    start = np.array([1.0 + 0.5j, -0.3j, 0.7]).astype(dtype)
    if is_complex:
        z = g.parameter("z", value=start)
    else:
        u, v = g.parameter("u", value=start.real), g.parameter("v", value=start.imag)
        z = u + 1j * v
    fields = g.input("A", ("t", 3), dtype) @ z
    g.output("J", np.mean((np.abs(fields) ** 2 - 1.0) ** 2))
    return g, {"A": (A[0] + 1j * A[1]).astype(dtype)}


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adamw"])
def test_a_complex_parameter_is_trained_as_its_two_parts(name, tmp_path):
    optimiser = getattr(gd.train, name)(0.002)
    g, data = _parts(True)
    options = {"optimiser": optimiser, "batch": 2, "rng": 1, "progress": False}
    one = gd.train.fit(g, data, epochs=20, **options)
    h, _ = _parts(False)
    two = gd.train.fit(h, data, epochs=20, **options)
    parts = two.parameters["u"] + 1j * two.parameters["v"]
    np.testing.assert_allclose(one.parameters["z"], parts, rtol=1e-12, atol=1e-14)
    kept = gd.train.fit(g, data, epochs=12, checkpoint=tmp_path / "run", **options)
    assert kept.parameters["z"].dtype == np.complex128
    again = gd.train.fit(g, data, epochs=20, checkpoint=tmp_path / "run", **options)
    np.testing.assert_array_equal(again.parameters["z"], one.parameters["z"])


def test_a_step_goes_along_the_conjugate_of_the_gradient():
    g, data = _parts(True, "complex64")
    f = gd.compile(gd.train.step(g, "J", gd.train.sgd()))
    z = g.parameters["z"].params["value"]
    found = f(A=data["A"], z=z, rate=np.float32(0.1))["new z"]
    slope = gd.compile(gd.gradient(g, "J"))(A=data["A"], z=z)["dJ/dz"]
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, z - 0.1 * np.conj(slope), rtol=1e-5)


def test_lbfgs_refuses_complex_parameters():
    g, data = _parts(True)
    with pytest.raises(gd.DTypeError, match="'z': a complex parameter cannot be trained by L-BFGS"):
        gd.train.fit(g, data, optimiser=gd.train.lbfgs(), epochs=1)
