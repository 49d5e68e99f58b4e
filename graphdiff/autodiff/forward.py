"""Forward mode from the rules of reverse mode, by transposing twice.

A vector-Jacobian product x̄ = ȳᵀJ is linear in the cotangent ȳ. The product of its own Jacobian,
Jᵀ, with a tangent ẋ is therefore ẏ = Jẋ, whatever ȳ is: so the sweep is made for an unknown ȳ, what
it gives is swept again for the cotangent ẋ, and all that still depends on ȳ is thrown away.
(J. Townsend, *A new trick for calculating Jacobian vector products*, 2017.)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from graphdiff.autodiff.control_forward import push_forward_through
from graphdiff.autodiff.reverse import pull_back
from graphdiff.errors import GradientError
from graphdiff.graph.body import results
from graphdiff.graph.dag import Graph
from graphdiff.graph.order import order_among, users_of
from graphdiff.graph.tensor import Tensor


def push_forward(
    of: Sequence[Tensor], wrt: Sequence[tuple[Tensor, Tensor]], name: str
) -> list[Tensor | None]:
    """Add to a graph the tangents of some of its values, given those of others.

    Parameters
    ----------
    of
        The values to find the tangents of, all of one graph.
    wrt
        The values that they are functions of, each with its tangent.
    name
        What the new nodes' attribute ``seed`` says.

    Returns
    -------
    list
        For each of ``of`` its tangent, None where it is zero.

    Raises
    ------
    GradientError
        If a rule of an op on the way is not linear in the cotangent.

    Notes
    -----
    Cost: linear in what depends on ``wrt``. What remains in the graph are the products of each
    edge's derivative with a tangent, and what the derivatives need.
    """
    graph = wrt[0][0].graph
    known, passed = list(wrt), set[str]()
    for node in _loops(graph, of, wrt):
        operands = [graph[operand] for operand in graph.operands(node)]
        tangents = _transposed_twice(operands, known, name, passed)
        given = {i: tangent for i, tangent in enumerate(tangents) if tangent is not None}
        passed.add(node)
        if given:
            with graph.marking(**_marks(graph, node, name)):
                found = push_forward_through(graph, node, given, name, push_forward)
            for index, users in results(graph, node).items():
                if index in found:
                    known += [(graph[user], found[index]) for user in users]
    return _transposed_twice(of, known, name, passed)


def _loops(graph: Graph, of: Sequence[Tensor], wrt: Sequence[tuple[Tensor, Tensor]]) -> list[str]:
    """The nodes with bodies that are on a way, in order."""
    below = users_of(graph.dag, [value.name for value, _ in wrt])
    inside = {node for node in below if graph.op(node).bodies}
    if not inside:
        return []
    above, stack = set[str](), [value.name for value in of]
    while stack:
        node = stack.pop()
        if node in below and node not in above:
            above.add(node)
            stack.extend(graph.operands(node))
    return order_among(graph.dag, inside & above)


def _marks(graph: Graph, node: str, name: str) -> dict[str, Any]:
    attributes = graph.dag.nodes[node]
    return {
        "phase": "gradient",
        "scope": attributes["scope"],
        "origin": attributes["origin"],
        "seed": name,
        "via": node,
    }


def _transposed_twice(
    of: Sequence[Tensor],
    wrt: Sequence[tuple[Tensor, Tensor]],
    name: str,
    passed: Collection[str],
) -> list[Tensor | None]:
    """The tangents of values with no loop or branch on the way but those passed already."""
    graph = wrt[0][0].graph
    floats = [value for value in of if value.spec.is_inexact]
    if not floats:
        return [None for _ in of]
    unknown = [graph.input(graph._fresh("cotangent"), value.shape, value.dtype) for value in floats]
    try:
        first = pull_back(
            list(zip(floats, unknown, strict=True)), [value for value, _ in wrt], name, True, passed
        )
        seeds = [
            (cotangent, tangent)
            for cotangent, (_, tangent) in zip(first, wrt, strict=True)
            if cotangent is not None
        ]
        found = pull_back(seeds, unknown, name, linear=True)
    finally:
        gone = users_of(graph.dag, [tensor.name for tensor in unknown])
        graph.dag.remove_nodes_from(gone)
    for value, tangent in zip(floats, found, strict=True):
        if tangent is not None and tangent._current() in gone:
            raise GradientError(
                "an op on the way has a rule that is not linear in the cotangent, so there is no "
                "forward mode",
                node=value.name, op=value.op, origin=value.origin,
            )  # fmt: skip
    tangents = iter(found)
    return [next(tangents) if value.spec.is_inexact else None for value in of]
