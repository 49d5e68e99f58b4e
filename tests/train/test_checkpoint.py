"""Training that is killed at any moment and taken up again ends with the same bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import train

# One process forks a child for each run, so that libraries are loaded once.
SCRIPT = """
import json, os, random, signal, sys, time
import numpy as np
import graphdiff as gd

rng = np.random.default_rng(0)
g = gd.Graph("net")
x, y = g.input("x", ("t", 4)), g.input("y", ("t",))
W, w = g.parameter("W", value=rng.normal(size=(4, 8))), g.parameter("w", value=rng.normal(size=8))
g.output("J", np.mean((np.tanh(x @ W) @ w + g.parameter("b", value=0.0) - y) ** 2))
X = rng.normal(size=(64, 4))
data = {"x": X, "y": np.sin(X).sum(axis=1)}


def noisy(batch, rng):
    return {**batch, "x": batch["x"] + 0.01 * rng.normal(size=batch["x"].shape)}


def fit(name, every):
    return gd.train.fit(
        g, data, optimiser=gd.train.adam(gd.train.cosine(0.02, over=200)), epochs=200, batch=8,
        transform=noisy, validation={"x": X[:9], "y": data["y"][:9]},
        checkpoint=name, checkpoint_every=every,
    )


def bits(found):
    return [
        sorted((n, v.tobytes().hex()) for n, v in found.parameters.items()),
        sorted((n, v.tobytes().hex()) for n, v in found.last.items()),
        found.history, found.best_epoch, found.gradient.source,
    ]


fit("warm up", 10.0)
whole = bits(fit("whole", 10.0))
moments, kills = random.Random(0), 0
for _ in range(50):
    child = os.fork()
    if not child:
        fit("killed", 0.0)
        os._exit(0)
    time.sleep(moments.uniform(0.0, 0.2))
    os.kill(child, signal.SIGKILL)
    kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
with np.load("killed") as file:
    facts = json.loads(file[":facts"].tobytes())
print(json.dumps([kills, facts["steps"], bits(fit("killed", 10.0)) == whole]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a child process for each kill")
def test_kill_9_at_fifty_random_moments(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=100,
    )  # fmt: skip
    kills, steps, same = json.loads(told.stdout)
    assert kills > 10
    assert steps > 10
    assert same


def bowl(value=(3.0, 4.0)):
    g = gd.Graph("bowl")
    w = g.parameter("w", value=value)
    g.output("J", np.sum(w**2))
    return g


def run(path, g=None, **options):
    options = {"optimiser": train.momentum(0.1), "epochs": 3, **options}
    return train.fit(g or bowl(), {}, checkpoint=path, **options)


def test_a_run_that_was_finished_is_not_repeated_and_may_be_prolonged(tmp_path):
    path = tmp_path / "run"
    run(path)
    told = []
    again = run(path, callbacks=[told.append])
    assert not told
    assert again.epochs == 3
    longer = run(path, epochs=8)
    np.testing.assert_array_equal(
        longer.parameters["w"], run(tmp_path / "other", epochs=8).parameters["w"]
    )


def test_a_rule_that_stopped_training_has_done_so_for_good(tmp_path):
    first = run(tmp_path / "run", epochs=100, stop=train.until(1.0))
    again = run(tmp_path / "run", epochs=100, stop=train.until(1.0))
    assert again.epochs == first.epochs < 100
    assert again.stopped == "the cost is below 1"


@pytest.mark.parametrize(
    "change",
    [
        {"optimiser": train.momentum(0.2)},
        {"optimiser": train.momentum(0.1, 0.8)},
        {"rng": 1},
        {"start": {"w": [0.0, 1.0]}},
        {"validation": {}},
    ],
)
def test_another_run_is_not_taken_up(tmp_path, change):
    run(tmp_path / "run")
    before = (tmp_path / "run").read_bytes()
    with pytest.raises(gd.FileError, match="of another run"):
        run(tmp_path / "run", **change)
    assert (tmp_path / "run").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_checkpoint_is_refused_and_kept(tmp_path, content):
    (tmp_path / "run").write_bytes(content)
    with pytest.raises(gd.FileError, match="no checkpoint"):
        run(tmp_path / "run")
    assert (tmp_path / "run").read_bytes() == content


def test_a_checkpoint_that_cannot_be_written_is_said_before_training(tmp_path):
    told = []
    with pytest.raises(gd.FileError, match="cannot be written"):
        run(tmp_path / "missing" / "run", callbacks=[told.append])
    assert not told


def test_names_of_all_kinds_come_back(tmp_path):
    g = gd.Graph("scoped")
    with g.scope("layer:1"):
        w = g.parameter("file", value=[1.0, 2.0])
    g.output("J", np.sum(w**2) + g.parameter("ü", value=1.0) ** 2)
    options = {"optimiser": train.adam(0.1), "epochs": 4}
    whole = run(tmp_path / "whole", g, **options)
    run(tmp_path / "run", g, **(options | {"epochs": 2}))
    found = run(tmp_path / "run", g, **options)
    assert found.history == whole.history
    assert list(found.parameters) == list(whole.parameters) == ["layer:1/file", "ü"]
