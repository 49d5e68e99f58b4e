"""The strategies that follow one idea each, and what a strategy is asked for and gives."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil, log2

from graphdiff.planning.chain import forward_steps
from graphdiff.planning.demand import on_demand
from graphdiff.planning.orders import best_order, least_peak
from graphdiff.planning.problem import Problem
from graphdiff.planning.schedule import measure
from graphdiff.planning.stages import Stages
from graphdiff.planning.treeverse import (
    STAGES,
    binomial,
    links,
    persistent,
    segment_counts,
    segmented,
)

Progress = Callable[[float, float, float], None]

LINKS = 1000
"""The most links of the chain that `revolve` makes of a graph."""

COMPUTATIONS = 4_000_000
"""Schedules with more computations than this are not tried."""


@dataclass(frozen=True)
class Request:
    """What a strategy is asked for: a problem, a limit, and until when it may search."""

    problem: Problem
    limit: float
    started: float
    deadline: float
    progress: Progress | None = None


@dataclass(frozen=True)
class Answer:
    """What a strategy gives.

    ``sequence`` are the computations, if any were found. Among the schedules that the strategy
    chooses from, none within the limit costs less than ``cost_bound`` or peaks below
    ``peak_bound``; ``lowest`` is the lowest peak that was seen, and ``order`` an order that
    computes every node once with little memory.
    """

    sequence: list[int] | None
    proof: str
    cost_bound: float | None = None
    peak_bound: float = 0
    lowest: float = math.inf
    order: list[int] | None = None


def store(request: Request) -> Answer:
    """Compute everything once, in the order of least peak that is found.

    The order is exact for small graphs; see `graphdiff.planning.orders.best_order`.
    """
    problem = request.problem
    order, bound = best_order(problem)
    peak, _ = measure(problem, order)
    proof = (
        "no order that computes every node once has a lower peak"
        if bound >= peak
        else f"no order that computes every node once has a peak below {bound:,} bytes"
    )
    fits = peak <= request.limit
    return Answer(order if fits else None, proof, problem.base_cost, bound, peak, order)


def recompute(request: Request) -> Answer:
    """Compute forward values whenever they are wanted, and keep none.

    See `graphdiff.planning.demand.on_demand`.
    """
    return _cheapest(request, [on_demand(request.problem)])


def sqrt(request: Request) -> Answer:
    """Keep the boundaries of √n segments, or of the number with which the limit is met cheapest.

    T. Chen, B. Xu, C. Zhang and C. Guestrin, "Training deep nets with sublinear memory cost"
    (2016), arXiv:1604.06174.
    """
    problem = request.problem
    if request.limit == math.inf:
        return _cheapest(request, [segmented(problem)])
    return _cheapest(request, (segmented(problem, count) for count in segment_counts(problem)))


def revolve(request: Request) -> Answer:
    """Treat the graph as a chain, cut at dominators, and reverse it with few snapshots.

    Without a limit there are log₂ n snapshots for n links; with one, as many as fit. A. Griewank
    and A. Walther, "Algorithm 799: revolve", *ACM Transactions on Mathematical Software* 26 (2000).
    """
    problem = request.problem
    if not len(problem):
        return _cheapest(request, [[]])
    stages = links(problem, LINKS)
    if request.limit == math.inf:
        return _cheapest(request, [binomial(stages, 1 + ceil(log2(len(stages))))])
    return _cheapest(request, _snapshots(request, stages))


def candidates(request: Request, thorough: bool) -> Iterator[list[int]]:
    """Schedules to start from; ``thorough``: those of the long dynamic programme too."""
    problem = request.problem
    few, many = STAGES
    tries = max(2, min(40, 20_000 // len(problem)))
    yield from persistent(problem, request.limit, few, tries=tries)
    for strategy in (sqrt, revolve):
        answer = strategy(request)
        if answer.sequence is not None:
            yield answer.sequence
    if thorough and time.monotonic() < request.deadline:
        yield from persistent(problem, request.limit, many, tries=tries)


def _snapshots(request: Request, stages: Stages) -> Iterable[list[int]]:
    """Schedules with numbers of snapshots that close in on the largest that fits."""
    problem, length = request.problem, len(stages)
    weight = len(problem) / length
    low = 1
    while low < length and forward_steps(length, low) * weight > COMPUTATIONS:
        low += 1
    high = length
    while low <= high:
        middle = (low + high) // 2
        sequence = binomial(stages, middle)
        yield sequence
        if measure(problem, sequence)[0] <= request.limit:
            low = middle + 1
        else:
            high = middle - 1


def _cheapest(request: Request, sequences: Iterable[list[int]]) -> Answer:
    """The cheapest that fits, and among equals the one of lower peak."""
    problem = request.problem
    best: tuple[float, int] | None = None
    chosen, lowest = None, math.inf
    for sequence in sequences:
        peak, cost = measure(problem, sequence)
        lowest = min(lowest, peak)
        if peak <= request.limit and (best is None or (cost, peak) < best):
            best, chosen = (cost, peak), sequence
    proof = "a heuristic; the lower bound holds for every schedule within the limit"
    return Answer(chosen, proof, None, least_peak(problem), lowest)
