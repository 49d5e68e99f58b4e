"""L-BFGS through scipy: all examples at once, no learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.train.checking import count, failure, not_negative
from graphdiff.train.data import Array, Examples
from graphdiff.train.progress import bar
from graphdiff.train.recording import Recorder
from graphdiff.train.result import Fit
from graphdiff.train.stepping import network_of
from graphdiff.train.vectors import views


@dataclass(frozen=True, slots=True)
class LBFGS:
    """See `lbfgs`."""

    memory: int
    tolerance: float


def lbfgs(memory: int = 10, tolerance: float = 1e-8) -> LBFGS:
    """The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno, for `fit`.

    It approximates second derivatives from the last steps. An epoch of `fit` is one of its
    iterations, with a line search over all examples. The code is scipy's (Byrd et al. 1995; Nocedal
    & Wright, *Numerical Optimization* (2006), section 7.2).

    Parameters
    ----------
    memory
        How many steps are remembered.
    tolerance
        It ends when no component of the gradient is larger.
    """
    count(memory=memory)
    not_negative(tolerance=tolerance)
    return LBFGS(memory, tolerance)


def minimise(
    graph: gd.Graph, examples: Examples, of: str, method: LBFGS, values: Mapping[str, Array],
    iterations: int, recorder: Recorder, progress: bool,
) -> Fit:  # fmt: skip
    """Train with L-BFGS; `fit` documents the arguments."""
    from scipy.optimize import minimize

    cost = _Cost(graph, of, examples, values)
    record, at = recorder.start(), cost.flat(values)
    message = "interrupted"

    def result(message: str) -> Fit:
        last = cost.named(at)
        judged = recorder.validation is not None and record.best
        return Fit(
            parameters=dict(record.best) if judged else last, last=last,
            history=record.plain(),
            best_epoch=record.best_epoch if judged else record.epoch,
            epochs=record.epoch, stopped=message, gradient=cost.function, updates=(),
            _trained=graph,
        )  # fmt: skip

    with bar(graph.name, iterations, progress) as tell:

        def after(intermediate_result: Any) -> None:
            nonlocal record, at
            x, J = intermediate_result.x.copy(), float(intermediate_result.fun)
            record, at = recorder.close(record, {of: J}, cost.named(x), {}), x
            recorder.check(record)
            if tell is not None:
                tell(record.epoch, record.history)
            if record.stopped:
                raise StopIteration

        options = {"maxiter": iterations, "maxcor": method.memory, "gtol": method.tolerance,
                   "ftol": 0.0, "maxfun": 100 * iterations}  # fmt: skip
        try:
            found = minimize(cost, at, jac=True, method="L-BFGS-B", callback=after, options=options)
            if not record.epoch:  # it was at the minimum from the start
                after(found)
            message = record.stopped or _told(found, iterations)
        except StopIteration:
            message = record.stopped
        except KeyboardInterrupt:
            pass
        except gd.TrainingError as error:
            error.fit = result(error.message)
            raise
    return result(message)


def _told(found: Any, iterations: int) -> str:
    if found.nit >= iterations:
        return "all epochs done"
    return "the gradient is 0" if found.success else f"scipy: {found.message}"


class _Cost:
    """The cost and its gradient as functions of one vector, which is what scipy takes."""

    def __init__(
        self, graph: gd.Graph, of: str, examples: Examples, values: Mapping[str, Array]
    ) -> None:
        _refuse_complex(graph, graph.parameters)
        self.graph = graph
        trained = gd.gradient(network_of(graph, of, graph.parameters), of)
        derivatives = trained.dag.graph["derivatives"]
        self.names = {wrt: name for name, (_, wrt) in derivatives.items()}
        self.of, self.data = of, examples.whole()
        self.function = gd.compile(trained)
        self.like = {name: np.asarray(values[name]) for name in self.names}

    def flat(self, values: Mapping[str, Any]) -> Array:
        """The parameters as one vector."""
        return np.concatenate([np.ravel(values[name]) for name in self.names]).astype(np.float64)

    def named(self, x: Array) -> dict[str, Array]:
        """The parameters of a vector, each of its shape and dtype."""
        return {n: part.astype(self.like[n].dtype) for n, part in views(x, self.like).items()}

    def __call__(self, x: Array) -> tuple[float, Array]:
        with np.errstate(all="ignore"):  # what comes of it is looked at below
            found = self.function(**self.data, **self.named(x))
        J = float(found[self.of])
        if not np.isfinite(J):
            raise failure(self.graph, self.of, J, "in a line search", self.data, self.like)
        return J, self.flat({wrt: found[name] for wrt, name in self.names.items()})


def _refuse_complex(graph: gd.Graph, names: Iterable[str]) -> None:
    """Raise for a complex parameter: the products of curvature are those of real ones."""
    for name in names:
        parameter = graph.parameters[name]
        if parameter.dtype.kind == "c":
            raise gd.DTypeError(
                "a complex parameter cannot be trained by L-BFGS", node=name,
                origin=parameter.origin, expected="a real one", got=repr(parameter.spec),
                hint="gd.train.adam, or parameters u and v for the parts of u + 1j * v",
            )  # fmt: skip
