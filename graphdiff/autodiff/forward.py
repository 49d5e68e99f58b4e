"""Forward mode from the rules of reverse mode, by transposing twice.

A vector-Jacobian product x̄ = ȳᵀJ is linear in the cotangent ȳ. The product of its own Jacobian,
Jᵀ, with a tangent ẋ is therefore ẏ = Jẋ, whatever ȳ is: so the sweep is made for an unknown ȳ, what
it gives is swept again for the cotangent ẋ, and all that still depends on ȳ is thrown away.
(J. Townsend, *A new trick for calculating Jacobian vector products*, 2017.)
"""

from __future__ import annotations

from collections.abc import Sequence

from graphdiff.autodiff.reverse import pull_back
from graphdiff.errors import GradientError
from graphdiff.graph.order import users_of
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
    floats = [value for value in of if value.spec.is_float]
    if not floats:
        return [None for _ in of]
    unknown = [graph.input(graph._fresh("cotangent"), value.shape, value.dtype) for value in floats]
    try:
        first = pull_back(
            list(zip(floats, unknown, strict=True)), [value for value, _ in wrt], name, linear=True
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
        if tangent is not None and tangent._cell.node in gone:
            raise GradientError(
                "an op on the way has a rule that is not linear in the cotangent, so there is no "
                "forward mode",
                node=value.name, op=value.op, origin=value.origin,
            )  # fmt: skip
    tangents = iter(found)
    return [next(tangents) if value.spec.is_float else None for value in of]
