"""Search by noise: schedules by eviction from an order and from costs that are a little off.

I. Charon and O. Hudry, "The noising method: a new method for combinatorial optimization",
*Operations Research Letters* 14 (1993), make a greedy method a search by telling it wrong numbers.
Here `graphdiff.planning.eviction` is told other costs, and often a lower limit, and follows the
order in which the best schedule first computes its nodes, with a few of them moved. The memory that
is left free is then filled with the true costs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence

from graphdiff.planning.eviction import Taste, evicting
from graphdiff.planning.problem import Problem
from graphdiff.planning.refill import refill
from graphdiff.planning.schedule import measure

PATIENCE = 3000
"""So many attempts in a row without success end the search."""

LOWEST = 0.7
"""The lowest limit that is told, as a share of the limit."""


def noised(
    problem: Problem,
    sequence: Sequence[int],
    limit: int,
    *,
    deadline: float,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[list[int]]:
    """Ever cheaper schedules within the limit, starting from one that keeps to it.

    ``stop`` is asked before each attempt.
    """
    rng = random.Random(seed)
    order = list(dict.fromkeys(sequence))
    cost = measure(problem, sequence)[1]
    failures = 0
    while failures < PATIENCE and time.monotonic() < deadline and not stop():
        failures += 1
        moved = _moved(problem, order, rng, rng.choice((0, 1, 2, 5)))
        spread = rng.choice((0.0, 0.3, 1.0))
        costs = [c * rng.lognormvariate(0.0, spread) for c in problem.costs]
        told = int(limit * rng.uniform(LOWEST, 1.0)) if rng.random() < 0.6 else limit
        taste = Taste(rng.choice((1.0, 0.5, 0.25, 0.0)), rng.choice((0.25, 0.5, 1.0, 2.0)))
        attempt = evicting(problem, moved, told, taste, costs, deadline=deadline)
        if attempt is None:
            continue
        attempt = refill(problem, attempt, limit)
        peak, new_cost = measure(problem, attempt)
        if peak <= limit and new_cost <= cost:
            order = list(dict.fromkeys(attempt))
            if new_cost < cost:
                cost, failures = new_cost, 0
                yield attempt


def _moved(problem: Problem, order: Sequence[int], rng: random.Random, count: int) -> list[int]:
    """An order with a few nodes elsewhere between their operands and their consumers."""
    moved = list(order)
    for _ in range(count):
        node = moved.pop(rng.randrange(len(moved)))
        operands, consumers = set(problem.operands[node]), set(problem.consumers[node])
        low = max((i for i, other in enumerate(moved) if other in operands), default=-1) + 1
        high = next((i for i, other in enumerate(moved) if other in consumers), len(moved))
        moved.insert(rng.randint(low, high), node)
    return moved
