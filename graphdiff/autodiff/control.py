"""Derivatives of loops and branches, made of the derivatives of what is inside them.

Reverse mode. One step of a loop takes a carry c, a slice x and constants w, and gives c' and y. Its
vector-Jacobian product, by the same sweep as any other, takes the cotangents of c' and y to those
of c, x and w. So the gradient of the loop is a loop the other way round that carries the cotangent
of c, and the sum so far of that of w. The values of a step that the product needs are *residuals*:
the first loop stacks them as further results, and the second takes its slices of them. Views of
them, and what depends on constants alone, are made again and not stacked.

A branch has no steps to remember: its gradient is a branch that computes what it needs again.

Forward mode. The body's own tangents are added to it, so that there is one loop which carries a
value and its tangent side by side. Nothing is stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from graphdiff.errors import GradientError
from graphdiff.graph.body import (
    bodies_of,
    cut_out,
    input_names,
    output_nodes,
    remake,
    result_of,
)
from graphdiff.graph.dag import Graph
from graphdiff.graph.origin import before_activation, ends_a_line
from graphdiff.graph.tensor import Tensor
from graphdiff.ops.spec import Spec

PullBack = Callable[..., list[Tensor | None]]
PushForward = Callable[..., list[Tensor | None]]

# -- what depends on what --------------------------------------------------------------------------


def influences(graph: Graph, node: str) -> list[set[int]]:
    """For each result of a node with bodies, the operands that it has a derivative by."""
    attributes = graph.dag.nodes[node]
    op, params = graph.op(node), attributes["params"]
    if op.name == "cond":
        branches = [_dependence(body) for body in bodies_of(op, params).values()]
        return [{i + 1 for i in a | b} for a, b in zip(*branches, strict=True)]
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
            return found


def _dependence(body: Graph) -> list[set[int]]:
    """For each output of a body, the inputs that a derivative flows from."""
    from_inputs: dict[str, set[int]] = {n: {i} for i, n in enumerate(input_names(body))}
    for node in body.order():
        if node in from_inputs or not body.spec(node).is_float:
            from_inputs.setdefault(node, set())
            if not body.spec(node).is_float:
                from_inputs[node] = set()
            continue
        op, operands = body.op(node), body.operands(node)
        if op.name == "result":
            loop, index = operands[0], body.dag.nodes[node]["params"]["index"]
            positions = influences(body, loop)[index]
            operands = body.operands(loop)
        else:
            positions = {i for i in range(len(operands)) if op.rule(i) is not None}
        sources = (from_inputs[operands[i]] for i in positions)
        from_inputs[node] = set().union(*sources)
    return [set(from_inputs[node]) for node in output_nodes(body)]


# -- reverse mode ----------------------------------------------------------------------------------


def pull_back_through(
    graph: Graph,
    node: str,
    cotangents: Mapping[int, Tensor],
    wanted: Sequence[int],
    seed: str,
    linear: bool,
    pull_back: PullBack,
) -> dict[int, Tensor]:
    """The cotangents of a node's operands, given those of its results.

    Parameters
    ----------
    graph, node
        A node with bodies.
    cotangents
        Of the results that have one, each of the result's shape.
    wanted
        The positions of the operands whose cotangents are asked for.
    seed, linear
        See `graphdiff.autodiff.reverse.pull_back`.
    pull_back
        The sweep itself, for the bodies.

    Raises
    ------
    GradientError
        For a loop of an unknown number of steps.
    """
    op = graph.op(node).name
    if op == "while_loop":
        raise GradientError(
            "a while_loop has no derivative in reverse mode: the number of its steps is not known",
            node=node, op=op, origin=graph.dag.nodes[node]["origin"],
            hint="use gd.fori or gd.scan, whose number of steps is known, or forward mode: "
            'gd.jvp, gd.jacobian(f, mode="forward")',
        )  # fmt: skip
    if op == "cond":
        return _pull_back_cond(graph, node, cotangents, wanted, seed, linear, pull_back)
    return _pull_back_scan(graph, node, cotangents, wanted, seed, linear, pull_back)


def _pull_back_scan(
    graph: Graph,
    node: str,
    cotangents: Mapping[int, Tensor],
    wanted: Sequence[int],
    seed: str,
    linear: bool,
    pull_back: PullBack,
) -> dict[int, Tensor]:
    params = graph.dag.nodes[node]["params"]
    body: Graph = params["body"].copy()
    carries, slices, length = params["carries"], params["slices"], params["length"]
    operands, inputs, outputs = graph.operands(node), input_names(body), output_nodes(body)
    deep = influences(graph, node)
    asked = set(wanted)
    useful = set().union(*(deep[i] for i in cotangents))
    varied = [j for j in range(carries) if deep[j] & asked and j in useful]
    by = [*varied, *(i for i in wanted if i >= carries and i in useful)]
    if not by:
        return {}

    # One step back: the cotangents of its results, then those of what it takes.
    given = {j: _input(body, f"d{seed}/d{inputs[j]}", body.spec(inputs[j])) for j in varied}
    rows = [i for i in cotangents if i >= carries]
    for i in rows:
        name = f"d{seed}/d{_called(body, outputs[i])}s"
        given[i] = _input(body, name, body.spec(outputs[i]))
    seeds = [(body[outputs[i]], tensor) for i, tensor in given.items()]
    found = dict(
        zip(by, pull_back(seeds, [body[inputs[i]] for i in by], seed, linear), strict=True)
    )
    sums = [i for i in by if i >= carries + slices and found[i] is not None]
    stacked = [i for i in by if carries <= i < carries + slices and found[i] is not None]
    totals = {i: _input(body, f"sum_{i}", body.spec(inputs[i]), named=False) for i in sums}
    ends = [_or_zeros(body, found[j], body.spec(inputs[j])) for j in varied]
    for i in sums:
        part = found[i]
        assert part is not None  # it is in sums
        marks = body.dag.nodes[part.name]
        marks["of"] = tuple(of for of in marks.get("of", ()) if of != inputs[i])  # the sum is
        with body.marking(phase="gradient", seed=seed, origin=marks["origin"]):
            ends.append((totals[i] + part).name)
    ends += [found[i].name for i in stacked]  # type: ignore[union-attr]  # not None

    # What it needs of the step forward, which the loop forward stacks.
    begins = [given[j].name for j in varied] + [totals[i].name for i in sums]
    row_inputs = [given[i].name for i in rows]
    count = len(inputs) - params["index"]
    kept = _residuals(
        params["body"], body, ends, {*begins, *row_inputs}, inputs[carries + slices :]
    )
    fixed = [n for n in kept if n in inputs[carries + slices : count]]
    read = [n for n in kept if n in inputs[carries : carries + slices]]
    stored = [n for n in kept if n not in inputs[carries:]]
    parts = _store(graph, node, body, stored)
    step = cut_out(
        body,
        ends,
        [*begins, *row_inputs, *stored, *read, *fixed, *(inputs[count:])],
        f"gradient of {params['body'].name}",
    )
    _name_after(step, params["body"], seed)
    for name in stored:
        if name in inputs and f"{name}_before" not in step:
            step._rename(name, f"{name}_before")
    first = [
        cotangents[j] if j in cotangents else _zeros(graph, graph.spec(operands[j])) for j in varied
    ]
    first += [_zeros(graph, graph.spec(operands[i])) for i in sums]
    place = {name: operands[i] for i, name in enumerate(inputs[:count])}
    loop = graph.apply(
        "scan",
        (
            *first,
            *(cotangents[i] for i in rows),
            *parts,
            *(graph[place[n]] for n in (*read, *fixed)),
        ),
        {
            "body": step,
            "carries": len(varied) + len(sums),
            "slices": len(rows) + len(stored) + len(read),
            "length": length,
            "reverse": not params["reverse"],
            "index": params["index"],
        },
    )
    positions = [*varied, *sums, *stacked]
    return {
        i: graph.apply("result", (loop,), {"index": k})
        for k, i in enumerate(positions)
        if i in asked
    }


def _pull_back_cond(
    graph: Graph,
    node: str,
    cotangents: Mapping[int, Tensor],
    wanted: Sequence[int],
    seed: str,
    linear: bool,
    pull_back: PullBack,
) -> dict[int, Tensor]:
    params = graph.dag.nodes[node]["params"]
    operands = graph.operands(node)
    deep = influences(graph, node)
    useful = set().union(*(deep[i] for i in cotangents))
    by = [i for i in wanted if i in useful]
    if not by:
        return {}
    branches: dict[str, Graph] = {}
    for word in ("then", "otherwise"):
        body: Graph = params[word].copy()
        inputs, outputs = input_names(body), output_nodes(body)
        given = [_input(body, f"d{seed}/d{i}", body.spec(outputs[i])) for i in cotangents]
        seeds = list(zip((body[outputs[i]] for i in cotangents), given, strict=True))
        found = pull_back(seeds, [body[inputs[i - 1]] for i in by], seed, linear)
        ends = [
            _or_zeros(body, value, body.spec(inputs[i - 1]))
            for i, value in zip(by, found, strict=True)
        ]
        begins = [*(tensor.name for tensor in given), *inputs]
        branches[word] = cut_out(body, ends, begins, f"gradient of {body.name}")
    loop = graph.apply(
        "cond",
        (graph[operands[0]], *cotangents.values(), *(graph[o] for o in operands[1:])),
        branches,
    )
    return {i: graph.apply("result", (loop,), {"index": k}) for k, i in enumerate(by)}


def _input(body: Graph, name: str, spec: Spec, named: bool = True) -> Tensor:
    """A cotangent or a sum that a step of the gradient is given."""
    while name in body:
        name += "_"
    with body.marking(phase="gradient", scope="", origin=None):
        return Tensor(body, body._insert("input", {}, spec, (), name, named=named))


def _zeros(graph: Graph, spec: Spec) -> Tensor:
    zero = graph.constant(0.0, dtype=spec.dtype)
    return graph.apply("broadcast_to", (zero,), {"shape": spec.shape}) if spec.ndim else zero


def _or_zeros(body: Graph, value: Tensor | None, spec: Spec) -> str:
    if value is not None:
        return value.name
    with body.marking(phase="gradient"):
        return _zeros(body, spec).name


def _residuals(
    forward: Graph, body: Graph, ends: Sequence[str], begins: set[str], same: Sequence[str]
) -> list[str]:
    """The values of a step forward that a step back is to be given.

    ``body`` holds both steps; what is not in ``forward`` belongs to the step back, but for results
    that a loop inside it stacks now. ``same`` are the inputs that are the same in all steps.
    """
    inputs, order = set(input_names(forward)), body.order()
    fixed = set(same)
    for node in order:
        if node in forward.dag and node not in inputs and fixed.issuperset(body.operands(node)):
            fixed.add(node)
    kept: set[str] = set()
    seen, stack = set(begins), list(ends)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        op, operands = body.op(node), body.operands(node)
        stays = node in forward.dag
        if op.name == "result":
            stays = operands[0] in forward.dag
        elif op.view or node in fixed or body.dag.nodes[node].get("policy") == "recompute":
            stays = False
        if node in inputs or stays:
            kept.add(node)
        else:
            stack.extend(operands)
    return [node for node in order if node in kept]


def _store(graph: Graph, node: str, body: Graph, stored: Sequence[str]) -> list[Tensor]:
    """Let a loop stack some values of each step; returns the stacks."""
    attributes = graph.dag.nodes[node]
    params = attributes["params"]
    carries, inputs, outputs = params["carries"], input_names(params["body"]), output_nodes(body)
    known = {name: i for i, name in reversed(list(enumerate(outputs))) if i >= carries}
    new = [name for name in stored if name not in known]
    known |= {name: i for i, name in enumerate(new, start=len(outputs))}
    if new:
        longer = cut_out(body, [*outputs, *new], inputs)
        same = {i: i for i in range(len(outputs))}
        remake(graph, node, graph.operands(node), {**params, "body": longer}, same)
    marks = {key: attributes[key] for key in ("phase", "scope", "origin")}
    return [result_of(graph, node, known[name], **marks) for name in stored]


def _called(body: Graph, node: str) -> str:
    """What a person calls a value of a body."""
    attributes = body.dag.nodes[node]
    if attributes["named"]:
        return node
    if ends_a_line(body.dag, node):
        return str(attributes["local"])
    return before_activation(body.dag, node) or node


def _name_after(step: Graph, forward: Graph, seed: str) -> None:
    """Call the cotangents in a step back after the values of the step forward."""
    taken = set(input_names(step))
    for node, attributes in step.dag.nodes(data=True):
        if node in taken:
            continue
        for of in attributes.get("of", ()):
            name = _called(forward, of) if of in forward.dag else of
            if name != of and f"d{seed}/d{name}" not in taken:
                attributes["local"] = f"d{seed}/d{name}"
                break


# -- forward mode ----------------------------------------------------------------------------------


def push_forward_through(
    graph: Graph, node: str, tangents: Mapping[int, Tensor], seed: str, push_forward: PushForward
) -> dict[int, Tensor]:
    """The tangents of a node's results, given those of its operands.

    They are results of a new node, which computes the values beside them.
    """
    params = graph.dag.nodes[node]["params"]
    if graph.op(node).name == "cond":
        return _push_cond(graph, node, tangents, seed, push_forward)
    deep = influences(graph, node)
    carries, slices = params["carries"], params.get("slices", 0)
    moved = [j for j in range(carries) if deep[j] & tangents.keys()]
    body: Graph = params["body"].copy()
    operands, inputs, outputs = graph.operands(node), input_names(body), output_nodes(body)
    with_tangent = [*moved, *(i for i in tangents if i >= carries)]
    beside = {i: _input(body, f"d{inputs[i]}", body.spec(inputs[i])) for i in with_tangent}
    found = _pushed(body, outputs, inputs, beside, seed, push_forward)
    for j in moved:
        if found[j] is None:
            with body.marking(phase="gradient"):
                found[j] = _zeros(body, body.spec(inputs[j]))
    extra = [i for i in range(carries, len(outputs)) if found[i] is not None]

    def both(values: Sequence[str], others: Mapping[int, str]) -> list[str]:
        """Carried values and their tangents, then slices and theirs, then the rest and theirs."""
        count = len(operands)
        parts: list[str] = []
        for start, stop in ((0, carries), (carries, carries + slices), (carries + slices, count)):
            parts += values[start:stop]
            parts += [others[i] for i in range(start, stop) if i in others]
        return parts + list(values[count:])

    taken = {i: tangent.name for i, tangent in tangents.items()}
    taken |= {j: _zeros(graph, graph.spec(operands[j])).name for j in moved if j not in tangents}
    heads = {i: tensor.name for i, tensor in beside.items()}
    begins = both(inputs, heads)
    ends = [*outputs[:carries], *(found[j].name for j in moved)]  # type: ignore[union-attr]
    ends += [*outputs[carries:], *(found[i].name for i in extra)]  # type: ignore[union-attr]
    changed = {**params, "body": cut_out(body, ends, begins), "carries": carries + len(moved)}
    if "slices" in params:
        changed["slices"] = slices + sum(carries <= i < carries + slices for i in tangents)
    else:
        condition: Graph = params["condition"].copy()
        own = input_names(condition)
        more = {i: _input(condition, f"d{own[i]}", condition.spec(own[i])).name for i in heads}
        changed["condition"] = cut_out(condition, output_nodes(condition), both(own, more))
    loop = graph.apply(
        graph.op(node).name, tuple(graph[name] for name in both(operands, taken)), changed
    )
    place = {j: carries + k for k, j in enumerate(moved)}
    place |= {i: len(outputs) + len(moved) + k for k, i in enumerate(extra)}
    return {i: graph.apply("result", (loop,), {"index": k}) for i, k in place.items()}


def _push_cond(
    graph: Graph, node: str, tangents: Mapping[int, Tensor], seed: str, push_forward: PushForward
) -> dict[int, Tensor]:
    params = graph.dag.nodes[node]["params"]
    deep = influences(graph, node)
    moved = [i for i, sources in enumerate(deep) if sources & tangents.keys()]
    branches: dict[str, Graph] = {}
    for word in ("then", "otherwise"):
        body: Graph = params[word].copy()
        inputs, outputs = input_names(body), output_nodes(body)
        beside = {
            i - 1: _input(body, f"d{inputs[i - 1]}", body.spec(inputs[i - 1])) for i in tangents
        }
        found = _pushed(body, outputs, inputs, beside, seed, push_forward)
        ends = [_or_zeros(body, found[i], body.spec(outputs[i])) for i in moved]
        begins = [*inputs, *(tensor.name for tensor in beside.values())]
        branches[word] = cut_out(body, [*outputs, *ends], begins)
    operands = (*(graph[o] for o in graph.operands(node)), *tangents.values())
    loop = graph.apply("cond", operands, branches)
    return {
        i: graph.apply("result", (loop,), {"index": len(deep) + k}) for k, i in enumerate(moved)
    }


def _pushed(
    body: Graph,
    outputs: Sequence[str],
    inputs: Sequence[str],
    beside: Mapping[int, Tensor],
    seed: str,
    push_forward: PushForward,
) -> list[Tensor | None]:
    pairs = [(body[inputs[i]], tensor) for i, tensor in beside.items()]
    return push_forward([body[name] for name in outputs], pairs, seed)
