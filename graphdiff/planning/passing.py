"""How much must be computed again before a set of values is there: how A* looks ahead."""

from __future__ import annotations

import math

from graphdiff.planning.moves import Moves, members
from graphdiff.planning.problem import Problem

PIVOTS = 4
"""How many pivots are looked at in each state."""


class Passing:
    """The bound of `graphdiff.planning.bounds` for the schedules that end in a set of values.

    Parameters
    ----------
    problem, moves
        The problem, and its bit masks.
    limit
        The largest peak that is allowed, in bytes.

    Notes
    -----
    Consider the first computation of a pivot. A value of one of its ancestors that is used by one
    of its descendants, or is in the set, has to be in memory at that moment or is computed once
    more.
    """

    def __init__(self, problem: Problem, moves: Moves, limit: float) -> None:
        self._sizes, self._costs = problem.sizes, problem.costs
        self._whole = all(isinstance(cost, int) for cost in problem.costs)
        self._uses = [sum(1 << c for c in consumers) for consumers in problem.consumers]
        self._descendants = moves.descendants
        start = sum(1 << node for node in problem.outputs)
        everything = (1 << len(problem)) - 1
        # For each pivot its bit, its number, the room beside it, and the values that pass by it,
        # those first of which a byte is the most costly to compute again.
        self._pivots: list[tuple[int, int, float, list[int]]] = []
        ranked = []
        for node in range(len(problem)):
            present = moves.operands[node] | 1 << node
            passing = [v for v in members(moves.ancestors[node] & ~present) if self._costs[v]]
            passing.sort(key=lambda v: self._sizes[v] / self._costs[v])
            pivot = (1 << node, node, limit - moves.size(present), passing)
            ranked.append((self._at(pivot, start, everything), node, pivot))
        ranked.sort(reverse=True)
        self._pivots = [pivot for value, _, pivot in ranked[:PIVOTS] if value > 0]

    def repeated(self, wanted: int, closure: int) -> float:
        """A bound below the cost of repetitions before these values are all in memory.

        ``closure`` are the values and all their ancestors.
        """
        most: float = 0
        for pivot in self._pivots:
            if pivot[0] & closure:
                most = max(most, self._at(pivot, wanted, closure))
        return math.ceil(most - 1e-6) if self._whole else most

    def _at(self, pivot: tuple[int, int, float, list[int]], wanted: int, closure: int) -> float:
        _, node, room, passing = pivot
        later = self._descendants[node] & closure
        sizes, costs, uses = self._sizes, self._costs, self._uses
        repeated: float = 0
        for value in passing:
            if uses[value] & later or wanted >> value & 1:
                size = sizes[value]
                if size <= room:
                    room -= size
                elif room > 0:
                    repeated += costs[value] * (size - room) / size
                    room = 0
                else:
                    repeated += costs[value]
        return repeated
