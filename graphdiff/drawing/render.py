"""DOT text to a picture: by Graphviz's `dot` where it is installed, else by graphviz-pure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from graphdiff.errors import DrawError

FORMATS = ("svg", "png", "pdf")
_EMBEDDED = ("svg", "png")
_INSTALL = "apt-get install graphviz, brew install graphviz or winget install graphviz"


def rendered(dot: str, kind: str, dpi: int | None = None) -> bytes:
    """The picture of a DOT text.

    Parameters
    ----------
    dot
        The text.
    kind
        ``"svg"``, ``"png"`` or ``"pdf"``.
    dpi
        Dots an inch, where not the engine's own number.

    Raises
    ------
    DrawError
        If there is no engine that draws this kind, or the engine fails.
    """
    command = [_engine(kind), f"-T{kind}"]
    if dpi is not None:
        command.append(f"-Gdpi={dpi}")
    try:
        run = subprocess.run(command, input=dot.encode(), capture_output=True, check=False)
    except OSError as error:
        raise DrawError(
            f"the layout program {command[0]!r} does not run", got=str(error)
        ) from error
    if (
        run.returncode or not run.stdout
    ):  # its warnings are about fonts: none of the user's business
        said = run.stderr.decode(errors="replace").strip()
        raise DrawError(
            f"the layout program {command[0]!r} failed",
            got=said[-500:] or f"exit status {run.returncode}",
            hint="draw to a .dot file, which needs no layout, and report this",
        )
    return run.stdout


def _engine(kind: str) -> str:
    """The layout program for a kind of picture."""
    installed = shutil.which("dot")
    if installed is not None:
        return installed
    embedded = _embedded(os.environ.get("PATH", ""))
    if embedded is None:
        raise DrawError(
            "there is no program to lay out a picture",
            expected="Graphviz's dot on the PATH, or the package graphviz-pure",
            hint=f"python -m pip install graphviz-pure, or {_INSTALL}",
        )
    if kind not in _EMBEDDED:
        raise DrawError(
            f"the embedded engine does not draw {kind}",
            expected="Graphviz's dot on the PATH",
            hint=f"{_INSTALL}; or draw to .svg, .png or .dot",
        )
    return embedded


@lru_cache(maxsize=8)
def _embedded(path: str) -> str | None:
    """The program of the package graphviz-pure, which need not be on the PATH."""
    try:
        files = metadata.files("graphviz-pure") or ()
    except metadata.PackageNotFoundError:
        files = ()
    places = [Path(str(file.locate())) for file in files if file.stem == "graphviz-pure"]
    folders = (
        sysconfig.get_path("scripts"),
        str(Path(sys.executable).parent),
        *path.split(os.pathsep),
    )
    for place in places:
        if place.is_file() and os.access(place, os.X_OK):
            return str(place.resolve())
    for folder in folders:
        found = shutil.which("graphviz-pure", path=folder)
        if found is not None:
            return found
    return None
