"""`path_sum`: the chain rule written out, one product for each path, as a graph to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphdiff.autodiff.counting import count_paths, short
from graphdiff.autodiff.fitting import broadcast_to
from graphdiff.autodiff.flow import Edge, edges_between
from graphdiff.autodiff.naming import add_derivative, refuse_disconnected, root_of, targets_of
from graphdiff.autodiff.reverse import Sweep
from graphdiff.errors import GradientError, here
from graphdiff.graph.dag import Graph
from graphdiff.graph.tensor import Tensor


def path_sum(
    g: Graph,
    of: str | Tensor,
    wrt: str | Tensor | Sequence[str | Tensor] | None = None,
    max_paths: int = 10_000,
) -> Graph:
    """The gradient of a scalar as the sum over all paths, each multiplied out by itself.

    It is the gradient that the chain rule states and nobody should compute: the same values as
    `gradient`'s, with none of the products that paths have in common formed once only.

    Parameters
    ----------
    g
        The network. It is not changed.
    of
        The scalar to differentiate: a name or a tensor.
    wrt
        What to differentiate by: names or tensors. None means every parameter.
    max_paths
        The most paths to write out, over all of ``wrt``.

    Returns
    -------
    Graph
        With the outputs of ``g``, ``of``, and one output ``"dJ/dW"`` for each ``wrt``; the products
        are called ``path_1``, ``path_2``, … where there are several. Compile and draw it with
        ``rewrites=()``: what the paths share would else be found.

    Raises
    ------
    GradientError
        If there are more paths than ``max_paths``, or for the reasons of `gradient`.

    Notes
    -----
    A path is a chain of vector-Jacobian products from the cost down to ``wrt``. Cost: the sum over
    the paths of their edges, which `blowup` tells beforehand. Goodfellow et al., *Deep Learning*
    (2016), equation 6.55.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph("diamonds")
    >>> z = g.parameter("w")
    >>> for name in "xyz":
    ...     z = (z * z).named(name)
    >>> z = g.output("z", z)
    >>> naive = gd.path_sum(g, of="z", wrt="w")
    >>> gd.compile(naive, rewrites=())(w=2.0)["dz/dw"]  # of w⁸: 8 w⁷
    np.float64(1024.0)
    >>> len(naive), len(gd.gradient(g, of="z"))
    (27, 14)
    """
    root_name, root = root_of(g, of)
    targets = targets_of(g, wrt)
    _refuse_too_many(g, root, targets, max_paths)
    graph = g.copy()
    if root_name not in graph.outputs_by_name:
        graph.output(root_name, graph[root])
        root = graph[root_name].name
    count = 0
    for name, target in targets.items():
        edges = edges_between(graph, [target], [root])
        if not edges and target != root:
            refuse_disconnected(graph, root_name, target, "raise")
        total: Tensor | None = None
        several = count_paths(graph, target, root) > 1
        for path in _paths(edges, root, target):
            active = {target: (), **{node: (position,) for node, position, _ in reversed(path)}}
            term = product_along(graph, root_name, active)
            attributes = graph.dag.nodes[term.name]
            if several and attributes["phase"] == "gradient" and attributes["op"] != "constant":
                count += 1
                term = term.named(_free(graph, f"path_{count}"))
            with graph.marking(phase="gradient", seed=root_name, via=target):
                total = term if total is None else total + term
        assert total is not None  # there is a path
        add_derivative(graph, root_name, name, total)
    return graph


def _free(graph: Graph, name: str) -> str:
    while name in graph:
        name += "_"
    return name


def _refuse_too_many(g: Graph, root: str, targets: dict[str, str], most: int) -> None:
    total = sum(count_paths(g, target, root) for target in targets.values())
    if total > most:
        raise GradientError(
            f"there are {total if total < 10**30 else short(total)} paths to write out",
            node=root, op=g[root].op, origin=here(), expected=f"at most {most}",
            hint="gd.blowup counts them without walking them; gd.gradient needs one product an "
            "edge; or raise max_paths",
        )  # fmt: skip


def _paths(edges: Sequence[Edge], root: str, target: str) -> Iterator[list[Edge]]:
    """Every path from the root down to the target, as its edges; all the edges are on such."""
    down: dict[str, list[Edge]] = {}
    for edge in edges:
        down.setdefault(edge.node, []).append(edge)
    path: list[Edge] = []
    waiting = [iter(down.get(root, []))]
    if root == target:
        yield []
    while waiting:
        for edge in waiting[-1]:
            path.append(edge)
            if edge.operand == target:
                yield list(path)
            waiting.append(iter(down.get(edge.operand, [])))
            break
        else:
            waiting.pop()
            if path:
                path.pop()


def product_along(graph: Graph, name: str, active: dict[str, tuple[int, ...]]) -> Tensor:
    """The derivative of the last node by the first, along some edges alone: a sweep over these.

    ``active`` gives for each node the positions of its operands that the derivative flows to.
    """
    target, root = next(iter(active)), next(reversed(active))
    sweep = Sweep(graph, name, active)
    before = graph._declared
    with sweep.marking(root):
        one = graph.constant(1.0, dtype=graph.spec(root).dtype)
    sweep.run([(root, one)])
    spec = graph.spec(target)
    found = sweep.table.get(target)
    with sweep.marking(target):
        value = broadcast_to(one * 0.0, spec.shape) if found is None else sweep.whole(target)
    for node in _since(graph, before):
        graph.dag.nodes[node].pop("of", None)  # a part of a cotangent is none
    return _without_factor(one, value)


def _without_factor(one: Tensor, value: Tensor) -> Tensor:
    """A value without the product with the 1 that it begins with, where there is such a product."""
    dag, spec = one.graph.dag, one.spec
    users = list(dag.succ[one.name])
    if len(users) != 1 or dag.number_of_edges(one.name, users[0]) != 1:
        return value
    (user,) = users
    operands = one.graph.operands(user)
    other = next((operand for operand in operands if operand != one.name), None)
    if dag.nodes[user]["op"] != "multiply" or other is None or one.graph.spec(other) != spec:
        return value
    if one.graph.spec(user) != spec:
        return value
    last = user == value.name
    for _, target, position in list(dag.out_edges(user, keys=True)):
        dag.add_edge(other, target, key=position)
    dag.remove_nodes_from([user, one.name])
    return one.graph[other] if last else value


def _since(graph: Graph, before: int) -> list[str]:
    """The nodes that were declared since, latest first."""
    found = []
    for node in reversed(graph.dag._node):  # the plain dict, which can be reversed
        if graph.dag.nodes[node]["declared"] < before:
            break
        found.append(node)
    return found
