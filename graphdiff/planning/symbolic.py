"""What a plan takes as formulas in the named dimensions: bytes, work, and the peak.

Every dimension is a positive integer. The peak is the largest of the sums of bytes that are
resident during the steps; one is left out where it can be seen that others are never all below it.
For that each name is written as 1 plus something not negative: if then no coefficient of a
difference is negative, the difference is not either.

NumPy's buffers for operands that are broadcast or converted, of at most 64 KiB each, are left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import networkx as nx
import numpy as np

from graphdiff.graph.dag import Graph
from graphdiff.ops.dimension import Dimension, combine, formula
from graphdiff.ops.lazily import Lazily
from graphdiff.planning.copies import Copied
from graphdiff.planning.cost import Scratch, is_own, owners
from graphdiff.planning.loops import Again, Count, loops_again, work_of
from graphdiff.planning.running import inside
from graphdiff.planning.schedule import Plan
from graphdiff.planning.scratch import bytes_of, workspace_of

if TYPE_CHECKING:
    import sympy
else:
    sympy = Lazily("sympy")

TYPICAL = 100
"""The length of a named dimension where one is needed to choose an order, and none is given."""

Vector = np.ndarray[Any, np.dtype[Any]]


class Account(NamedTuple):
    """The bytes of each value, the work, the peak, and the bytes that are resident in each step."""

    bytes: Mapping[Hashable, Any]
    work: Any
    peak: Any
    timeline: tuple[Any, ...]


def weigh_symbolically(graph: Graph) -> nx.DiGraph:
    """As `graphdiff.planning.cost.weigh` does, with sympy expressions for ``size`` and ``cost``.

    Raises
    ------
    PlanError
        If an op can say what memory it works in for numbers only.
    """
    values, numbers, copies = owners(graph)
    result = nx.DiGraph(**values.graph)
    for node, attributes in values.nodes.items():
        op, out = graph.op(node), graph.spec(node)
        scratch: Dimension = inside(graph, node) if op.bodies else 0
        if op.workspace is not None:
            arrays = [graph.spec(u) for u in graph.operands(node) if u not in numbers]
            scratch = workspace_of(graph, node, out, arrays)
        if scratch != 0:
            result.add_node(Scratch(node), size=expression(scratch), cost=sympy.Integer(0))
            result.add_edge(Scratch(node), node)
        size, cost = expression(bytes_of(graph, node)), work_of(graph, node, expression)
        result.add_node(node, **attributes, size=size, cost=cost)
        result.add_edges_from((base, node) for base in values.pred[node])
    for name in copies:
        result.add_node(
            Copied(name), size=expression(graph.spec(graph.outputs_by_name[name]).nbytes)
        )
    return result


def expression(count: Count) -> Any:
    """A dimension, or how many steps a loop runs again, as a sympy expression."""
    if not isinstance(count, Again):
        found = formula(count) if isinstance(count, str) else sympy.Integer(count)
        return found.replace(sympy.Min, _larger)
    from graphdiff.planning.repeats import ForwardSteps

    length = expression(count.length)
    first = expression(combine("max", combine("-", count.length, 1), 0)) if count.left else 0
    return ForwardSteps(length, count.states) - first


def _larger(*parts: Any) -> Any:
    """``-Max(a, b)`` for ``Min(-a, -b)``."""
    if not all(part.could_extract_minus_sign() for part in parts):
        return sympy.Min(*parts)
    return -sympy.Max(*(-part for part in parts))


def account(graph: Graph, steps: Iterable[tuple[str, Hashable]]) -> Account:
    """What the steps of a plan take.

    Notes
    -----
    Linear in the steps, but for the comparison of the sums that differ.
    """
    dag = weigh_symbolically(graph)
    sizes = dict(dag.nodes(data="size"))
    basis = _Basis(sizes.values())
    now = np.zeros(len(basis), object)
    work = sympy.Integer(0)
    costs: dict[Any, int] = {}
    states = []
    for action, node in steps:
        step = basis[sizes[node]]
        if action == "free":
            now = now - step
            states.append(now)
            continue
        now = now + step
        scratch = sizes.get(Scratch(str(node)))
        states.append(now if scratch is None else now + basis[scratch])
        cost = dag.nodes[node]["cost"]
        costs[cost] = costs.get(cost, 0) + 1
    work = sympy.factor(sum((cost * times for cost, times in costs.items()), sympy.Integer(0)))
    copies = [basis[size] for node, size in sizes.items() if isinstance(node, Copied)]
    if copies and states:  # which are made at the end
        states[-1] = sum(copies, now)
    found: dict[tuple[Any, ...], Any] = {}
    timeline = []
    for state in states:
        key = tuple(state)
        if key not in found:
            found[key] = basis.expression(state)
        timeline.append(found[key])
    largest = [sympy.factor(found[tuple(state)]) for state in _largest(found)]
    peak = sympy.Max(*largest, evaluate=len(largest) < 2)
    own = {node: size for node, size in sizes.items() if is_own(node)}
    return Account(own, work, peak, tuple(timeline))


def in_formulas(plan: Plan) -> Plan:
    """A plan that computes nothing twice, with formulas in place of the numbers for some sizes."""
    found, graph = plan.account, plan.graph
    assert graph is not None  # or there is no account
    return replace(
        plan,
        peak_bytes=found.peak,
        cost=found.work,
        lower_bound=found.work,
        timeline=found.timeline,
        loops=loops_again(graph, expression),
        proof=f"nothing is computed twice; the order is for lengths of {TYPICAL}",
    )


class _Basis:
    """Expressions as vectors over the monomials in names less 1, and parts that are none."""

    def __init__(self, sizes: Iterable[Any]) -> None:
        distinct = list(dict.fromkeys(sizes))
        self.less: dict[Any, Any] = {}
        terms = [self._terms(size) for size in distinct]
        self.monomials = list(dict.fromkeys(monomial for found in terms for monomial in found))
        self.vectors = {
            size: np.array([found.get(monomial, 0) for monomial in self.monomials], object)
            for size, found in zip(distinct, terms, strict=True)
        }

    def __len__(self) -> int:
        return len(self.monomials)

    def __getitem__(self, size: Any) -> Vector:
        return self.vectors[size]

    def _terms(self, size: Any) -> dict[Any, int]:
        """The coefficients, of ``n`` as ``1 + less(n)``."""
        for name in size.free_symbols:
            if name not in self.less:
                self.less[name] = sympy.Symbol(f"{name}-1", nonnegative=True, integer=True)
        more = {name: 1 + self.less[name] for name in size.free_symbols}
        terms: dict[Any, int] = {}
        rest = sympy.Integer(0)
        for term in sympy.Add.make_args(size):
            factor, thing = term.as_coeff_Mul()
            if term.is_polynomial():
                rest += term
            elif factor.is_Integer and thing.subs(more).is_nonnegative:  # the larger of two, say
                terms[thing] = terms.get(thing, 0) + int(factor)
            else:  # such as (t - 3) // 2 + 5: all of it is never negative, and one thing
                return {size: 1}
        found = sympy.expand(rest.subs(more)).as_coefficients_dict()
        return terms | {monomial: int(factor) for monomial, factor in found.items()}

    def expression(self, vector: Vector) -> Any:
        """The expression of a vector, expanded."""
        total: dict[Any, int] = {}
        for factor, terms in zip(vector, self.back, strict=True):
            for monomial, times in terms.items() if factor else ():
                total[monomial] = total.get(monomial, 0) + factor * int(times)
        return sympy.Add(*(monomial * times for monomial, times in total.items()))

    @cached_property
    def back(self) -> list[Mapping[Any, Any]]:
        """The coefficients of each monomial, in the names themselves."""
        names = {less: name - 1 for name, less in self.less.items()}
        return [
            sympy.expand(monomial.subs(names)).as_coefficients_dict() for monomial in self.monomials
        ]


def _largest(states: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The vectors whose sum with any weights that are not negative can be the largest one.

    Left out are those that another one is at least as large as in all components, and those that
    lie below the line between their neighbours (so for two monomials just the convex hull stays).
    """
    ordered = sorted(states, key=sum, reverse=True)
    rows = np.array(ordered, object if max(map(max, ordered), default=0) > 2**62 else np.int64)
    front: list[int] = []
    for i in range(len(ordered)):
        if not np.all(rows[front] >= rows[i], axis=1).any():
            front.append(i)
    hull: list[tuple[int, ...]] = []
    for state in sorted(ordered[i] for i in front):
        while len(hull) > 1 and _below(hull[-1], hull[-2], state):
            hull.pop()
        hull.append(state)
    return hull


def _below(middle: Sequence[int], one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether some point between two others is at least as large in all components."""
    low, high = Fraction(0), Fraction(1)
    for v, a, b in zip(middle, one, other, strict=True):  # b + share (a - b) >= v
        if a > b:
            low = max(low, Fraction(v - b, a - b))
        elif a < b:
            high = min(high, Fraction(b - v, b - a))
        elif b < v:
            return False
    return low <= high
