"""Which values inside a loop or a branch have a variable, and how carried values are replaced.

This is what `graphdiff.lower` writes; planning may not know it, so it is said here once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from graphdiff.graph.body import input_names, output_nodes, results
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.graph.origin import ends_a_line
from graphdiff.graph.rows import forward_first

_FREE = frozenset({"transpose", "expand_dims"})  # views that are written again at each use


class Update(NamedTuple):
    """How a carried value is replaced: ``inline``, the line that computes ``after`` assigns to it.

    Else it is at the end of a step; with ``added``, by adding that in place.
    """

    before: str
    after: str
    inline: bool = False
    added: str | None = None


class Statements:
    """The statements of a body: ``lines`` have a variable, in their order; the rest is folded in.

    Outputs are ``named`` if each has a variable of its own.
    """

    def __init__(self, body: Graph, named: bool = False) -> None:
        self.graph = body
        self.outputs = output_nodes(body)
        self.order = forward_first(body)
        self._handed = Counter(self.outputs * (1 + named))
        self._atoms = {u for node in self.order for u in _asked(body, node)}
        self._lined: set[str] = set()
        for node in self.order:
            if self._has_line(node):
                self._lined.add(node)
        self.lines = [node for node in self.order if node in self._lined]
        self._expressions: dict[str, list[str]] = {}

    def is_folded(self, node: str) -> bool:
        """Whether a value is written where it is read."""
        op = self.graph.op(node).name
        return node not in self._lined and op not in SOURCES and op != "result"

    def expression(self, node: str) -> list[str]:
        """The nodes that are computed for a line, or for what is folded, in their order."""
        if node not in self._expressions:
            found: list[str] = []
            stack = [(node, False)]
            while stack:
                inner, done = stack.pop()
                if done:
                    found.append(inner)
                    continue
                stack.append((inner, True))
                operands = reversed(self.graph.operands(inner))
                stack += [(operand, False) for operand in operands if self.is_folded(operand)]
            self._expressions[node] = found
        return self._expressions[node]

    def updates(self, carries: int, fresh: Sequence[bool], stored: Iterable[str]) -> list[Update]:
        """How the first inputs are replaced by the first outputs.

        ``fresh`` says which of them are arrays that the loop has made, ``stored`` what is stacked.
        """
        pairs = list(zip(input_names(self.graph)[:carries], self.outputs, strict=False))
        found = [self._update(*pair, own) for pair, own in zip(pairs, fresh, strict=True)]
        place = {node: i for i, node in enumerate(self.lines)}
        reads = [self._reads(node) for node in self.lines]
        puts = [self._reads(name) for name in stored]
        for i, update in enumerate(found):
            line = self.loop_of(update.after) or update.after
            first = all(other.after != update.after for other in found[:i])
            if line not in place or not first or not self._is_defined(update.after, line):
                continue
            others = [self._reads(u.added or u.after) for u in found if u.before != update.before]
            later = [*reads[place[line] + 1 :], *puts, *others]
            if not any(update.before in names for names in later):
                found[i] = update._replace(inline=True)
        return [update for update in found if update.before != update.after]

    def ordered(self, updates: Sequence[Update]) -> Iterator[list[Update]]:
        """The updates at the end of a step, those together that read one another's old values."""
        own = {u.after: u.before for u in updates if u.inline}
        pending = {u.before: u for u in updates if not u.inline}
        reads = {
            name: {own.get(r, r) for r in self._reads(u.added or u.after)}
            for name, u in pending.items()
        }
        while pending:
            for name, update in pending.items():
                if not any(name in reads[other] for other in pending if other != name):
                    yield [update]
                    del pending[name]
                    break
            else:
                yield list(pending.values())
                return

    def loop_of(self, node: str) -> str | None:
        """The loop or branch that a value is a result of."""
        if self.graph.op(node).name != "result":
            return None
        (loop,) = self.graph.operands(node)
        return loop

    def carried_by(self, node: str) -> str | None:
        """The input of a loop's body whose variable a result of the loop has."""
        loop = self.loop_of(node)
        assert loop is not None  # it is asked for results only
        params = self.graph.dag.nodes[loop]["params"]
        index = self.graph.dag.nodes[node]["params"]["index"]
        inner = params.get("carries", 0)
        return input_names(params["body"])[index] if index < inner else None

    def _update(self, before: str, after: str, fresh: bool) -> Update:
        operands = self.graph.operands(after)
        others = [operand for operand in operands if operand != before]
        alone = self._times(after) == 1 and self._times(before) == 1
        adds = self.graph.op(after).name == "add" and self.is_folded(after)
        added = others[0] if adds and alone and fresh and len(others) == 1 else None
        return Update(before, after, added=added)

    def _is_defined(self, after: str, line: str) -> bool:
        """Whether a line gives one variable its value, and this is it."""
        return line == after or len(results(self.graph, line)) == 1

    def _reads(self, node: str) -> set[str]:
        """The variables and inputs that an expression, a loop, or a name reads."""
        loop = self.loop_of(node)
        if loop is not None or not (self.is_folded(node) or node in self._lined):
            return {node}
        if self.graph.op(node).bodies:
            return set().union(*(self._reads_folded(u) for u in self.graph.operands(node)))
        names = (u for inner in self.expression(node) for u in self.graph.operands(inner))
        return {u for u in names if not self.is_folded(u)}

    def _reads_folded(self, node: str) -> set[str]:
        return self._reads(node) if self.is_folded(node) else {node}

    def _times(self, node: str) -> int:
        """How often a value is read."""
        return self._handed[node] + sum(map(len, self.graph.dag.succ[node].values()))

    def _has_line(self, node: str) -> bool:
        op, attributes = self.graph.op(node), self.graph.dag.nodes[node]
        if op.bodies:
            return True
        if op.name in SOURCES or op.name == "result":
            return False
        if attributes["named"] or ends_a_line(self.graph.dag, node):
            return True
        if op.name in _FREE and not self.is_folded(self.graph.operands(node)[0]):
            return False
        if self._times(node) != 1 or node in self._atoms:
            return True
        return attributes["phase"] == "gradient" and any(
            of in self.graph.dag and (self.graph.dag.nodes[of]["named"] or of in self._lined)
            for of in attributes.get("of", ())
        )


def _asked(body: Graph, node: str) -> list[str]:
    """The operands of a loop or a branch inside that get a variable, if they have none."""
    if not body.op(node).bodies:
        return []
    params, operands = body.dag.nodes[node]["params"], body.operands(node)
    first = params.get("carries", 1) + params.get("states", 0)
    return operands[first:]
