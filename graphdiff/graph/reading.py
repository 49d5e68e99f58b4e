"""Reading a network that was built with networkx alone: every node checked, every spec inferred."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import networkx as nx
import numpy as np

from graphdiff.errors import GraphdiffError, GraphError, ShapeError
from graphdiff.graph.dag import SOURCES, Graph, fits, frozen_array, here, infer, topological_order
from graphdiff.ops import OPS, find
from graphdiff.ops.indexing import basic_index
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec, dtype_of, shape_of

# What graphdiff itself notes at a node, beside the op, its parameters and its spec.
MARKS = ("phase", "scope", "origin", "named", "local", "of", "seed", "via")


def read_networkx(dag: nx.DiGraph) -> Graph:
    """A `Graph` from a `networkx.DiGraph` or `MultiDiGraph`.

    A node's attributes are ``op``, the op's own parameters (such as ``axis``), and for inputs,
    parameters and constants ``shape``, ``dtype`` and ``value``. An operand's position is the
    edge's key, or the edge's attribute ``operand`` (an int, or a tuple where the same value is
    taken several times). An output is a node with the attribute ``output``: a name, or True.
    A shape or dtype that is given for another node is checked against the inferred one.

    Raises
    ------
    GraphError
        For a cycle, an unknown op, a missing or doubled operand, an unknown parameter.
    ShapeError, DTypeError
        Where operands do not fit.

    Notes
    -----
    Linear in nodes and edges. The given graph is not changed.

    Examples
    --------
    >>> import networkx as nx, graphdiff as gd
    >>> dag = nx.MultiDiGraph()
    >>> dag.add_node("w", op="parameter", shape=())
    >>> dag.add_node("z", op="multiply", output=True)
    >>> dag.add_edges_from([("w", "z", 0), ("w", "z", 1)])
    [0, 1]
    >>> gd.Graph.from_networkx(dag)
    <Graph 'graph': 2 nodes, 0 inputs, 1 parameter, output z>
    """
    place = here()
    if not isinstance(dag, nx.DiGraph):
        raise GraphError(
            "not a directed networkx graph", origin=place,
            expected="networkx.MultiDiGraph or networkx.DiGraph", got=type(dag).__name__,
        )  # fmt: skip
    graph = Graph(dag.graph.get("name") or "graph")
    names = _names(dag)
    positions = {node: _positions(dag, node, names) for node in dag}
    try:
        order = topological_order(dag)
    except GraphError as error:
        raise error.at(None, None, place) from None
    for node in order:
        _read_node(graph, names[node], dag.nodes[node], positions[node], place)
    _read_outputs(graph, dag, names, place)
    for key in ("derivatives", "sweeps"):
        graph.dag.graph[key] = {
            name: dict(value) if isinstance(value, dict) else tuple(value)
            for name, value in dag.graph.get(key, {}).items()
        }
    return graph


def _names(dag: nx.DiGraph) -> dict[Any, str]:
    """The node's key where it is a string, else a name made of its op."""
    names: dict[Any, str] = {}
    taken = {node for node in dag if isinstance(node, str)}
    for node, op in dag.nodes(data="op"):
        name = node if isinstance(node, str) else f"{op}_{node}"
        if not isinstance(node, str) and name in taken:
            raise GraphError(f"two nodes are called {name!r}", hint="use strings as node keys")
        taken.add(name)
        names[node] = name
    return names


def _positions(dag: nx.DiGraph, node: Any, names: Mapping[Any, str]) -> dict[int, str]:
    """The operand at each position of a node."""
    found: dict[int, str] = {}
    incoming = dag.pred[node]
    for source, data in incoming.items():
        if dag.is_multigraph():
            pairs = [(edge.get("operand", key), edge) for key, edge in data.items()]
        else:
            default = 0 if len(incoming) == 1 else None
            pairs = [(data.get("operand", default), data)]
        for position, _ in pairs:
            for one in position if isinstance(position, (tuple, list)) else (position,):
                if isinstance(one, bool) or not isinstance(one, (int, np.integer)):
                    raise GraphError(
                        f"the edge from {names[source]!r} has no operand position",
                        node=names[node], origin=here(), expected="an int", got=repr(one),
                        hint="give the position as the edge's key in a MultiDiGraph, or as its "
                        "attribute operand=0",
                    )  # fmt: skip
                if one in found:
                    raise GraphError(
                        f"operand {one} is given twice", node=names[node], origin=here(),
                        got=f"{found[int(one)]!r} and {names[source]!r}",
                        hint="give each operand its own position as the edge's key: "
                        "dag.add_edge(source, target, key=1)",
                    )  # fmt: skip
                found[int(one)] = names[source]
    return found


def _read_node(
    graph: Graph,
    name: str,
    attributes: Mapping[str, Any],
    positions: Mapping[int, str],
    place: str | None,
) -> None:
    try:
        if "op" not in attributes:
            hint = "give the node an attribute op, such as op='input' with a shape"
            raise GraphError("the node has no op", hint=hint)
        op = find(attributes["op"])
        operands = _operands(op, positions)
        specs = tuple(graph.spec(operand) for operand in operands)
        params = _params(op, attributes, specs)
        if op.name in SOURCES:
            spec = _source_spec(op, attributes, params)
        else:
            spec = infer(op, specs, params, operands, name, lambda: place)
            _check_declared(op, attributes, spec)
    except GraphdiffError as error:
        known = attributes.get("op")
        raise error.at(name, str(known) if known in OPS else None, place) from None
    marks = {key: attributes[key] for key in MARKS if key in attributes}
    extra = {
        key: value
        for key, value in attributes.items()
        if key not in {"op", "spec", "params", "shape", "dtype", "value", "output", *op.params}
    }
    defaults = {"phase": "forward", "scope": "", "origin": place, "named": True}
    graph.dag.add_node(
        name, **{"op": op.name, "spec": spec, "params": params} | extra | defaults | marks
    )
    for position, operand in enumerate(operands):
        graph.dag.add_edge(operand, name, position)


