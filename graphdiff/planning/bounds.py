"""Bounds: what no schedule within a memory limit can do better than."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphdiff.planning.problem import Problem
from graphdiff.planning.stages import turning_point

WORK = 600_000
"""Nodes and edges that may be looked at, over all the pivots that are tried."""


def least_cost(problem: Problem, limit: float = math.inf) -> float:
    """A bound below the cost of every schedule within the limit.

    Every node is computed once. Beyond that, look at the first computation of some node, the
    *pivot*: its ancestors have been computed then, its descendants have not. A value of an ancestor
    that a descendant uses is either in memory at this moment or will be computed again. What is in
    memory fits in the limit, together with the pivot and its operands; so at least the cost of the
    values that do not fit is paid twice, and a fractional knapsack says how little that can be.

    Several pivots near the turn of the graph are tried. Linear in nodes and edges for each of them.
    """
    if limit == math.inf:
        return problem.base_cost
    extra = max((_repeated(problem, pivot, limit) for pivot in _pivots(problem)), default=0)
    if all(isinstance(cost, int) for cost in problem.costs):
        extra = math.ceil(extra - 1e-6)
    return problem.base_cost + extra


def _pivots(problem: Problem) -> Sequence[int]:
    """The nodes to try: all of a small graph, else some before the turn, near and far."""
    count = len(problem)
    edges = sum(map(len, problem.operands))
    tries = max(12, WORK // (count + edges + 1))
    if tries >= count:
        return range(count)
    turn = turning_point(problem)
    near = range(max(0, turn - (tries + 1) // 2), min(count, turn + 2))
    spread = range(0, count, max(1, count // (tries // 2)))
    return [*near, *spread][:tries]


def _repeated(problem: Problem, pivot: int, limit: float) -> float:
    """The least cost that is paid twice because of what has to pass by a pivot."""
    sizes, costs = problem.sizes, problem.costs
    before, behind = _ancestors(problem, pivot), _descendants(problem, pivot)
    present = {pivot, *problem.operands[pivot]}
    room = limit - sum(sizes[node] for node in present)
    outputs = set(problem.outputs)
    passing = [
        node
        for node in before
        if node not in present
        and costs[node]
        and (node in outputs or any(c in behind for c in problem.consumers[node]))
    ]
    passing.sort(key=lambda node: sizes[node] / costs[node])
    repeated: float = 0
    for node in passing:
        share = min(1.0, max(0.0, room / sizes[node])) if sizes[node] else 1.0
        room -= share * sizes[node]
        repeated += (1 - share) * costs[node]
    return repeated


def _ancestors(problem: Problem, node: int) -> set[int]:
    return _reached(problem.operands, node)


def _descendants(problem: Problem, node: int) -> set[int]:
    return _reached(problem.consumers, node)


def _reached(neighbours: Sequence[Sequence[int]], node: int) -> set[int]:
    found: set[int] = set()
    waiting = [node]
    while waiting:
        for neighbour in neighbours[waiting.pop()]:
            if neighbour not in found:
                found.add(neighbour)
                waiting.append(neighbour)
    return found
