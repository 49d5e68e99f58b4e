"""Whose memory a value shows, when it is last read, and whether it may be written over.

An array is written over only if nothing can still see it: not if it is handed out, nor if an op
used it that could give a view of it. And only arrays whose axes are in memory in the order in which
NumPy itself would lay the result out take part, so that what is computed from it, such as a sum,
goes through memory in the same order and gives the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphdiff.graph.dag import SOURCES
from graphdiff.graph.rows import Rows
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
    memory nobody else can see once they are dead, ``kept`` those that are handed out. All are
    numbers of the program's rows, and ``values`` has the values by them.
    """

    def __init__(self, program: Program) -> None:
        rows = program.rows
        self.program = program
        self.owner: list[int] = []
        seen = [False] * len(rows.names)
        for i, (op, operands) in enumerate(zip(rows.ops, rows.operands, strict=True)):
            if op.view and operands:
                self.owner.append(self.owner[operands[0]])
            else:
                self.owner.append(i)
                if not _is_fresh(op):
                    for operand in operands:
                        seen[self.owner[operand]] = True
        in_order = orderly(rows)
        values = program.values.values()
        self.values = {value.row: value for value in values}
        self.kept = {self.owner[rows.number[n]] for n in program.graph.outputs_by_name.values()}
        self.own = {
            v.row for v in values if v.quick and v.spec.ndim and in_order[v.row] and not seen[v.row]
        }
        self.sees = {v.row: [self.owner[operand] for operand in v.operands] for v in values}

    def numbers(self, steps: Sequence[Step]) -> list[int]:
        """The node of each step."""
        number = self.program.rows.number
        return [number[node] for _, node in steps]

    def reads(self, nodes: Sequence[int]) -> dict[int, int]:
        """The last step that sees the memory of each value and argument, given those of steps."""
        last: dict[int, int] = {}
        for i, node in enumerate(nodes):
            last[node] = i
            for seen in self.sees[node]:
                last[seen] = i
        return last


def _is_fresh(op: Op) -> bool:
    """Whether an op is known to make an array of its own; an op of the user's is not."""
    return OPS.get(op.name) is op and (op.quick is not None or op.elementwise or op.name in _FRESH)


def orderly(rows: Rows) -> list[bool]:
    """For each node whether its value's axes are in memory in their order, as far as it matters."""
    found: list[bool] = []
    for i in range(len(rows.names)):
        found.append(_is_orderly(rows, i, found))
    return found


def _is_orderly(rows: Rows, node: int, orderly: Sequence[bool]) -> bool:
    """Whether a value's axes are in memory in their order, as far as that makes a difference."""
    shape = rows.facts[node]["spec"].shape
    if len(shape) < 2 or sum(part != 1 for part in shape) < 2:
        return True
    op, operands = rows.ops[node], rows.operands[node]
    if op.name in SOURCES or op.name in _FROM_ZEROS:
        return True
    if op.name in ("matmul", "outer") and len(shape) == 2:
        return True  # of two axes, one is of the left operand and one of the right
    if op.name == "broadcast_to":  # of an array: its copy begins with the axes that it repeats
        return all(rows.facts[operand]["spec"].ndim == 0 for operand in operands)
    known = OPS.get(op.name) is op and (op.elementwise or op.name in _ORDERLY)
    return known and all(orderly[operand] for operand in operands)
