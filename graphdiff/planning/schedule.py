"""Schedules: what a plan is, what it costs, and how much memory it takes.

The model
---------
Memory holds *values*, one for each node that has been computed and not been freed since. A
schedule is a list of steps, each of them ``compute v`` or ``free v``.

- ``compute v`` needs every operand of v in memory, and v itself absent. While it runs, its
  operands, its result and everything else in memory are resident together; afterwards v is in
  memory too. It costs the cost of v, each time.
- ``free v`` needs v in memory, and takes it out. It costs nothing.
- Memory is empty at the start and holds all outputs at the end. Inputs and parameters that are
  resident throughout are not part of the problem.

A node may be computed any number of times, an output too. The *peak* of a schedule is the largest
number of bytes that are resident during one of its steps, its *cost* the sum over its computations.
Freeing early never hurts, so a list of computations says it all: each value is freed after its last
use before it is computed again, or before the end. `with_frees` adds these steps. Every schedule
that is returned to a user, by whatever strategy, has been checked step by step by `simulate`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from graphdiff.errors import PlanError
from graphdiff.graph.dag import Graph
from graphdiff.planning.problem import Problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from graphdiff.planning.symbolic import Account

Action = Literal["compute", "free"]
ACTIONS: Mapping[str, Action] = {"compute": "compute", "free": "free"}
Step = tuple[Action, int]


class LoopSteps(NamedTuple):
    """How a loop is run back: of its steps, how many states are kept, and steps are run again.

    ``repeated`` is r·l − C(s + r, s + 1) for l ``steps`` and s ``snapshots``, where r is the least
    number with C(s + r, s) ≥ l; less l − 1 for the first sweep where the loop itself leaves the
    states for the way back. Beside it each step is run once more in its step back. In a plan that
    is made without sizes ``steps`` and ``repeated`` are sympy expressions.
    """

    node: str
    name: str
    steps: Any
    snapshots: int
    repeated: Any

    def __str__(self) -> str:
        return (
            f"{self.name}: {_told(self.steps)} steps back, {self.snapshots:,} states kept at a "
            f"time, {_told(self.repeated)} steps run again to come to the others"
        )


@dataclass(frozen=True)
class PlanReport:
    """What a plan takes, what it computes more than once, and how its loops are run back."""

    peak_bytes: Any
    cost: Any
    recomputed: Mapping[Hashable, int]
    loops: tuple[LoopSteps, ...]
    proof: str

    def __str__(self) -> str:
        again = ", ".join(f"{node} ×{count}" for node, count in self.recomputed.items())
        lines = [
            f"peak {_told(self.peak_bytes)} bytes, cost {_told(self.cost)}; {self.proof}",
            f"computed more than once: {again or 'nothing'}",
            *map(str, self.loops),
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Plan:
    """What to compute and to free, in which order, and what that takes.

    Attributes
    ----------
    steps
        Pairs ``("compute", node)`` and ``("free", node)``.
    peak_bytes
        The largest number of bytes that are resident during a step: an int, or a sympy expression
        where the plan was made without sizes. So are the costs and the timeline.
    cost
        The sum of the costs of all computations.
    stored
        The nodes that are computed once, in the order in which they are.
    recomputed
        The nodes that are computed more than once, in the order of their first computation.
    lower_bound
        No schedule within the memory limit costs less.
    timeline
        The bytes that are resident during each step.
    strategy
        The strategy that gave the plan.
    proof
        What is known about it, and over which set of schedules.
    graph
        The graph whose nodes the steps name, after all rewrites; None for a bare DAG.
    planned
        Digest of the graph that was given, before the rewrites.
    loops
        The loops that keep some states at a time and run steps again from them.
    """

    steps: tuple[tuple[Action, Hashable], ...] = field(repr=False)
    peak_bytes: Any
    cost: Any
    stored: tuple[Hashable, ...]
    recomputed: tuple[Hashable, ...]
    lower_bound: Any
    timeline: tuple[Any, ...] = field(repr=False)
    strategy: str
    proof: str
    graph: Graph | None = field(default=None, repr=False, compare=False)
    planned: str = field(default="", repr=False, compare=False)
    loops: tuple[LoopSteps, ...] = ()

    @cached_property
    def gap(self) -> float:
        """How far the cost may be above the least one, as a share of it: 0.0 is proved optimal."""
        return (self.cost - self.lower_bound) / self.cost if self.cost > self.lower_bound else 0.0

    @cached_property
    def computations(self) -> dict[Hashable, int]:
        """How often each node is computed, in the order of first computations."""
        return dict(Counter(node for action, node in self.steps if action == "compute"))

    @cached_property
    def account(self) -> Account:
        """What the plan takes, as sympy expressions in the graph's named dimensions.

        ``account.bytes`` gives the bytes of each value, ``account.work`` the floating-point
        operations, ``account.timeline`` the bytes that are resident in each step, and
        ``account.peak`` the largest of these for all sizes: a ``Max`` of several where it depends
        on the sizes which it is. NumPy's buffers of at most 64 KiB an operand are left out.
        A loop of t steps that keeps s states runs ``ForwardSteps(t, s)`` steps again, a function of
        sympy's that is a number where t is one; its memory is that of more steps than states.

        Raises
        ------
        PlanError
            If the plan is of a bare DAG, or an op cannot say what memory it works in.

        Examples
        --------
        >>> import numpy as np, graphdiff as gd
        >>> g = gd.Graph()
        >>> W = g.parameter("W", ("n", "n"))
        >>> J = g.output("J", np.sum(np.tanh(g.input("x", ("t", "n")) @ W)))
        >>> p = gd.plan(gd.gradient(g, of="J"), strategy="store")
        >>> p.peak, p.account.work
        (Max(8*(2*n*t + 1), 8*(n**2 + n*t + 1)), 4*n*t*(n + 1))
        """
        from graphdiff.planning.symbolic import account

        if self.graph is None:
            raise PlanError("a plan of a bare DAG has no named dimensions", hint="p.peak_bytes")
        return account(self.graph, self.steps)

    @property
    def peak(self) -> Any:
        """The peak in bytes as a sympy expression in the named dimensions; see `account`."""
        return self.account.peak

    def report(self) -> PlanReport:
        """What the plan takes, what is computed how often, and how loops are run back.

        Examples
        --------
        >>> import networkx as nx, graphdiff as gd
        >>> dag = nx.path_graph(3, create_using=nx.DiGraph)
        >>> nx.set_node_attributes(dag, 8, "size")
        >>> nx.set_node_attributes(dag, 1, "cost")
        >>> print(gd.plan(dag, "store").report())
        peak 16 bytes, cost 3; no order that computes every node once has a lower peak
        computed more than once: nothing
        """
        recomputed = {node: self.computations[node] for node in self.recomputed}
        return PlanReport(self.peak_bytes, self.cost, recomputed, self.loops, self.proof)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw a chart of the plan; with a path write it to that file: .svg, .png or .pdf.

        Above the memory during each computation; below, for each value, when it is computed, when
        it is resident, and when it is computed again. It takes matplotlib, the extra ``[plot]``.

        Raises
        ------
        DrawError
            If matplotlib is missing, the suffix is another, or there are more than 2,000 values.
        FileError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile, os, networkx as nx, graphdiff as gd
        >>> dag = nx.path_graph(3, create_using=nx.DiGraph)
        >>> nx.set_node_attributes(dag, 8, "size")
        >>> nx.set_node_attributes(dag, 1, "cost")
        >>> path = os.path.join(tempfile.mkdtemp(), "plan.svg")
        >>> figure = gd.plan(dag).plot(path)
        """
        from graphdiff.planning.pictures import plot_plan

        return plot_plan(self, path)

    def __repr__(self) -> str:
        again = len(self.recomputed)
        return (
            f"<Plan {self.strategy!r}: peak {_told(self.peak_bytes)} bytes, "
            f"cost {_told(self.cost)}, "
            f"{again} of {again + len(self.stored)} nodes recomputed, gap {self.gap:.1%}>"
        )


