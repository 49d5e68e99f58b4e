"""The pipeline on one page: differentiate, rewrite, plan, lower, run."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import networkx as nx

from graphdiff.autodiff import reverse
from graphdiff.autodiff.naming import only_of_graphs
from graphdiff.errors import CompileError, PlanError, here
from graphdiff.graph.allocation import collection_paused
from graphdiff.graph.dag import Graph
from graphdiff.graph.files import digest
from graphdiff.graph.tensor import Tensor
from graphdiff.lower.fast import bare_module, fast_module
from graphdiff.lower.lending import lending
from graphdiff.lower.runtime import Compiled
from graphdiff.lower.source import Module, module
from graphdiff.ops.dimension import evaluate_dimension
from graphdiff.planning.calibrate import CostModel
from graphdiff.planning.cost import in_own_nodes, marked_steps, named_dimensions, weigh
from graphdiff.planning.ladder import Choice
from graphdiff.planning.loops import loops_again
from graphdiff.planning.planner import plan as plan_dag
from graphdiff.planning.schedule import Plan
from graphdiff.planning.snapshots import Chosen, Snapshots
from graphdiff.planning.symbolic import TYPICAL, in_formulas
from graphdiff.planning.tradeoff import Tradeoff, natural, undominated
from graphdiff.planning.tradeoff import tradeoff as tradeoff_dag
from graphdiff.rewrite import DEFAULT, STABLE, Pass, rewritten
from graphdiff.rewrite.reversals import loops_back, run_again
from graphdiff.version import VERSION

Style = Literal["readable", "fast"]


def gradient(
    g: Graph,
    of: str | Tensor,
    wrt: str | Tensor | Sequence[str | Tensor] | None = None,
    disconnected: Literal["raise", "zero", "warn"] = "raise",
    rewrites: Sequence[Pass] = STABLE,
) -> Graph:
    """The gradient of a scalar, as a graph: the forward nodes and, after them, the gradient's.

    Parameters
    ----------
    g
        The network. It is not changed.
    of
        The scalar to differentiate: an output's or a node's name, or its tensor.
    wrt
        What to differentiate by: names or tensors, any nodes. None means every parameter.
    disconnected
        What to do about a ``wrt`` that ``of`` does not depend on: ``"raise"``, ``"zero"`` (its
        derivative is 0), or ``"warn"`` (the same, with a warning).
    rewrites
        The passes to run before: formulas that would overflow, such as the logarithm of a sigmoid,
        are made stable, so that their derivatives are too. ``()`` for none.

    Returns
    -------
    Graph
        With the outputs of ``g``, ``of``, and one output ``"dJ/dW"`` for each ``wrt``, of its
        shape and dtype. A gradient node's attribute ``of`` names the values whose cotangent it
        is, ``via`` the node whose vector-Jacobian product formed it, ``seed`` what was
        differentiated. The graph can be differentiated again.

    Raises
    ------
    GradientError
        If ``of`` is not a float scalar, a ``wrt`` is not a float or is disconnected, or there is
        nothing to differentiate by.

    Notes
    -----
    Linear in nodes and edges: one vector-Jacobian product for each edge on a path from ``wrt`` to
    ``of`` (see `Graph.report`). Algorithm 6.2 of Goodfellow et al., *Deep Learning* (2016);
    Griewank & Walther, *Evaluating Derivatives* (2008), section 3.2.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph("line")
    >>> x, w = g.input("x", ("t",)), g.parameter("w")
    >>> J = g.output("J", np.mean((x * w) ** 2))
    >>> G = gd.gradient(g, of="J")
    >>> list(G.outputs)
    ['J', 'dJ/dw']
    """
    only_of_graphs(g)
    with collection_paused():
        named, of, wrt = _by_name(g, of, wrt)
        return reverse.gradient(rewritten(named, rewrites), of, wrt, disconnected)


def _by_name(g: Graph, of: Any, wrt: Any) -> tuple[Graph, Any, Any]:
    """Tensors of the graph as names that rewrites keep."""
    tensors = [t for t in (of, *(wrt if isinstance(wrt, Sequence) else (wrt,))) if _is_of(g, t)]
    if not tensors:
        return g, of, wrt
    named = g.copy()
    for tensor in tensors:
        named.dag.nodes[tensor.name]["named"] = True

    def name(item: Any) -> Any:
        return item.name if _is_of(g, item) else item

    names = [name(item) for item in wrt] if isinstance(wrt, (list, tuple)) else name(wrt)
    return named, name(of), names


def _is_of(g: Graph, item: Any) -> bool:
    return isinstance(item, Tensor) and item.graph is g


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
        ``"readable"``: what a careful person would write. ``"fast"``: the same computations, and
        the same bits for arrays in C order, with one call a line, results put into arrays that are
        needed no more, and no shapes asserted. Where arrays are large, workspaces are kept from
        call to call, as many as calls run at a time.
    rewrites
        The passes to run before, each a function from graph to graph; ``()`` for none. With a plan
        these are the plan's.
    plan
        What to store and what to compute again: the result of `graphdiff.plan` for this graph. The
        code follows its steps exactly, with a line for each computation and ``del`` for each value
        that is freed. Without one, what is marked with `Tensor.recompute` or `checkpoint` is
        computed again just before the gradient pass uses it.

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
    return _compiled(graph, fast_module if style == "fast" else module, rewrites, plan)


def compile_for_calls(graph: Graph) -> tuple[Module, Callable[..., Any]]:
    """Compile a graph whose source nobody is going to read, as the functions of functions do.

    The graph after the rewrites is not kept: where it is large, it takes much of the time and the
    memory of a first call.
    """
    with collection_paused():
        written = rewritten(graph, DEFAULT)
        generated = bare_module(written, graph, VERSION, marked_steps(written))
        return generated, _function(generated, written.name)


def _compiled(
    graph: Graph, write: Callable[..., Module], rewrites: Sequence[Pass], plan: Plan | None
) -> Compiled:
    with collection_paused():
        if plan is None:
            written = rewritten(graph, rewrites)
            steps = marked_steps(written)
        else:
            written, steps = _planned(graph, plan), plan.steps  # type: ignore[assignment]  # its nodes are names
        generated = write(written, graph, VERSION, steps)
        function = _function(generated, written.name)
    nodes = written.dag.nodes
    return Compiled(
        graph=written,
        original=graph,
        plan=plan,
        generated=generated,
        _function=function,
        _specs={name: nodes[name]["spec"] for name in generated.arguments},
        _defaults={
            name: nodes[name]["params"]["value"]
            for name in generated.arguments
            if nodes[name]["params"].get("value") is not None
        },
    )


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
    costs: CostModel | None = None,
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
        takes. Under a limit "auto" and "optimal" also choose, for each loop whose gradient reads
        what the loop stored, whether it keeps some states instead and runs steps again from them,
        and how many; loops inside loops stay as they are.
    sizes
        The lengths of a graph's named dimensions. Strategy ``"store"`` without a limit needs none:
        what the plan takes are then formulas in them, and its order is chosen for typical ones.
    outputs
        For a bare DAG, the nodes whose values are wanted. The default is those that none uses.
    costs
        How long ops take on a machine, from `calibrate`. Costs are then nanoseconds.
    rewrites
        The passes that run before; the plan is for the graph that comes out of them.
    time_limit
        Seconds after which a search ends with the best that it has.

    Returns
    -------
    Plan
        For `compile`: its steps are what the code does. The cost is in floating-point operations,
        or in nanoseconds with ``costs``. ``report()`` tells of the loops, too.

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
        _refuse_sizes(sizes, costs)
        return plan_dag(graph, strategy, memory_limit, outputs, time_limit=time_limit)
    weighed = _rewritten(graph, outputs, rewrites)
    names = named_dimensions(weighed)
    given = any(x is not None for x in (sizes, costs, memory_limit))
    general = strategy == "store" and not given and bool(names)
    known = dict.fromkeys(names, TYPICAL) if general else sizes or {}
    planning = _Planning(weighed, digest(graph), known, costs)
    if memory_limit is not None and strategy in ("optimal", "auto") and planning.steps():
        return planning.chosen(planning.snapshots().plan(strategy, memory_limit, time_limit))
    dag = planning.weigh({})
    found = plan_dag(dag, strategy, memory_limit, dag.graph["outputs"], time_limit=time_limit)
    found = planning.own(found, {})
    return in_formulas(found) if general else found


def tradeoff(
    graph: Graph | nx.DiGraph,
    sizes: Mapping[str, int] | None = None,
    *,
    outputs: Iterable[Hashable] | None = None,
    costs: CostModel | None = None,
    rewrites: Sequence[Pass] = DEFAULT,
    points: int = 12,
    time_limit: float = 20.0,
) -> Tradeoff:
    """The curve of memory against work, from the least memory to storing everything.

    Parameters
    ----------
    graph, sizes, outputs, costs, rewrites
        As for `plan`.
    points
        How many points to sample where the whole curve is out of reach.
    time_limit
        Seconds after which the search ends with what it has.

    Returns
    -------
    Tradeoff
        ``points`` are plans, each fit for `compile`; ``table()`` lists them.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph()
    >>> x, w = g.input("x", (1000,)), g.parameter("w")
    >>> J = g.output("J", np.sum(np.tanh(np.tanh(w * x))))
    >>> curve = gd.tradeoff(gd.gradient(g, of="J"))
    >>> curve.points[0].peak_bytes < curve.points[-1].peak_bytes
    True
    """
    if not isinstance(graph, Graph):
        _refuse_sizes(sizes, costs)
        return tradeoff_dag(graph, outputs, points=points, time_limit=time_limit)
    weighed = _rewritten(graph, outputs, rewrites)
    planning = _Planning(weighed, digest(graph), sizes or {}, costs)
    dag = planning.weigh({})
    if planning.steps():
        snapshots = planning.snapshots()
        plans = undominated(map(planning.chosen, snapshots.curve(points, time_limit)))
        curve = Tradeoff(plans, False, natural(snapshots.problem({})))
    else:
        curve = tradeoff_dag(dag, dag.graph["outputs"], points=points, time_limit=time_limit)
        curve = replace(curve, points=tuple(planning.own(p, {}) for p in curve.points))
    return replace(curve, strategies=tuple(planning.own(p, {}) for p in curve.strategies))


@dataclass(frozen=True)
class _Planning:
    """A graph that is to be planned, and what is known of it.

    A choice says which loops keep how many states at a time; the others are as they are.
    """

    graph: Graph
    mark: str
    sizes: Mapping[str, int]
    costs: CostModel | None
    _dags: dict[tuple[tuple[str, int], ...], nx.DiGraph] = field(default_factory=dict)

    def with_states(self, choice: Choice) -> Graph:
        """The graph with a choice."""
        return run_again(self.graph, choice) if choice else self.graph

    def weigh(self, choice: Choice) -> nx.DiGraph:
        """The bare DAG of a choice, made once."""
        key = tuple(sorted(choice.items()))
        if key not in self._dags:
            self._dags[key] = weigh(self.with_states(choice), self.sizes, self.costs)
        return self._dags[key]

    def steps(self) -> dict[str, int]:
        """The numbers of steps of the loops that have a choice."""
        self.weigh({})  # which checks the sizes
        found = {
            loop.node: evaluate_dimension(loop.length, self.sizes)
            for loop in loops_back(self.graph)
        }
        return {node: length for node, length in found.items() if length > 0}

    def snapshots(self) -> Snapshots:
        """The search for a choice."""
        return Snapshots(self.weigh, self.steps())

    def chosen(self, found: Chosen) -> Plan:
        """What the search gives, for `compile`."""
        return self.own(*found)

    def own(self, found: Plan, choice: Choice) -> Plan:
        """A plan for `compile`, which says what graph it is for."""
        graph = self.with_states(choice)
        return replace(
            in_own_nodes(found, self.weigh(choice)),
            graph=graph,
            planned=self.mark,
            loops=loops_again(graph, self.sizes),
        )


def _rewritten(graph: Graph, outputs: Iterable[Hashable] | None, rewrites: Sequence[Pass]) -> Graph:
    """The graph that a plan is for: what comes out of the rewrites."""
    if outputs is not None:
        raise PlanError(
            "the outputs of a graph are its own", hint="leave outputs out; they are for a bare DAG"
        )
    with collection_paused():
        return rewritten(graph, rewrites)


def _refuse_sizes(sizes: Mapping[str, int] | None, costs: CostModel | None) -> None:
    if sizes is not None:
        raise PlanError("a bare DAG has no named dimensions", got=f"sizes={sizes!r}")
    if costs is not None:
        raise PlanError("a bare DAG has costs of its own", got=repr(costs))


def _function(generated: Module, name: str) -> Any:
    """The entry function of generated source."""
    scope: dict[str, Any] = {"__name__": "graphdiff_generated"}
    exec(builtins.compile(generated.run, f"<graphdiff {name!r}>", "exec"), scope)
    function = scope[generated.function]
    if generated.sizes is None:
        return function
    return lending(function, scope["workspace"], generated.sizes)
