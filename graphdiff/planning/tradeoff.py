"""`tradeoff`: the whole curve of memory against recomputation."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from graphdiff.errors import PlanError
from graphdiff.planning.asked import checked_points, checked_seconds
from graphdiff.planning.exact import front
from graphdiff.planning.marks import Marked, marked
from graphdiff.planning.moves import Budget
from graphdiff.planning.optimal import auto
from graphdiff.planning.orders import least_peak
from graphdiff.planning.refill import refill
from graphdiff.planning.schedule import Plan, measure
from graphdiff.planning.strategies import Answer, Request, recompute, revolve, sqrt, store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRONT_NODES = 60
"""Above so many nodes, the exact search for the whole front is not tried."""

FRONT_STATES = 50_000
"""How many states it may visit."""


@dataclass(frozen=True)
class Tradeoff:
    """Plans from the least memory to the least cost, none of which another one beats in both.

    Attributes
    ----------
    points
        The plans, the one of least peak first.
    complete
        Whether it is proved that every point of the curve is there, and that none can be improved.
    strategies
        What the strategies that follow one idea give without a limit, to compare.
    """

    points: tuple[Plan, ...] = field(repr=False)
    complete: bool
    strategies: tuple[Plan, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        kind = "the whole curve, proved" if self.complete else "sampled"
        return f"<Tradeoff: {len(self.points)} points, {kind}>"

    def table(self) -> str:
        """The curve as text: a line for each plan.

        Overhead is the cost beyond computing every node once, as a share of it.
        """
        base = min((plan.cost for plan in self.points), default=0)
        rows = [("peak bytes", "cost", "overhead", "lower bound", "gap")]
        for plan in self.points:
            over = (plan.cost - base) / base if base else 0.0
            bound = f"{plan.lower_bound:,.6g}"
            cost = f"{plan.cost:,.6g}"
            rows.append((f"{plan.peak_bytes:,}", cost, f"{over:.1%}", bound, f"{plan.gap:.1%}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows
        ]
        return "\n".join(lines)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw a chart of the curve; with a path write it to that file: .svg, .png or .pdf.

        Work over peak memory, with what no plan reaches shaded, and the strategies as labelled
        points (but those of more than 5 times the work). It takes matplotlib, the extra
        ``[plot]``.

        Raises
        ------
        DrawError
            If matplotlib is missing, the suffix is another, or there is no point.
        FileError
            If the file cannot be written.
        """
        from graphdiff.planning.pictures import plot_tradeoff

        return plot_tradeoff(self, path)


def tradeoff(
    dag: nx.DiGraph,
    outputs: Iterable[Hashable] | None = None,
    *,
    resident: Iterable[Hashable] = (),
    points: int = 12,
    time_limit: float = 20.0,
) -> Tradeoff:
    """Walk the curve of memory against cost, from the least memory to storing everything.

    Parameters
    ----------
    dag, outputs, resident
        The graph, as `graphdiff.planning.plan` takes it.
    points
        For a large graph, how many memory limits to try, spread evenly (in ratio).
    time_limit
        Seconds that all of it may take, roughly.

    Returns
    -------
    Tradeoff
        For a small graph every point of the curve, from one search that sets several labels in a
        state; else the best plans found for some limits, each with its lower bound.

    Raises
    ------
    GraphdiffError
        As `graphdiff.planning.plan` does.

    Examples
    --------
    >>> dag = nx.DiGraph(["wx", "xy", "yz"])
    >>> dag.add_edges_from([("w", "dz"), ("x", "dz"), ("z", "dz")])
    >>> nx.set_node_attributes(dag, 8, "size")
    >>> nx.set_node_attributes(dag, 1, "cost")
    >>> print(tradeoff(dag).table())
    peak bytes  cost  overhead  lower bound   gap
            32     5      0.0%            5  0.0%
    """
    points = checked_points(points)
    problem = marked(dag, outputs, resident)
    deadline = time.monotonic() + checked_seconds(time_limit)
    if len(problem.problem) <= FRONT_NODES:
        found = front(problem.problem, budget=Budget(FRONT_STATES, deadline))
        if found.complete:
            exact = (
                problem.plan(
                    sequence,
                    limit=peak,
                    lower_bound=cost,
                    strategy="optimal",
                    proof="no schedule has both less cost and no higher peak: all were searched",
                )
                for peak, cost, sequence in found.answers
                if problem.honoured(sequence)
            )
            return Tradeoff(undominated(exact), True, natural(problem))
    plans = _sample(problem, points, deadline)
    return Tradeoff(undominated(plans), False, natural(problem))


def natural(marks: Marked) -> tuple[Plan, ...]:
    """What the strategies of one idea give without a limit."""
    now = time.monotonic()
    request = Request(marks.problem, np.inf, now, now)
    plans = []
    for strategy in (store, recompute, sqrt, revolve):
        with suppress(PlanError):  # too many computations
            answer = strategy(request)
            if answer.sequence is not None:
                plans.append(
                    marks.plan(
                        answer.sequence,
                        lower_bound=marks.problem.base_cost,
                        strategy=strategy.__name__,
                        proof=answer.proof,
                    )
                )
    return tuple(plans)


def _sample(marks: Marked, points: int, deadline: float) -> list[Plan]:
    """Plans for limits between a bound below all peaks and the peak of storing everything."""
    problem = marks.problem
    stored = store(Request(problem, np.inf, time.monotonic(), deadline))
    answers: list[tuple[int, Answer]] = []
    for left, limit in falling(least_peak(problem), stored.lowest, points):
        now = time.monotonic()
        request = Request(problem, limit, now, now + max(0.0, deadline - now) / left)
        answer = auto(request)
        if answer.sequence is None:
            break
        answers.append((limit, answer))
    plans: list[Plan] = []
    lower: list[int] | None = None  # what was found for the limit below
    for limit, answer in reversed(answers):
        sequence = answer.sequence or []
        if lower is not None:
            filled = refill(problem, lower, limit)
            sequence = min(sequence, filled, key=lambda found: measure(problem, found)[1])
        lower = sequence
        bound = answer.cost_bound or problem.base_cost
        plans.append(
            marks.plan(
                sequence, limit=limit, lower_bound=bound, strategy="auto", proof=answer.proof
            )
        )
    return plans


def falling(low: float, high: float, points: int) -> Iterator[tuple[int, int]]:
    """Limits from a high one to a low one, spread evenly in ratio; with each how many are left."""
    limits = np.geomspace(max(1, low), max(1, high), points)
    return zip(range(points, 0, -1), map(int, reversed(limits)), strict=True)


def undominated(plans: Iterable[Plan]) -> tuple[Plan, ...]:
    """The plans that no other one beats, the one of least peak first."""
    chosen: list[Plan] = []
    for plan in sorted(plans, key=lambda plan: (plan.peak_bytes, plan.cost)):
        if not chosen or plan.cost < chosen[-1].cost:
            chosen.append(plan)
    return tuple(chosen)
