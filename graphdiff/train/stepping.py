"""A step of training as a graph: forward pass, gradient, and every parameter's next value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

import graphdiff as gd
from graphdiff.train.optimisers import Optimiser, adam, drop_unused
from graphdiff.train.schedules import Schedule

RATE, COUNT = "rate", "step"
Optimisers = Optimiser | Mapping[str, Optimiser]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of training: its graph, and what its arguments are for.

    Parameters
    ----------
    graph
        From data, parameters and state to the cost and to what follows from them.
    parameters
        The parameters that are trained.
    state
        For each value of the state, the parameter that it belongs to and whose shape it has.
    rates
        For each argument that is a learning rate, its schedule.
    count
        The argument that is the number of the step, if a rule uses it.
    """

    graph: gd.Graph
    parameters: tuple[str, ...]
    state: Mapping[str, str]
    rates: Mapping[str, Schedule]
    count: str | None


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
    return make_step(graph, of, optimiser).graph


def make_step(graph: gd.Graph, of: str, optimiser: Optimisers | None) -> Step:
    """One step of training, with what its arguments are for."""
    chosen = _optimisers(graph, optimiser)
    network = network_of(graph, of, chosen)
    trained = gd.gradient(network, of, list(chosen))
    gradients = _take_derivatives(trained)
    widest = np.result_type(*(_real(trained[name].dtype) for name in chosen))
    count = trained.input(COUNT, (), widest)
    several = enumerate(dict.fromkeys(chosen.values()), start=1)
    names = {each: RATE if number == 1 else f"{RATE} {number}" for number, each in several}
    rates = {each: trained.input(name, (), widest) for each, name in names.items()}
    state: dict[str, str] = {}
    for name, each in chosen.items():
        held = _update(each, trained[name], gradients[name], rates[each], count)
        state |= dict.fromkeys(held, name)
    drop_unused(trained, (COUNT, *names.values()))
    return Step(
        graph=trained,
        parameters=tuple(chosen),
        state=state,
        rates={name: each.rate for each, name in names.items() if name in trained},
        count=COUNT if COUNT in trained else None,
    )


def _update(
    optimiser: Optimiser, theta: gd.Tensor, gradient: gd.Tensor, rate: gd.Tensor, count: gd.Tensor
) -> list[str]:
    """Add what follows from one parameter and its state; the names of the state."""
    graph, dtype = theta.graph, theta.dtype
    held = [graph.input(f"{theta.name}.{name}", theta.shape, dtype) for name in optimiser.state]
    with graph.marking(phase="update", origin=theta.origin):
        real = _real(dtype)
        rate, count = (t if t.dtype == real else t.astype(real) for t in (rate, count))
        if dtype == real:
            new = optimiser.rule(theta, gradient, rate, count, *held)
        else:  # two reals, by which the slopes are the parts of the conjugate
            downhill = np.conj(gradient)
            parts = [
                optimiser.rule(part(theta), part(downhill), rate, count, *map(part, held))
                for part in (_real_part, _imaginary_part)
            ]
            both = all(isinstance(part, tuple) for part in parts)
            new = tuple(u + 1j * v for u, v in zip(*parts, strict=True)) if both else parts[0]
    if not isinstance(new, tuple):
        raise gd.ArgumentError(
            f"the rule of {optimiser!r} gives no tuple", node=theta.name,
            expected=f"({', '.join(('theta', *optimiser.state))},)", got=type(new).__name__,
        )  # fmt: skip
    expected = [(theta.shape, dtype)] * (1 + len(held))
    found = [(np.shape(value), getattr(value, "dtype", None)) for value in new]
    if found != expected:
        raise gd.ShapeError(
            f"the rule of {optimiser!r} does not give what follows", node=theta.name,
            expected=f"theta and {len(held)} of state: {expected}", got=str(found),
        )  # fmt: skip
    for old, value in zip((theta, *held), new, strict=True):
        graph.output(f"new {old.name}", value)
    return [tensor.name for tensor in held]


def _real_part(value: Any) -> Any:
    return np.real(value)


def _imaginary_part(value: Any) -> Any:
    return np.imag(value)


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex parameter; else its own."""
    return np.empty(0, dtype).real.dtype


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


def _optimisers(graph: gd.Graph, optimiser: Optimisers | None) -> dict[str, Optimiser]:
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
