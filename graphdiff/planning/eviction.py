"""Schedules by eviction: follow an order, and make room when there is none.

The nodes are computed in a given order. Where the next computation does not fit, values leave
memory until it does; where an operand is not there, it is computed again, and what that needs. M.
Kirisame, S. Lyubomirsky, A. Haan, J. Brennan, M. He, J. Roesch, T. Chen and Z. Tatlock, "Dynamic
tensor rematerialization" (2021), arXiv:2006.09616, evict the value that is cheap to compute again,
large, and has not been used for long. Here the order is known in advance, so that how long a value
will *not* be used counts in place of how long it has not been: L. A. Belady, "A study of
replacement algorithms for a virtual-storage computer", *IBM Systems Journal* 5 (1966).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from graphdiff.planning.problem import Problem


class Taste(NamedTuple):
    """What the value to evict is chosen by: the least of cost**dear / (size · wait**far)."""

    dear: float
    far: float


TASTES = tuple(
    Taste(*powers)
    for powers in ((1.0, 1.0), (0.5, 0.5), (0.5, 2.0), (1.0, 2.0), (1.0, 0.5), (0.0, 0.5))
)
"""Those with which the gradient graphs of MLPs, residual, recurrent and U-nets fare best."""

REPEATS = 10
"""So many computations for each node are too many."""


def evicting(
    problem: Problem,
    order: Sequence[int],
    limit: float,
    taste: Taste,
    costs: Sequence[float] | None = None,
    *,
    deadline: float = math.inf,
) -> list[int] | None:
    """The computations of a schedule within the limit, if this way leads to one in time.

    ``costs`` are told in place of the problem's.

    Notes
    -----
    Each eviction looks at all values in memory, and at what each of them would be computed from.
    """
    return _Memory(problem, order, limit, taste, costs or problem.costs, deadline).run()


class _Memory:
    """What is in memory while an order is followed."""

    def __init__(
        self,
        problem: Problem,
        order: Sequence[int],
        limit: float,
        taste: Taste,
        costs: Sequence[float],
        deadline: float,
    ) -> None:
        self.problem, self.order, self.taste, self.costs = problem, order, taste, costs
        self.most, self.deadline = REPEATS * len(problem), deadline
        self.room = limit
        self.present: set[int] = set()
        self.pins = [0] * len(problem)  # how many computations wait with this value
        self.uses: list[list[int]] = [[] for _ in order]  # places in the order, the next one last
        for node in problem.outputs:
            self.uses[node].append(len(order))
        for place in reversed(range(len(order))):
            for operand in problem.operands[order[place]]:
                self.uses[operand].append(place)
        self.sequence: list[int] = []

    def run(self) -> list[int] | None:
        for place, goal in enumerate(self.order):
            if not self._compute(goal, place):
                return None
        for node in self.problem.outputs:  # one that was evicted comes back, beside the others
            self.pins[node] += 1
            if not self._compute(node, len(self.order)):
                return None
        return self.sequence

    def _compute(self, goal: int, place: int) -> bool:
        """Compute a node and whatever is missing for it; tells whether there was room and time."""
        operands, sizes, present = self.problem.operands, self.problem.sizes, self.present
        waiting = [] if goal in present else [goal]
        for operand in operands[goal] if waiting else ():
            self.pins[operand] += 1
        while waiting:
            node = waiting[-1]
            missing = [u for u in operands[node] if u not in present]
            if missing:  # what takes none itself comes last, so that it does not wait
                waiting.append(next((u for u in missing if operands[u]), missing[0]))
                for operand in operands[waiting[-1]]:
                    self.pins[operand] += 1
                continue
            while self.room < sizes[node]:
                if not self._evict(place):
                    return False
            if len(self.sequence) >= self.most or time.monotonic() > self.deadline:
                return False
            waiting.pop()
            present.add(node)
            self.room -= sizes[node]
            self.sequence.append(node)
            for operand in operands[node]:
                self.pins[operand] -= 1
                if not self.pins[operand] and self._next(operand, place + (node == goal)) is None:
                    self._remove(operand)
        return True

    def _next(self, node: int, place: int) -> int | None:
        """The next place at which a value is used, from this one on."""
        uses = self.uses[node]
        while uses and uses[-1] < place:
            uses.pop()
        return uses[-1] if uses else None

    def _remove(self, node: int) -> None:
        self.present.remove(node)
        self.room += self.problem.sizes[node]

    def _evict(self, place: int) -> bool:
        """Take a value out, if there is one that nothing waits with."""
        dear, far = self.taste
        candidates = []  # with what they are worth at least, if only they have to be computed again
        for node in self.present:
            size = self.problem.sizes[node]
            if self.pins[node] or not size:
                continue
            following = self._next(node, place)
            if following is None:
                self._remove(node)
                return True
            weight: float = size * max(1, following - place) ** far
            candidates.append((self.costs[node] ** dear / weight, node, weight))
        candidates.sort()
        least, chosen = math.inf, -1
        for at_least, node, weight in candidates:
            if at_least > least:
                break
            most = (least * weight) ** (1 / dear) if dear else 0
            worth = self._again(node, most) ** dear / weight if dear else at_least
            if worth < least:
                least, chosen = worth, node
        if chosen < 0:
            return False
        self._remove(chosen)
        return True

    def _again(self, goal: int, most: float) -> float:
        """What it costs to compute a value again, with all that is missing for it.

        What costs more than ``most`` may be said to be less than it is.
        """
        costs, operands, present = self.costs, self.problem.operands, self.present
        total: float = 0
        waiting, seen = [goal], {goal}
        while waiting and total <= most:
            node = waiting.pop()
            total += costs[node]
            for operand in operands[node]:
                if operand not in present and operand not in seen:
                    seen.add(operand)
                    waiting.append(operand)
        return total
