"""Derivatives compared with differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphdiff.errors import GradientError, here
from graphdiff.functional.compiled import jit
from graphdiff.functional.products import jvp, vjp
from graphdiff.graph.nest import Structure, flatten, unflatten
from graphdiff.graph.trace import function_name, spec_of


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """How far derivatives were from differences, relative to their size.

    ``forward`` compares tangents with central differences, ``reverse`` cotangents with tangents
    (⟨u, Jv⟩ = ⟨Jᵀu, v⟩); each is the largest over all directions.
    """

    forward: float
    reverse: float
    directions: int

    def __str__(self) -> str:
        return (
            f"in {self.directions} directions, forward mode is within {self.forward:.1e} of "
            f"differences, and reverse mode within {self.reverse:.1e} of forward mode"
        )


def check_gradients(
    f: Callable[..., Any],
    args: Sequence[Any],
    directions: int = 3,
    rtol: float = 1e-5,
    seed: int = 0,
) -> GradientCheck:
    """Compare a function's derivatives, in forward and reverse mode, with central differences.

    Parameters
    ----------
    f
        A function of arrays; what it takes and returns may be nested. Its floats are to be
        float64, since differences of float32 have no digits left.
    args
        Where to look, away from kinks.
    directions
        The number of random directions.
    rtol
        The relative error that is allowed.
    seed
        Of the random directions.

    Raises
    ------
    GradientError
        If the derivatives differ, or nothing about the function can be differentiated.

    Notes
    -----
    The step is ε^(1/3) of the size of the arguments, for which a central difference has about
    ten digits (Press et al., *Numerical Recipes*, section 5.7).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> found = gd.check_gradients(lambda x: np.sin(x) * x, (np.array([0.3, 2.0]),))
    >>> found.forward < 1e-8, found.reverse < 1e-12
    (True, True)
    """
    args = tuple(args)
    leaves, structure = flatten(args)
    floats = [i for i, leaf in enumerate(leaves) if _is_float(leaf)]
    if not floats:
        raise GradientError("nothing can be differentiated: no argument is a float", origin=here())
    rng = np.random.default_rng(seed)
    value, pullback = vjp(f, *args)
    outputs, shape = flatten(value)
    called = jit(f)
    product = jit(lambda primals, tangents: jvp(f, primals, tangents)[1])
    forward = reverse = 0.0
    for _ in range(directions):
        along = {i: rng.standard_normal(np.shape(leaves[i])) for i in floats}
        tangents = [along.get(i, leaf) for i, leaf in enumerate(leaves)]
        found, _ = flatten(product(args, unflatten(structure, tangents)))
        wanted = _difference(called, leaves, structure, along)
        weights = [rng.standard_normal(np.shape(output)) for output in outputs]
        pulled = iter(flatten(pullback(unflatten(shape, weights)))[0])  # without None's
        pairs = [(w, t) for w, t, y in zip(weights, found, outputs, strict=True) if _is_float(y)]
        forward = max(forward, _error(found, wanted, outputs))
        pushed = sum(float(np.vdot(w, t)) for w, t in pairs)
        back = sum(float(np.vdot(next(pulled), along[i])) for i in floats)
        size = sum(float(np.linalg.norm(w) * np.linalg.norm(t)) for w, t in pairs)
        reverse = max(reverse, abs(pushed - back) / max(size, 1e-300) if size or back else 0.0)
    result = GradientCheck(forward, reverse, directions)
    if not (forward <= rtol and reverse <= rtol):
        raise GradientError(
            f"the derivatives of {function_name(f)!r} differ", origin=here(),
            expected=f"a relative error of {rtol:.1e}", got=str(result),
            hint="is there a kink nearby, or is a value held constant by stop_gradient?",
        )  # fmt: skip
    return result


def _is_float(leaf: Any) -> bool:
    spec = spec_of(leaf, "argument")
    return spec is not None and spec.is_float


def _difference(
    f: Callable[..., Any], leaves: Sequence[Any], structure: Structure, along: dict[int, Any]
) -> list[Any]:
    """The central difference of a function's results along a direction."""
    size = max(1.0, *(float(np.max(np.abs(leaves[i]), initial=0.0)) for i in along))
    step = float(np.finfo(np.float64).eps) ** (1 / 3) * size

    def moved(sign: float) -> list[Any]:
        here_ = [
            leaf + sign * step * along[i] if i in along else leaf for i, leaf in enumerate(leaves)
        ]
        return flatten(f(*unflatten(structure, here_)))[0]

    return [
        (up - down) / (2 * step) if _is_float(up) else np.zeros_like(up)
        for up, down in zip(moved(1.0), moved(-1.0), strict=True)
    ]


def _error(found: Sequence[Any], wanted: Sequence[Any], outputs: Sequence[Any]) -> float:
    """The largest difference of two results, relative to their size."""
    worst = 0.0
    for ours, other, output in zip(found, wanted, outputs, strict=True):
        if not _is_float(output):
            continue
        size = max(float(np.linalg.norm(other)), float(np.linalg.norm(output)), 1e-300)
        worst = max(worst, float(np.linalg.norm(np.asarray(ours) - other)) / size)
    return worst
