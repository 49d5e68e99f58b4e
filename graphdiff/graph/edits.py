"""Nodes added, copied and renamed, in networkx's own dicts.

Its public methods do the same node by node and edge by edge, which is most of the time of a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import networkx as nx

from graphdiff.graph.order import entries


def insert(
    dag: nx.MultiDiGraph, node: str, attributes: dict[str, Any], operands: Sequence[str]
) -> None:
    """Add a node that is not there yet, and the edges from its operands."""
    succ = dag._succ
    dag._node[node] = attributes
    succ[node] = {}
    sources: dict[str, dict[int, Any]] = {}
    dag._pred[node] = sources
    for position, source in enumerate(operands):
        keys = sources.get(source)
        if keys is None:
            keys = sources[source] = succ[source][node] = {}
        keys[position] = {}


def fill(empty: nx.MultiDiGraph, dag: nx.MultiDiGraph, nodes: Sequence[Any]) -> None:
    """Copy the nodes, in the given order, and the edges of one graph into an empty one.

    networkx's public way adds edge by edge, which is most of the time of a rewriting pass; its
    dicts, copied whole, take a fifth of that.
    """
    attributes, succ, pred = empty._node, empty._succ, empty._pred
    for node, facts, operands in entries(dag, nodes):
        attributes[node] = facts.copy()
        succ[node] = {}
        pred[node] = sources = {}
        for source, keys in operands.items():
            sources[source] = succ[source][node] = edges = keys.copy()
            for key, data in keys.items():
                edges[key] = data.copy()


def relabel(dag: nx.MultiDiGraph, node: str, name: str) -> None:
    """Give a node another name. Cost: its degree (`networkx.relabel_nodes` looks at every node)."""
    dag.add_node(name, **dag.nodes[node])
    dag.add_edges_from(
        (u, name, k, d) for u, _, k, d in [*dag.in_edges(node, data=True, keys=True)]
    )
    dag.add_edges_from(
        (name, v, k, d) for _, v, k, d in [*dag.out_edges(node, data=True, keys=True)]
    )
    dag.remove_node(node)


def mention_instead(dag: nx.MultiDiGraph, node: str, name: str) -> None:
    """Let gradient nodes say the new name of a node that they are the gradient of.

    Only nodes that stood there before a sweep ended can be mentioned, so this seldom has work.
    """
    facts, renamed = dag.graph, dag.nodes[name]
    if renamed.get("seed") not in (None, *facts["sweeps"]) or not facts["sweeps"]:
        return
    if renamed["declared"] >= max(sweep.get("until", inf) for sweep in facts["sweeps"].values()):
        return

    def changed(mentioned: str) -> str:
        return name if mentioned == node else mentioned

    for _, attributes in dag.nodes(data=True):
        if "of" in attributes:
            attributes["of"] = tuple(map(changed, attributes["of"]))
        for key in ("via", "seed"):
            if key in attributes:
                attributes[key] = changed(attributes[key])
    facts["sweeps"] = {changed(seed): sweep for seed, sweep in facts["sweeps"].items()}
    facts["derivatives"] = {
        output: tuple(map(changed, pair)) for output, pair in facts["derivatives"].items()
    }
