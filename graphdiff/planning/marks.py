"""The user's marks: values to keep, and values to compute again.

Strategies know nothing of marks. They are asked for another problem, and what they answer is told
in terms of the first one.

- A value to compute again is two: the forward pass has one, and the gradient pass a copy, made of
  copies of those of its operands that are marked too. Its name is an `Again`.
- A value to keep is wanted at the end, as outputs are, and costs so much more that no strategy
  computes it twice if it can help it. Where one does nevertheless, the second computation is left
  out: the value is still there.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import networkx as nx

from graphdiff.errors import PlanError
from graphdiff.planning.problem import Problem, problem_from_dag
from graphdiff.planning.schedule import Plan, make_plan, measure

POLICIES = ("keep", "recompute")

_DEAR = 1000  # times the cost of everything: more than any schedule of interest computes again


class Again(NamedTuple):
    """The copy of a value that the gradient pass computes for itself."""

    node: Hashable


@dataclass(frozen=True)
class Marked:
    """A problem, and the one that strategies solve in its place.

    Attributes
    ----------
    own
        The problem in which marked values are to be told.
    problem
        What strategies are asked.
    origin
        For each node of ``problem`` the node of ``own`` that it computes.
    kept
        The nodes of ``own`` that are to be kept.
    surcharge
        What ``problem`` adds to the cost of each of them.
    """

    own: Problem
    problem: Problem
    origin: Sequence[int]
    kept: frozenset[int] = frozenset()
    surcharge: float = 0

    @property
    def surcharges(self) -> float:
        """What is added to the cost of computing every node once."""
        return self.surcharge * len(self.kept)

    def honoured(self, found: Iterable[int]) -> bool:
        """Whether an answer computes what is to be kept just once."""
        counts = Counter(map(self.origin.__getitem__, found))
        return all(counts[node] <= 1 for node in self.kept)

    def sequence(self, found: Sequence[int], limit: float = math.inf) -> list[int]:
        """The computations of an answer as computations of the own nodes.

        Copies are computed as late as they can be within the limit.
        """
        if any(isinstance(name, Again) for name in self.problem.names):
            late = self._told(_late(self.problem, found))
            if measure(self.own, late)[0] <= limit:
                return late
        return self._told(found)

    def _told(self, found: Iterable[int]) -> list[int]:
        there: set[int] = set()
        sequence = []
        for node in map(self.origin.__getitem__, found):
            if node not in there:
                sequence.append(node)
            if node in self.kept:
                there.add(node)
        return sequence

    def plan(
        self,
        found: Sequence[int],
        *,
        lower_bound: float,
        strategy: str,
        proof: str,
        limit: float = math.inf,
    ) -> Plan:
        """An answer as a plan. The bound is that of ``problem``."""
        if self.problem is not self.own:
            proof += "; of the schedules that honour the graph's marks"
        return make_plan(
            self.own,
            self.sequence(found, limit),
            lower_bound=lower_bound - self.surcharges,
            strategy=strategy,
            proof=proof,
        )


def marked(
    dag: nx.DiGraph,
    outputs: Iterable[Hashable] | None = None,
    resident: Iterable[Hashable] = (),
) -> Marked:
    """The problem of a graph whose nodes may have a ``policy``: ``"keep"`` or ``"recompute"``.

    Parameters
    ----------
    dag, outputs, resident
        As for `graphdiff.planning.problem.problem_from_dag`. A ``"recompute"`` has an effect where
        nodes are marked with ``phase="gradient"``.

    Raises
    ------
    GraphdiffError
        As `problem_from_dag` does, or for an unknown policy.

    Notes
    -----
    Linear in nodes and edges.

    Examples
    --------
    >>> dag = nx.DiGraph(["xy", "yz"])
    >>> dag.add_edges_from([("y", "dy"), ("z", "dy")])
    >>> nx.set_node_attributes(dag, 1, "size")
    >>> nx.set_node_attributes(dag, 1, "cost")
    >>> dag.nodes["y"]["policy"], dag.nodes["dy"]["phase"] = "recompute", "gradient"
    >>> marked(dag).problem.names
    ('x', 'y', 'z', Again(node='y'), 'dy')
    """
    own = problem_from_dag(dag, outputs, resident)
    policies = [dag.nodes[node].get("policy") for node in own.names]
    for node, policy in zip(own.names, policies, strict=True):
        if policy is not None and policy not in POLICIES:
            raise PlanError(
                f"{node!r} has an unknown policy", expected=" or ".join(POLICIES), got=repr(policy)
            )
    backward = [dag.nodes[node].get("phase") == "gradient" for node in own.names]
    kept = frozenset(i for i, policy in enumerate(policies) if policy == "keep")
    held = set(own.outputs)
    again = [
        policy == "recompute" and not behind and i not in held
        for i, (policy, behind) in enumerate(zip(policies, backward, strict=True))
    ]
    if not kept and not any(again):
        return Marked(own, own, range(len(own)))
    return _Doubling(own, again, backward, kept).marked()


class _Doubling:
    """The making of a problem in which marked values are two."""

    def __init__(
        self, own: Problem, again: list[bool], backward: list[bool], kept: frozenset[int]
    ) -> None:
        self.own = own
        self.again = again
        self.backward = backward
        self.kept = kept
        self.origin: list[int] = []
        self.operands: list[tuple[int, ...]] = []
        self.first: dict[int, int] = {}
        self.second: dict[int, int] = {}

    def marked(self) -> Marked:
        own = self.own
        needed = self.needed_forward()
        for node in range(len(own)):
            if self.backward[node]:
                self.copy([u for u in own.operands[node] if self.again[u]])
            if needed[node]:
                behind = self.backward[node]
                self.first[node] = self.add(node, self.second if behind else self.first)
        surcharge = _DEAR * own.base_cost + 1 if self.kept else 0
        problem = Problem(
            tuple(
                Again(own.names[node]) if self.second.get(node) == i else own.names[node]
                for i, node in enumerate(self.origin)
            ),
            tuple(self.operands),
            tuple(own.sizes[node] for node in self.origin),
            tuple(own.costs[node] + surcharge * (node in self.kept) for node in self.origin),
            tuple(self.first[node] for node in own.outputs),
            None if own.turn is None else sum(needed[: own.turn]),
        )
        return Marked(own, problem, self.origin, self.kept, surcharge)

    def needed_forward(self) -> list[bool]:
        """Whether a node is needed beside its copy."""
        needed = [not doubled for doubled in self.again]
        for node in range(len(needed) - 1, -1, -1):
            if not needed[node]:
                users = self.own.consumers[node]
                needed[node] = any(needed[user] and not self.backward[user] for user in users)
        return needed

    def copy(self, wanted: list[int]) -> None:
        """Add copies of marked nodes, and of the marked ones that they are computed from."""
        stack = wanted[::-1]
        while stack:
            node = stack[-1]
            operands = self.own.operands[node]
            missing = [u for u in operands if self.again[u] and u not in self.second]
            if missing and node not in self.second:
                stack += reversed(missing)
                continue
            stack.pop()
            if node not in self.second:
                self.second[node] = self.add(node, self.second)

    def add(self, node: int, doubled: dict[int, int]) -> int:
        """Add a node; its marked operands are those of ``doubled``."""
        operands = ((doubled if self.again[u] else self.first)[u] for u in self.own.operands[node])
        self.operands.append(tuple(sorted(operands)))
        self.origin.append(node)
        return len(self.origin) - 1


def _late(problem: Problem, sequence: Sequence[int]) -> list[int]:
    """The same computations, those of copies put off until just before their first use."""
    names = problem.names
    places = list(range(len(sequence)))
    used: dict[int, int] = {}  # where a value is next used, walking back
    for i in range(len(sequence) - 1, -1, -1):
        node = sequence[i]
        use = used.pop(node, i)
        if isinstance(names[node], Again):
            places[i] = use
        for operand in problem.operands[node]:
            used[operand] = min(used.get(operand, places[i]), places[i])
    return [sequence[i] for i in sorted(range(len(sequence)), key=lambda i: (places[i], i))]
