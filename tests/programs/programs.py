"""Programs as people write them in plain NumPy.

Each takes the module to compute with, so that JAX can run the same text, and its arguments; it
returns a scalar. Beside each stand its arguments and where it is from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

rng = np.random.default_rng(11)


@dataclass(frozen=True)
class Program:
    """A function ``(module, *arguments)``, and how many arguments to differentiate by."""

    f: Callable[..., Any]
    arguments: Sequence[Any]
    count: int


def logsumexp(n: Any, x: Any, axis: int) -> Any:
    top = n.max(x, axis=axis, keepdims=True)
    return n.squeeze(top, axis) + n.log(n.sum(n.exp(x - top), axis=axis))


def mixture(n: Any, alphas: Any, means: Any, q: Any, low: Any, x: Any) -> Any:
    """Log-likelihood of a Gaussian mixture with a Wishart prior (ADBench, objective GMM)."""
    k, d = means.shape
    rows, columns = np.tril_indices(d, -1)
    total = 0.0
    scores = []
    for i in range(k):
        place = np.zeros((len(rows), d, d))
        place[np.arange(len(rows)), rows, columns] = 1.0
        factor = n.einsum("p,pij->ij", low[i], place) + n.diag(n.exp(q[i]))
        centred = (x - means[i]) @ factor.T
        scores.append(alphas[i] + n.sum(q[i]) - 0.5 * n.sum(centred**2, axis=1))
        total = total + 0.5 * (n.sum(n.exp(q[i]) ** 2) + n.sum(low[i] ** 2)) - 2.0 * n.sum(q[i])
    likelihood = n.sum(logsumexp(n, n.stack(scores, axis=1), 1))
    return likelihood - x.shape[0] * logsumexp(n, alphas, 0) - total


def bundle(n: Any, cameras: Any, points: Any, weights: Any, seen: Any, which: Any) -> Any:
    """Squared reprojection errors, with Rodrigues rotation and distortion (ADBench, BA)."""
    total = 0.0
    for i, (camera, point) in enumerate(which):
        c, X = cameras[camera], points[point]
        turn, centre, focal, x0, distort = c[:3], c[3:6], c[6], c[7:9], c[9:11]
        Y = X - centre
        squared = n.sum(turn**2)
        angle = n.sqrt(squared)
        axis = turn / angle
        turned = (
            Y * n.cos(angle)
            + n.cross(axis, Y) * n.sin(angle)
            + axis * (n.dot(axis, Y) * (1.0 - n.cos(angle)))
        )
        flat = turned[:2] / turned[2]
        r2 = n.sum(flat**2)
        image = flat * (1.0 + distort[0] * r2 + distort[1] * r2**2) * focal + x0
        error = weights[i] * (image - seen[i])
        total = total + n.sum(error**2) + (1.0 - weights[i] ** 2) ** 2
    return total


def kalman(n: Any, A: Any, log_noise: Any, x0: Any, ys: Any) -> Any:
    """Negative log-likelihood of a linear Gaussian state-space model by the Kalman filter."""
    d = x0.shape[0]
    Q, r = n.diag(n.exp(log_noise[:d])), n.exp(log_noise[d])
    H = np.ones((1, d))
    x, P, total = x0, np.eye(d), 0.0
    for y in ys:
        x, P = A @ x, A @ P @ A.T + Q
        S = (H @ P @ H.T)[0, 0] + r
        gain = (P @ H.T)[:, 0] / S
        error = y - (H @ x)[0]
        total = total + 0.5 * (n.log(2 * np.pi * S) + error**2 / S)
        x = x + gain * error
        P = P - n.outer(gain, gain) * S
    return total


def forward_algorithm(n: Any, start: Any, change: Any, emit: Any, seen: Any) -> Any:
    """Log-likelihood of a hidden Markov model by the forward recursion, in log space."""
    change = change - logsumexp(n, change, 1)[:, None]
    emit = emit - logsumexp(n, emit, 1)[:, None]
    alpha = start - logsumexp(n, start, 0) + emit[:, seen[0]]
    for symbol in seen[1:]:
        alpha = logsumexp(n, alpha[:, None] + change, 0) + emit[:, symbol]
    return logsumexp(n, alpha, 0)


def marginal(n: Any, theta: Any, X: Any, y: Any) -> Any:
    """Negative log marginal likelihood of a Gaussian process (Rasmussen & Williams, 2.30)."""
    scale, length, noise = n.exp(theta[0]), n.exp(theta[1:-1]), n.exp(theta[-1])
    Z = X / length
    gaps = n.sum((Z[:, None, :] - Z[None, :, :]) ** 2, axis=-1)
    K = scale * n.exp(-0.5 * gaps) + noise * np.eye(len(y))
    L = n.linalg.cholesky(K)
    z = n.linalg.solve(L, y)
    return 0.5 * n.dot(z, z) + n.sum(n.log(n.diag(L))) + 0.5 * len(y) * np.log(2 * np.pi)


def runge_kutta(n: Any, theta: Any, start: Any) -> Any:
    """Where the Lotka-Volterra equations are after eight steps of the classical RK4."""

    def slope(s: Any) -> Any:
        prey, hunters = s[0], s[1]
        met = prey * hunters
        return n.stack([theta[0] * prey - theta[1] * met, theta[2] * met - theta[3] * hunters])

    s, h = start, 0.05
    for _ in range(8):
        k1 = slope(s)
        k2 = slope(s + 0.5 * h * k1)
        k3 = slope(s + 0.5 * h * k2)
        k4 = slope(s + h * k3)
        s = s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return n.sum((s - np.array([1.0, 2.0])) ** 2)


def attention(n: Any, params: Any, x: Any, target: Any) -> Any:
    """Two heads of causal self-attention and a residual connection with layer normalisation."""
    b, t, d = x.shape
    heads = 2

    def split(a: Any) -> Any:
        return n.transpose(n.reshape(a, (b, t, heads, d // heads)), (0, 2, 1, 3))

    q, k, v = (split(x @ params[name]) for name in ("q", "k", "v"))
    scores = q @ n.swapaxes(k, -1, -2) / np.sqrt(d // heads)
    scores = n.where(np.tril(np.ones((t, t), bool)), scores, -np.inf)
    scores = n.exp(scores - n.max(scores, axis=-1, keepdims=True))
    mixed = (scores / n.sum(scores, axis=-1, keepdims=True)) @ v
    y = x + n.reshape(n.transpose(mixed, (0, 2, 1, 3)), (b, t, d)) @ params["o"]
    y = (y - n.mean(y, axis=-1, keepdims=True)) / n.sqrt(n.var(y, axis=-1, keepdims=True) + 1e-5)
    return n.mean((y * params["scale"] - target) ** 2)


def lstm(n: Any, params: Any, xs: Any, target: Any) -> Any:
    """An LSTM cell unrolled over a sequence, and the squared error of its last state."""

    def sigmoid(z: Any) -> Any:
        return 1.0 / (1.0 + n.exp(-z))

    h = c = np.zeros((xs.shape[1], params["b"].shape[0] // 4))
    for x in xs:
        z = x @ params["W"] + h @ params["U"] + params["b"]
        i, f, o, g = n.split(z, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * n.tanh(g)
        h = sigmoid(o) * n.tanh(c)
    return n.mean((h - target) ** 2)


def stencil(n: Any, u: Any, diffusion: Any) -> Any:
    """Gray-Scott-like diffusion on a torus by np.roll, four explicit steps."""
    for _ in range(4):
        around = sum(n.roll(u, s, axis=a) for s in (-1, 1) for a in (0, 1)) - 4.0 * u
        u = u + 0.1 * diffusion * around + 0.05 * u * (1.0 - u**2)
    return n.sum(u**3)


def normal_cdf(n: Any, x: Any) -> Any:
    """The standard normal distribution function by its logistic series (Abramowitz 26.2.17)."""
    k = 1.0 / (1.0 + 0.2316419 * n.abs(x))
    series = 0.0
    for factor in (1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530):
        series = k * (factor + series)
    tail = n.exp(-0.5 * x**2) / np.sqrt(2 * np.pi) * series
    return n.where(x >= 0, 1.0 - tail, tail)


def black_scholes(n: Any, spot: Any, strike: Any, rate: Any, vol: Any, time: Any) -> Any:
    """The sum of call and put prices of a list of options (PARSEC, blackscholes)."""
    spread = vol * n.sqrt(time)
    d1 = (n.log(spot / strike) + (rate + 0.5 * vol**2) * time) / spread
    d2 = d1 - spread
    discounted = strike * n.exp(-rate * time)
    call = spot * normal_cdf(n, d1) - discounted * normal_cdf(n, d2)
    put = discounted * normal_cdf(n, -d2) - spot * normal_cdf(n, -d1)
    return n.sum(call + 2.0 * put)


def _spread(*shape: int) -> Any:
    return 0.5 * rng.standard_normal(shape)


def _cameras() -> Any:
    cameras = _spread(2, 11)
    cameras[:, 5] = -4.0  # in front of the points
    return cameras


PROGRAMS = {
    "mixture": Program(
        mixture, (_spread(3), _spread(3, 2), _spread(3, 2), _spread(3, 1), _spread(20, 2)), 4
    ),
    "bundle": Program(
        bundle,
        (_cameras(), _spread(4, 3), _spread(5), _spread(5, 2),
         ((0, 0), (0, 1), (1, 1), (1, 2), (0, 3))),
        3,
    ),
    "kalman": Program(
        kalman, (0.9 * np.eye(3) + 0.1 * _spread(3, 3), _spread(4), _spread(3), _spread(12)), 3
    ),
    "forward_algorithm": Program(
        forward_algorithm, (_spread(3), _spread(3, 3), _spread(3, 4), (0, 3, 1, 1, 2, 0, 3)), 3
    ),
    "marginal": Program(marginal, (_spread(4), _spread(9, 2), _spread(9)), 1),
    "runge_kutta": Program(
        runge_kutta, (np.array([1.1, 0.4, 0.1, 0.4]), np.array([10.0, 5.0])), 2
    ),
    "attention": Program(
        attention,
        ({name: _spread(4, 4) for name in "qkvo"} | {"scale": _spread(4)}, _spread(2, 5, 4),
         _spread(2, 5, 4)),
        2,
    ),
    "lstm": Program(
        lstm,
        ({"W": _spread(3, 16), "U": _spread(4, 16), "b": _spread(16)}, _spread(6, 2, 3),
         _spread(2, 4)),
        2,
    ),
    "stencil": Program(stencil, (_spread(6, 5), np.abs(_spread(6, 5))), 2),
    "black_scholes": Program(
        black_scholes,
        (100 + 20 * _spread(7), 100 + 20 * _spread(7), 0.05, 0.2 + 0.1 * rng.random(7),
         0.5 + rng.random(7)),
        5,
    ),
}  # fmt: skip
