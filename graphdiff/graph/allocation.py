"""Making many objects that stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Put off Python's cyclic garbage collector, which would walk a growing graph again and again.

    A pass makes hundreds of thousands of dicts and strings that all stay; without this a quarter
    of its time goes into looking for garbage among them. What the caller had set is set again.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
