"""Bounds: what no schedule within a memory limit can do better than."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphdiff.planning.prices import Pivots, Prices
from graphdiff.planning.problem import Problem
from graphdiff.planning.stages import turning_point

MOST_PIVOTS, LEAST_PIVOTS = 100, 6
"""How many pivots are tried, in a small graph and in a large one."""

WHOLE = 4
"""How many pivots are solved in whole numbers."""

LEAST_SECONDS = 0.05
"""The shortest time for that, which HiGHS takes well; it may not be 0."""

WORK = 150_000
"""Nodes and edges that may be looked at, over all the pivots that are tried."""


def least_cost(problem: Problem, limit: float = math.inf) -> float:
    """A bound below the cost of every schedule within the limit.

    Every node is computed once, and beyond that what `graphdiff.planning.prices` says of a pivot.
    Near-linear in nodes and edges for each of the pivots.
    """
    return cost_of(problem, strongest(problem, limit))


def cost_of(problem: Problem, prices: Sequence[Prices]) -> float:
    """The bound that these prices give, the strongest first."""
    return problem.base_cost + (problem.least_sum(prices[0].repeated) if prices else 0)


def strongest(problem: Problem, limit: float) -> list[Prices]:
    """The prices of some pivots, about the turn and elsewhere; the highest bound comes first."""
    if limit == math.inf or not len(problem):
        return []
    pivots = Pivots(problem, limit)
    solved = [found for found in map(pivots.solve, chosen_pivots(problem)) if found is not None]
    return sorted(solved, key=lambda found: -found.repeated)


def whole_cost(problem: Problem, limit: float, prices: Sequence[Prices], seconds: float) -> float:
    """A higher bound, from the strongest of these pivots in whole numbers; so long for each."""
    pivots = Pivots(problem, limit)
    seconds = max(seconds, LEAST_SECONDS)
    extra = max((pivots.whole(found.pivot, seconds) for found in prices[:WHOLE]), default=0.0)
    return problem.base_cost + problem.least_sum(extra)


def chosen_pivots(problem: Problem) -> list[int]:
    """The nodes to try: all of a small graph, else some about the turn and some far from it."""
    count = len(problem)
    work = count + sum(map(len, problem.operands))
    tries = min(MOST_PIVOTS, max(LEAST_PIVOTS, WORK // work))
    if tries >= count:
        return list(range(count))
    turn = turning_point(problem)
    near = range(max(0, turn - tries // 8), min(count, turn + tries * 3 // 8 + 1))
    spread = range(0, count, max(1, count // (tries - len(near))))
    return list(dict.fromkeys([*near, *spread]))[:tries]
