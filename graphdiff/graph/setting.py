"""What nodes are marked with as they are added, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphdiff.graph.dag import Graph
    from graphdiff.graph.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Setting:
    """What nodes are marked with as they are added."""

    scope: str = ""
    marks: Mapping[str, Any] | None = None
    recompute: bool = False


class Marking:
    """A time in which a graph has another setting; passes enter one for each node."""

    __slots__ = ("before", "graph", "setting")

    def __init__(self, graph: Graph, setting: Setting) -> None:
        self.graph, self.setting = graph, setting

    def __enter__(self) -> None:
        self.before = self.graph._setting
        self.graph._setting = self.setting

    def __exit__(self, *exception: object) -> None:
        self.graph._setting = self.before


@contextmanager
def recomputing(graph: Graph) -> Iterator[Callable[[Tensor], None]]:
    """Values computed within are marked as `Tensor.recompute` does, but for results.

    What it gives is called with each result: the mark is taken off it, and off the array that it is
    a view of.
    """
    before, start = graph._setting, graph._declared
    nodes = graph.dag._node

    def unmark(result: Tensor) -> None:
        node: str | None = result.name
        while node is not None and nodes[node]["declared"] >= start:
            if not before.recompute:
                nodes[node].pop("policy", None)
            node = graph.operands(node)[0] if graph.op(node).view else None

    with Marking(graph, replace(before, recompute=True)):
        yield unmark
