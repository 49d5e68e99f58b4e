"""The steps that a loop runs again, as a function of sympy's, where its length is a name."""

from __future__ import annotations

from typing import Any

import sympy

from graphdiff.planning.chain import forward_steps


class ForwardSteps(sympy.Function):  # type: ignore[misc]  # sympy has no types
    """The fewest forward steps that reverse a chain of l steps with s states kept at a time.

    They are r·l − C(s + r, s + 1), where r is the least number such that C(s + r, s) ≥ l; with one
    state l (l − 1) / 2. There is no closed form for other numbers of states, so the function
    stays until the length is a number. `sympy.lambdify` takes it too.

    Examples
    --------
    >>> t = sympy.Symbol("t", integer=True, positive=True)
    >>> ForwardSteps(t, 1), ForwardSteps(t, 3), ForwardSteps(t, 3).subs(t, 10)
    (t*(t - 1)/2, ForwardSteps(t, 3), 15)
    """

    nargs = 2
    is_integer = True
    is_nonnegative = True

    @classmethod
    def eval(cls, length: Any, states: Any) -> Any:
        """The number, or for one state the formula."""
        if length.is_Integer and states.is_Integer:
            return sympy.Integer(_steps(int(length), int(states)))
        return length * (length - 1) / 2 if states == 1 else None

    @staticmethod
    def _imp_(length: int, states: int) -> int:  # what lambdify calls
        return _steps(length, states)


def _steps(length: int, states: int) -> int:
    """0 for a length of 0."""
    return forward_steps(length, states) if length > 0 else 0
