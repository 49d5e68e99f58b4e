"""Random numbers as arguments: samples made from noise that you draw and pass in.

A graph has no hidden state, so nothing in it draws random numbers: a function that did would draw
once, when it is traced, and give the same numbers ever after. Draw them outside, with a NumPy
generator, and pass them like data. The same arguments then give the same result, and the derivative
by the parameters of the distribution exists (reparameterisation: Kingma & Welling, *Auto-Encoding
Variational Bayes*, 2014)::

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((100, 3))
    gd.grad(lambda mean: loss(gd.random.normal(mean, 1.0, noise)))(mean)

The mask of a dropout layer, the examples of a minibatch and the noise that augments data are
arguments in the same way. Each function here takes either ``u``, uniform on [0, 1)
(``rng.random(shape)``), or standard normal ``noise`` (``rng.standard_normal(shape)``).
"""

from __future__ import annotations

from typing import Any

import numpy as np


def normal(mean: Any, scale: Any, noise: Any) -> Any:
    """A sample of the normal distribution from standard normal noise.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> noise = np.random.default_rng(0).standard_normal(3)
    >>> gd.grad(lambda s: np.sum(gd.random.normal(1.0, s, noise)))(2.0) == noise.sum()
    np.True_
    """
    return mean + scale * noise


def uniform(low: Any, high: Any, u: Any) -> Any:
    """A sample of the uniform distribution on [low, high)."""
    return low + (high - low) * u


def exponential(rate: Any, u: Any) -> Any:
    """A sample of the exponential distribution of a rate."""
    return -np.log1p(-u) / rate


def logistic(mean: Any, scale: Any, u: Any) -> Any:
    """A sample of the logistic distribution, for u above 0."""
    return mean + scale * (np.log(u) - np.log1p(-u))


def laplace(mean: Any, scale: Any, u: Any) -> Any:
    """A sample of the Laplace distribution, for u above 0."""
    centred = u - 0.5
    return mean - scale * np.sign(centred) * np.log1p(-2.0 * np.abs(centred))


def gumbel(mean: Any, scale: Any, u: Any) -> Any:
    """A sample of the Gumbel distribution, for u above 0."""
    return mean - scale * np.log(-np.log(u))


def bernoulli(p: Any, u: Any) -> Any:
    """True with probability p. No derivative flows through it."""
    return u < p


def categorical(logits: Any, u: Any) -> Any:
    """A class for each row of logits, by the greatest of logits and Gumbel noise.

    ``u`` has the shape of the logits. No derivative flows through the class; for one that does see
    `gumbel_softmax`. Maddison et al., *A-star Sampling*, 2014.
    """
    return np.argmax(logits + gumbel(0.0, 1.0, u), axis=-1)


def gumbel_softmax(logits: Any, u: Any, temperature: Any = 1.0) -> Any:
    """A relaxed one-hot sample, which nears `categorical` as the temperature nears 0.

    Jang, Gu & Poole, *Categorical Reparameterization with Gumbel-Softmax*, 2017.
    """
    shifted = (logits + gumbel(0.0, 1.0, u)) / temperature
    raised = np.exp(shifted - np.max(shifted, axis=-1, keepdims=True))
    return raised / np.sum(raised, axis=-1, keepdims=True)
