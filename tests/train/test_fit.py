"""`fit`: what a step does, what is kept, and what happens when it is interrupted."""

from __future__ import annotations

import io
import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import train

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 3)), RNG.normal(size=50)
DATA = {"x": X, "y": Y}


def line(dtype="float64"):
    g = gd.Graph("line")
    x, y = g.input("x", ("t", 3), dtype), g.input("y", ("t",), dtype)
    w = g.parameter("w", (3,), dtype, value=np.zeros(3, dtype))
    b = g.parameter("b", (), dtype, value=np.zeros((), dtype))
    e = (x @ w + b - y).named("e")
    g.output("J", np.mean(e**2))
    g.output("largest", np.max(np.abs(e)))
    g.output("e", e)
    return g


def quiet(g, data=DATA, **options):
    return train.fit(g, data, **{"optimiser": train.sgd(0.05), **options})


def by_hand(batches, rate=0.05):
    """Gradient descent on the same cost, written out."""
    w, b = np.zeros(3), 0.0
    for rows in batches:
        e = X[rows] @ w + b - Y[rows]
        w, b = w - rate * 2 * X[rows].T @ e / len(rows), b - rate * 2 * np.mean(e)
    return w, b


def test_full_batches_are_gradient_descent():
    found = quiet(line(), epochs=7)
    w, b = by_hand([np.arange(50)] * 7)
    np.testing.assert_allclose(found.parameters["w"], w, rtol=1e-13)
    np.testing.assert_allclose(found.parameters["b"], b, rtol=1e-13)
    assert (found.epochs, found.best_epoch, found.stopped) == (7, 7, "all epochs done")
    assert found.history["J"][0] == pytest.approx(np.mean(Y**2), rel=1e-14)
    assert found.history["rate"] == (0.05,) * 7


def test_an_epoch_of_minibatches_uses_every_example_once():
    seen = []

    def note(batch, rng):
        seen.append(batch["y"])
        return batch

    found = quiet(line(), epochs=2, batch=16, transform=note)
    assert [len(y) for y in seen] == [16, 16, 16, 2] * 2
    first, second = np.concatenate(seen[:4]), np.concatenate(seen[4:])
    assert sorted(first) == sorted(second) == sorted(Y)
    assert list(first) != list(second)
    rows = [np.array([list(Y).index(y) for y in batch]) for batch in seen]
    np.testing.assert_allclose(found.parameters["w"], by_hand(rows)[0], rtol=1e-13)


def test_the_network_is_left_as_it_was():
    g = line()
    before = sorted(g.dag.nodes(data="declared"))
    found = quiet(g, epochs=3)
    assert sorted(g.dag.nodes(data="declared")) == before
    assert list(g.outputs) == ["J", "largest", "e"]
    assert not g["w"].params["value"].any()
    trained = gd.compile(found.graph)(**DATA)
    assert trained["J"] < found.history["J"][-1]


def test_the_same_seed_gives_the_same_bits():
    one, two, other = (quiet(line(), epochs=3, batch=8, rng=seed) for seed in (1, 1, 2))
    assert one.parameters["w"].tobytes() == two.parameters["w"].tobytes()
    assert one.history == two.history
    assert one.parameters["w"].tobytes() != other.parameters["w"].tobytes()
    generators = [quiet(line(), batch=8, rng=np.random.default_rng(5)) for _ in range(2)]
    assert generators[0].history == generators[1].history


def test_only_parameters_with_an_optimiser_are_trained():
    found = quiet(line(), optimiser={"w": train.sgd(0.05)}, start={"b": 7.0}, epochs=3)
    assert found.parameters["b"] == 7.0
    assert found.parameters["w"].any()


def test_parameters_may_have_different_optimisers_and_rates():
    g = line()
    found = quiet(g, optimiser={"w": train.sgd(0.01), "b": train.adam(0.5)}, epochs=1)
    e = -Y
    np.testing.assert_allclose(found.parameters["w"], -0.01 * 2 * X.T @ e / 50, rtol=1e-13)
    np.testing.assert_allclose(found.parameters["b"], 0.5 * np.sign(np.mean(Y)), rtol=1e-6)
    assert found.history["rate"] == (0.01,)
    assert found.history["rate 2"] == (0.5,)


