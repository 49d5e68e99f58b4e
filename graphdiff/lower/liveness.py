"""Whose memory a value shows, when it is last read, and whether it may be written over.

An array is written over only if nothing can still see it: not if it is handed out, nor if an op
used it that could give a view of it. And only arrays whose axes are in memory in the order in which
NumPy itself would lay the result out take part, so that what is computed from it, such as a sum,
goes through memory in the same order and gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphdiff.graph.dag import SOURCES, Graph
from graphdiff.lower.program import Program, Step
from graphdiff.ops import OPS
from graphdiff.ops.op import Op

# Besides ufuncs and element-wise ops, what makes an array that shares no memory with another.
_FRESH = frozenset(
    {"concatenate", "gather", "log_softmax", "logsumexp", "place", "scatter_add", "softmax"}
    | {"scatter_add_along_axis", "take_along_axis"}
)
_FROM_ZEROS = frozenset({"place", "scatter_add", "scatter_add_along_axis"})
_ORDERLY = frozenset(
    {"concatenate", "expand_dims", "log_softmax", "logsumexp", "matmul", "max"}
    | {"mean", "min", "outer", "reshape", "slice", "softmax", "squeeze", "sum"}
)


class Memory:
    """Which values of a program have memory that may be written over.

    ``owner`` gives for each node the value whose memory it shows, ``own`` are the values whose
    memory nobody else can see once they are dead.
    """

    def __init__(self, program: Program) -> None:
        graph = program.graph
        self.program = program
        self.owner: dict[str, str] = {}
        seen: set[str] = set()
        orderly: set[str] = set()
        pred = graph.dag._pred
        for node in program.order:
            op, operands = graph.op(node), pred[node]  # in no order
            if op.view and operands:
                self.owner[node] = self.owner[graph.operands(node)[0]]
            else:
                self.owner[node] = node
                if not _is_fresh(op):
                    seen.update(self.owner[operand] for operand in operands)
            if _is_orderly(graph, node, op, operands, orderly):
                orderly.add(node)
        self.kept = {self.owner[node] for node in graph.outputs_by_name.values()}
        self.own = {
            node
            for node, value in program.values.items()
            if value.quick and value.spec.ndim and node in orderly and node not in seen
        }

    def reads(self, steps: Sequence[Step]) -> dict[str, int]:
        """The last step that sees the memory of each value and argument."""
        last: dict[str, int] = {}
        for i, (_, node) in enumerate(steps):
            last[node] = i
            for operand in self.program.values[node].operands:
                last[self.owner[operand]] = i
        return last

    def last_reads(self, steps: Sequence[Step]) -> dict[str, int]:
        """The last step that sees the memory of each value; those handed out are left out."""
        dying = self.own - self.kept
        return {node: i for node, i in self.reads(steps).items() if node in dying}


def _is_fresh(op: Op) -> bool:
    """Whether an op is known to make an array of its own; an op of the user's is not."""
    return OPS.get(op.name) is op and (op.quick is not None or op.elementwise or op.name in _FRESH)


def _is_orderly(
    graph: Graph, node: str, op: Op, operands: Iterable[str], orderly: set[str]
) -> bool:
    """Whether a value's axes are in memory in their order, as far as that makes a difference."""
    shape = graph.dag._node[node]["spec"].shape
    if len(shape) < 2 or sum(part != 1 for part in shape) < 2:
        return True
    if op.name in SOURCES or op.name in _FROM_ZEROS:
        return True
    if op.name in ("matmul", "outer") and len(shape) == 2:
        return True  # of two axes, one is of the left operand and one of the right
    if op.name == "broadcast_to":  # of an array: its copy begins with the axes that it repeats
        return all(graph.spec(operand).ndim == 0 for operand in operands)
    known = OPS.get(op.name) is op and (op.elementwise or op.name in _ORDERLY)
    return known and orderly.issuperset(operands)
