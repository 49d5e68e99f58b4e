"""Calling a compiled graph: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphdiff as gd


def line() -> gd.Graph:
    g = gd.Graph("line")
    x, y = g.input("x", ("t", 2)), g.input("y", ("t",))
    w = g.parameter("w", value=[1.0, 2.0])
    k = g.input("k", (), "int64")
    g.output("J", np.mean((x @ w - y) ** 2) * k)
    return g


GOOD: dict[str, Any] = {"x": np.ones((3, 2)), "y": np.ones(3), "k": 1}


@pytest.fixture(scope="module")
def f() -> gd.Compiled:
    return gd.compile(line())


def test_values_of_parameters_may_be_left_out_or_given(f: gd.Compiled) -> None:
    assert f(**GOOD)["J"] == 4.0
    assert f(**GOOD, w=[0.0, 0.0])["J"] == 1.0


def test_lists_numbers_and_narrower_integers_are_taken(f: gd.Compiled) -> None:
    given = {"x": [[1, 1], [1, 1]], "y": np.ones(2, np.int32), "k": np.int8(2)}
    assert f(**given)["J"] == 8.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, "no value for 'x'.*expected: x float64 (t, 2)"),
        ({"z": 1.0}, "no argument 'z'.*expected: x, y, k, w"),
        ({"x": np.ones((3, 3))}, "'x' has the wrong shape.*float64 (t, 2).*got: (3, 3)"),
        ({"x": np.ones(3)}, "'x' has the wrong shape.*got: (3,)"),
        ({"y": np.ones(4)}, "'y' does not fit: 't' is 4 there and 3 in 'x'"),
        ({"x": np.ones((0, 2)), "y": np.ones(0)}, "'x' is empty along 't'"),
        ({"x": np.ones((3, 2), complex)}, "'x' has the wrong dtype.*complex128"),
        ({"x": "text"}, "'x' has the wrong dtype"),
        ({"x": [[1.0, 2.0], [3.0]]}, "'x' is not an array of numbers"),
        ({"k": 1.5}, "'k' has the wrong dtype"),
        ({"k": np.ones(1, np.int64)}, "'k' has the wrong shape"),
    ],
)
def test_what_does_not_fit_is_refused(f: gd.Compiled, change: dict[str, Any], message: str) -> None:
    values = {**GOOD, **change}
    values = {name: value for name, value in values.items() if value is not None}
    pattern = ".*".join(map(re.escape, message.split(".*")))
    with pytest.raises(gd.ArgumentError, match=f"(?s){pattern}") as caught:
        f(**values)
    assert "test_runtime.py:" in str(caught.value)


def test_a_near_name_is_offered(f: gd.Compiled) -> None:
    g = gd.Graph()
    g.output("z", g.input("learning_rate") * 2.0)
    with pytest.raises(gd.ArgumentError, match="did you mean 'learning_rate'"):
        gd.compile(g)(learning_rat=1.0)


def test_positions_are_refused(f: gd.Compiled) -> None:
    with pytest.raises(gd.ArgumentError, match="given by name"):
        f(np.ones((3, 2)))


def test_float64_is_not_narrowed_silently() -> None:
    g = gd.Graph()
    g.output("z", g.input("x", (2,), "float32") * 2.0)
    compiled = gd.compile(g)
    with pytest.raises(gd.ArgumentError, match=r"x\.astype\(np\.float32\)"):
        compiled(x=np.ones(2))
    assert compiled(x=[1.0, 2.0])["z"].dtype == np.float32  # Python's numbers are weak


def test_formulas_of_sizes_are_checked() -> None:
    g = gd.Graph()
    x, y = g.input("x", ("t",)), g.input("y", ("2*t",))
    g.output("z", x.sum() + y.sum())
    compiled = gd.compile(g)
    assert compiled(x=np.ones(2), y=np.ones(4))["z"] == 6.0
    with pytest.raises(gd.ArgumentError, match=r"2\*t = 4"):
        compiled(x=np.ones(2), y=np.ones(5))


def test_the_first_call_and_the_next_give_the_same_bits() -> None:
    g = gd.Graph("power")
    g.output("y", 0.999 ** g.input("k"))
    for k in range(1, 100):
        f = gd.compile(g)
        assert f(k=float(k))["y"] == f(k=float(k))["y"]


def test_arguments_are_not_changed(f: gd.Compiled) -> None:
    values = {name: np.array(value) for name, value in GOOD.items()}
    copies = {name: value.copy() for name, value in values.items()}
    f(**values)
    for name in values:
        np.testing.assert_array_equal(values[name], copies[name])


def test_wrong_use_of_compile_is_refused() -> None:
    with pytest.raises(gd.CompileError, match="only a graph"):
        gd.compile(np.tanh)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(gd.CompileError, match="no style 'quick'"):
        gd.compile(line(), style="quick")  # type: ignore[arg-type]  # wrong on purpose


def test_saving_writes_whole_files_or_none(f: gd.Compiled, tmp_path: Path) -> None:
    path = tmp_path / "line.py"
    f.save(path)
    assert path.read_text(encoding="utf-8") == f.source
    with pytest.raises(gd.FileError, match="cannot be written"):
        f.save(tmp_path / "missing" / "line.py")
    assert list(tmp_path.iterdir()) == [path]


def test_it_says_what_it_is(f: gd.Compiled) -> None:
    assert repr(f) == "<compiled 'line': (x, y, k, w) -> J>"
    report = f.report()
    assert report.nodes == len(line())
    assert report.lines == f.source.count("\n")


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_a_result_without_axes_shares_no_memory_with_an_argument(style: Any) -> None:
    g = gd.Graph()
    x = g.input("x", (1,))
    g.output("squeezed", np.squeeze(x))
    g.output("reshaped", x.reshape(()))
    g.output("taken", x[0])
    argument = np.ones(1)
    for value in gd.compile(g, style=style)(x=argument).values():
        assert isinstance(value, np.float64)
        assert not np.shares_memory(value, argument)