def _told(number: Any) -> str:
    """A number with commas, a formula as it is."""
    return f"{number:,}" if isinstance(number, (int, float)) else str(number)


@dataclass(frozen=True)
class Trace:
    """What a schedule takes: its peak, its cost, and the bytes resident during each step."""

    peak: int
    cost: float
    timeline: tuple[int, ...]


def simulate(problem: Problem, steps: Iterable[Step]) -> Trace:
    """Run a schedule step by step, check it, and add up what it takes.

    Raises
    ------
    PlanError
        If the schedule breaks a rule of the model.

    Examples
    --------
    >>> chain = Problem(("a", "b"), ((), (0,)), (4, 3), (1, 1), (1,))
    >>> simulate(chain, [("compute", 0), ("compute", 1), ("free", 0)])
    Trace(peak=7, cost=2, timeline=(4, 7, 3))
    """
    names, sizes = problem.names, problem.sizes
    present = [False] * len(names)
    bytes_now = 0
    cost: float = 0
    timeline = []
    for action, node in steps:
        if action == "compute":
            if present[node]:
                raise PlanError("computed while it is in memory", node=str(names[node]))
            for operand in problem.operands[node]:
                if not present[operand]:
                    raise PlanError(
                        f"its operand {names[operand]!r} is not in memory", node=str(names[node])
                    )
            bytes_now += sizes[node]
            cost += problem.costs[node]
        else:
            if not present[node]:
                raise PlanError("freed while it is not in memory", node=str(names[node]))
            bytes_now -= sizes[node]
        present[node] = action == "compute"
        timeline.append(bytes_now)
    for node in problem.outputs:
        if not present[node]:
            raise PlanError("an output is not in memory at the end", node=str(names[node]))
    return Trace(max(timeline, default=0), cost, tuple(timeline))


