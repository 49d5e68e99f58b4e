"""The memory that a node takes only while it runs.

For most ops it is what their NumPy code works in. For a loop it is the values of a step: those that
have a line of their own in the generated code stay until the next step replaces them, the others
last as long as the expression that they are a part of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import PlanError
from graphdiff.graph.body import begins_loops, input_names, joined, output_nodes, results
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.graph.origin import ends_a_line
from graphdiff.ops.dimension import Dimension, combine, evaluate_dimension
from graphdiff.ops.spec import Spec
from graphdiff.planning.loops import parts_of

_BUFFER = 8192  # elements of an operand that NumPy converts or broadcasts at a time
_IN_PLACE = 1 << 18  # bytes from which on NumPy computes in place of an operand with no name
_EITHER = frozenset({"add", "multiply"})
_FIRST = frozenset({"subtract", "divide"})

_MOVING = frozenset({"slice", "transpose"})

Sizes = Mapping[str, int] | None
Array = np.ndarray[Any, np.dtype[Any]]


def bytes_of(graph: Graph, node: str, sizes: Sizes = None) -> Dimension:
    """The bytes of a value; of a loop those of all its results that are taken."""
    spec = graph.spec(node)
    if not spec.parts:
        return _sized(spec, sizes).nbytes  # type: ignore[no-any-return]  # int or Dim
    total: Dimension = 0
    together = joined(graph, node)
    for i in _taken(graph, node):
        part = _sized(spec.parts[i], sizes)
        if i in together:  # a row more in the array of the states after the steps
            part = Spec(part.shape[1:], part.dtype)
        total = part.nbytes + total
    return total


def _taken(graph: Graph, node: str) -> set[int]:
    """The results of a node that are taken, in a branch all."""
    if "carries" not in graph.dag.nodes[node]["params"]:
        return set(range(len(graph.spec(node).parts)))
    return set(results(graph, node))


def scratch_of(graph: Graph, node: str, arrays: Sequence[str], sizes: Mapping[str, int]) -> int:
    """The bytes that a node takes while it runs; ``arrays`` are its operands but for numbers."""
    op, out = graph.op(node), _sized(graph.spec(node), sizes)
    if op.bodies:
        return evaluate_dimension(inside(graph, node, sizes), sizes)
    specs = [_sized(graph.spec(operand), sizes) for operand in arrays]
    if op.workspace is not None:
        return int(workspace_of(graph, node, out, specs))
    if not op.elementwise or op.view:
        return 0
    if op.name == "where":  # its condition is taken as it is
        dtype, alike = out.dtype, {out.dtype, np.dtype(bool)}
    else:
        dtype = np.result_type(*(spec.dtype for spec in specs)) if specs else out.dtype
        alike = {dtype}
    strided = _strided(graph, arrays, specs, sizes)
    buffered = sum(
        spec.size != 1 and (spec.shape != out.shape or spec.dtype not in alike or gaps)
        for spec, gaps in zip(specs, strided, strict=True)
    )
    return int(buffered * min(out.size, _BUFFER) * dtype.itemsize)


def _strided(
    graph: Graph, arrays: Sequence[str], specs: Sequence[Spec], sizes: Mapping[str, int]
) -> list[bool]:
    """Which operands NumPy reads by a buffer, since they are not in memory as the others are."""
    if not any(graph.op(node).name in _MOVING for node in arrays):
        return [False] * len(arrays)
    layouts = [_layout(graph, node, sizes) for node in arrays]
    large = [layout for layout, spec in zip(layouts, specs, strict=True) if spec.size != 1]
    alike = len({layout.strides for layout in large}) < 2
    if alike and all(map(_has_no_gaps, large)):
        return [False] * len(arrays)
    return [not layout.flags.c_contiguous for layout in layouts]


def _layout(graph: Graph, node: str, sizes: Mapping[str, int]) -> Array:
    """An array with the strides of a value, though with the memory of one element."""
    views = []
    while graph.op(node).name in _MOVING:
        views.append(graph.dag.nodes[node])
        (node,) = graph.operands(node)
    whole = _sized(graph.spec(node), sizes)
    one, strides = np.empty(1, whole.dtype), [whole.dtype.itemsize]
    for length in reversed(whole.shape[1:]):
        strides.insert(0, strides[0] * int(length))
    strides = strides[: whole.ndim]
    array = np.lib.stride_tricks.as_strided(one, tuple(map(int, whole.shape)), strides)
    for view in reversed(views):
        params = view["params"]
        if view["op"] == "transpose":
            array = array.transpose(params["axes"])
        else:
            array = array[_index(params["index"], sizes)]
    return array


def _index(index: Sequence[Any], sizes: Mapping[str, int]) -> tuple[Any, ...]:
    """A basic index with numbers for names."""
    return tuple(
        slice(*(evaluate_dimension(part, sizes) if part is not None else None for part in entry))
        if isinstance(entry, tuple)
        else entry
        for entry in index
    )


def _has_no_gaps(array: Array) -> bool:
    """Whether its elements are side by side in memory, whatever the order of its axes."""
    axes = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    return array.transpose(axes).flags.c_contiguous


def workspace_of(graph: Graph, node: str, out: Spec, specs: Sequence[Spec]) -> Any:
    """What the code of a node's op works in.

    Raises
    ------
    PlanError
        If the op can say it for numbers only, and there are names.
    """
    op = graph.op(node)
    assert op.workspace is not None  # it is asked for
    try:
        return op.workspace(out, *specs, **graph.dag.nodes[node]["params"])
    except TypeError:
        raise PlanError(
            "the memory that it works in is known for given sizes only", node=node, op=op.name,
            hint="sizes={…}",
        ) from None  # fmt: skip


def inside(graph: Graph, node: str, sizes: Sizes = None) -> Dimension:
    """The bytes that a loop or a branch takes beside its results.

    Of a loop with checkpoints, the states that it keeps are among them, but for those that are left
    to it.
    """
    params = graph.dag.nodes[node]["params"]
    checkpointed, left = "states" in params, params.get("left", False)
    total = _kept(graph, node, sizes) if checkpointed else 0
    parts, taken = graph.spec(node).parts, _taken(graph, node)
    for i in range(params.get("carries", 0)):  # that nobody takes at the end
        if i not in taken:
            total = _sized(parts[i], sizes).nbytes + total
    most: Dimension = 0
    carries, states = params.get("carries"), params.get("states")
    counts = (carries, 0, states) if checkpointed else (carries, carries)
    for i, (body, count) in enumerate(zip(parts_of(graph, node), counts, strict=False)):
        step = _Step(body, count, sizes, named=i == 1 and checkpointed)
        total = step.stays + total
        most = combine("max", step.most, most)
        if i == 2 and not left:  # the states on the way
            for name in output_nodes(body):
                total = bytes_of(body, name, sizes) + total
    return most + total


def _kept(graph: Graph, node: str, sizes: Sizes) -> Dimension:
    """The bytes of the states that a loop keeps at a time; the first may be another value's."""
    params = graph.dag.nodes[node]["params"]
    carries, states, length = params["carries"], params["states"], params["length"]
    length = length if sizes is None else evaluate_dimension(length, sizes)
    most = combine("max", 1, combine("min", params["checkpoints"], combine("-", length, 1)))
    most = 1 if params["left"] else most
    total: Dimension = 0
    for operand in graph.operands(node)[carries : carries + states]:
        own = graph.dag.nodes[operand]["op"] == "broadcast_to" and begins_loops(graph, operand)
        total = _sized(graph.spec(operand), sizes).nbytes * (most if own else most - 1) + total
    return total


