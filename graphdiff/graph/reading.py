"""Reading a network that was built with networkx alone: every node checked, every spec inferred."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import networkx as nx
import numpy as np

from graphdiff.errors import DTypeError, GraphdiffError, GraphError, ShapeError, here
from graphdiff.graph.allocation import collection_paused
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.graph.nodes import infer, source_spec
from graphdiff.graph.order import topological_order
from graphdiff.graph.values import fits, frozen_array, is_weak, weak_dtype
from graphdiff.ops import OPS
from graphdiff.ops.dimension import shape_of
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec, dtype_of

# What graphdiff itself notes at a node, beside the op, its parameters and its spec.
MARKS: Mapping[str, type | tuple[type, ...]] = {
    "phase": str,
    "scope": str,
    "origin": (str, type(None)),
    "named": bool,
    "declared": int,
    "local": str,
    "role": str,
    "policy": str,
    "of": tuple,
    "seed": str,
    "via": str,
}

_DECLARATION = frozenset({"op", "spec", "params", "shape", "dtype", "value", "output"})


def read_networkx(dag: nx.DiGraph) -> Graph:
    """A `Graph` from a `networkx.DiGraph` or `MultiDiGraph`.

    A node's attributes are ``op``, the op's own parameters (such as ``axis``), and for inputs,
    parameters and constants ``shape``, ``dtype`` and ``value``. An operand's position is the
    edge's key, or the edge's attribute ``operand`` (an int, or a tuple where the same value is
    taken several times). An output is a node with the attribute ``output``: a name, or True.
    A parameter may have a ``role``, such as "weight" or "bias".
    A shape or dtype that is given for another node is checked against the inferred one. All other
    attributes, of nodes, edges and the graph, are kept.

    Raises
    ------
    GraphError
        For a cycle, an unknown op, a missing or doubled operand, an unknown parameter.
    ShapeError, DTypeError
        Where operands do not fit.

    Notes
    -----
    Linear in nodes and edges, but for one sort. The given graph is not changed.

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
    if not isinstance(dag, nx.DiGraph):
        raise GraphError(
            "not a directed networkx graph",
            expected="networkx.MultiDiGraph or networkx.DiGraph", got=type(dag).__name__,
        )  # fmt: skip
    with collection_paused():
        return _Reader(dag).read()


