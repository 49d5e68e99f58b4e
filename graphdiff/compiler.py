"""The pipeline on one page: differentiate, rewrite, plan, lower, run."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, Literal

from graphdiff.autodiff import reverse
from graphdiff.autodiff.naming import only_of_graphs
from graphdiff.errors import CompileError, here
from graphdiff.graph.allocation import collection_paused
from graphdiff.graph.dag import Graph
from graphdiff.graph.files import digest
from graphdiff.graph.tensor import Tensor
from graphdiff.lower.fast import bare_module, fast_module
from graphdiff.lower.lending import lending
from graphdiff.lower.module import Module
from graphdiff.lower.runtime import Compiled
from graphdiff.lower.source import module
from graphdiff.planning.cost import check_steps, marked_steps
from graphdiff.planning.schedule import Plan
from graphdiff.rewrite import DEFAULT, STABLE, Pass, rewritten
from graphdiff.version import VERSION

Style = Literal["readable", "fast"]


def gradient(
    g: Graph,
    of: str | Tensor,
    wrt: str | Tensor | Sequence[str | Tensor] | None = None,
    disconnected: Literal["raise", "zero", "warn"] = "raise",
    rewrites: Sequence[Pass] = STABLE,
) -> Graph:
    """The gradient of a scalar, as a graph: the forward nodes and, after them, the gradient's.

    Parameters
    ----------
    g
        The network. It is not changed.
    of
        The scalar to differentiate: an output's or a node's name, or its tensor.
    wrt
        What to differentiate by: names or tensors, any nodes. None means every parameter.
    disconnected
        What to do about a ``wrt`` that ``of`` does not depend on: ``"raise"``, ``"zero"`` (its
        derivative is 0), or ``"warn"`` (the same, with a warning).
    rewrites
        The passes to run before: formulas that would overflow, such as the logarithm of a sigmoid,
        are made stable, so that their derivatives are too. ``()`` for none.

    Returns
    -------
    Graph
        With the outputs of ``g``, ``of``, and one output ``"dJ/dW"`` for each ``wrt``, of its
        shape and dtype. A gradient node's attribute ``of`` names the values whose cotangent it
        is, ``via`` the node whose vector-Jacobian product formed it, ``seed`` what was
        differentiated. The graph can be differentiated again.

    Raises
    ------
    GradientError
        If ``of`` is not a float scalar, a ``wrt`` is not a float or is disconnected, or there is
        nothing to differentiate by.

    Notes
    -----
    Linear in nodes and edges: one vector-Jacobian product for each edge on a path from ``wrt`` to
    ``of`` (see `Graph.report`). Algorithm 6.2 of Goodfellow et al., *Deep Learning* (2016);
    Griewank & Walther, *Evaluating Derivatives* (2008), section 3.2.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph("line")
    >>> x, w = g.input("x", ("t",)), g.parameter("w")
    >>> J = g.output("J", np.mean((x * w) ** 2))
    >>> G = gd.gradient(g, of="J")
    >>> list(G.outputs)
    ['J', 'dJ/dw']
    """
    only_of_graphs(g)
    with collection_paused():
        named, of, wrt = _by_name(g, of, wrt)
        return reverse.gradient(rewritten(named, rewrites), of, wrt, disconnected)


def _by_name(g: Graph, of: Any, wrt: Any) -> tuple[Graph, Any, Any]:
    """Tensors of the graph as names that rewrites keep."""
    tensors = [t for t in (of, *(wrt if isinstance(wrt, Sequence) else (wrt,))) if _is_of(g, t)]
    if not tensors:
        return g, of, wrt
    named = g.copy()
    for tensor in tensors:
        named.dag.nodes[tensor.name]["named"] = True

    def name(item: Any) -> Any:
        return item.name if _is_of(g, item) else item

    names = [name(item) for item in wrt] if isinstance(wrt, (list, tuple)) else name(wrt)
    return named, name(of), names


def _is_of(g: Graph, item: Any) -> bool:
    return isinstance(item, Tensor) and item.graph is g


def compile(
    graph: Graph,
    style: Style = "fast",
    rewrites: Sequence[Pass] = DEFAULT,
    plan: Plan | None = None,
) -> Compiled:
    """Lower a graph to NumPy source, and make a function of it.

    Parameters
    ----------
    graph
        A network, or the gradient of one.
    style
        ``"readable"``: what a careful person would write. ``"fast"``: the same computations, and
        the same bits for arrays in C order, with one call a line, results put into arrays that are
        needed no more, and no shapes asserted. Where arrays are large, workspaces are kept from
        call to call, as many as calls run at a time.
    rewrites
        The passes to run before, each a function from graph to graph; ``()`` for none. With a plan
        these are the plan's.
    plan
        What to store and what to compute again: the result of `graphdiff.plan` for this graph. The
        code follows its steps exactly, with a line for each computation and ``del`` for each value
        that is freed. Without one, what is marked with `Tensor.recompute` or `checkpoint` is
        computed again just before the gradient pass uses it.

    Returns
    -------
    Compiled
        Call it with inputs and parameters by name; ``.source`` is the generated module and
        ``.save(path)`` writes it to a file that needs NumPy only.

    Raises
    ------
    CompileError
        If the graph has no output, the style is unknown, or the plan is for another graph.
    PlanError
        If the steps of the plan were changed, so that one takes what is not in memory.

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
    return _compiled(graph, fast_module if style == "fast" else module, rewrites, plan)


