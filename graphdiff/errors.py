"""Every error of graphdiff: one tree, one layout.

A message has up to five parts, each on its own line: what is wrong and at which node, where in the
user's code, what was expected, what came instead, and what to do about it.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from collections.abc import Iterable
from itertools import islice
from typing import Any, Self

import numpy as np


class GraphdiffError(Exception):
    """The root of all errors that graphdiff raises on purpose.

    Parameters
    ----------
    message
        What is wrong, in one sentence.
    node, op
        The node at fault and its operation, where there is one.
    origin
        Where in the user's code, as ``"model.py:12"``; where it is raised, if that is not known.
    expected, got, hint
        What would have been right, what was found, and what to do.

    Examples
    --------
    >>> print(GraphdiffError("operands do not fit", node="h", op="add", got="(3,) and (2,)"))
    node 'h' (add): operands do not fit
      got: (3,) and (2,)
    """

    def __init__(
        self,
        message: str,
        *,
        node: str | None = None,
        op: str | None = None,
        origin: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.node = node
        self.op = op
        self.origin = origin
        self.expected = expected
        self.got = got
        self.hint = hint
        self._raised = here()
        super().__init__(message)

    def at(self, node: str | None, op: str | None, origin: str | None) -> Self:
        """The same error, told where it happened (parts that are known already stay)."""
        self.node = self.node or node
        self.op = self.op or op
        self.origin = self.origin or origin
        return self

    def __str__(self) -> str:
        where = ""
        if self.node is not None:
            where = f"node {self.node!r}" + (f" ({self.op})" if self.op else "") + ": "
        elif self.op is not None:
            where = f"{self.op}: "
        lines = [where + self.message]
        parts = (
            ("at", self.origin or self._raised),
            ("expected", self.expected),
            ("got", self.got),
            ("try", self.hint),
        )
        lines += [f"  {label}: {text}" for label, text in parts if text]
        return "\n".join(lines)


class GraphError(GraphdiffError):
    """The network is malformed: a cycle, an unknown op, a missing operand, a name taken twice."""


class ShapeError(GraphdiffError):
    """Shapes that do not fit together."""


class DTypeError(GraphdiffError):
    """A dtype that the operation does not take."""


class GradientError(GraphdiffError):
    """A derivative that was asked for does not exist or has no rule."""


class PlanError(GraphdiffError):
    """A schedule that was asked for does not exist, such as one within too small a memory limit."""


class CompileError(GraphdiffError):
    """A graph that cannot be lowered to source."""


class ArgumentError(GraphdiffError):
    """A compiled function was called with arguments that do not fit its graph."""


class FileError(GraphdiffError):
    """A file that cannot be read or written as asked."""


class TrainingError(GraphdiffError):
    """Training that cannot go on: the cost is no number. ``fit`` is the result up to there."""

    fit: Any = None


class DrawError(GraphdiffError):
    """A picture that cannot be drawn as asked."""


def near(name: object, known: Iterable[object]) -> str | None:
    """A hint that offers the names that look like a mistyped one, for an error's ``hint``.

    Examples
    --------
    >>> near("mul", ["add", "multiply", "matmul"])
    "did you mean 'multiply' or 'matmul'?"
    """
    text, candidates = str(name), list(islice(map(str, known), 10_000))
    found = [word for word in candidates if word.startswith(text)] if len(text) > 1 else []
    found += difflib.get_close_matches(text, candidates, n=3, cutoff=0.6)
    offered = list(dict.fromkeys(found))[:3]
    return f"did you mean {' or '.join(map(repr, offered))}?" if offered else None


_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
_SCIPY = os.path.join(os.path.dirname(os.path.dirname(_NUMPY)), "scipy") + os.sep
_BETWEEN = (_OURS, _NUMPY, _SCIPY, contextlib.__file__, "<lambdify")


def calling_line() -> tuple[str, int] | None:
    """The file and line of the innermost caller outside graphdiff, NumPy and SciPy."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_BETWEEN):
            return name, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return None


def here() -> str | None:
    """The user's file and line at this moment; None at a prompt, where there is no file."""
    place = calling_line()
    if place is None or place[0].startswith(("<stdin>", "<string>", "<doctest")):
        return None
    return f"{place[0]}:{place[1]}"
