"""Graphs in files: JSON with a schema version; exact values, no code."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from graphdiff.errors import FileError
from graphdiff.graph.dag import Graph
from graphdiff.graph.reading import MARKS
from graphdiff.ops.spec import Dim, Spec

FORMAT, VERSION = "graphdiff graph", 1


def save(graph: Graph, path: str | Path) -> None:
    """Write a graph to a file, whole or not at all."""
    write_whole(path, json.dumps(to_json(graph), indent=1, ensure_ascii=False) + "\n")


def load(path: str | Path) -> Graph:
    """Read a graph that `Graph.save` wrote.

    Raises
    ------
    FileError
        If there is no such file, or it is not a graph of a known version.
    GraphError, ShapeError, DTypeError
        If the graph in it is not sound.

    Examples
    --------
    >>> import tempfile, os, graphdiff as gd
    >>> g = gd.Graph("line")
    >>> y = g.output("y", 2.0 * g.input("x"))
    >>> path = os.path.join(tempfile.mkdtemp(), "line.json")
    >>> g.save(path)
    >>> gd.load(path)
    <Graph 'line': 3 nodes, 1 input, 0 parameters, output y>
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError as error:
        raise FileError(f"{str(path)!r} cannot be read", got=error.strerror) from error
    except ValueError as error:
        raise FileError(f"{str(path)!r} is not JSON", got=str(error)) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileError(
            f"{str(path)!r} is not a graph", expected=f'"format": "{FORMAT}", as Graph.save writes'
        )
    if document.get("version") != VERSION:
        raise FileError(
            f"{str(path)!r} has an unknown version",
            expected=str(VERSION),
            got=str(document.get("version")),
            hint="read it with the graphdiff that wrote it",
        )
    try:
        return from_json(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileError(f"{str(path)!r} is damaged", got=f"{error!r}") from error


def to_json(graph: Graph) -> dict[str, Any]:
    """The graph as plain dicts, lists, strings and numbers."""
    nodes = []
    for name in graph.order():
        attributes = graph.dag.nodes[name]
        spec: Spec = attributes["spec"]
        nodes.append(
            {
                "name": name,
                "op": attributes["op"],
                "operands": graph.operands(name),
                "shape": list(spec.shape),
                "dtype": str(spec.dtype),
                "params": {key: _encode(value) for key, value in attributes["params"].items()},
                **{key: attributes[key] for key in MARKS if key in attributes},
            }
        )
    facts = graph.dag.graph
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": graph.name,
        "nodes": nodes,
        "outputs": facts["outputs"],
        "derivatives": facts["derivatives"],
        "sweeps": facts["sweeps"],
    }


def from_json(document: dict[str, Any]) -> Graph:
    """The graph of `to_json`, every node checked again."""
    dag = nx.MultiDiGraph(
        name=document["name"],
        outputs=document["outputs"],
        derivatives={name: tuple(pair) for name, pair in document["derivatives"].items()},
        sweeps=document["sweeps"],
    )
    for node in document["nodes"]:
        marks = {key: node[key] for key in MARKS if key in node}
        params = {key: _decode(value) for key, value in node["params"].items()}
        dag.add_node(
            node["name"],
            op=node["op"],
            spec=Spec.of(node["shape"], node["dtype"]),
            params=params,
            **marks,
        )
        for position, operand in enumerate(node["operands"]):
            if operand not in dag:
                raise FileError(f"the operand {operand!r} of {node['name']!r} is not in the file")
            dag.add_edge(operand, node["name"], position)
    return Graph.from_networkx(dag)


def digest(graph: Graph) -> str:
    """Eight hexadecimal digits that tell graphs apart; where they were written does not count."""
    document = to_json(graph)
    for node in document["nodes"]:
        node.pop("origin", None)
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:8]


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode("ascii")
        return {"dtype": str(value.dtype), "shape": list(value.shape), "base64": data}
    if isinstance(value, Dim):
        return {"dimension": str(value)}
    if isinstance(value, tuple):
        return [_encode(part) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": repr(value)}
    return value


def _decode(value: Any) -> Any:
    match value:
        case {"base64": data, "dtype": dtype, "shape": shape}:
            array = np.frombuffer(base64.b64decode(data), dtype).reshape(shape)
            return array.copy()
        case {"dimension": text}:
            return Dim(text)
        case {"float": text}:
            return float(text)
        case list():
            return tuple(map(_decode, value))
        case _:
            return value


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a file through a temporary neighbour, so that none is ever left half-written.

    Raises
    ------
    FileError
        If the folder is missing or not writable; an existing file is then as it was.
    """
    target = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileError(
            f"{str(path)!r} cannot be written",
            got=error.strerror,
            hint="choose a folder that exists and is writable",
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
