"""What loops and branches need not compute.

A result that nobody takes is not computed, nor what a loop carries for it alone; what is handed in
and not read is not handed in.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphdiff.graph.body import (
    bodies_of,
    cut_out,
    input_names,
    output_nodes,
    remake,
    results,
)
from graphdiff.graph.dag import Graph
from graphdiff.rewrite.engine import Draft, loops_of


def narrow(draft: Draft) -> None:
    """Drop what loops and branches compute for nobody."""
    graph = draft.graph
    for node in reversed(loops_of(graph)):
        if node not in graph.dag:
            continue
        before = graph.operands(node)
        _NARROW[graph.op(node).name](graph, node)
        draft.remove_dead(dict.fromkeys(before))


def _narrow_scan(graph: Graph, node: str) -> None:
    _repeat_inside(graph, node)
    params = graph.dag.nodes[node]["params"]
    body, carries, slices = params["body"], params["carries"], params["slices"]
    inputs, outputs, operands = input_names(body), output_nodes(body), graph.operands(node)
    taken = results(graph, node)
    left = {i - len(outputs) for i in taken if i >= len(outputs)}
    wanted, read = _live(body, carries, {*taken} & {*range(len(outputs))} | left)
    kept = [i for i, name in enumerate(inputs) if (i in wanted if i < carries else name in read)]
    ends = sorted(wanted)
    leaves = bool(left)
    if len(kept) == len(inputs) and len(ends) == len(outputs) and leaves == params["leaves"]:
        return
    count = len(operands)
    changed = {
        **params,
        "body": cut_out(body, [outputs[i] for i in ends], [inputs[i] for i in kept]),
        "carries": sum(i < carries for i in kept),
        "slices": sum(carries <= i < carries + slices for i in kept),
        "index": any(i >= count for i in kept),
        "leaves": leaves,
    }
    given = [operands[i] for i in kept if i < count]
    moved = {old: new for new, old in enumerate(ends)}
    moved |= {len(outputs) + j: len(ends) + moved[j] for j in left}
    remake(graph, node, given, changed, moved)


def _repeat_inside(graph: Graph, node: str) -> None:
    """Slices that are all the same, of an array that was broadcast, become one value for all."""
    params = graph.dag.nodes[node]["params"]
    carries, slices = params["carries"], params["slices"]
    inputs, operands = input_names(params["body"]), graph.operands(node)
    same = [i for i in range(carries, carries + slices) if _repeats(graph, operands[i])]
    if not same:
        return
    draft = Draft(params["body"])
    body, last = draft.graph, carries + slices
    once: list[str] = []
    for i in same:
        (source,) = graph.operands(operands[i])
        one = body._insert("input", {}, graph.spec(source), (), body._fresh("input"))
        operands[i], shape = source, body.spec(inputs[i]).shape
        once.append(one)
        with body.marking(phase=body.dag.nodes[inputs[i]]["phase"]):
            value = body.apply("broadcast_to", (body[one],), {"shape": shape})
        draft.replace(inputs[i], value.name)
    draft.settled()
    order = [i for i in range(len(operands)) if i not in same]
    order[last - len(same) : last - len(same)] = same
    names = dict(zip(same, once, strict=True))
    begins = [names.get(i, inputs[i]) for i in order] + inputs[len(operands) :]
    changed = {
        **params,
        "body": cut_out(body, output_nodes(body), begins),
        "slices": slices - len(same),
    }
    every = {i: i for i in results(graph, node)}
    remake(graph, node, [operands[i] for i in order], changed, every)


def _repeats(graph: Graph, node: str) -> bool:
    """Whether all slices of an array are the same, since it was broadcast along its first axis."""
    if graph.dag.nodes[node]["op"] != "broadcast_to":
        return False
    (source,) = graph.operands(node)
    return graph.spec(source).ndim < graph.spec(node).ndim


def _narrow_reversal(graph: Graph, node: str) -> None:
    params = graph.dag.nodes[node]["params"]
    body, step, carries, states = (params[key] for key in ("body", "step", "carries", "states"))
    inputs, outputs, operands = input_names(body), output_nodes(body), graph.operands(node)
    count = len(operands) - states * params["left"]
    left, operands = operands[count:], operands[:count]
    before, after = input_names(step), output_nodes(step)
    wanted, read = _live(body, carries, set(results(graph, node)))
    residuals = [k for k in range(states, len(after)) if inputs[carries - states + k] in read]
    kept, needed = _live(step, states, set(residuals))
    given = range(carries + states, len(operands) + params["index"])
    shift = len(after) - 2 * states  # the residuals stand where the states do
    useful = [i for i in given if inputs[i + shift] in read or before[i - carries] in needed]
    first = [i for i in range(carries) if i in wanted]
    begun = [j for j in range(states) if j in kept]
    if len(first) + len(begun) + len(useful) + len(wanted) + len(residuals) == (
        len(operands) + params["index"] + len(outputs) + len(after) - states
    ):
        return
    taken = [inputs[carries - states + k] for k in residuals]
    changed = {
        **params,
        "body": cut_out(
            body,
            [outputs[i] for i in sorted(wanted)],
            [*(inputs[i] for i in first), *taken, *(inputs[i + shift] for i in useful)],
        ),
        "step": cut_out(
            step,
            [after[k] for k in (*begun, *residuals)],
            [before[i] for i in (*begun, *(i - carries for i in useful))],
        ),
        "carries": len(first),
        "states": len(begun),
        "slices": sum(i < carries + states + params["slices"] for i in useful),
        "index": any(i >= len(operands) for i in useful),
        "left": bool(left and begun),
    }
    places = [*first, *(carries + j for j in begun), *(i for i in useful if i < len(operands))]
    moved = {old: new for new, old in enumerate(sorted(wanted))}
    taking = [*(operands[i] for i in places), *(left[j] for j in begun if left)]
    remake(graph, node, taking, changed, moved)


def _narrow_while(graph: Graph, node: str) -> None:
    params = graph.dag.nodes[node]["params"]
    body, condition, carries = params["body"], params["condition"], params["carries"]
    inputs, outputs, operands = input_names(body), output_nodes(body), graph.operands(node)
    tests = input_names(condition)
    tested = above(condition, output_nodes(condition))
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
        needed = above(body, [outputs[i] for i in ends])
        read |= {i for i, name in enumerate(input_names(body)) if name in needed}
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


_NARROW = {
    "scan": _narrow_scan,
    "reversal": _narrow_reversal,
    "while_loop": _narrow_while,
    "cond": _narrow_cond,
}


def _live(body: Graph, carries: int, asked: set[int]) -> tuple[set[int], set[str]]:
    """The outputs of a loop's body that somebody needs, and all nodes that these need."""
    inputs, outputs = input_names(body), output_nodes(body)
    wanted = set(asked)
    while True:
        read = above(body, [outputs[i] for i in wanted])
        more = {j for j in range(carries) if inputs[j] in read} - wanted
        if not more:
            return wanted, read
        wanted |= more


def above(graph: Graph, nodes: Iterable[str]) -> set[str]:
    """Some nodes, and all that they are computed from."""
    found, stack = set[str](), list(nodes)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(graph.dag._pred[node])
    return found
