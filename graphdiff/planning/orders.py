"""Orders that compute every node once, with little memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from graphdiff.planning.exact import lowest
from graphdiff.planning.moves import Budget
from graphdiff.planning.problem import Problem
from graphdiff.planning.schedule import measure

EXACT_NODES = 400
"""Above so many nodes, the exact search for an order is not tried."""


def best_order(problem: Problem, budget: Budget | None = None) -> tuple[list[int], int]:
    """The order of least peak that is found, and a bound below the peak of every order.

    The given order and two greedy ones are compared; an exact search then starts, unless the graph
    is large, and its result counts if it ends within the budget.

    Notes
    -----
    To minimise the peak over all topological orders is NP-hard: R. Sethi, "Complete register
    allocation problems", *SIAM Journal on Computing* 4 (1975).
    """
    orders = [list(range(len(problem))), greedy(problem), greedy_backward(problem)]
    best = min(orders, key=lambda order: measure(problem, order)[0])
    peak, _ = measure(problem, best)
    bound = least_peak(problem)
    if peak > bound and len(problem) <= EXACT_NODES:
        budget = budget or Budget(states=20_000)
        found = lowest(problem, below=peak, recompute=False, budget=budget)
        if found.answers:
            return found.answers[0][2], found.answers[0][0]
        bound = peak if found.complete else max(bound, int(found.bound))
    return best, bound


def least_peak(problem: Problem) -> int:
    """A bound below the peak of every schedule: what single steps take."""
    sizes = problem.sizes
    together = [
        sizes[node] + sum(sizes[u] for u in operands)
        for node, operands in enumerate(problem.operands)
    ]
    # Whatever output is computed last, the others are in memory then.
    outputs = set(problem.outputs)
    kept = sum(sizes[node] for node in outputs)
    ends = [kept + sum(sizes[u] for u in set(problem.operands[node]) - outputs) for node in outputs]
    return max(max(together, default=0), min(ends, default=0))


def greedy(problem: Problem) -> list[int]:
    """Compute next whatever leaves the fewest bytes; among equals, the first of the given order."""
    sizes = problem.sizes
    uses = [len(consumers) for consumers in problem.consumers]
    for node in problem.outputs:
        uses[node] += 1
    waiting = [len(operands) for operands in problem.operands]

    def change(node: int) -> int:
        return sizes[node] - sum(sizes[u] for u in problem.operands[node] if uses[u] == 1)

    queue = _Queue((node, change(node)) for node, count in enumerate(waiting) if not count)
    order = []
    for node in queue:
        order.append(node)
        for operand in problem.operands[node]:
            uses[operand] -= 1
            if uses[operand] == 1:
                for consumer in problem.consumers[operand]:
                    if not waiting[consumer]:
                        queue.push(consumer, change(consumer))
        for consumer in problem.consumers[node]:
            waiting[consumer] -= 1
            if not waiting[consumer]:
                queue.push(consumer, change(consumer))
    return order


def greedy_backward(problem: Problem) -> list[int]:
    """Read from the end: compute last whatever needs the fewest bytes before it."""
    sizes = problem.sizes
    wanted = [False] * len(problem)
    for node in problem.outputs:
        wanted[node] = True
    waiting = [len(consumers) for consumers in problem.consumers]

    def change(node: int) -> int:
        return sum(sizes[u] for u in problem.operands[node] if not wanted[u]) - sizes[node]

    queue = _Queue(
        ((node, change(node)) for node, count in enumerate(waiting) if not count), newest=True
    )
    order = []
    for node in queue:
        order.append(node)
        for operand in problem.operands[node]:
            waiting[operand] -= 1
            if not wanted[operand]:
                wanted[operand] = True
                for consumer in problem.consumers[operand]:
                    if not waiting[consumer]:
                        queue.push(consumer, change(consumer))
            if not waiting[operand]:
                queue.push(operand, change(operand))
    order.reverse()
    return order


class _Queue:
    """Gives each node once, the one of the smallest key first; a key may be lowered meanwhile."""

    def __init__(self, items: Iterable[tuple[int, int]], *, newest: bool = False) -> None:
        self._sign = -1 if newest else 1
        self._done: set[int] = set()
        self._heap: list[tuple[int, int]] = []
        for node, key in items:
            self.push(node, key)

    def push(self, node: int, key: int) -> None:
        if node not in self._done:
            heapq.heappush(self._heap, (key, self._sign * node))

    def __iter__(self) -> Iterator[int]:
        while self._heap:
            node = self._sign * heapq.heappop(self._heap)[1]
            if node not in self._done:
                self._done.add(node)
                yield node
