"""Every error of graphdiff: one tree, one layout.

A message has up to five parts, each on its own line: what is wrong and at which node, where in the
user's code, what was expected, what came instead, and what to do about it.
"""

from __future__ import annotations

from typing import Self


class GraphdiffError(Exception):
    """The root of all errors that graphdiff raises on purpose.

    Parameters
    ----------
    message
        What is wrong, in one sentence.
    node, op
        The node at fault and its operation, where there is one.
    origin
        The user's file and line, as ``"model.py:12"``.
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
            ("at", self.origin),
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


class DrawError(GraphdiffError):
    """A picture that cannot be drawn as asked."""
