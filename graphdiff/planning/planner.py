"""`plan`: which values to store, which to compute again, and when."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import NamedTuple

import networkx as nx

from graphdiff.errors import PlanError
from graphdiff.planning.asked import checked_limit, checked_seconds
from graphdiff.planning.bounds import least_cost
from graphdiff.planning.marks import marked
from graphdiff.planning.optimal import auto, optimal
from graphdiff.planning.schedule import Plan
from graphdiff.planning.strategies import (
    Answer,
    Progress,
    Request,
    recompute,
    revolve,
    sqrt,
    store,
)

STRATEGIES: dict[str, Callable[[Request], Answer]] = {
    "store": store,
    "recompute": recompute,
    "sqrt": sqrt,
    "revolve": revolve,
    "optimal": optimal,
    "auto": auto,
}


class Refused(NamedTuple):
    """A limit that is not met: the lowest peak that was found, a bound, and the error that says so.

    No schedule that the strategy chooses from peaks below ``bound``.
    """

    lowest: float
    bound: float
    error: PlanError


def plan(
    dag: nx.DiGraph,
    strategy: str = "auto",
    memory_limit: float | None = None,
    outputs: Iterable[Hashable] | None = None,
    *,
    resident: Iterable[Hashable] = (),
    time_limit: float = 10.0,
    progress: Progress | None = None,
) -> Plan:
    """Choose which values of a graph to store and which to compute again.

    Parameters
    ----------
    dag
        A networkx graph whose nodes carry ``size`` (bytes) and ``cost`` (any unit). Nodes with a
        true ``resident`` are in memory throughout, uncounted; ``phase="gradient"`` on the nodes of
        a gradient pass is a hint that may be left out. Those with ``policy="keep"`` are held from
        when they are computed to the end; those with ``policy="recompute"`` are computed again for
        the gradient pass.
    strategy
        - ``"store"``: compute everything once, in the order of least peak that is found.
        - ``"recompute"``: compute forward values whenever they are wanted, and keep none.
        - ``"sqrt"``: segments (Chen et al. 2016); √n of them, or the cheapest number that fits.
        - ``"revolve"``: binomial checkpointing (Griewank and Walther 2000), with log₂ n snapshots,
          or as many as fit.
        - ``"optimal"``: the cheapest schedule, with a proof if the time suffices.
        - ``"auto"``: the best of all of these that is found within the time.
    memory_limit
        The largest peak, in bytes. Without one, "optimal" and "auto" compute nothing twice and take
        as little memory as they can, and the others give their natural schedule.
    outputs
        The values that are wanted. The default is every node that no other one uses.
    resident
        More nodes that are in memory throughout.
    time_limit
        Seconds after which a search ends with the best that it has. Ctrl-C ends it as well; where
        it has none, since storing everything does not fit, that is a KeyboardInterrupt as usual.
    progress
        Called now and then with seconds, best cost and lower bound.

    Returns
    -------
    Plan
        A schedule that has been simulated step by step.

    Raises
    ------
    PlanError
        If the limit cannot be met, with the smallest that can; for an unknown strategy or output;
        or for a limit that is no number.
    GraphError
        If the graph has a cycle, or a size or a cost is missing.

    Notes
    -----
    The exact search is exponential and solves gradient graphs of some dozens of nodes; the other
    methods are near-linear for large graphs. With OR-tools (the extra ``[plan]``), "optimal" and
    "auto" use idle cores after the first second; see `graphdiff.planning.beside`.

    Examples
    --------
    >>> dag = nx.DiGraph(["wx", "xy", "yz"])
    >>> dag.add_edges_from([("w", "dz"), ("x", "dz"), ("z", "dz")])
    >>> nx.set_node_attributes(dag, 8, "size")
    >>> nx.set_node_attributes(dag, 1, "cost")
    >>> plan(dag)
    <Plan 'auto': peak 32 bytes, cost 5, 0 of 5 nodes recomputed, gap 0.0%>
    >>> tight = plan(dag, memory_limit=32)
    >>> tight.steps[0], tight.gap
    (('compute', 'w'), 0.0)
    """
    found = attempt(
        dag, strategy, memory_limit, outputs, resident, time_limit=time_limit, progress=progress
    )
    if isinstance(found, Refused):
        raise found.error
    return found


def attempt(
    dag: nx.DiGraph,
    strategy: str,
    memory_limit: float | None,
    outputs: Iterable[Hashable] | None,
    resident: Iterable[Hashable] = (),
    *,
    time_limit: float,
    progress: Progress | None = None,
) -> Plan | Refused:
    """As `plan`, but a limit that cannot be met is an answer as well.

    Raises
    ------
    GraphdiffError
        For all other reasons that `plan` has.
    """
    if not isinstance(strategy, str) or strategy not in STRATEGIES:
        raise PlanError(
            f"there is no strategy {strategy!r}", expected="one of " + ", ".join(STRATEGIES)
        )
    limit, seconds = checked_limit(memory_limit), checked_seconds(time_limit)
    problem = marked(dag, outputs, resident)
    started = time.monotonic()
    request = Request(problem.problem, limit, started, started + seconds, progress)
    answer = STRATEGIES[strategy](request)
    if answer.sequence is None:
        if problem.kept:  # the lowest schedule may compute them again
            answer = replace(answer, lowest=_lowest_once(request, strategy))
        error = refusal(limit, strategy, answer.lowest, answer.peak_bound, kept=bool(problem.kept))
        return Refused(answer.lowest, answer.peak_bound, error)
    bound = answer.cost_bound
    found = problem.plan(
        answer.sequence,
        lower_bound=least_cost(problem.problem, limit) if bound is None else bound,
        strategy=strategy,
        proof=answer.proof,
        limit=limit,
    )
    if found.peak_bytes > limit:  # what is to be kept was computed again
        lowest = _lowest_once(request, strategy)
        return Refused(lowest, 0, refusal(limit, strategy, lowest, 0, kept=True))
    return found


def _lowest_once(request: Request, strategy: str) -> float:
    """The lowest peak of what a strategy can do that computes nothing twice, if that is known."""
    return store(request).lowest if strategy in ("store", "optimal", "auto") else math.inf


def refusal(
    limit: float, strategy: str, lowest: float, bound: float, *, kept: bool = False
) -> PlanError:
    """The error that says which limit could be met."""
    who = "no schedule" if strategy in ("optimal", "auto") else f"no {strategy!r} schedule"
    if bound >= lowest:
        smallest = f"at least {lowest:,} bytes, the smallest limit that can be met (proved)"
    elif lowest < math.inf:
        smallest = (
            f"{lowest:,} bytes are enough; the smallest limit that can be met is not known"
            + (f", but is at least {bound:,}" if bound else "")
        )
    else:
        smallest = f"at least {bound:,} bytes" if bound else ""
    hint = "raise the limit"
    if strategy not in ("optimal", "auto"):
        hint += ', or use strategy="auto", which may need less'
    if kept:
        hint += ", or mark less with keep()"
    found = "fits" if bound > limit else "was found that fits"
    return PlanError(f"{who} {found} in {limit:,} bytes", expected=smallest, hint=hint)
