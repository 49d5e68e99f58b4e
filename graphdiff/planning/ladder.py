"""What loops may do: store what their gradients need of every step, or keep some states at a time.

A loop of l steps that keeps s states runs r·l − C(s + r, s + 1) steps again; see
`graphdiff.planning.chain`. A *choice* says which loops keep states, and how many; the others store.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from graphdiff.planning.chain import forward_steps

Choice = Mapping[str, int]

DENSE = 64
"""Up to so many states every number of them is an option; beyond, each is an eighth more."""


class Taken(NamedTuple):
    """The bytes of all values at once, and the work of all computations."""

    bytes: float
    work: float


class Option(NamedTuple):
    """What a loop takes with so many states at a time, 0 for storing everything."""

    bytes: float
    work: float
    states: int


def options(length: int, stored: Taken, one: Taken, two: Taken, three: Taken) -> list[Option]:
    """What each number of states takes, given what storing and the first three numbers take.

    From two on memory grows by one state after the other, and work is the same for each step that
    is run again.
    """
    most, fewer = forward_steps(length, 2), forward_steps(length, 3)
    step = (two.work - three.work) / (most - fewer) if most > fewer else 0.0
    found = [Option(*stored, 0), Option(*one, 1)]
    for states in _numbers(length - 1)[1:]:
        work = two.work - step * (most - forward_steps(length, states))
        found.append(Option(two.bytes + (states - 2) * (three.bytes - two.bytes), work, states))
    return found


def _numbers(most: int) -> list[int]:
    """The numbers of states that are options."""
    numbers = list(range(1, min(most, DENSE) + 1))
    while numbers and numbers[-1] < most:
        numbers.append(min(most, numbers[-1] * 9 // 8))
    return numbers


def ladder(loops: Mapping[str, Iterable[Option]]) -> list[Choice]:
    """Choices from the least work to the least memory, storing everything the first.

    From each to the next one loop takes the next of its options on the lower convex hull, the one
    that costs the least work for a byte.

    Examples
    --------
    >>> ladder({"a": [Option(9, 1, 0), Option(5, 2, 2), Option(4, 5, 1)]})
    [{}, {'a': 2}, {'a': 1}]
    """
    moves = []
    for loop, found in loops.items():
        hull = _hull(found)
        for last, option in pairwise(hull):
            moves.append((_price(last, option), loop, option.states))
    moves.sort(key=lambda move: move[0])
    choices: list[dict[str, int]] = [{}]
    for _, loop, states in moves:
        choices.append({**choices[-1], loop: states})
    return list(choices)


def least_work(loops: Iterable[Iterable[Option]], room: float) -> float:
    """The least work of an option for each loop that together take no more bytes than are free.

    A bound for whole options: these are a knapsack problem, and this is its linear relaxation. E.
    Zemel, "The linear multiple choice knapsack problem", *Operations Research* 28 (1980). Infinite
    where the smallest options are too large together.

    Examples
    --------
    >>> least_work([[Option(9, 1, 0), Option(5, 2, 2), Option(4, 5, 1)]], 7)
    1.5
    """
    moves, work, bytes_now = [], 0.0, 0.0
    for found in loops:
        hull = _hull(found)
        work, bytes_now = work + hull[0].work, bytes_now + hull[0].bytes
        moves += [
            (_price(last, option), last.bytes - option.bytes) for last, option in pairwise(hull)
        ]
    for price, saved in sorted(moves):
        if bytes_now <= room:
            break
        part = min(saved, bytes_now - room)
        work, bytes_now = work + price * part, bytes_now - part
    return work if bytes_now <= room else math.inf


def _hull(found: Iterable[Option]) -> list[Option]:
    """The options on the lower convex hull, from storing to the one of least memory."""
    hull: list[Option] = []
    for option in sorted(found, key=lambda option: (option.states > 0, option.work, option.bytes)):
        if hull and option.bytes >= hull[-1].bytes:
            continue
        while len(hull) > 1 and _price(hull[-2], hull[-1]) >= _price(hull[-1], option):
            hull.pop()
        hull.append(option)
    return hull


def _price(option: Option, smaller: Option) -> float:
    """The work for each byte that is saved."""
    return (smaller.work - option.work) / (option.bytes - smaller.bytes)
