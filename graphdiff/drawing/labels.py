"""What is written in a picture: names as they are seen from a scope, and formulas over lines."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence

from graphdiff.drawing.theme import LONGEST_NAME, MOST_LINES, WIDE, WIDEST
from graphdiff.graph.body import carried_as, results
from graphdiff.graph.dag import Graph
from graphdiff.lower.formulas import formulas_over
from graphdiff.lower.names import Names, identifier

_TOKEN = re.compile("[\U000f0000-\U000ffffd][\U00100000-\U0010fffd]")
_BREAK = re.compile(r"(?<![+−×/<>≤≥=≠Σ₀₁₂₃₄₅₆₇₈₉]) +(?![/<>≤≥=≠])")  # before an operator


class Labels:
    """Names and formulas of one graph, each as it is read from a scope.

    Within the scope ``layer2`` the node ``layer2/W`` is ``W`` and ``layer1/h`` is ``layer1.h``.
    """

    def __init__(self, graph: Graph, names: Names) -> None:
        self.graph = graph
        self.names = names
        self.places = {node: self._place(node) for node in names.variables}
        self.named = {".".join([*path, name]): node for node, (path, name) in self.places.items()}

    def _place(self, node: str) -> tuple[list[str], str]:
        """The scope of a value, and its name in there."""
        attributes, names = self.graph.dag.nodes[node], self.names
        scope = attributes["scope"]
        if attributes["named"]:
            name, prefix = node, f"{scope}/"
        else:
            name, prefix = names.variables[node], f"{identifier(scope)}_" if scope else "_"
        inner = name.removeprefix(prefix)
        if not scope or inner == name or (not attributes["named"] and inner in names.taken):
            return [], name
        return scope.split("/"), inner

    def parts(self, node: str) -> list[str]:
        """The results of a loop or a branch, one node each; nothing for other nodes."""
        found = results(self.graph, node) if self.graph.spec(node).parts else {}
        return [users[0] for _, users in sorted(found.items())]

    def name(self, node: str, scope: str = "") -> str:
        """The name of a value: ``h``, ``layer1.h``, ``∂J/∂h``.

        A derivative of a derivative is spelled out from the inside to the outside.
        """
        parts = self.parts(node)
        if parts:
            told = (carried_as(self.graph, part) or self.name(part, scope) for part in parts)
            return ", ".join(dict.fromkeys(told))
        wraps: list[str] = []
        while (pair := self.derivative(node)) is not None:
            seed, node = pair
            wraps.append(self.seed(seed, scope))
        text = self._short(node, scope)
        for seed in reversed(wraps):
            text = f"∂{_bracketed(seed)}/∂{_bracketed(text)}"
        return text

    def derivative(self, node: str) -> tuple[str, str] | None:
        """What a node is the derivative of, and by which node; None for all others.

        The derivative of a product by one factor is the other, which keeps its own name: that by
        the other is the first, and neither name would come to an end.
        """
        graph, nodes = self.graph, self.graph.dag.nodes
        attributes = nodes[node]
        pair = graph.dag.graph["derivatives"].get(self.names.outputs.get(node))
        if pair is not None:
            seed, wrt = pair
            wrt = graph.outputs_by_name.get(wrt, wrt)
            if attributes["phase"] == "forward" or wrt not in graph.dag:
                return None
            return (seed, wrt) if nodes[wrt]["declared"] < attributes["declared"] else None
        if attributes["named"]:
            return None
        of = self.names.gradient_of(node)
        return None if of is None else (attributes["seed"], of)

    def seed(self, seed: str, scope: str = "") -> str:
        """What was differentiated, as it is called within a derivative."""
        node = self.graph.outputs_by_name.get(seed, seed)
        if seed in self.graph.dag.graph["derivatives"]:
            return self.name(node, scope)
        return self._short(node, scope) if node in self.graph.dag else shortened(seed)

    def _short(self, node: str, scope: str) -> str:
        """A name without the part of its scope that the reader is in."""
        path, name = self.places[node]
        shared = _shared(path, scope.split("/"))
        for start in range(shared, -1, -1):  # as short as it can be told from the scope's own
            text = ".".join([*path[start:], name])
            if self._means(text, scope) == node:
                return shortened(text)
        return shortened(".".join(["", *path, name]))

    def _means(self, text: str, scope: str) -> str | None:
        """The node that a name is read as: the one in the innermost scope that has it."""
        parts = scope.split("/") if scope else []
        for length in range(len(parts), -1, -1):
            found = self.named.get(".".join([*parts[:length], text]))
            if found is not None:
                return found
        return None

    def formulas(self, order: Iterable[str], lines: Iterable[str]) -> Mapping[str, str]:
        """The formula of each node, with a token in the place of each line and loop's result."""
        order, nodes = list(order), self.graph.dag.nodes
        taken = (node for node in order if nodes[node]["op"] == "result")
        lines = dict.fromkeys((*lines, *taken))
        self.tokens = {node: _token(number) for number, node in enumerate(lines)}
        self.behind = {token: node for node, token in self.tokens.items()}
        written = formulas_over(self.graph, order, self.tokens, self.tokens.__getitem__)
        return {node: formula.text for node, formula in written.items()}

    def broken(self, formula: str, scope: str, taken: int) -> list[str]:
        """A formula over lines, with the names put in; the first line has less room."""

        def full(text: str) -> str:
            return _TOKEN.sub(lambda match: self.name(self.behind[match.group()], scope), text)

        statements = formula.split("; ")
        if len(statements) == 1:
            return broken(list(map(full, _BREAK.split(formula))), taken)
        lines: list[str] = []
        for i, statement in enumerate(statements):
            end = ";" if i + 1 < len(statements) else ""
            parts = list(map(full, _BREAK.split(statement + end)))
            lines += broken(parts, 0 if i else taken, WIDEST)
        if len(lines) > 3 * MOST_LINES:
            lines[3 * MOST_LINES - 1 :] = ["…"]
        return lines


def _token(number: int) -> str:
    """What stands for a name in a formula: two signs of Unicode that are left to private use."""
    high, low = divmod(number, 0xFFFE)
    return chr(0xF0000 + high) + chr(0x100000 + low)


def _bracketed(name: str) -> str:
    return f"({name})" if "/" in name else name


def _shared(path: Sequence[str], other: Sequence[str]) -> int:
    """How many parts two paths have in common from the start."""
    count = 0
    for a, b in zip(path, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def broken(parts: Sequence[str], taken: int, wide: int = WIDE) -> list[str]:
    """The parts of a formula over lines of about equal length."""
    total = taken + sum(map(len, parts)) + len(parts) - 1
    width = total / -(-total // wide) + 4 if total > wide else wide
    lines: list[str] = []
    room = width - taken
    for part in parts:
        if lines and len(lines[-1]) + 1 + len(part) <= room:
            lines[-1] += f" {part}"
        else:
            if lines:
                room = width
            lines.append(part)
    if len(lines) > MOST_LINES:
        lines[MOST_LINES - 1 :] = ["…"]
    return lines


def shortened(name: str, longest: int = LONGEST_NAME) -> str:
    """A name that is not too long for a box: its middle left out."""
    if len(name) <= longest:
        return name
    half = longest // 2
    return f"{name[:half]}…{name[-half:]}"


def escaped(text: str) -> str:
    """A text for an HTML-like label of DOT; what cannot be shown becomes a space.

    Examples
    --------
    >>> escaped('a<b> & "c"')
    'a&lt;b&gt; &amp; &quot;c&quot;'
    """
    safe = "".join(char if char.isprintable() else " " for char in text) or " "
    return html.escape(safe).replace("\\", "\\\\")