def with_frees(problem: Problem, sequence: Sequence[int]) -> list[Step]:
    """The computations in their order, and each value freed after its last use.

    Computations whose result is never used are left out. Linear in computations and operands.

    Examples
    --------
    >>> chain = Problem(("a", "b"), ((), (0,)), (4, 3), (1, 1), (1,))
    >>> with_frees(chain, [0, 1])
    [('compute', 0), ('compute', 1), ('free', 0)]
    """
    wanted = bytearray(len(problem))  # what the steps after this one need
    for node in problem.outputs:
        wanted[node] = True
    steps: list[Step] = []
    for node in reversed(sequence):
        if not wanted[node]:
            continue
        wanted[node] = False
        for operand in reversed(problem.operands[node]):
            if not wanted[operand]:
                wanted[operand] = True
                steps.append(("free", operand))
        steps.append(("compute", node))
    steps.reverse()
    return steps


def measure(problem: Problem, sequence: Iterable[int]) -> tuple[int, float]:
    """Peak and cost of a list of computations, freed as `with_frees` does; quick and unchecked."""
    sizes, operands, costs = problem.sizes, problem.operands, problem.costs
    wanted = bytearray(len(problem))
    bytes_now = peak = 0
    for node in problem.outputs:
        wanted[node] = True
        bytes_now += sizes[node]
    cost: float = 0
    for node in reversed([*sequence]):
        if wanted[node]:
            wanted[node] = False
            cost += costs[node]
            after = bytes_now - sizes[node]
            for operand in operands[node]:
                if not wanted[operand]:
                    wanted[operand] = True
                    after += sizes[operand]
            peak = max(peak, after + sizes[node])
            bytes_now = after
    return peak, cost


def computed(steps: Iterable[Step]) -> list[int]:
    """The computations of a schedule, in their order."""
    return [node for action, node in steps if action == "compute"]


def make_plan(
    problem: Problem, sequence: Sequence[int], *, lower_bound: float, strategy: str, proof: str
) -> Plan:
    """The plan that runs these computations: freed, simulated, and told in the user's names."""
    steps = with_frees(problem, sequence)
    trace = simulate(problem, steps)
    names = problem.names
    counts = Counter(computed(steps))
    return Plan(
        steps=tuple((action, names[node]) for action, node in steps),
        peak_bytes=trace.peak,
        cost=trace.cost,
        stored=tuple(names[node] for node, count in counts.items() if count == 1),
        recomputed=tuple(names[node] for node, count in counts.items() if count > 1),
        lower_bound=min(lower_bound, trace.cost),
        timeline=trace.timeline,
        strategy=strategy,
        proof=proof,
    )
