"""`latex`: the formulas of a graph, one below the other, for a paper or a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphdiff.drawing import notation_tex as tex
from graphdiff.drawing.labels import Labels
from graphdiff.errors import DrawError, here
from graphdiff.graph.dag import Graph
from graphdiff.lower.writer import program
from graphdiff.rewrite import DEFAULT, Pass, rewritten


@dataclass(frozen=True, slots=True)
class Formulas:
    """Formulas as LaTeX, made by `graphdiff.latex`; ``str`` gives the text, a notebook shows them.

    Parameters
    ----------
    lines
        For each value its symbol and its formula.
    first_gradient
        The number of the first line that belongs to a gradient.
    """

    lines: tuple[tuple[str, str], ...]
    first_gradient: int

    def __str__(self) -> str:
        rows: list[str] = []
        for number, (symbol, formula) in enumerate(self.lines):
            if rows:
                rows[-1] += r" \\[1.5ex]" if number == self.first_gradient else r" \\"
            rows.append(f"{symbol} &= {formula}")
        return "\n".join([r"\begin{aligned}", *rows, r"\end{aligned}"])

    def _repr_latex_(self) -> str:
        return f"$$\n{self}\n$$"


def latex(graph: Graph, *, rewrites: Sequence[Pass] | None = None) -> Formulas:
    r"""The formulas of a graph as LaTeX: one for each value of the generated source.

    Arrays are bold, ``y_hat`` has a hat, digits and scopes are lowered, ``×`` of arrays is
    :math:`\odot`, and gradients are written :math:`\partial J / \partial h`. The text is an
    ``aligned`` environment, to be put between dollars.

    Parameters
    ----------
    graph
        A network, or the gradient of one.
    rewrites
        The passes to run before; None for those of `graphdiff.compile`, so that the formulas are
        those of the generated source.

    Returns
    -------
    Formulas
        ``str(...)`` is the LaTeX; a notebook shows it as formulas.

    Raises
    ------
    DrawError
        If it is no graph.

    Notes
    -----
    Linear in nodes and edges. A part that is too long to be read is left out, as in pictures.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph("line")
    >>> x, w = g.input("x", ("t",)), g.parameter("w")
    >>> e = (x * w - 1.0).named("e")
    >>> J = g.output("J", np.mean(e**2))
    >>> print(gd.latex(gd.gradient(g, of="J")))
    \begin{aligned}
    \mathbf{e} &= \mathbf{x} \odot w - 1 \\
    J &= \operatorname{mean}(\mathbf{e}^{2}) \\[1.5ex]
    \frac{\partial J}{\partial \mathbf{e}} &= (2/t)\,\mathbf{e} \\
    \frac{\partial J}{\partial w} &= \sum (\frac{\partial J}{\partial \mathbf{e}} \odot \mathbf{x})
    \end{aligned}
    """
    if not isinstance(graph, Graph):
        raise DrawError(
            "only a graph has formulas", origin=here(), expected="gd.Graph", got=repr(graph)
        )
    if rewrites is None:
        rewrites = DEFAULT if graph.outputs_by_name else ()
    graph = rewritten(graph, rewrites)
    written = program(graph)
    phases = [value.phase for value in written.values.values()]
    count = phases.index("gradient") if "gradient" in phases else len(phases)
    labels = Labels(graph, written.names)
    given = (*written.arguments, *written.arrays)
    order = [*given, *(node for value in written.values.values() for node in value.nodes)]
    formulas = labels.formulas(dict.fromkeys(order), (*given, *written.values))
    symbols = {token: _symbol(labels, node) for token, node in labels.behind.items()}

    lines = (
        (symbols[labels.tokens[node]], tex.translated(formulas[node], symbols))
        for node in written.values
    )
    return Formulas(tuple(lines), count)


def _symbol(labels: Labels, node: str) -> str:
    """The symbol of a node: of a derivative, spelled out from the inside to the outside."""
    if parts := labels.parts(node):
        return ", ".join(dict.fromkeys(_symbol(labels, part) for part in parts))
    seeds: list[str] = []
    while (pair := labels.derivative(node)) is not None:
        seed, node = pair
        seeds.append(seed)
    graph = labels.graph
    path, name = labels.places[node]
    text = tex.symbol(name, graph.spec(node).ndim, path)
    for seed in reversed(seeds):
        of = graph.outputs_by_name.get(seed, seed)
        known = of in labels.places
        text = tex.derivative(_symbol(labels, of) if known else tex.symbol(seed), text)
    return text
