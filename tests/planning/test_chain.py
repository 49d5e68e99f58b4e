from functools import cache
from math import comb

import pytest

from graphdiff.errors import PlanError
from graphdiff.planning import forward_steps, revolve
from graphdiff.planning.chain import split


@cache
def fewest(length, snapshots):
    """The definition: advance, keep a snapshot, reverse what is behind it, and come back."""
    if length == 1:
        return 0
    if snapshots == 1:
        return length * (length - 1) // 2
    return min(
        k + fewest(length - k, snapshots - 1) + fewest(k, snapshots) for k in range(1, length)
    )


def formula(length, snapshots):
    r = next(r for r in range(length) if comb(snapshots + r, snapshots) >= length)
    return r * length - comb(snapshots + r, snapshots + 1)


@pytest.mark.parametrize("snapshots", [1, 2, 3, 4, 5, 8])
def test_no_schedule_of_a_chain_has_fewer_forward_steps(snapshots):
    for length in range(1, 50):
        best = fewest(length, snapshots)
        assert revolve(length, snapshots).forward_steps == best
        assert forward_steps(length, snapshots) == best


def test_long_chains_keep_to_the_formula():
    for snapshots in range(1, 21):
        for length in (1, 2, 3, 10, 100, 333, 999, 1000):
            assert forward_steps(length, snapshots) == formula(length, snapshots)
            assert revolve(length, snapshots).forward_steps == formula(length, snapshots)


@pytest.mark.parametrize(("length", "snapshots"), [(1, 1), (7, 1), (10, 3), (100, 4), (1000, 6)])
def test_the_actions_reverse_the_chain(length, snapshots):
    kept, state, left = set(), 0, length
    for action, i in revolve(length, snapshots).actions:
        if action == "store":
            assert state == i
            kept.add(i)
            assert len(kept) <= snapshots
        elif action == "restore":
            assert i in kept
            state = i
        elif action == "discard":
            kept.remove(i)
        elif action == "advance":
            assert state == i
            state += 1
        else:
            assert state == i == left - 1
            left -= 1
    assert left == 0
    assert not kept


def test_a_chain_is_split_inside():
    assert all(0 < split(length, s) < length for s in (2, 3, 5) for length in range(2, 200))


def test_a_chain_has_at_least_one_step_and_one_snapshot():
    with pytest.raises(PlanError, match="length"):
        revolve(0, 1)
    with pytest.raises(PlanError, match="snapshots"):
        forward_steps(5, 0)
