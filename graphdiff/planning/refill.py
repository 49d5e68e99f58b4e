"""Use the memory that a schedule leaves free: keep values that it would compute again.

A computation of v is dropped where v's last value can stay until then without a step exceeding the
limit. Its operands are then needed less long, or not at all, which may make room for more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from graphdiff.planning.problem import Problem
from graphdiff.planning.schedule import computed, with_frees


class Residency:
    """A list of computations with, for each of them, the steps that use its result.

    Attributes
    ----------
    sequence
        The node computed in each step.
    gone
        Whether a step has been dropped.
    uses
        For the result of each step the steps that use it, in order.
    before
        For each step the last step before it that computes the same node, or -1.
    usage
        Bytes resident during each step.
    """

    def __init__(self, problem: Problem, sequence: Sequence[int]) -> None:
        self.problem = problem
        self.sequence = sequence
        self.gone = [False] * len(sequence)
        self.uses: list[list[int]] = [[] for _ in sequence]
        self.before = [-1] * len(sequence)
        self._same = list(range(len(sequence)))  # the step that a dropped one leaves its work to
        self.operands: list[list[int]] = []  # the steps that a step takes its operands from
        last = [-1] * len(problem)
        for step, node in enumerate(sequence):
            self.operands.append([last[operand] for operand in problem.operands[node]])
            for source in self.operands[-1]:
                self.uses[source].append(step)
            self.before[step] = last[node]
            last[node] = step
        self._wanted = {last[node] for node in problem.outputs}
        for step in self._wanted:
            self.uses[step].append(len(sequence))
        self.usage = self._usage()

    def _usage(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        change = np.zeros(len(self.sequence) + 2, np.int64)
        for step, node in enumerate(self.sequence):
            change[step] += self.problem.sizes[node]
            change[self.last(step) + 1] -= self.problem.sizes[node]
        return np.cumsum(change)[:-1]

    def last(self, step: int) -> int:
        """The last step at which the result of a step is in memory."""
        return self.uses[step][-1] if self.uses[step] else step

    def source(self, step: int) -> int:
        """The step that provides what a step, since dropped, provided."""
        while self._same[step] != step:
            self._same[step] = self._same[self._same[step]]
            step = self._same[step]
        return step

    def room(self, step: int, limit: int) -> bool:
        """Whether the value before can stay instead of being computed again."""
        before = self.source(self.before[step])
        gap = self.usage[self.last(before) + 1 : step]
        size = self.problem.sizes[self.sequence[step]]
        return not gap.size or int(gap.max()) + size <= limit

    def drop(self, step: int) -> None:
        """Keep the value before instead of computing it again."""
        before = self.source(self.before[step])
        size = self.problem.sizes[self.sequence[step]]
        self.usage[self.last(before) + 1 : step] += size
        self.uses[before] += self.uses[step]
        self._same[step] = before
        self._remove(step)

    def _remove(self, step: int) -> None:
        """Take a step out, and every computation that is then of no use."""
        waiting = [step]
        while waiting:
            step = waiting.pop()
            self.gone[step] = True
            for operand in self.operands[step]:
                source = self.source(operand)
                uses = self.uses[source]
                end = self.last(source)
                del uses[bisect_left(uses, step)]
                if self.last(source) < end:
                    size = self.problem.sizes[self.sequence[source]]
                    self.usage[self.last(source) + 1 : end + 1] -= size
                if not uses:
                    self.usage[source] -= self.problem.sizes[self.sequence[source]]
                    waiting.append(source)

    def remaining(self) -> list[int]:
        """The computations that are left."""
        return [node for node, gone in zip(self.sequence, self.gone, strict=True) if not gone]


def refill(
    problem: Problem, sequence: Sequence[int], limit: int, weights: Sequence[float] | None = None
) -> list[int]:
    """Drop computations from a schedule as long as its peak stays within the limit.

    The most cost per byte goes first, and among equals the value that has to stay for the fewest
    steps; ``weights`` multiply the cost of each node for this. Near-linear but for the bytes looked
    through, which are quadratic at worst.
    """
    sequence = computed(with_frees(problem, sequence))
    density = [c / max(size, 1e-9) for c, size in zip(problem.costs, problem.sizes, strict=True)]
    if weights is not None:
        density = [value * weight for value, weight in zip(density, weights, strict=True)]
    while True:
        kept = _pass(problem, sequence, limit, density)
        if len(kept) == len(sequence):
            return kept
        sequence = kept


def _pass(
    problem: Problem, sequence: Sequence[int], limit: int, density: Sequence[float]
) -> list[int]:
    state = Residency(problem, sequence)
    again = [
        (-density[sequence[step]], step - state.last(before), step)
        for step, before in enumerate(state.before)
        if before >= 0
    ]
    for _, _, step in sorted(again):
        if state.gone[step] or state.gone[state.source(state.before[step])]:
            continue
        if state.room(step, limit):
            state.drop(step)
    return state.remaining()
