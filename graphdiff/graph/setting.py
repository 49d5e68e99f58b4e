"""What nodes are marked with as they are added, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphdiff.graph.dag import Graph


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
