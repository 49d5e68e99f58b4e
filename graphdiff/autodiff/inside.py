"""What is added to the body of a loop or a branch for its derivative."""

from __future__ import annotations

from graphdiff.graph.dag import Graph
from graphdiff.graph.origin import before_activation, ends_a_line
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.spec import Spec


def beside_input(body: Graph, name: str, like: str, named: bool = True) -> Tensor:
    """An input for a cotangent, a tangent or a sum, of the form of another node."""
    while name in body:
        name += "_"
    with body.marking(phase="gradient", scope="", origin=None):
        return Tensor(body, body._insert("input", {}, body.spec(like), (), name, named=named))


def zeros(graph: Graph, spec: Spec) -> Tensor:
    """Zeros of a shape and a dtype."""
    zero = graph.constant(0.0, dtype=spec.dtype)
    return graph.apply("broadcast_to", (zero,), {"shape": spec.shape}) if spec.ndim else zero


def or_zeros(body: Graph, value: Tensor | None, spec: Spec) -> str:
    """The node of a derivative, zeros where it is None."""
    if value is not None:
        return value.name
    with body.marking(phase="gradient"):
        return zeros(body, spec).name


def called_in(body: Graph, node: str) -> str:
    """What a person calls a value of a body."""
    attributes = body.dag.nodes[node]
    if attributes["named"]:
        return node
    if ends_a_line(body.dag, node):
        return str(attributes["local"])
    return before_activation(body.dag, node) or node
