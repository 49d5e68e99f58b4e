"""What the user called a value on the line that made it."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache

import networkx as nx


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
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name))
                | ast.AugAssign(target=ast.Name(id=name))
            ):
                found.update(dict.fromkeys(_lines(node), name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):  # ``f = lambda x: …`` names the function, not a value
            for line in _lines(node):
                found.pop(line, None)
    return found


def _lines(node: ast.stmt | ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def assigned_name(file: str, line: int) -> str | None:
    """The variable that a line assigns: ``"a"`` for ``a = x @ W + c``."""
    return _targets(file).get(line)


def ends_a_line(dag: nx.MultiDiGraph, node: str) -> bool:
    """Whether the user's line assigned this value to a variable: no other of the line uses it."""
    nodes = dag._node
    if "local" not in nodes[node]:
        return False
    line = (nodes[node]["origin"], nodes[node]["local"])
    return not any(
        (nodes[user]["origin"], nodes[user].get("local")) == line for user in dag._succ[node]
    )
