"""Plans of graphs: the road from a `Graph` to a planning problem, and back to steps of its code."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import networkx as nx

from graphdiff.errors import PlanError
from graphdiff.graph.allocation import collection_paused
from graphdiff.graph.dag import Graph
from graphdiff.graph.files import digest
from graphdiff.ops.dimension import evaluate_dimension
from graphdiff.planning.asked import checked_points, checked_seconds, checked_sizes
from graphdiff.planning.calibrate import CostModel
from graphdiff.planning.cost import in_own_nodes, named_dimensions, weigh
from graphdiff.planning.ladder import Choice
from graphdiff.planning.loops import evaluated, loops_again
from graphdiff.planning.planner import plan as plan_dag
from graphdiff.planning.schedule import Plan
from graphdiff.planning.snapshots import Chosen, Snapshots
from graphdiff.planning.symbolic import TYPICAL, in_formulas
from graphdiff.planning.tradeoff import Tradeoff, natural, undominated
from graphdiff.planning.tradeoff import tradeoff as tradeoff_dag
from graphdiff.rewrite import DEFAULT, Pass, rewritten
from graphdiff.rewrite.reversals import loops_back, run_again


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
        Seconds after which a search ends with the best that it has, as Ctrl-C does; where it has
        none, since storing everything does not fit, that is a KeyboardInterrupt as usual. The
        longer ones use idle cores if OR-tools is installed, the extra ``[plan]``.

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
    known = dict.fromkeys(names, TYPICAL) if general else checked_sizes(sizes, names)
    planning = _Planning(weighed, digest(graph), known, _checked_costs(costs))
    if memory_limit is not None and strategy in ("optimal", "auto") and planning.steps():
        seconds = checked_seconds(time_limit)
        return planning.chosen(planning.snapshots().plan(strategy, memory_limit, seconds))
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
    points, seconds = checked_points(points), checked_seconds(time_limit)
    weighed = _rewritten(graph, outputs, rewrites)
    known = checked_sizes(sizes, named_dimensions(weighed))
    planning = _Planning(weighed, digest(graph), known, _checked_costs(costs))
    dag = planning.weigh({})
    if planning.steps():
        snapshots = planning.snapshots()
        plans = undominated(map(planning.chosen, snapshots.curve(points, seconds)))
        curve = Tradeoff(plans, False, natural(snapshots.problem({})))
    else:
        curve = tradeoff_dag(dag, dag.graph["outputs"], points=points, time_limit=seconds)
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
            loops=loops_again(graph, lambda count: evaluated(count, self.sizes)),
        )


def _rewritten(graph: Graph, outputs: Iterable[Hashable] | None, rewrites: Sequence[Pass]) -> Graph:
    """The graph that a plan is for: what comes out of the rewrites."""
    if outputs is not None:
        raise PlanError(
            "the outputs of a graph are its own", hint="leave outputs out; they are for a bare DAG"
        )
    with collection_paused():
        return rewritten(graph, rewrites)


def _checked_costs(costs: CostModel | None) -> CostModel | None:
    if costs is not None and not isinstance(costs, CostModel):
        raise PlanError(
            "the costs are no model of a machine", got=repr(costs), hint="costs=gd.calibrate()"
        )
    return costs


def _refuse_sizes(sizes: Mapping[str, int] | None, costs: CostModel | None) -> None:
    if sizes is not None:
        raise PlanError("a bare DAG has no named dimensions", got=f"sizes={sizes!r}")
    if costs is not None:
        raise PlanError("a bare DAG has costs of its own", got=repr(costs))
