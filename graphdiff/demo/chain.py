"""Figure 6.9: the gradient of a chain, from stored values or from recomputed ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphdiff import gradient
from graphdiff.autodiff.paths import Expression, expression
from graphdiff.demo import networks
from graphdiff.demo.folder import Folder

AT = 0.5  # the value of w
NAMES = {"tanh": "f"}


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A way to the gradient: its expression, its value, and how often f and f′ were called."""

    expression: Expression
    value: float
    calls: int
    derivative_calls: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The results of this part; ``longer`` has the evaluations for chains of more steps."""

    definitions: dict[str, str]
    stored: Evaluated
    recomputed: Evaluated
    generated: float
    longer: dict[int, tuple[int, int]]


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, value: Any) -> Any:
        """Call it."""
        self.calls += 1
        return self.function(value)


def evaluate(steps: int, style: str) -> Evaluated:
    """Evaluate the gradient's expression as it stands, no part of it shared."""
    import sympy

    g = networks.chain(steps)
    made = expression(g, of="z", wrt="w", style=style, names=NAMES)  # type: ignore[arg-type]  # a str
    f, derivative = Counted(np.tanh), Counted(lambda value: 1.0 - np.tanh(value) ** 2)
    values = {"w": np.float64(AT)}
    if style == "stored":
        for node in g.order()[1:-1]:  # z itself is not needed
            values[node] = f(values[g.operands(node)[0]])
    code = made.sympy.replace(sympy.Function("f'"), sympy.Function("df"))
    symbols = [sympy.Symbol(name, real=True) for name in values]
    function = sympy.lambdify(symbols, code, modules=[{"f": f, "df": derivative}])
    return Evaluated(made, float(function(*values.values())), f.calls, derivative.calls)


def run(folder: Folder, advance: Callable[[], None]) -> Chain:
    """Write the files, and come to the gradient in three ways."""
    G = gradient(networks.chain(), of="z", wrt="w")
    folder.picture("chain.svg", G, "figure 6.9 beside its gradient")
    net = folder.module("chain.py", G, "figure 6.9 and its gradient")
    _, gradients = net.value_and_grad(AT)
    stored, recomputed = evaluate(3, "stored"), evaluate(3, "recomputed")
    longer = {
        steps: (evaluate(steps, "stored").calls, evaluate(steps, "recomputed").calls)
        for steps in (3, 10, 30)
    }
    advance()
    definitions = dict(stored.expression.definitions)
    return Chain(definitions, stored, recomputed, float(gradients["w"]), longer)
