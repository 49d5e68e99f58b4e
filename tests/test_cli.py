"""The command line, from outside: what it prints, what it leaves, and how it fails."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import graphdiff as gd
from graphdiff.cli import main
from graphdiff.ops import OPS

MODEL = """
import numpy as np
import graphdiff as gd
from beside import WIDTH

g = gd.Graph("line")
x, w = g.input("x", ("t", WIDTH)), g.parameter("w", (WIDTH,))
with g.scope("fit"):
    e = (x @ w).named("e")
g.output("J", np.mean(e ** 2))

def build():
    return g

number = 3
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    (tmp_path / "model.py").write_text(MODEL, "utf-8")
    (tmp_path / "beside.py").write_text("WIDTH = 3\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    return tmp_path


def run(*arguments, code=0):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result


# -- what works ------------------------------------------------------------------------------------


def test_the_version_is_the_packages():
    assert run("--version").stdout == f"graphdiff {gd.__version__}\n"


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_explains_itself(command):
    told = run(command, "--help").stdout
    assert told.startswith(f"Usage: main {command}")
    if command != "demo":
        assert "model.py:g    the graph g of a Python file" in told


def test_only_commands_that_work_are_offered():
    assert sorted(main.commands) == ["compile", "demo", "draw", "info", "train"]


@pytest.mark.parametrize("name", ["model.py:g", "model.py:build", "model.py"])
def test_compile_prints_what_the_library_gives(model, name):
    source = run("compile", name, "--gradient-of", "J").stdout
    assert "def value_and_grad(x, w):" in source
    assert "fit_e = x @ w" in source
    scope = {"__name__": "generated"}
    exec(compile(source, "generated", "exec"), scope)
    J, gradients = scope["value_and_grad"](*map(__import__("numpy").ones, ((2, 3), 3)))
    assert J == 9.0
    assert gradients["w"].tolist() == [6.0, 6.0, 6.0]


def test_compile_writes_a_file_and_says_where(model):
    assert run("compile", "model.py:g", "-o", "out.py").stdout == "out.py\n"
    text = (model / "out.py").read_text("utf-8")
    assert "def forward(x, w):" in text
    assert "value_and_grad" not in text


def test_compile_in_the_fast_style(model):
    source = run("compile", "model.py:g", "--gradient-of", "J", "--style", "fast").stdout
    assert "fit_e = matmul(x, w, out=buf1)" in source
    scope = {"__name__": "generated"}
    exec(compile(source, "generated", "exec"), scope)
    J, gradients = scope["value_and_grad"](*map(__import__("numpy").ones, ((2, 3), 3)))
    assert J == 9.0
    assert gradients["w"].tolist() == [6.0, 6.0, 6.0]


def test_without_rewrites_the_graph_is_written_as_it_is(model):
    plain = run("compile", "model.py:g", "--gradient-of", "J", "--no-rewrites").stdout
    assert "** 2" in plain or "**2" in plain
    assert "**" not in run("compile", "model.py:g", "--gradient-of", "J").stdout.split('"""')[2]


def test_wrt_chooses_what_to_differentiate_by(model):
    source = run("compile", "model.py", "--gradient-of", "J", "--wrt", "x", "--wrt", "w").stdout
    assert 'return J, {"x": dJ_dx, "w": dJ_dw}' in source


def test_draw_takes_its_options(model):
    assert run("draw", "model.py:g").stdout == "line.svg\n"
    assert "e" in (model / "line.svg").read_text("utf-8")
    values = ["draw", "model.py:g", "-o", "values.dot", "--gradient-of", "J"]
    run(*values)
    run(*values[:2], "-o", "ops.dot", *values[4:], "--detail", "ops", "--direction", "right",
        "--collapse", "fit", "--legend")  # fmt: skip
    texts = [(model / name).read_text("utf-8") for name in ("values.dot", "ops.dot")]
    assert all(text.startswith("digraph") for text in texts)
    assert texts[0] != texts[1]


@pytest.mark.parametrize("suffix", [".json", ".graphdiff"])
def test_saved_graphs_are_read(model, suffix):
    g = gd.Graph("saved")
    g.output("y", g.input("x") * 2.0)
    g.save(model / f"saved{suffix}")
    assert "y = x * 2.0" in run("compile", f"saved{suffix}").stdout.replace("return ", "y = ")
    run("draw", f"saved{suffix}", "-o", "saved.dot")


def test_info_about_a_graph_names_nodes_shapes_and_products(model):
    told = run("info", "model.py:g", "--gradient-of", "J").stdout
    assert "2 vector-Jacobian products" not in told  # x is an input: only the way to w counts
    assert "3 vector-Jacobian products for 3 edges on a path" in told
    assert re.search(r"^fit/e +matmul +x, w +float64 \(t,\) +forward", told, re.MULTILINE)
    assert re.search(r"gradient +dJ/dw", told)


def test_info_lists_every_op_with_its_convention():
    told = run("info").stdout
    assert f"graphdiff {gd.__version__}: numpy" in told
    for name, op in OPS.items():
        if op.operands:
            assert re.search(rf"^{name} ", told, re.MULTILINE), name
    assert re.search(r"^relu +max\(0, z\) +each +0 at 0", told, re.MULTILINE)


# -- what does not ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["draw", "none.py:g"], "there is no file 'none.py'"),
        (["draw", "none.json"], "'none.json' cannot be read"),
        (["draw", "model.txt"], "'model.txt' names no graph"),
        (["draw", "model.py:h"], "there is no 'h' in 'model.py'"),
        (["draw", "model.py:number"], "'number' in 'model.py' is no graph"),
        (["draw", "model.py:g", "-o", "g.jpeg"], "no picture is called 'g.jpeg'"),
        (["draw", "model.py:g", "--gradient-of", "K"], "there is no node 'K'"),
        (["compile", "model.py:g", "-o", "no/such/folder.py"], "cannot be written"),
    ],
)
def test_an_error_is_one_message_and_exit_code_1(model, arguments, message):
    result = run(*arguments, code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("graphdiff: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert "click" not in result.stderr
    assert result.stderr.count("\n") <= 5
    assert not list(model.glob("*.svg")) + list(model.glob("*.jpeg"))


def test_wrt_alone_is_a_mistake_in_usage(model):
    assert "--wrt needs --gradient-of" in run("info", "model.py", "--wrt", "x", code=2).stderr


@pytest.mark.parametrize(
    ("text", "line", "got"),
    [
        ("x = 1\ny = x / 0\n", 2, "ZeroDivisionError: division by zero"),
        ("x = (\n", 1, "SyntaxError"),
        ("import no_such_module\n", 1, "ModuleNotFoundError"),
        ("\nimport sys\nsys.exit(3)\n", 3, "SystemExit: 3"),
    ],
)
def test_a_file_that_fails_is_reported_with_its_line(model, text, line, got):
    (model / "bad.py").write_text(text, "utf-8")
    told = run("info", "bad.py:g", code=1).stderr
    assert f"at: bad.py:{line}" in told
    assert got in told


def test_graphdiffs_own_error_in_a_file_keeps_the_users_line(model):
    text = "import graphdiff as gd\ng = gd.Graph()\ng.input('x')\ng.input('x')\n"
    (model / "twice.py").write_text(text, "utf-8")
    told = run("info", "twice.py", code=1).stderr
    assert "the name 'x' is taken" in told
    assert "twice.py:4" in told


def test_a_file_with_two_graphs_needs_a_name(model):
    (model / "two.py").write_text(
        "import graphdiff as gd\na, b = gd.Graph(), gd.Graph()\n", "utf-8"
    )
    told = run("info", "two.py", code=1).stderr
    assert "has not exactly one graph" in told
    assert "got: a, b" in told


# -- as a program ----------------------------------------------------------------------------------


def test_the_program_fails_without_a_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "graphdiff", "draw", "none.py:g"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "graphdiff: there is no file 'none.py'\n"


def test_help_loads_no_library_that_it_does_not_need():
    code = (
        "import sys; from graphdiff.cli import main; main(['--help'], standalone_mode=False); "
        "slow = ('sympy.core', 'scipy', 'sklearn', 'rich', 'graphviz_pure', 'matplotlib', "
        "'numpy.f2py'); "
        "print([name for name in slow if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


LEARNING = """
import numpy as np
import graphdiff as gd

g = gd.Graph("line")
x, y = g.input("x", ("t",)), g.input("y", ("t",))
w, b = g.parameter("w", value=0.0), g.parameter("b", value=0.0)
g.output("J", np.mean((w * x + b - y) ** 2))
"""


@pytest.fixture
def learning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(LEARNING, "utf-8")
    x = np.linspace(-1, 1, 40)
    np.savez(tmp_path / "data.npz", x=x, y=2 * x + 1)
    return tmp_path


def test_train_saves_the_trained_graph(learning):
    told = run("train", "model.py", "data.npz", "--optimiser", "lbfgs", "--epochs", "50")
    assert told.output.splitlines()[-1] == "line.json"
    trained = gd.load("line.json")
    np.testing.assert_allclose(trained["w"].params["value"], 2.0, rtol=1e-6)
    np.testing.assert_allclose(trained["b"].params["value"], 1.0, rtol=1e-6)


def test_train_goes_on_from_a_checkpoint_and_stops_early(learning):
    options = (
        "train", "model.py", "data.npz", "--optimiser", "sgd", "--rate", "0.3", "--batch", "8",
        "--validation", "0.2", "--patience", "3", "--checkpoint", "run.ckpt", "-o", "out.json",
    )  # fmt: skip
    assert "best epoch 5 of 5" in run(*options, "--epochs", "5").output
    told = run(*options, "--epochs", "500")
    assert "no better for 3 epochs" in told.output
    assert "validation J: " in told.output


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (("missing.npz",), "cannot be read", 1),
        (("model.py",), "holds no arrays by name", 1),
        (("data.npz", "--of", "K"), "there is no output 'K'", 1),
        (("data.npz", "--patience", "3"), "--patience needs --validation", 2),
        (("data.npz", "--optimiser", "lbfgs", "--rate", "1"), "takes no --rate", 2),
    ],
)
def test_train_says_what_does_not_fit(learning, arguments, message, code):
    assert message in run("train", "model.py", *arguments, code=code).stderr
