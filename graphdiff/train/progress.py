"""A progress bar for people: on a terminal, and nowhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

_SECONDS = 0.1  # between two changes of what is shown


# Shows how far training has come, in epochs, and the last costs.
Tell = Callable[[float, Mapping[str, Sequence[float]]], None]


@contextmanager
def bar(name: str, epochs: int, show: bool) -> Iterator[Tell | None]:
    """A bar on the terminal; where the output is no terminal, such as a pipe, None."""
    if not (show and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task, following = shown.add_task(name, total=epochs), 0.0

        def tell(epochs: float, history: Mapping[str, Sequence[float]]) -> None:
            nonlocal following
            now = time.monotonic()
            if now >= following:
                following = now + _SECONDS
                last = {n: v[-1] for n, v in history.items() if v and not n.startswith("rate")}
                costs = "".join(f"  {n} {cost:.4g}" for n, cost in last.items())
                text = f"{name}  epoch {epochs:.0f}{costs}"
                shown.update(task, completed=epochs, description=text)

        yield tell
