"""A gradient graph seen as a chain of stages: forward through all of them, then back.

The nodes before the *turn* of the given order are the forward pass; it is cut into stages, at
places that few bytes cross. The nodes behind the turn are computed once; each belongs to the stage
whose values it needs, and stages are done in reverse. This is possible for every graph. It is a
good description where most of the memory is taken by values that the gradient needs in reverse
order.

What crosses a cut may be several values: a skip connection crosses all cuts on its way. The
*boundary* of stage k is every value of an earlier stage that stage k or a later one, or the
gradient of one of these, will use. With its boundary in memory, a stage can be computed again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from graphdiff.planning.problem import Problem

Decide = Callable[[int, int, int], tuple[int, int]]


@dataclass(frozen=True)
class Stages:
    """The stages of a problem.

    Attributes
    ----------
    problem
        The problem, whose given order is followed.
    cuts
        Stage k of the forward pass holds the nodes from ``cuts[k]`` up to ``cuts[k + 1]``.
    backward
        For each stage the nodes of its gradient, in their order.
    born
        For each forward value its stage.
    reach
        For each forward value the last stage at whose beginning it must be in memory (a smaller
        number than ``born``: none).
    kept
        For each forward value whether anything outside its stage's forward pass uses it.
    """

    problem: Problem
    cuts: tuple[int, ...]
    backward: tuple[tuple[int, ...], ...]
    born: tuple[int, ...]
    reach: tuple[int, ...]
    kept: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.backward)

    def advance(self, begin: int, end: int) -> list[int]:
        """The computations from the boundary of stage ``begin`` to that of stage ``end``."""
        return self._closure(begin, end, lambda node: self.reach[node] >= end)

    def record(self, stage: int) -> list[int]:
        """The computations of a stage that leave all that its gradient needs."""
        return self._closure(stage, stage + 1, self.kept.__getitem__)

    def _closure(self, begin: int, end: int, wanted: Callable[[int], bool]) -> list[int]:
        """What has to be computed between two cuts to have the wanted values."""
        first, stop = self.cuts[begin], self.cuts[end]
        needed = bytearray(stop - first)
        found = []
        for node in range(stop - 1, first - 1, -1):
            if needed[node - first] or wanted(node):
                found.append(node)
                for operand in self.problem.operands[node]:
                    if operand >= first:
                        needed[operand - first] = True
        found.reverse()
        return found

    @cached_property
    def owner(self) -> tuple[int, ...]:
        """For each node the stage that it, or its gradient, belongs to."""
        owner = [*self.born, *[0] * (len(self.problem) - len(self.born))]
        for stage, nodes in enumerate(self.backward):
            for node in nodes:
                owner[node] = stage
        return tuple(owner)

    @cached_property
    def last_use(self) -> tuple[int, ...]:
        """For each value the last gradient node that uses it, or -1 (none; or it is an output)."""
        last = [-1] * len(self.problem)
        for nodes in reversed(self.backward):
            for node in nodes:
                for operand in self.problem.operands[node]:
                    last[operand] = node
        for node in self.problem.outputs:
            last[node] = -1
        return tuple(last)

    @cached_property
    def flow(self) -> tuple[int, ...]:
        """The bytes that the gradient of later stages leaves to that of stage k and before."""
        problem, owner = self.problem, self.owner
        change = [0] * (len(self) + 1)
        outputs = set(problem.outputs)
        for node, last in enumerate(self.last_use):
            low = 0 if node in outputs else owner[last] if last >= 0 else owner[node]
            if low < owner[node]:
                change[owner[node]] -= problem.sizes[node]
                change[low] += problem.sizes[node]
        return tuple(accumulate(change[:-1]))


def turning_point(problem: Problem) -> int:
    """Where the gradient pass begins: as it is marked, or where most memory is in use."""
    if problem.turn:
        return problem.turn
    last = list(range(len(problem)))
    for node, consumers in enumerate(problem.consumers):
        if consumers:
            last[node] = consumers[-1]
    for node in problem.outputs:
        last[node] = len(problem)
    ends = [0] * (len(problem) + 1)
    most, now, turn = -1, 0, 0
    for node, size in enumerate(problem.sizes):
        ends[last[node]] += size
        now += size - ends[node]
        if now > most:
            most, turn = now, node + 1
    return turn


def crossing(problem: Problem, turn: int) -> tuple[list[int], list[int]]:
    """Bytes, and number of values, that the forward pass carries over each of its positions."""
    change_size, change_count = [0] * (turn + 2), [0] * (turn + 2)
    for node in range(turn):
        last = max((c for c in problem.consumers[node] if c < turn), default=node)
        for change, amount in ((change_size, problem.sizes[node]), (change_count, 1)):
            change[node + 1] += amount
            change[last + 1] -= amount
    return list(accumulate(change_size[: turn + 1])), list(accumulate(change_count[: turn + 1]))


def choose_cuts(problem: Problem, turn: int, count: int) -> list[int]:
    """About ``count`` stages of similar size, cut where the fewest bytes cross.

    Each cut is the best place in a window around the one that would make equal stages, in bytes
    that the gradient needs.
    """
    if count >= turn:
        return list(range(turn + 1))
    narrow, _ = crossing(problem, turn)
    weight = [
        problem.sizes[node] * any(c >= turn for c in problem.consumers[node]) + 1e-9
        for node in range(turn)
    ]
    upto = [0.0, *accumulate(weight)]
    cuts = [0]
    for k in range(1, count):
        low, target, high = (
            bisect_right(upto, upto[-1] * (k + shift) / count) for shift in (-0.5, 0, 0.5)
        )
        low = max(low, cuts[-1] + 1)
        window = range(low, min(max(high, low + 1), turn))
        if window:
            cuts.append(min(window, key=lambda c: (narrow[c], abs(c - target))))
    return [*cuts, turn]


def make_stages(problem: Problem, cuts: Sequence[int]) -> Stages:
    """The stages between these cuts of the forward pass. Linear in nodes and edges."""
    turn = cuts[-1]
    count = len(cuts) - 1
    born = [k for k in range(count) for _ in range(cuts[k], cuts[k + 1])]
    level = _levels(problem, born, count)
    backward: list[list[int]] = [[] for _ in range(count)]
    for node in range(turn, len(problem)):
        backward[level[node - turn]].append(node)
    outputs = set(problem.outputs)
    reach, kept = [], []
    for node in range(turn):
        uses = [born[c] if c < turn else level[c - turn] for c in problem.consumers[node]]
        reach.append(max(uses, default=-1))
        inside = all(c < turn and born[c] == born[node] for c in problem.consumers[node])
        kept.append(node in outputs or not inside)
    return Stages(
        problem, tuple(cuts), tuple(map(tuple, backward)), tuple(born), tuple(reach), tuple(kept)
    )


def _levels(problem: Problem, born: Sequence[int], count: int) -> list[int]:
    """For each gradient node the stage it is done with: the latest that provides what it needs.

    A node that does not depend on the last stage that any of them does needs no gradient that flows
    back to it, and can be computed when it is wanted: it joins the first of its consumers, which
    needs in its stead the values that it uses. (The value of the cost may be in later stages.)
    """
    turn = len(born)
    top = [*born, *[-1] * (len(problem) - turn)]  # the last stage that a node depends on
    demand, level = top.copy(), [count - 1] * len(problem)
    operands = (u for node in range(turn, len(problem)) for u in problem.operands[node])
    last = max((born[u] for u in operands if u < turn), default=count - 1)
    for node in range(turn, len(problem)):
        for u in problem.operands[node]:
            top[node] = max(top[node], top[u])
            if u < turn or top[u] < last:
                demand[node] = max(demand[node], demand[u])
            else:
                level[node] = min(level[node], level[u])
        if demand[node] >= 0:
            level[node] = min(level[node], demand[node])
    for node in reversed(range(turn, len(problem))):
        if top[node] < last and problem.consumers[node]:
            level[node] = max(level[c] for c in problem.consumers[node])
    return level[turn:]


def unroll(stages: Stages, decide: Decide, budget: int) -> list[int]:
    """The computations of a treeverse: forward, and back with recomputations.

    ``decide(begin, end, budget)`` says what to do with the stages from ``begin`` to ``end``
    (inclusive), whose boundary is in memory, and with this much memory beside it. Its answer is a
    pair of a stage and the budget that is left behind it. If the stage is ``begin``, record it and
    go on behind it; if it is a later one, advance to it, keep its boundary, do what is behind it,
    and then come back for the stages before it.
    """
    sequence: list[int] = []
    waiting = [(0, len(stages) - 1, budget)] if len(stages) else []
    while waiting:
        begin, end, free = waiting.pop()
        if begin < 0:  # the gradient of a stage
            sequence += stages.backward[end]
            continue
        stage, left = decide(begin, end, free)
        if stage == begin:
            sequence += stages.record(begin)
            waiting.append((-1, begin, 0))
            if begin < end:
                waiting.append((begin + 1, end, left))
        else:
            sequence += stages.advance(begin, stage)
            waiting.append((begin, stage - 1, free))
            waiting.append((stage, end, left))
    return sequence
