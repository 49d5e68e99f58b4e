"""What loops and branches need not compute.

A result that nobody takes is not computed, nor what a loop carries for it alone; what is handed in
and not read is not handed in. A loop that another one does as well, beside more, is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphdiff.graph.body import (
    bodies_of,
    cut_out,
    input_names,
    output_nodes,
    remake,
    results,
)
from graphdiff.graph.dag import Graph
from graphdiff.graph.files import fingerprint
from graphdiff.graph.order import users_of
from graphdiff.rewrite.engine import Draft, loops_of


def narrow(draft: Draft) -> None:
    """Drop what loops and branches compute for nobody."""
    graph = draft.graph
    for node in reversed(loops_of(graph)):
        if node not in graph.dag:
            continue
        before = graph.operands(node)
        {"scan": _narrow_scan, "while_loop": _narrow_while, "cond": _narrow_cond}[
            graph.op(node).name
        ](graph, node)
        draft.remove_dead(dict.fromkeys(before))


def _narrow_scan(graph: Graph, node: str) -> None:
    params = graph.dag.nodes[node]["params"]
    body, carries, slices = params["body"], params["carries"], params["slices"]
    inputs, outputs, operands = input_names(body), output_nodes(body), graph.operands(node)
    wanted, read = _live(body, carries, set(results(graph, node)))
    kept = [i for i, name in enumerate(inputs) if (i in wanted if i < carries else name in read)]
    ends = sorted(wanted)
    if len(kept) == len(inputs) and len(ends) == len(outputs):
        return
    count = len(operands)
    changed = {
        **params,
        "body": cut_out(body, [outputs[i] for i in ends], [inputs[i] for i in kept]),
        "carries": sum(i < carries for i in kept),
        "slices": sum(carries <= i < carries + slices for i in kept),
        "index": any(i >= count for i in kept),
    }
    given = [operands[i] for i in kept if i < count]
    remake(graph, node, given, changed, {old: new for new, old in enumerate(ends)})


def _narrow_while(graph: Graph, node: str) -> None:
    params = graph.dag.nodes[node]["params"]
    body, condition, carries = params["body"], params["condition"], params["carries"]
    inputs, outputs, operands = input_names(body), output_nodes(body), graph.operands(node)
    tests = input_names(condition)
    tested = _above(condition, output_nodes(condition))
    asked = {i for i, name in enumerate(tests) if name in tested}
    wanted, read = _live(body, carries, set(results(graph, node)) | (asked & set(range(carries))))
    kept = [
        i for i, name in enumerate(inputs) if i in wanted or i in asked or
        (i >= carries and name in read)
    ]  # fmt: skip
    if len(kept) == len(inputs):
        return
    ends = sorted(wanted)
    changed = {
        "body": cut_out(body, [outputs[i] for i in ends], [inputs[i] for i in kept]),
        "condition": cut_out(condition, output_nodes(condition), [tests[i] for i in kept]),
        "carries": len(ends),
    }
    given = [operands[i] for i in kept]
    remake(graph, node, given, changed, {old: new for new, old in enumerate(ends)})


def _narrow_cond(graph: Graph, node: str) -> None:
    params = graph.dag.nodes[node]["params"]
    operands, ends = graph.operands(node), sorted(results(graph, node))
    bodies = bodies_of(graph.op(node), params)
    read: set[int] = set()
    for body in bodies.values():
        outputs = output_nodes(body)
        above = _above(body, [outputs[i] for i in ends])
        read |= {i for i, name in enumerate(input_names(body)) if name in above}
    kept = sorted(read)
    if len(kept) + 1 == len(operands) and len(ends) == len(output_nodes(params["then"])):
        return
    changed = {
        key: cut_out(
            body,
            [output_nodes(body)[i] for i in ends],
            [input_names(body)[i] for i in kept],
        )
        for key, body in bodies.items()
    }
    given = [operands[0], *(operands[i + 1] for i in kept)]
    remake(graph, node, given, changed, {old: new for new, old in enumerate(ends)})


def _live(body: Graph, carries: int, asked: set[int]) -> tuple[set[int], set[str]]:
    """The outputs of a loop's body that somebody needs, and all nodes that these need."""
    inputs, outputs = input_names(body), output_nodes(body)
    wanted = set(asked)
    while True:
        read = _above(body, [outputs[i] for i in wanted])
        more = {j for j in range(carries) if inputs[j] in read} - wanted
        if not more:
            return wanted, read
        wanted |= more


