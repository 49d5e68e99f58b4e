"""`Tensor`: a node of a graph that behaves as a NumPy array in expressions.

Operators, NumPy's ufuncs and functions, and an array's methods add nodes to the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.errors import GraphdiffError, GraphError, ShapeError
from graphdiff.graph import memory, numpy_dispatch, numpy_indexing
from graphdiff.graph.array_methods import ArrayMethods
from graphdiff.graph.edits import mention_instead
from graphdiff.graph.unknown import Unknown
from graphdiff.ops.dimension import Dimension, Shape, dimension_names
from graphdiff.ops.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from graphdiff.graph.dag import Graph


class Tensor(np.lib.mixins.NDArrayOperatorsMixin, ArrayMethods, Unknown):
    """A value of a graph, known by its node's name.

    It is made by a `Graph` and by operations on other tensors, never directly.

    Examples
    --------
    >>> import numpy as np, graphdiff as gd
    >>> g = gd.Graph()
    >>> x = g.input("x", ("t", 2))
    >>> h = np.tanh(x * 2.0).named("h")
    >>> h
    <Tensor 'h': tanh, float64 (t, 2)>
    """

    __slots__ = ("__weakref__", "_named", "_node", "_place", "graph")

    def __init__(self, graph: Graph, node: str) -> None:
        self.graph = graph
        self._node = node
        self._named = graph._renamings.count  # as of which renaming that is the name
        self._place: memory.Place | None = None  # where it shares memory with others

    def __reduce__(self) -> tuple[Any, ...]:
        return Tensor, (self.graph, self.name)

    def __copy__(self) -> Tensor:
        return self.copy()

    def copy(self, order: str = "C") -> Tensor:
        """The same value, apart from what is assigned to this one later."""
        return Tensor(self.graph, self.name)

    def __deepcopy__(self, memo: object) -> Tensor:
        return self.copy()

    # -- what is known of it -----------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the node."""
        place = self._place
        if place is not None and place.base is not None and place.version != place.memory.version:
            memory.refresh(self)
        graph = self.graph
        node = self._node if self._named == graph._renamings.count else self._current()
        if node not in graph.dag._node:
            raise GraphError(f"the node {node!r} is no longer in {graph.name!r}")
        return node

    def _current(self) -> str:
        """The name that the node has now; it may have been removed."""
        renamings = self.graph._renamings
        if self._named != renamings.count:
            self._node = renamings.followed(self._node, self._named)
            self._named = renamings.count
        return self._node

    def _point_to(self, other: Tensor) -> None:
        """Be another node of the graph from now on."""
        self._node, self._named = other._node, other._named

    @property
    def spec(self) -> Spec:
        """The shape and the dtype."""
        spec: Spec = self.graph.dag._node[self.name]["spec"]
        return spec

    @property
    def shape(self) -> Shape:
        """The dimensions: ints, and named ones as strings that can be calculated with."""
        return self.spec.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return self.spec.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.spec.ndim

    @property
    def size(self) -> Dimension:
        """The number of elements."""
        return self.spec.size

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Dimension:
        """The bytes of all elements."""
        return self.size * self.itemsize

    @property
    def op(self) -> str:
        """The name of the op that computes it."""
        return str(self.graph.dag._node[self.name]["op"])

    @property
    def params(self) -> Mapping[str, Any]:
        """The op's static parameters, such as ``axis``."""
        params: Mapping[str, Any] = self.graph.dag._node[self.name]["params"]
        return params

    @property
    def role(self) -> str | None:
        """What a parameter is in its layer, such as ``"weight"``; None where it was not said."""
        role: str | None = self.graph.dag.nodes[self.name].get("role")
        return role

    @property
    def operands(self) -> tuple[Tensor, ...]:
        """The tensors that it is computed from."""
        return tuple(Tensor(self.graph, node) for node in self.graph.operands(self.name))

    @property
    def origin(self) -> str | None:
        """The user's file and line that made it."""
        place: str | None = self.graph.dag._node[self.name]["origin"]
        return place

    def named(self, name: str) -> Tensor:
        """Give the value a name, which it then carries everywhere; returns itself.

        In a step of a loop it may be that of an argument, which the value then replaces there.

        Raises
        ------
        GraphError
            If the name is taken.
        """
        node = self.name
        if self.graph._is_argument(name):
            self.graph.dag._node[node]["local"] = name
            return self
        full = self.graph._scoped(name, node)
        if full != node:
            self.graph._rename(node, full)
            mention_instead(self.graph.dag, node, full)
        return self

    def keep(self) -> Tensor:
        """Mark the value to be held from when it is computed to the end; returns itself.

        Every plan honours the mark: the value is never freed, nor computed a second time.

        Examples
        --------
        >>> import numpy as np, graphdiff as gd
        >>> g = gd.Graph()
        >>> h = np.tanh(g.input("x", ("t",))).keep()
        """
        self.graph.dag._node[self.name]["policy"] = "keep"
        return self

    def recompute(self) -> Tensor:
        """Mark the value to be computed again for the gradient; returns itself.

        What the forward pass computed is freed after its last use there, and the gradient pass
        computes a value of its own, from marked operands that are computed again too. Every plan
        honours the mark, and so does `graphdiff.compile` without one. Outputs are held in any
        case.

        Raises
        ------
        GraphError
            If it is an input, a parameter or a constant, which are never computed.

        Examples
        --------
        >>> import numpy as np, graphdiff as gd
        >>> g = gd.Graph()
        >>> w = g.parameter("w", (8,))
        >>> h = np.tanh(w).named("h").recompute()
        >>> J = g.output("J", np.sum(np.exp(h)))
        >>> "recomputed" in gd.compile(gd.gradient(g, of="J")).source
        True
        """
        if not self.operands:
            raise GraphError(
                "it is never computed, so it cannot be computed again",
                node=self.name, op=self.op, origin=self.origin,
                hint="mark what is computed from it",
            )  # fmt: skip
        self.graph.dag._node[self.name]["policy"] = "recompute"
        return self

    def __repr__(self) -> str:
        return f"<Tensor {self.name!r}: {self.op}, {self.spec!r}>"

    __hash__ = object.__hash__

    # -- NumPy's protocols -------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        return numpy_dispatch.call_ufunc(self.graph, ufunc, method, args, kwargs)

    def __array_function__(
        self,
        function: Callable[..., Any],
        types: object,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        return numpy_dispatch.call_function(function, args, kwargs)

    def _numpy(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
        given = {key: value for key, value in kwargs.items() if value is not None}
        tensor: Tensor = self.__array_function__(function, (), (self, *args), given)
        return tensor

    def _assign(self, value: Tensor) -> None:
        memory.write(self, memory.fitted(value, self, "assignment"))

    def __round__(self, decimals: int | None = None) -> Tensor:
        return self._numpy(np.round, decimals or 0)

    def __len__(self) -> int:
        if self.ndim == 0 or not isinstance(self.shape[0], int):
            raise ShapeError(
                "the length is not a known number",
                node=self.name, got=str(self.spec),
                hint="use x.shape[0] in formulas, and gd.scan to loop over the rows",
            )  # fmt: skip
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Tensor:
        try:
            return numpy_indexing.getitem(self, key)
        except GraphdiffError as error:
            raise error.at(self.name, "index", None) from None

    def __setitem__(self, key: Any, value: Any) -> None:
        """Assign to a part; later reads see it, and what was computed before does not change."""
        try:
            memory.write(self, numpy_indexing.setitem(self, key, value))
        except GraphdiffError as error:
            raise error.at(self.name, "item assignment", None) from None

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """The named dimensions in its shape."""
        return tuple(dict.fromkeys(n for part in self.shape for n in dimension_names(part)))


def _in_place(operator: str) -> Callable[[Tensor, Any], Any]:
    """``a += b``: the variable's array is assigned to; a scalar, as in NumPy, is made anew."""
    plain = getattr(np.lib.mixins.NDArrayOperatorsMixin, f"__{operator}__")
    assigning = getattr(np.lib.mixins.NDArrayOperatorsMixin, f"__i{operator}__")

    def method(self: Tensor, other: Any) -> Any:
        return assigning(self, other) if self.ndim else plain(self, other)

    return method


for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
):
    setattr(Tensor, f"__i{_name}__", _in_place(_name))
