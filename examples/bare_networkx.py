"""A network made with networkx alone: logistic regression, read by graphdiff, fitted to data.

    python examples/bare_networkx.py

With z = x w + b the probability of y = 1 is σ(z), and the cost is the mean of ζ((1 − 2 y) z), where
ζ(a) = log(1 + exp(a)).
"""

import networkx as nx
import numpy as np

import graphdiff as gd


def network() -> nx.MultiDiGraph:
    """A node has an op; an edge's key is the operand's position."""
    dag = nx.MultiDiGraph(name="logistic")
    dag.add_node("x", op="input", shape=("t", 2))
    dag.add_node("y", op="input", shape=("t",))
    dag.add_node("w", op="parameter", shape=(2,))
    dag.add_node("b", op="parameter", shape=())
    dag.add_node("xw", op="matmul")
    dag.add_node("z", op="add")
    dag.add_node("one", op="constant", value=1.0)
    dag.add_node("two", op="constant", value=2.0)
    dag.add_node("2y", op="multiply")
    dag.add_node("side", op="subtract")  # −1 where y is 1, and 1 where y is 0
    dag.add_node("against", op="multiply")
    dag.add_node("costs", op="softplus")
    dag.add_node("J", op="mean", output=True)
    for node, operands in {
        "xw": ["x", "w"],
        "z": ["xw", "b"],
        "2y": ["two", "y"],
        "side": ["one", "2y"],
        "against": ["side", "z"],
        "costs": ["against"],
        "J": ["costs"],
    }.items():
        for position, operand in enumerate(operands):
            dag.add_edge(operand, node, key=position)
    return dag


def main() -> None:
    """Ask networkx about the graph, then graphdiff, and fit two clouds of points."""
    dag = network()
    print("longest path:", " → ".join(nx.dag_longest_path(dag)))
    g = gd.Graph.from_networkx(dag)
    G = gd.gradient(g, of="J")
    print(G)
    f = gd.compile(G, style="readable")
    f.save("logistic_grad.py")

    rng = np.random.default_rng(0)
    y = np.repeat([0.0, 1.0], 50)
    x = rng.normal(size=(100, 2)) + 2.0 * y[:, None]
    values = {"w": np.zeros(2), "b": np.zeros(())}
    for _ in range(500):
        result = f(x=x, y=y, **values)
        values = {name: value - 0.5 * result[f"dJ/d{name}"] for name, value in values.items()}
    right = np.mean((x @ values["w"] + values["b"] > 0) == (y == 1))
    print(f"cost {result['J']:.3f}, on the right side: {right:.0%}")


if __name__ == "__main__":
    main()
