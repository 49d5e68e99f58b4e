"""What generated source looks like, and that it runs where graphdiff cannot be imported."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphdiff as gd

XOR_FORWARD = """
    a = x @ W + c  # (t, 2)
    h = np.maximum(a, 0.0)  # (t, 2)
    e = h @ w + b - y  # (t,)
    return np.mean(e * e)
"""
XOR_GRADIENT = """
    # forward
    a = x @ W + c  # (t, 2)
    h = np.maximum(a, 0.0)  # (t, 2)
    e = h @ w + b - y  # (t,)
    J = np.mean(e * e)

    # gradient
    dJ_de = (2.0 / t) * e  # (t,)  of J = mean(e²)
    dJ_db = np.sum(dJ_de)  # of e = h w + b − y
    dJ_dh = np.outer(dJ_de, w)  # (t, 2)
    dJ_dw = h.T @ dJ_de  # (2,)
    dJ_da = dJ_dh * (a > 0.0)  # (t, 2)  of h = max(0, a)
    dJ_dc = np.sum(dJ_da, axis=0)  # (2,)  of a = x W + c
    dJ_dW = x.T @ dJ_da  # (2, 2)
    return J, {"W": dJ_dW, "c": dJ_dc, "w": dJ_dw, "b": dJ_db}
"""


def xor() -> gd.Graph:
    g = gd.Graph("xor")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    W, c = g.parameter("W", (2, 2)), g.parameter("c", (2,))
    w, b = g.parameter("w", (2,)), g.parameter("b")
    h = np.maximum(0, x @ W + c).named("h")
    g.output("J", np.mean((h @ w + b - y) ** 2))
    return g


def run_alone(path: Path, *lines: str) -> str:
    """Run a generated file, then some lines, where only NumPy can be imported."""
    program = f"""
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("graphdiff", "networkx", "sympy", "scipy"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import runpy
m = runpy.run_path({str(path)!r}, run_name="__main__")
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join([program, *lines])],
        capture_output=True, text=True, cwd=path.parent, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


def body(source: str, function: str) -> str:
    """A function's body after its checks."""
    return source.split(f"def {function}")[1].split("\n\n\n")[0].split("\n\n", 1)[1]


def test_xor_reads_as_written_by_hand() -> None:
    source = gd.compile(gd.gradient(xor(), of="J"), style="readable").source
    assert body(source, "forward") == XOR_FORWARD.strip("\n")
    assert body(source, "value_and_grad") == XOR_GRADIENT.strip("\n")
    assert '"""xor: J and its gradient.\n\n    h = max(0, x W + c)\n' in source
    assert "    J = mean((h w + b − y)²)\n" in source


def test_the_saved_file_needs_numpy_only_and_checks_itself(tmp_path: Path) -> None:
    path = tmp_path / "xor_grad.py"
    gd.compile(gd.gradient(xor(), of="J"), style="readable").save(path)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports] == ["import numpy as np"]
    printed = run_alone(
        path,
        "import numpy as np",
        "x, y = np.array([[0., 0.], [0., 1.], [1., 0.], [1., 1.]]), np.array([0., 1., 1., 0.])",
        "theta = np.ones((2, 2)), np.array([0., -1.]), np.array([1., -2.]), np.array(0.)",
        "J, grads = m['value_and_grad'](x, y, *theta)",
        "assert J == m['forward'](x, y, *theta) == 0 and not any(g.any() for g in grads.values())",
    )
    errors = [float(line.split()[-1]) for line in printed.splitlines()]
    assert len(errors) == 4
    assert max(errors) < 1e-7


def test_integers_booleans_and_kernels_check_themselves_too(tmp_path: Path) -> None:
    g = gd.Graph("mixed")
    x = g.input("x", ("t", 3))
    mask = g.input("mask", ("t",), "bool")
    label = g.input("label", ("t",), "int64")
    W = g.parameter("W", (3, 5))
    logp = gd.special.log_softmax(x @ W, axis=1)
    picked = np.take_along_axis(logp, label[:, None], axis=1)[:, 0]
    g.output("J", -np.mean(np.where(mask, picked, 0.0)) + gd.special.erf(W).sum())
    path = tmp_path / "mixed.py"
    gd.compile(gd.gradient(g, of="J"), style="readable").save(path)
    assert float(run_alone(path).split()[-1]) < 1e-7


