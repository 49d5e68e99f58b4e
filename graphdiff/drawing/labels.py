"""What is written in a picture: names as they are seen from a scope, and formulas over lines."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence

from graphdiff.drawing.theme import LONGEST_NAME, MOST_LINES, WIDE
from graphdiff.graph.dag import Graph
from graphdiff.lower.names import Names, identifier
from graphdiff.lower.program import formulas_over

_FIRST_TOKEN = 0xF0000  # the private-use planes of Unicode: no user's text is mistaken for one
_TOKEN = re.compile("[\U000f0000-\U0010fffd]")
_BREAK = re.compile(r"(?<![+−×/<>≤≥=≠]) +(?![/<>≤≥=≠])")


class Labels:
    """Names and formulas of one graph, each as it is read from a scope.

    Within the scope ``layer2`` the node ``layer2/W`` is ``W`` and ``layer1/h`` is ``layer1.h``.
    """

    def __init__(self, graph: Graph, names: Names) -> None:
        self.graph = graph
        self.names = names

    def name(self, node: str, scope: str = "") -> str:
        """The name of a value: ``h``, ``layer1.h``, ``∂J/∂h``.

        A derivative of a derivative is spelled out from the inside to the outside.
        """
        wraps: list[str] = []
        while (pair := self._derivative(node)) is not None:
            seed, node = pair
            wraps.append(self.seed(seed, scope))
        text = self._short(node, scope)
        for seed in reversed(wraps):
            text = f"∂{seed}/∂{_bracketed(text)}"
        return text

    def _derivative(self, node: str) -> tuple[str, str] | None:
        """What a node is the derivative of, and by which node; None for all others."""
        graph = self.graph
        attributes = graph.dag.nodes[node]
        pair = graph.dag.graph["derivatives"].get(self.names.outputs.get(node))
        if pair is not None:
            seed, wrt = pair
            wrt = graph.outputs_by_name.get(wrt, wrt)
            return (seed, wrt) if wrt in graph.dag and wrt != node else None
        if attributes["named"]:
            return None
        of = self.names.gradient_of(node)
        return None if of is None else (attributes["seed"], of)

    def seed(self, seed: str, scope: str = "") -> str:
        """What was differentiated, as it is called within a derivative."""
        node = self.graph.outputs_by_name.get(seed, seed)
        if seed in self.graph.dag.graph["derivatives"]:
            return _bracketed(self.name(node, scope))
        return self._short(node, scope) if node in self.graph.dag else shortened(seed)

    def _short(self, node: str, scope: str) -> str:
        """A name without the part of its scope that the reader is in."""
        nodes = self.graph.dag.nodes
        own = nodes[node]["scope"]
        if nodes[node]["named"]:
            name, prefix = node, f"{own}/"
        else:
            name, prefix = self.names.variable(node), f"{identifier(own)}_" if own else "/"
        if not (own and name.startswith(prefix)):
            return shortened(self._from_the_top(name, scope))
        inner, path = name[len(prefix) :], own.split("/")
        shared = _shared(path, scope.split("/"))
        outer = path[shared:]
        if nodes[node]["named"] and self._means(".".join([*outer, inner]), scope) != node:
            outer = path
        return shortened(".".join([*outer, inner]))

    def _from_the_top(self, name: str, scope: str) -> str:
        """A name outside all scopes, told from one of the same spelling in the reader's scope."""
        return name if self._means(name, scope) == name else f"/{name}"

    def _means(self, name: str, scope: str) -> str:
        """The node that a name is read as: the one in the innermost scope that has it."""
        path = scope.split("/") if scope else []
        for length in range(len(path), 0, -1):
            candidate = "/".join([*path[:length], *name.split(".")])
            if candidate in self.graph.dag:
                return candidate
        return name

    def formulas(self, order: Iterable[str], lines: Iterable[str]) -> Mapping[str, str]:
        """The formula of each node, with a token in the place of each of the lines."""
        self.tokens = {node: chr(_FIRST_TOKEN + i) for i, node in enumerate(lines)}
        self.behind = {token: node for node, token in self.tokens.items()}
        written = formulas_over(self.graph, order, self.tokens, self.tokens.__getitem__)
        return {node: formula.text for node, formula in written.items()}

    def broken(self, formula: str, scope: str, taken: int) -> list[str]:
        """A formula over lines, with the names put in; the first line has less room."""

        def full(text: str) -> str:
            return _TOKEN.sub(lambda match: self.name(self.behind[match.group()], scope), text)

        return broken([full(part) for part in _BREAK.split(formula)], taken)


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


def broken(parts: Sequence[str], taken: int) -> list[str]:
    """The parts of a formula over lines of about equal length."""
    total = taken + sum(map(len, parts)) + len(parts) - 1
    width = total / -(-total // WIDE) + 4 if total > WIDE else WIDE
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


def shortened(name: str) -> str:
    """A name that is not too long for a box: its middle left out."""
    if len(name) <= LONGEST_NAME:
        return name
    half = LONGEST_NAME // 2
    return f"{name[:half]}…{name[-half:]}"


def escaped(text: str) -> str:
    """A text for an HTML-like label of DOT; what cannot be shown becomes a space.

    Examples
    --------
    >>> escaped('a<b> & "c"')
    'a&lt;b&gt; &amp; &quot;c&quot;'
    """
    safe = "".join(char if char.isprintable() else " " for char in text)
    return html.escape(safe).replace("\\", "\\\\")
