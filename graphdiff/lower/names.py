"""What things are called in generated code, formulas and pictures.

The user's names come first: a node's own, then the variable of the user's line. A gradient value is
called after what it is the gradient of: ``dJ_dh``. What nobody named gets the letter that people
write for such a value: ``a`` before an activation, ``e`` for a difference.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Mapping

from graphdiff.graph.dag import Graph
from graphdiff.graph.origin import ends_a_line

_RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np"})

_ACTIVATIONS = frozenset(
    {"relu", "tanh", "sigmoid", "softplus", "hard_tanh", "maximum", "minimum", "erf"}
)
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
    safe = "".join(char if char.isprintable() else " " for char in text)
    return safe.replace("\\", "/").replace('"', "'")


class Names:
    """Gives each value of one program a variable and a label; no two are the same.

    Parameters
    ----------
    graph
        What is being written.
    taken
        Names that the program uses otherwise.
    """

    def __init__(self, graph: Graph, taken: Iterable[str] = ()) -> None:
        self.graph = graph
        self.nodes = graph.dag._node
        self.taken = {*_RESERVED, *taken}
        self.numbers: dict[str, int] = {}
        self.variables: dict[str, str] = {}
        self.dimensions: dict[str, str] = {}
        self.outputs = {node: name for name, node in reversed(graph.outputs_by_name.items())}
        self.users_own = {
            identifier(node) for node, named in graph.dag.nodes(data="named") if named
        }

    def dimension(self, name: str) -> str:
        """The variable of a named dimension."""
        if name not in self.dimensions:
            self.dimensions[name] = self._unique(identifier(name))
        return self.dimensions[name]

    def variable(self, node: str) -> str:
        """The variable of a node, chosen at the first call."""
        if node not in self.variables:
            wish = self._wish(node)
            own = self.nodes[node]["named"]
            if not own and wish in self.users_own:
                wish = f"{wish}_"
            self.variables[node] = self._unique(wish)
        return self.variables[node]

    def label(self, node: str) -> str:
        """A node's name for people: its own, ``∂J/∂h``, or its variable."""
        derivatives = self.graph.dag.graph["derivatives"]
        attributes = self.nodes[node]
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
        if attributes["phase"] == "gradient":
            return self._of_activation(node) or _LETTERS.get(attributes["op"], "v")
        if ends_a_line(self.graph.dag, node):
            name = attributes["local"]
        else:
            name = self._before_activation(node) or _LETTERS.get(attributes["op"], "v")
        return identifier(f"{attributes['scope']}/{name}")

    def _of_activation(self, node: str) -> str | None:
        """``dJ_da1`` for the cotangent of what stands before the activation ``h1``."""
        for of in self.nodes[node].get("of", ()):
            if of in self.nodes and (name := self._before_activation(of)) is not None:
                scoped = identifier(f"{self.nodes[of]['scope']}/{name}")
                return f"d{identifier(self.nodes[node]['seed'])}_d{scoped}"
        return None

    def _before_activation(self, node: str) -> str | None:
        """``a1`` for the value whose activation is ``h1``."""
        nodes = self.nodes
        for user in self.graph.dag._succ[node]:
            if nodes[user]["op"] in _ACTIVATIONS and nodes[user]["phase"] == "forward":
                digits = re.search(r"\d*$", user if nodes[user]["named"] else "")
                return f"a{digits.group() if digits else ''}"
        return None

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


def _part(name: str) -> str:
    return f"({name})" if "/" in name and ("∂" in name or name.startswith("d")) else name
