"""What things are called in generated code, formulas and pictures.

The user's names come first: a node's own, then the variable of the user's line. A gradient value is
called after what it is the gradient of: ``dJ_dh``. What nobody named gets the letter that people
write for such a value: ``a`` before an activation, ``e`` for a difference.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Mapping, Sequence

from graphdiff.graph.body import carried_as, input_names, output_nodes, results
from graphdiff.graph.dag import Graph
from graphdiff.graph.origin import before_activation, ends_a_line

_RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np"})

_LETTERS: Mapping[str, str] = {
    "subtract": "e",
    "exp": "u",
    "expm1": "u",
    "softmax": "p",
    "sigmoid": "p",
    "log_softmax": "logp",
    "log": "logs",
    "logsumexp": "logs",
    "sum": "s",
    "mean": "m",
    "max": "m",
    "min": "m",
    "matmul": "z",
    "add": "z",
    "greater": "mask",
    "less": "mask",
    "greater_equal": "mask",
    "less_equal": "mask",
    "equal": "mask",
    "constant": "k",
    "size": "n",
}


def identifier(name: str) -> str:
    """A user's name as a Python identifier: ``layer1/W`` is ``layer1_W``, ``dJ/dW`` is ``dJ_dW``.

    Examples
    --------
    >>> identifier("dJ/dW"), identifier("2 nd"), identifier("θ"), identifier("d(dJ/dw)/dw")
    ('dJ_dW', '_2_nd', 'θ', 'd_dJ_dw_dw')
    """
    text = re.sub(r"\W+", "_", name).strip("_") or "x"
    return text if text.isidentifier() else f"_{text}"


def plain(text: str) -> str:
    """A user's text on one line, without what could end a comment or a docstring."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return text.replace("\\", "/").replace('"', "'")


