"""The memory that loops and branches take, found by going through their statements.

These are the statements of the generated code, with sizes in place of arrays (see
`graphdiff.planning.variables`). The variables of a step stay until the next one assigns to them.

A few steps tell the most that a long loop takes. After the first one carried values are the loop's
own, and after the second the variables of a step before are there throughout. A loop that keeps
states is gone through as a short one that keeps a few, with the others beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphdiff.graph.body import begins_loops, input_names, joined, output_nodes, results
from graphdiff.graph.dag import Graph
from graphdiff.ops import kernels
from graphdiff.ops.dimension import Dimension, combine, evaluate_dimension
from graphdiff.planning.loops import parts_of
from graphdiff.planning.scratch import Sizes, bytes_of, sized, taken_results
from graphdiff.planning.statements import Statements, Update
from graphdiff.planning.variables import Key, Scope, Value, Variables

STEPS = 3
"""How many steps of a loop are gone through, and one more for each value that becomes another."""

BACK = 6
"""How many of one that runs steps again."""


def inside(graph: Graph, node: str, sizes: Sizes = None) -> Dimension:
    """The bytes that a loop or a branch takes beside its results, and what is left to it.

    Notes
    -----
    Linear in the nodes and edges inside, for each level of loops in loops times the steps.
    """
    memory = _Memory(sizes)
    memory.run((), graph, node, None)
    counted = combine("+", bytes_of(graph, node, sizes), memory.left)
    found: Dimension = memory.meter.most(counted)
    return found


class _Memory(Variables):
    """The way through the statements; ``left`` is what a loop begins with, counted elsewhere."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.left: Dimension = 0
        self.texts: dict[tuple[int, bool], Statements] = {}

    # -- statements ----------------------------------------------------------------------------

    def text(self, body: Graph, named: bool = False) -> Statements:
        """The statements of a body, worked out once."""
        key = (id(body), named)
        if key not in self.texts:
            self.texts[key] = Statements(body, named)
        return self.texts[key]

    def enter(
        self, scope: Scope, body: Graph, inputs: Sequence[str], outside: Sequence[Key]
    ) -> None:
        """Let inputs of a body stand for what is outside."""
        self.graphs[scope] = body
        self.links |= {(scope, name): key for name, key in zip(inputs, outside, strict=False)}

    def lines(self, scope: Scope, text: Statements) -> None:
        """The statements of a step that have a variable."""
        for node in text.lines:
            if text.graph.op(node).bodies:
                self.run(scope, text.graph, node, text)
            else:
                self.assign((scope, node), self.evaluated(scope, text, node))

    def step(
        self, scope: Scope, text: Statements, updates: Sequence[Update], stored: Sequence[str]
    ) -> None:
        """A step of a loop: its statements, what is stacked, what is carried on."""
        self.lines(scope, text)
        for name in stored:
            self.drop(self.value(scope, text, name))
        for together in text.ordered(updates):
            found = []
            for update in together:
                if update.added is None:
                    found.append((update.before, self.value(scope, text, update.after)))
                else:
                    self.drop(self.value(scope, text, update.added))
            for before, value in found:
                self.assign((scope, before), value)

    def share(self, scope: Scope, text: Statements, updates: Sequence[Update]) -> None:
        """Let what replaces a carried value have its variable, where the code does so."""
        for update in updates:
            if update.inline:
                self.same[scope, update.after] = (scope, update.before)
                loop = text.loop_of(update.after)
                if loop is not None:
                    inner = text.carried_by(update.after)
                    self.same[(*scope, loop), inner] = (scope, update.before)

    # -- loops and branches --------------------------------------------------------------------

    def run(self, scope: Scope, graph: Graph, node: str, text: Statements | None) -> None:
        """Go through the statements of a node with bodies."""
        op = graph.op(node).name
        going = {"scan": self.scan, "while_loop": self.loop, "cond": self.branch}
        going.get(op, self.reversal)(scope, graph, node, text)

    def carry(
        self, scope: Scope, graph: Graph, node: str, text: Statements | None, inner: Scope
    ) -> list[bool]:
        """Give carried values their first ones; says which are arrays of the loop's own."""
        params = graph.dag.nodes[node]["params"]
        inputs, carries = input_names(params["body"]), params["carries"]
        operands = graph.operands(node)
        fresh = []
        for name, operand in zip(inputs[:carries], operands, strict=False):
            fresh.append(self.is_fresh(graph, operand) or not graph.spec(operand).ndim)
            self.assign((inner, name), self.first(scope, graph, operand, text))
        taken = results(graph, node)
        for i in range(carries):
            if i in taken:
                self.links[scope, (node, i)] = (inner, inputs[i])
        return fresh

    def is_fresh(self, graph: Graph, operand: str) -> bool:
        """Whether a loop begins with zeros, say, that it makes."""
        return graph.op(operand).name == "broadcast_to" and begins_loops(graph, operand)

    def first(self, scope: Scope, graph: Graph, operand: str, text: Statements | None) -> Value:
        if self.is_fresh(graph, operand):
            return self.array(sized(graph.spec(operand), self.sizes).nbytes)
        return self.value(scope, text, operand)

    def stack(self, scope: Scope, graph: Graph, node: str) -> None:
        """Make the arrays of what is stacked."""
        spec, together = graph.spec(node), joined(graph, node)
        params = graph.dag.nodes[node]["params"]
        for i in sorted(taken_results(graph, node)):
            if params["carries"] <= i < len(output_nodes(params["body"])):
                part = sized(spec.parts[i], self.sizes)
                size = combine("//", part.nbytes, part.shape[0]) if i in together else part.nbytes
                self.assign((scope, (node, i)), self.array(size))

    def steps_of(self, length: Dimension, text: Statements, updates: Sequence[Update]) -> int:
        """How many steps are gone through."""
        inputs = set(input_names(text.graph))
        steps = STEPS + sum(update.after in inputs for update in updates)
        if self.sizes is not None:
            length = evaluate_dimension(length, self.sizes)
        return min(length, steps) if isinstance(length, int) else steps

    def scan(self, scope: Scope, graph: Graph, node: str, text: Statements | None) -> None:
        params, operands = graph.dag.nodes[node]["params"], graph.operands(node)
        body, carries, inner = params["body"], params["carries"], (*scope, node)
        own, inputs, outputs = self.text(body), input_names(body), output_nodes(body)
        self.enter(inner, body, inputs[carries:], [(scope, o) for o in operands[carries:]])
        self.stack(scope, graph, node)
        fresh = self.carry(scope, graph, node, text, inner)
        taken = results(graph, node)
        stored = [outputs[i] for i in sorted(taken) if carries <= i < len(outputs)]
        stored = [name for name in stored if name not in inputs]  # others are at the beginning
        updates = own.updates(carries, fresh, stored)
        self.share(inner, own, updates)
        steps = self.steps_of(params["length"], own, updates)
        left = [j for j in range(carries) if len(outputs) + j in taken]
        for j in left:  # all but the last, which is the state then
            rows = sized(graph.spec(node).parts[len(outputs) + j], self.sizes)
            size = sized(body.spec(inputs[j]), self.sizes).nbytes
            beside = combine("-", rows.nbytes, size)
            if isinstance(beside, int):
                beside = max(0, beside)
            self.assign((scope, (node, len(outputs) + j)), self.array(beside))
        for k in range(steps):
            if k == steps - 1:
                for j in left:
                    self.assign((inner, ("kept", j)), self.hold(self.look((inner, inputs[j]))))
            self.step(inner, own, updates, stored)

    def loop(self, scope: Scope, graph: Graph, node: str, text: Statements | None) -> None:
        params, operands = graph.dag.nodes[node]["params"], graph.operands(node)
        body, carries, inner = params["body"], params["carries"], (*scope, node)
        own, inputs, asked = self.text(body), input_names(body), (*scope, node, "condition")
        condition = self.text(params["condition"])
        self.enter(inner, body, inputs[carries:], [(scope, o) for o in operands[carries:]])
        names = input_names(params["condition"])
        self.enter(asked, params["condition"], names, [(inner, name) for name in inputs])
        updates = own.updates(carries, self.carry(scope, graph, node, text, inner), [])
        self.share(inner, own, updates)
        for _ in range(STEPS):
            self.lines(asked, condition)
            self.drop(self.value(asked, condition, output_nodes(params["condition"])[0]))
            self.step(inner, own, updates, [])

    def branch(self, scope: Scope, graph: Graph, node: str, text: Statements | None) -> None:
        """Both sides, as if one step took the first and another one the second."""
        params, operands = graph.dag.nodes[node]["params"], graph.operands(node)
        for word in ("then", "otherwise"):
            body, inner = params[word], (*scope, node, word)
            own, outputs = self.text(body), output_nodes(body)
            self.enter(inner, body, input_names(body), [(scope, o) for o in operands[1:]])
            self.lines(inner, own)
            for i in sorted(results(graph, node)):
                found = self.value(inner, own, outputs[i])
                self.assign((scope, (node, i)), found)
                if outputs[i] in own.lines:  # it has the variable of the result
                    self.assign((inner, outputs[i]), ())

    def reversal(self, scope: Scope, graph: Graph, node: str, text: Statements | None) -> None:
        params, operands = graph.dag.nodes[node]["params"], graph.operands(node)
        carries, states, left = params["carries"], params["states"], params["left"]
        body, again, onward = parts_of(graph, node)
        back, there, ahead = ((*scope, node, *word) for word in ((), ("again",), ("onward",)))
        own, residuals = self.text(body), output_nodes(again)
        inputs, names = input_names(body), input_names(again)
        given = operands[carries + states : len(operands) - states * left]
        outside = [(scope, operand) for operand in given]
        self.enter(back, body, inputs[carries:], [*((there, r) for r in residuals), *outside])
        self.enter(there, again, names[states:], outside)
        self.enter(ahead, onward, names[states:], outside)
        self.same |= {(ahead, name): (there, name) for name in names[:states]}
        fresh = self.carry(scope, graph, node, text, back)
        self.stack(scope, graph, node)
        stored = [output_nodes(body)[i] for i in sorted(results(graph, node)) if i >= carries]
        stored = [name for name in stored if name not in inputs]
        updates = own.updates(carries, fresh, stored)
        self.share(back, own, updates)
        moves = self.text(onward).updates(states, [False] * states, [])
        self.share(ahead, self.text(onward), moves)
        begins = operands[carries : carries + states]
        kept = self.kept(scope, graph, node, text, begins)
        length, most = self.shorter(params)
        for n in reversed(range(length)):
            if states:
                self.forward(kept, n, most, there, ahead, onward, moves)
            self.lines(there, self.text(again, named=True))
            self.step(back, own, updates, stored)

    def forward(
        self, kept: list[dict[int, Value]], n: int, most: int, there: Scope, ahead: Scope,
        onward: Graph, moves: Sequence[Update],
    ) -> None:  # fmt: skip
        """Run to the state before a step, from the last one that is kept."""
        begin, names = max(kept[0]), input_names(onward)
        for name, of in zip(names, kept, strict=False):
            self.assign((there, name), self.hold(of[begin]))
        places = _places(begin, n, most - len(kept[0]))
        for place in range(begin, n):
            if place in places:
                for name, of in zip(names, kept, strict=False):
                    of[place] = self.hold(self.look((there, name)))
            self.step(ahead, self.text(onward), moves, [])
        for of in kept:
            self.drop(of.pop(n, ()))

    def kept(
        self, scope: Scope, graph: Graph, node: str, text: Statements | None, begins: Sequence[str]
    ) -> list[dict[int, Value]]:
        """The states that are kept at first, by the steps that they are before."""
        params = graph.dag.nodes[node]["params"]
        length, most = self.shorter(params)
        count = combine("min", params["checkpoints"], combine("-", params["length"], 1))
        others = combine("-", count, min(most, max(0, length - 1)))
        if self.sizes is not None:
            others = max(0, evaluate_dimension(others, self.sizes))
        places = [*_places(0, length - 1, most - 1), length - 1] if length > 1 else []
        found = []
        for operand in begins:
            size = sized(graph.spec(operand), self.sizes).nbytes
            beside = combine("*", size, others)
            self.array(beside)
            of = {0: self.first(scope, graph, operand, text)}
            if params["left"]:
                of |= {place: self.array(size) for place in places}
                more = combine("*", size, len(places))
                self.left = combine("+", self.left, combine("+", beside, more))
            found.append(of)
        return found

    def shorter(self, params: Mapping[str, Any]) -> tuple[int, int]:
        """The steps of a short loop that is like a long one, and how many states it keeps."""
        length, states = params["length"], params["checkpoints"]
        if self.sizes is not None:
            length = evaluate_dimension(length, self.sizes)
        if not isinstance(length, int):
            return BACK, min(states, 2)
        if length <= BACK:
            return length, states
        return BACK, min(states, 2) if states < length - 1 else BACK - 1


def _places(begin: int, end: int, room: int) -> list[int]:
    """Before which steps between two the state is kept."""
    found: list[int] = kernels.snapshots(begin, end, room)  # type: ignore[no-untyped-call]  # a kernel
    return found
