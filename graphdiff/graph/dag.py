"""`Graph`: a network, held in one `networkx.MultiDiGraph` and nothing beside it.

A node's key is its name. Its attributes are ``op``, ``spec``, ``params``, ``phase``, ``scope``,
``origin`` and ``named`` (whether the user chose the name); where known also ``local`` (the
variable of the user's line), and for nodes of a gradient ``of``, ``seed`` and ``via`` (see
`graphdiff.gradient`). An edge's key is the operand's position. The graph's own attributes are
``name``, ``outputs``, ``derivatives`` and ``sweeps``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from graphdiff.errors import DTypeError, GraphdiffError, GraphError, ShapeError
from graphdiff.graph.origin import assigned_name, origin
from graphdiff.ops import find
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Dim, Spec, dtype_of

if TYPE_CHECKING:
    from graphdiff.graph.tensor import Tensor

SOURCES = ("input", "parameter", "constant", "size")


@dataclass(frozen=True, slots=True)
class Setting:
    """What nodes are marked with as they are added."""

    scope: str = ""
    marks: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The size of a graph, and what its gradients cost.

    ``products`` counts the vector-Jacobian products that were formed; it equals ``path_edges``,
    the edges on a path from a differentiated node to the cost, so the sweep is linear.
    """

    nodes: int
    edges: int
    forward_nodes: int
    forward_edges: int
    gradient_nodes: int
    path_edges: int
    products: int

    def __str__(self) -> str:
        text = f"{self.nodes} nodes, {self.edges} edges"
        if self.gradient_nodes:
            text += (
                f"; forward {self.forward_nodes} nodes, {self.forward_edges} edges; "
                f"gradient {self.gradient_nodes} nodes; {self.products} vector-Jacobian products "
                f"for {self.path_edges} edges on a path"
            )
        return text


