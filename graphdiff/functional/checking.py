"""Derivatives compared with what they are the limits of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from graphdiff.autodiff.reverse import pull_back
from graphdiff.compiler import compile
from graphdiff.errors import ArgumentError, GradientError, here
from graphdiff.functional.arguments import or_zeros
from graphdiff.functional.calling import only
from graphdiff.functional.products import tangents_of
from graphdiff.graph.dag import Graph
from graphdiff.graph.nest import flatten
from graphdiff.graph.tensor import Tensor
from graphdiff.graph.trace import function_name, traced
from graphdiff.lower.runtime import Compiled
from graphdiff.rewrite import STABLE, rewritten

Method = Literal["auto", "complex", "central"]
Values = Mapping[str, Any]

# NumPy computes these, as generated code spells them, for complex arguments too.
_ANALYTIC = frozenset(
    {"input", "parameter", "constant", "size", "identity", "add", "subtract", "multiply", "divide"}
    | {"negative", "square", "reciprocal", "power", "exp", "log", "sqrt", "sin", "cos", "tan"}
    | {"arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"}
    | {"sum", "mean", "matmul", "outer", "einsum", "cumsum", "prod", "inv", "solve", "diagonal"}
    | {"transpose", "reshape", "broadcast_to", "expand_dims", "squeeze", "concatenate", "slice"}
    | {"gather", "take_along_axis", "tril", "triu"}
)
_STEP = 1e-30  # of the complex step: its square is lost beside 1
_ALLOWED = {"complex": 1e-10, "central": 1e-5}


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """How far derivatives were from what they were compared with, relative to their size.

    ``forward`` compares tangents with the complex step or with central differences (``method``),
    ``reverse`` cotangents with tangents (⟨u, Jv⟩ = ⟨Jᵀu, v⟩, without a conjugate), for a gradient
    graph its gradients; each is the largest over all directions.
    """

    forward: float
    reverse: float
    directions: int
    method: str

    def __str__(self) -> str:
        what = "the complex step" if self.method == "complex" else "differences"
        return (
            f"in {self.directions} directions, forward mode is within {self.forward:.1e} of "
            f"{what}, and reverse mode within {self.reverse:.1e} of forward mode"
        )


def check_gradients(
    f: Callable[..., Any] | Graph,
    args: Sequence[Any] | Values,
    directions: int = 3,
    rtol: float | None = None,
    seed: int = 0,
    method: Method = "auto",
) -> GradientCheck:
    """Compare derivatives, in forward and reverse mode, with the complex step or differences.

    Parameters
    ----------
    f
        A function of arrays, nested as you like; or a graph. Of a graph that is a gradient, the
        gradients in it are compared too. Floats are to be float64, since differences of float32
        have no digits left.
    args
        Where to look, away from kinks: the function's arguments; for a graph its inputs and
        parameters by name, of which those with a value may be left out.
    directions
        The number of random directions.
    rtol
        The relative error that is allowed: 1e-10 by default for the complex step, 1e-5 for
        differences.
    seed
        Of the random directions.
    method
        ``"complex"``: f(x + ih v)/h, whose imaginary part is the derivative to rounding, for
        functions that are made of analytic ones. ``"central"``: (f(x + hv) − f(x − hv))/2h.
        ``"auto"``: the first where it can be.

    Raises
    ------
    GradientError
        If the derivatives differ, nothing can be differentiated, or an op has no complex step.

    Notes
    -----
    The step of a central difference is ε^(1/3) of the size of the arguments, for which it has
    about ten digits (Press et al., *Numerical Recipes*, section 5.7). The complex step: Squire &
    Trapp, *SIAM Review* 40 (1998).

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> found = gd.check_gradients(lambda x: np.sin(x) * x, (np.array([0.3, 2.0]),))
    >>> found.method, found.forward < 1e-14, found.reverse < 1e-14
    ('complex', True, True)
    """
    graph, values = _subject(f, args)
    floats = [name for name in values if graph[name].spec.is_inexact]
    if not floats:
        raise GradientError("nothing can be differentiated: no argument is a float", origin=here())
    method = _method(graph, method)
    rng = np.random.default_rng(seed)
    gradients = graph.dag.graph["derivatives"]
    primal = only(graph, graph.outputs_by_name.keys() - gradients.keys()) if gradients else graph
    value = compile(primal, style="readable")  # it is called with complex numbers as well
    start = value(**values)
    forward, reverse = compile(_pushed(primal, floats)), compile(_pulled(primal, floats))
    given = compile(graph)(**values) if gradients else {}
    worst_forward = worst_reverse = 0.0
    for _ in range(directions):
        along = {name: _normal(rng, values[name]) for name in floats}
        weights = {name: _normal(rng, y) for name, y in start.items()}
        tangents = forward(**values, **_marked("tangent", along))
        pulled = reverse(**values, **_marked("cotangent", _floats(primal, weights)))
        wanted = _limit(method, value, values, along)
        pairs = [(weights[name], t) for name, t in tangents.items()]
        pushed = sum(_paired(w, t) for w, t in pairs)
        back = sum(_paired(pulled[name], along[name]) for name in floats)
        size = sum(float(np.linalg.norm(w) * np.linalg.norm(t)) for w, t in pairs)
        worst_forward = max(worst_forward, _error(tangents, wanted, start))
        worst_reverse = max(worst_reverse, _relative(pushed - back, size))
        for gap, size in _gaps(graph, gradients, given, tangents, along):
            worst_reverse = max(worst_reverse, _relative(gap, size))
    result = GradientCheck(worst_forward, worst_reverse, directions, method)
    allowed = _ALLOWED[method] if rtol is None else rtol
    if not (worst_forward <= allowed and worst_reverse <= allowed):
        name = f.name if isinstance(f, Graph) else function_name(f)
        raise GradientError(
            f"the derivatives of {name!r} differ", origin=here(),
            expected=f"a relative error of {allowed:.1e}", got=str(result),
            hint="is there a kink nearby, or is a value held constant by stop_gradient?",
        )  # fmt: skip
    return result


def _subject(f: Callable[..., Any] | Graph, args: Any) -> tuple[Graph, dict[str, Any]]:
    """The graph to look at, made stable, and the values of its arguments."""
    if isinstance(f, Graph):
        if not isinstance(args, Mapping):
            raise ArgumentError(
                "the arguments of a graph are given by name", origin=here(),
                expected="a dict", got=repr(type(args).__name__),
            )  # fmt: skip
        compile(f)(**args)  # refuses what does not fit
        held = {name: t.params.get("value") for name, t in f.parameters.items()}
        values = {name: args.get(name, held.get(name)) for name in (*f.inputs, *f.parameters)}
        return rewritten(f, STABLE), {name: np.asarray(value) for name, value in values.items()}
    args = tuple(args)
    trace = traced(f, args, {})
    leaves, _ = flatten((args, {}))
    pairs = zip(trace.inputs, leaves, strict=True)
    values = {name: np.asarray(leaf) for name, leaf in pairs if name is not None}
    return rewritten(trace.graph, STABLE), values


def _method(graph: Graph, method: Method) -> Literal["complex", "central"]:
    if method not in ("auto", "complex", "central"):
        raise ArgumentError(
            f"there is no method {method!r}", origin=here(),
            expected="'auto', 'complex' or 'central'",
        )  # fmt: skip
    other = next((t for t in graph if t.op not in _ANALYTIC or t.spec.is_complex), None)
    if method == "complex" and other is not None:
        what = "values that are complex" if other.spec.is_complex else "this op"
        raise GradientError(
            f"there is no complex step through {what}", node=other.name, op=other.op,
            origin=other.origin, hint="method='central' takes differences",
        )  # fmt: skip
    return "complex" if method != "central" and other is None else "central"


def _normal(rng: np.random.Generator, like: Any) -> Any:
    """A random direction for a value, complex for a complex one."""
    direction = rng.standard_normal(np.shape(like))
    if not np.iscomplexobj(like):
        return direction
    return direction + 1j * rng.standard_normal(np.shape(like))


def _paired(cotangent: Any, tangent: Any) -> float:
    """What a change amounts to; of complex numbers the real part, without a conjugate."""
    return float(np.real(np.sum(np.multiply(cotangent, tangent))))


def _marked(mark: str, values: Values) -> dict[str, Any]:
    return {f"{name}'s {mark}": value for name, value in values.items()}


def _floats(graph: Graph, values: Values) -> dict[str, Any]:
    return {name: value for name, value in values.items() if graph.outputs[name].spec.is_inexact}


def _results(graph: Graph, outputs: Mapping[str, Any]) -> Graph:
    """The graph with other outputs."""
    graph.dag.graph["outputs"] = {}
    for name, value in outputs.items():
        result = value if isinstance(value, Tensor) else graph.constant(value)
        graph.dag.graph["outputs"][name] = graph.apply("identity", (result,)).name
    return graph


def _pushed(graph: Graph, floats: Sequence[str]) -> Graph:
    """The tangents of the outputs, for tangents of the arguments as further inputs."""
    graph = graph.copy()
    wrt = [(x, graph.input(f"{n}'s tangent", x.shape, x.dtype)) for n in floats for x in [graph[n]]]
    outputs = {name: y for name, y in graph.outputs.items() if y.spec.is_inexact}
    found = tangents_of(list(outputs.values()), wrt)
    return _results(graph, dict(zip(outputs, found, strict=True)))


def _pulled(graph: Graph, floats: Sequence[str]) -> Graph:
    """The cotangents of the arguments, for cotangents of the outputs as further inputs."""
    graph = graph.copy()
    outputs = {name: y for name, y in graph.outputs.items() if y.spec.is_inexact}
    seeds = [
        (y, graph.input(f"{name}'s cotangent", y.shape, y.dtype)) for name, y in outputs.items()
    ]
    found = pull_back(seeds, [graph[name] for name in floats], "out")
    pairs = zip(floats, found, strict=True)
    return _results(graph, {name: or_zeros(t, graph[name]) for name, t in pairs})


def _gaps(
    graph: Graph, gradients: Mapping[str, tuple[str, str]], given: Values, tangents: Values,
    along: Values,
) -> Iterator[tuple[float, float]]:  # fmt: skip
    """Of each cost, how far its gradients' products with a direction are from its tangent."""
    by: dict[str, dict[str, Any]] = {}
    for name, (seed, wrt) in gradients.items():
        by.setdefault(seed, {})[wrt] = given[name]
    for seed, slopes in by.items():
        if slopes.keys() >= along.keys() and seed in tangents:
            parts = [_paired(slopes[name], along[name]) for name in along]
            yield float(tangents[seed]) - sum(parts), sum(map(abs, parts))


