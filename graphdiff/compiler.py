"""The pipeline on one page: rewrite, lower, run."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, Literal

from graphdiff.errors import CompileError, here
from graphdiff.graph.allocation import collection_paused
from graphdiff.graph.dag import Graph
from graphdiff.lower.runtime import Compiled
from graphdiff.lower.source import Module, module
from graphdiff.rewrite import DEFAULT, Pass
from graphdiff.version import VERSION

Style = Literal["readable", "fast"]


def compile(
    graph: Graph,
    style: Style = "fast",
    rewrites: Sequence[Pass] = DEFAULT,
) -> Compiled:
    """Lower a graph to NumPy source, and make a function of it.

    Parameters
    ----------
    graph
        A network, or the gradient of one.
    style
        ``"readable"``: what a careful person would write. ``"fast"`` is the same program so far.
    rewrites
        The passes to run before, each a function from graph to graph; ``()`` for none.

    Returns
    -------
    Compiled
        Call it with inputs and parameters by name; ``.source`` is the generated module and
        ``.save(path)`` writes it to a file that needs NumPy only.

    Raises
    ------
    CompileError
        If the graph has no output, or the style is unknown.

    Notes
    -----
    Linear in nodes and edges. The same graph gives the same bytes.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph("square")
    >>> x = g.input("x", ("t",))
    >>> y = g.output("y", (x * x).sum())
    >>> f = gd.compile(g, style="readable")
    >>> f(x=[1.0, 2.0])
    {'y': np.float64(5.0)}
    """
    if not isinstance(graph, Graph):
        raise CompileError(
            "only a graph can be compiled", origin=here(), expected="gd.Graph", got=repr(graph)
        )
    if style not in ("readable", "fast"):
        raise CompileError(
            f"there is no style {style!r}", origin=here(), expected="'readable' or 'fast'"
        )
    with collection_paused():
        rewritten = graph
        for rewrite in rewrites:
            rewritten = rewrite(rewritten)
        generated = module(rewritten, graph, VERSION)
    nodes = rewritten.dag.nodes
    return Compiled(
        graph=rewritten,
        original=graph,
        generated=generated,
        _function=_function(generated, rewritten.name),
        _specs={name: nodes[name]["spec"] for name in generated.arguments},
        _defaults={
            name: nodes[name]["params"]["value"]
            for name in generated.arguments
            if nodes[name]["params"].get("value") is not None
        },
    )


def _function(generated: Module, name: str) -> Any:
    """The entry function of generated source."""
    scope: dict[str, Any] = {"__name__": "graphdiff_generated"}
    exec(builtins.compile(generated.text, f"<graphdiff {name!r}>", "exec"), scope)
    return scope[generated.function]
