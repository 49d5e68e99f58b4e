"""`plan`: which values to store, which to compute again, and when."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace

import networkx as nx

from graphdiff.errors import PlanError
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
        Seconds after which a search ends with the best that it has.
    progress
        Called now and then with seconds, best cost and lower bound.

    Returns
    -------
    Plan
        A schedule that has been simulated step by step.

    Raises
    ------
    PlanError
        If the limit cannot be met, with the smallest that can; or for an unknown strategy, output
        or limit.
    GraphError
        If the graph has a cycle, or a size or a cost is missing.

    Notes
    -----
    The exact search is exponential and solves gradient graphs of some dozens of nodes; the other
    methods are near-linear for large graphs.

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
    if strategy not in STRATEGIES:
        raise PlanError(
            f"there is no strategy {strategy!r}", expected="one of " + ", ".join(STRATEGIES)
        )
    limit = _checked_limit(memory_limit)
    problem = marked(dag, outputs, resident)
    started = time.monotonic()
    request = Request(problem.problem, limit, started, started + time_limit, progress)
    answer = STRATEGIES[strategy](request)
    if answer.sequence is None:
        if problem.kept:  # the lowest schedule may compute them again
            answer = replace(answer, lowest=math.inf)
        raise _refusal(request, strategy, answer)
    bound = answer.cost_bound
    found = problem.plan(
        answer.sequence,
        lower_bound=least_cost(problem.problem, limit) if bound is None else bound,
        strategy=strategy,
        proof=answer.proof,
        limit=limit,
    )
    if found.peak_bytes > limit:
        raise PlanError(
            f"no {strategy!r} schedule that holds what is to be kept was found within {limit:,} "
            "bytes",
            got=f"{found.peak_bytes:,} bytes", hint="raise the limit, or mark less with keep()",
        )  # fmt: skip
    return found


def _checked_limit(memory_limit: float | None) -> float:
    if memory_limit is None:
        return math.inf
    if not memory_limit >= 0:
        raise PlanError("a memory limit is a number of bytes, 0 or more", got=repr(memory_limit))
    return math.floor(memory_limit) if math.isfinite(memory_limit) else math.inf


def _refusal(request: Request, strategy: str, answer: Answer) -> PlanError:
    """The error that says which limit could be met."""
    who = "no schedule" if strategy in ("optimal", "auto") else f"no {strategy!r} schedule"
    if answer.peak_bound >= answer.lowest:
        smallest = f"at least {answer.lowest:,} bytes, the smallest limit that can be met (proved)"
    elif answer.lowest < math.inf:
        smallest = (
            f"{answer.lowest:,} bytes are enough; the smallest limit that can be met is not known, "
            f"but is at least {answer.peak_bound:,}"
        )
    else:
        smallest = f"at least {answer.peak_bound:,} bytes; no schedule was found"
    hint = "raise the limit"
    if strategy not in ("optimal", "auto"):
        hint += ', or use strategy="auto", which may need less'
    found = "fits" if answer.peak_bound > request.limit else "was found that fits"
    return PlanError(f"{who} {found} in {request.limit:,} bytes", expected=smallest, hint=hint)
