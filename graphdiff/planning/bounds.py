"""Bounds: what no schedule within a memory limit can do better than."""

from __future__ import annotations

import math

from graphdiff.planning.prices import Pivots
from graphdiff.planning.problem import Problem
from graphdiff.planning.stages import turning_point

MOST_PIVOTS, LEAST_PIVOTS = 100, 6
"""How many pivots are tried, in a small graph and in a large one."""

WORK = 400_000
"""Nodes and edges that may be looked at, over all the pivots that are tried."""


def least_cost(problem: Problem, limit: float = math.inf) -> float:
    """A bound below the cost of every schedule within the limit.

    Every node is computed once, and beyond that what `graphdiff.planning.prices` says of a pivot.
    Several pivots are tried, most of them near the turn of the graph. Near-linear in nodes and
    edges for each of them.
    """
    if limit == math.inf or not len(problem):
        return problem.base_cost
    pivots = Pivots(problem, limit)
    solved = map(pivots.solve, chosen_pivots(problem))
    extra = max((prices.repeated for prices in solved if prices is not None), default=0.0)
    return problem.base_cost + rounded(problem, extra)


def rounded(problem: Problem, extra: float) -> float:
    """A bound on repeated costs, raised to a whole number if all costs are."""
    if all(isinstance(cost, int) for cost in problem.costs):
        return max(0, math.ceil(extra * (1 - 1e-9) - 1e-6))
    return max(0.0, extra * (1 - 1e-9))


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
