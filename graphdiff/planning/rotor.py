"""The best treeverse over unequal stages, for every memory limit at once, by dynamic programming.

Let C(s, t, m) be the least cost of going forward through the stages s … t and back, with the
boundary of s in memory and m bytes beside it. Either stage s is recorded, with all that its
gradient needs, and the rest is done with what is left; or the pass advances to some stage s', keeps
its boundary, does s' … t with what is left, and comes back for s … s' - 1 with all m bytes:

    C(s, t, m) = min(record(s) + C(s + 1, t, m - kept(s)),
                     min over s' of advance(s, s') + C(s', t, m - W(s, s')) + C(s, s' - 1, m))

W(s, s') counts the bytes of the boundary of s' that are new since s, so that a skip connection is
paid for once. For chains, where a boundary is one value, this is the recurrence of O. Beaumont, L.
Eyraud-Dubois, J. Herrmann, A. Joly and A. Shilova, "Optimal checkpointing for heterogeneous chains:
how to train deep neural networks with limited memory" (2019), which is optimal among the schedules
that keep a boundary until they come back to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdiff.planning.stages import Stages

Costs = npt.NDArray[np.float64]
Slots = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Needs:
    """What the steps of a treeverse cost, and take in slots of memory.

    ``kept`` is what recording a stage leaves in memory, ``record`` and ``leave`` what its recording
    and its gradient take, ``flow`` what the gradient of later stages has left there meanwhile;
    ``window[s, e]`` is W(s, e), and ``advance[s, j]`` what going from s through j takes.
    """

    record_cost: Costs
    advance_cost: Costs  # up to each stage
    kept: Slots
    record: Slots
    leave: Slots
    flow: Slots
    window: Slots
    advance: Slots


@dataclass(frozen=True)
class Rotor:
    """The solved recurrence: ``table[t, s, m]`` is C(s, t, m)."""

    needs: Needs
    table: Costs

    def decide(self, begin: int, end: int, budget: int) -> tuple[int, int]:
        """The best first step, as `graphdiff.planning.stages.unroll` asks for it."""
        m = budget
        best, step = np.inf, (begin, 0)
        for stage, need, left, cost in _steps(self.needs, begin, end):
            if need <= m:
                total = cost
                if end > begin:
                    total += self.table[end, max(stage, begin + 1), m - left]
                if stage > begin:
                    total += self.table[stage - 1, begin, m]
                if total < best:
                    best, step = total, (stage, m - left)
        return step

    @property
    def smallest(self) -> int | None:
        """The fewest slots that suffice, if any do."""
        enough = np.flatnonzero(np.isfinite(self.table[-1, 0]))
        return int(enough[0]) if enough.size else None


def solve(needs: Needs, slots: int) -> Rotor:
    """Solve the recurrence for up to ``slots`` slots of memory.

    Time is cubic in the stages and linear in the slots; space is quadratic and linear.
    """
    count = len(needs.kept)
    table = np.full((count, count, slots + 1), np.inf)
    for length in range(count):
        for s in range(count - length):
            t = s + length
            best = table[t, s]
            for stage, need, left, cost in _steps(needs, s, t):
                if need > slots:
                    continue
                total: Any = cost
                if length:
                    total = total + table[t, max(stage, s + 1), need - left : slots + 1 - left]
                if stage > s:
                    total += table[stage - 1, s, need:]
                np.minimum(best[need:], total, out=best[need:])
    return Rotor(needs, table)


def _steps(needs: Needs, s: int, t: int) -> Iterable[tuple[int, int, int, float]]:
    """The first steps from s towards t: stage, slots needed, slots held behind it, cost."""
    kept = int(needs.kept[s])
    flow = int(needs.flow[t])
    need = max(int(needs.record[s]) + flow, int(needs.leave[s]), kept)
    yield s, need, kept, float(needs.record_cost[s])
    window = needs.window[s, s + 1 : t + 1]
    through = np.maximum(needs.advance[s, s:t] + flow, window)
    cost = needs.advance_cost[s + 1 : t + 1] - needs.advance_cost[s]
    stages = range(s + 1, t + 1)
    yield from zip(stages, through.tolist(), window.tolist(), cost.tolist(), strict=True)


def needs_of(stages: Stages, slot: float) -> Needs:
    """Measure the stages, in slots of so many bytes (rounded to the nearest)."""
    problem, count = stages.problem, len(stages)
    record_cost, advance_cost = np.zeros(count), np.zeros(count + 1)
    record, advance, leave, kept = (np.zeros(count) for _ in range(4))
    for k in range(count):
        recorded, advanced = stages.record(k), stages.advance(k, k + 1)
        record_cost[k] = sum(problem.costs[node] for node in recorded)
        advance_cost[k + 1] = sum(problem.costs[node] for node in advanced)
        record[k] = _peak(stages, recorded, stages.kept.__getitem__)
        advance[k] = _peak(stages, advanced, lambda node, k=k: stages.reach[node] > k)
        kept[k] = sum(problem.sizes[node] for node in recorded if stages.kept[node])
        leave[k] = kept[k] + _leave(stages, k)
    window = _window(stages)
    through = np.maximum.accumulate(
        np.where(np.tri(count, k=-1, dtype=bool), 0, window + advance[None, :]), axis=1
    )

    def slots(amount: Costs) -> Slots:
        return np.rint(amount / slot).astype(np.int64)

    return Needs(
        record_cost=record_cost,
        advance_cost=np.cumsum(advance_cost),
        kept=np.diff(slots(np.cumsum([0, *kept]))),
        record=slots(record),
        leave=slots(leave),
        flow=slots(np.array(stages.flow)),
        window=slots(window),
        advance=slots(through),
    )


def _window(stages: Stages) -> Costs:
    """W(s, e) for all pairs: bytes of values born in s … e - 1 that reach e."""
    count = len(stages)
    born_reach = np.zeros((count, count))
    for node, (born, reach) in enumerate(zip(stages.born, stages.reach, strict=True)):
        if reach > born:
            born_reach[born, reach] += stages.problem.sizes[node]
    reaching = np.cumsum(born_reach[:, ::-1], axis=1)[:, ::-1]  # born in b and reaching e
    reaching *= ~np.tri(count, dtype=bool)  # only e behind b
    window: Costs = np.cumsum(reaching[::-1], axis=0)[::-1]
    return np.where(np.tri(count, dtype=bool), 0, window)


def _peak(stages: Stages, nodes: list[int], kept: Any) -> int:
    """The most bytes that computing these nodes of a stage adds to what is there."""
    problem = stages.problem
    uses = dict.fromkeys(nodes, 0)
    for node in nodes:
        for operand in problem.operands[node]:
            if operand in uses:
                uses[operand] += 1
    now = most = 0
    for node in nodes:
        now += problem.sizes[node]
        most = max(most, now)
        for operand in problem.operands[node]:
            if operand in uses:
                uses[operand] -= 1
                if not uses[operand] and not kept(operand):
                    now -= problem.sizes[operand]
    return most


def _leave(stages: Stages, k: int) -> int:
    """The most bytes that the gradient of stage k takes beside the recorded values."""
    problem = stages.problem
    now = most = stages.flow[k]
    for node in stages.backward[k]:
        now += problem.sizes[node]
        most = max(most, now)
        for operand in problem.operands[node]:
            if stages.last_use[operand] == node and stages.owner[operand] >= k:
                now -= problem.sizes[operand]
    return most
