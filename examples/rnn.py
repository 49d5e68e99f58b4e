"""A recurrent network: one loop over time forward, one back, none of them unrolled.

    python examples/rnn.py

leaves `rnn_grad.py` and `rnn.svg` in the current folder. The network learns to say what it was told
a step before.
"""

import numpy as np

import graphdiff as gd


def network() -> gd.Graph:
    """Elman's network: a hidden state, a linear output at each step, the mean squared error."""
    g = gd.Graph("rnn")
    x, y = g.input("x", ("t", 1)), g.input("y", ("t",))
    W, U, b = g.parameter("W", (1, "H")), g.parameter("U", ("H", "H")), g.parameter("b", ("H",))
    v = g.parameter("v", ("H",))

    def step(h, x):
        h = np.tanh(x @ W + h @ U + b)
        return h, h

    _, hs = gd.scan(step, np.zeros_like(b), x)
    g.output("J", np.mean((hs @ v - y) ** 2))
    return g


def main() -> None:
    """Differentiate, compile, draw, and train by gradient descent."""
    G = gd.gradient(network(), of="J")
    f = gd.compile(G, style="readable")
    f.save("rnn_grad.py")
    gd.draw(G, "rnn.svg")

    rng = np.random.default_rng(0)
    told = rng.uniform(-1, 1, size=(200, 1))
    before = np.append(0.0, told[:-1, 0])
    shapes = {"W": (1, 8), "U": (8, 8), "b": (8,), "v": (8,)}
    values = {name: 0.3 * rng.normal(size=shape) for name, shape in shapes.items()}
    for _ in range(400):
        result = f(x=told, y=before, **values)
        values = {name: value - 0.2 * result[f"dJ/d{name}"] for name, value in values.items()}
    print(f"mean squared error {result['J']:.4f}, of {np.mean(before**2):.2f} without a network")


if __name__ == "__main__":
    main()
