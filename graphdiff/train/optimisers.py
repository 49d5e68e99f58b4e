"""Optimisers: a rule from a parameter and its gradient to the parameter's next value.

A rule is written in NumPy's own words. On tensors it adds nodes, so that a step of training is a
graph: it can be drawn, and its source read. What the rule keeps from step to step is its state,
which begins at zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.train.checking import fraction, function, not_negative
from graphdiff.train.schedules import Schedule, constant

Rate = float | Schedule
Rule = Callable[..., tuple[Any, ...]]
Then = Callable[[Any, Any], Any]
_ARGUMENTS = {"theta", "g", "rate", "k"}


@dataclass(frozen=True, slots=True)
class Optimiser:
    """An update rule, its learning rate, and the names of its state.

    Parameters
    ----------
    name
        What it is called in pictures and messages.
    rule
        ``rule(theta, g, rate, k, *state)`` gives a tuple of the next ``theta`` and the next state.
        ``g`` is the gradient, ``rate`` the learning rate, ``k`` the number of the step, from 1.
        All are tensors, those of the state of theta's shape.
    rate
        The learning rate.
    state
        A name for each value of the state, other than ``theta``, ``g``, ``rate`` and ``k``.

    Examples
    --------
    >>> import graphdiff as gd
    >>> def rule(theta, g, rate, k, s):
    ...     s = 0.9 * s + 0.1 * np.sign(g)
    ...     return theta - rate * s, s
    >>> gd.train.Optimiser("smooth signs", rule, gd.train.constant(0.01), state=("s",))
    smooth signs(0.01)
    """

    name: str
    rule: Rule
    rate: Schedule
    state: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        function("the rule of an optimiser", self.rule, "rule(theta, g, rate, k, *state)")
        if not isinstance(self.rate, Schedule):
            raise gd.ArgumentError(
                "the rate of an optimiser is no schedule", got=repr(self.rate)[:80],
                hint="gd.train.constant(0.01)",
            )  # fmt: skip
        names = tuple(self.state)
        if isinstance(self.state, str) or {*names} & _ARGUMENTS or len({*names}) < len(names):
            raise gd.ArgumentError(
                "the state of an optimiser needs names of its own", got=repr(self.state)[:80],
                expected='a tuple such as ("m", "v"), without theta, g, rate or k',
            )  # fmt: skip

    def __repr__(self) -> str:
        return f"{self.name}({self.rate!r})"

    def then(self, *steps: Then) -> Optimiser:
        """The same rule, and afterwards ``theta = step(theta, rate)`` for each of the steps.

        This is for what is no gradient step: `soft_threshold`, `max_norm`.
        """
        for step in steps:
            function("what follows a gradient step", step, "such as gd.train.max_norm(3.0)")

        def rule(theta: Any, g: Any, rate: Any, k: Any, *state: Any) -> tuple[Any, ...]:
            theta, *state = self.rule(theta, g, rate, k, *state)  # type: ignore[assignment]  # tensors, as the rule gives
            for step in steps:
                theta = step(theta, rate)
            return theta, *state

        return replace(self, name=f"{self.name}+", rule=rule)

    def graph(self, shape: object = ("n",), dtype: object = "float64") -> gd.Graph:
        """The rule for one parameter of a shape, as a graph.

        Examples
        --------
        >>> import graphdiff as gd
        >>> f = gd.compile(gd.train.momentum(0.1).graph(), style="readable")
        >>> print(f.source[f.source.index("new_v =") :])
        new_v = 0.9 * v - rate * g  # (n,)
            new_theta = theta + new_v  # (n,)
            return {"new theta": new_theta, "new v": new_v}
        <BLANKLINE>
        """
        g = gd.Graph(self.name)
        theta, gradient = g.input("theta", shape, dtype), g.input("g", shape, dtype)
        real = real_dtype(theta.dtype)
        rate, k = g.input("rate", (), real), g.input("k", (), real)
        held = [g.input(name, shape, dtype) for name in self.state]
        new = self.following(theta, gradient, rate, k, *held)
        for name, value in zip(("theta", *self.state), new, strict=True):
            g.output(f"new {name}", value)
        drop_unused(g, ("rate", "k"))
        return g

    def following(
        self, theta: gd.Tensor, g: gd.Tensor, rate: gd.Tensor, k: gd.Tensor, *state: gd.Tensor
    ) -> tuple[gd.Tensor, ...]:
        """What the rule makes of a parameter and its state, checked.

        A complex parameter is the two reals that it consists of, each with its own state.

        Raises
        ------
        ArgumentError, ShapeError
            If the rule gives no tuple, or other shapes or dtypes than those of its arguments.
        """
        if theta.dtype.kind != "c":
            new = self.rule(theta, g, rate, k, *state)
        else:  # two reals, by which the slopes are the parts of the conjugate
            given: tuple[Any, ...] = (theta, np.conj(g), *state)
            real, imaginary = [np.real(each) for each in given], [np.imag(each) for each in given]
            parts = [self.rule(*each[:2], rate, k, *each[2:]) for each in (real, imaginary)]
            both = all(isinstance(part, tuple) for part in parts)
            new = tuple(u + 1j * v for u, v in zip(*parts, strict=True)) if both else parts[0]
        if not isinstance(new, tuple):
            raise gd.ArgumentError(
                f"the rule of {self!r} gives no tuple", node=theta.name,
                expected=f"({', '.join(('theta', *self.state))},)", got=type(new).__name__,
            )  # fmt: skip
        expected = [(theta.shape, theta.dtype)] * (1 + len(state))
        found = [(np.shape(value), getattr(value, "dtype", None)) for value in new]
        if found != expected:
            raise gd.ShapeError(
                f"the rule of {self!r} does not give what follows", node=theta.name,
                expected=f"theta and {len(state)} of state: {expected}", got=str(found),
            )  # fmt: skip
        return new


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex parameter; else its own."""
    return np.empty(0, dtype).real.dtype