class Graph:
    """A network: a directed acyclic graph of ops.

    Parameters
    ----------
    name
        What the network is called in files, pictures and messages.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph("line")
    >>> x = g.input("x", ("t", 2))
    >>> w = g.parameter("w", (2,))
    >>> y = g.output("y", np.tanh(x @ w))
    >>> g
    <Graph 'line': 4 nodes, 1 input, 1 parameter, output y>
    >>> y.shape
    ('t',)
    """

    __slots__ = ("__weakref__", "_setting", "dag")

    def __init__(self, name: str = "graph") -> None:
        self.dag = nx.MultiDiGraph(name=str(name), outputs={}, derivatives={}, sweeps={})
        self._setting = Setting()

    # -- declaring ---------------------------------------------------------------------------

    def input(self, name: str, shape: object = (), dtype: object = "float64") -> Tensor:
        """Declare a value that is given at each call, such as data.

        Parameters
        ----------
        name
            What it is called everywhere.
        shape
            Ints and named dimensions: ``("t", 2)``. The default is a scalar.
        dtype
            ``float64``, ``float32``, ``int64`` or ``bool``.

        Raises
        ------
        GraphError
            If the name is taken.
        ShapeError, DTypeError
            If the shape or the dtype is none.
        """
        return self._source("input", name, shape, dtype, {})

    def parameter(
        self, name: str, shape: object = None, dtype: object = None, value: object = None
    ) -> Tensor:
        """Declare a value that is learnt: `gradient` differentiates by every parameter.

        With a ``value`` the shape and the dtype may be left out, and so may the argument in calls.

        Raises
        ------
        GraphError
            If the name is taken.
        ShapeError, DTypeError
            If the value does not fit the shape and the dtype.
        """
        if value is None:
            return self._source("parameter", name, shape or (), dtype or "float64", {})
        array = frozen_array(value, dtype)
        shape = array.shape if shape is None else shape
        return self._source("parameter", name, shape, array.dtype, {"value": array})

    def constant(self, value: object, name: str | None = None, dtype: object = None) -> Tensor:
        """A fixed value. Numbers and arrays in expressions become constants by themselves."""
        array = frozen_array(value, dtype)
        tensor = self._insert(
            find("constant"), (), {"value": array}, Spec.of(array.shape, array.dtype), name=None
        )
        return tensor if name is None else tensor.named(name)

    def output(self, name: str, tensor: Tensor) -> Tensor:
        """Declare a result. An unnamed value takes the output's name.

        Raises
        ------
        GraphError
            If there is such an output already, or the value is of another graph.
        """
        self._check_name(name)
        node = self._operand(tensor, ())
        if name in self.outputs_by_name:
            raise GraphError(
                f"there is an output {name!r} already", hint="give each output its own name"
            )
        attributes = self.dag.nodes[node]
        if not attributes["named"] and attributes["op"] not in SOURCES and name not in self.dag:
            self._rename(node, name)
            node = name
        self.outputs_by_name[name] = node
        return self[node]

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Nodes declared within belong to a part of the network: ``layer1/h``.

        Examples
        --------
        >>> import graphdiff as gd
        >>> g = gd.Graph()
        >>> with g.scope("layer1"):
        ...     W = g.parameter("W", (2, 2))
        >>> W
        <Tensor 'layer1/W': parameter, float64 (2, 2)>
        """
        self._check_name(name)
        before = self._setting
        inner = f"{before.scope}/{name}" if before.scope else name
        self._setting = replace(before, scope=inner)
        try:
            yield
        finally:
            self._setting = before

    @contextmanager
    def marking(self, **marks: Any) -> Iterator[None]:
        """Nodes added within carry these attributes (``phase``, ``origin``, ``of``, …)."""
        before = self._setting
        self._setting = Setting(marks.pop("scope", before.scope), marks)
        try:
            yield
        finally:
            self._setting = before

    # -- looking -----------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """What the network is called."""
        return str(self.dag.graph["name"])

    @property
    def outputs_by_name(self) -> dict[str, str]:
        """The node of each output."""
        outputs: dict[str, str] = self.dag.graph["outputs"]
        return outputs

    @property
    def outputs(self) -> dict[str, Tensor]:
        """The results, by name, in the order of their declaration."""
        return {name: self[node] for name, node in self.outputs_by_name.items()}

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The inputs, by name, in the order of their declaration."""
        return {node: self[node] for node in self.of_op("input")}

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The parameters, by name, in the order of their declaration."""
        return {node: self[node] for node in self.of_op("parameter")}

    def of_op(self, op: str) -> list[str]:
        """The names of the nodes of one op, in order of insertion."""
        return [node for node, found in self.dag.nodes(data="op") if found == op]

    def operands(self, node: str) -> list[str]:
        """The names of a node's operands, in order of position."""
        pairs = [(key, source) for source, keys in self.dag.pred[node].items() for key in keys]
        pairs.sort()
        return [source for _, source in pairs]

    def op(self, node: str) -> Op:
        """The op of a node."""
        return find(self.dag.nodes[node]["op"])

    def spec(self, node: str) -> Spec:
        """The shape and the dtype of a node."""
        spec: Spec = self.dag.nodes[node]["spec"]
        return spec

    def order(self) -> list[str]:
        """The nodes in topological order: the order of insertion, operands first.

        Cost: linear in nodes and edges.
        """
        return topological_order(self.dag)

    def __getitem__(self, name: str) -> Tensor:
        from graphdiff.graph.tensor import Tensor

        node = self._resolve(name)
        if node is None:
            raise GraphError(
                f"there is no node {name!r} in {self.name!r}", hint=near(name, self.dag)
            )
        return Tensor(self, node)

    def __contains__(self, name: object) -> bool:
        return name in self.dag or name in self.outputs_by_name

    def __len__(self) -> int:
        return len(self.dag)

    def __iter__(self) -> Iterator[Tensor]:
        from graphdiff.graph.tensor import Tensor

        return (Tensor(self, node) for node in self.order())

    def __repr__(self) -> str:
        def many(count: int, word: str) -> str:
            return f"{count} {word}" + ("" if count == 1 else "s")

        outputs = ", ".join(self.outputs_by_name)
        return (
            f"<Graph {self.name!r}: {many(len(self), 'node')}, "
            f"{many(len(self.inputs), 'input')}, {many(len(self.parameters), 'parameter')}, "
            + (
                f"{'output' if len(self.outputs_by_name) == 1 else 'outputs'} {outputs}>"
                if outputs
                else "no outputs>"
            )
        )

    def report(self) -> Report:
        """Counts of nodes, edges and vector-Jacobian products.

        Examples
        --------
        >>> import graphdiff as gd
        >>> g = gd.Graph()
        >>> w = g.parameter("w")
        >>> z = g.output("z", w * w)
        >>> gd.gradient(g, of="z").report().products
        2
        """
        forward = {n for n, phase in self.dag.nodes(data="phase") if phase == "forward"}
        sweeps = self.dag.graph["sweeps"].values()
        return Report(
            nodes=len(self.dag),
            edges=self.dag.number_of_edges(),
            forward_nodes=len(forward),
            forward_edges=sum(1 for _, target in self.dag.edges() if target in forward),
            gradient_nodes=len(self.dag) - len(forward),
            path_edges=sum(sweep["edges"] for sweep in sweeps),
            products=sum(sweep["products"] for sweep in sweeps),
        )

    # -- to and fro --------------------------------------------------------------------------

    @staticmethod
    def from_networkx(dag: nx.DiGraph) -> Graph:
        """A graph from one that was built with networkx alone; see `read_networkx`."""
        from graphdiff.graph.reading import read_networkx

        return read_networkx(dag)

    def save(self, path: str | Path) -> None:
        """Write the graph as JSON; `graphdiff.load` reads it back. No partial file is left."""
        from graphdiff.graph.files import save

        save(self, path)

    def copy(self) -> Graph:
        """A graph of its own with the same nodes, inserted in topological order."""
        result = Graph(self.name)
        attributes, edges = self.dag.nodes, self.dag.pred
        order = self.order()
        result.dag.add_nodes_from((node, dict(attributes[node])) for node in order)
        result.dag.add_edges_from(
            (source, node, key)
            for node in order
            for source, keys in edges[node].items()
            for key in keys
        )
        for key, value in self.dag.graph.items():
            result.dag.graph[key] = dict(value) if isinstance(value, dict) else value
        return result

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from graphdiff.drawing import svg

        return {"image/svg+xml": svg(self), "text/plain": repr(self)}

    # -- adding nodes ------------------------------------------------------------------------

    def apply(
        self, op_name: str, operands: Iterable[object], params: Mapping[str, Any] | None = None
    ) -> Tensor:
        """Add a node that applies an op to tensors, arrays and numbers.

        Raises
        ------
        GraphError
            If there is no such op, or an operand is of another graph.
        ShapeError, DTypeError
            If the operands do not fit the op.
        """
        op = find(op_name)
        operands = tuple(operands)
        if len(operands) < op.fixed or (len(operands) > op.fixed and not op.variadic):
            raise GraphError(
                "wrong number of operands",
                op=op.name,
                origin=here(),
                expected=", ".join(op.operands),
                got=str(len(operands)),
            )
        dtypes = tuple(dtype for dtype in map(_strong_dtype, operands) if dtype is not None)
        names = tuple(self._operand(operand, dtypes) for operand in operands)
        params = op.complete(params or {})
        spec = infer(op, tuple(self.spec(name) for name in names), params, names, None, here)
        return self._insert(op, names, params, spec, name=None)

    def _source(
        self, op: str, name: str, shape: object, dtype: object, params: dict[str, Any]
    ) -> Tensor:
        self._check_name(name)
        spec = Spec.of(shape, dtype)
        value = params.get("value")
        if value is not None and not fits(value.shape, spec.shape):
            raise ShapeError(
                "the value does not fit the declared shape",
                node=name, origin=here(), expected=repr(spec), got=str(value.shape),
            )  # fmt: skip
        return self._insert(find(op), (), params, spec, name=name)

    def _insert(
        self,
        op: Op,
        operands: Sequence[str],
        params: Mapping[str, Any],
        spec: Spec,
        name: str | None,
    ) -> Tensor:
        from graphdiff.graph.tensor import Tensor

        scope, marks = self._setting.scope, self._setting.marks
        attributes: dict[str, Any] = {
            "op": op.name,
            "spec": spec,
            "params": params,
            "phase": "forward",
            "scope": scope,
            "origin": None,
            "named": name is not None,
        }
        if marks is not None:
            attributes.update(marks)
        else:
            place = origin()
            if place is not None:
                attributes["origin"] = f"{place[0]}:{place[1]}"
                local = assigned_name(*place)
                if local is not None:
                    attributes["local"] = local
            nodes = self.dag.nodes
            if any(nodes[source]["phase"] != "forward" for source in operands):
                attributes["phase"] = "gradient"
        if name is None:
            node = self._fresh(op.name)
        else:
            node = f"{scope}/{name}" if scope else name
            if node in self.dag:
                raise GraphError(
                    f"the name {node!r} is taken", origin=here(),
                    got=f"a node declared at {self.dag.nodes[node]['origin']}",
                    hint="choose another name, or declare it within g.scope(...)",
                )  # fmt: skip
        self.dag.add_node(node, **attributes)
        for position, source in enumerate(operands):
            self.dag.add_edge(source, node, position)
        return Tensor(self, node)

    def _fresh(self, stem: str) -> str:
        number = len(self.dag)
        while (name := f"{stem}_{number}") in self.dag:
            number += 1
        return name

    def _check_name(self, name: object) -> None:
        if not isinstance(name, str) or not name.strip():
            raise GraphError(f"{name!r} is not a name", expected="a string with something in it")

    def _resolve(self, name: str) -> str | None:
        """The node of a name: itself, a node renamed since, or an output's."""
        renamed = self.dag.graph.get("renamed", {})
        while name not in self.dag and name in renamed:
            name = renamed[name]
        if name in self.dag:
            return name
        return self.outputs_by_name.get(name)

    def _operand(self, value: object, dtypes: tuple[np.dtype[Any], ...]) -> str:
        """The node of an operand; a number or an array becomes a constant."""
        graph = getattr(value, "graph", None)
        if graph is self:
            return str(value.name)  # type: ignore[attr-defined]  # a Tensor
        if graph is not None:
            raise GraphError(
                "a tensor of another graph", origin=here(),
                expected=f"tensors of {self.name!r}", got=repr(value),
            )  # fmt: skip
        if isinstance(value, Dim):
            dtype = np.result_type(*dtypes, 1) if dtypes else np.dtype("int64")
            params = {"dimension": value, "dtype": str(dtype)}
            return self._insert(find("size"), (), params, Spec((), dtype), name=None).name
        if isinstance(value, (bool, int, float)):
            dtype = np.dtype("bool") if isinstance(value, bool) else np.result_type(*dtypes, value)
            params = {"value": value}
            return self._insert(find("constant"), (), params, Spec((), dtype), name=None).name
        return self.constant(value).name

    def _rename(self, node: str, name: str) -> None:
        """Give a node another name; tensors that hold the old one follow."""
        if name in self.dag:
            raise GraphError(
                f"the name {name!r} is taken", origin=here(),
                got=f"a node declared at {self.dag.nodes[name]['origin']}",
                hint="choose another name, or declare it within g.scope(...)",
            )  # fmt: skip
        nx.relabel_nodes(self.dag, {node: name}, copy=False)
        self.dag.nodes[name]["named"] = True
        self.dag.graph.setdefault("renamed", {})[node] = name
        outputs = self.outputs_by_name
        outputs.update({output: name for output, found in outputs.items() if found == node})


