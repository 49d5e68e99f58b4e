"""A library that takes long to import, imported when it is first used."""

from __future__ import annotations

import importlib
from typing import Any


class Lazily:
    """Stands for a module until one of its names is asked for.

    Python's own lazy modules (``importlib.util.LazyLoader``, on which lazy_loader is built) show a
    half-made module to a second thread before Python 3.12. An import in the ordinary way makes the
    second thread wait.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
