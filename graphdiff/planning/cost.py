"""What the values of a graph cost: bytes to keep, floating-point operations to compute.

The result is the bare DAG that planning works on. Its nodes are the values that own memory. A view
(a transpose, a slice) owns none: what uses it uses the array behind it. Nor do numbers that are
written into the code. Inputs, parameters and constants are there throughout and are not counted.

Memory that an op takes only while it runs (NumPy's buffers where shapes or dtypes differ, what a
kernel works with) is an operand of its own, a `Scratch`, that costs nothing and has no other use.
What is handed out as a copy is an output of its own, a `Copied`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import networkx as nx

from graphdiff.errors import PlanError
from graphdiff.graph.body import begins_loops
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.graph.rows import Rows, rows_of
from graphdiff.ops.dimension import dimension_names, evaluate_dimension
from graphdiff.planning.asked import checked_sizes
from graphdiff.planning.calibrate import CostModel
from graphdiff.planning.copies import Copied, copied_outputs
from graphdiff.planning.loops import evaluated, work_of
from graphdiff.planning.marks import marked
from graphdiff.planning.problem import problem_from_dag
from graphdiff.planning.running import inside
from graphdiff.planning.schedule import ACTIONS, Action, Plan, make_plan, simulate, with_frees
from graphdiff.planning.scratch import bytes_of, scratch_of

_COPIED_BY_RESHAPE = frozenset(
    {"transpose", "slice", "broadcast_to", "sliding_window_view", "diagonal"}
)
_ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide", "power", "negative"})


class Scratch(NamedTuple):
    """The memory that a node takes while it runs, beside its operands and its result."""

    node: str


def weigh(
    graph: Graph, sizes: Mapping[str, int] | None = None, costs: CostModel | None = None
) -> nx.DiGraph:
    """The values of a graph that own memory, with their ``size`` in bytes and ``cost`` in FLOPs.

    Parameters
    ----------
    graph
        What is to be planned.
    sizes
        The lengths of the named dimensions.
    costs
        How long ops take; the costs are then nanoseconds, rounded to whole ones.

    Returns
    -------
    networkx.DiGraph
        In topological order, with the graph attribute ``outputs``. A node that takes a notable
        amount of memory while it runs has a `Scratch` among its operands; of what is handed out as
        a copy the `Copied` is an output too.

    Raises
    ------
    PlanError
        If a length is missing, unknown, or not a positive int.

    Notes
    -----
    Linear in nodes and edges.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph()
    >>> x = g.input("x", ("t", 3))
    >>> y = g.output("y", np.tanh(x.T @ x))
    >>> weigh(g, {"t": 10}).nodes["y"]
    {'phase': 'forward', 'size': 72, 'cost': 9}
    """
    known = checked_sizes(sizes, named_dimensions(graph))
    values = owners(graph)
    seconds = None if costs is None else costs.predict(graph, known)
    for node, weights in values.dag.nodes.items():
        weights["size"] = evaluate_dimension(bytes_of(graph, node, known), known)
        work = work_of(graph, node, lambda count: evaluated(count, known))
        weights["cost"] = work if seconds is None else round(1e9 * seconds[node])
    result = nx.DiGraph(**values.dag.graph)
    for node, weights in values.dag.nodes.items():
        arrays = [operand for operand in graph.operands(node) if operand not in values.numbers]
        if graph.op(node).bodies:
            scratch = evaluate_dimension(inside(graph, node, known), known)
        else:
            scratch = scratch_of(graph, node, arrays, known)
        if scratch > weights["size"] // 20:
            own = {**weights, "size": scratch, "cost": 0}
            if own.get("policy") == "keep":  # the value, not what it takes to compute it
                del own["policy"]
            result.add_node(Scratch(node), **own)
            result.add_edge(Scratch(node), node)
        result.add_node(node, **weights)
        result.add_edges_from((base, node) for base in values.dag.pred[node])
    for name, bases in values.copies.items():
        size = evaluate_dimension(graph.spec(graph.outputs_by_name[name]).nbytes, known)
        result.add_node(Copied(name), phase="gradient", size=size, cost=0)
        result.add_edges_from((base, Copied(name)) for base in bases)
        result.graph["outputs"].append(Copied(name))
    return result


class Owners(NamedTuple):
    """The values that own memory, and the nodes that are written into the code as numbers.

    ``copies`` are the outputs that are handed out as copies, with what is behind them.
    """

    dag: nx.DiGraph
    numbers: set[str]
    copies: Mapping[str, tuple[str, ...]]


def owners(graph: Graph) -> Owners:
    """The values of a graph that own memory, an edge from each to those computed from it.

    In topological order, with each node's ``phase`` and ``policy``, and the graph attribute
    ``outputs``. Linear in nodes and edges.
    """
    rows = rows_of(graph, graph.order())
    own, numbers = own_memory(rows)
    dag = nx.DiGraph()
    bases: list[tuple[str, ...]] = []
    for i, (node, attributes) in enumerate(zip(rows.names, rows.facts, strict=True)):
        if numbers[i] or attributes["op"] in SOURCES:
            bases.append(())
            continue
        behind = dict.fromkeys(base for o in rows.operands[i] for base in bases[o])
        if own[i]:
            bases.append((node,))
            dag.add_node(node, phase=attributes["phase"])
            dag.add_edges_from((base, node) for base in behind)
        else:
            bases.append(tuple(behind))
        policy = attributes.get("policy")
        if policy is not None and (policy == "keep" or own[i]):
            dag.add_nodes_from(bases[i], policy=policy)  # what is shown by a view is kept
    outputs = [b for node in graph.outputs_by_name.values() for b in bases[rows.number[node]]]
    dag.graph["outputs"] = list(dict.fromkeys(outputs))
    found = {node for node, number in zip(rows.names, numbers, strict=True) if number}
    places = graph.outputs_by_name
    copies = {name: bases[rows.number[places[name]]] for name in copied_outputs(graph)}
    return Owners(dag, found, copies)


def own_memory(rows: Rows) -> tuple[list[bool], list[bool]]:
    """For each node whether its value owns memory, and whether it is written as a number."""
    own: list[bool] = []
    numbers: list[bool] = []
    handed = {rows.number[node] for node in rows.graph.outputs_by_name.values()}
    for i, op in enumerate(rows.ops):
        number = i not in handed and _is_number(rows, i, numbers)
        numbers.append(number)
        own.append(not number and op.name not in SOURCES and _owns_memory(rows, i, i in handed))
    return own, numbers


def marked_steps(graph: Graph) -> tuple[tuple[Action, str], ...] | None:
    """A schedule that honours what is marked to be computed again, whatever the sizes are.

    Forward values are computed in their order, and marked ones again just before their first use
    in the gradient pass. Every value is freed after its last use. None if nothing is marked.
    """
    if not any(policy == "recompute" for _, policy in graph.dag.nodes(data="policy")):
        return None
    dag = owners(graph).dag
    nx.set_node_attributes(dag, 1, "size")
    nx.set_node_attributes(dag, 1, "cost")
    problem = marked(dag, dag.graph["outputs"])
    if len(problem.problem) == len(problem.own):
        return None
    sequence = problem.sequence(range(len(problem.problem)))
    names = problem.own.names
    return tuple((act, str(names[node])) for act, node in with_frees(problem.own, sequence))


def check_steps(graph: Graph, steps: Any) -> None:
    """Refuse steps that cannot be the code of a graph.

    Raises
    ------
    PlanError
        If they are no steps of this graph, or break a rule of the model of memory.

    Notes
    -----
    Linear in nodes, edges and steps.
    """
    dag = owners(graph).dag
    nx.set_node_attributes(dag, 0, "size")
    nx.set_node_attributes(dag, 0, "cost")
    problem = problem_from_dag(dag, dag.graph["outputs"])
    index = {name: i for i, name in enumerate(problem.names)}
    try:
        found = [(ACTIONS[action], index[node]) for action, node in steps]
    except (KeyError, TypeError, ValueError):
        raise PlanError(
            f"the steps are none of the graph {graph.name!r}",
            expected='pairs ("compute", node) and ("free", node) of values that own memory',
            hint="leave the steps of a plan as they are, or plan again",
        ) from None
    simulate(problem, found)


def _is_number(rows: Rows, i: int, numbers: Sequence[bool]) -> bool:
    """Whether a value, unless handed out, is written as a number or as arithmetic on numbers."""
    op = rows.ops[i].name
    if rows.facts[i]["spec"].ndim:
        return False
    if op in ("constant", "size"):
        return True
    return op in _ARITHMETIC and all(numbers[operand] for operand in rows.operands[i])


def _owns_memory(rows: Rows, i: int, handed: bool) -> bool:
    op = rows.ops[i]
    if not op.view:
        return True
    behind = rows.operands[i][0]
    if op.name == "broadcast_to":  # of a number: it is filled in; as an output: it is copied
        if handed:
            return True
        return rows.facts[behind]["spec"].ndim == 0 and not begins_loops(rows.graph, rows.names[i])
    return op.name == "reshape" and rows.ops[behind].name in _COPIED_BY_RESHAPE


def named_dimensions(graph: Graph) -> set[str]:
    """The names in the shapes of a graph."""
    return {
        name
        for _, spec in graph.dag.nodes(data="spec")
        for whole in (spec, *spec.parts)
        for part in whole.shape
        for name in dimension_names(part)
    }


def in_own_nodes(plan: Plan, dag: nx.DiGraph) -> Plan:
    """A plan of a weighed graph in terms of the graph's own nodes.

    The memory that a node takes while it runs is counted just then, wherever the plan made room
    for it; copies that are handed out, in the last step.
    """
    problem = problem_from_dag(dag, dag.graph["outputs"])
    index = {name: i for i, name in enumerate(problem.names)}
    sequence: list[int] = []
    for action, node in plan.steps:
        if action == "compute" and is_own(node):
            scratch = index.get(Scratch(str(node)))
            sequence += [index[node]] if scratch is None else [scratch, index[node]]
    sequence += [i for i, name in enumerate(problem.names) if isinstance(name, Copied)]
    exact = make_plan(
        problem,
        sequence,
        lower_bound=plan.lower_bound,
        strategy=plan.strategy,
        proof=plan.proof,
    )
    kept = [i for i, (_, node) in enumerate(exact.steps) if is_own(node)]
    timeline = [exact.timeline[i] for i in kept]
    return replace(
        exact,
        steps=tuple(exact.steps[i] for i in kept),
        timeline=(*timeline[:-1], max(timeline[-1], exact.timeline[-1])) if kept else (),
        stored=tuple(filter(is_own, exact.stored)),
        recomputed=tuple(filter(is_own, exact.recomputed)),
    )


def is_own(node: Hashable) -> bool:
    """Whether a node of a weighed graph is one of the graph's own."""
    return not isinstance(node, Scratch | Copied)