class _Reader:
    """One reading: the given graph, and the one that is made of it."""

    def __init__(self, dag: nx.DiGraph) -> None:
        self.dag = dag
        self.graph = Graph(dag.graph.get("name") or "graph")
        self.graph.dag.graph["ops"].update(dag.graph.get("ops", {}))
        self.names = _names(dag)
        self.place = here()
        # Python's numbers whose dtype is not declared: that of the first value beside them.
        self.weak: dict[str, np.dtype[Any] | None] = {}

    def read(self) -> Graph:
        graph, nodes = self.graph, self.dag.nodes
        declared = [n for _, n in nodes(data="declared") if type(n) is int]
        graph._declared = max(declared, default=-1) + 1
        for node, attributes in nodes(data=True):
            _check_marks(self.names[node], attributes)
        own = {*OPS, *graph.dag.graph["ops"]}
        for node in topological_order(self.dag):
            attributes = nodes[node]
            try:
                self.read_node(node, attributes)
            except GraphdiffError as error:
                op = attributes.get("op")
                origin = attributes.get("origin") or self.place
                known = op if isinstance(op, str) and op in own else None
                raise error.at(self.names[node], known, origin) from None
        self.read_facts()
        return graph

    def read_node(self, node: Any, attributes: Mapping[str, Any]) -> None:
        graph, name = self.graph, self.names[node]
        if "op" not in attributes:
            hint = "give the node an attribute op, such as op='input' with a shape"
            raise GraphError("the node has no op", hint=hint)
        op = graph.find(attributes["op"])
        edges = self.operands(node, op)
        operands = [edge[0] for edge in edges]
        given = _params(op, attributes)
        if op.name in SOURCES:
            if op.name == "constant" and is_weak(given.get("value")):
                declared = attributes.get("dtype") is not None or "spec" in attributes
                if not declared:
                    self.weak[name] = None
            params, spec = _read_source(op, attributes, given)
        else:
            if op.elementwise and self.weak:
                self.settle_weak(operands)
            specs = tuple(graph.dag.nodes[operand]["spec"] for operand in operands)
            params, spec = infer(op, specs, given, operands, name)
            _check_declared(op, attributes, spec)
        written = dict(attributes)
        for key in (*_DECLARATION, *op.params):
            written.pop(key, None)
        written.update(op=op.name, spec=spec, params=params)
        if "phase" not in written:
            phases = {graph.dag.nodes[operand]["phase"] for operand in operands}
            written["phase"] = "forward" if phases <= {"forward"} else "gradient"
        written.setdefault("scope", "")
        written.setdefault("origin", self.place)
        written.setdefault("named", not isinstance(node, int))
        if "declared" not in written:
            written["declared"] = graph._declared
            graph._declared += 1
        graph.dag.add_node(name, **written)
        for position, (operand, data) in enumerate(edges):
            graph.dag.add_edge(operand, name, position, **data)

    def operands(self, node: Any, op: Op) -> list[tuple[str, Mapping[str, Any]]]:
        """The operand at each position, with what else its edge says."""
        found: dict[int, tuple[str, Mapping[str, Any]]] = {}
        for position, source, data in self.incoming(node):
            if isinstance(position, bool) or not isinstance(position, (int, np.integer)):
                raise GraphError(
                    f"the edge from {source!r} has no operand position",
                    expected="an int", got=repr(position),
                    hint="give the position as the edge's key in a MultiDiGraph, or as its "
                    "attribute operand=0",
                )  # fmt: skip
            if position in found:
                raise GraphError(
                    f"operand {position} is given twice",
                    got=f"{found[int(position)][0]!r} and {source!r}",
                    hint="give each operand its own position as the edge's key: "
                    "dag.add_edge(source, target, key=1)",
                )
            found[int(position)] = source, data
        count = len(found)
        if found.keys() != set(range(count)) or count < op.fixed:
            missing = next(i for i in range(max(count, op.fixed) + 1) if i not in found)
            raise self.miscounted(f"operand {missing} is missing", op, found)
        if count > op.fixed and not op.variadic:
            raise self.miscounted("too many operands", op, found)
        return [found[position] for position in range(count)]

    def incoming(self, node: Any) -> list[tuple[Any, str, Mapping[str, Any]]]:
        """The position, the source and the other attributes of each edge to a node."""
        pred, names = self.dag.pred[node], self.names
        if self.dag.is_multigraph():
            edges = [(key, source, data) for source in pred for key, data in pred[source].items()]
        else:
            default = 0 if len(pred) == 1 else None
            edges = [(default, source, data) for source, data in pred.items()]
        result: list[tuple[Any, str, Mapping[str, Any]]] = []
        for key, source, data in edges:
            if not data:
                result.append((key, names[source], data))
                continue
            others = {name: value for name, value in data.items() if name != "operand"}
            position = data.get("operand", key)
            several = position if isinstance(position, (tuple, list)) else (position,)
            result += [(one, names[source], others) for one in several]
        return result

    def miscounted(self, message: str, op: Op, found: Mapping[int, tuple[str, Any]]) -> GraphError:
        return GraphError(
            message,
            expected=", ".join(f"{i} = {name}" for i, name in enumerate(op.operands)) or "none",
            got=", ".join(f"{i} = {found[i][0]}" for i in sorted(found)) or "none",
            hint="an operand's position is the edge's key",
        )

    def settle_weak(self, operands: Sequence[str]) -> None:
        """Give Python's numbers among the operands the dtype of what they are combined with."""
        nodes = self.graph.dag.nodes
        beside = [nodes[o]["spec"].dtype for o in operands if o not in self.weak]
        for name in self.weak.keys() & set(operands):
            dtype = weak_dtype(nodes[name]["params"]["value"], beside)
            before = self.weak[name]
            if before is not None and before != dtype:
                raise DTypeError(
                    f"the number {name!r} is combined with values of several dtypes",
                    got=f"{before} and {dtype}", hint=f"give {name!r} the attribute dtype",
                )  # fmt: skip
            self.weak[name] = dtype
            nodes[name]["spec"] = Spec((), dtype)

    def read_facts(self) -> None:
        """The graph's own attributes: the outputs, what was differentiated, and the user's."""
        facts, names = self.dag.graph, self.names
        for key in ("outputs", "derivatives", "sweeps"):
            if not isinstance(facts.get(key, {}), Mapping):
                raise GraphError(f"the graph's attribute {key!r} is no dict", got=repr(facts[key]))
        outputs = {
            name: names[node] if node in self.dag else node
            for name, node in facts.get("outputs", {}).items()
        }
        for node, mark in self.dag.nodes(data="output"):
            if mark is None or mark is False:
                continue
            name, target = names[node] if mark is True else mark, names[node]
            of = outputs.get(name, name if name in self.graph.dag else target)
            if not isinstance(name, str) or not name or of != target:
                raise GraphError(
                    f"the output's name {name!r} is taken, or is no name", node=target,
                    hint="output=True takes the node's own name",
                )  # fmt: skip
            outputs[name] = target
        for name, target in outputs.items():
            if target not in self.graph.dag:
                raise GraphError(f"the output {name!r} names no node", got=repr(target))
        self.graph.dag.graph.update(
            {
                **facts,
                "name": self.graph.name,
                "outputs": outputs,
                "derivatives": dict(facts.get("derivatives", {})),
                "sweeps": dict(facts.get("sweeps", {})),
                "ops": self.graph.dag.graph["ops"],
            }
        )