def drop_unused(g: gd.Graph, names: tuple[str, ...]) -> None:
    """Take inputs that nothing uses out of a graph."""
    g.dag.remove_nodes_from([name for name in names if not g.dag.out_degree(name)])


def sgd(rate: Rate = 0.01) -> Optimiser:
    """θ ← θ − ε g, stochastic gradient descent where g is of a minibatch.

    Goodfellow et al., *Deep Learning* (2016), algorithm 8.1.
    """

    def rule(theta: Any, g: Any, rate: Any, k: Any) -> tuple[Any, ...]:
        return (theta - rate * g,)

    return Optimiser("sgd", rule, _schedule(rate))


def momentum(rate: Rate = 0.01, decay: float = 0.9) -> Optimiser:
    """v ← αv − εg, θ ← θ + v with the decay α (Polyak 1964; Goodfellow et al., algorithm 8.2)."""
    fraction(decay=decay)

    def rule(theta: Any, g: Any, rate: Any, k: Any, v: Any) -> tuple[Any, ...]:
        v = decay * v - rate * g
        return theta + v, v

    return Optimiser("momentum", rule, _schedule(rate), ("v",))


def nesterov(rate: Rate = 0.01, decay: float = 0.9) -> Optimiser:
    """v ← αv − εg, θ ← θ + αv − εg: the gradient is that of the point where momentum leads.

    With ``w = θ − αv`` it is w ← w + v with the gradient at w + αv (Nesterov 1983; Sutskever et
    al. 2013; Goodfellow et al., algorithm 8.3).
    """
    fraction(decay=decay)

    def rule(theta: Any, g: Any, rate: Any, k: Any, v: Any) -> tuple[Any, ...]:
        v = decay * v - rate * g
        return theta + (decay * v - rate * g), v

    return Optimiser("nesterov", rule, _schedule(rate), ("v",))


