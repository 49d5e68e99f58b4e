"""How large a graph is, and what its gradients cost."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx


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
    edges = {node: sum(map(len, sources.values())) for node, sources in dag._pred.items()}
    forward = [n for n, given in dag._node.items() if given["phase"] == "forward"]
    sweeps = dag.graph["sweeps"].values()
    return Report(
        nodes=len(dag),
        edges=sum(edges.values()),
        forward_nodes=len(forward),
        forward_edges=sum(map(edges.__getitem__, forward)),
        gradient_nodes=len(dag) - len(forward),
        path_edges=sum(sweep["edges"] for sweep in sweeps),
        products=sum(sweep["products"] for sweep in sweeps),
    )
