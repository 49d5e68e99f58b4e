"""Normalisation: values shifted and scaled to mean 0 and variance 1, then by learnt numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.nn.declaring import check_amount, check_tensor, filled


def layer_norm(x: gd.Tensor, *, scope: str, epsilon: float = 1e-5) -> gd.Tensor:
    """Each example normalised over its last axis, ``gain (x - mean) / √(variance + ε) + b``.

    ``gain`` (n,) of role "gain" starts at 1, ``b`` (n,) of role "bias" at 0. The result is that of
    an example alone, whatever else is in the batch. Ba et al., "Layer normalization" (2016).

    Raises
    ------
    ShapeError
        If ``x`` is a scalar.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> gd.nn.layer_norm(g.input("x", ("t", 8)), scope="norm")
    <Tensor 'norm/h': add, float64 (t, 8)>
    """
    check_tensor(x, "layer_norm")
    check_amount("epsilon", epsilon, zero=True)
    with x.graph.scope(scope):
        centred: Any = (x - x.mean(axis=-1, keepdims=True)).named("centred")
        return _scaled(centred, np.mean(centred**2, axis=-1, keepdims=True), epsilon)


def batch_norm(
    x: gd.Tensor,
    *,
    scope: str,
    epsilon: float = 1e-5,
    statistics: tuple[Any, Any] | None = None,
) -> gd.Tensor:
    """Each feature normalised over the batch: over all axes but the last.

    Parameters
    ----------
    x
        Of shape (t, …, n), the n features last.
    scope
        What the layer is called. ``gain`` (n,) of role "gain" starts at 1, ``b`` (n,) of role
        "bias" at 0.
    epsilon
        What is added to the variance.
    statistics
        The mean and the variance (n,) to use, such as running averages in a trained net. Without
        them those of the batch are used; they are the nodes ``mean`` and ``variance`` of the scope,
        which may be declared as outputs and averaged from call to call.

    Raises
    ------
    ShapeError
        If ``x`` has fewer than two axes.

    Notes
    -----
    Ioffe & Szegedy, "Batch normalization" (2015).

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> h = gd.nn.batch_norm(g.input("x", ("t", 8)), scope="norm")
    >>> g["norm/mean"].shape
    (8,)
    """
    check_tensor(x, "batch_norm", 2)
    check_amount("epsilon", epsilon, zero=True)
    if statistics is not None and not (isinstance(statistics, tuple) and len(statistics) == 2):
        raise gd.ArgumentError(
            "statistics is no pair", expected="(mean, variance)", got=type(statistics).__name__
        )
    with x.graph.scope(scope):
        if statistics is None:
            others = tuple(range(x.ndim - 1))
            centred: Any = (x - x.mean(axis=others).named("mean")).named("centred")
            variance = (centred**2).mean(axis=others).named("variance")
        else:
            mean, variance = statistics
            centred = (x - mean).named("centred")
        return _scaled(centred, variance, epsilon)


def _scaled(centred: gd.Tensor, variance: Any, epsilon: float) -> gd.Tensor:
    """What is left of normalising: the division, and the learnt gain and bias."""
    gain = filled(centred, "gain", centred.shape[-1:], "gain", 1.0)
    b = filled(centred, "b", centred.shape[-1:], "bias", 0.0)
    deviation: Any = np.sqrt(variance + epsilon)
    if isinstance(deviation, gd.Tensor):  # given statistics may be numbers
        deviation = deviation.named("deviation")
    h: gd.Tensor = gain * (centred / deviation).named("x_hat") + b
    return h.named("h")
