"""What a generated file does when it is run as a script: it checks its own gradient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphdiff.graph.body import bodies_of
from graphdiff.graph.dag import Graph
from graphdiff.lower.layout import quoted, wrap
from graphdiff.lower.program import Program
from graphdiff.ops.dimension import Dim
from graphdiff.ops.notation import shape_code

_DOMAINS = frozenset({"log", "log1p", "sqrt", "power", "divide", "reciprocal"})
_POSITIVE = frozenset({"size", "exp", "sigmoid", "softmax", "softplus"})
_KEEP_POSITIVE = frozenset(
    {"add", "multiply", "divide", "power", "sqrt", "square", "sum", "mean", "max", "min", "astype"}
    | {"broadcast_to", "expand_dims", "reshape", "squeeze", "transpose", "concatenate", "gather"}
)

_IMAGINARY = (
    "        v = v + 1j * rng.normal(size=np.shape(v)) if np.iscomplexobj(args[name]) else v"
)


def check_lines(
    program: Program, values: tuple[str, ...], gradients: Mapping[str, str]
) -> list[str]:
    """The block under ``if __name__ == "__main__"``, empty where it would check nothing.

    Each derivative is compared with a central difference along a random direction, in float64.
    """
    graph = program.graph
    pairs = {name: graph.dag.graph["derivatives"][name] for name in gradients}
    seeds = {seed for seed, _ in pairs.values()}
    arguments = {graph.outputs_by_name.get(a, a) for a in program.arguments}
    checked = {n: wrt for n, (_, wrt) in pairs.items() if wrt in arguments}
    if len(seeds) != 1 or not checked or not seeds <= set(values):
        return []
    names = program.names
    domain = _has_domain(graph)
    sizes = ", ".join(program.dimensions.values())
    numbers = ", ".join(str(3 + i) for i in range(len(program.dimensions)))
    lines = ['if __name__ == "__main__":', "    rng = np.random.default_rng(0)"]
    lines += wrap(f"    {sizes}, step = {numbers}, 1e-6" if sizes else "    step = 1e-6")
    lines.append("    args = {")
    for node in program.arguments:
        lines += wrap(f"        {quoted(names.variable(node))}: {_sample(program, node, domain)},")
    value = "" if len(values) == 1 else f"[{quoted(next(iter(seeds)))}]"
    keys = {gradients[name]: names.variable(wrt) for name, wrt in checked.items()}
    same = all(key == variable for key, variable in keys.items()) and len(keys) == len(gradients)
    loop = "name, grad in grads.items()" if same else "key, name in checked.items()"
    lines += ["    }", "    _, grads = value_and_grad(**args)"]
    if not same:
        items = ", ".join(f"{quoted(k)}: {quoted(v)}" for k, v in keys.items())
        lines += wrap(f"    checked = {{{items}}}")
    imaginary = any(graph[wrt].spec.is_complex for wrt in checked.values())
    product = "np.sum(grad * v).real" if imaginary else "np.sum(grad * v)"
    lines += [
        f"    for {loop}:",
        *([] if same else ["        grad = grads[key]"]),
        "        v = rng.normal(size=np.shape(args[name]))",
        *([_IMAGINARY] if imaginary else []),
        f"        up = forward(**{{**args, name: args[name] + step * v}}){value}",
        f"        down = forward(**{{**args, name: args[name] - step * v}}){value}",
        f"        error = abs((up - down) / (2 * step) - {product})",
        '        print(f"d/d{name}: directional derivative agrees to {error:.1e}")',
    ]
    return lines


def _sample(program: Program, node: str, domain: bool) -> str:
    """A random value for an argument, positive where some op has a bounded domain."""
    graph = program.graph
    spec = graph.spec(node)
    changed = program.dimensions
    shape = tuple(
        Dim(changed[part]) if isinstance(part, Dim) and part in changed else part
        for part in spec.shape
    )
    size = shape_code(shape) if len(shape) != 1 else str(shape[0])
    if spec.dtype.kind == "b":
        text = f"rng.random(size={size}) < 0.5"
    elif spec.dtype.kind == "i":
        text = f"rng.integers({_bound(graph, node)}, size={size})"
    elif domain:
        text = f"rng.uniform(0.5, 1.5, size={size})"
    else:
        text = f"0.3 * rng.normal(size={size})"
    if spec.is_complex:
        text = f"{text} + 0.3j * rng.normal(size={size})"
    return (
        text if spec.ndim else f"np.array({text.replace(', size=()', '').replace('size=()', '')})"
    )


def _has_domain(graph: Graph) -> bool:
    """Whether some op may meet a value for which it is not defined or has no finite slope."""
    positive: set[str] = set()
    nodes = graph.dag._node
    if not any(facts["op"] in _DOMAINS or facts["spec"].parts for facts in nodes.values()):
        return False
    for node in graph.order():
        op, operands = nodes[node]["op"], graph.operands(node)
        if op in _DOMAINS and not positive.issuperset(operands[-1:]):
            return True
        if nodes[node]["spec"].parts:
            bodies = bodies_of(graph.op(node), nodes[node]["params"])
            if any(map(_has_domain, bodies.values())):
                return True
        if op in _POSITIVE or (op in _KEEP_POSITIVE and positive.issuperset(operands)):
            positive.add(node)
        if op == "constant" and np.all(np.real(nodes[node]["params"]["value"]) > 0):
            positive.add(node)
    return False


def _bound(graph: Graph, node: str) -> str:
    """One more than the largest label that fits where an integer argument is an index."""
    stack, seen = [node], {node}
    while stack:
        found = stack.pop()
        for user in graph.dag.succ[found]:
            op, params = graph.dag.nodes[user]["op"], graph.dag.nodes[user]["params"]
            operands = graph.operands(user)
            if op in ("gather", "take_along_axis") and found in operands[1:]:
                axis = params["axis"] if op == "take_along_axis" else operands[1:].index(found)
                return shape_code((graph.spec(operands[0]).shape[axis],))[1:-2]
            if user not in seen and graph.spec(user).dtype.kind == "i":
                seen.add(user)
                stack.append(user)
    return "2"
