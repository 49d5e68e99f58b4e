"""Functions compiled without differentiating them, and values held constant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from graphdiff.functional.calling import Function
from graphdiff.graph.nest import flatten, unflatten
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import traced
from graphdiff.ops import OPS


def jit(f: Callable[..., Any]) -> Function:
    """The function, compiled without differentiating it.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> @gd.jit
    ... def norm(x):
    ...     return np.sqrt(np.sum(x * x))
    >>> norm(np.array([3.0, 4.0]))
    np.float64(5.0)
    """
    return Function(f, partial(traced, f), lambda graph, args, kwargs: f(*args, **kwargs), "jit")


def stop_gradient(x: Any) -> Any:
    """The value, held constant in every derivative.

    Examples
    --------
    >>> import graphdiff as gd
    >>> gd.grad(lambda x: x * gd.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    leaves, structure = flatten(x)
    held = [OPS["stop_gradient"](leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    return unflatten(structure, held)
