"""Runs the three parts of the demo and says in the terminal what came out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from graphdiff.demo import chain, digits, networks, xor
from graphdiff.demo.folder import Folder

_STEPS = 1 + len(xor.WIDTHS) * xor.STARTS + digits.EPOCHS + 1


def run(path: Path, console: Console) -> None:
    """The whole demo.

    Parameters
    ----------
    path
        The folder to leave; files of the same names are replaced, each whole or not at all.
    console
        Where to report. The progress bar is shown if it is a terminal.

    Raises
    ------
    GraphdiffError
        If the folder cannot be written, or scikit-learn is not installed.
    """
    began = time.perf_counter()
    digits.split(0)  # what is missing is said before anything is written
    folder = Folder(path)
    networks.xor().save(path / "xor.json")
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("", total=_STEPS)

        def part(
            title: str, runs: Callable[..., Any], tells: Callable[[Console, Any], None]
        ) -> None:
            bar.update(task, description=title)
            result = runs(folder, lambda: bar.advance(task))
            console.print(title, style="bold", markup=False)
            tells(console, result)
            console.print()

        part("1. The exclusive or", xor.run, _tell_xor)
        part("2. Handwritten digits", digits.run, _tell_digits)
        part("3. Figure 6.9: stored or recomputed", chain.run, _tell_chain)
    folder.contents["xor.json"] = "the XOR network itself, for the commands below"
    _tell_folder(console, folder, time.perf_counter() - began)


def _line(console: Console, text: str) -> None:
    console.print(f"   {text}", markup=False, highlight=False, soft_wrap=True)


def _rows(console: Console, rows: list[tuple[str, ...]], *heads: str) -> None:
    table = Table(box=None, show_header=bool(heads), padding=(0, 3, 0, 0), header_style="dim")
    for position in range(len(rows[0])):
        table.add_column(heads[position] if heads else "", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(Padding(table, (0, 0, 0, 3)))


def _vector(value: Any) -> str:
    numbers = (f"{abs(x) if abs(x) < 5e-7 else x:.6f}" for x in np.ravel(value))
    return f"({', '.join(numbers)})"


def _tell_xor(console: Console, result: xor.Xor) -> None:
    w, b = _vector(result.linear["w"]), float(result.linear["b"])
    zero = all(not np.any(gradient) for gradient in result.lecture_gradients.values())
    _line(console, f"Linear model: gradient descent arrives at w = {w}, b = {b:.6f}, where")
    _line(console, f"J = {result.linear_cost:.6f}: it answers 1/2 to everything.")
    cost = f"{result.lecture_cost:g}"
    zeros = "and every gradient is 0" if zero else "but a gradient is not 0"
    _line(console, f"Two hidden rectifiers, with the lecture's weights: J = {cost} {zeros}.")
    _line(
        console,
        f"The same from {xor.STARTS} random starts, up to {xor.STEPS} steps of {xor.RATE} each:",
    )
    _rows(
        console,
        [
            (
                str(starts.hidden),
                f"{starts.learnt} of {xor.STARTS}",
                ", ".join(f"{cost} ({count})" for cost, count in starts.others.items()) or "none",
            )
            for starts in result.starts
        ],
        "hidden units",
        "learn XOR",
        "the others come to rest at J =",
    )
    few, most = result.starts[0], result.starts[-1]
    _line(
        console,
        f"Two units suffice to represent XOR, yet {xor.STARTS - few.learnt} of {xor.STARTS} starts "
        f"get stuck. With {most.hidden} units it is {xor.STARTS - most.learnt}.",
    )


def _tell_digits(console: Console, result: digits.Digits) -> None:
    H = digits.HIDDEN
    _line(
        console,
        f"A network 64-{H}-{H}-10, cross-entropy with L² on the weights, trained by the generated",
    )
    _line(
        console,
        f"NumPy code on {result.trained_on} real images: {digits.EPOCHS} epochs of SGD, "
        f"{digits.BATCH} images a step.",
    )
    _line(
        console,
        f"Recognised: {result.accuracy:.2%} of {result.held_out} images that it never saw, "
        f"{result.accuracy_trained:.2%} of those it was trained on.",
    )


def _tell_chain(console: Console, result: chain.Chain) -> None:
    where = ", ".join(f"{name} = {formula}" for name, formula in result.definitions.items())
    _line(console, f"{where}, with f = tanh and w = {chain.AT}")
    _rows(
        console,
        [
            (
                way,
                f"dz/dw = {found.expression}",
                f"= {found.value:.15f}",
                f"{found.calls} and {found.derivative_calls}",
            )
            for way, found in (("stored", result.stored), ("recomputed", result.recomputed))
        ],
        "",
        "",
        "",
        "calls of f and f'",
    )
    _line(console, f"The generated code gives {result.generated:.15f}.")
    counts = "; ".join(f"{n} steps: {a} or {b}" for n, (a, b) in result.longer.items())
    _line(console, f"Calls of f, stored or recomputed. {counts}.")


def _tell_folder(console: Console, folder: Folder, seconds: float) -> None:
    path = folder.path
    console.print(
        f"Done in {seconds:.0f} s. In {path}:", style="bold", markup=False, highlight=False
    )
    _rows(console, list(folder.contents.items()))
    console.print("\nTry next", style="bold")
    saved = path / "xor.json"
    for command in (
        f"open {path / 'xor.svg'} in a browser",
        f"python {path / 'xor.py'}  # it checks its own gradient, with NumPy alone",
        f"graphdiff info {saved}",
        f"graphdiff draw {saved} --gradient-of J --detail ops -o ops.svg",
        f"graphdiff compile {saved} --gradient-of J --wrt x  # by the input",
    ):
        _line(console, command)
