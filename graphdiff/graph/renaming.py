"""Nodes that were given other names, so that tensors which go by the old ones can follow."""

from __future__ import annotations

from bisect import bisect_left


class Renamings:
    """The renamings of a graph's nodes, in order; ``count`` is how many there were.

    A tensor notes how many of them its name has in it, and looks for later ones when it is next
    asked. A name may be given up and taken again, so each is kept with its number.
    """

    __slots__ = ("_after", "count")

    def __init__(self) -> None:
        self.count = 0
        self._after: dict[str, list[tuple[int, str]]] = {}

    def add(self, old: str, new: str) -> None:
        """Note that the node of one name has another one from now on."""
        self._after.setdefault(old, []).append((self.count, new))
        self.count += 1

    def followed(self, name: str, since: int) -> str:
        """What a node is called now that had a name after so many renamings."""
        while True:
            later = self._after.get(name, [])
            i = bisect_left(later, (since, ""))
            if i == len(later):
                return name
            number, name = later[i]
            since = number + 1
