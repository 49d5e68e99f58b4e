"""How much must be computed again before a set of values is there: how the searches look ahead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphdiff.planning.moves import Moves
from graphdiff.planning.prices import Prices
from graphdiff.planning.problem import Problem

PIVOTS = 3
"""How many pivots are looked at in each state."""


class Passing:
    """The bound of `graphdiff.planning.prices` for the schedules that end in a set of values.

    Parameters
    ----------
    problem, moves
        The problem, and its bit masks.
    prices
        Those of some pivots, the strongest first.

    Notes
    -----
    The programme of a pivot changes with the set. A value is needed after the pivot if it is in the
    set, or if a descendant of the pivot that is still to be computed uses it. The same prices hold,
    without those of values that are not needed any more. And what such a value would have paid for
    its operands counts where an operand is in the set: it is needed in its stead.
    """

    def __init__(self, problem: Problem, moves: Moves, prices: Sequence[Prices]) -> None:
        self._problem = problem
        self._uses = [sum(1 << c for c in consumers) for consumers in problem.consumers]
        self._descendants = moves.descendants
        self._pivots = [(found.pivot, found.fixed, self._list(found)) for found in prices[:PIVOTS]]

    def _list(self, prices: Prices) -> list[tuple[int, float, int, list[tuple[int, float]]]]:
        """Values with a price, the last first: node, price, operands that it pays, and how much."""
        ends = np.cumsum([0, *map(len, self._problem.operands)]).tolist()
        needed, handed = prices.needed.tolist(), prices.handed.tolist()
        found = []
        for node in reversed(range(len(self._problem))):
            operands = self._problem.operands[node]
            pays = [
                (u, price)
                for u, price in zip(operands, handed[ends[node] : ends[node + 1]], strict=True)
                if price > 0
            ]
            if needed[node] > 0 or pays:
                found.append((node, needed[node], sum(1 << u for u, _ in pays), pays))
        return found

    def repeated(self, wanted: int, closure: int) -> float:
        """A bound below the cost of repetitions before these values are all in memory.

        ``closure`` are the values and all their ancestors.
        """
        most: float = 0
        uses = self._uses
        for pivot, fixed, values in self._pivots:
            if not closure >> pivot & 1:
                continue
            later = self._descendants[pivot] & closure
            total = -fixed
            paid = 0  # operands of what may be computed behind the pivot
            for node, price, operands, pays in values:
                if wanted >> node & 1 or uses[node] & later:
                    total += price
                    paid |= operands
                elif paid >> node & 1:
                    paid |= operands
                else:
                    for operand, price in pays:
                        if wanted >> operand & 1 or uses[operand] & later:
                            total += price
            if total > most:
                most = total
        return self._problem.least_sum(most)