def infer(
    op: Op,
    specs: tuple[Spec, ...],
    params: Mapping[str, Any],
    operands: Sequence[str],
    node: str | None,
    where: Any,
) -> Spec:
    """The spec of an op's result; errors name the operands and the place."""
    try:
        return op.infer(*specs, **params) if params else _infer_plain(op, specs)
    except GraphdiffError as error:
        given = ", ".join(f"{n}: {s!r}" for n, s in zip(operands, specs, strict=True))
        error.got = f"{error.got} (operands {given})" if error.got else f"operands {given}"
        raise error.at(node, op.name, where()) from None


@lru_cache(maxsize=8192)
def _infer_plain(op: Op, specs: tuple[Spec, ...]) -> Spec:
    return op.infer(*specs)


def here() -> str | None:
    """The user's file and line at this moment."""
    place = origin()
    return None if place is None else f"{place[0]}:{place[1]}"


def _strong_dtype(value: object) -> np.dtype[Any] | None:
    """The dtype of a tensor or an array; Python's numbers and dimensions are weak and have none."""
    if isinstance(value, (bool, int, float, Dim)):
        return None
    dtype = getattr(value, "dtype", None)
    return dtype if dtype is not None else np.asarray(value).dtype


def frozen_array(value: object, dtype: object = None) -> np.ndarray[Any, Any]:
    """A read-only copy of a value as an array of one of graphdiff's dtypes.

    Raises
    ------
    DTypeError
        If it is not numeric, or has a dtype that graphdiff has not.
    """
    try:
        array = np.array(value)
    except GraphdiffError:
        raise
    except (TypeError, ValueError) as error:
        raise DTypeError(f"{value!r} is not an array of numbers", origin=here()) from error
    if dtype is not None:
        wanted = dtype_of(dtype)
        if not np.can_cast(array.dtype, wanted, "same_kind"):
            raise DTypeError(
                "the value does not fit the dtype", origin=here(),
                expected=str(wanted), got=str(array.dtype),
            )  # fmt: skip
        array = array.astype(wanted)
    elif array.dtype.kind in "iu":
        array = array.astype(np.int64)
    dtype_of(array.dtype)
    array.setflags(write=False)
    return array


