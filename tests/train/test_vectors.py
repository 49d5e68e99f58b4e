"""Parameters that lie in one vector are trained as each of them alone would be."""

from __future__ import annotations

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import train

RNG = np.random.default_rng(0)
DATA = {"x": RNG.normal(size=(40, 5)), "y": RNG.normal(size=(40, 30))}


def net(dtype="float64", last="float64"):
    rng = np.random.default_rng(1)
    g = gd.Graph("net")
    x, y = g.input("x", ("t", 5)), g.input("y", ("t", 30))
    W = g.parameter("W", value=rng.normal(size=(5, 100)).astype(dtype))
    c = g.parameter("c", value=rng.normal(size=100).astype(dtype))
    V = g.parameter("V", value=rng.normal(size=(100, 30)).astype(dtype))
    b = g.parameter("b", value=np.asarray(0.5, last))
    g.output("J", np.mean((np.tanh(x @ W + c) @ V + b - y) ** 2))
    return g


def trained(g, optimiser, steps=6, **options):
    return train.fit(g, DATA, optimiser=optimiser, epochs=steps, progress=False, **options)


def by_steps(g, optimiser, rate, steps=6, data=DATA):
    """The same by the graph of a whole step, in which each parameter has an update of its own."""
    f = gd.compile(train.step(g, "J", optimiser), style="fast")
    known = {n: np.array(p.params["value"]) for n, p in g.parameters.items()}
    state = {n: t for n, t in f.graph.inputs.items() if "." in n}
    known |= {n: np.zeros(t.shape, t.dtype) for n, t in state.items()}
    for k in range(steps):
        numbers = {"rate": rate, "step": k + 1.0}
        given = {n: np.float64(v) for n, v in numbers.items() if n in f.graph.inputs}
        found = f(**data, **known, **given)
        known = {name: np.asarray(found[f"new {name}"]) for name in known}
    return known


@pytest.mark.parametrize(
    "rule", [train.sgd, train.momentum, train.nesterov, train.adagrad, train.rmsprop, train.adamw]
)
def test_one_vector_gives_the_bits_of_a_step_for_each_parameter(rule):
    found = trained(net(), rule(0.01))
    assert len(found.updates) == 1
    wanted = by_steps(net(), rule(0.01), 0.01)
    for name, value in found.parameters.items():
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)


def sizes(found):
    """The lengths of the vectors, or the shapes of parameters that have a rule to themselves."""
    return [f.graph.inputs["theta"].shape for f in found.updates]


def test_vectors_are_split_by_rule_and_dtype():
    assert sizes(trained(net(), train.adam())) == [(500 + 100 + 3000 + 1,)]
    assert sizes(trained(net("float32"), train.adam())) == [(3600,), (1,)]
    one, other = train.adam(), train.sgd()
    rules = {"W": one, "V": other, "c": one, "b": other}
    assert sizes(trained(net(), rules)) == [(600,), (3001,)]


@pytest.mark.parametrize("rule", [train.sgd, train.adam])
def test_a_long_vector_is_worked_on_in_parts_that_are_alike(rule, tmp_path):
    g = gd.Graph("bowls")
    at = {"a": np.linspace(-1, 1, 50_001), "b": np.linspace(2, 3, 30_000), "c": np.asarray(4.0)}
    J = 0.0
    for name, start in at.items():
        J = J + np.sum((g.parameter(name, value=start) - 1.0) ** 2)
    g.output("J", J)
    options = {"optimiser": rule(0.01), "progress": False}
    found = train.fit(g, {}, epochs=5, **options)
    assert sizes(found) == [(26_668,)]  # of 80,002 numbers and 2 that are not used
    wanted = by_steps(g, rule(0.01), 0.01, 5, {})
    for name, value in found.parameters.items():
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)
    train.fit(g, {}, epochs=2, checkpoint=tmp_path / "run", **options)
    again = train.fit(g, {}, epochs=5, checkpoint=tmp_path / "run", **options)
    for name, value in found.parameters.items():
        np.testing.assert_array_equal(value, again.parameters[name], err_msg=name)


