"""`graphdiff demo` does what it says, and what it says is so."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

import graphdiff as gd
from graphdiff.cli import main
from graphdiff.demo import chain, digits, networks, report, xor
from graphdiff.demo.descent import descend

FILES = [
    "chain.py", "chain.svg", "classifier.py", "digits.py", "digits.svg", "linear.py",
    "xor.json", "xor.py", "xor.svg", "xor_ops.svg", "xor_wide.py",
]  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run of the whole demo: its folder, what it printed, and how long it took."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    began = time.perf_counter()
    result = CliRunner().invoke(main, ["demo", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return folder, result.stdout, time.perf_counter() - began


def test_it_takes_less_than_a_minute(ran):
    assert ran[2] < 60


def test_it_leaves_pictures_and_files_and_says_so(ran):
    folder, told, _ = ran
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert all(f"{name} " in told for name in FILES)
    assert f"In {folder}:" in told
    for picture in folder.glob("*.svg"):
        assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_what_it_says_to_try_next_works(ran, tmp_path, monkeypatch):
    told = ran[1]
    monkeypatch.chdir(tmp_path)
    commands = [line.split("#")[0].split() for line in told.partition("Try next")[2].splitlines()]
    graphdiff = [words[1:] for words in commands if words[:1] == ["graphdiff"]]
    assert len(graphdiff) == 3
    for arguments in graphdiff:
        assert CliRunner().invoke(main, arguments).exit_code == 0
    script = next(words[1] for words in commands if words[:1] == ["python"])
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.count("agrees to") == 4


def test_a_pipe_gets_no_progress_bar_and_no_colours(ran):
    assert "\x1b" not in ran[1]
    assert "━" not in ran[1]
    assert "\r" not in ran[1]


def test_a_terminal_gets_a_progress_bar(tmp_path, monkeypatch):
    monkeypatch.setattr(digits, "EPOCHS", 1)
    monkeypatch.setattr(xor, "STARTS", 1)
    written = tmp_path / "terminal"
    with written.open("w", encoding="utf-8") as file:
        report.run(tmp_path / "out", Console(file=file, force_terminal=True, width=100))
    assert "━" in written.read_text("utf-8")


# -- 1. XOR ----------------------------------------------------------------------------------------


def test_the_linear_model_arrives_at_one_half(ran):
    assert "w = (0.000000, 0.000000), b = 0.500000, where" in ran[1]
    f = gd.compile(gd.gradient(networks.linear(), of="J"))
    at_the_solution = f(**xor.DATA, w=np.zeros(2), b=0.5)
    assert at_the_solution["J"] == 0.25
    assert not at_the_solution["dJ/dw"].any()
    assert at_the_solution["dJ/db"] == 0.0


def test_the_lectures_weights_give_zero_cost_and_zero_gradients(ran):
    assert "with the lecture's weights: J = 0 and every gradient is 0." in ran[1]
    found = gd.compile(gd.gradient(networks.xor(), of="J"))(**xor.DATA, **xor.LECTURE)
    assert all(not np.any(value) for value in found.values())


def test_random_starts_are_counted_honestly(ran):
    rows = re.findall(r"^ +(\d+) +(\d+) of 20 +(.*?) *$", ran[1], re.MULTILINE)
    assert [int(hidden) for hidden, _, _ in rows] == [2, 4, 8, 16]
    learnt = [int(count) for _, count, _ in rows]
    assert learnt == sorted(learnt)
    assert learnt[0] < 10  # two units get stuck from most starts, and the demo says so
    assert learnt[-1] >= 18
    assert f"yet {20 - learnt[0]} of 20 starts get stuck" in " ".join(ran[1].split())
    for (_, _, rest), count in zip(rows, learnt, strict=True):
        stuck = sum(map(int, re.findall(r"\((\d+)\)", rest)))
        assert stuck == 20 - count


def test_where_a_start_gets_stuck_the_gradient_is_zero():
    value_and_grad = gd.compile(gd.gradient(networks.xor(), of="J"))

    def call(**values):
        found = value_and_grad(**values)
        return found["J"], {name: found[f"dJ/d{name}"] for name in "Wcwb"}

    costs = []
    for seed in range(6):
        cost, values = descend(call, xor.DATA, xor.start(2, seed), xor.RATE, 4 * xor.STEPS)
        if cost > xor.LEARNT:
            costs.append(cost)
            gradients = call(**xor.DATA, **values)[1]
            assert max(np.abs(gradient).max() for gradient in gradients.values()) < 1e-3
    assert costs
    assert min(costs) > 0.1


# -- 2. digits -------------------------------------------------------------------------------------


def test_at_least_97_percent_of_the_held_out_digits_are_recognised(ran):
    found = re.search(r"Recognised: ([\d.]+)% of 360 images that it never saw", ran[1])
    assert float(found[1]) >= 97.0


def test_a_fifth_of_every_digit_is_held_out():
    data = digits.split(3)
    assert len(data.y) + len(data.y_held_out) == 1797
    shares = np.bincount(data.y_held_out) / np.bincount(np.r_[data.y, data.y_held_out])
    assert np.abs(shares - 0.2).max() < 0.005
    assert not {row.tobytes() for row in data.x} & {row.tobytes() for row in data.x_held_out}


def test_the_penalty_is_on_the_weights_and_not_on_the_biases():
    f = gd.compile(gd.gradient(networks.digits(), of="J"))
    rng = np.random.default_rng(0)
    values = digits.start(0)
    x, y = np.zeros((4, 64)), rng.integers(10, size=4)
    for name in ("W1", "W2"):  # with x = 0 and no biases only the penalty sees them
        np.testing.assert_allclose(
            f(x=x, y=y, **values)[f"dJ/d{name}"], networks.PENALTY * values[name], rtol=1e-12
        )
    raised = values | {"b3": values["b3"] + 7.0}  # the same for every score: the cost stays
    np.testing.assert_allclose(f(x=x, y=y, **raised)["J"], f(x=x, y=y, **values)["J"], rtol=1e-12)


# -- 3. figure 6.9 ---------------------------------------------------------------------------------


def test_the_gradient_is_printed_both_ways(ran):
    told = ran[1]
    assert re.search(r"stored +dz/dw = f'\(y\) f'\(x\) f'\(w\) +=", told)
    assert re.search(r"recomputed +dz/dw = f'\(f\(f\(w\)\)\) f'\(f\(w\)\) f'\(w\) +=", told)
    assert "x = f(w), y = f(x), z = f(y)" in told
    values = set(re.findall(r"0\.\d{15}", told))
    w = chain.AT
    exact = np.prod([1 - np.tanh(v) ** 2 for v in (w, np.tanh(w), np.tanh(np.tanh(w)))])
    assert values == {f"{exact:.15f}"}


@pytest.mark.parametrize("steps", [3, 7])
def test_calls_of_f_are_counted_by_calling_it(steps):
    stored, recomputed = chain.evaluate(steps, "stored"), chain.evaluate(steps, "recomputed")
    assert stored.calls == steps - 1
    assert recomputed.calls == steps * (steps - 1) // 2
    assert stored.derivative_calls == recomputed.derivative_calls == steps
    np.testing.assert_allclose(stored.value, recomputed.value, rtol=1e-14)


# -- what goes wrong -------------------------------------------------------------------------------


def test_without_scikit_learn_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    result = CliRunner().invoke(main, ["demo", "-o", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert 'python -m pip install "graphdiff[demo]"' in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "taken").write_text("", "utf-8")
    result = CliRunner().invoke(main, ["demo", "-o", str(tmp_path / "taken")])
    assert result.exit_code == 1
    assert "cannot be made" in result.stderr


def test_an_interrupt_leaves_whole_files(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(digits, "train", interrupted)
    monkeypatch.setattr(xor, "STARTS", 1)
    (tmp_path / "xor.py").write_text("an older file", "utf-8")
    result = CliRunner().invoke(main, ["demo", "-o", str(tmp_path)])
    assert result.exit_code == 1
    assert "Aborted!" in result.stderr
    assert "Traceback" not in result.output
    names = sorted(path.name for path in tmp_path.iterdir())
    assert set(names) <= set(FILES)  # no temporary file
    for path in tmp_path.glob("*.py"):
        compile(path.read_text("utf-8"), path.name, "exec")
    for path in tmp_path.glob("*.svg"):
        ElementTree.parse(path)
