"""Schedules that keep a few boundaries between stages and come back to them: √n, revolve, rotor.

Each function gives lists of computations to choose from, so that a caller can take the one that
does best within a memory limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

import numpy as np

from graphdiff.planning.chain import split
from graphdiff.planning.problem import Problem
from graphdiff.planning.rotor import needs_of, solve
from graphdiff.planning.schedule import measure
from graphdiff.planning.stages import (
    Stages,
    choose_cuts,
    crossing,
    make_stages,
    turning_point,
    unroll,
)

STAGES = (40, 128)
"""The most stages that the dynamic programme takes, first and then; it is cubic in them."""

SLOTS = 400
"""How finely it counts memory."""


def segmented(problem: Problem, count: int | None = None) -> list[int]:
    """Keep the boundaries of ``count`` segments, and compute each segment again for its gradient.

    The default is √n segments for n forward nodes: T. Chen, B. Xu, C. Zhang and C. Guestrin,
    "Training deep nets with sublinear memory cost" (2016), arXiv:1604.06174.
    """
    turn = turning_point(problem)
    stages = make_stages(problem, choose_cuts(problem, turn, count or max(1, isqrt(turn))))
    return unroll(stages, lambda begin, end, free: (min(begin + 1, end), free), 0)


def segment_counts(problem: Problem) -> list[int]:
    """Numbers of segments worth trying: dense below √n, then in growing steps."""
    turn = turning_point(problem)
    most = max(1, turn)
    counts = {isqrt(turn) or 1, *range(1, min(8, most) + 1)}
    count = 8.0
    while count < most:
        counts.add(int(count))
        count *= 1.25
    return sorted(counts)


def binomial(stages: Stages, snapshots: int) -> list[int]:
    """Treat the stages as equal steps of a chain, and reverse it with so many snapshots.

    A. Griewank and A. Walther, "Algorithm 799: revolve", *ACM Transactions on Mathematical
    Software* 26 (2000). The boundary that a part begins with is one of its snapshots.
    """

    def decide(begin: int, end: int, free: int) -> tuple[int, int]:
        length = end - begin + 1
        if length == 1:
            return begin, free
        if free == 1:
            return end, free
        return begin + split(length, free), free - 1

    return unroll(stages, decide, snapshots)


def links(problem: Problem, most: int) -> Stages:
    """The problem as a chain of at most so many stages, cut at single values where there are any.

    A place that a single forward value crosses is a dominator of all that is behind it.
    """
    turn = turning_point(problem)
    _, count = crossing(problem, turn)
    cuts = [c for c in range(1, turn) if count[c] <= 1]
    if len(cuts) < isqrt(turn):
        return make_stages(problem, choose_cuts(problem, turn, most))
    step = -(-len(cuts) // most)
    return make_stages(problem, [0, *cuts[step - 1 :: step], turn])


def persistent(problem: Problem, limit: float, most: int, *, tries: int) -> Iterator[list[int]]:
    """Schedules of the dynamic programme of `graphdiff.planning.rotor`, over ``most`` stages.

    The programme counts memory roughly, so several amounts are tried: first the largest with which
    the limit is met, then smaller ones, as far as their schedules differ.
    """
    turn = turning_point(problem)
    stages = make_stages(problem, choose_cuts(problem, turn, most))
    slot = max(1.0, limit / SLOTS)
    rotor = solve(needs_of(stages, slot), int(limit / slot * 1.05))
    if rotor.smallest is None:
        return
    costs = rotor.table[-1, 0]
    amounts = [
        m for m in range(rotor.smallest, len(costs)) if costs[m] < min(costs[:m], default=np.inf)
    ]
    low, high = 0, len(amounts)
    while low < high:  # amounts[:low] fit
        middle = (low + high) // 2
        sequence = unroll(stages, rotor.decide, amounts[middle])
        if measure(problem, sequence)[0] <= limit:
            low = middle + 1
        else:
            high = middle
    for i in range(low - 1, -1, -max(1, low // tries)):
        yield unroll(stages, rotor.decide, amounts[i])
