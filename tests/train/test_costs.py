"""Costs that grow: what was read of them stays, whatever follows."""

from __future__ import annotations

import pytest

import graphdiff as gd
from graphdiff import train
from graphdiff.train.costs import Costs


def test_what_follows_does_not_change_what_was() -> None:
    one = Costs([3.0])
    two = one.then(2.0)
    other = one.then(5.0)  # another way on from the same place
    assert (one, two, other) == ((3.0,), (3.0, 2.0), (3.0, 5.0))
    assert two.then(1.0) == (3.0, 2.0, 1.0)
    assert two == (3.0, 2.0)


def test_they_are_read_as_a_tuple_is() -> None:
    costs = Costs([4.0, 3.0, 2.0]).then(1.0)
    shorter = Costs([4.0, 3.0])
    shorter.then(0.0)
    assert costs[0] == 4.0
    assert costs[-1] == 1.0
    assert costs[1:3] == (3.0, 2.0)
    assert shorter[-1] == 3.0
    assert shorter[::-1] == (3.0, 4.0)
    assert list(shorter) == [4.0, 3.0]
    assert len(shorter) == 2
    assert max(shorter) == 4.0
    assert 0.0 not in shorter
    with pytest.raises(IndexError):
        shorter[2]


def test_numbers_are_copied_only_where_the_way_forks() -> None:
    first = costs = Costs([0.0])
    for number in range(1, 5):
        costs = costs.then(float(number))
    assert costs._shared is first._shared
    assert first.then(9.0)._shared is not first._shared


def test_a_callback_keeps_what_it_saw() -> None:
    g = gd.Graph("line")
    w = g.parameter("w", (), value=1.0)
    g.output("J", w * w)
    seen: list[train.Snapshot] = []
    found = train.fit(g, {}, optimiser=train.sgd(0.1), epochs=4, callbacks=[seen.append])
    assert [tuple(now.history["J"]) for now in seen] == [
        found.history["J"][: now.epoch] for now in seen
    ]