def adagrad(rate: Rate = 0.01, delta: float = 1e-7) -> Optimiser:
    """r ← r + g², θ ← θ − ε g / (δ + √r) (Duchi et al. 2011; Goodfellow et al., algorithm 8.4)."""
    not_negative(delta=delta)

    def rule(theta: Any, g: Any, rate: Any, k: Any, r: Any) -> tuple[Any, ...]:
        r = r + g * g
        return theta - rate * g / (delta + np.sqrt(r)), r

    return Optimiser("adagrad", rule, _schedule(rate), ("r",))


def rmsprop(rate: Rate = 1e-3, decay: float = 0.9, delta: float = 1e-6) -> Optimiser:
    """r ← ρr + (1−ρ)g², θ ← θ − ε g / √(δ + r) (Hinton 2012; Goodfellow et al., algorithm 8.5)."""
    fraction(decay=decay)
    not_negative(delta=delta)

    def rule(theta: Any, g: Any, rate: Any, k: Any, r: Any) -> tuple[Any, ...]:
        r = decay * r + _rest(decay) * g * g
        return theta - rate * g / np.sqrt(delta + r), r

    return Optimiser("rmsprop", rule, _schedule(rate), ("r",))


def adam(
    rate: Rate = 1e-3, decay1: float = 0.9, decay2: float = 0.999, delta: float = 1e-8
) -> Optimiser:
    """Both moments of the gradient, corrected for their start at zero.

    θ ← θ − ε m̂ / (√v̂ + δ) with the means m̂ of all gradients and v̂ of their squares, in which one
    that is i steps old has the weight ρ₁ⁱ or ρ₂ⁱ (Kingma & Ba 2015; Goodfellow et al., algorithm
    8.7). The book's state is (1−ρ) times a sum, divided by 1 − ρᵏ for the mean; here it is the sum
    itself, divided by that of the weights, which is the same and takes two passes less:
    m ← ρ₁m + g, m̂ = m (1−ρ₁) / (1 − ρ₁ᵏ), and v ← ρ₂v + g², v̂ = v (1−ρ₂) / (1 − ρ₂ᵏ).
    """
    return Optimiser("adam", _adam(decay1, decay2, delta, 0.0), _schedule(rate), ("m", "v"))


def adamw(
    rate: Rate = 1e-3,
    weight_decay: float = 1e-2,
    decay1: float = 0.9,
    decay2: float = 0.999,
    delta: float = 1e-8,
) -> Optimiser:
    """`adam`, with weights that decay apart from the gradient (Loshchilov & Hutter 2019).

    θ ← θ − ε (m̂ / (√v̂ + δ) + λθ). To let the weights decay but not the biases, give `fit` an
    optimiser for each parameter.
    """
    rule = _adam(decay1, decay2, delta, weight_decay)
    return Optimiser("adamw", rule, _schedule(rate), ("m", "v"))


def _adam(decay1: float, decay2: float, delta: float, weight_decay: float) -> Rule:
    fraction(decay1=decay1, decay2=decay2)
    not_negative(delta=delta, weight_decay=weight_decay)

    def rule(theta: Any, g: Any, rate: Any, k: Any, m: Any, v: Any) -> tuple[Any, ...]:
        m = decay1 * m + g
        v = decay2 * v + g * g
        # m̂ / (√v̂ + δ), with the sums of the weights as two numbers rather than two arrays
        root = np.sqrt((1 - decay2**k) / _rest(decay2))
        move = (root * _rest(decay1) / (1 - decay1**k)) * rate * m / (np.sqrt(v) + delta * root)
        if weight_decay:
            move = move + (rate * weight_decay) * theta
        return theta - move, m, v

    return rule


def _schedule(rate: Rate) -> Schedule:
    if callable(rate) and not isinstance(rate, Schedule):
        raise gd.ArgumentError(
            "a rate is a number or a schedule", got=repr(rate)[:80],
            hint='give the function a name: gd.train.Schedule("warm", function)',
        )  # fmt: skip
    return rate if isinstance(rate, Schedule) else constant(rate)


def _rest(decay: float) -> float:
    """1 − decay without the rounding that would show in the source: 0.1 for 0.9."""
    return float(1 - Decimal(repr(decay)))
