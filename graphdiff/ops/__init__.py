"""The words of a network: what one node can do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from graphdiff.errors import GraphError, near
from graphdiff.ops import (
    assignment,
    complex_parts,
    control,
    convolution,
    cumulative,
    decomposition,
    eigen,
    elementwise,
    factorisation,
    fourier,
    gathering,
    incomplete,
    indexing,
    linalg,
    ordering,
    pooling,
    products,
    reduction,
    rounding,
    shaping,
    sources,
    special,
    trigonometry,
    windows,
)
from graphdiff.ops.op import Op

OPS: Mapping[str, Op] = MappingProxyType(
    {
        op.name: op
        for op in (
            *sources.OPS,
            *elementwise.OPS,
            *complex_parts.OPS,
            *reduction.OPS,
            *linalg.OPS,
            *shaping.OPS,
            *indexing.OPS,
            *gathering.OPS,
            *trigonometry.OPS,
            *rounding.OPS,
            *cumulative.OPS,
            *ordering.OPS,
            *products.OPS,
            *factorisation.OPS,
            *decomposition.OPS,
            *eigen.OPS,
            *convolution.OPS,
            *pooling.OPS,
            *windows.OPS,
            *assignment.OPS,
            *fourier.OPS,
            *incomplete.OPS,
            *special.OPS,
            *control.OPS,
        )
    }
)

# Other names of the same ops: NumPy's, SciPy's and customary ones.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "absolute": "abs",
        "true_divide": "divide",
        "amax": "max",
        "amin": "min",
        "conj": "conjugate",
        "invert": "logical_not",
        "bitwise_and": "logical_and",
        "bitwise_or": "logical_or",
        "mod": "remainder",
        "hardtanh": "hard_tanh",
        "expit": "sigmoid",
        "digamma": "psi",
        "_zeta": "zeta",
    }
)


def find(name: object) -> Op:
    """The op of a name.

    Raises
    ------
    GraphError
        If there is none; the message offers the near ones.

    Examples
    --------
    >>> find("tanh")
    <op tanh(z)>
    >>> find("transpos")
    Traceback (most recent call last):
    graphdiff.errors.GraphError: there is no op 'transpos'
      try: did you mean 'transpose'?
    """
    if isinstance(name, str):
        op = OPS.get(ALIASES.get(name, name))
        if op is not None:
            return op
    hint = near(name, [*OPS, *ALIASES])
    known = "graphdiff info lists the ops; gd.op declares one of your own"
    raise GraphError(f"there is no op {name!r}", hint=hint or known)
