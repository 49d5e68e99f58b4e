"""The exclusive or: a network, its gradient as NumPy code and as a picture, and training.

    python examples/xor.py

leaves `xor_grad.py` and `xor.svg` in the current folder.
"""

import numpy as np

import graphdiff as gd

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])


def network() -> gd.Graph:
    """One hidden layer of two rectifiers, a linear output, and the mean squared error."""
    g = gd.Graph("xor")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    W, c = g.parameter("W", (2, 2)), g.parameter("c", (2,))
    w, b = g.parameter("w", (2,)), g.parameter("b", ())
    h = np.maximum(0, x @ W + c).named("h")
    g.output("J", np.mean((h @ w + b - y) ** 2))
    return g


def main() -> None:
    """Differentiate, compile, draw, and train from a start that lies near a solution."""
    G = gd.gradient(network(), of="J")
    print(G.report())
    f = gd.compile(G, style="readable")
    f.save("xor_grad.py")
    gd.draw(G, "xor.svg")

    values = {
        "W": np.array([[1.0, 0.8], [0.9, 1.1]]),
        "c": np.array([0.1, -0.9]),
        "w": np.array([0.9, -1.8]),
        "b": np.array(0.1),
    }
    for _ in range(2000):
        result = f(x=X, y=Y, **values)
        values = {name: value - 0.1 * result[f"dJ/d{name}"] for name, value in values.items()}
    h = np.maximum(0, X @ values["W"] + values["c"])
    print("answers:", np.round(h @ values["w"] + values["b"], 3))


if __name__ == "__main__":
    main()