def _names(dag: nx.DiGraph) -> dict[Any, str]:
    """The node's key where it is a string, else a name made of it: ``tanh_3``, ``layer_1``."""
    names = {node: node for node in dag if isinstance(node, str)}
    taken = set(names)
    for node, op in dag.nodes(data="op"):
        if isinstance(node, str):
            continue
        parts = (
            node if isinstance(node, tuple) else (op, node) if isinstance(node, int) else (node,)
        )
        name = names[node] = "_".join(map(str, parts))
        if name in taken or not name.strip():
            raise GraphError(
                f"the name {name!r} of the node {node!r} is taken, or is no name",
                hint="use strings as node keys",
            )
        taken.add(name)
    return names


def _check_marks(name: str, attributes: Mapping[str, Any]) -> None:
    """What graphdiff notes at nodes has not been overwritten with something else."""
    for key in MARKS.keys() & attributes.keys():
        if not isinstance(attributes[key], MARKS[key]):
            raise GraphError(
                f"the attribute {key!r} is graphdiff's own, and has another meaning",
                node=name, got=repr(attributes[key]), hint="choose another name for yours",
            )  # fmt: skip
    if attributes.get("policy", "keep") not in ("keep", "recompute"):
        raise GraphError(
            "the node has an unknown policy", node=name,
            expected="'keep' or 'recompute'", got=repr(attributes["policy"]),
        )  # fmt: skip


def _params(op: Op, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The op's own parameters among a node's attributes."""
    given = attributes.get("params", {})
    if not isinstance(given, Mapping):
        raise GraphError("params is no dict", got=repr(given))
    params = dict(given)
    for key, value in attributes.items():
        if key in op.params and op.name not in ("input", "parameter", "constant"):
            params[key] = value
        elif key == "value" and value is not None:
            if op.name not in ("parameter", "constant"):
                hint = "use op='parameter' or op='constant'"
                raise GraphError(f"a node of the op {op.name!r} has no value", hint=hint)
            params[key] = value
        elif key not in _DECLARATION and key not in MARKS:
            _check_extra(op, key)
    return params


@lru_cache(maxsize=1024)
def _check_extra(op: Op, key: object) -> None:
    """Refuse an attribute that looks like a parameter of the op, or is one of another op."""
    near = difflib.get_close_matches(str(key), op.params, n=1, cutoff=0.7)
    if near or key in _ALL_PARAMS:
        raise GraphError(
            f"there is no parameter {key!r}",
            expected=", ".join(op.params) or "none",
            hint=f"did you mean {near[0]!r}?" if near else f"remove the attribute {key!r}",
        )


_ALL_PARAMS = frozenset(param for op in OPS.values() if not op.bodies for param in op.params)


def _read_source(
    op: Op, attributes: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], Spec]:
    """The parameters and the spec of a node without operands."""
    if op.name == "size":
        params = op.complete(given, ())
        return params, op.infer(**params)
    declared, value = attributes.get("spec"), given.get("value")
    shape, dtype = attributes.get("shape"), attributes.get("dtype")
    if isinstance(declared, Spec):
        shape, dtype = declared.shape, declared.dtype
    if op.name != "constant":
        if value is None and shape is None:
            raise ShapeError("the shape is not given", hint="give the attribute shape, () a scalar")
        return source_spec(shape, dtype, value)
    if value is None:
        raise GraphError("a constant needs a value", hint="give the attribute value")
    array = frozen_array(value, dtype)
    spec = Spec(array.shape if shape is None else shape_of(shape), array.dtype)
    if not fits(array.shape, spec.shape):
        raise ShapeError(
            "the value does not fit the declared shape", expected=repr(spec), got=str(array.shape)
        )
    return {"value": value if is_weak(value) else array}, spec


def _check_declared(op: Op, attributes: Mapping[str, Any], spec: Spec) -> None:
    """A shape or dtype given for a computed node agrees with the inferred one."""
    declared = attributes.get("spec")
    if declared == spec:
        return
    shape = None if "shape" in op.params else attributes.get("shape")
    dtype = None if "dtype" in op.params else attributes.get("dtype")
    if isinstance(declared, Spec):
        shape, dtype = declared.shape, declared.dtype
    if shape is not None and shape_of(shape) != spec.shape:
        raise ShapeError(
            "the declared shape is not what the op gives", expected=str(shape), got=repr(spec)
        )
    if dtype is not None and dtype_of(dtype) != spec.dtype:
        raise DTypeError(
            "the declared dtype is not what the op gives", expected=str(dtype), got=repr(spec)
        )
