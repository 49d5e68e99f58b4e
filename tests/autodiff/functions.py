"""The field's usual test functions for Jacobian accumulation, on scalars, written for NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd


def roe_flux(*x: Any) -> tuple[Any, ...]:
    """The numerical flux of P. Roe (1981) between two states of a gas: 10 arguments, 5 results.

    A state is density, velocity in three directions, and pressure; the ratio of heats is 1.4.
    """
    (r1, u1, v1, w1, p1), (r2, u2, v2, w2, p2) = x[:5], x[5:]
    k1, k2 = ((u * u + v * v + w * w) * 0.5 for u, v, w in ((u1, v1, w1), (u2, v2, w2)))
    h1, h2 = 3.5 * p1 / r1 + k1, 3.5 * p2 / r2 + k2
    m1, m2 = r1 * u1, r2 * u2
    flux1 = (m1, m1 * u1 + p1, m1 * v1, m1 * w1, m1 * h1)
    flux2 = (m2, m2 * u2 + p2, m2 * v2, m2 * w2, m2 * h2)
    s1, s2 = np.sqrt(r1), np.sqrt(r2)  # Roe's averages
    share = s1 / (s1 + s2)
    u, v, w, h = (
        share * a + (1.0 - share) * b for a, b in ((u1, u2), (v1, v2), (w1, w2), (h1, h2))
    )
    r, k = s1 * s2, 0.5 * (u * u + v * v + w * w)
    cc = 0.4 * (h - k)
    c = np.sqrt(cc)
    dr, du, dv, dw, dp = r2 - r1, u2 - u1, v2 - v1, w2 - w1, p2 - p1
    slow = np.abs(u - c) * (dp - r * c * du) / (2.0 * cc)
    fast = np.abs(u + c) * (dp + r * c * du) / (2.0 * cc)
    speed = np.abs(u)
    entropy = speed * (dr - dp / cc)
    shear = speed * r
    jump = (
        slow + fast + entropy,
        slow * (u - c) + fast * (u + c) + entropy * u,
        (slow + fast + entropy) * v + shear * dv,
        (slow + fast + entropy) * w + shear * dw,
        slow * (h - u * c) + fast * (h + u * c) + entropy * k + shear * (v * dv + w * dw),
    )
    return tuple(0.5 * (a + b - j) for a, b, j in zip(flux1, flux2, jump, strict=True))


def robot_arm(*angles: Any) -> tuple[Any, ...]:
    """Where the hand of an arm with six joints is, and where it points: 6 arguments, 6 results."""
    lengths = (0.2, 0.4, 0.3, 0.25, 0.2, 0.1)
    hand, pointing = (0.1, 0.0, 0.0), (1.0, 0.0, 0.0)
    for joint in reversed(range(6)):  # from the hand to the foot
        c, s = np.cos(angles[joint]), np.sin(angles[joint])
        turned = []
        for x, y, z in (hand, pointing):
            around = (c * x - s * y, s * x + c * y, z), (c * x - s * z, y, s * x + c * z)
            turned.append(around[joint % 2])
        (x, y, z), pointing = turned
        hand = (x + lengths[joint], y, z)
    return (*hand, *pointing)


def propane_combustion(*x: Any) -> tuple[Any, ...]:
    """The combustion of propane in air: 11 arguments, 11 results.

    B. Averick, R. Carter, J. Moré and G.-L. Xue, *The MINPACK-2 test problem collection* (1992).
    """
    x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11 = x
    k5, k6, k7, k8, k9, k10 = 1.930e-1, 2.597e-3, 3.448e-3, 1.799e-5, 2.155e-4, 3.846e-5
    share = 40.0 / x11
    root = np.sqrt(share)
    return (
        x1 + x4 - 3.0,
        2.0 * x1 + x2 + x4 + x7 + x8 + x9 + 2.0 * x10 - 10.0,
        2.0 * x2 + 2.0 * x5 + x6 + x7 - 8.0,
        2.0 * x3 + x9 - 40.0,
        k5 * x2 * x4 - x1 * x5,
        k6 * np.sqrt(x2 * x4) - np.sqrt(x1) * x6 * root,
        k7 * np.sqrt(x1 * x2) - np.sqrt(x4) * x7 * root,
        k8 * x1 - x4 * x8 * share,
        k9 * x1 * np.sqrt(x3) - x4 * x9 * root,
        k10 * x1 * x1 - x4 * x4 * x10 * share,
        x11 - x1 - x2 - x3 - x4 - x5 - x6 - x7 - x8 - x9 - x10,
    )


def black_scholes(s: Any, k: Any, r: Any, v: Any, t: Any) -> tuple[Any, ...]:
    """The prices of a call and of a put: 5 arguments, 2 results."""
    root = v * np.sqrt(t)
    d1 = (np.log(s / k) + (r + v * v / 2.0) * t) / root
    n1, n2 = (0.5 + 0.5 * gd.special.erf(d / np.sqrt(2.0)) for d in (d1, d1 - root))
    later = k * np.exp(-r * t)
    return s * n1 - later * n2, later * (1.0 - n2) - s * (1.0 - n1)


FUNCTIONS = {
    "Black–Scholes": (black_scholes, 5),
    "propane combustion": (propane_combustion, 11),
    "Roe flux": (roe_flux, 10),
    "robot arm": (robot_arm, 6),
}


def graph_of(name: str) -> tuple[gd.Graph, list[gd.Tensor], list[gd.Tensor]]:
    """The function's graph, its results and its arguments."""
    function, count = FUNCTIONS[name]
    g = gd.Graph(name)
    arguments = [g.input(f"x{i}") for i in range(count)]
    results = [g.output(f"y{i}", y) for i, y in enumerate(function(*arguments))]
    return g, results, arguments
