"""Graphs in files: JSON with a schema version; exact values, no code."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from graphdiff.errors import FileError
from graphdiff.graph.dag import Graph
from graphdiff.graph.order import entries, in_position
from graphdiff.ops.dimension import Dim
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec

FORMAT, VERSION = "graphdiff graph", 1


def save(graph: Graph, path: str | Path) -> None:
    """Write a graph to a file, whole or not at all."""
    write_whole(path, json.dumps(to_json(graph), indent=1, ensure_ascii=False) + "\n")


def load(path: str | Path, ops: Iterable[Op] = ()) -> Graph:
    """Read a graph that `Graph.save` wrote.

    Parameters
    ----------
    path
        The file.
    ops
        The user's own ops that its nodes apply (see `graphdiff.op`): files hold their names only.

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
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{str(path)!r} cannot be read", got=error.strerror) from error
    except (ValueError, RecursionError) as error:
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
        return from_json(document, ops)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FileError(f"{str(path)!r} is damaged", got=repr(error)) from error


def to_json(graph: Graph) -> dict[str, Any]:
    """The graph as plain dicts, lists, strings and numbers.

    Raises
    ------
    FileError
        If somebody gave it an attribute that is not made of these, arrays and tuples.
    """
    facts = dict(graph.dag.graph)
    facts.pop("ops")  # code is not written to files
    document = {
        "format": FORMAT,
        "version": VERSION,
        "name": facts.pop("name"),
        "outputs": facts.pop("outputs"),
        "facts": _encode_all(facts),
        "nodes": [],
    }
    for name in graph.order():
        marks = dict(graph.dag.nodes[name])
        op, spec, params = (marks.pop(key) for key in ("op", "spec", "params"))
        try:
            node = {
                "name": name,
                "op": op,
                "operands": graph.operands(name),
                "shape": list(spec.shape),
                "dtype": _dtype_text(spec.dtype),
                "params": _encode_all(params),
                "marks": _encode_all(marks),
            }
            incoming = graph.dag.pred[name].values()
            edges = {key: data for keys in incoming for key, data in keys.items() if data}
            if edges:
                node["edges"] = [
                    _encode_all(edges.get(i, {})) for i in range(len(node["operands"]))
                ]
        except FileError as error:
            raise error.at(name, op, None) from None
        document["nodes"].append(node)
    return document


_dtype_text = lru_cache(str)  # NumPy puts a dtype's name together anew each time


def from_json(document: Mapping[str, Any], ops: Iterable[Op] = ()) -> Graph:
    """The graph of `to_json`, every node checked again."""
    facts = {**_decode_all(document["facts"]), "ops": {op.name: op for op in ops}}
    dag = nx.MultiDiGraph(**facts, name=document["name"], outputs=document["outputs"])
    for node in document["nodes"]:
        name, operands = node["name"], node["operands"]
        if not isinstance(name, str) or name in dag:
            raise FileError("a node's name is taken, or is no name", got=repr(name))
        dag.add_node(
            name,
            op=node["op"],
            **({} if node["dtype"] == "object" else _spec(node)),
            params=_decode_all(node["params"]),
            **_decode_all(node["marks"]),
        )
        edges = node.get("edges") or [{}] * len(operands)
        for position, (operand, data) in enumerate(zip(operands, edges, strict=True)):
            if operand not in dag:
                raise FileError("an operand is not in the file", node=name, got=repr(operand))
            dag.add_edge(operand, name, position, **_decode_all(data))
    return Graph.from_networkx(dag)


def _spec(node: Mapping[str, Any]) -> dict[str, Spec]:
    return {"spec": Spec.of(node["shape"], node["dtype"])}


def digest(graph: Graph) -> str:
    """Eight hexadecimal digits that tell graphs apart by what they compute and how it is named."""
    return fingerprint(graph)[:8]


def fingerprint(graph: Graph) -> str:
    """The whole of what `digest` shortens; graphs inside nodes count by their own."""
    hashed = hashlib.sha256(repr((graph.name, graph.outputs_by_name)).encode())
    for name, facts, sources in entries(graph.dag, graph.order()):
        params = {
            key: fingerprint(value) if isinstance(value, Graph) else value
            for key, value in facts["params"].items()
        }
        spec = facts["spec"]
        said = (
            name, facts["op"], in_position(sources), spec.shape, _dtype_text(spec.dtype),
            _encode_all(params), facts.get("policy"),
        )  # fmt: skip
        hashed.update(repr(said).encode())
    return hashed.hexdigest()


def _encode_all(values: Mapping[str, Any]) -> dict[str, Any]:
    result = {}
    for key, value in values.items():
        try:
            result[str(key)] = _encode(value)
        except TypeError:
            raise FileError(
                f"the attribute {key!r} cannot be written to a file", got=repr(value)[:200],
                hint="use strings, numbers, arrays, tuples, lists and dicts",
            ) from None  # fmt: skip
    return result


def _encode(value: Any) -> Any:
    """A value as JSON has it: a tuple as a list, and what JSON lacks as a dict with one key."""
    kind = type(value)
    if value is None or kind in (str, bool, int) or (kind is float and np.isfinite(value)):
        return value
    if kind is tuple:
        return [_encode(part) for part in value]
    if kind is list:
        return {"list": [_encode(part) for part in value]}
    if kind is dict:
        return {"dict": [[_encode(key), _encode(part)] for key, part in value.items()]}
    if kind is float:
        return {"float": repr(value)}
    if kind is complex:
        return {"complex": [_encode(value.real), _encode(value.imag)]}
    if kind is Dim:
        return {"dimension": str(value)}
    if kind is Graph:
        return {"graph": to_json(value)}
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode("ascii")
        word = "array" if kind is np.ndarray else "scalar"
        return {word: {"dtype": value.dtype.str, "shape": list(value.shape), "base64": data}}
    raise TypeError(value)


def _decode_all(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _decode(value) for key, value in values.items()}


def _decode(value: Any) -> Any:
    match value:
        case {"array": {"base64": data, "dtype": dtype, "shape": shape}}:
            array = np.array(np.frombuffer(base64.b64decode(data), dtype).reshape(shape))
            array.setflags(write=False)
            return array
        case {"scalar": {"base64": data, "dtype": dtype}}:
            return np.frombuffer(base64.b64decode(data), dtype)[0]
        case {"dimension": text}:
            return Dim(text)
        case {"graph": document}:
            return from_json(document)
        case {"float": text}:
            return float(text)
        case {"complex": [real, imag]}:
            return complex(_decode(real), _decode(imag))
        case {"list": parts}:
            return list(map(_decode, parts))
        case {"dict": pairs}:
            return {_decode(key): _decode(part) for key, part in pairs}
        case list():
            return tuple(map(_decode, value))
        case dict():
            raise ValueError(f"unknown kind of value: {value!r}")
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
