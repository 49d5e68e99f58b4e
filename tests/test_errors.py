"""Errors: one tree, one layout, and the user's line."""

from __future__ import annotations

import inspect
import pickle

import pytest

import graphdiff as gd
from graphdiff import errors
from graphdiff.errors import near


def line() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_the_layout() -> None:
    error = gd.ShapeError(
        "operands do not fit",
        node="h",
        op="add",
        origin="model.py:12",
        expected="(3,)",
        got="(2,)",
        hint="transpose one",
    )
    assert str(error).splitlines() == [
        "node 'h' (add): operands do not fit",
        "  at: model.py:12",
        "  expected: (3,)",
        "  got: (2,)",
        "  try: transpose one",
    ]


def test_it_is_where_the_user_raised_it_if_nothing_is_said() -> None:
    error, here = gd.GraphError("no"), line()
    assert str(error) == f"no\n  at: {__file__}:{here}"
    assert "add: no" in str(gd.GraphError("no", op="add"))


def test_what_is_known_already_stays() -> None:
    error = (
        gd.GraphError("no", node="a").at("b", "add", "model.py:1").at(None, "tanh", "model.py:2")
    )
    assert (error.node, error.op, error.origin) == ("a", "add", "model.py:1")


def test_one_tree() -> None:
    kinds = {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    }
    assert all(issubclass(kind, gd.GraphdiffError) for kind in kinds.values())
    assert {name for name in gd.__all__ if name.endswith("Error")} <= kinds.keys()


def test_it_survives_pickling() -> None:
    error = gd.ShapeError("no", node="a", got="b")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_users_line_through_numpy_and_context_managers() -> None:
    g = gd.Graph()
    x = g.input("x", (3,))
    with pytest.raises(gd.ShapeError) as caught:
        x.reshape(2, 2)
    here = line() - 1
    assert f"at: {__file__}:{here}" in str(caught.value)
    with pytest.raises(gd.GraphError) as caught, g.scope(" "):
        pass
    here = line() - 2
    assert f"at: {__file__}:{here}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("mul", "did you mean 'multiply' or 'matmul'?"),
        ("tahn", "did you mean 'tanh'?"),
        ("log_soft", "did you mean 'log_softmax'?"),
        ("qqq", None),
        ("", None),
        (3, None),
    ],
)
def test_near_names(name: object, offered: str | None) -> None:
    assert near(name, ["tanh", "multiply", "matmul", "log_softmax"]) == offered