def test_a_rule_that_looks_at_more_than_elements_has_each_parameter_alone():
    limited = train.sgd(0.01).then(train.max_norm(0.1))
    found = trained(net(), limited)
    assert sizes(found) == [(5, 100), (100,), (100, 30), ()]
    wanted = by_steps(net(), limited, 0.01)
    for name, value in found.parameters.items():
        assert np.linalg.norm(value) <= 0.1 * (1 + 1e-12)
        np.testing.assert_array_equal(value, wanted[name], err_msg=name)


def test_a_rule_may_ask_for_the_shape_of_a_parameter():
    def rule(theta, g, rate, k):  # weights decay, biases do not
        return (theta - rate * (g + 0.1 * theta if theta.ndim > 1 else g),)

    def of_length(theta, g, rate, k):
        return (theta - rate / theta.size * g,)

    found = trained(net(), train.Optimiser("decay", rule, train.constant(0.01)))
    assert sizes(found) == [(101,), (5, 100), (100, 30)]
    wanted = by_steps(net(), train.Optimiser("decay", rule, train.constant(0.01)), 0.01)
    for name, value in found.parameters.items():
        np.testing.assert_allclose(value, wanted[name], rtol=1e-13, err_msg=name)
    alone = trained(net(), train.Optimiser("by length", of_length, train.constant(0.01)))
    assert sizes(alone) == [(5, 100), (100,), (100, 30), ()]


def test_a_rule_that_goes_along_an_axis_is_not_one_of_elements():
    def rule(theta, g, rate, k):
        return (theta - rate * np.cumsum(np.reshape(g, (-1,))).reshape(theta.shape),)

    found = trained(net(), train.Optimiser("sums", rule, train.constant(1e-4)))
    assert len(found.updates) == 4


@pytest.mark.parametrize("length", [3, 5000])
def test_what_follows_may_be_an_argument_or_change_places(length):
    def rule(theta, g, rate, k, a, b):
        return theta - rate * (g + a), b + g, a

    def keep(theta, g, rate, k, last):
        return theta - rate * (g + last), g

    start = np.linspace(1.0, 2.0, length)
    for each, names in ((rule, ("a", "b")), (keep, ("last",))):
        g = gd.Graph("bowl")
        w = g.parameter("w", value=start)
        g.output("J", np.sum(w**2))
        optimiser = train.Optimiser("own", each, train.constant(0.01), names)
        found = train.fit(g, {}, optimiser=optimiser, epochs=7, progress=False)
        theta, state = start, [np.zeros(length)] * len(names)
        for k in range(7):
            theta, *state = each(theta, 2 * theta, 0.01, k, *state)
        np.testing.assert_allclose(found.parameters["w"], theta, rtol=1e-14)


def test_a_parameter_without_elements_is_left_as_it_is():
    g = gd.Graph("empty")
    g.output("J", np.sum(g.parameter("w", value=np.zeros((0, 3))) ** 2) + 1.0)
    found = train.fit(g, {}, optimiser=train.adam(), epochs=2, progress=False)
    assert found.parameters["w"].shape == (0, 3)


@pytest.mark.parametrize("state", [("g",), ("rate",), ("m", "m"), "m"])
def test_names_of_state_that_are_taken_are_refused(state):
    with pytest.raises(gd.ArgumentError, match="names of its own"):
        train.Optimiser("own", lambda *a: a, train.constant(0.1), state)


def test_what_a_callback_was_shown_stays_as_it_was():
    seen = []
    found = trained(net(), train.adam(), callbacks=[seen.append])
    assert len({snapshot.parameters["W"].tobytes() for snapshot in seen}) == 6
    np.testing.assert_array_equal(seen[-1].parameters["W"], found.parameters["W"])
    assert not any(np.shares_memory(seen[-1].parameters["W"], a) for a in found.last.values())
