"""Tables for `graphdiff info`: the ops, and what is in a graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

from rich.table import Table
from rich.text import Text

from graphdiff.graph.body import bodies_of
from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.ops import OPS
from graphdiff.ops.conventions import op_formula
from graphdiff.ops.op import Op
from graphdiff.version import VERSION

_LIBRARIES = ("numpy", "networkx", "sympy", "scipy", "graphviz", "graphviz-pure", "scikit-learn")


def versions() -> str:
    """The versions of graphdiff and of what it is made with, on one line."""

    def of(library: str) -> str:
        try:
            return f"{library} {version(library)}"
        except PackageNotFoundError:
            return f"{library} (not installed)"

    return f"graphdiff {VERSION}: {', '.join(map(of, _LIBRARIES))}\n"


def ops() -> Table:
    """Every op: its parameters, its formula, and its derivative where none exists."""
    rows = (
        (
            op.name,
            ", ".join(op.params),
            op_formula(op),
            flow(op),
            op.convention or "",
        )
        for op in OPS.values()
        if op.name not in SOURCES
    )
    return _table(rows, "op", "parameters", "formula", "derivative by", "where none exists")


def flow(op: Op) -> str:
    """The operands by which an op has a derivative."""
    if op.name == "while_loop":
        return "each, forward"
    if op.bodies or op.name == "result":
        return "each"
    if op.vjp is None:
        return "none"
    if not isinstance(op.vjp, tuple):
        return "each"
    flows = [name for name, rule in zip(op.operands, op.vjp, strict=True) if rule is not None]
    return "each" if len(flows) == len(op.operands) else ", ".join(flows)


def graph(g: Graph) -> Iterator[Text | Table]:
    """What is in a graph: a line of counts, its arguments and results, its nodes, its bodies."""
    yield Text(f"{g!r}\n{g.report()}\n")
    nodes = g.dag.nodes
    outputs: dict[str, list[str]] = {}
    for name, node in g.outputs_by_name.items():
        outputs.setdefault(node, []).append(name)
    rows = (
        (
            node,
            nodes[node]["op"],
            ", ".join(g.operands(node)),
            repr(g.spec(node)),
            nodes[node]["phase"],
            ", ".join(outputs.get(node, ())),
        )
        for node in g.order()
    )
    yield _table(rows, "node", "op", "operands", "dtype and shape", "phase", "output")
    for node in g.order():
        for word, body in bodies_of(g.op(node), nodes[node]["params"]).items():
            yield Text(f"\n{word} of {node}:")
            yield from graph(body)


def _table(rows: Iterable[tuple[str, ...]], *heads: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table
