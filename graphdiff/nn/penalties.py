"""Penalties: nodes that are added to the cost, ``J = cost + 0.01 * gd.nn.l2(g)``.

Which parameters they are of is said by role: the weights alone unless more is asked for, since
biases need few data and hardly raise the variance (Goodfellow et al., *Deep Learning* (2016),
section 7.1).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

import numpy as np

import graphdiff as gd

What = gd.Graph | gd.Tensor | Iterable[gd.Tensor]


def l2(what: What, roles: Iterable[str] = ("weight",)) -> gd.Tensor:
    """Ω = ½ Σ ‖w‖² over parameters: weight decay.

    Parameters
    ----------
    what
        A graph, all of whose parameters of these roles that were declared so far are meant; or a
        tensor, or several.
    roles
        The roles to choose from a graph; one may be given as a string.

    Raises
    ------
    GraphError
        If a parameter of the graph has no role, none has one of these, or what is to be penalised
        is no tensor.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> h = gd.nn.dense(g.input("x", ("t", 4)), 2, scope="out")
    >>> omega = g.output("omega", gd.nn.l2(g))
    >>> sorted(gd.gradient(g, of="omega", disconnected="zero").outputs)
    ['domega/dout/W', 'domega/dout/b', 'omega']
    """
    return _total(what, roles, lambda w: 0.5 * np.sum(w**2))


def l1(what: What, roles: Iterable[str] = ("weight",)) -> gd.Tensor:
    """``Ω = Σ |w|`` over parameters, which favours zeros; the arguments are those of `l2`.

    Its derivative is ``sign(w)``, 0 at 0.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> omega = g.output("omega", gd.nn.l1([g.parameter("w", (3,))]))
    >>> gd.compile(g)(w=[1.0, -2.0, 0.0])
    {'omega': np.float64(3.0)}
    """
    return _total(what, roles, lambda w: np.sum(np.abs(w)))


def tie(a: gd.Tensor, b: gd.Tensor) -> gd.Tensor:
    """Ω = ‖a - b‖²: the wish that two parameters of one shape are nearly the same.

    To make them the same, use one parameter twice: its gradients add up. Goodfellow et al., *Deep
    Learning* (2016), section 7.9.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> omega = g.output("omega", gd.nn.tie(g.parameter("a", (2,)), g.parameter("b", (2,))))
    >>> gd.compile(g)(a=[1.0, 2.0], b=[1.0, 0.0])
    {'omega': np.float64(4.0)}
    """
    if a.shape != b.shape:
        raise gd.ShapeError(
            "only parameters of one shape can be tied", node=a.name,
            expected=str(a.shape), got=f"{b.name}: {b.shape}",
        )  # fmt: skip
    omega: gd.Tensor = np.sum((a - b) ** 2)
    return omega


def parameter_count(g: gd.Graph, roles: Iterable[str] | None = None) -> Any:
    """How many numbers a graph learns: an int, or an expression in its named dimensions.

    Examples
    --------
    >>> import graphdiff as gd
    >>> g = gd.Graph()
    >>> h = gd.nn.dense(g.input("x", ("t", 64)), "H", scope="hidden")
    >>> gd.nn.parameter_count(g), gd.nn.parameter_count(g, roles=["bias"])
    ('65*H', 'H')
    """
    if not isinstance(g, gd.Graph):
        raise gd.GraphError("only a graph has parameters to count", got=type(g).__name__)
    wanted = None if roles is None else _names(roles)
    sizes = [p.size for p in g.parameters.values() if wanted is None or p.role in wanted]
    return reduce(operator.add, sizes, 0)  # `sum` refuses symbolic sizes, which are strings


def _total(
    what: What,
    roles: Iterable[str],
    one: Callable[[gd.Tensor], Any],
) -> gd.Tensor:
    if isinstance(what, gd.Graph):
        chosen = _chosen(what, _names(roles))
    else:
        chosen = [what] if isinstance(what, gd.Tensor) or not np.iterable(what) else list(what)
    if not chosen or not all(isinstance(tensor, gd.Tensor) for tensor in chosen):
        raise gd.GraphError(
            "there is nothing to penalise", expected="a graph, or one or more of its tensors",
            got=repr(what)[:80],
        )  # fmt: skip
    omega: gd.Tensor = one(chosen[0])
    for w in chosen[1:]:
        omega = omega + one(w)
    return omega


def _names(roles: Iterable[str]) -> tuple[str, ...]:
    """Roles; a lone string is one role, not its letters."""
    return (roles,) if isinstance(roles, str) else tuple(roles)


def _chosen(g: gd.Graph, roles: tuple[str, ...]) -> list[gd.Tensor]:
    """The parameters of some roles; what has none might be meant, so that is an error."""
    parameters = list(g.parameters.values())
    for tensor in parameters:
        if tensor.role is None:
            raise gd.GraphError(
                "it is not said whether this parameter is a weight", node=tensor.name,
                op="parameter",
                hint='g.parameter(…, role="weight") or role="bias", or give the penalty the '
                "tensors themselves",
            ).at(None, None, tensor.origin)  # fmt: skip
    chosen = [tensor for tensor in parameters if tensor.role in roles]
    if not chosen:
        found = ", ".join(sorted({str(tensor.role) for tensor in parameters})) or "no parameters"
        raise gd.GraphError(
            f"{g.name!r} has no parameter to penalise", expected=" or ".join(roles), got=found,
            hint="add the penalty after the layers",
        )  # fmt: skip
    return chosen
