"""Which results of a loop or a branch have a derivative by which of its operands."""

from __future__ import annotations

from graphdiff.autodiff.reversals import as_scans
from graphdiff.graph.body import bodies_of, input_names, output_nodes
from graphdiff.graph.dag import Graph


def influences(graph: Graph, node: str) -> list[set[int]]:
    """For each result of a node with bodies, the operands that it has a derivative by."""
    attributes = graph.dag.nodes[node]
    op, params = graph.op(node), attributes["params"]
    if op.name == "cond":
        branches = [_dependence(body) for body in bodies_of(op, params).values()]
        return [{i + 1 for i in a | b} for a, b in zip(*branches, strict=True)]
    if op.name == "reversal":
        return _dependence(as_scans(graph, node))
    found = _dependence(params["body"])
    carries = params["carries"]
    while True:  # what a carried value depends on, its successors do
        before = list(map(len, found))
        for j in range(carries):
            found[j].add(j)
        for entry in found:
            for j in [j for j in entry if j < carries]:
                entry |= found[j]
        if before == list(map(len, found)):
            return found + [set() for _ in range(carries * params.get("leaves", False))]


def _dependence(body: Graph) -> list[set[int]]:
    """For each output of a body, the inputs that a derivative flows from."""
    from_inputs: dict[str, set[int]] = {n: {i} for i, n in enumerate(input_names(body))}
    deep: dict[str, list[set[int]]] = {}  # of loops inside
    for node in body.order():
        if node in from_inputs or not body.spec(node).is_inexact:
            from_inputs.setdefault(node, set())
            if not body.spec(node).is_inexact:
                from_inputs[node] = set()
            continue
        op, operands = body.op(node), body.operands(node)
        if op.name == "result":
            loop, index = operands[0], body.dag.nodes[node]["params"]["index"]
            if loop not in deep:
                deep[loop] = influences(body, loop)
            positions = deep[loop][index]
            operands = body.operands(loop)
        else:
            positions = {i for i in range(len(operands)) if op.carries(i)}
        sources = (from_inputs[operands[i]] for i in positions)
        from_inputs[node] = set().union(*sources)
    return [set(from_inputs[node]) for node in output_nodes(body)]
