"""Splitting, joining and resampling examples."""

from __future__ import annotations

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import train

DATA = {"x": np.arange(40.0).reshape(20, 2), "y": np.arange(20)}


def test_a_split_has_every_example_once_and_rows_stay_together():
    rest, held_out = train.split(DATA, 0.25, rng=3)
    assert (len(rest["y"]), len(held_out["y"])) == (15, 5)
    both = train.join(rest, held_out)
    assert sorted(both["y"]) == list(range(20))
    np.testing.assert_array_equal(both["x"], DATA["x"][both["y"]])
    assert list(train.split(DATA, 0.25, rng=4)[1]["y"]) != list(held_out["y"])


def test_a_bootstrap_leaves_about_a_third_out():
    y = np.arange(10_000)
    drawn = train.bootstrap({"y": y, "z": -y}, rng=0)
    assert len(np.unique(drawn["y"])) / 10_000 == pytest.approx(1 - np.exp(-1), abs=0.01)
    np.testing.assert_array_equal(drawn["y"], -drawn["z"])


@pytest.mark.parametrize(
    "call",
    [
        lambda: train.split(DATA, 0.0),
        lambda: train.split(DATA, 0.99),
        lambda: train.split({"x": [1, 2], "y": [1]}, 0.5),
        lambda: train.split({}, 0.5),
        lambda: train.split({"x": 1.0}, 0.5),
        lambda: train.bootstrap(DATA, rng="seed"),
        lambda: train.split(DATA, "half"),
        lambda: train.split([1, 2, 3], 0.5),
        lambda: train.split({"x": [[1], [2, 3]]}, 0.5),
        lambda: train.join({"x": [1]}, {"y": [1]}),
        lambda: train.join({"x": [[1, 2]]}, {"x": [[1]]}),
        lambda: train.join(),
        lambda: train.bootstrap({}),
    ],
)
def test_what_cannot_be_done_is_refused(call):
    with pytest.raises(gd.ArgumentError):
        call()