def test_a_shape_that_does_not_fit_is_refused_by_the_file_itself(tmp_path: Path) -> None:
    path = tmp_path / "xor_grad.py"
    gd.compile(xor(), style="readable").save(path)
    lines = [
        "import numpy as np",
        "try:",
        "    m['forward'](np.ones((4, 3)), np.ones(4), np.ones((2, 2)), np.ones(2), np.ones(2), 0)",
        "except AssertionError:",
        "    print('refused')",
    ]
    assert run_alone(path, *lines) == "refused\n"


@pytest.mark.parametrize("seed", ["0", "1"])
def test_bytes_do_not_depend_on_hashing(seed: str) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import graphdiff as gd\nfrom test_source import xor\n"
        "print(gd.compile(gd.gradient(xor(), of='J')).source)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": seed, "PATH": "", "PYTHONPATH": ":".join(sys.path)},
    ).stdout  # fmt: skip
    assert printed == gd.compile(gd.gradient(xor(), of="J")).source + "\n"


def test_local_variables_give_names() -> None:
    g = gd.Graph()
    x = g.input("x", ("t",))
    shifted = x - 1.0
    cubes = shifted**3
    g.output("J", np.sum(cubes) + np.sum(np.tanh(shifted)))
    source = gd.compile(g, style="readable").source
    assert "    shifted = x - 1.0  # (t,)\n    cubes = shifted**3.0  # (t,)\n" in source


def test_a_variable_stays_with_its_value_when_signs_move() -> None:
    g = gd.Graph()
    w = g.parameter("w", ("t",))
    fit = -np.mean(w * w)
    g.output("J", fit + np.sum(w))
    source = gd.compile(gd.gradient(g, of="J"), style="readable").source
    assert "fit" not in source  # J = np.sum(w) - np.mean(w * w)


def test_a_product_of_sizes_is_filled_in_as_a_float() -> None:
    g = gd.Graph()
    x, b = g.input("x", ("t", "n", 3)), g.parameter("b", (3,))
    g.output("J", (x + b).sum())
    found = gd.compile(gd.gradient(g, of="J"))(x=np.ones((2, 5, 3)), b=np.zeros(3))["dJ/db"]
    np.testing.assert_array_equal(found, np.full(3, 10.0))
    assert found.dtype == np.float64


def test_names_that_python_or_the_file_needs_are_stepped_aside_for() -> None:
    g = gd.Graph("odd")
    a = g.input("lambda", ("np",))
    b = g.input("np", ("np",))
    c = g.input("2 nd/θ", ())
    d = g.parameter("forward", ("x",))
    e = g.parameter("a b", (3,))
    f = g.parameter("a_b", (3,))
    g.output("J", np.sum(a * b) * c + np.sum(d) * 2.0 + np.sum(e * f) + a.shape[0])
    compiled = gd.compile(gd.gradient(g, of="J"))
    values = {"lambda": np.ones(2), "np": np.full(2, 3.0), "2 nd/θ": 2.0,
              "forward": np.ones(4), "a b": np.ones(3), "a_b": np.full(3, 2.0)}  # fmt: skip
    found = compiled(**values)
    assert found["J"] == 12.0 + 8.0 + 6.0 + 2.0
    np.testing.assert_array_equal(found["dJ/da b"], [2.0, 2.0, 2.0])
    assert found["dJ/dforward"].shape == (4,)


EVIL = 'x"""\nimport os; os.abort()\n"""\\'


def test_the_users_text_cannot_become_code() -> None:
    g = gd.Graph(EVIL)
    x = g.input(EVIL, ("t",))
    g.output(EVIL + "out", np.tanh(x).named("a\nb # c") * 2.0)
    g.output("J", np.tanh(x).sum())
    compiled = gd.compile(gd.gradient(g, of="J", wrt=EVIL), style="readable")
    found = compiled(**{EVIL: np.zeros(2)})
    np.testing.assert_array_equal(found[EVIL + "out"], [0.0, 0.0])
    np.testing.assert_array_equal(found[f"dJ/d{EVIL}"], [1.0, 1.0])
    for node in ast.walk(ast.parse(compiled.source)):
        assert not (isinstance(node, ast.Name) and node.id == "os")


def test_no_line_is_wider_than_100_columns() -> None:
    g = gd.Graph("wide")
    parts = [g.input(f"a_rather_long_name_{i}", ("t", "n")) for i in range(40)]
    total = parts[0]
    for part in parts[1:]:
        total = total * np.tanh(part + total)
    stacked = np.concatenate(parts, axis=1)
    g.output("J", total.sum() + (stacked**3).sum())
    source = gd.compile(
        gd.gradient(g, of="J", wrt=[p.name for p in parts]), style="readable"
    ).source
    assert max(map(len, source.splitlines())) <= 100


