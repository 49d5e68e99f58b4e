"""The order of the nodes of a graph: as they were declared, operands before their users."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import networkx as nx

from graphdiff.errors import GraphError


def in_order_of_declaration(dag: nx.DiGraph, nodes: Iterable[Any]) -> list[Any]:
    """The nodes by their attribute ``declared``; those that have none last, as they stand.

    It is not the order of insertion, since networkx moves a node to the end when it is renamed.
    """
    attributes, last = dag._node, len(dag)
    given = list(nodes)
    # Walking the dict itself spares a look-up by name, which on a large graph is mostly a wait
    # for memory.
    entries = attributes.values() if nodes is dag else map(attributes.__getitem__, given)
    numbers = [entry.get("declared", last) for entry in entries]
    if all(map(operator.le, numbers, numbers[1:])):
        return given
    return [given[i] for i in sorted(range(len(given)), key=numbers.__getitem__)]


def entries(
    dag: nx.DiGraph, order: Sequence[Any]
) -> Iterator[tuple[Any, dict[str, Any], dict[Any, Any]]]:
    """Nodes in a given order, each with its attributes and what its operands are joined by.

    As a rule it is the order in which they stand; then none is looked up by its name, which on a
    large graph is mostly a wait for memory. Nodes that have been given may be edited meanwhile.
    """
    nodes, pred = dag._node, dag._pred  # plain dicts: networkx's views take most of the time
    in_step = len(order) == len(nodes) and all(
        all(map(operator.is_, order, names)) for names in (nodes, pred)
    )
    if in_step:
        return zip(order, list(nodes.values()), list(pred.values()), strict=True)
    return zip(order, map(nodes.__getitem__, order), map(pred.__getitem__, order), strict=True)


def in_position(sources: Mapping[str, Collection[int]]) -> list[str]:
    """Operands in order of position, of those given with the positions that each of them has."""
    count = len(sources)
    if count == 1:
        for source, keys in sources.items():
            return [source] if len(keys) == 1 else [source] * len(keys)
    if count == 2:
        (a, at_a), (b, at_b) = sources.items()
        if len(at_a) == len(at_b) == 1:
            return [a, b] if 0 in at_a else [b, a]
    pairs = [(key, source) for source, keys in sources.items() for key in keys]
    pairs.sort()
    return [source for _, source in pairs]


def topological_order(dag: nx.DiGraph) -> list[Any]:
    """The nodes of a DAG in the order of declaration, operands moved before their users.

    Iterative depth-first search; linear in nodes and edges, but for one sort.

    Raises
    ------
    GraphError
        If there is a cycle; the message names it.
    """
    nodes = in_order_of_declaration(dag, dag)
    pred = dag._pred  # the plain dict: networkx's views take most of the time
    in_step = all(map(operator.is_, nodes, pred))  # as a rule: then no look-up by name
    sources = pred.values() if in_step else map(pred.__getitem__, nodes)
    done: set[Any] = set()
    order: list[Any] = []
    for node, operands in zip(nodes, sources, strict=True):
        if not done.issuperset(operands):
            _visit(dag, node, done, order)
        elif node not in done:
            done.add(node)
            order.append(node)
    return order


def _visit(dag: nx.DiGraph, root: Any, done: set[Any], order: list[Any]) -> None:
    """Put a node into the order, and before it all that it is computed from."""
    stack = [(root, _operands_first(dag, root))]
    open_nodes = {root}
    while stack:
        node, rest = stack[-1]
        following = next((n for n in rest if n not in done), None)
        if following is None:
            stack.pop()
            open_nodes.discard(node)
            done.add(node)
            order.append(node)
        elif following in open_nodes:
            chain = [entry for entry, _ in stack]
            raise _cycle([*chain[chain.index(following) :], following])
        else:
            open_nodes.add(following)
            stack.append((following, _operands_first(dag, following)))


def users_of(dag: nx.DiGraph, nodes: Iterable[Any]) -> set[Any]:
    """Some nodes, and all that is computed from them."""
    succ = dag._succ
    found = set(nodes)
    stack = list(found)
    while stack:
        for user in succ[stack.pop()]:
            if user not in found:
                found.add(user)
                stack.append(user)
    return found


def order_among(dag: nx.DiGraph, chosen: set[Any]) -> list[Any]:
    """Some of the nodes in topological order. Cost: theirs alone, if they stand as declared."""
    if 2 * len(chosen) > len(dag):
        return [node for node in topological_order(dag) if node in chosen]
    nodes, pred = in_order_of_declaration(dag, chosen), dag._pred
    done: set[Any] = set()
    for node in nodes:
        if any(operand in chosen and operand not in done for operand in pred[node]):
            return [node for node in topological_order(dag) if node in chosen]
        done.add(node)
    return nodes


def _operands_first(dag: nx.DiGraph, node: Any) -> Iterator[Any]:
    """The operands of a node in the order of declaration, however its edges were added."""
    operands = dag._pred[node]
    return iter(in_order_of_declaration(dag, operands) if len(operands) > 1 else operands)


def _cycle(chain: list[Any]) -> GraphError:
    path = [str(node) for node in reversed(chain)]
    if len(path) > 12:
        path[6:-6] = ["…"]
    return GraphError(
        "the graph has a cycle",
        got=" → ".join(path),
        hint="a network is acyclic: remove one of these edges",
    )
