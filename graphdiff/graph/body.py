"""Graphs inside nodes: what a loop repeats, what a branch may run.

A body is traced as a function is. A tensor of a graph around it becomes one more input, by itself:
the value is the same in all steps. A part of a graph can be cut out as a graph of its own, which is
how bodies are made of other bodies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from graphdiff.graph.belonging import OtherGraphError
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.graph.edits import insert
from graphdiff.graph.nodes import Source
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.dimension import Dim
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec


class Body(Graph):
    """A graph that is being traced inside another one.

    ``taken`` has, for each input that stands for a tensor from around it, that tensor.
    """

    __slots__ = ("is_open", "taken")
    _leaving = "what the body of a loop or a branch computes is returned from it"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.is_open = True
        self.taken: dict[str, Tensor] = {}

    def _takes_from(self, other: Graph) -> bool:
        return self.is_open and other._born < self._born

    def _is_argument(self, name: str) -> bool:
        return name in self.dag and self.dag._node[name]["op"] == "input"

    def _taken(self, tensor: Tensor) -> str:
        if not self._takes_from(tensor.graph):
            raise OtherGraphError(self, tensor)
        node = tensor.name
        for inner, outer in self.taken.items():
            if outer.graph is tensor.graph and _alike(tensor.graph, outer.name, node):
                return inner
        name = node
        while name in self:
            name += "_"
        attributes = tensor.graph.dag.nodes[node]
        with self.marking(scope=attributes["scope"], phase="forward", origin=attributes["origin"]):
            inner = self._insert("input", {}, tensor.spec, (), name, named=attributes["named"])
        self.taken[inner] = tensor.copy()
        return inner


_PLAIN = {bool, int, float, str, tuple, Dim, type(None)}


def _alike(graph: Graph, one: str, other: str, depth: int = 3) -> bool:
    """Whether two values are the same one, or are computed alike: ``-k`` at each use of ``k``.

    What is handed in once has one derivative. It looks ``depth`` operations back.
    """
    if one == other:
        return True
    a, b = graph.dag._node[one], graph.dag._node[other]
    if not depth or a["op"] != b["op"] or a["named"] or b["named"] or a["spec"] != b["spec"]:
        return False
    if a["op"] in SOURCES or a["spec"].parts or a.get("policy") != b.get("policy"):
        return False
    if not all(type(value) in _PLAIN for value in (*a["params"].values(), *b["params"].values())):
        return False
    if repr(a["params"]) != repr(b["params"]):
        return False
    before, after = graph.operands(one), graph.operands(other)
    return len(before) == len(after) and all(
        _alike(graph, x, y, depth - 1) for x, y in zip(before, after, strict=True)
    )


def bodies_of(op: Op, params: Mapping[str, Any]) -> dict[str, Graph]:
    """The graphs inside a node, by the names of the parameters."""
    return {name: params[name] for name in op.bodies}


def input_names(body: Graph) -> list[str]:
    """The inputs of a body, in the order of the operands that they stand for."""
    return body.of_op("input")


def output_nodes(body: Graph) -> list[str]:
    """The nodes of a body's outputs, in order."""
    return list(body.outputs_by_name.values())


def results(graph: Graph, node: str) -> dict[int, list[str]]:
    """The nodes that take a result of a node that has several, by the result's number."""
    found: dict[int, list[str]] = {}
    for user in graph.dag.succ[node]:
        found.setdefault(graph.dag.nodes[user]["params"]["index"], []).append(user)
    return found


def joined(graph: Graph, node: str) -> dict[int, int]:
    """Stacks of a state before all steps, which loops alone read, and those of it after the steps.

    One array that is longer by one has both. What is handed out is left alone. Where one state
    becomes another in the next step, a stack is that after the one and before the other; it is
    joined once.
    """
    attributes = graph.dag.nodes[node]
    if attributes["op"] != "scan":
        return {}
    carries, body = attributes["params"]["carries"], attributes["params"]["body"]
    inputs, ends, taken = input_names(body), output_nodes(body), results(graph, node)
    handed = set(graph.outputs_by_name.values())
    stacks = {ends[i]: i for i in taken if carries <= i < len(ends) and handed.isdisjoint(taken[i])}
    found: dict[int, int] = {}
    for before, after in zip(inputs[:carries], ends, strict=False):
        first, last = stacks.get(before), stacks.get(after)
        if first is None or last is None or before == after:
            continue
        if not {first, last}.isdisjoint([*found, *found.values()]):
            continue
        readers = (reader for part in taken[first] for reader in graph.dag.succ[part])
        if all(graph.op(reader).name == "scan" for reader in readers):
            found[first] = last
    return found


def owner_in(body: Graph, node: str) -> str:
    """The value whose memory a view shows, itself for what is none."""
    while body.op(node).view and body.op(node).name != "result":
        (node, *_) = body.operands(node)
    return node


def borrowed(graph: Graph, node: str) -> set[int]:
    """The results of a loop or a branch that may share memory with something else."""
    params = graph.dag.nodes[node]["params"]
    if graph.op(node).name == "cond":
        bodies = (params["then"], params["otherwise"])
        return set().union(*(_shared(body, output_nodes(body)) for body in bodies))
    if graph.op(node).name == "while_loop":
        return set(range(params["carries"]))
    return _shared(params["body"], output_nodes(params["body"])[: params["carries"]])


def _shared(body: Graph, outputs: Sequence[str]) -> set[int]:
    """Of some outputs those that are an input, or show the same memory as another one."""
    owners = [owner_in(body, output) for output in outputs]
    times = Counter(owners)
    return {
        i for i, owner in enumerate(owners)
        if body.dag.nodes[owner]["op"] in SOURCES or times[owner] > 1
    }  # fmt: skip


