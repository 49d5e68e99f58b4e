"""Where in the user's code a node was made, and what the user called it there."""

from __future__ import annotations

import ast
import linecache
import os
import sys
from functools import lru_cache

import numpy as np

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep


def origin() -> tuple[str, int] | None:
    """The file and line of the innermost caller outside graphdiff and NumPy."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_OURS, _NUMPY)):
            return name, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return None


@lru_cache(maxsize=64)
def _targets(file: str) -> dict[int, str]:
    """For each line of a file, the variable that the statement on it assigns, where it is one."""
    lines = linecache.getlines(file)
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return {}
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                    found[line] = name
    return found


def assigned_name(file: str, line: int) -> str | None:
    """The variable that a line assigns: ``"a"`` for ``a = x @ W + c``."""
    return _targets(file).get(line)
