"""DOT text to a picture: by Graphviz's `dot` where it is installed, else by graphviz-pure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from graphdiff.drawing.mirror import mirrored
from graphdiff.errors import DrawError

_SECONDS = 120
_STARTS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
FORMATS = ("svg", "png", "pdf")
_EMBEDDED = ("svg", "png")
_INSTALL = "apt-get install graphviz, brew install graphviz or winget install graphviz"


@dataclass(frozen=True, slots=True)
class Engine:
    """A layout program, and whether it is the one that comes with graphdiff.

    The embedded one guesses how wide letters outside of ASCII are.
    """

    program: str
    embedded: bool

    def draw(self, dot: str, kind: str, dpi: int | None = None, columns: bool = False) -> bytes:
        """The picture of a DOT text.

        Parameters
        ----------
        dot
            The text.
        kind
            ``"svg"``, ``"png"`` or ``"pdf"``.
        dpi
            Dots an inch, if not the program's own number.
        columns
            Whether the forward pass is to be on the left of a gradient.

        Raises
        ------
        DrawError
            If the program fails, or takes more than two minutes.
        """
        format_ = [f"-T{kind}", *([] if dpi is None else [f"-Gdpi={dpi}"])]
        if not columns:
            return self._run(dot, format_)
        both = self._run(dot, ["-Tdot", *format_])
        end = both.index(_STARTS[kind])
        other = mirrored(both[:end].decode())
        return both[end:] if other is None else self._run(other, ["-Kneato", "-n2", *format_])

    def _run(self, text: str, arguments: list[str]) -> bytes:
        try:
            run = subprocess.run(
                [self.program, *arguments],
                input=text.encode(),
                capture_output=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise DrawError(
                f"the layout took more than {_SECONDS} seconds",
                hint="collapse scopes (collapse=True), or write a .dot file, which needs no layout",
            ) from None
        except OSError as error:
            raise DrawError(
                f"the layout program {self.program!r} does not run", got=str(error)
            ) from error
        if run.returncode or not run.stdout:  # what it says else is about fonts: not for the user
            said = run.stderr.decode(errors="replace").strip()
            raise DrawError(
                f"the layout program {self.program!r} failed",
                got=said[-500:] or f"exit status {run.returncode}",
                hint="write a .dot file, which needs no layout",
            )
        return run.stdout


def engine(kind: str) -> Engine:
    """The layout program for a kind of picture: `dot` where it is installed.

    Raises
    ------
    DrawError
        If there is none that draws this kind.
    """
    installed = shutil.which("dot")
    if installed is not None:
        return Engine(installed, embedded=False)
    embedded = _embedded(os.environ.get("PATH", ""))
    if embedded is None:
        raise DrawError(
            "there is no program to lay out a picture",
            expected="Graphviz's dot on the PATH, or the package graphviz-pure",
            hint=f"python -m pip install graphviz-pure, or {_INSTALL}",
        )
    if kind not in _EMBEDDED:
        raise DrawError(
            f"{kind} needs Graphviz's dot, which is not on the PATH",
            expected=f"{' or '.join(_EMBEDDED)} from the engine that comes with graphdiff",
            hint=_INSTALL,
        )
    return Engine(embedded, embedded=True)


@lru_cache(maxsize=8)
def _embedded(path: str) -> str | None:
    """The program of the package graphviz-pure, which need not be on the PATH."""
    try:
        files = metadata.files("graphviz-pure") or ()
    except metadata.PackageNotFoundError:
        files = ()
    for file in files:
        place = Path(str(file.locate()))
        if file.stem == "graphviz-pure" and os.access(place, os.X_OK):
            return str(place.resolve())
    beside = (sysconfig.get_path("scripts"), str(Path(sys.executable).parent))
    return shutil.which("graphviz-pure", path=os.pathsep.join([*beside, path]))