def test_no_line_is_dead() -> None:
    source = gd.compile(gd.gradient(xor(), of="J"), style="readable").source
    for function in ast.parse(source).body:
        if isinstance(function, ast.FunctionDef):
            names = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
            stored = {n.id for n in names if isinstance(n.ctx, ast.Store)}
            loaded = {n.id for n in names if isinstance(n.ctx, ast.Load)}
            assert stored <= loaded


def test_several_outputs_come_in_a_dict() -> None:
    g = gd.Graph()
    x = g.input("x", (2,))
    g.output("s", x.sum())
    g.output("same", x)
    g.output("T", np.exp(x))
    f = gd.compile(g)
    value = np.array([1.0, 2.0])
    found = f(x=value)
    assert list(found) == ["s", "same", "T"]
    found["same"] += 1.0
    np.testing.assert_array_equal(value, [1.0, 2.0])  # the caller's array is not handed back


def test_gradients_of_two_costs_are_told_apart() -> None:
    g = gd.Graph()
    x = g.parameter("x")
    g.output("p", x * x)
    g.output("q", np.exp(x))
    G = gd.gradient(gd.gradient(g, of="p"), of="q")
    found = gd.compile(G)(x=2.0)
    assert found["dp/dx"] == 4.0
    assert found["dq/dx"] == pytest.approx(np.exp(2.0))


def test_constant_arrays_of_any_size_and_kind_are_exact() -> None:
    rng = np.random.default_rng(0)
    for value in (
        rng.normal(size=(2, 3)),
        rng.normal(size=(20, 30)),
        rng.normal(size=(3,)).astype(np.float32),
        np.array([np.inf, np.nan, -0.0]),
        np.array([True, False]),
        np.arange(100),
        np.zeros((0, 3)),
    ):
        g = gd.Graph()
        g.output("out", g.constant(value) * g.input("x", (), value.dtype if value.dtype != bool
                                                    else "float64"))  # fmt: skip
        one = np.ones((), value.dtype if value.dtype != bool else np.float64)
        found = gd.compile(g)(x=one)["out"]
        np.testing.assert_array_equal(found, value * one)
        assert found.dtype == (value * one).dtype


def test_a_size_in_a_formula_is_read_off_the_arguments() -> None:
    g = gd.Graph()
    x, z = g.input("x", ("t",)), g.input("z", ("n", "t"))
    g.output("y", np.sum(x) / x.shape[0] + np.mean(z) * z.size)
    found = gd.compile(g)(x=np.arange(4.0), z=np.ones((3, 4)))["y"]
    assert found == 1.5 + 12.0


def test_a_size_that_no_argument_shows_is_refused() -> None:
    g = gd.Graph()
    x = g.input("x", ("2*t",))
    g.output("y", np.sum(x))
    with pytest.raises(gd.CompileError, match="'t' cannot be read off"):
        gd.compile(g)


def test_a_graph_without_outputs_is_refused() -> None:
    with pytest.raises(gd.CompileError, match="no output"):
        gd.compile(gd.Graph("empty"))


def test_float32_numbers_do_not_turn_into_float64() -> None:
    g = gd.Graph()
    x = g.input("x", ("t",), "float32")
    n = x.shape[0]
    g.output("a", x / np.sqrt(g.constant(2.0, dtype="float32")))
    g.output("b", np.where(x > 0, 1.0, 0.0).astype(np.float32) * 0.5)
    g.output("c", np.mean(x) * n)
    g.output("d", x + g.constant(np.float64(1.0)))  # a NumPy number is not weak
    found = gd.compile(g)(x=np.ones(4, np.float32))
    assert [str(found[name].dtype) for name in "abcd"] == [
        "float32", "float32", "float32", "float64",
    ]  # fmt: skip


def test_derivatives_alone_are_a_function_called_grad() -> None:
    g = gd.Graph("line")
    x, w = g.input("x", (2,)), g.parameter("w")
    g.output("J", np.sum(x * w))
    G = gd.gradient(g, of="J", wrt=["w", "x"])
    del G.outputs_by_name["J"]
    f = gd.compile(G)
    assert "def grad(x, w):" in f.source
    assert "def forward" not in f.source
    found = f(x=[1.0, 2.0], w=3.0)
    assert list(found) == ["dJ/dw", "dJ/dx"]
    assert found["dJ/dw"] == 3.0
    np.testing.assert_array_equal(found["dJ/dx"], [3.0, 3.0])