def _operands(op: Op, positions: Mapping[int, str]) -> list[str]:
    count = max(positions, default=-1) + 1
    missing = [i for i in range(max(count, op.fixed)) if i not in positions]
    if missing or (count > op.fixed and not op.variadic):
        expected = ", ".join(f"{i} = {name}" for i, name in enumerate(op.operands)) or "no operands"
        got = ", ".join(f"{i} = {positions[i]}" for i in sorted(positions)) or "no operands"
        message = f"operand {missing[0]} is missing" if missing else "too many operands"
        raise GraphError(
            message, expected=expected, got=got, hint="an operand's position is the edge's key"
        )
    return [positions[i] for i in range(count)]


def _params(op: Op, attributes: Mapping[str, Any], specs: tuple[Spec, ...]) -> dict[str, Any]:
    """The op's own parameters among a node's attributes."""
    given = dict(attributes.get("params", {}))
    for key, value in attributes.items():
        if op.name not in SOURCES and key in op.params:
            given[key] = value
        elif key not in op.params and key not in ("op", "shape", "dtype", "value", *MARKS):
            near = difflib.get_close_matches(key, op.params, n=1, cutoff=0.7)
            if near or (key in _ALL_PARAMS and key != "params"):
                raise GraphError(
                    f"op {op.name!r} has no parameter {key!r}",
                    expected=", ".join(op.params) or "none",
                    hint=f"did you mean {near[0]!r}?" if near else f"remove the attribute {key!r}",
                )
    if op.name in SOURCES:
        return _source_params(op, attributes, given)
    if op.name == "slice" and "index" in given:
        given["index"] = basic_index(given["index"], specs[0].ndim)
    params = op.complete(given)
    return {key: _plain(value) for key, value in params.items()}


def _plain(value: Any) -> Any:
    """A parameter as plain Python: tuples for lists, ints for NumPy's."""
    if isinstance(value, list):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _source_params(op: Op, attributes: Mapping[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    value = attributes.get("value", given.get("value"))
    if op.name == "size":
        return given
    if op.name == "constant":
        if value is None:
            raise GraphError("a constant needs a value", hint="give the attribute value")
        weak = isinstance(value, (bool, int, float))
        return {"value": value if weak else frozen_array(value)}
    if value is None:
        return {}
    if op.name == "input":
        raise GraphError("an input has no value", hint="use op='parameter' or op='constant'")
    return {"value": frozen_array(value, attributes.get("dtype"))}


def _source_spec(op: Op, attributes: Mapping[str, Any], params: Mapping[str, Any]) -> Spec:
    spec = attributes.get("spec")
    if isinstance(spec, Spec):
        return spec
    value = params.get("value")
    if value is None:
        if "shape" not in attributes and op.name != "size":
            hint = "give the attribute shape, () for a scalar"
            raise ShapeError("the shape is not given", hint=hint)
        return Spec.of(attributes.get("shape", ()), attributes.get("dtype") or "float64")
    array = frozen_array(value)
    spec = Spec.of(attributes.get("shape", array.shape), attributes.get("dtype") or array.dtype)
    if not fits(array.shape, spec.shape):
        raise ShapeError(
            "the value does not fit the declared shape", expected=repr(spec), got=str(array.shape)
        )
    return spec


def _check_declared(op: Op, attributes: Mapping[str, Any], spec: Spec) -> None:
    """A shape or dtype given for a computed node agrees with the inferred one."""
    declared = attributes.get("spec")
    shape = declared.shape if isinstance(declared, Spec) else attributes.get("shape")
    if shape is not None and "shape" not in op.params and shape_of(shape) != spec.shape:
        raise ShapeError(
            "the declared shape is not what the op gives", expected=str(shape), got=repr(spec)
        )
    dtype = declared.dtype if isinstance(declared, Spec) else attributes.get("dtype")
    if dtype is not None and "dtype" not in op.params and dtype_of(dtype) != spec.dtype:
        raise ShapeError(
            "the declared dtype is not what the op gives", expected=str(dtype), got=repr(spec)
        )


def _read_outputs(
    graph: Graph, dag: nx.DiGraph, names: Mapping[Any, str], place: str | None
) -> None:
    outputs = dict(dag.graph.get("outputs", {}))
    for node, mark in dag.nodes(data="output"):
        if mark is None or mark is False:
            continue
        name = names[node] if mark is True else mark
        if not isinstance(name, str) or outputs.get(name, names[node]) != names[node]:
            raise GraphError(
                f"the output name {name!r} is given twice or is no name",
                node=names[node], origin=place, hint="output=True takes the node's own name",
            )  # fmt: skip
        outputs[name] = names[node]
    for name, target in outputs.items():
        if target not in graph.dag:
            raise GraphError(f"the output {name!r} names no node", origin=place, got=repr(target))
    graph.dag.graph["outputs"] = outputs


_ALL_PARAMS = frozenset(param for op in OPS.values() for param in op.params)
