"""What is differentiated, by what, and what the derivatives are called."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from graphdiff.errors import GradientError, GraphError, here
from graphdiff.graph.dag import Graph
from graphdiff.graph.tensor import Tensor


def root_of(g: Graph, of: str | Tensor) -> tuple[str, str]:
    """The name that the user calls the cost by, and its node."""
    tensor = _tensor(g, of)
    if tensor.ndim != 0:
        raise GradientError(
            "only a scalar has a gradient",
            node=tensor.name, op=tensor.op, origin=tensor.origin,
            expected="shape ()", got=repr(tensor.spec),
            hint="differentiate np.sum(...) or np.mean(...) of it, or of its product with a "
            "constant vector; gd.jacobian has all derivatives of a function",
        )  # fmt: skip
    if tensor.spec.is_complex:
        raise GradientError(
            "a complex value has no gradient",
            node=tensor.name, op=tensor.op, origin=tensor.origin,
            expected="a real scalar", got=repr(tensor.spec),
            hint="differentiate a real function of it, such as np.abs(z)**2 or np.real(z)",
        )  # fmt: skip
    if not tensor.spec.is_inexact:
        raise GradientError(
            "only a float can be differentiated",
            node=tensor.name, op=tensor.op, origin=tensor.origin, got=repr(tensor.spec),
        )  # fmt: skip
    if isinstance(of, str) and of in g.outputs_by_name:
        return of, tensor.name
    names = [name for name, node in g.outputs_by_name.items() if node == tensor.name]
    return (names[0] if names else tensor.name), tensor.name


def targets_of(g: Graph, wrt: str | Tensor | Sequence[str | Tensor] | None) -> dict[str, str]:
    """The nodes to differentiate by, under the names that the user calls them by."""
    if wrt is None:
        wrt = list(g.parameters.values())
        if not wrt:
            raise GradientError(
                f"{g.name!r} has no parameter to differentiate by", origin=here(),
                hint=f"name a value: wrt=[{next(iter(g.inputs), 'x')!r}]",
            )  # fmt: skip
    elif isinstance(wrt, (str, Tensor)):
        wrt = [wrt]
    targets: dict[str, str] = {}
    for item in wrt:
        tensor = _tensor(g, item)
        if not tensor.spec.is_inexact:
            raise GradientError(
                "there is no derivative by a value that is not a float",
                node=tensor.name, op=tensor.op, origin=tensor.origin,
                expected="a float, real or complex", got=repr(tensor.spec),
                hint="declare it as a float, or leave it out of wrt",
            )  # fmt: skip
        targets[item if isinstance(item, str) else tensor.name] = tensor.name
    if not targets:
        raise GradientError("wrt is empty", origin=here(), hint="name at least one value")
    return targets


def only_of_graphs(g: object) -> None:
    """Raise for what is no graph."""
    if not isinstance(g, Graph):
        raise GraphError(
            "only a graph has derivatives and paths", origin=here(), expected="gd.Graph",
            got=repr(g)[:80], hint="gd.trace makes one of a function",
        )  # fmt: skip


def _tensor(g: Graph, item: object) -> Tensor:
    only_of_graphs(g)
    if isinstance(item, Tensor):
        if item.graph is not g:
            raise GraphError("a tensor of another graph", origin=here(), got=repr(item))
        return item
    if not isinstance(item, str):
        raise GraphError(
            f"{item!r} does not name a value", origin=here(), expected="a name or a Tensor"
        )
    return g[item]


def add_derivative(graph: Graph, of: str, wrt: str, value: Tensor) -> None:
    """Declare a value to be the derivative ``"dJ/dW"`` of one output by another value."""
    derivative = f"d{_bracketed(of)}/d{_bracketed(wrt)}"
    graph.output(derivative, value)
    graph.dag.graph["derivatives"][derivative] = of, wrt


def _bracketed(name: str) -> str:
    """A name that is a derivative itself, in brackets: ``d(dJ/dw)/dw``."""
    return f"({name})" if name.startswith("d") and "/d" in name else name


def refuse_disconnected(graph: Graph, seed: str, node: str, disconnected: str) -> None:
    """Raise, or warn, that a value does not depend on a node."""
    message = f"{seed!r} does not depend on it, so there is no derivative"
    origin = graph.dag.nodes[node]["origin"]
    hint = "leave it out of wrt, or ask for disconnected='zero'"
    error = GradientError(
        message, node=node, op=graph.dag.nodes[node]["op"], origin=origin, hint=hint
    )
    if disconnected == "raise":
        raise error
    if disconnected == "warn":
        warnings.warn(str(error), stacklevel=4)