class Names:
    """Gives each value of one program a variable and a label; no two are the same.

    Parameters
    ----------
    graph
        What is being written.
    taken
        Names that the program uses otherwise.
    around
        The names of the graph that holds this one: they are in the same function.
    """

    def __init__(
        self, graph: Graph, taken: Iterable[str] = (), around: Names | None = None
    ) -> None:
        self.graph = graph
        self.nodes = graph.dag._node
        self.taken: set[str] = {*_RESERVED, *taken} if around is None else around.taken
        self.numbers: dict[str, int] = {} if around is None else around.numbers
        self.variables: dict[str, str] = {}
        self.dimensions: dict[str, str] = {} if around is None else around.dimensions
        self.respelt: dict[str, str] = {} if around is None else around.respelt
        self.outputs = {node: name for name, node in reversed(graph.outputs_by_name.items())}
        self.users_own = {identifier(node) for node, facts in self.nodes.items() if facts["named"]}
        self.depth: int = 0 if around is None else around.depth + 1
        self.counters: dict[int, str] = {} if around is None else around.counters
        self.outer: frozenset[str] = (
            frozenset() if around is None else around.outer | around.users_own
        )

    def dimension(self, name: str) -> str:
        """The variable of a named dimension."""
        if name not in self.dimensions:
            variable = self.dimensions[name] = self._unique(identifier(name))
            if variable != name:
                self.respelt[name] = variable
        return self.dimensions[name]

    def variable(self, node: str) -> str:
        """The variable of a node, chosen at the first call."""
        if node not in self.variables:
            wish = self._wish(node)
            own = self.nodes[node]["named"]
            if (not own and wish in self.users_own) or wish in self.outer:
                wish = f"{wish}_"
            self.variables[node] = self._unique(wish)
        return self.variables[node]

    def wishes(self, node: str, name: str) -> bool:
        """Whether a node's variable would have a name, if it is free."""
        return self.variables.get(node, self._wish(node)) == name

    def counter(self, wish: str | None = None) -> str:
        """The variable that counts the steps of a loop; loops side by side have the same."""
        known = self.counters.get(self.depth)
        if known is None or wish not in (None, known):
            others = (self.taken, self.users_own, self.outer)
            free = (c for c in "ijkmn" if not any(c in names for names in others))
            known = self._unique(wish or next(free, "i"))
            self.counters.setdefault(self.depth, known)
        return known

    def helper(self, wish: str) -> str:
        """A variable for what is no node."""
        return self._unique(wish)

    def label(self, node: str) -> str:
        """A node's name for people: its own, ``∂J/∂h``, or its variable."""
        derivatives = self.graph.dag.graph["derivatives"]
        attributes = self.nodes[node]
        if attributes["spec"].parts:
            taken = sorted(results(self.graph, node).items())
            firsts = (users[0] for _, users in taken)
            labels = (carried_as(self.graph, part) or self.label(part) for part in firsts)
            return ", ".join(dict.fromkeys(labels)) or self.variable(node)
        name = self.outputs.get(node)
        if name in derivatives:
            seed, wrt = derivatives[name]
            return f"∂{_part(seed)}/∂{_part(wrt)}"
        if attributes["named"]:
            return node
        of = self.gradient_of(node)
        if of is not None:
            by = self.nodes[of]  # in the gradient of a gradient it may be one itself
            label = self.variable if by["phase"] == "gradient" and not by["named"] else self.label
            return f"∂{_part(attributes['seed'])}/∂{_part(label(of))}"
        variable, scope = self.variable(node), attributes["scope"]
        inner = variable.removeprefix(f"{identifier(scope)}_")
        return f"{scope}/{inner}" if scope and inner != variable else variable

    def gradient_of(self, node: str) -> str | None:
        """The value whose cotangent a node is: of several the one that the user named."""
        nodes = self.nodes
        known: list[str] = [of for of in nodes[node].get("of", ()) if of in nodes]
        for of in known:
            if nodes[of]["named"]:
                return of
        return next((of for of in known if of in self.variables), None)

    def _wish(self, node: str) -> str:
        attributes = self.nodes[node]
        name = self.outputs.get(node)
        if name in self.graph.dag.graph["derivatives"]:
            return identifier(name)  # type: ignore[arg-type]  # a key of that dict is a str
        if attributes["named"]:
            return identifier(node)
        of = self.gradient_of(node)
        if of is not None:
            return f"d{identifier(attributes['seed'])}_d{self.variable(of)}"
        if attributes["phase"] == "gradient" and ends_a_line(self.graph.dag, node):
            return identifier(attributes["local"])
        if attributes["op"] == "result":
            return self._of_loop(node)
        if attributes["phase"] == "gradient":
            return self._of_activation(node) or self._letter(node)
        if ends_a_line(self.graph.dag, node):
            return identifier(f"{attributes['scope']}/{attributes['local']}")
        return identifier(f"{attributes['scope']}/{self._letter(node)}")

    def _letter(self, node: str) -> str:
        """What people write for such a value; ``v`` where somebody has called another one so."""
        attributes = self.nodes[node]
        scope = "" if attributes["phase"] == "gradient" else f"{attributes['scope']}/"
        before = None if attributes["phase"] == "gradient" else self._before_activation(node)
        letter = before or _LETTERS.get(attributes["op"], "v")
        return "v" if identifier(f"{scope}{letter}") in self.users_own else letter

    def _of_loop(self, node: str) -> str:
        """The user's variable, or one after the body's: ``hs`` for all values of ``h``."""
        if ends_a_line(self.graph.dag, node):
            return identifier(self.nodes[node]["local"])
        params = self.nodes[self.graph.operands(node)[0]]["params"]
        body, index = params.get("body", params.get("then")), self.nodes[node]["params"]["index"]
        ends = output_nodes(body)
        if index >= len(ends):
            return kept_as(input_names(body)[: params["carries"]], index - len(ends))
        inner = ends[index]
        attributes = body.dag.nodes[inner]
        name = inner if attributes["named"] else None
        if name is None and ends_a_line(body.dag, inner):
            name = attributes["local"]
        if name is None:
            name = before_activation(body.dag, inner) or _LETTERS.get(attributes["op"], "v")
        name = identifier(name)
        if "length" not in params or index < params["carries"]:
            return name
        carried = attributes["op"] == "input" and inner in input_names(body)[: params["carries"]]
        return f"{name}_before" if carried else f"{name}s"

    def _of_activation(self, node: str) -> str | None:
        """``dJ_da1`` for the cotangent of what stands before the activation ``h1``."""
        for of in self.nodes[node].get("of", ()):
            if of in self.nodes and (name := self._before_activation(of)) is not None:
                scoped = identifier(f"{self.nodes[of]['scope']}/{name}")
                return f"d{identifier(self.nodes[node]['seed'])}_d{scoped}"
        return None

    def _before_activation(self, node: str) -> str | None:
        return before_activation(self.graph.dag, node)

    def _unique(self, wish: str) -> str:
        name = f"{wish}_" if wish in _RESERVED else wish
        joint = "_" if wish[-1:].isdigit() else ""
        number = self.numbers.get(wish, 2)
        while name in self.taken:
            name = f"{wish}{joint}{number}"
            number += 1
        self.numbers[wish] = number
        self.taken.add(name)
        return name


class Numbered(Names):
    """Names for code that nobody is going to read: numbers, which take no time to choose."""

    def variable(self, node: str) -> str:
        """The variable of a node."""
        name = self.variables.get(node)
        if name is None:
            name = self.variables[node] = self._unique("v")
        return name


def kept_as(states: Sequence[str], index: int) -> str:
    """What the states are called that a loop keeps of one that it carries."""
    name = states[index].removesuffix("_before")
    return "kept" if len(states) == 1 else f"kept_{identifier(name)}"


def _part(name: str) -> str:
    return f"({name})" if "/" in name and ("∂" in name or name.startswith("d")) else name
