"""What the user called a value on the line that made it."""

from __future__ import annotations

import ast
import linecache
import re
from functools import lru_cache

import networkx as nx

# The variables that a statement assigns: one, or nested tuples of them; None for no variable.
Pattern = str | tuple["Pattern", ...] | None

_ACTIVATIONS = frozenset(
    {"relu", "tanh", "sigmoid", "softplus", "hard_tanh", "maximum", "minimum", "erf"}
)


@lru_cache(maxsize=64)
def _targets(file: str) -> dict[int, Pattern]:
    """For each line of a file, what the statement on it assigns to."""
    lines = linecache.getlines(file)
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return {}
    found: dict[int, Pattern] = {}
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name))
                | ast.AugAssign(target=ast.Name(id=name))
            ):
                found.update(dict.fromkeys(_lines(node), name))
            case ast.Assign(targets=[ast.Tuple() as several]):
                found.update(dict.fromkeys(_lines(node), _pattern(several)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):  # ``f = lambda x: …`` names the function, not a value
            for line in _lines(node):
                found.pop(line, None)
    return found


def _lines(node: ast.stmt | ast.expr) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _pattern(target: ast.expr) -> Pattern:
    match target:
        case ast.Name(id=name):
            return name
        case ast.Tuple(elts=parts):
            return tuple(map(_pattern, parts))
        case _:
            return None


def assigned_name(file: str, line: int) -> str | None:
    """The variable that a line assigns: ``"a"`` for ``a = x @ W + c``."""
    found = _targets(file).get(line)
    return found if isinstance(found, str) else None


def assigned_part(file: str, line: int, path: tuple[object, ...]) -> str | None:
    """The variable that a line assigns a part of a result: ``hs`` for 1 and ``h, hs = f()``."""
    found = _targets(file).get(line)
    if isinstance(found, str) or found is None:
        return None
    for depth, key in enumerate(path):
        if isinstance(found, tuple):
            found = found[key] if isinstance(key, int) and key < len(found) else None
        elif found is not None:
            return ".".join([found, *map(str, path[depth:])])
    return found if isinstance(found, str) and found != "_" else None


def before_activation(dag: nx.MultiDiGraph, node: str) -> str | None:
    """``a1`` for the value whose activation is ``h1``."""
    nodes = dag.nodes
    for user in dag.succ[node]:
        if nodes[user]["op"] in _ACTIVATIONS and nodes[user]["phase"] == "forward":
            digits = re.search(r"\d*$", user if nodes[user]["named"] else "")
            return f"a{digits.group() if digits else ''}"
    return None


def ends_a_line(dag: nx.MultiDiGraph, node: str) -> bool:
    """Whether the user's line assigned this value to a variable: no other of the line uses it."""
    nodes = dag._node
    if "local" not in nodes[node]:
        return False
    line = (nodes[node]["origin"], nodes[node]["local"])
    return not any(
        (nodes[user]["origin"], nodes[user].get("local")) == line for user in dag._succ[node]
    )
