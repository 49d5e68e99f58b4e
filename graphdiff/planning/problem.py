"""The planning problem: a DAG whose nodes have a size and a cost, without anything else.

Planning works on indices. Index ``i`` is the ``i``-th node of the *given order*: the topological
order that keeps the order in which the nodes were added to the graph as far as it can. Nodes that
no output needs are left out, and so are resident nodes (inputs, parameters): these occupy memory
that is not counted and are never computed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import networkx as nx

from graphdiff.errors import GraphError, PlanError

LARGEST = 1e300
"""Sizes and costs are below it, so that sums of them are floats."""


@dataclass(frozen=True)
class Problem:
    """What has to be computed, from what, and what that takes.

    Attributes
    ----------
    names
        The nodes, in a topological order.
    operands
        For each node the indices of the values that must be resident while it is computed.
    sizes
        Bytes that each value occupies.
    costs
        What one computation of each node costs, in any unit.
    outputs
        The indices of the values that must be resident at the end.
    turn
        Where the gradient pass begins in the given order, if that is known.

    Examples
    --------
    >>> chain = Problem(("a", "b"), ((), (0,)), (4, 4), (1, 1), (1,))
    >>> chain.consumers
    ((1,), ())
    """

    names: tuple[Hashable, ...]
    operands: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]
    costs: tuple[float, ...]
    outputs: tuple[int, ...]
    turn: int | None = None

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """For each value the nodes that use it, in the given order."""
        uses: list[list[int]] = [[] for _ in self.names]
        for node, operands in enumerate(self.operands):
            for operand in operands:
                uses[operand].append(node)
        return tuple(map(tuple, uses))

    @cached_property
    def base_cost(self) -> float:
        """The cost of computing every node once."""
        return sum(self.costs)

    @cached_property
    def unit(self) -> int:
        """What all costs are multiples of; 0 if they are no whole numbers."""
        whole = [cost for cost in self.costs if isinstance(cost, int)]
        return math.gcd(*whole) if len(whole) == len(self.costs) else 0

    def least_sum(self, bound: float) -> float:
        """A bound below a sum of costs, raised to the next number that can be one."""
        bound *= 1 - 1e-9  # it may be off by rounding
        return max(0, math.ceil(bound / self.unit - 1e-6) * self.unit if self.unit else bound)


def problem_from_dag(
    dag: nx.DiGraph,
    outputs: Iterable[Hashable] | None = None,
    resident: Iterable[Hashable] = (),
) -> Problem:
    """Read the problem off a networkx graph.

    Parameters
    ----------
    dag
        Nodes carry ``size`` (bytes) and ``cost``; those with a true ``resident`` need neither.
        ``phase="gradient"`` marks the nodes of a gradient pass; this is a hint and may be missing.
        Those with ``policy="keep"`` are held to the end as outputs are.
    outputs
        The nodes whose values are wanted. The default is every node that no other one uses.
    resident
        Nodes that are there throughout and are not counted, beside those that are marked.

    Raises
    ------
    GraphError
        If the graph is undirected or has a cycle, or a size or a cost is missing or is no number.
    PlanError
        If an output or a resident node is not in the graph.

    Notes
    -----
    Linear in nodes and edges, but for a factor log(nodes) to order them.
    """
    order = _given_order(dag)
    fixed = set(_members(dag, resident, "resident node"))
    fixed.update(node for node, marked in dag.nodes(data="resident") if marked)
    wanted = [node for node in order if not dag.out_degree(node)]
    if outputs is not None:
        wanted = _members(dag, outputs, "output")
    needed = _ancestors(dag, (node for node in wanted if node not in fixed), fixed)
    names = tuple(node for node in order if node in needed)
    position = {node: i for i, node in enumerate(names)}
    kept = {i for i, node in enumerate(names) if dag.nodes[node].get("policy") == "keep"}
    return Problem(
        names,
        tuple(
            tuple(sorted({position[u] for u in dag.predecessors(node) if u in position}))
            for node in names
        ),
        tuple(_size(dag, node) for node in names),
        tuple(_cost(dag, node) for node in names),
        tuple(sorted({position[node] for node in wanted if node in position} | kept)),
        _turn(dag, names),
    )


def reordered(problem: Problem, order: Sequence[int]) -> Problem:
    """The same problem with another given order; the turn is not known in it."""
    position = {node: i for i, node in enumerate(order)}
    return Problem(
        tuple(problem.names[node] for node in order),
        tuple(tuple(sorted(position[u] for u in problem.operands[node])) for node in order),
        tuple(problem.sizes[node] for node in order),
        tuple(problem.costs[node] for node in order),
        tuple(sorted(position[node] for node in problem.outputs)),
    )


def _given_order(dag: nx.DiGraph) -> list[Hashable]:
    """The topological order that is nearest to the order in which the nodes were added."""
    if not isinstance(dag, nx.Graph) or not dag.is_directed():
        raise GraphError(
            "a plan needs a directed graph",
            got=type(dag).__name__,
            hint="pass a networkx.DiGraph or MultiDiGraph",
        )
    nodes = list(dag)
    rank = {node: i for i, node in enumerate(nodes)}
    waiting = [len(dag.pred[node]) for node in nodes]
    ready = [i for i, count in enumerate(waiting) if not count]
    order = []
    while ready:
        i = heapq.heappop(ready)
        order.append(nodes[i])
        for successor in dag.succ[nodes[i]]:
            j = rank[successor]
            waiting[j] -= 1
            if not waiting[j]:
                heapq.heappush(ready, j)
    if len(order) < len(nodes):
        cycle = [str(edge[0]) for edge in nx.find_cycle(dag)]
        raise GraphError(
            "the graph has a cycle",
            node=cycle[0],
            got=" → ".join([*cycle, cycle[0]]),
            hint="a plan needs a directed acyclic graph",
        )
    return order


def _members(dag: nx.DiGraph, nodes: Iterable[Hashable], role: str) -> list[Hashable]:
    """The nodes, each once and in their order, if all of them are in the graph."""
    if not isinstance(nodes, Iterable):
        raise PlanError(f"the {role}s are no list of nodes", got=repr(nodes), hint="outputs=[…]")
    listed = [nodes] if isinstance(nodes, str) else list(nodes)
    for node in listed:
        if node not in dag:
            raise PlanError(
                f"the {role} {node!r} is not a node of the graph", hint="check its name"
            )
    return list(dict.fromkeys(listed))


def _ancestors(dag: nx.DiGraph, nodes: Iterable[Hashable], fixed: set[Hashable]) -> set[Hashable]:
    """The nodes and all that they are computed from, up to those that are fixed."""
    stack = list(nodes)
    found = set(stack)
    while stack:
        for operand in dag.pred[stack.pop()]:
            if operand not in found and operand not in fixed:
                found.add(operand)
                stack.append(operand)
    return found


def _size(dag: nx.DiGraph, node: Hashable) -> int:
    value = _number(dag, node, "size")
    if value != int(value):
        raise GraphError("a size is a whole number of bytes", node=str(node), got=f"size={value!r}")
    return int(value)


def _cost(dag: nx.DiGraph, node: Hashable) -> float:
    value = _number(dag, node, "cost")
    return int(value) if value == int(value) else float(value)


def _number(dag: nx.DiGraph, node: Hashable, attribute: str) -> Any:
    value = dag.nodes[node].get(attribute)
    is_number = isinstance(value, Real)
    if is_number and 0 <= value < LARGEST:
        return value
    got = f"no {attribute!r}" if value is None else f"{attribute}={value!r}"
    raise GraphError(
        f"every node needs a {attribute}",
        node=str(node),
        expected=f"a number, 0 or more and below {LARGEST}",
        got=got,
        hint=f"dag.nodes[{node!r}][{attribute!r}] = …, or resident=True if it is always there",
    )


def _turn(dag: nx.DiGraph, names: Sequence[Hashable]) -> int | None:
    """How many nodes stand before the gradient pass, if it is marked and in one piece."""
    backward = [dag.nodes[node].get("phase") == "gradient" for node in names]
    if True not in backward:
        return None
    turn = backward.index(True)
    return turn if all(backward[turn:]) else None
