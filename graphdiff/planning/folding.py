"""A smaller problem that costs no more: what only one other node uses is folded into that node.

Let x be used by w alone, w use x alone, and w take no more bytes. In the folded problem one node
does both: it costs what both cost, takes what w takes, and uses what x uses. Each schedule gives
one of the folded problem, within the same limit and at no higher cost. For let the one node be in
memory while x or w is. It comes there with a computation of x, with the operands of x beside it,
and for its sake both have been computed at least once. So what is proved of the folded problem is a
bound. A schedule of it is one of the problem itself where there is room for x and w at a time.

An exact search has fewer choices: whether x or w is held is none any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from graphdiff.planning.problem import Problem


@dataclass(frozen=True)
class Folded:
    """The folded problem; for each of its nodes those that it computes, in their order."""

    problem: Problem
    groups: tuple[tuple[int, ...], ...]

    def unfolded(self, sequence: Iterable[int]) -> list[int]:
        """The computations of the problem itself."""
        return [node for group in sequence for node in self.groups[group]]


def fold(problem: Problem) -> Folded:
    """Fold all nodes that can be; linear in nodes and edges.

    Examples
    --------
    >>> chain = Problem(("a", "b", "c"), ((), (0,), (0, 1)), (1, 2, 1), (1, 1, 1), (2,))
    >>> fold(chain).groups
    ((0,), (1,), (2,))
    >>> chain = Problem(("a", "b", "c"), ((), (0,), (1,)), (2, 3, 1), (1, 4, 2), (2,))
    >>> folded = fold(chain)
    >>> folded.groups, folded.problem.costs, folded.problem.sizes
    (((0,), (1, 2)), (1, 6), (2, 1))
    """
    outputs = set(problem.outputs)
    groups: dict[int, tuple[int, ...]] = {}  # by the last node of each
    for node, operands in enumerate(problem.operands):
        groups[node] = (node,)
        if len(operands) == 1:
            operand = operands[0]
            alone = problem.consumers[operand] == (node,) and operand not in outputs
            if alone and problem.sizes[operand] >= problem.sizes[node]:
                groups[node] = (*groups.pop(operand), node)
    position = {node: i for i, node in enumerate(groups)}
    folded = Problem(
        tuple(problem.names[node] for node in groups),
        tuple(tuple(position[u] for u in problem.operands[group[0]]) for group in groups.values()),
        tuple(problem.sizes[node] for node in groups),
        tuple(sum(problem.costs[node] for node in group) for group in groups.values()),
        tuple(position[node] for node in problem.outputs),
    )
    return Folded(folded, tuple(groups.values()))
