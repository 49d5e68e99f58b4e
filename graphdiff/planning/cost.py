"""What the values of a graph cost: bytes to keep, floating-point operations to compute.

The result is the bare DAG that planning works on. Its nodes are the values that own memory. A view
(a transpose, a slice) owns none: what uses it uses the array behind it. Nor do numbers that are
written into the code. Inputs, parameters and constants are there throughout and are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx

from graphdiff.errors import PlanError, near
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.ops.spec import Dimension, dimension_names, evaluate_dimension

_COPIED_BY_RESHAPE = frozenset({"transpose", "slice", "broadcast_to"})
_ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide", "power", "negative"})


def weigh(graph: Graph, sizes: Mapping[str, int] | None = None) -> nx.DiGraph:
    """The values of a graph that own memory, with their ``size`` in bytes and ``cost`` in FLOPs.

    Parameters
    ----------
    graph
        What is to be planned.
    sizes
        The lengths of the named dimensions.

    Returns
    -------
    networkx.DiGraph
        In topological order, with the graph attribute ``outputs``.

    Raises
    ------
    PlanError
        If a length is missing, unknown, or not a positive int.

    Notes
    -----
    Linear in nodes and edges.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph()
    >>> x = g.input("x", ("t", 3))
    >>> y = g.output("y", np.tanh(x.T @ x))
    >>> weigh(g, {"t": 10}).nodes["y"]
    {'size': 72, 'cost': 9, 'phase': 'forward'}
    """
    known = _checked_sizes(graph, sizes or {})
    result = nx.DiGraph()
    bases: dict[str, tuple[str, ...]] = {}
    numbers: set[str] = set()
    for node in graph.order():
        operands = graph.operands(node)
        behind = tuple(dict.fromkeys(base for operand in operands for base in bases[operand]))
        if _is_number(graph, node, operands, numbers):
            numbers.add(node)
            bases[node] = ()
        elif graph.dag.nodes[node]["op"] in SOURCES:
            bases[node] = ()
        elif not _owns_memory(graph, node, operands):
            bases[node] = behind
        else:
            bases[node] = (node,)
            out = graph.spec(node)
            work = graph.op(node).work(out, *(graph.spec(operand) for operand in operands))
            result.add_node(
                node,
                size=_evaluate(out.size, known) * out.dtype.itemsize,
                cost=_evaluate(work, known),
                phase=graph.dag.nodes[node]["phase"],
            )
            result.add_edges_from((base, node) for base in behind)
    outputs = [base for node in graph.outputs_by_name.values() for base in bases[node]]
    result.graph["outputs"] = list(dict.fromkeys(outputs))
    return result


def _is_number(graph: Graph, node: str, operands: list[str], numbers: set[str]) -> bool:
    """Whether a value is written into the code as a number, or as arithmetic on numbers."""
    op = graph.dag.nodes[node]["op"]
    if graph.spec(node).ndim or node in graph.outputs_by_name.values():
        return False
    return op in ("constant", "size") or (op in _ARITHMETIC and numbers.issuperset(operands))


def _owns_memory(graph: Graph, node: str, operands: list[str]) -> bool:
    op = graph.op(node)
    if not op.view:
        return True
    behind = graph.spec(operands[0])
    if op.name == "broadcast_to":  # of a number: it is filled in; as an output: it is copied
        return behind.ndim == 0 or node in graph.outputs_by_name.values()
    return op.name == "reshape" and graph.dag.nodes[operands[0]]["op"] in _COPIED_BY_RESHAPE


def _checked_sizes(graph: Graph, sizes: Mapping[str, int]) -> Mapping[str, int]:
    names = {
        name
        for _, spec in graph.dag.nodes(data="spec")
        for part in spec.shape
        for name in dimension_names(part)
    }
    for name in names:
        if name not in sizes:
            raise PlanError(
                f"the length of {name!r} is not given",
                hint=f"sizes={{{name!r}: 32}}, or what it will be",
            )
    for name, length in sizes.items():
        if name not in names:
            raise PlanError(
                f"there is no dimension {name!r}",
                expected=", ".join(sorted(names)) or "no sizes: all dimensions are known",
                hint=near(name, names),
            )
        if isinstance(length, bool) or not isinstance(length, int) or length < 1:
            raise PlanError(f"the length of {name!r} is not a positive int", got=repr(length))
    return sizes


def _evaluate(value: Dimension, sizes: Mapping[str, int]) -> int:
    return evaluate_dimension(value, sizes)