def begins_loops(graph: Graph, node: str) -> bool:
    """Whether a value is only what loops begin with: each of them then makes one of its own."""
    nodes, users = graph.dag.nodes, graph.dag.succ[node]
    return all(
        "carries" in (params := nodes[user]["params"])
        and key < params["carries"] + params.get("states", 0)
        for user, keys in users.items()
        for key in keys
    )


def cut_out(
    graph: Graph, outputs: Sequence[str], inputs: Sequence[str], name: str | None = None
) -> Graph:
    """A part of a graph as a body.

    Parameters
    ----------
    graph
        Where the part is.
    outputs
        The nodes that it results in.
    inputs
        The nodes that it begins with: in it, they are inputs of the same names.
    name
        What it is called; as the graph is by default.

    Notes
    -----
    Linear in the nodes and edges of the graph.
    """
    result = Graph(name or graph.name)
    nodes = graph.dag.nodes
    for node in inputs:
        marks = {key: nodes[node][key] for key in _KEPT if key in nodes[node]}
        with result.marking(**marks):
            result._insert("input", {}, graph.spec(node), (), node, named=nodes[node]["named"])
    needed, stack = set(inputs), list(outputs)
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            stack.extend(graph.dag._pred[node])
    for node in graph.order():
        if node in needed and node not in result.dag:
            attributes = {**nodes[node], "declared": result._declared}
            result._declared += 1
            insert(result.dag, node, attributes, graph.operands(node))
    result.dag.graph["ops"].update(graph.dag.graph["ops"])
    result.outputs_by_name.update({str(i): node for i, node in enumerate(outputs)})
    return result


_KEPT = ("phase", "scope", "origin", "local", "of", "seed", "via")


def inline(body: Graph, graph: Graph, operands: Sequence[Tensor]) -> list[Tensor]:
    """Add to a graph what is in a body, for the given operands; returns the outputs."""
    names = input_names(body)
    return list(add_all(body, graph, dict(zip(names, operands, strict=True))))


def add_all(inner: Graph, graph: Graph, found: dict[str, Tensor]) -> Iterator[Tensor]:
    """Add the nodes of a graph to another one, but for those that are found there; the outputs."""
    for node in inner.order():
        if node in found:
            continue
        attributes = inner.dag.nodes[node]
        operands = tuple(found[source] for source in inner.operands(node))
        with graph.marking(**{key: attributes[key] for key in _MARKS if key in attributes}):
            if operands:
                found[node] = graph.apply(inner.op(node), operands, attributes["params"])
            else:
                source = Source(attributes["op"], attributes["params"], attributes["spec"])
                found[node] = Tensor(graph, graph._insert_source(source))
    return (found[node] for node in output_nodes(inner))


_MARKS = ("phase", "scope", "origin", "local", "policy", "seed", "via")


def remake(
    graph: Graph,
    node: str,
    operands: Sequence[str],
    params: Mapping[str, Any],
    moved: Mapping[int, int],
) -> None:
    """Give a node with bodies other operands and parameters; its results keep their nodes.

    ``moved`` has the new number of each result that is still there.
    """
    attributes = graph.dag.nodes[node]
    op = graph.op(node)
    specs = tuple(graph.spec(operand) for operand in operands)
    complete = op.complete(params, specs)
    spec: Spec = op.infer(*specs, **complete)
    taken = results(graph, node)
    graph.dag.remove_edges_from(list(graph.dag.in_edges(node, keys=True)))
    graph.dag.add_edges_from((operand, node, i) for i, operand in enumerate(operands))
    attributes.update(params=complete, spec=spec)
    for index, users in taken.items():
        for user in users:
            graph.dag.nodes[user]["params"] = {"index": moved[index]}


def carried_as(graph: Graph, node: str) -> str | None:
    """What a loop itself calls a result that it carries, where the user gave that another name."""
    (loop,) = graph.operands(node)
    params, index = graph.dag.nodes[loop]["params"], graph.dag.nodes[node]["params"]["index"]
    if not graph.dag.nodes[node]["named"] or index >= params.get("carries", 0):
        return None
    inner = input_names(params["body"])[index]
    return inner if params["body"].dag.nodes[inner]["named"] and inner != node else None


def results_of(graph: Graph, node: str, indices: Iterable[int], **marks: Any) -> list[Tensor]:
    """Some results of a node that has several."""
    taken, several = results(graph, node), Tensor(graph, node)
    with graph.marking(**marks):
        return [
            Tensor(graph, taken[index][0])
            if index in taken
            else graph.apply("result", (several,), {"index": index})
            for index in indices
        ]


def call_before(body: Graph, states: Iterable[str]) -> None:
    """Let states that a step begins with be called so: ``h_before``, where ``h`` comes after it."""
    for name in states:
        if f"{name}_before" not in body:
            body._rename(name, f"{name}_before")


def leave_states(graph: Graph, node: str, checkpoints: int) -> list[Tensor]:
    """Let a loop leave states for a reversal, those that its first sweep would keep.

    None where it does so already for another one, nor where a single state is to be kept: the sweep
    is then one of many.
    """
    attributes = graph.dag.nodes[node]
    params = attributes["params"]
    if params["leaves"] or not params["carries"] or checkpoints < 2:
        return []
    count = len(output_nodes(params["body"]))
    changed = {**params, "checkpoints": checkpoints, "leaves": True}
    remake(graph, node, graph.operands(node), changed, {i: i for i in range(count)})
    marks = {key: attributes[key] for key in ("phase", "scope", "origin")}
    return results_of(graph, node, range(count, count + params["carries"]), **marks)
