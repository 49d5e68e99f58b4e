"""Schedules that take little memory, for saying which limit can be met where one is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from graphdiff.planning.eviction import TASTES, evicting
from graphdiff.planning.orders import least_peak
from graphdiff.planning.problem import Problem
from graphdiff.planning.schedule import measure

LEVELS, NEXT, FAILURES = 60, 4, 3
"""How many limits are tried, how many first that are next to the one refused, and after how many in
a row that are not met no more are."""


def falling(
    problem: Problem,
    orders: Sequence[Sequence[int]],
    refused: float,
    highest: int,
    *,
    deadline: float,
) -> Iterator[list[int]]:
    """Schedules by eviction within limits that fall, from the highest one.

    They are the same limits whatever the one that is refused is, those next to it the first, so
    that each of these schedules is found again where its own peak is the limit. If one next to it
    fits after all, that is enough.
    """
    low, high = max(1, least_peak(problem)), max(1, highest)
    levels = [int(level) for level in np.geomspace(high, low, LEVELS)]

    def evicted(level: int) -> list[int] | None:
        ways = (
            evicting(problem, order, level, taste, deadline=deadline)
            for order, taste in product(orders, TASTES)
        )
        return next((way for way in ways if way is not None), None)

    for level in [level for level in reversed(levels) if level >= refused][:NEXT]:
        found = evicted(level)
        if found is not None:
            yield found
            if measure(problem, found)[0] <= refused:
                return
    failed = 0
    for level in levels:
        found = evicted(level)
        failed = 0 if found is not None else failed + 1
        if found is not None:
            yield found
        if failed == FAILURES or time.monotonic() > deadline:
            return
