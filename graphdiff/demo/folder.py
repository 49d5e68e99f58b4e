"""The folder that the demo leaves: pictures and generated files, and what each of them shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from graphdiff.compiler import compile
from graphdiff.drawing import draw
from graphdiff.drawing.scene import Detail
from graphdiff.errors import FileError
from graphdiff.graph.dag import Graph


class Folder:
    """Writes files, each whole or not at all, and notes them in the order they come."""

    def __init__(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(
                f"the folder {str(path)!r} cannot be made", got=error.strerror,
                hint="name another one: graphdiff demo --output DIR",
            ) from error  # fmt: skip
        self.path = path
        self.contents: dict[str, str] = {}

    def picture(self, name: str, graph: Graph, what: str, detail: Detail = "values") -> None:
        """Draw a graph."""
        draw(graph, self.path / name, detail=detail)
        self.contents[name] = what

    def module(self, name: str, graph: Graph, what: str) -> ModuleType:
        """Write the generated source of a graph, and import the file that was written."""
        path = self.path / name
        compile(graph, style="readable").save(path)
        self.contents[name] = what
        spec = importlib.util.spec_from_file_location(f"generated_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
