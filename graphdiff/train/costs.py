"""The costs of the epochs so far, as a sequence that grows without being copied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload


class Costs(Sequence[float]):
    """One number for each epoch. It never changes: `then` gives another, which shares its numbers.

    Cost: `then` takes constant time where it goes on from the longest, and else copies.

    Examples
    --------
    >>> two = Costs([0.5]).then(0.25)
    >>> two, two.then(0.125)[-2:]
    (Costs(0.5, 0.25), (0.25, 0.125))
    >>> two == (0.5, 0.25)
    True
    """

    __slots__ = ("_length", "_shared")

    def __init__(self, numbers: Iterable[float] = ()) -> None:
        self._shared = list(numbers)  # of which the first are these, and others may follow
        self._length = len(self._shared)

    def then(self, number: float) -> Costs:
        """These, and one more."""
        longer = Costs()
        going_on = len(self._shared) == self._length
        longer._shared = self._shared if going_on else self._shared[: self._length]
        longer._shared.append(number)
        longer._length = self._length + 1
        return longer

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[float, ...]: ...
    def __getitem__(self, index: int | slice) -> float | tuple[float, ...]:
        if isinstance(index, slice):
            return tuple(self._shared[i] for i in range(*index.indices(self._length)))
        return self._shared[range(self._length)[index]]

    def __iter__(self) -> Iterator[float]:
        return iter(self._shared[: self._length])

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, (Costs, tuple)) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as of a list: what it shares may grow

    def __repr__(self) -> str:
        return f"Costs({', '.join(map(repr, self))})"
