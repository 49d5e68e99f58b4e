"""Arrays that have sizes and nothing else, the variables that hold them, and what makes them.

A variable holds the arrays that its value shows; an array that nothing holds is gone; NumPy
computes in place of a large operand that nothing else holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import partial, reduce
from typing import Any

from graphdiff.graph.dag import Graph
from graphdiff.ops.dimension import Dimension, combine
from graphdiff.ops.elementwise import in_place
from graphdiff.planning.scratch import Sizes, bytes_of, sized, working_bytes
from graphdiff.planning.statements import Statements

_EITHER = frozenset({"add", "multiply"})
_FIRST = frozenset({"subtract", "divide"})

Value = tuple[int, ...]
"""The arrays that a value shows."""

Scope = tuple[Hashable, ...]
Key = tuple[Scope, Hashable]


class _Meter:
    """How much is there, and the most that was; sizes are numbers."""

    def __init__(self) -> None:
        self.now = self.peak = 0

    def add(self, size: Any, times: int = 1) -> None:
        self.now += size * times

    def mark(self, more: Any) -> None:
        self.peak = max(self.peak, self.now + more)

    def most(self, less: Any) -> Dimension:
        """The most, less what is counted elsewhere."""
        found: int = max(0, self.peak - less)
        return found


class _Formulas:
    """As `_Meter` does, for sizes with names: how many there are of each."""

    def __init__(self) -> None:
        self.now: Counter[Dimension] = Counter()
        self.peaks: dict[frozenset[tuple[Dimension, int]], None] = {}

    def add(self, size: Dimension, times: int = 1) -> None:
        self.now[size] += times

    def mark(self, more: Dimension) -> None:
        there = self.now + Counter([more])
        self.peaks[frozenset(there.items())] = None

    def most(self, less: Dimension) -> Dimension:
        """The largest of those that no other one contains, less what is counted elsewhere."""
        found: list[Counter[Dimension]] = []
        for peak in sorted(map(dict, self.peaks), key=lambda peak: -sum(peak.values())):
            if not any(all(other[s] >= n for s, n in peak.items()) for other in found):
                found.append(Counter(peak))
        totals = []
        for peak in found:
            total = combine("-", 0, less)
            for size, times in peak.items():
                total = combine("+", total, combine("*", times, size))
            totals.append(total)
        return reduce(partial(combine, "max"), totals or [0])


class Variables:
    """Arrays with sizes, and the variables that hold them.

    A variable is called by the node whose value it has, and the loops around. ``links`` has names
    for what stands outside, ``same`` names that are another's variable.
    """

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.meter: Any = _Formulas() if sizes is None else _Meter()
        self.bytes: list[Dimension] = []
        self.held: list[int] = []
        self.variables: dict[Key, Value] = {}
        self.links: dict[Key, Key] = {}
        self.same: dict[Key, Key] = {}
        self.graphs: dict[Scope, Graph] = {}

    def array(self, size: Dimension, more: Dimension = 0) -> Value:
        """A new array, while ``more`` is taken."""
        self.bytes.append(size)
        self.held.append(1)
        self.meter.add(size)
        self.meter.mark(more)
        return (len(self.bytes) - 1,)

    def hold(self, value: Value) -> Value:
        """Hold the arrays of a value once more."""
        for array in value:
            self.held[array] += 1
        return value

    def drop(self, value: Value) -> None:
        """Hold them once less; what nothing holds is gone."""
        for array in value:
            self.held[array] -= 1
            if not self.held[array]:
                self.meter.add(self.bytes[array], -1)

    def assign(self, key: Key, value: Value) -> None:
        """Let a variable hold a value in place of what it has held."""
        key = self.same.get(key, key)
        before = self.variables.get(key, ())
        self.variables[key] = value
        self.drop(before)

    def look(self, key: Key) -> Value:
        """What a name stands for; nothing for what is outside."""
        while True:
            key = self.same.get(key, key)
            if key in self.variables:
                return self.variables[key]
            scope, name = key
            if key in self.links:
                key = self.links[key]
            elif scope in self.graphs and isinstance(name, str):
                graph = self.graphs[scope]
                if not graph.op(name).view:
                    return ()
                (first, *_) = graph.operands(name)
                index = graph.dag.nodes[name]["params"].get("index")
                key = (scope, (first, index) if graph.op(name).name == "result" else first)
            else:
                return ()

    # -- expressions ---------------------------------------------------------------------------

    def value(self, scope: Scope, text: Statements | None, node: str) -> Value:
        """What a name, or an expression, comes to; it is held."""
        if text is None or not text.is_folded(node):
            return self.hold(self.look((scope, node)))
        return self.evaluated(scope, text, node)

    def evaluated(self, scope: Scope, text: Statements, node: str) -> Value:
        """What the expression of a node comes to; it is held."""
        stack: list[Value] = []
        for inner in text.expression(node):
            operands = text.graph.operands(inner)
            given = [stack.pop() for operand in operands if text.is_folded(operand)]
            values = [
                given.pop() if text.is_folded(operand) else self.hold(self.look((scope, operand)))
                for operand in operands
            ]
            stack.append(self.computed(text.graph, inner, values))
        return stack.pop()

    def computed(self, graph: Graph, node: str, values: list[Value]) -> Value:
        """The value of an op, from those of its operands."""
        if graph.op(node).view:
            for other in values[1:]:
                self.drop(other)
            return values[0]
        size = bytes_of(graph, node, self.sizes)
        scratch = working_bytes(graph, node, self.sizes)
        place = self.reused(graph, node, values, size)
        if place is None:
            found = self.array(size, scratch)
        else:
            found = self.hold(values[place])
            self.meter.mark(scratch)
        for value in values:
            self.drop(value)
        return found

    def reused(
        self, graph: Graph, node: str, values: Sequence[Value], size: Dimension
    ) -> int | None:
        """The operand in whose place NumPy computes."""
        op, operands = graph.op(node).name, graph.operands(node)
        places = range(2) if op in _EITHER else range(op in _FIRST)
        if op == "multiply" and graph.spec(operands[0]).is_complex:  # see its code
            places = range(not self._alone(values[1]))
        if not in_place(sized(graph.spec(node), self.sizes)):
            return None
        fitting = (i for i in places if self._alone(values[i]) and self._sizes(values[i]) == [size])
        return next(fitting, None)

    def _alone(self, value: Value) -> bool:
        """Whether an expression has made it."""
        return len(value) == 1 and self.held[value[0]] == 1

    def _sizes(self, value: Value) -> list[Dimension]:
        return [self.bytes[array] for array in value]
