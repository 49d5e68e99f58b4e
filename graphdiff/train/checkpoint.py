"""Checkpoints: the state of training in a file that is whole at every moment.

The file is NumPy's ``.npz``: the arrays, and one text in JSON for what is no array. Nothing in it
is code. It is written under a temporary name beside the old one, forced to the disk, and renamed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import graphdiff as gd
from graphdiff.train.checking import not_negative
from graphdiff.train.data import Array

FORMAT = 1
Parts = Mapping[str, Mapping[str, Array]]


class Saver:
    """Writes a checkpoint now and then.

    Parameters
    ----------
    path
        The file; None for no checkpoints.
    every
        At least so many seconds lie between two of them.
    """

    def __init__(self, path: str | os.PathLike[str] | None, every: float) -> None:
        not_negative(checkpoint_every=every)
        if path is not None and not isinstance(path, (str, os.PathLike)):
            raise gd.ArgumentError("checkpoint is no path of a file", got=repr(path))
        self.path = None if path is None else Path(path)
        self.every = every
        self.next = time.monotonic() + every

    def due(self) -> bool:
        """Whether it is time for one."""
        return self.path is not None and time.monotonic() >= self.next

    def save(self, facts: Mapping[str, Any], parts: Parts) -> None:
        """Write one now, if there is a file."""
        if self.path is not None:
            write(self.path, facts, parts)
            self.next = time.monotonic() + self.every


def write(path: Path, facts: Mapping[str, Any], parts: Parts) -> None:
    """Write a checkpoint, whole or not at all.

    Raises
    ------
    FileError
        If the folder is missing or not writable; an old checkpoint is then as it was.
    """
    text = np.frombuffer(json.dumps({"format": FORMAT, **facts}).encode(), np.uint8)
    named = {f"{part}:{n}": a for part, arrays in parts.items() for n, a in arrays.items()}
    buffer = io.BytesIO()
    np.savez(buffer, **{":facts": text, **named})  # type: ignore[arg-type]  # names are no flags
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise gd.FileError(
            f"the checkpoint {str(path)!r} cannot be written", got=error.strerror,
            hint="choose a folder that exists and is writable",
        ) from error  # fmt: skip


def _sync_folder(folder: Path) -> None:
    """Force the renaming to the disk, where folders can be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, dict[str, Array]]] | None:
    """The facts and the arrays of a checkpoint; None if there is no such file.

    Raises
    ------
    FileError
        If it is no checkpoint, or of an unknown format.
    """
    try:
        with open(path, "rb") as opened, np.lib.npyio.NpzFile(opened) as file:
            facts = json.loads(file[":facts"].tobytes())
            arrays = {name: file[name] for name in file.files if name != ":facts"}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise gd.FileError(f"{str(path)!r} is no checkpoint", got=str(error)) from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise gd.FileError(f"{str(path)!r} is a checkpoint of an unknown format")
    parts: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        part, _, own = name.partition(":")
        parts.setdefault(part, {})[own] = array
    return facts, parts
