"""To which of several graphs a value belongs, where one is traced within another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from graphdiff.errors import GraphError

if TYPE_CHECKING:
    from graphdiff.graph.body import Body
    from graphdiff.graph.dag import Graph
    from graphdiff.graph.tensor import Tensor

# The side of a branch that this thread is tracing: what it computes belongs there, even where it
# reads nothing but what is outside, since it may not be run.
branch: ContextVar[Graph | None] = ContextVar("branch", default=None)


class OtherGraphError(GraphError):
    """A tensor met one of another graph.

    ``outer`` is the graph around the one that was being traced, if that is the other graph.
    """

    def __init__(self, graph: Graph, tensor: Any) -> None:
        super().__init__(
            "a tensor of another graph",
            expected=f"tensors of {graph.name!r}", got=repr(tensor), hint=tensor.graph._leaving,
        )  # fmt: skip
        self.graph = graph
        self.tensor: Tensor = tensor
        self.outer: Graph | None = None

    def leaves(self, graph: Graph) -> None:
        """Note that it passes out of the function that a graph is traced of."""
        around = [g for g in (self.graph, self.tensor.graph) if g._born < graph._born]
        self.outer = around[0] if len(around) == 1 else None


def innermost(tensors: Iterable[Tensor]) -> Graph:
    """Of the graphs that some tensors belong to, the one inside all the others.

    While a side of a branch is traced, what is computed there belongs to it.
    """
    found = max((tensor.graph for tensor in tensors), key=lambda graph: graph._born)
    inside = branch.get()
    return inside if inside is not None and inside._takes_from(found) else found


@contextmanager
def tracing_branch(body: Body) -> Iterator[None]:
    """Put what is computed meanwhile into a side of a branch."""
    token = branch.set(body)
    try:
        yield
    finally:
        branch.reset(token)
