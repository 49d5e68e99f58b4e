"""`Graph`: a network, held in one `networkx.MultiDiGraph` and nothing beside it.

A node's key is its name. Its attributes are ``op``, ``spec``, ``params``, ``phase``, ``scope``,
``origin``, ``named`` (whether the user chose the name) and ``declared`` (a number that grows with
each declaration); where known also ``local`` (the variable of the user's line), for parameters
``role`` (such as "weight" or "bias"), where the user said so ``policy`` (``"keep"`` or
``"recompute"``), and for nodes of a gradient ``of``, ``seed`` and ``via`` (see
`graphdiff.gradient`). An edge's key is the operand's position. The graph's own attributes are
``name``, ``outputs``, ``derivatives``, ``sweeps`` and ``ops`` (those that the user declared).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import networkx as nx

from graphdiff.errors import GraphdiffError, GraphError, calling_line, near
from graphdiff.graph.belonging import OtherGraphError, branch
from graphdiff.graph.edits import fill, insert, mention_instead, relabel
from graphdiff.graph.nodes import Source, check_name, infer, place_of, source_of, source_spec
from graphdiff.graph.order import in_order_of_declaration, in_position, topological_order
from graphdiff.graph.renaming import Renamings
from graphdiff.graph.report import Report, counted, described
from graphdiff.graph.setting import Marking, Setting
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.values import frozen_array
from graphdiff.ops import OPS, find
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec

SOURCES = ("input", "parameter", "constant", "size")

_births = count()  # tells a graph that is traced within another from the one around it


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

    __slots__ = ("__weakref__", "_born", "_declared", "_renamings", "_setting", "dag")

    _leaving: str | None = None  # the hint where one of its tensors is used elsewhere

    def __init__(self, name: str = "graph") -> None:
        check_name(name)
        self._born = next(_births)
        self.dag = nx.MultiDiGraph(name=name, outputs={}, derivatives={}, sweeps={}, ops={})
        self._setting = Setting()
        self._declared = 0
        self._renamings = Renamings()

    def __copy__(self) -> Graph:
        return self.copy()

    def __deepcopy__(self, memo: object) -> Graph:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return Graph.from_networkx, (self.dag,)

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
            ``float64``, ``float32``, ``complex128``, ``complex64``, ``int64`` or ``bool``.

        Raises
        ------
        GraphError
            If the name is taken.
        ShapeError, DTypeError
            If the shape or the dtype is none.
        """
        return self._source("input", name, shape, dtype)

    def parameter(
        self,
        name: str,
        shape: object = None,
        dtype: object = None,
        value: object = None,
        role: str | None = None,
    ) -> Tensor:
        """Declare a value that is learnt: `gradient` differentiates by every parameter.

        With a ``value`` the shape and the dtype may be left out, and so may the argument in calls.
        The ``role`` says what it is in its layer, such as ``"weight"`` or ``"bias"``; penalties
        choose by it.

        Raises
        ------
        GraphError
            If the name is taken.
        ShapeError, DTypeError
            If the value does not fit the shape and the dtype.
        """
        if role is not None:
            check_name(role)
        tensor = self._source("parameter", name, shape, dtype, value)
        if role is not None:
            self.dag.nodes[tensor.name]["role"] = role
        return tensor

    def constant(self, value: object, name: str | None = None, dtype: object = None) -> Tensor:
        """A fixed value. Numbers and arrays in expressions become constants by themselves."""
        array = frozen_array(value, dtype)
        spec = Spec(array.shape, array.dtype)
        node = self._fresh("constant") if name is None else self._scoped(name)
        return Tensor(
            self, self._insert("constant", {"value": array}, spec, (), node, name is not None)
        )

    def output(self, name: str, tensor: Tensor) -> Tensor:
        """Declare a result. An unnamed value takes the output's name.

        Raises
        ------
        GraphError
            If there is such an output already, or the value is of another graph.
        """
        check_name(name)
        if name in self.outputs_by_name:
            raise GraphError(
                f"there is an output {name!r} already", hint="give each output its own name"
            )
        operand = self._operand(tensor, ())
        node = operand if isinstance(operand, str) else self._insert_source(operand)
        self._check_free(name, node)
        attributes = self.dag.nodes[node]
        if not attributes["named"] and attributes["op"] not in SOURCES:
            self._rename(node, name, ())  # an output has a name
            mention_instead(self.dag, node, name)
            node = name
        self.outputs_by_name[name] = node
        return Tensor(self, node)

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
        check_name(name)
        before = self._setting
        inner = f"{before.scope}/{name}" if before.scope else name
        self._setting = replace(before, scope=inner)
        try:
            yield
        finally:
            self._setting = before

    def marking(self, **marks: Any) -> Marking:
        """Nodes added within carry these attributes (``phase``, ``origin``, ``of``, …)."""
        before = self._setting
        scope = marks.pop("scope", before.scope)
        return Marking(self, Setting(scope, marks, before.recompute))

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
        """The names of the nodes of one op, in order of declaration."""
        found = [node for node, name in self.dag.nodes(data="op") if name == op]
        return in_order_of_declaration(self.dag, found)

    def operands(self, node: str) -> list[str]:
        """The names of a node's operands, in order of position."""
        return in_position(self.dag._pred[node])  # the plain dict: networkx's views are slow

    def op(self, node: str) -> Op:
        """The op of a node."""
        name = self.dag._node[node]["op"]
        return OPS.get(name) or self.find(name)

    def find(self, op: str | Op) -> Op:
        """The op of a name: one of graphdiff's, or one that the user declared and a node applies.

        Raises
        ------
        GraphError
            If there is none, or another op of the user's has that name.
        """
        own: dict[str, Op] = self.dag.graph["ops"]
        if isinstance(op, str):
            return OPS.get(op) or own.get(op) or find(op)
        if not isinstance(op, Op):
            return find(op)  # which refuses it
        known = OPS.get(op.name) or own.setdefault(op.name, op)
        if known is not op:
            raise GraphError(
                f"two ops are called {op.name!r}", hint="give one of them another name"
            )
        return op

    def spec(self, node: str) -> Spec:
        """The shape and the dtype of a node."""
        spec: Spec = self.dag._node[node]["spec"]
        return spec

    def order(self) -> list[str]:
        """The nodes in topological order: as they were declared, operands first.

        Cost: linear in nodes and edges, but for one sort.
        """
        return topological_order(self.dag)

    def __getitem__(self, name: str) -> Tensor:
        node = name if name in self.dag._node else self.dag.graph["outputs"].get(name)
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
        return (Tensor(self, node) for node in self.order())

    def __repr__(self) -> str:
        return f"<Graph {self.name!r}: {described(self.dag)}>"

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
        return counted(self.dag)

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
        fill(result.dag, self.dag, self.order())
        for key, value in self.dag.graph.items():
            result.dag.graph[key] = dict(value) if isinstance(value, dict) else value
        result._declared = self._declared
        return result

    def viewed(self, facts: Mapping[str, Any]) -> Graph:
        """The same nodes under other attributes of the graph; they are not to be edited."""
        result = Graph(self.name)
        result.dag = self.dag.copy(as_view=True)
        result.dag.graph = dict(facts)
        result._declared = self._declared
        return result

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        from graphdiff.drawing import mimebundle

        return mimebundle(self, include, exclude)

    # -- adding nodes ------------------------------------------------------------------------

    def apply(
        self, op: str | Op, operands: Iterable[object], params: Mapping[str, Any] | None = None
    ) -> Tensor:
        """Add a node that applies an op to tensors, arrays and numbers.

        Raises
        ------
        GraphError
            If there is no such op, or an operand is of another graph.
        ShapeError, DTypeError
            If the operands do not fit the op. Nothing has been added then.
        """
        op = self.find(op)
        if not isinstance(operands, tuple):
            operands = _operands_of(operands, op)
        inside = branch.get()
        if inside is not None and inside._takes_from(self):
            return inside.apply(op, operands, params)
        beside = operands if op.elementwise else ()
        try:
            found = [self._operand(operand, beside) for operand in operands]
        except OtherGraphError as error:
            if not error.tensor.graph._takes_from(self):
                raise
            return error.tensor.graph.apply(op, operands, params)
        nodes = self.dag._node
        specs = tuple([nodes[o]["spec"] if isinstance(o, str) else o.spec for o in found])
        params, spec = infer(op, specs, params or {}, found)
        names = [o if isinstance(o, str) else self._insert_source(o) for o in found]
        return Tensor(self, self._insert(op.name, params, spec, names, self._fresh(op.name)))

    def inlined(self, *operands: Tensor) -> list[Tensor]:
        """Add what is in this graph to the operands' graph; they stand for its inputs, in order."""
        from graphdiff.graph.body import inline

        return inline(self, operands[0].graph, operands)

    def _source(
        self, op: str, name: str, shape: object, dtype: object, value: object = None
    ) -> Tensor:
        """Declare an input or a parameter."""
        full = self._scoped(name)
        try:
            params, spec = source_spec(shape, dtype, value)
        except GraphdiffError as error:
            raise error.at(full, op, None) from None
        return Tensor(self, self._insert(op, params, spec, (), full, named=True))

    def _insert_source(self, source: Source) -> str:
        return self._insert(*source, (), self._fresh(source.op))

    def _insert(
        self,
        op: str,
        params: Mapping[str, Any],
        spec: Spec,
        operands: Sequence[str],
        name: str,
        named: bool = False,
    ) -> str:
        """Add a node of a name that is free; what is known of its place is noted at it."""
        scope, marks = self._setting.scope, self._setting.marks
        attributes: dict[str, Any] = {
            "op": op,
            "spec": spec,
            "params": params,
            "phase": "forward",
            "scope": scope,
            "origin": None,
            "named": named,
            "declared": self._declared,
        }
        self._declared += 1
        if self._setting.recompute and op not in SOURCES:
            attributes["policy"] = "recompute"
        if marks is not None:
            attributes.update(marks)
        else:
            attributes.update(place_of(calling_line()))
            nodes = self.dag._node
            if any(nodes[source]["phase"] != "forward" for source in operands):
                attributes["phase"] = "gradient"
        insert(self.dag, name, attributes, operands)
        return name

    def _fresh(self, stem: str) -> str:
        """A name for the next node, which nobody chose."""
        name = f"{stem}_{self._declared}"
        while name in self.dag._node or name in self.outputs_by_name:
            name += "_"
        return name

    def _scoped(self, name: str, node: str | None = None) -> str:
        """A name within the present scope, checked to be one and to be free (or the node's)."""
        check_name(name)
        scope = self._setting.scope
        full = f"{scope}/{name}" if scope else name
        self._check_free(full, node)
        return full

    def _check_free(self, name: str, node: str | None = None) -> None:
        """Raise if a name is that of another node or another node's output."""
        for taken, of in ((name, "a node"), (self.outputs_by_name.get(name), "an output")):
            if taken in self.dag and taken != node:
                raise GraphError(
                    f"the name {name!r} is taken",
                    got=f"{of} declared at {self.dag.nodes[taken]['origin']}",
                    hint="choose another name, or declare it within g.scope(...)",
                )

    def _operand(self, value: object, beside: Iterable[object]) -> str | Source:
        """The node of an operand; of a number or an array, the constant that it becomes."""
        graph = getattr(value, "graph", None)
        if graph is self:
            return str(value.name)  # type: ignore[attr-defined]  # a Tensor
        if graph is not None:
            return self._taken(value)  # type: ignore[arg-type]  # a Tensor
        return source_of(value, beside)

    def _taken(self, tensor: Tensor) -> str:
        """The node that stands for a tensor of another graph, where there may be one."""
        raise OtherGraphError(self, tensor)

    def _is_argument(self, name: str) -> bool:
        """Whether a name is that of an argument, which others may have as well."""
        return False

    def _takes_from(self, other: Graph) -> bool:
        """Whether a tensor of another graph may be an operand in this one."""
        return False

    def _rename(self, node: str, name: str, returned: Iterable[str] | None = None) -> None:
        """Give a node the user's name; tensors that hold it follow.

        Cost: its degree, and the number of outputs, unless those that it is returned as are given.
        """
        self._check_free(name, node)
        if node != name:
            relabel(self.dag, node, name)
            self._renamings.add(node, name)
        self.dag.nodes[name]["named"] = True
        outputs = self.outputs_by_name
        if returned is None:
            returned = [output for output, found in outputs.items() if found == node]
        outputs.update(dict.fromkeys(returned, name))


def _operands_of(operands: object, op: Op) -> tuple[object, ...]:
    """What was given as the operands of an op, as a tuple."""
    if isinstance(operands, Iterable) and not hasattr(operands, "graph"):
        return tuple(operands)
    raise GraphError("the operands are not in a list", op=op.name, got=repr(operands))
