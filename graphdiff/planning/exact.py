"""Exact searches over every schedule: any order, any number of recomputations.

They look for paths in the graph of `graphdiff.planning.moves`: A* for the least cost within a
limit, Dijkstra's algorithm for the least peak, and several labels a state for the whole front of
both.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Sequence

from graphdiff.planning.moves import Budget, Found, Moves, computations
from graphdiff.planning.passing import Passing
from graphdiff.planning.prices import Prices
from graphdiff.planning.problem import Problem
from graphdiff.planning.schedule import measure


def cheapest(
    problem: Problem,
    limit: float,
    *,
    below: float = math.inf,
    prices: Sequence[Prices] = (),
    budget: Budget | None = None,
) -> Found:
    """The schedule of least cost within a limit, if there is one that costs less than ``below``.

    ``prices`` of some pivots (`graphdiff.planning.bounds.strongest`) make the search look ahead.

    Notes
    -----
    Exponential in the worst case: the states are sets of values that can be needed together.

    Examples
    --------
    >>> chain = Problem(("a", "b", "c"), ((), (0,), (0, 1)), (1, 2, 1), (1, 1, 1), (2,))
    >>> cheapest(chain, limit=4).answers
    ((4, 3, [0, 1, 2]),)
    """
    budget = budget or Budget()
    moves = Moves(problem)
    passing = Passing(problem, moves, prices)
    start = sum(1 << node for node in problem.outputs)
    size = moves.size(start)
    labels = [(-1, -1)]  # for each label the one before it, and the node computed
    best = {start: problem.base_cost}
    # An entry: bound, newest first, is the bound sharp; then the set, its closure, size and cost.
    heap = [(problem.base_cost, 0, False, start, (1 << len(problem)) - 1, size, problem.base_cost)]
    states = 0
    while heap and size <= limit:
        bound, label, sharp, wanted, closure, now, cost = heapq.heappop(heap)
        if cost > best[wanted]:
            continue
        if not wanted:
            sequence = computations(labels, -label)
            return Found(((measure(problem, sequence)[0], cost, sequence),), True, cost, states)
        if not sharp:
            sharper = cost + passing.repeated(wanted, closure)
            if sharper > bound:
                if sharper < below:
                    heapq.heappush(heap, (sharper, label, True, wanted, closure, now, cost))
                continue
        states += 1
        if states > budget.states or (states % 512 == 0 and time.monotonic() > budget.deadline):
            return Found((), False, bound, states)
        if states % 512 == 0 and budget.below is not None:
            below = min(below, budget.below())
            if bound >= below:
                return Found((), True, below, states)
        for node, needed, less, during, repeat in moves.after(wanted, now, limit):
            new_cost = cost + repeat
            if during > limit or new_cost >= min(below, best.get(needed, math.inf)):
                continue
            best[needed] = new_cost
            rest = closure if repeat else closure & ~(1 << node)
            entry = (max(bound, new_cost), -len(labels), False, needed, rest, less, new_cost)
            heapq.heappush(heap, entry)
            labels.append((-label, node))
    return Found((), True, below, states)


def lowest(
    problem: Problem,
    *,
    below: float = math.inf,
    recompute: bool = True,
    budget: Budget | None = None,
) -> Found:
    """The schedule of least peak, if there is one with a peak ``below`` the given one.

    With ``recompute=False`` only the schedules that compute every node once are looked at.

    Examples
    --------
    >>> chain = Problem(("a", "b", "c"), ((), (0,), (0, 1)), (1, 2, 1), (1, 1, 1), (2,))
    >>> lowest(chain).answers
    ((4, 3, [0, 1, 2]),)
    """
    return _labelled(problem, False, below, recompute, budget or Budget())


def front(problem: Problem, *, budget: Budget | None = None) -> Found:
    """A schedule for each pair of peak and cost that no other beats in both, the cheapest first.

    Notes
    -----
    Several labels are set in a state: E. Q. V. Martins, "On a multicriteria shortest path problem",
    *European Journal of Operational Research* 16 (1984).

    Examples
    --------
    >>> chain = Problem(("a", "b", "c"), ((), (0,), (0, 1)), (1, 2, 1), (1, 1, 1), (2,))
    >>> [(peak, cost) for peak, cost, _ in front(chain).answers]
    [(4, 3)]
    """
    return _labelled(problem, True, math.inf, True, budget or Budget())


def _labelled(
    problem: Problem, front: bool, below: float, recompute: bool, budget: Budget
) -> Found:
    """Extend labels of cost and peak backward, in the order of cost (for the front) or of peak."""
    moves = Moves(problem, recompute=recompute)
    start = sum(1 << node for node in problem.outputs)
    size = moves.size(start)
    labels = [(-1, -1)]  # for each label the one before it, and the node computed
    best: dict[int, float] = {}  # the least peak with which a set has been reached
    answers = []
    # An entry: cost or 0, peak, newest first; then the set, its size and the label's cost.
    heap = [(problem.base_cost if front else 0, size, 0, start, size, problem.base_cost)]
    states = 0
    while heap:
        _, peak, label, wanted, now, cost = heapq.heappop(heap)
        if peak >= min(below, best.get(wanted, math.inf)):
            continue
        if not wanted:
            answers.append((peak, cost, computations(labels, -label)))
            if not front:
                return Found(tuple(answers), True, peak, states)
            below = peak
            continue
        best[wanted] = peak
        states += 1
        if states > budget.states or (states % 512 == 0 and time.monotonic() > budget.deadline):
            return Found(tuple(answers), False, cost if front else peak, states)
        for node, needed, less, during, repeat in moves.after(wanted, now, peak):
            new_peak, new_cost = max(peak, during), cost + repeat
            if new_peak < min(below, best.get(needed, math.inf)):
                key = new_cost if front else 0
                heapq.heappush(heap, (key, new_peak, -len(labels), needed, less, new_cost))
                labels.append((-label, node))
    return Found(tuple(answers), True, below, states)