def fits(actual: Sequence[int], declared: Sequence[int | str]) -> bool:
    """Whether an array's shape agrees with a declared one, a name fitting any length."""
    return len(actual) == len(declared) and all(
        isinstance(wanted, str) or wanted == length
        for length, wanted in zip(actual, declared, strict=True)
    )


def near(name: object, known: Iterable[Any]) -> str | None:
    """A hint that offers the names that look like a mistyped one."""
    import difflib

    candidates = [str(candidate) for candidate in known]
    found = difflib.get_close_matches(str(name), candidates[:10_000], n=3, cutoff=0.5)
    return "did you mean " + " or ".join(map(repr, found)) + "?" if found else None


def topological_order(dag: nx.MultiDiGraph) -> list[str]:
    """The nodes of a DAG in the order of insertion, operands moved before their users.

    Iterative depth-first search; linear in nodes and edges.

    Raises
    ------
    GraphError
        If there is a cycle.
    """
    pred = dag.pred
    seen: set[str] = set()
    for node in dag:
        if not seen.issuperset(pred[node]):
            break
        seen.add(node)
    else:
        return list(dag)

    order: list[str] = []
    done: set[str] = set()
    for root in dag:
        stack: list[tuple[str, Iterator[str]]] = []
        if root not in done:
            stack.append((root, iter(pred[root])))
        open_nodes = {root}
        while stack:
            node, rest = stack[-1]
            following = next((n for n in rest if n not in done), None)
            if following is None:
                stack.pop()
                open_nodes.discard(node)
                done.add(node)
                order.append(node)
            elif following in open_nodes:
                chain = [entry for entry, _ in stack]
                cycle = [*chain[chain.index(following) :], following]
                raise GraphError(
                    "the graph has a cycle",
                    got=" → ".join(map(str, reversed(cycle))),
                    hint="a network is acyclic: remove one of these edges",
                )
            else:
                open_nodes.add(following)
                stack.append((following, iter(pred[following])))
    return order
