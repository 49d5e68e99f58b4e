"""What loops and branches do twice, and are to do once.

Of the stacks of the same values one is kept, an array that is handed in twice is handed in once,
and a loop that another one does as well, beside more, gives its results to that one.
"""

from __future__ import annotations

from typing import Any

from graphdiff.graph.body import bodies_of, cut_out, input_names, output_nodes, results
from graphdiff.graph.dag import Graph
from graphdiff.graph.files import fingerprint
from graphdiff.graph.order import users_of
from graphdiff.rewrite.engine import Draft, loops_of


def stack_once(graph: Graph, node: str) -> None:
    """Of stacks of the same values all but one are taken by nobody any more."""
    params, taken = graph.dag.nodes[node]["params"], results(graph, node)
    ends = output_nodes(params["body"])
    first: dict[str, int] = {}
    for index in range(params["carries"], len(ends)):
        if index in taken:
            same = first.setdefault(ends[index], index)
            for user in taken[index]:
                graph.dag.nodes[user]["params"] = {"index": same}


def hand_in_once(graph: Graph, node: str) -> None:
    """Slices of the same array become one, and so do values that are the same in all steps."""
    params, operands = graph.dag.nodes[node]["params"], graph.operands(node)
    last = params["carries"] + params["slices"]
    first: dict[tuple[str, bool], int] = {}
    same = {
        i: k
        for i in range(params["carries"], len(operands))
        if (k := first.setdefault((operands[i], i < last), i)) != i
    }
    if same:
        draft, inputs = Draft(params["body"]), input_names(params["body"])
        for i, k in same.items():
            draft.replace(inputs[i], inputs[k])
        graph.dag.nodes[node]["params"] = {**params, "body": draft.settled()}


# -- loops that another one contains ---------------------------------------------------------------


def absorb(draft: Draft) -> None:
    """A loop that another one does as well gives its results to that one; so does a branch.

    Forward mode adds to a loop the tangents of what it carries, in a new loop; where the values of
    the first are needed too, they are those of the second. Cost: for each loop the number of those
    over the same body that are handed the same values.
    """
    graph = draft.graph
    alike: dict[Any, list[str]] = {}
    for node in loops_of(graph):
        op, params = graph.op(node), graph.dag.nodes[node]["params"]
        if op.name == "reversal":  # nothing is added to one
            continue
        names = tuple(body.name for body in bodies_of(op, params).values())
        fixed = tuple(params.get(key) for key in ("length", "reverse", "index"))
        alike.setdefault((op.name, names, fixed), []).append(node)
    for nodes in alike.values():
        place = {node: i for i, node in enumerate(nodes)}
        for small in nodes:
            if small not in graph.dag:
                continue
            handed = [operand for operand, _ in _handed(graph, small).values()]
            rarest = min(handed, key=graph.dag.out_degree, default=None)
            beside = place.keys() if rarest is None else place.keys() & graph.dag.succ[rarest]
            for large in sorted(beside - {small}, key=place.__getitem__):
                found = _contained(graph, small, large)
                if found is not None:
                    for index, users in results(graph, small).items():
                        for user in users:
                            _take_from(draft, user, large, found[index])
                    draft.remove_dead([small])
                    break


def _contained(graph: Graph, small: str, large: str) -> dict[int, int] | None:
    """Where the results of a node are among those of another one; None if not all of them are."""
    op = graph.op(small)
    inner, outer = (graph.dag.nodes[node]["params"] for node in (small, large))
    if len(graph.operands(small)) >= len(graph.operands(large)):
        return None
    if _handed(graph, small).items() - _handed(graph, large).items():
        return None
    if large in users_of(graph.dag, [small]):
        return None
    bodies, longer = bodies_of(op, inner), bodies_of(op, outer)
    if any(i >= len(output_nodes(next(iter(bodies.values())))) for i in results(graph, small)):
        return None  # it leaves states
    stepping = [key for key in bodies if key != "condition"]
    found: dict[int, int] = {}
    for i in range(len(output_nodes(bodies[stepping[0]]))):
        stacked = i >= inner.get("carries", 0)
        start, stop = (outer.get("carries", 0), None) if stacked else (0, outer["carries"])
        ends = list(zip(*(output_nodes(longer[key]) for key in stepping), strict=True))
        end = tuple(output_nodes(bodies[key])[i] for key in stepping)
        places = [k for k in range(len(ends))[start:stop] if ends[k] == end]
        if not stacked:
            name = input_names(bodies["body"])[i]
            places = [k for k in places if input_names(longer["body"])[k] == name]
        if not places:
            return None
        found[i] = places[0]
    return found if all(_same_part(bodies[key], longer[key]) for key in bodies) else None


def _same_part(body: Graph, longer: Graph) -> bool:
    """Whether a body is a part of another one, name by name."""
    begins, ends = input_names(body), output_nodes(body)
    if not longer.dag.nodes.keys() >= {*begins, *ends}:
        return False
    same = cut_out(body, ends, begins), cut_out(longer, ends, begins, body.name)
    return fingerprint(same[0]) == fingerprint(same[1])


def _handed(graph: Graph, node: str) -> dict[str, tuple[str, str]]:
    """What each input of a body stands for: a carry, a slice, or what is the same in all steps."""
    op, params = graph.op(node), graph.dag.nodes[node]["params"]
    operands = graph.operands(node)
    carries, slices = params.get("carries", 0), params.get("slices", 0)
    handed = {}
    if op.name == "cond":
        handed["cond"], operands = (operands[0], "condition"), operands[1:]
    names = input_names(next(iter(bodies_of(op, params).values())))
    for i, (name, operand) in enumerate(zip(names, operands, strict=False)):
        role = "carry" if i < carries else "slice" if i < carries + slices else "same"
        handed[name] = operand, role
    return handed


def _take_from(draft: Draft, user: str, loop: str, index: int) -> None:
    """Let a node that takes a loop's result take another one's."""
    dag = draft.dag
    dag.remove_edges_from(list(dag.in_edges(user, keys=True)))
    dag.add_edge(loop, user, 0)
    dag.nodes[user]["params"] = {"index": index}
