"""A step of training as a graph: forward pass, gradient, and every parameter's next value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import networkx as nx
import numpy as np

import graphdiff as gd
from graphdiff.train.optimisers import Optimiser, adam, drop_unused, real_dtype

RATE, COUNT = "rate", "step"
Optimisers = Optimiser | Mapping[str, Optimiser]


def step(graph: gd.Graph, of: str = "J", optimiser: Optimisers | None = None) -> gd.Graph:
    """One step of training as a graph.

    Parameters
    ----------
    graph
        The network. It is not changed.
    of
        The output to make small, a scalar.
    optimiser
        One for all parameters, or a dict of one for each that is to be trained, by name. None
        means `adam`.

    Returns
    -------
    Graph
        Its inputs are those of the network; each parameter's state, such as ``W.m``; ``rate``, the
        learning rate; and ``step``, the number of the step, from 1. The last two are there if they
        are used; where optimisers differ, there are ``rate``, ``rate 2``, … Its outputs are the
        cost, and what follows from each parameter and state: ``new W``, ``new W.m``.

    A complex parameter z = u + iv is trained as the two reals u and v that it is: the rule is
    applied to its parts, with the derivatives by these, and the state is complex. With `sgd` this
    is z ← z − ε ḡ, down along the conjugate of the gradient, which is ∂J/∂u − i ∂J/∂v.

    Raises
    ------
    GraphError
        If an optimiser is for a parameter that is not there, or a name is taken.
    GradientError
        If the cost is no scalar, or does not depend on a parameter.

    Examples
    --------
    >>> g = gd.Graph("line")
    >>> x, w = g.input("x", ("t",)), g.parameter("w")
    >>> J = g.output("J", np.mean((x * w) ** 2))
    >>> s = gd.train.step(g, "J", gd.train.sgd())
    >>> list(s.inputs), list(s.outputs)
    (['x', 'rate'], ['J', 'new w'])
    """
    chosen = optimisers_of(graph, optimiser)
    found = gd.gradient(network_of(graph, of, chosen), of, list(chosen))
    gradients = _take_derivatives(found)
    widest = np.result_type(*(real_dtype(found[name].dtype) for name in chosen))
    count = found.input(COUNT, (), widest)
    names = rate_names(chosen)
    rates = {each: found.input(name, (), widest) for each, name in names.items()}
    for name, each in chosen.items():
        _update(each, found[name], gradients[name], rates[each], count)
    drop_unused(found, (COUNT, *names.values()))
    return found


def rate_names(chosen: Mapping[str, Optimiser]) -> dict[Optimiser, str]:
    """The name of each optimiser's learning rate."""
    several = enumerate(dict.fromkeys(chosen.values()), start=1)
    return {each: RATE if number == 1 else f"{RATE} {number}" for number, each in several}


def _update(
    optimiser: Optimiser, theta: gd.Tensor, gradient: gd.Tensor, rate: gd.Tensor, count: gd.Tensor
) -> None:
    """Add what follows from one parameter and its state."""
    graph, dtype = theta.graph, theta.dtype
    held = [graph.input(f"{theta.name}.{name}", theta.shape, dtype) for name in optimiser.state]
    with graph.marking(phase="update", origin=theta.origin):
        real = real_dtype(dtype)
        rate, count = (t if t.dtype == real else t.astype(real) for t in (rate, count))
        new = optimiser.following(theta, gradient, rate, count, *held)
    for old, value in zip((theta, *held), new, strict=True):
        graph.output(f"new {old.name}", value)


def network_of(graph: gd.Graph, of: str, names: Iterable[str]) -> gd.Graph:
    """A copy whose only output is a cost, which depends on the parameters of these names."""
    if of not in graph.outputs and of not in graph:
        raise gd.GraphError(
            f"there is no output {of!r} of {graph.name!r} to make small",
            expected=", ".join(graph.outputs) or "a graph with an output",
            hint=f'declare it: g.output({of!r}, …), or name another: fit(…, of="cost")',
        )  # fmt: skip
    if any(cost == of for cost, _ in graph.dag.graph["derivatives"].values()):
        raise gd.GraphError(
            f"{graph.name!r} holds the gradient of {of!r} already",
            hint="training makes the gradient itself: give it the network",
        )
    node = graph[of].name
    copy = graph.copy()
    copy.dag.graph["outputs"] = {of: node}
    copy.dag.graph["derivatives"] = {}
    _refuse_unused(copy, of, list(names))
    return copy


def _take_derivatives(graph: gd.Graph) -> dict[str, gd.Tensor]:
    """The derivatives by what they are with respect to; they are outputs no more."""
    outputs, derivatives = graph.dag.graph["outputs"], graph.dag.graph["derivatives"]
    graph.dag.graph["derivatives"] = {}
    return {wrt: graph[outputs.pop(name)] for name, (_, wrt) in derivatives.items()}


def optimisers_of(graph: gd.Graph, optimiser: Optimisers | None) -> dict[str, Optimiser]:
    """The optimiser of each parameter that is to be trained."""
    if optimiser is None:
        optimiser = adam()
    parameters = list(graph.parameters)
    if not isinstance(optimiser, Mapping):
        optimiser = dict.fromkeys(parameters, optimiser)
    known = set(parameters)
    for name, each in optimiser.items():
        if name not in known:
            raise gd.GraphError(
                f"there is no parameter {name!r} in {graph.name!r}",
                expected=", ".join(parameters),
            )
        if not isinstance(each, Optimiser):
            raise gd.ArgumentError(
                f"what is given for {name!r} is no optimiser", expected="such as gd.train.adam()",
                got=repr(each),
            )  # fmt: skip
    if not optimiser:
        raise gd.GraphError(
            f"{graph.name!r} has nothing to train", expected="one or more parameters",
            hint='declare it with g.parameter("w", …)',
        )  # fmt: skip
    return {name: optimiser[name] for name in parameters if name in optimiser}


def _refuse_unused(network: gd.Graph, of: str, names: list[str]) -> None:
    """Raise for a parameter that the cost does not depend on: no step would ever change it."""
    if network[of].ndim:
        return  # which `gd.gradient` refuses
    used = nx.ancestors(network.dag, network[of].name) | {network[of].name}
    for name in names:
        if name not in used:
            others = [other for other in names if other in used]
            raise gd.GradientError(
                f"{of!r} does not depend on it, so it cannot be trained", node=name,
                op="parameter", origin=network[name].origin,
                hint="leave it out of the network, or say what is to be trained: "
                f"optimiser={{{', '.join(f'{other!r}: …' for other in others)}}}",
            )  # fmt: skip
