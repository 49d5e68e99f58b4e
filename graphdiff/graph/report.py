"""How large a graph is, and what its gradients cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import networkx as nx

from graphdiff.graph.order import entries


@dataclass(frozen=True, slots=True)
class Report:
    """The size of a graph, and what its gradients cost.

    ``products`` counts the vector-Jacobian products that were formed; it equals ``path_edges``,
    the edges on a path from a differentiated node to the cost, so the sweep is linear.
    """

    nodes: int
    edges: int
    forward_nodes: int
    forward_edges: int
    gradient_nodes: int
    path_edges: int
    products: int

    def __str__(self) -> str:
        text = f"{self.nodes} nodes, {self.edges} edges"
        if self.gradient_nodes:
            text += (
                f"; forward {self.forward_nodes} nodes, {self.forward_edges} edges; "
                f"gradient {self.gradient_nodes} nodes; {self.products} vector-Jacobian products "
                f"for {self.path_edges} edges on a path"
            )
        return text


def counted(dag: nx.MultiDiGraph) -> Report:
    """The counts of a graph. Linear in nodes and edges."""
    nodes = {True: 0, False: 0}  # of the forward phase, and others
    edges = {True: 0, False: 0}
    for _, facts, sources in entries(dag, list(dag)):
        forward = facts["phase"] == "forward"
        nodes[forward] += 1
        edges[forward] += sum(map(len, sources.values()))
    sweeps = dag.graph["sweeps"].values()
    return Report(
        nodes=len(dag),
        edges=sum(edges.values()),
        forward_nodes=nodes[True],
        forward_edges=edges[True],
        gradient_nodes=nodes[False],
        path_edges=sum(sweep["edges"] for sweep in sweeps),
        products=sum(sweep["products"] for sweep in sweeps),
    )


def described(dag: nx.MultiDiGraph) -> str:
    """How many nodes there are of each kind, and what the outputs are called."""

    def many(count: int, word: str) -> str:
        return f"{count} {word}" + ("" if count == 1 else "s")

    kinds = Counter(op for _, op in dag.nodes(data="op"))
    counts = many(len(dag), "node"), *(many(kinds[op], op) for op in ("input", "parameter"))
    outputs = dag.graph["outputs"]
    called = f"{'output' if len(outputs) == 1 else 'outputs'} {', '.join(outputs)}"
    return ", ".join((*counts, called if outputs else "no outputs"))
