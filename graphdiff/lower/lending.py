"""Workspaces of a compiled function, lent to one call at a time.

A call takes a workspace that no other call has, or makes one, and gives it back when it is done. So
threads that call at the same time, and calls within calls, never work in the same arrays. Taking
from a list and putting back are each one step for all threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

_MOST = 4  # sizes for which workspaces are kept


def lending(
    function: Callable[..., Any],
    workspace: Callable[..., Any],
    sizes: Sequence[tuple[int, int]],
) -> Callable[..., Any]:
    """A function that is handed a workspace at each call.

    Parameters
    ----------
    function
        It takes arrays by position, and ``work``.
    workspace
        It makes what ``work`` may be, for the sizes of the named dimensions.
    sizes
        Where each of these is read: the position of an array, and an axis of it.
    """
    kept: dict[Any, list[Any]] = {}

    def lent(*arrays: Any, **options: Any) -> Any:
        lengths = tuple([arrays[i].shape[axis] for i, axis in sizes])
        idle = kept.get(lengths)
        if idle is None:
            if len(kept) >= _MOST:
                oldest, *_ = list(kept)  # copied at once: others may add to it meanwhile
                kept.pop(oldest, None)
            idle = kept.setdefault(lengths, [])
        try:
            work = idle.pop()
        except IndexError:
            work = workspace(*lengths)
        result = function(*arrays, work=work, **options)
        idle.append(work)
        return result

    return lent
