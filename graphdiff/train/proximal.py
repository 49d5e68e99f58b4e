"""What follows a gradient step: proximal steps and projections, for `Optimiser.then`.

The proximal step of a penalty Ω is argmin over w of ½‖w − θ‖² + ε Ω(w). For the indicator of a set,
which is what a hard constraint is, it is the projection onto that set (Parikh & Boyd 2014).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.train.checking import not_negative, positive
from graphdiff.train.optimisers import Then


def soft_threshold(alpha: float) -> Then:
    """The proximal step of α‖θ‖₁: ``θ ← sign(θ) max(|θ| − εα, 0)``, which gives exact zeros.

    With `sgd` this is ISTA (Daubechies et al. 2004; Beck & Teboulle 2009).

    Examples
    --------
    >>> soft_threshold(1.0)(np.array([-3.0, 0.5, 2.0]), 1.0)
    array([-2.,  0.,  1.])
    """
    not_negative(alpha=alpha)

    def step(theta: Any, rate: Any) -> Any:
        return np.sign(theta) * np.maximum(np.abs(theta) - rate * alpha, 0.0)

    return step


def max_norm(limit: float, axis: int | tuple[int, ...] | None = None) -> Then:
    """The projection onto ‖θ‖₂ ≤ ``limit``; with an axis, of every vector along it.

    For weights of shape (inputs, units), ``axis=0`` limits the weights that enter each unit
    (Srebro & Shraibman 2005; Goodfellow et al., *Deep Learning* (2016), section 7.2).

    Examples
    --------
    >>> max_norm(1.0, axis=0)(np.array([[3.0, 0.3], [4.0, 0.4]]), 0.1)
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """
    positive(limit=limit)

    def step(theta: Any, rate: Any) -> Any:
        norm = np.sqrt(np.sum(theta * theta, axis=axis, keepdims=axis is not None))
        return theta * (limit / np.maximum(norm, limit))

    return step