def _limit(method: str, f: Compiled, values: Values, along: Values) -> dict[str, Any]:
    """The derivative of a function's results along a direction, without differentiating it."""
    if method == "complex":
        moved = {**values, **{name: values[name] + 1j * _STEP * v for name, v in along.items()}}
        found = f.function(*(moved[name] for name in f.generated.arguments))
        results = found if len(f.generated.values) > 1 else {f.generated.values[0]: found}
        return {name: np.imag(y) / _STEP for name, y in results.items()}
    size = max(1.0, *(float(np.max(np.abs(values[name]), initial=0.0)) for name in along))
    step = float(np.finfo(np.float64).eps) ** (1 / 3) * size
    up, down = (
        f(**{**values, **{name: values[name] + sign * step * v for name, v in along.items()}})
        for sign in (1.0, -1.0)
    )
    floats = _floats(f.graph, up)
    return {name: (y - down[name]) / (2 * step) for name, y in floats.items()}


def _relative(gap: float, size: float) -> float:
    return abs(gap) / max(size, 1e-300) if size or gap else 0.0


def _error(found: Values, wanted: Values, outputs: Values) -> float:
    """The largest difference of two results, relative to their size."""
    worst = 0.0
    for name, ours in found.items():
        norms = (float(np.linalg.norm(value)) for value in (wanted[name], outputs[name]))
        gap = float(np.linalg.norm(np.asarray(ours) - wanted[name]))
        worst = max(worst, _relative(gap, max(norms)))
    return worst