def _above(graph: Graph, nodes: Iterable[str]) -> set[str]:
    """Some nodes, and all that they are computed from."""
    found, stack = set[str](), list(nodes)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(graph.dag._pred[node])
    return found


# -- loops that another one contains ---------------------------------------------------------------


def absorb(draft: Draft) -> None:
    """A loop that another one does as well gives its results to that one.

    Forward mode adds to a loop the tangents of what it carries, in a new loop; where the values of
    the first are needed too, they are those of the second. Cost: quadratic in the number of loops
    over the same body.
    """
    graph = draft.graph
    alike: dict[Any, list[str]] = {}
    for node in loops_of(graph):
        params = graph.dag.nodes[node]["params"]
        if graph.op(node).name == "scan":
            key = (params["body"].name, params["length"], params["reverse"])
            alike.setdefault(key, []).append(node)
    for nodes in alike.values():
        for small in nodes:
            for large in nodes:
                if small not in graph.dag or large not in graph.dag or small == large:
                    continue
                found = _contained(graph, small, large)
                if found is not None:
                    for index, users in results(graph, small).items():
                        for user in users:
                            _take_from(draft, user, large, found[index])
                    draft.remove_dead([small])
                    break


def _contained(graph: Graph, small: str, large: str) -> Mapping[int, int] | None:
    """Where a loop's results are among those of another one; None if they are not all there."""
    inner, outer = (graph.dag.nodes[node]["params"] for node in (small, large))
    if len(graph.operands(small)) >= len(graph.operands(large)) or inner["index"]:
        return None
    body, longer = inner["body"], outer["body"]
    given = dict(zip(input_names(body), graph.operands(small), strict=True))
    others = dict(zip(input_names(longer), graph.operands(large), strict=False))
    if any(others.get(name) != operand for name, operand in given.items()):
        return None
    places = [_places(params) for params in (inner, outer)]
    if any(places[0][name] != places[1].get(name) for name in given):
        return None
    ends, carries, more = output_nodes(body), inner["carries"], outer["carries"]
    targets = output_nodes(longer)
    found: dict[int, int] = {}
    begins = input_names(body)
    for i, end in enumerate(ends):
        if i < carries:
            place = input_names(longer).index(begins[i])
            if targets[place] != end:
                return None
            found[i] = place
        else:
            if end not in targets[more:]:
                return None
            found[i] = more + targets[more:].index(end)
    same = cut_out(body, ends, begins), cut_out(longer, ends, begins, body.name)
    if large in users_of(graph.dag, [small]) or fingerprint(same[0]) != fingerprint(same[1]):
        return None
    return found


def _places(params: Mapping[str, Any]) -> dict[str, str]:
    """Whether an input of a loop's body is carried, a slice, or the same in all steps."""
    carries, slices = params["carries"], params["slices"]
    return {
        name: "carry" if i < carries else "slice" if i < carries + slices else "same"
        for i, name in enumerate(input_names(params["body"]))
    }


def _take_from(draft: Draft, user: str, loop: str, index: int) -> None:
    """Let a node that takes a loop's result take another one's."""
    dag = draft.dag
    dag.remove_edges_from(list(dag.in_edges(user, keys=True)))
    dag.add_edge(loop, user, 0)
    dag.nodes[user]["params"] = {"index": index}