def test_a_rate_follows_time_within_the_epoch():
    rates = []

    def at(epochs):
        rates.append(epochs)
        return 0.01

    quiet(line(), optimiser=train.sgd(train.Schedule("mine", at)), epochs=2, batch=25)
    assert rates == [0.0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize("optimiser", [train.sgd(0.05), train.adam(0.1), train.lbfgs()])
def test_float32_stays_float32(optimiser):
    data = {name: value.astype("float32") for name, value in DATA.items()}
    found = quiet(line("float32"), data, optimiser=optimiser, epochs=5)
    assert {value.dtype.name for value in found.parameters.values()} == {"float32"}
    assert found.history["J"][-1] < found.history["J"][0]


def test_lbfgs_solves_least_squares():
    found = quiet(line(), optimiser=train.lbfgs(), epochs=100)
    A = np.column_stack([X, np.ones(50)])
    exact = np.linalg.lstsq(A, Y)[0]
    np.testing.assert_allclose(found.parameters["w"], exact[:3], atol=1e-8)
    np.testing.assert_allclose(found.parameters["b"], exact[3], atol=1e-8)
    assert found.epochs < 20
    assert found.stopped == "the gradient is 0"


def test_validation_measures_every_scalar_and_keeps_the_best():
    held_out = {"x": X[:5], "y": Y[:5]}
    data = {"x": X[5:], "y": Y[5:]}
    kept = []
    found = quiet(
        line(), data, validation=held_out, watch="largest", epochs=30,
        callbacks=[lambda now: kept.append(now.parameters["w"])],
    )  # fmt: skip
    watched = found.history["validation largest"]
    assert len(watched) == 30
    assert found.best_epoch == 1 + int(np.argmin(watched))
    np.testing.assert_array_equal(found.parameters["w"], kept[found.best_epoch - 1])
    np.testing.assert_array_equal(found.last["w"], kept[-1])
    again = gd.compile(found.graph)(**held_out)
    assert again["largest"] == min(watched)
    assert "validation e" not in found.history


def test_early_stopping_waits_for_so_many_epochs():
    found = quiet(
        line(), {"x": X[:6], "y": Y[:6]}, validation={"x": X[6:], "y": Y[6:]}, epochs=5000,
        stop=train.early_stopping(patience=4),
    )  # fmt: skip
    assert found.epochs == found.best_epoch + 4 < 5000
    assert found.stopped == "no better for 4 epochs"
    assert min(found.history["validation J"]) == found.history["validation J"][-5]


def test_until_a_cost_is_low_enough():
    found = quiet(line(), epochs=500, stop=train.until(0.9))
    assert found.history["J"][-1] < 0.9 <= found.history["J"][-2]


def test_a_rule_of_ones_own_is_a_function_of_what_callbacks_see():
    def enough(now):
        return now.epoch == 3

    found = quiet(line(), epochs=500, stop=enough)
    assert (found.epochs, found.stopped) == (3, "enough")


def test_what_is_shown_to_a_callback_cannot_be_changed_by_it():
    def meddle(now):
        now.parameters["w"][:] = 0

    with pytest.raises(ValueError, match="read-only"):
        quiet(line(), callbacks=[meddle])


@pytest.fixture
def interruptible():
    """Python's own answer to Ctrl-C, which a process that was started in the background has not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_training_with_the_best_parameters():
    def interrupt(now):
        if now.epoch == 6:
            signal.raise_signal(signal.SIGINT)

    for optimiser in (train.sgd(0.05), train.lbfgs()):
        found = quiet(
            line(), validation=DATA, callbacks=[interrupt], epochs=99, optimiser=optimiser
        )
        assert found.stopped == "interrupted"
        assert found.epochs == found.best_epoch == 5
        at_best = gd.compile(found.graph)(**DATA)["J"]
        assert at_best == found.history["validation J"][4]


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_within_a_step_waits_for_its_end(tmp_path, monkeypatch):
    g = gd.Graph("wide")
    x, y = g.input("x", ("t", 3)), g.input("y", ("t", 900))
    w = g.parameter("w", (3, 900), value=np.zeros((3, 900)))
    g.output("J", np.mean((x @ w - y) ** 2))
    data = {"x": X, "y": np.cos(np.outer(np.arange(50), np.arange(900)))}
    options = {"optimiser": train.adam(0.01), "batch": 10, "epochs": 3, "progress": False}
    whole = train.fit(g, data, **options)
    compile_graph, calls = gd.compile, []

    def compiled(*args, **kwargs):
        made = compile_graph(*args, **kwargs)
        function = made.function

        def run(*arrays, **places):
            calls.append(places.get("out", {}))
            if len(calls) == 16:  # in the update of the eighth step, in the second epoch
                signal.raise_signal(signal.SIGINT)
            return function(*arrays, **places)

        object.__setattr__(made, "_function", run)
        return made

    monkeypatch.setattr(gd, "compile", compiled)
    broken = train.fit(g, data, checkpoint=tmp_path / "half", **options)
    assert (broken.stopped, len(calls)) == ("interrupted", 16)
    assert list(calls[14]) == ["dJ/dw"]
    assert {*calls[15]} == {"new theta", "new m", "new v"}  # all are computed in place
    calls[:] = [None] * 16
    found = train.fit(g, data, checkpoint=tmp_path / "half", **options)
    np.testing.assert_array_equal(found.parameters["w"], whole.parameters["w"])
    assert found.history == whole.history


def test_training_in_another_thread_has_no_interruptions_to_hold_back():
    with ThreadPoolExecutor() as pool:
        found = pool.submit(quiet, line(), DATA, epochs=3).result()
    np.testing.assert_array_equal(found.parameters["w"], quiet(line(), epochs=3).parameters["w"])


def test_a_cost_that_is_no_number_is_an_error_that_keeps_the_result():
    with (
        pytest.raises(gd.TrainingError, match="smaller learning rate") as caught,
        np.errstate(all="ignore"),
    ):
        quiet(line(), optimiser=train.sgd(1e3), epochs=10**4, validation=DATA)
    found = caught.value.fit
    assert np.isfinite(found.parameters["w"]).all()
    assert found.best_epoch == 1


def test_inputs_that_examples_share_go_into_every_step():
    g = gd.Graph("shared")
    x, k = g.input("x", ("t", 3)), g.input("k", (3,))
    w = g.parameter("w", (3,), value=np.zeros(3))
    g.output("J", np.mean((x @ w - x @ k) ** 2))
    k = np.array([1.0, 2.0, 3.0])
    found = train.fit(g, {"x": X, "k": k}, batch=10, optimiser=train.sgd(0.1), epochs=200)
    np.testing.assert_allclose(found.parameters["w"], k, rtol=1e-6)


def test_a_network_without_examples_is_trained_whole():
    g = gd.Graph("bowl")
    w = g.parameter("w", (2,), value=[3.0, 4.0])
    g.output("J", np.sum(w**2))
    found = train.fit(g, {}, optimiser=train.sgd(0.25), epochs=1)
    np.testing.assert_array_equal(found.parameters["w"], [1.5, 2.0])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data": {"x": X}}, "expected: x, y"),
        ({"data": {"x": X, "y": Y, "z": Y}}, "got: x, y, z"),
        ({"data": {"x": X, "y": Y[:9]}}, "y: 9"),
        ({"data": {"x": X[:, :2], "y": Y}}, "wrong shape"),
        ({"start": {"W": 0.0}}, "no parameter 'W'"),
        ({"start": {"w": [1.0]}}, "wrong shape"),
        ({"optimiser": {"W": train.sgd()}}, "expected: w, b"),
        ({"optimiser": 0.1}, "no optimiser"),
        ({"epochs": 0}, "epochs is no count"),
        ({"batch": 2.5}, "batch is no count"),
        ({"rng": "x"}, "np.random.Generator"),
        ({"watch": "largest"}, "nothing to watch"),
        ({"watch": "e", "validation": DATA}, "no scalar output 'e'"),
        ({"validation": {"x": X}}, "validation data is not that of"),
        ({"of": "e"}, "scalar"),
        ({"of": "K"}, "no output 'K'"),
        ({"optimiser": train.lbfgs(), "batch": 3}, "takes no batch"),
        ({"checkpoint": "no/such/folder/file"}, "cannot be written"),
        ({"checkpoint": 5}, "no path"),
        ({"checkpoint_every": -1.0}, "checkpoint_every is no amount"),
        ({"data": [X, Y]}, "no dict of arrays"),
        ({"data": {"x": [[1.0], [2.0, 3.0]], "y": Y}}, "'x' is no array"),
        ({"data": {"x": X.T, "y": Y}}, "node 'x'.*test_fit.py.*[(]t, 3.*[(]3, 50"),
        ({"start": {"w": [[1.0], [2.0, 3.0]]}}, "'w' is no array"),
        ({"start": {"w": np.zeros(3, complex)}}, "node 'w'.*wrong dtype.*complex128"),
        ({"batch": True}, "batch is no count"),
        ({"threads": 0}, "threads is no count"),
        ({"stop": 5}, "stop is no function"),
        ({"stop": train.until(0.5, of="val J")}, "no cost 'val J'.*expected: J, rate"),
        ({"callbacks": print}, "no list"),
        ({"callbacks": [None]}, "a callback is no function"),
        ({"transform": 3}, "transform is no function"),
        ({"transform": lambda batch, rng: None}, "no minibatch.*NoneType"),
        ({"of": "x"}, "scalar"),
        ({"optimiser": train.sgd(train.Schedule("bad", lambda _: np.nan))}, "rate is no number"),
        ({"optimiser": train.Optimiser("r", lambda *_: None, train.constant(0.1))}, "no tuple"),
    ],
)
def test_what_does_not_fit_is_refused(change, told):
    options = {"data": DATA, "epochs": 1, **change}
    with pytest.raises(gd.GraphdiffError, match=r"(?s)" + told):
        quiet(line(), options.pop("data"), **options)


def test_a_mistyped_output_is_told_which_there_are():
    with pytest.raises(gd.GraphError, match=r"(?s)'loss'.*expected: J, largest, e"):
        quiet(line(), of="loss")


def test_the_network_is_wanted_and_not_its_gradient():
    with pytest.raises(gd.GraphError, match="give it the network"):
        quiet(gd.gradient(line(), of="J"))


def test_a_parameter_that_the_cost_does_not_depend_on_is_refused():
    g = line()
    g.parameter("idle", (2,), value=np.zeros(2))
    for optimiser in (train.sgd(0.05), train.lbfgs()):
        with pytest.raises(gd.GradientError, match=r"(?s)'idle'.*test_fit.py.*optimiser=\{'w'"):
            quiet(g, optimiser=optimiser)
    found = quiet(g, optimiser={"w": train.sgd(0.05), "b": train.sgd(0.05)})
    np.testing.assert_array_equal(found.parameters["idle"], np.zeros(2))


def labelled():
    g = gd.Graph("labelled")
    x, y = g.input("x", ("t", 3)), g.input("y", ("t",), "int64")
    rng = np.random.default_rng(0)
    g.output("J", gd.nn.multinoulli_nll(gd.nn.dense(x, 4, scope="out", rng=rng), y))
    return g


@pytest.mark.parametrize("wrong", [-1, 4])
def test_labels_out_of_range_are_refused_by_name(wrong):
    y = np.arange(50) % 4
    told = rf"(?s)node 'y'.*test_fit.py.*expected: 0 to 3.*got: {wrong} at \[7\], and 0 more"
    bad = {"x": X, "y": np.where(np.arange(50) == 7, wrong, y)}
    with pytest.raises(gd.ArgumentError, match="the data of 'y'") as caught:
        quiet(labelled(), bad)
    assert re.search(told, str(caught.value))
    with pytest.raises(gd.ArgumentError, match="the validation data of 'y'"):
        quiet(labelled(), {"x": X, "y": y}, validation=bad)
    assert quiet(labelled(), {"x": X, "y": y}).history["J"][-1] < np.log(8)


def test_labels_of_an_embedding_are_looked_at_too():
    g = gd.Graph("words")
    words = g.input("words", ("t", 2), "int64")
    h = gd.nn.embedding(words, 5, 3, scope="words_in", rng=np.random.default_rng(0))
    g.output("J", np.mean(h**2))
    with pytest.raises(gd.ArgumentError, match=r"(?s)0 to 4.*5 at \[1, 0\]"):
        train.fit(g, {"words": [[0, 1], [5, 4]]})


@pytest.mark.parametrize("optimiser", [train.sgd(0.05), train.lbfgs()])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_in_the_data_is_found(optimiser, value):
    x = X.copy()
    x[3, 2] = value
    told = rf"(?s)test_fit.py.*got: {value} in the data of 'x', at \[3, 2\].*np.isfinite"
    with pytest.raises(gd.TrainingError, match=told) as caught:
        quiet(line(), {"x": x, "y": Y}, optimiser=optimiser)
    assert caught.value.fit.epochs == 0
    if np.isnan(value):
        with pytest.raises(
            gd.TrainingError, match="on the validation data after epoch 1"
        ) as caught:
            quiet(line(), validation={"x": x, "y": Y}, optimiser=optimiser)
        assert re.search(told, str(caught.value))
        assert caught.value.fit.epochs == 1


def test_a_gradient_that_is_no_number_is_traced_to_its_parameter():
    g = gd.Graph("root")
    w = g.parameter("w", (2,), value=[0.0, 1.0])
    g.output("J", np.sum(w * np.sqrt(w)) - np.sum(np.sqrt(w)))  # infinitely steep at 0
    told = r"(?s)step 2.*test_fit.py.*value that the step before gave to 'w', at \[0\].*gradient"
    with pytest.raises(gd.TrainingError, match=told):
        train.fit(g, {}, optimiser=train.sgd(0.1))


@pytest.mark.filterwarnings("error")
def test_divergence_is_one_error_and_no_warnings():
    with pytest.raises(gd.TrainingError, match="smaller learning rate"):
        quiet(line(), optimiser=train.sgd(1e150), epochs=50)


def test_a_parameter_without_a_value_is_refused():
    g = gd.Graph("line")
    g.output("J", g.parameter("w") ** 2)
    with pytest.raises(gd.ArgumentError, match="no value to start from"):
        train.fit(g, {})


def test_a_step_can_be_read_drawn_and_saved():
    s = train.step(line(), "J", train.momentum(0.1))
    source = gd.compile(s, style="readable").source
    assert "new_w_v = 0.9 * w_v - rate * dJ_dw" in source
    assert "new_w = w + new_w_v" in source
    assert [line for line in source.splitlines() if line.startswith("    # ")] == [
        "    # forward", "    # gradient", "    # update",
    ]  # fmt: skip
    assert gd.draw(s).svg


def test_lbfgs_at_the_minimum_has_one_epoch():
    g = gd.Graph("bowl")
    w = g.parameter("w", value=0.0)
    g.output("J", w**2)
    for stop in (None, train.until(1.0)):
        found = train.fit(g, {}, optimiser=train.lbfgs(), epochs=10, stop=stop)
        assert (found.epochs, found.history["J"]) == (1, (0.0,))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_shown_on_a_terminal_only(monkeypatch, capfd):
    quiet(line())
    assert capfd.readouterr() == ("", "")
    for shown in (True, False):
        monkeypatch.setattr(sys, "stderr", Terminal())
        quiet(line(), epochs=3, progress=shown)
        assert ("line" in sys.stderr.getvalue()) == shown


def test_the_masks_of_dropout_are_drawn_for_each_step():
    rng = np.random.default_rng(0)
    g = gd.Graph("dropout")
    x, y = g.input("x", ("t", 3)), g.input("y", ("t",))
    h = gd.nn.dropout(gd.nn.dense(x, 6, gd.nn.tanh, scope="hidden", rng=rng), scope="drop")
    g.output("J", gd.nn.mse(gd.nn.dense(h, 1, scope="out", rng=rng)[:, 0], y))
    masks = []

    def mask(batch, rng):
        masks.append(gd.nn.dropout_mask(rng, batch["drop/mask"].shape, 0.5))
        return {**batch, "drop/mask": masks[-1]}

    data = {**DATA, "drop/mask": np.ones((50, 6))}
    found = train.fit(g, data, batch=10, epochs=20, transform=mask, validation=data)
    assert len(masks) == 100
    assert not np.array_equal(masks[0], masks[1])
    assert found.history["validation J"][-1] < found.history["validation J"][0]


def test_a_recurrent_network_is_trained():
    rng = np.random.default_rng(0)
    g = gd.Graph("recurrent")
    x, y = g.input("x", ("t", 4, 2)), g.input("y", ("t",))
    last = gd.nn.lstm(x, 5, scope="lstm", rng=rng)[:, -1]
    g.output("J", gd.nn.mse(gd.nn.dense(last, 1, scope="out", rng=rng)[:, 0], y))
    xs = rng.normal(size=(30, 4, 2))
    found = train.fit(
        g, {"x": xs, "y": xs.sum(axis=(1, 2))}, optimiser=train.adam(0.03), batch=15, epochs=60
    )
    assert found.history["J"][-1] < found.history["J"][0] / 4


def test_functions_of_the_caller_are_called_with_the_callers_settings():
    def broken(batch, rng):
        return {**batch, "x": batch["x"] / np.zeros(1)}

    with np.errstate(all="raise"):
        quiet(line(), optimiser=train.sgd(1e-300), epochs=2)  # its steps underflow, and are silent
        with pytest.raises(FloatingPointError):
            quiet(line(), transform=broken, epochs=1)
