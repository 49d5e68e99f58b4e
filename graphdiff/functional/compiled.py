"""Functions compiled as they are, values held constant, and values computed again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import Any

from graphdiff.errors import ArgumentError, here
from graphdiff.functional.calling import Function
from graphdiff.graph.nest import flatten, unflatten
from graphdiff.graph.setting import recomputing
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


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with what it computes inside computed again for the gradient.

    Its results are held, its other values are freed after the forward pass and computed a second
    time, from its arguments, when the gradient pass uses them: see `Tensor.recompute`. Memory for a
    chain of k such blocks of n values each falls from k n to about k + n.

    Parameters
    ----------
    f
        A function of tensors; what it takes and returns may be nested. Within a traced function, or
        called with tensors of a declared graph. With arrays alone it does nothing else.

    Returns
    -------
    function
        It gives the same results, to the bit, and so do its derivatives.

    Raises
    ------
    ArgumentError
        At a call: if none of the arguments is a tensor, but a result is.

    Notes
    -----
    It costs one more forward pass through the function. T. Chen, B. Xu, C. Zhang and C. Guestrin,
    "Training deep nets with sublinear memory cost" (2016), arXiv:1604.06174.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> block = gd.checkpoint(lambda x, w: np.tanh(np.tanh(x * w) * w))
    >>> slope = gd.grad(lambda w, x: np.sum(block(block(x, w), w)))
    >>> slope.source(2.0, np.ones(3)).count("recomputed")
    4
    """

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        graph = next((t.graph for t in flatten((args, kwargs))[0] if isinstance(t, Tensor)), None)
        if graph is None:
            result = f(*args, **kwargs)
            if any(isinstance(leaf, Tensor) for leaf in flatten(result)[0]):
                raise ArgumentError(
                    "a checkpoint without a tensor among its arguments", origin=here(),
                    hint="pass the tensors that the function uses as arguments",
                )  # fmt: skip
            return result
        with recomputing(graph) as unmark:
            result = f(*args, **kwargs)
            for leaf in flatten(result)[0]:
                if isinstance(leaf, Tensor):
                    unmark(leaf)
        return result

    return checkpointed


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
