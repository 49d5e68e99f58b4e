"""Exact search over every schedule: any order, any number of recomputations.

A schedule is read from its end. Let W be the values that the steps after some point need. Before
the first of these steps comes the computation of some w in W; what is needed before it is W without
w, and with the operands of w. So schedules in which each value is freed after its last use are the
paths from the outputs to the empty set in a graph whose vertices are sets of nodes, and there is
neither a choice of what to free nor a value in memory that is of no use. Paths of least cost or of
least peak are found by A* and by Dijkstra's algorithm; sets are bit masks.

Two facts make this quick.

- All ancestors of W have yet to be computed once, so their cost is a bound for A* (a consistent
  one). The bound grows just when w, being an ancestor of another member of W, will be computed again.
- If w is no ancestor of another member of W, needing its operands in its stead takes no more bytes,
  and its computation fits, then some best schedule computes w here: in any other one, w can be
  moved to this place, since nothing in between uses it. No other choice has to be tried.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from graphdiff.planning.problem import Problem

Goal = Literal["cost", "peak", "front"]


@dataclass(frozen=True)
class Budget:
    """How much a search may do: a number of states, and a time on the clock `time.monotonic`."""

    states: int = 1_000_000
    deadline: float = math.inf


@dataclass(frozen=True)
class Found:
    """What a search gives.

    ``answers`` are triples of peak, cost and computations. ``complete`` tells whether the search
    ended by itself. No answer that is missing has less than ``bound``, in cost, or in peak where that
    was the goal.
    """

    answers: tuple[tuple[int, float, list[int]], ...]
    complete: bool
    bound: float
    states: int


def search(
    problem: Problem,
    goal: Goal,
    limit: float = math.inf,
    *,
    below: float = math.inf,
    recompute: bool = True,
    budget: Budget | None = None,
) -> Found:
    """The best schedules within a memory limit.

    Parameters
    ----------
    problem
        The nodes, their sizes and costs.
    goal
        ``"cost"``: one schedule of least cost. ``"peak"``: one of least peak. ``"front"``: one for
        each pair of peak and cost that no other one beats in both, the cheapest first.
    limit
        The largest peak that is allowed, in bytes.
    below
        Only schedules that cost less than this are of interest.
    recompute
        Whether a node may be computed more than once.
    budget
        When to stop early.

    Notes
    -----
    Exponential in the worst case: the states are sets of values that can be needed together. The
    search for the front sets several labels a state: Martins, *European Journal of Operational
    Research* 16 (1984).

    Examples
    --------
    >>> chain = Problem(("a", "b", "c"), ((), (0,), (0, 1)), (1, 2, 1), (1, 1, 1), (2,))
    >>> search(chain, "cost").answers
    ((4, 3, [0, 1, 2]),)
    """
    budget = budget or Budget()
    moves = _Moves(problem, recompute)
    by_cost, front = goal == "cost", goal == "front"
    start = sum(1 << node for node in problem.outputs)
    size = moves.size(start)
    labels = [(-1, -1)]  # for each label the one before it, and the node computed
    # An entry: criteria and the newest first; then the set, its size, and the label's cost and peak.
    entry = (size if goal == "peak" else problem.base_cost, size if front else 0, 0)
    heap = [(*entry, start, size, problem.base_cost, size)] if size <= limit else []
    best: dict[int, float] = {}  # with what a set has been reached: cost, or else peak
    answers: list[tuple[int, float, list[int]]] = []
    states = 0
    while heap:
        bound, _, label, wanted, size, cost, peak = heapq.heappop(heap)
        value = cost if by_cost else peak
        if peak > limit or (value, front) > (best.get(wanted, math.inf), False):
            continue
        if not wanted:
            answers.append((peak, cost, _computations(labels, -label)))
            if not front:
                return Found(tuple(answers), True, bound, states)
            limit = peak - 1
            continue
        states += 1
        if states > budget.states or (states % 1024 == 0 and time.monotonic() > budget.deadline):
            return Found(tuple(answers), False, bound, states)
        if front:
            best[wanted] = peak
        cap = limit if by_cost else peak
        for node, needed, less, during, repeat in moves.after(wanted, size, cap):
            new_peak, new_cost = max(peak, during), cost + repeat
            value = new_cost if by_cost else new_peak
            if new_peak > limit or new_cost >= below or value >= best.get(needed, math.inf):
                continue
            if not front:
                best[needed] = value
            key = (new_peak if goal == "peak" else new_cost, new_peak if front else 0)
            heapq.heappush(heap, (*key, -len(labels), needed, less, new_cost, new_peak))
            labels.append((-label, node))
    return Found(tuple(answers), True, answers[-1][1] if answers else math.inf, states)


class _Moves:
    """The steps backward from a set of needed values."""

    def __init__(self, problem: Problem, recompute: bool) -> None:
        self.recompute = recompute
        self.sizes = problem.sizes
        self.costs = problem.costs
        self.operands = [sum(1 << u for u in us) for us in problem.operands]
        self.descendants = [0] * len(problem)
        for node in reversed(range(len(problem))):
            for consumer in problem.consumers[node]:
                self.descendants[node] |= self.descendants[consumer] | 1 << consumer
        self._size_of = {0: 0}

    def size(self, values: int) -> int:
        """The bytes that a set of values takes."""
        found = self._size_of.get(values)
        if found is None:
            found = sum(self.sizes[node] for node in _members(values))
            self._size_of[values] = found
        return found

    def after(self, wanted: int, size: int, cap: float) -> list[tuple[int, int, int, int, float]]:
        """The moves from a set: node, new set, its size, bytes during the step, cost of a repeat.

        If one of them is as good as any other for a peak of at most ``cap``, it stands alone.
        """
        moves: list[tuple[int, int, int, int, float]] = []
        rest = wanted
        while rest:
            bit = rest & -rest
            rest ^= bit
            node = bit.bit_length() - 1
            again = self.descendants[node] & wanted
            if again and not self.recompute:
                continue
            operands = self.operands[node]
            during = size + self.size(operands & ~wanted)
            less = during - self.sizes[node]
            move = (node, wanted ^ bit | operands, less, during, self.costs[node] if again else 0)
            if not again and less <= size and during <= cap:
                return [move]
            moves.append(move)
        return moves


def _members(mask: int) -> Iterator[int]:
    while mask:
        bit = mask & -mask
        yield bit.bit_length() - 1
        mask ^= bit


def _computations(labels: list[tuple[int, int]], label: int) -> list[int]:
    """The nodes on the way to a label: the path runs backward in time, and so do the labels."""
    sequence = []
    while label:
        label, node = labels[label]
        sequence.append(node)
    return sequence
