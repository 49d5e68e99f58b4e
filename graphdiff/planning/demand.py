"""Recompute everything: forward values are computed when they are wanted, and kept no longer."""

from __future__ import annotations

from graphdiff.errors import PlanError
from graphdiff.planning.problem import Problem
from graphdiff.planning.stages import turning_point


def on_demand(problem: Problem, most: int = 1_000_000) -> list[int]:
    """Compute the nodes behind the turn in order, and what they need anew for each of them.

    Operands are computed deepest first, and what takes none last, so that it does not wait. A
    forward value stays only while the computation that asked for it waits, so a chain of n steps
    takes a constant number of values and n² / 2 computations; on other graphs these can grow as the
    number of paths does.

    Raises
    ------
    PlanError
        If more than ``most`` computations would be needed.
    """
    turn = turning_point(problem)
    operands = problem.operands
    leaves_last = [sorted(found, key=lambda u: (not operands[u], -u)) for found in operands]
    outputs = set(problem.outputs)
    pins = [0] * len(problem)  # how many computations wait with this value
    present = [False] * len(problem)
    for node in outputs:
        pins[node] = 1
    for node in range(turn, len(problem)):
        pins[node] += len(problem.consumers[node])
    sequence: list[int] = []
    for goal in (*range(turn, len(problem)), *(node for node in outputs if node < turn)):
        waiting = [] if present[goal] else [goal]
        for operand in operands[goal] if waiting else ():
            pins[operand] += operand < turn
        while waiting:
            node = waiting[-1]
            missing = next((u for u in leaves_last[node] if not present[u]), None)
            if missing is not None:
                waiting.append(missing)
                for operand in operands[missing]:
                    pins[operand] += 1
                continue
            waiting.pop()
            present[node] = True
            sequence.append(node)
            if len(sequence) > most:
                raise PlanError(
                    f"to recompute everything takes more than {most:,} computations",
                    hint='another strategy, such as "sqrt" or "auto"',
                )
            for operand in operands[node]:
                pins[operand] -= 1
                present[operand] = pins[operand] > 0
    return sequence
