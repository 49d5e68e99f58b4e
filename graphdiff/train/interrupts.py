"""Ctrl-C, put off to the end of a step.

A step writes over the optimiser's state. So that none is left half new, an interruption that comes
while it runs takes effect when it is done.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]


class Interrupts:
    """Holds interruptions back between `hold` and `release`.

    Python hands them to the main thread; in another one there is nothing to do.
    """

    def __init__(self) -> None:
        self._usual: Handler | None = None
        self._held = self._came = False

    def __enter__(self) -> Interrupts:
        usual = signal.getsignal(signal.SIGINT)
        if callable(usual) and threading.current_thread() is threading.main_thread():
            self._usual = usual
            signal.signal(signal.SIGINT, self._answer)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._usual is not None:
            signal.signal(signal.SIGINT, self._usual)

    def _answer(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self._came = True
        elif self._usual is not None:
            self._usual(number, frame)

    def hold(self) -> None:
        """From now on interruptions wait."""
        self._held = True

    def release(self) -> None:
        """One that waits takes effect now."""
        self._held = False
        if self._came:
            self._came = False
            self._answer(signal.SIGINT, None)
