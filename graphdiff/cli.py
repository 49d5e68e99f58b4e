"""The command line: `graphdiff demo`, `draw`, `compile`, `train` and `info`.

What a command needs is imported when it runs, so that `graphdiff --help` answers at once.
"""

from __future__ import annotations

import runpy
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from graphdiff.errors import FileError, GraphdiffError, GraphError, near
from graphdiff.version import VERSION

if TYPE_CHECKING:
    from graphdiff.graph.dag import Graph

_MODEL = """\b
MODEL is one of
  model.py:g    the graph g of a Python file, or a function that returns it
  model.py      the only graph of a Python file
  model.json    a graph that Graph.save wrote (.json or .graphdiff)
"""
_SAVED = (".json", ".graphdiff")


class _Commands(click.Group):
    """Reports graphdiff's own errors in a few lines, with exit code 1 and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GraphdiffError as error:
            click.echo(f"graphdiff: {_told(error)}", err=True)
            ctx.exit(1)


def _told(error: GraphdiffError) -> str:
    """The message; a place inside the command line itself is of no use to anybody."""
    inner = (str(Path(click.__file__).parent), sys.argv[0], sys.prefix, "<frozen")
    lines = str(error).split("\n")
    return "\n".join(line for line in lines if not line.removeprefix("  at: ").startswith(inner))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="graphdiff", message="%(prog)s %(version)s")
def main() -> None:
    """Computational graphs that people can read: gradients, NumPy source, pictures."""


@main.command()
@click.option(
    "--output", "-o", "output", type=click.Path(path_type=Path), default=Path("graphdiff-demo"),
    show_default=True, metavar="DIR", help="The folder to leave.",
)  # fmt: skip
def demo(output: Path) -> None:
    """Train on XOR and on real digits, and write out a gradient.

    It takes less than a minute and no network, and leaves a folder with pictures and generated
    files. Files of the same names are replaced.
    """
    from rich.console import Console

    from graphdiff.demo.report import run

    console = Console()
    run(output, console if console.is_terminal else Console(width=100))


_gradient_of = click.option(
    "--gradient-of", "of", metavar="NAME", help="Add the gradient of this output first."
)
_wrt = click.option(
    "--wrt", multiple=True, metavar="NAME",
    help="With --gradient-of: by what; may be repeated. [default: every parameter]",
)  # fmt: skip


@main.command(epilog=_MODEL)
@click.argument("model")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="The picture; its suffix decides the format. [default: the graph's name, .svg]",
)  # fmt: skip
@_gradient_of
@_wrt
@click.option(
    "--detail", type=click.Choice(["values", "ops"]), default="values", show_default=True,
    help="values: as the generated source has them; ops: every node.",
)  # fmt: skip
@click.option(
    "--direction", type=click.Choice(["up", "down", "right", "left"]), default="up",
    show_default=True, help="Where the data flows.",
)  # fmt: skip
@click.option("--collapse", multiple=True, metavar="SCOPE", help="Draw a scope as one box.")
@click.option("--legend", is_flag=True, help="Say in the picture what its shapes mean.")
def draw(
    model: str,
    output: Path | None,
    of: str | None,
    wrt: tuple[str, ...],
    detail: Literal["values", "ops"],
    direction: Literal["up", "down", "right", "left"],
    collapse: tuple[str, ...],
    legend: bool,
) -> None:
    """Draw a graph: .svg, .png, .pdf or .dot."""
    from graphdiff.drawing import draw as draw_graph

    graph = _with_gradient(read_model(model), of, wrt)
    path = output or Path(f"{Path(graph.name).name}.svg")
    draw_graph(graph, path, detail=detail, direction=direction, collapse=collapse, legend=legend)
    click.echo(path)


@main.command("compile", epilog=_MODEL)
@click.argument("model")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="The file to write. [default: the terminal]",
)  # fmt: skip
@_gradient_of
@_wrt
@click.option(
    "--style", type=click.Choice(("readable", "fast")), default="readable", show_default=True,
    help="Written to be read, or to run fast.",
)  # fmt: skip
@click.option("--no-rewrites", is_flag=True, help="Write the graph as it is.")
def compile_(
    model: str,
    output: Path | None,
    of: str | None,
    wrt: tuple[str, ...],
    style: Literal["readable", "fast"],
    no_rewrites: bool,
) -> None:
    """Write a graph as NumPy source that needs NumPy only."""
    from graphdiff.compiler import compile as compile_graph
    from graphdiff.rewrite import DEFAULT

    graph = _with_gradient(read_model(model), of, wrt)
    compiled = compile_graph(graph, style, rewrites=() if no_rewrites else DEFAULT)
    if output is None:
        click.echo(compiled.source, nl=False)
    else:
        compiled.save(output)
        click.echo(output)


_OPTIMISERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "lbfgs")


@main.command(epilog=_MODEL)
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--of", default="J", show_default=True, metavar="NAME", help="What to make small.")
@click.option(
    "--optimiser", type=click.Choice(_OPTIMISERS), default="adam", show_default=True,
    help="The update rule.",
)  # fmt: skip
@click.option("--rate", type=float, help="The learning rate. [default: the optimiser's]")
@click.option("--epochs", type=click.IntRange(min=1), default=10, show_default=True)
@click.option(
    "--batch", type=click.IntRange(min=1), help="Examples in a step. [default: all of them]"
)
@click.option(
    "--validation", "share", type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE", help="Hold this share of the examples out, and keep the best epoch on them.",
)  # fmt: skip
@click.option(
    "--patience", type=click.IntRange(min=1), metavar="EPOCHS",
    help="With --validation: stop when it has not been better for so long.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--checkpoint", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Keep the state there, and go on from it if it exists.",
)  # fmt: skip
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="The trained graph. [default: the graph's name, .json]",
)  # fmt: skip
def train(
    model: str, data: Path, of: str, optimiser: str, rate: float | None, epochs: int,
    batch: int | None, share: float | None, patience: int | None, seed: int,
    checkpoint: Path | None, output: Path | None,
) -> None:  # fmt: skip
    """Train a graph whose parameters have values, and save it.

    DATA is a file of numpy.savez with an array for each input.
    """
    import graphdiff as gd

    if patience is not None and share is None:
        raise click.UsageError("--patience needs --validation")
    if rate is not None and optimiser == "lbfgs":
        raise click.UsageError("lbfgs takes no --rate")
    graph, arrays = read_model(model), _read_arrays(data)
    validation = None
    if share is not None:
        arrays, validation = gd.train.split(arrays, share, rng=seed)
    rule = getattr(gd.train, optimiser)
    found = gd.train.fit(
        graph, arrays, of, optimiser=rule() if rate is None else rule(rate), epochs=epochs,
        batch=batch, rng=seed, validation=validation, checkpoint=checkpoint,
        stop=None if patience is None else gd.train.early_stopping(patience),
    )  # fmt: skip
    path = output or Path(f"{Path(graph.name).name}.json")
    found.graph.save(path)
    click.echo(f"best epoch {found.best_epoch} of {found.epochs}: {found.stopped}")
    for name, costs in found.history.items():
        click.echo(f"{name}: {costs[0]:.6g} at first, {costs[found.best_epoch - 1]:.6g} then")
    click.echo(path)


@main.command(epilog=_MODEL)
@click.argument("model", required=False)
@_gradient_of
@_wrt
def info(model: str | None, of: str | None, wrt: tuple[str, ...]) -> None:
    """Say what is in a graph; without one, what graphdiff is made of.

    Without MODEL: the versions, and every op with its formula and with the derivative that it has
    where none exists.
    """
    from rich.console import Console

    from graphdiff import listing

    console = Console()
    console = console if console.is_terminal else Console(width=1000)
    if model is None:
        console.print(listing.versions())
        console.print(listing.ops())
    else:
        graph = _with_gradient(read_model(model), of, wrt)
        for part in listing.graph(graph):
            console.print(part)


# -- reading ---------------------------------------------------------------------------------------


def _with_gradient(graph: Graph, of: str | None, wrt: tuple[str, ...]) -> Graph:
    if of is None:
        if wrt:
            raise click.UsageError("--wrt needs --gradient-of")
        return graph
    from graphdiff import gradient

    return gradient(graph, of, list(wrt) or None)


def read_model(model: str) -> Graph:
    """The graph that an argument MODEL names.

    Raises
    ------
    FileError
        If there is no such file, it cannot be run, or it is no graph.
    GraphError
        If the name is not that of a graph in it.
    """
    from graphdiff.graph.files import load

    if model.lower().endswith(_SAVED):
        return load(model)
    file, _, name = model.rpartition(":") if not model.endswith(".py") else (model, "", "")
    if not file.endswith(".py"):
        raise FileError(
            f"{model!r} names no graph", expected="model.py:g, model.json or model.graphdiff"
        )
    return _graph_of(_run(Path(file)), file, name)


def _read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a file that numpy.savez wrote."""
    import numpy as np

    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return dict(file)
    except OSError as error:
        raise FileError(f"{str(path)!r} cannot be read", got=error.strerror) from error
    except (ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(
            f"{str(path)!r} holds no arrays by name", got=str(error),
            hint="write it with numpy.savez(path, x=…, y=…)",
        ) from error  # fmt: skip


def _run(path: Path) -> dict[str, Any]:
    """The variables of a Python file after it has run, not as a script."""
    if not path.is_file():
        raise FileError(f"there is no file {str(path)!r}")
    with _importing_from(path.resolve().parent):
        try:
            return runpy.run_path(str(path), run_name="graphdiff_model")
        except GraphdiffError:
            raise
        except (Exception, SystemExit) as error:
            line = _last_line(error, path)
            raise FileError(
                f"{str(path)!r} cannot be run", origin=f"{path}:{line}" if line else str(path),
                got=f"{type(error).__name__}: {error}",
            ) from error  # fmt: skip


def _last_line(error: BaseException, path: Path) -> int | None:
    """The line of the user's file that an error came from."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """The modules beside a file can be imported, as they can where it is run as a script."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _graph_of(variables: dict[str, Any], file: str, name: str) -> Graph:
    from graphdiff.graph.dag import Graph

    graphs = {key: value for key, value in variables.items() if isinstance(value, Graph)}
    found = ", ".join(graphs) or "none"
    if not name:
        if len(graphs) == 1:
            return next(iter(graphs.values()))
        raise GraphError(
            f"{file!r} has not exactly one graph", got=found, hint=f"name one: {file}:NAME"
        )
    if name not in variables:
        raise GraphError(
            f"there is no {name!r} in {file!r}", expected=f"a graph: {found}",
            hint=near(name, graphs),
        )  # fmt: skip
    value = variables[name]
    if callable(value) and not isinstance(value, type):
        value = value()
    if not isinstance(value, Graph):
        raise GraphError(
            f"{name!r} in {file!r} is no graph", got=type(value).__name__,
            expected=f"a graph: {found}",
        )  # fmt: skip
    return value
