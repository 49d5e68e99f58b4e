"""Large-neighbourhood search: drop some kept values, and fill the memory again in another way.

P. Shaw, "Using constraint programming and local search methods to solve vehicle routing problems"
(1998), brought the idea: take a part of a solution apart and put it together again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence

from graphdiff.planning.problem import Problem
from graphdiff.planning.refill import Residency, refill
from graphdiff.planning.schedule import measure

PATIENCE = 400
"""So many attempts in a row without success end the search."""

MOST_DROPPED = 12
"""How many values are dropped at a time, at most."""


def improvements(
    problem: Problem,
    sequence: Sequence[int],
    limit: int,
    *,
    deadline: float,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[list[int]]:
    """Ever cheaper schedules within the limit, starting from one that keeps to it.

    Each attempt drops a few values for a time in which they wait to be used, computes them again
    when they are, and refills the memory in an order that is partly random. Before each of them
    ``stop`` is asked.
    """
    rng = random.Random(seed)
    current = list(sequence)
    cost = measure(problem, current)[1]
    failures = 0
    state = Residency(problem, current)
    while failures < PATIENCE and time.monotonic() < deadline and not stop():
        failures += 1
        dropped = _choose(state, rng)
        if not dropped:
            continue
        attempt = _without(state, dropped)
        noise = [0.5 + rng.random() for _ in range(len(problem))] if rng.random() < 0.7 else None
        attempt = refill(problem, attempt, limit, noise)
        peak, new_cost = measure(problem, attempt)
        if peak > limit or new_cost > cost:
            continue
        if new_cost < cost:
            failures = 0
            yield attempt
        current, cost = attempt, new_cost
        state = Residency(problem, current)


def _choose(state: Residency, rng: random.Random) -> set[tuple[int, int]]:
    """Some waits, as pairs of a step and the use that ends the wait, that share a moment."""
    length = len(state.sequence)
    moment = rng.randrange(length)
    waits = []
    for step, uses in enumerate(state.uses[:moment]):
        if uses and uses[-1] > moment:
            before = step
            for use in uses:
                if use > moment:
                    if use - before > 2 and use < length:
                        waits.append((step, use))
                    break
                before = use
    rng.shuffle(waits)
    return set(waits[: rng.randint(1, MOST_DROPPED)])


def _without(state: Residency, dropped: set[tuple[int, int]]) -> list[int]:
    """The computations when some values do not wait, but are computed again for their next use."""
    problem = state.problem
    present = [False] * len(problem)
    ends: dict[int, list[int]] = {}  # the values that are dropped after a step
    for step, uses in enumerate(state.uses):
        before = step
        for use in uses:
            if (step, use) in dropped:
                ends.setdefault(before, []).append(step)
            before = use
        ends.setdefault(before, []).append(step)
    sequence: list[int] = []
    for step, node in enumerate(state.sequence):
        helpers = _compute(problem, node, present, sequence)
        for helper in helpers.difference(problem.operands[node]):
            present[helper] = False
        for source in ends.get(step, ()):
            present[state.sequence[source]] = False
        if step not in ends.get(step, ()):
            present[node] = True
    return sequence


def _compute(problem: Problem, goal: int, present: list[bool], sequence: list[int]) -> set[int]:
    """Compute a node and whatever is missing for it; gives what was missing."""
    waiting = [goal]
    present[goal] = False
    missing: set[int] = set()
    while waiting:
        node = waiting[-1]
        needed = [u for u in reversed(problem.operands[node]) if not present[u]]
        need = next((u for u in needed if problem.operands[u]), needed[0] if needed else None)
        if need is not None:
            missing.add(need)
            waiting.append(need)
            continue
        waiting.pop()
        present[node] = True
        sequence.append(node)
    return missing
