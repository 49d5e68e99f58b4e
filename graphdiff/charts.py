"""Charts: figures of matplotlib that look alike, and files of them.

matplotlib is imported when the first chart is drawn, and its global state is left alone. The
colours are those of Okabe and Ito (*Color universal design*, 2008), which the common kinds of
colour blindness tell apart; what lies side by side also differs in lightness or in form.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from graphdiff.errors import DrawError
from graphdiff.graph.files import write_whole

BLUE, ORANGE, PALE, INK, QUIET = "#0072B2", "#E69F00", "#D3E3EF", "#1a1a1a", "#595959"
BAND = "#E4E4E4"

FORMATS = ("svg", "png", "pdf")

_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.dpi": 100,
    "font.size": 9,
    "grid.color": "#E8E8E8",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "savefig.dpi": 160,
    "svg.fonttype": "path",
    "svg.hashsalt": "graphdiff",
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}


class Chart:
    """A figure with rows of axes, which is drawn within ``with`` and then written to a file.

    Parameters
    ----------
    path
        Where it is written: ``.svg``, ``.png`` or ``.pdf``. None for no file.
    size
        Width and height in inches.
    heights
        The relative heights of the rows, which share the horizontal axis.

    Raises
    ------
    DrawError
        If matplotlib is missing, or the suffix is another.
    FileError
        If the file cannot be written.
    """

    def __init__(
        self, path: str | Path | None, size: tuple[float, float], heights: tuple[float, ...] = (1,)
    ) -> None:
        self.path = None if path is None else Path(path)
        self.format = "" if self.path is None else self.path.suffix.lower().lstrip(".")
        if self.path is not None and self.format not in FORMATS:
            raise DrawError(
                f"a chart cannot be written to {str(path)!r}",
                expected="a file name that ends in " + ", ".join(f".{kind}" for kind in FORMATS),
            )
        try:
            import matplotlib
            from matplotlib.figure import Figure
        except ImportError as error:
            raise DrawError(
                "charts are drawn with matplotlib, which is not installed",
                hint='python -m pip install "graphdiff[plot]"',
            ) from error
        with matplotlib.rc_context(_STYLE):
            self.figure = Figure(figsize=size, layout="constrained")
            rows = self.figure.subplots(
                len(heights), 1, sharex=True, squeeze=False, height_ratios=heights
            )
        self.axes: list[Any] = list(rows[:, 0])
        self._style = matplotlib.rc_context(_STYLE)

    def __enter__(self) -> Chart:
        self._style.__enter__()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None and self.path is not None:
                self._save(self.path)
        finally:
            self._style.__exit__(None, None, None)

    def _save(self, path: Path) -> None:
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        content = BytesIO()
        self.figure.savefig(content, format=self.format, metadata=dated.get(self.format))
        write_whole(path, content.getvalue())


def unit_of(most: float) -> tuple[int, str]:
    """The unit in which so many bytes are a number to read, and its name.

    Examples
    --------
    >>> unit_of(300_000)
    (1024, 'KiB')
    """
    for power, name in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if most >= 4 * 2**power:
            return 2**power, name
    return 1, "bytes"
