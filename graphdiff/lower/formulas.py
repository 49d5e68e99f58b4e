"""The formulas of a graph, for people: docstrings, comments, pictures.

A node that stands for itself is written as its label within others; the rest is folded in. A loop
or a branch tells what is inside it, in the names outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from graphdiff.graph.body import bodies_of, carried_as, input_names, output_nodes, results
from graphdiff.graph.dag import Graph
from graphdiff.graph.origin import before_activation, ends_a_line
from graphdiff.lower.names import plain
from graphdiff.ops.notation import ATOM, LOOSEST, Site, Written

ELLIPSIS = "…"  # stands for a part of a formula that is too long to be read
_LONGEST = 200
_DERIVATIVE = re.compile(r"d([^/]+)/d([^/]+)")


def formulas_over(
    graph: Graph, order: Iterable[str], lines: Container[str], label: Callable[[str], str]
) -> dict[str, Written]:
    """The formula of each node; the given values are written as their labels within others.

    So is what stands outside the order. ``label`` gives the text as it is put into a formula. A
    part that would be too long to be read is left out.
    """
    outer: dict[str, Written] = {}
    formulas: dict[str, Written] = {}
    nodes = graph.dag._node
    for node in order:
        attributes = nodes[node]
        if attributes["op"] in ("input", "parameter"):
            outer[node] = formulas[node] = Written(label(node))
            continue
        if attributes["op"] == "result":
            outer[node] = Written(label(node))
            formulas[node] = Written(carried_as(graph, node) or outer[node].text)
            continue
        operands = graph.operands(node)
        specs = tuple(graph.spec(operand) for operand in operands)
        texts = tuple(outer.get(operand) or Written(label(operand)) for operand in operands)
        if graph.op(node).bodies:
            formulas[node] = _of_loop(graph, node, texts, label)
        else:
            site = Site(texts, specs, graph.spec(node), attributes["params"])
            formulas[node] = graph.op(node).formula(site)
        if node in lines:
            outer[node] = Written(label(node))
        elif len(formulas[node].text) > _LONGEST:  # or it could double at every level
            outer[node] = Written(ELLIPSIS)
        else:
            outer[node] = formulas[node]
    return formulas


def _of_loop(
    graph: Graph, node: str, texts: Sequence[Written], label: Callable[[str], str]
) -> Written:
    """``scan(h ← tanh(x W + h U))``, ``a if p else b``; ``texts`` are the operands."""
    op, params = graph.op(node), graph.dag._node[node]["params"]
    taken = {i: label(users[0]) for i, users in results(graph, node).items()}
    if op.name == "cond":
        each = [_Inside(body, texts[1:], 0, {}, None) for body in bodies_of(op, params).values()]
        pairs = zip(*(inside.outputs() for inside in each), strict=True)
        chosen = [f"{a} if {texts[0].text} else {b}" for a, b in pairs]
        return Written(", ".join(chosen), LOOSEST)
    own = params["carries"] + params.get("slices", 0)
    carried = {i: text for i, text in taken.items() if i < params["carries"]}
    states = params.get("states", 0)
    outside = texts[own + states : len(texts) - states * params.get("left", False)]
    if op.name == "reversal":
        own += len(output_nodes(params["step"])) - params["states"]
    inside = _Inside(params["body"], outside, own, carried, params["carries"])
    steps = inside.statements(params["carries"])
    if "length" in params:
        return Written(f"{op.name}({'; '.join(steps)})")
    test = _Inside(params["condition"], texts[own:], own, carried, None)
    return Written(f"while({test.outputs()[0]}: {'; '.join(steps)})")


class _Inside:
    """The formulas of one body. The first ``own`` inputs are called as they are inside.

    Of its outputs the first ``carries`` (None: all) are told as what they become outside; the
    others keep a name of their own.
    """

    def __init__(
        self,
        body: Graph,
        outside: Sequence[Written],
        own: int,
        carried: Mapping[int, str],
        carries: int | None,
    ) -> None:
        self.body = body
        self.inputs, self.ends = input_names(body), output_nodes(body)
        self.names = {name: _called(body, name) for name in self.inputs}
        for i, text in carried.items():
            if not body.dag.nodes[self.inputs[i]]["named"]:
                self.names[self.inputs[i]] = text
        after = self.inputs[own:]
        self.names |= {name: text.within(ATOM) for name, text in zip(after, outside, strict=False)}
        order, told = body.order(), self.ends[:carries]
        self.lines = [n for n in order if n not in self.names and n not in told and self._own(n)]
        self.names |= {node: _called(body, node) for node in self.lines}
        self.formulas = formulas_over(body, order, self.lines, self._label)

    def _own(self, node: str) -> bool:
        """Whether a value is told in a statement of its own."""
        attributes = self.body.dag.nodes[node]
        used = sum(map(len, self.body.dag.succ[node].values())) > 1
        return attributes["named"] or (used and ends_a_line(self.body.dag, node))

    def _label(self, node: str) -> str:
        return self.names.get(node, ELLIPSIS)

    def outputs(self) -> list[str]:
        return [self.formulas[end].text for end in self.ends]

    def statements(self, carries: int) -> list[str]:
        """``a = x + y`` for values on the way, then ``h ← f(h)`` for what is carried."""
        found = [f"{self.names[node]} = {self.formulas[node].text}" for node in self.lines]
        texts = self.outputs()
        for name, text in zip(self.inputs[:carries], texts, strict=False):
            found.append(f"{self.names[name]} ← {text}")
        known = {*texts[:carries], *self.names.values()}
        rest = [t for e, t in zip(self.ends, texts, strict=True) if e not in self.lines]
        return found + [text for text in rest if text not in known]


def _called(body: Graph, node: str) -> str:
    """What a person calls a value of a body; a derivative with round ds."""
    attributes: Mapping[str, Any] = body.dag.nodes[node]
    name = node
    if not attributes["named"]:
        local = attributes.get("local")
        name = local if local is not None else before_activation(body.dag, node) or node
    match = _DERIVATIVE.fullmatch(name)
    return plain(name if match is None else f"∂{match[1]}/∂{match[2]}")