class _Step:
    """The memory of one step: ``stays`` until the next one, and the ``most`` that a line takes.

    The first ``carries`` outputs (all of them, for None) take the places of values that are counted
    elsewhere; where those are still needed, both are there. Other outputs have variables if they
    are ``named``.
    """

    def __init__(self, body: Graph, carries: int | None, sizes: Sizes, named: bool) -> None:
        self.body, self.sizes = body, sizes
        self.stays: Dimension = 0
        self.most: Dimension = 0
        self.holds: dict[str, Dimension] = {}  # what an expression's value keeps
        self.takes: dict[str, Dimension] = {}  # and the most that is there on the way to it
        self.lines = set[str]()
        outputs, order = output_nodes(body), body.order()
        place = {name: i for i, name in enumerate(order)}
        self.handed = {name: outputs.count(name) + named for name in outputs}
        self.replacing = {
            after
            for before, after in zip(input_names(body), outputs[:carries], strict=False)
            if carries is None or all(place[u] <= place[after] for u in body.dag.succ[before])
        }
        for name in order:
            self.visit(name)
        for name in outputs:  # those without a line are written into what takes them
            self.most = combine("max", self.most, self.takes[name])

    def visit(self, name: str) -> None:
        """Note what a value takes, after its operands."""
        body, op = self.body, self.body.op(name)
        self.holds[name] = self.takes[name] = 0
        if op.name in SOURCES or op.name == "result":
            return
        if op.bodies:
            self.stays = bytes_of(body, name, self.sizes) + self.stays
            self.most = combine("max", self.most, inside(body, name, self.sizes))
            return
        held: Dimension = 0
        most: Dimension = 0
        operands = dict.fromkeys(body.operands(name))
        for operand in operands:
            most = combine("max", most, self.takes[operand] + held)
            held = self.holds[operand] + held
        if op.view:
            own = held
        else:
            own = bytes_of(body, name, self.sizes)
            scratch = self.scratch(name)
            most = combine("max", most, held + scratch + (0 if self.reuses(name, own) else own))
        self.holds[name], self.takes[name] = own, most
        if self.has_line(name):
            self.lines.add(name)
            self.holds[name] = self.takes[name] = 0
            self.most = combine("max", self.most, most)
            if name not in self.replacing:
                self.stays = own + self.stays

    def scratch(self, name: str) -> Dimension:
        """What the op works in."""
        body, op = self.body, self.body.op(name)
        arrays = [u for u in body.operands(name) if body.dag.nodes[u]["op"] != "constant"]
        if self.sizes is not None:
            return scratch_of(body, name, arrays, self.sizes)
        if op.workspace is None:
            return 0
        return workspace_of(body, name, body.spec(name), [body.spec(u) for u in arrays])  # type: ignore[no-any-return]  # bytes

    def reuses(self, name: str, own: Dimension) -> bool:
        """Whether NumPy puts the result in the place of an operand."""
        op, operands = self.body.op(name).name, self.body.operands(name)
        usable = operands if op in _EITHER else operands[:1] if op in _FIRST else []
        if op == "multiply" and self.body.spec(operands[0]).is_complex:  # see its code
            usable = operands[: not self.holds[operands[1]]]
        large = isinstance(own, int) and own >= _IN_PLACE
        return large and any(self.holds[operand] == own for operand in usable)

    def has_line(self, name: str) -> bool:
        """Whether the value gets a variable."""
        dag = self.body.dag
        attributes, reads = dag.nodes[name], self.handed.get(name, 0)
        reads += sum(map(len, dag.succ[name].values()))
        if reads != 1 or attributes["named"] or ends_a_line(dag, name):
            return True
        return attributes["phase"] == "gradient" and any(
            of in dag and (dag.nodes[of]["named"] or of in self.lines)
            for of in attributes.get("of", ())
        )


def _sized(spec: Spec, sizes: Sizes) -> Spec:
    if sizes is None or spec.parts:
        return spec
    return Spec(tuple(evaluate_dimension(part, sizes) for part in spec.shape), spec.dtype)