def compile_for_calls(graph: Graph) -> tuple[Module, Callable[..., Any]]:
    """Compile a graph whose source nobody is going to read, as the functions of functions do.

    The graph after the rewrites is not kept: where it is large, it takes much of the time and the
    memory of a first call.
    """
    with collection_paused():  # which ends when what was made on the way is gone
        generated = _bare(graph)
        return generated, _function(generated, graph.name)


def _bare(graph: Graph) -> Module:
    written = rewritten(graph, DEFAULT)
    return bare_module(written, graph, VERSION, marked_steps(written))


def _compiled(
    graph: Graph, write: Callable[..., Module], rewrites: Sequence[Pass], plan: Plan | None
) -> Compiled:
    with collection_paused():
        if plan is None:
            written = rewritten(graph, rewrites)
            steps = marked_steps(written)
        else:
            written, steps = _planned(graph, plan), plan.steps  # type: ignore[assignment]  # its nodes are names
        generated = write(written, graph, VERSION, steps)
        function = _function(generated, written.name)
    nodes = written.dag.nodes
    return Compiled(
        graph=written,
        original=graph,
        plan=plan,
        generated=generated,
        _function=function,
        _specs={name: nodes[name]["spec"] for name in generated.arguments},
        _defaults={
            name: nodes[name]["params"]["value"]
            for name in generated.arguments
            if nodes[name]["params"].get("value") is not None
        },
    )


def _planned(graph: Graph, plan: Plan) -> Graph:
    """The graph that a plan was made for."""
    if not isinstance(plan, Plan):
        raise CompileError(
            "this is no plan", expected="what gd.plan returns", got=repr(plan),
            hint="plan=gd.plan(G, …)",
        )  # fmt: skip
    if plan.graph is None or plan.planned != digest(graph):
        raise CompileError(
            "the plan is for another graph",
            expected=f"gd.plan of {graph.name!r}, as it is now",
            got=repr(plan),
            hint="plan it again: gd.plan(G, …)",
        )
    check_steps(plan.graph, plan.steps)
    return plan.graph


def _function(generated: Module, name: str) -> Any:
    """The entry function of generated source."""
    scope: dict[str, Any] = {"__name__": "graphdiff_generated"}
    exec(builtins.compile(generated.run, f"<graphdiff {name!r}>", "exec"), scope)
    function = scope[generated.function]
    if generated.sizes is None:
        return function
    return lending(function, scope["workspace"], generated.sizes)
