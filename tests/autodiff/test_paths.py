"""`expression`: figure 6.9 to the letter, and sympy's own derivative for every other graph."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import graphdiff as gd
from graphdiff.autodiff.paths import expression


def chain(function, steps=("x", "y", "z")):
    g = gd.Graph("chain")
    value = g.input("w")
    for name in steps:
        value = function(value).named(name)
    g.output(steps[-1], value)
    return g


@pytest.mark.parametrize(
    ("op", "function"),
    [
        ("tanh", np.tanh),
        ("exp", np.exp),
        ("sqrt", np.sqrt),
        ("abs", np.abs),
        ("square", np.square),
        ("reciprocal", np.reciprocal),
        ("negative", np.negative),
        ("relu", lambda v: v.graph.apply("relu", (v,))),
        ("sigmoid", lambda v: v.graph.apply("sigmoid", (v,))),
        ("softplus", lambda v: v.graph.apply("softplus", (v,))),
    ],
)
def test_figure_6_9_with_any_op_as_f(op, function):
    g, f = chain(function), {op: "f"}
    assert str(expression(g, "z", "w", names=f)) == "f'(y) f'(x) f'(w)"
    recomputed = expression(g, "z", "w", style="recomputed", names=f)
    assert str(recomputed) == "f'(f(f(w))) f'(f(w)) f'(w)"
    assert dict(recomputed.definitions) == {"x": "f(w)", "y": "f(x)", "z": "f(y)"}


def test_figure_6_9_for_sympy_has_undefined_functions_or_the_op_itself():
    g = chain(np.tanh)
    f, df = sympy.Function("f"), sympy.Function("f'")
    w, x, y = sympy.symbols("w x y", real=True)
    names = {"tanh": "f"}
    stored = expression(g, "z", "w", names=names)
    assert stored.sympy == df(y) * df(x) * df(w)
    recomputed = expression(g, "z", "w", style="recomputed", names=names)
    assert recomputed.sympy == df(f(f(w))) * df(f(w)) * df(w)
    nested = sympy.tanh(sympy.tanh(sympy.tanh(w)))
    assert sympy.simplify(recomputed.expanded - sympy.diff(nested, w)) == 0
    definitions = {y: sympy.tanh(x), x: sympy.tanh(w)}
    assert stored.expanded.subs(y, definitions[y]).subs(x, definitions[x]) == recomputed.expanded


def test_the_names_of_functions_are_those_of_the_formulas():
    g = gd.Graph()
    w = g.input("w")
    x = np.sqrt(w).named("x")
    z = g.output("z", g.apply("sigmoid", (x,)))
    assert str(expression(g, z, w)) == "σ'(x) √'(w)"
    assert str(expression(g, z, x)) == "σ'(x)"
    assert str(expression(g, z, z)) == "1"


def test_variables_of_the_users_lines_are_names_too():
    g = gd.Graph()
    w = g.input("w")
    x = np.tanh(w)
    y = np.tanh(x)
    z = g.output("z", np.tanh(y))
    assert str(expression(g, z, w)) == "tanh'(y) tanh'(x) tanh'(w)"
    loop = gd.Graph()
    v = loop.input("v")
    for _ in range(2):
        v = np.tanh(v)
    loop.output("out", np.tanh(v))
    assert str(expression(loop, "out", "v")).endswith("tanh'(tanh(v)) tanh'(v)")


def test_arithmetic_is_written_with_signs():
    g = gd.Graph("line")
    x, y, a, b = g.input("x"), g.input("y"), g.parameter("a"), g.parameter("b")
    J = g.output("J", (a * x + b - y) ** 2 + 0.1 * a**3 - np.maximum(a, b) / x)
    assert str(expression(g, J, a)) == "2 (a x + b − y) x + 0.1 (3 a²) − (1/x) [a > b]"
    assert str(expression(g, J, b)) == "2 (a x + b − y) − (1/x) [b > a]"


def test_paths_share_their_common_factors():
    g = gd.Graph()
    w = g.input("w")
    a, b = np.sin(w).named("a"), np.cos(w).named("b")
    u = (a * b).named("u")
    g.output("z", np.exp(u))
    text = str(expression(g, "z", "w"))
    assert text == "exp'(u) b sin'(w) + exp'(u) a cos'(w)"
    diamond = gd.Graph()
    w = diamond.input("w")
    s = (np.sin(w) + np.cos(w)).named("s")
    t = np.exp(s).named("t")
    diamond.output("z", t * s)
    assert str(expression(diamond, "z", "w")).count("exp'(s)") == 2  # once for each of sin and cos


POINT = sympy.Rational(3, 10), sympy.Rational(-7, 10), sympy.Rational(11, 10)


def ratio(u, v):
    return u / (v * v + 2.0)


def random_graph(seed):
    """A scalar graph of smooth and of piecewise ops, and the sympy expression of its output."""
    rng = np.random.default_rng(seed)
    g = gd.Graph("random")
    names = ["p", "q", "r"]
    tensors = [g.parameter(name) for name in names]
    values = list(sympy.symbols(names, real=True))
    unary = [(np.tanh, sympy.tanh), (np.exp, sympy.exp), (np.sin, sympy.sin),
             (np.square, lambda v: v**2), (np.negative, lambda v: -v)]  # fmt: skip
    binary = [(np.add, lambda u, v: u + v), (np.subtract, lambda u, v: u - v),
              (np.multiply, lambda u, v: u * v),
              (ratio, lambda u, v: u / (v**2 + 2))]  # fmt: skip
    for step in range(6):
        i, j = rng.integers(len(tensors), size=2)
        if rng.random() < 0.4:
            ours, theirs = unary[rng.integers(len(unary))]
            tensor, value = ours(tensors[i]), theirs(values[i])
        else:
            ours, theirs = binary[rng.integers(len(binary))]
            tensor, value = ours(tensors[i], tensors[j]), theirs(values[i], values[j])
        if rng.random() < 0.5 and tensor.op not in ("constant", "parameter"):
            tensor = tensor.named(f"s{step}")
        tensors.append(tensor)
        values.append(value)
    total = tensors[3]
    value = values[3]
    for tensor, other in zip(tensors[4:], values[4:], strict=True):
        total, value = total + tensor, value + other
    g.output("J", total)
    return g, value


@pytest.mark.parametrize("seed", range(12))
def test_expanded_is_sympys_own_derivative(seed):
    g, value = random_graph(seed)
    for name in g.parameters:
        symbol = sympy.Symbol(name, real=True)
        if not value.has(symbol):
            continue
        recomputed = expression(g, "J", name, style="recomputed")
        difference = recomputed.expanded - sympy.diff(value, symbol)
        point = dict(zip(sympy.symbols("p q r", real=True), POINT, strict=True))
        exact = sympy.diff(value, symbol).subs(point).evalf(40)
        assert abs(difference.subs(point).evalf(40)) <= 1e-25 * (1 + abs(exact))
        stored = expression(g, "J", name, style="stored")
        forward = gd.compile(with_all_outputs(g, stored), style="readable")
        numbers = {str(symbol): float(number) for symbol, number in point.items()}
        found = forward(**{key: numbers[key] for key in forward._specs})
        known = {sympy.Symbol(key, real=True): float(number) for key, number in found.items()}
        result = float(stored.expanded.subs(known).subs(point).evalf())
        np.testing.assert_allclose(result, float(exact), rtol=1e-12)


def with_all_outputs(g, made):
    """The graph with every value that the expression names as an output."""
    graph = g.copy()
    for name in made.definitions:
        if name in graph.dag and name not in graph.outputs:
            graph.output(name, graph[name])
    return graph


def test_where_takes_one_branch():
    g = gd.Graph()
    a, b = g.parameter("a"), g.parameter("b")
    J = g.output("J", np.where(a > b, a * b, np.sqrt(a)))
    made = expression(g, J, a)
    assert str(made) == "[a > b] b + [not (a > b)] √'(a)"
    point = dict(zip(sympy.symbols("a b", real=True), (4.0, 9.0), strict=True))
    assert made.expanded.subs(point) == 0.25


def test_a_kink_has_the_convention_of_its_op():
    g = gd.Graph()
    a, b = g.parameter("a"), g.parameter("b")
    g.output("J", np.maximum(a, b) + np.maximum(a, 1.0))
    made = expression(g, "J", "a").expanded
    tie = dict(zip(sympy.symbols("a b", real=True), (2, 2), strict=True))
    assert made.subs(tie) == sympy.Rational(1, 2) + 1
    at_constant = dict(zip(sympy.symbols("a b", real=True), (1, 5), strict=True))
    assert made.subs(at_constant) == 0


def test_the_derivative_of_a_derivative_and_of_what_was_cast():
    g = chain(np.tanh, ["z"])
    G = gd.gradient(g, of="z", wrt="w")
    w = sympy.Symbol("w", real=True)
    second = expression(G, "dz/dw", "w", style="recomputed").expanded
    assert sympy.simplify(second - sympy.diff(sympy.tanh(w), w, 2)) == 0
    g = gd.Graph()
    v = g.input("v", dtype="float32")
    g.output("z", v.astype("float64") ** 2)
    assert str(expression(g, "z", "v")) == "2 float64(v)"


def test_no_derivative_flows_through_conditions_and_integers():
    g = gd.Graph()
    a, n = g.input("a"), g.input("n", dtype="int64")
    g.output("z", np.where(a > 0, 1.0, 2.0) * n)
    for name in ("a", "n"):
        with pytest.raises(gd.GradientError, match="'z' has no derivative by it"):
            expression(g, "z", name)


def test_refusals_say_what_to_do():
    g = gd.Graph()
    x, w, v = g.input("x", ("t",)), g.parameter("w"), g.parameter("v")
    J = g.output("J", np.mean((x * w) ** 2))
    g.output("K", v * 2.0)
    with pytest.raises(gd.GradientError, match="only real scalars"):
        expression(g, J, w)
    with pytest.raises(gd.GradientError, match="'K' has no derivative by it"):
        expression(g, "K", w)
    with pytest.raises(gd.GradientError, match="there is no style 'both'"):
        expression(g, "K", v, style="both")
    with pytest.raises(gd.GraphError, match="no node 'q'"):
        expression(g, "K", "q")


def test_an_expression_too_long_to_read_is_refused_before_it_is_written():
    g = gd.Graph()
    value = g.parameter("w")
    for step in range(60):  # 2⁶⁰ paths
        value = (np.sin(value) * np.cos(value)).named(f"s{step}")
    g.output("z", value)
    with pytest.raises(gd.GradientError, match="more than 20000 symbols"):
        expression(g, "z", "w")
    long = chain(np.tanh, [f"s{i}" for i in range(2_000)])
    with pytest.raises(gd.GradientError, match="more than 20000 symbols"):
        expression(long, "s1999", "w", style="recomputed")
    assert expression(long, "s1999", "w").text.count("tanh'") == 2000
