"""The pipeline on one page: rewrite, plan, lower, run."""

from __future__ import annotations

import builtins
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import networkx as nx

from graphdiff.errors import CompileError, PlanError, here
from graphdiff.graph.allocation import collection_paused
from graphdiff.graph.dag import Graph
from graphdiff.graph.files import digest
from graphdiff.lower.runtime import Compiled
from graphdiff.lower.source import Module, module
from graphdiff.planning.cost import weigh
from graphdiff.planning.planner import plan as plan_dag
from graphdiff.planning.schedule import Plan
from graphdiff.rewrite import DEFAULT, Pass
from graphdiff.version import VERSION

Style = Literal["readable", "fast"]


def compile(
    graph: Graph,
    style: Style = "fast",
    rewrites: Sequence[Pass] = DEFAULT,
    plan: Plan | None = None,
) -> Compiled:
    """Lower a graph to NumPy source, and make a function of it.

    Parameters
    ----------
    graph
        A network, or the gradient of one.
    style
        ``"readable"``: what a careful person would write. ``"fast"`` is the same program so far.
    rewrites
        The passes to run before, each a function from graph to graph; ``()`` for none. With a plan
        these are the plan's.
    plan
        What to store and what to compute again: the result of `graphdiff.plan` for this graph. The
        code follows its steps exactly, with a line for each computation and ``del`` for each value
        that is freed.

    Returns
    -------
    Compiled
        Call it with inputs and parameters by name; ``.source`` is the generated module and
        ``.save(path)`` writes it to a file that needs NumPy only.

    Raises
    ------
    CompileError
        If the graph has no output, the style is unknown, or the plan is for another graph.

    Notes
    -----
    Linear in nodes and edges. The same graph gives the same bytes.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph("square")
    >>> x = g.input("x", ("t",))
    >>> y = g.output("y", (x * x).sum())
    >>> f = gd.compile(g, style="readable")
    >>> f(x=[1.0, 2.0])
    {'y': np.float64(5.0)}
    """
    if not isinstance(graph, Graph):
        raise CompileError(
            "only a graph can be compiled", origin=here(), expected="gd.Graph", got=repr(graph)
        )
    if style not in ("readable", "fast"):
        raise CompileError(
            f"there is no style {style!r}", origin=here(), expected="'readable' or 'fast'"
        )
    with collection_paused():
        if plan is None:
            rewritten = _rewritten(graph, rewrites)
            generated = module(rewritten, graph, VERSION)
        else:
            rewritten = _planned(graph, plan)
            generated = module(rewritten, graph, VERSION, plan.steps)  # type: ignore[arg-type]  # its nodes are names
    nodes = rewritten.dag.nodes
    return Compiled(
        graph=rewritten,
        original=graph,
        plan=plan,
        generated=generated,
        _function=_function(generated, rewritten.name),
        _specs={name: nodes[name]["spec"] for name in generated.arguments},
        _defaults={
            name: nodes[name]["params"]["value"]
            for name in generated.arguments
            if nodes[name]["params"].get("value") is not None
        },
    )


def _rewritten(graph: Graph, rewrites: Sequence[Pass]) -> Graph:
    for rewrite in rewrites:
        graph = rewrite(graph)
    return graph


def _planned(graph: Graph, plan: Plan) -> Graph:
    """The graph that a plan was made for."""
    if plan.graph is None or plan.planned != digest(graph):
        raise CompileError(
            "the plan is for another graph",
            expected=f"gd.plan of {graph.name!r}, as it is now",
            got=repr(plan),
            hint="plan it again: gd.plan(G, …)",
        )
    return plan.graph


def plan(
    graph: Graph | nx.DiGraph,
    strategy: str = "auto",
    memory_limit: float | None = None,
    sizes: Mapping[str, int] | None = None,
    *,
    outputs: Iterable[Hashable] | None = None,
    rewrites: Sequence[Pass] = DEFAULT,
    time_limit: float = 20.0,
) -> Plan:
    """Choose which values to store and which to compute again, and in which order.

    Parameters
    ----------
    graph
        A graph, such as a gradient's; or any networkx DAG whose nodes carry ``size`` (bytes) and
        ``cost`` (any unit).
    strategy
        ``"store"``, ``"recompute"``, ``"sqrt"``, ``"revolve"``, ``"optimal"`` or ``"auto"``; see
        `graphdiff.planning.planner.plan`.
    memory_limit
        The largest peak in bytes, beside inputs and parameters. None: as little as the strategy
        takes.
    sizes
        The lengths of a graph's named dimensions.
    outputs
        For a bare DAG, the nodes whose values are wanted. The default is those that none uses.
    rewrites
        The passes that run before; the plan is for the graph that comes out of them.
    time_limit
        Seconds after which a search ends with the best that it has.

    Returns
    -------
    Plan
        For `compile`: its steps are what the code does. The cost is in floating-point operations.

    Raises
    ------
    PlanError
        If the limit cannot be met, with the smallest that can; for an unknown strategy; or if a
        size is missing.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph()
    >>> h = g.input("x", (1000,))
    >>> w = g.parameter("w")
    >>> for _ in range(8):
    ...     h = np.tanh(w * h)
    >>> J = g.output("J", np.sum(h))
    >>> G = gd.gradient(g, of="J")
    >>> stored = gd.plan(G, strategy="store")
    >>> tight = gd.plan(G, memory_limit=stored.peak_bytes * 0.6)
    >>> tight.peak_bytes <= stored.peak_bytes * 0.6, tight.cost > stored.cost
    (True, True)
    >>> f = gd.compile(G, plan=tight)
    """
    if not isinstance(graph, Graph):
        if sizes is not None:
            raise PlanError("a bare DAG has no named dimensions", got=f"sizes={sizes!r}")
        return plan_dag(graph, strategy, memory_limit, outputs, time_limit=time_limit)
    if outputs is not None:
        raise PlanError(
            "the outputs of a graph are its own", hint="leave outputs out; they are for a bare DAG"
        )
    with collection_paused():
        rewritten = _rewritten(graph, rewrites)
        dag = weigh(rewritten, sizes)
    found = plan_dag(dag, strategy, memory_limit, dag.graph["outputs"], time_limit=time_limit)
    return replace(found, graph=rewritten, planned=digest(graph))


def _function(generated: Module, name: str) -> Any:
    """The entry function of generated source."""
    scope: dict[str, Any] = {"__name__": "graphdiff_generated"}
    exec(builtins.compile(generated.text, f"<graphdiff {name!r}>", "exec"), scope)
    return scope[generated.function]
