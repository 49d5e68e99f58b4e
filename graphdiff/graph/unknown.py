"""What a value of a graph cannot become, since it is not known yet; errors say what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from graphdiff.errors import GraphError


class Unknown:
    """The conversions of an array that need its values."""

    __slots__ = ()

    if TYPE_CHECKING:  # what a Tensor has

        @property
        def name(self) -> str:
            """The name of the node."""

        @property
        def op(self) -> str:
            """The name of the op that computes it."""

    def __array__(self, dtype: object = None, copy: object = None) -> NoReturn:
        self._not_known(
            "an array",
            "np.stack([…]) joins tensors, np.zeros_like(x) begins one to assign to, gd.special and "
            "gd.linalg have functions of SciPy, g.constant(array)[labels] takes rows of an array; "
            "for values, compile the graph and call it",
        )

    def __bool__(self) -> NoReturn:
        self._not_known(
            "a truth value",
            "np.where(condition, a, b) computes both sides, gd.cond runs one of two; "
            "gd.while_loop repeats",
        )

    def __float__(self) -> NoReturn:
        self._not_known(
            "a float",
            "keep it a tensor: np.exp in the place of math.exp; numbers go into an array of "
            "np.zeros_like(x), or a list that np.stack joins",
        )

    def __int__(self) -> NoReturn:
        self._not_known("an int")

    def __complex__(self) -> NoReturn:
        self._not_known("a complex number")

    def __index__(self) -> NoReturn:
        self._not_known("an index", "gd.fori counts up to it; x[i] takes an element")

    def __format__(self, how: str) -> str:
        if how:
            self._not_known(f"text in the format {how!r}", "str(x) says what it is")
        return str(self)

    def item(self, *index: int) -> NoReturn:
        """Refused: there is no value yet."""
        self._not_known("a number")

    def tolist(self) -> NoReturn:
        """Refused: there are no values yet."""
        self._not_known("a list")

    def _not_known(self, what: str, hint: str = "compile the graph and call it") -> NoReturn:
        raise GraphError(
            f"a value of a graph is not known yet, so it cannot become {what}",
            node=self.name, op=self.op, hint=hint,
        )  # fmt: skip
