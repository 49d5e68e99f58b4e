"""`Tensor`: a node of a graph that behaves as a NumPy array in expressions.

Operators, NumPy's ufuncs and functions, and an array's methods add nodes to the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from graphdiff.errors import DTypeError, GraphdiffError, GraphError, ShapeError
from graphdiff.graph import numpy_api
from graphdiff.graph.dag import Graph, here
from graphdiff.ops import ALIASES, OPS
from graphdiff.ops.spec import Dimension, Shape, Spec, dimension_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BITWISE = ("bitwise_and", "bitwise_or", "invert")


class Tensor(np.lib.mixins.NDArrayOperatorsMixin):
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

    __slots__ = ("_node", "graph")
    __array_priority__ = 1000

    def __init__(self, graph: Graph, node: str) -> None:
        self.graph = graph
        self._node = node

    # -- what is known of it -----------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the node."""
        if self._node not in self.graph.dag:
            found = self.graph._resolve(self._node)
            if found is None:
                raise GraphError(f"the node {self._node!r} is no longer in {self.graph.name!r}")
            self._node = found
        return self._node

    @property
    def spec(self) -> Spec:
        """The shape and the dtype."""
        return self.graph.spec(self.name)

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
    def op(self) -> str:
        """The name of the op that computes it."""
        return str(self.graph.dag.nodes[self.name]["op"])

    @property
    def params(self) -> Mapping[str, Any]:
        """The op's static parameters, such as ``axis``."""
        params: Mapping[str, Any] = self.graph.dag.nodes[self.name]["params"]
        return params

    @property
    def operands(self) -> tuple[Tensor, ...]:
        """The tensors that it is computed from."""
        return tuple(Tensor(self.graph, node) for node in self.graph.operands(self.name))

    @property
    def origin(self) -> str | None:
        """The user's file and line that made it."""
        place: str | None = self.graph.dag.nodes[self.name]["origin"]
        return place

    def named(self, name: str) -> Tensor:
        """Give the value a name, which it then carries everywhere; returns itself.

        Raises
        ------
        GraphError
            If the name is taken.
        """
        self.graph._check_name(name)
        scope = self.graph._setting.scope
        full = f"{scope}/{name}" if scope else name
        if full != self.name:
            self.graph._rename(self.name, full)
        return self

    def __repr__(self) -> str:
        return f"<Tensor {self.name!r}: {self.op}, {self.spec!r}>"

    __hash__ = object.__hash__

    # -- NumPy's protocols -------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        if method != "__call__":
            _refuse(f"np.{name}.{method}", "use the function instead, such as np.sum")
        if "out" in kwargs:
            _refuse(f"out= of np.{name}", "write a = a + b, not a += b")
        if kwargs:
            _refuse(f"np.{name} with {', '.join(kwargs)}=", "use astype or np.where")
        if ALIASES.get(name, name) not in OPS:
            _refuse(f"np.{name}", None)
        if name in _BITWISE and any(getattr(a, "dtype", bool) != np.bool_ for a in args):
            raise DTypeError(
                f"np.{name} works on booleans only", origin=here(),
                got=", ".join(str(getattr(a, "dtype", type(a).__name__)) for a in args),
            )  # fmt: skip
        return self.graph.apply(name, args)

    def __array_function__(
        self,
        function: Callable[..., Any],
        types: object,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        known = numpy_api.FUNCTIONS.get(function)
        if known is None:
            _refuse(f"np.{function.__name__}", None)
        try:
            return known(*args, **kwargs)
        except GraphdiffError:
            raise
        except TypeError as error:
            detail = str(error).removeprefix(f"{known.__name__}() ")
            raise GraphError(f"np.{function.__name__}: {detail}", origin=here()) from None

    def __array__(self, dtype: object = None, copy: object = None) -> NoReturn:
        self._not_known("an array")

    def __bool__(self) -> NoReturn:
        self._not_known("a truth value", "use np.where(condition, a, b) instead of a branch")

    def __float__(self) -> NoReturn:
        self._not_known("a float")

    def __int__(self) -> NoReturn:
        self._not_known("an int")

    def __index__(self) -> NoReturn:
        self._not_known("an index")

    def _not_known(self, what: str, hint: str = "compile the graph and call it") -> NoReturn:
        raise GraphError(
            f"a value of a graph is not known yet, so it cannot become {what}",
            node=self.name, op=self.op, origin=here(), hint=hint,
        )  # fmt: skip

    def __len__(self) -> int:
        if self.ndim == 0 or not isinstance(self.shape[0], int):
            raise ShapeError(
                "the length is not a known number", node=self.name, origin=here(),
                got=str(self.spec), hint="use x.shape[0] in formulas",
            )  # fmt: skip
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Tensor:
        return numpy_api.getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        _refuse(
            "assignment to a part of a tensor", "build the value with np.where or np.concatenate"
        )

    # -- an array's methods ------------------------------------------------------------------

    @property
    def T(self) -> Tensor:
        """The transpose: all axes reversed."""
        return numpy_api.transpose(self)

    @property
    def mT(self) -> Tensor:
        """The matrix transpose: the last two axes exchanged."""
        return numpy_api.swapaxes(self, -1, -2)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """np.sum."""
        return numpy_api.sum_(self, axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """np.mean."""
        return numpy_api.mean(self, axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """np.max."""
        return numpy_api.max_(self, axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """np.min."""
        return numpy_api.min_(self, axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Tensor:
        """np.reshape; one dimension may be -1."""
        return numpy_api.reshape(self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Tensor:
        """All elements along one axis."""
        return numpy_api.reshape(self, -1)

    def transpose(self, *axes: Any) -> Tensor:
        """np.transpose."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return numpy_api.transpose(self, order)

    def squeeze(self, axis: Any = None) -> Tensor:
        """np.squeeze."""
        return numpy_api.squeeze(self, axis)

    def astype(self, dtype: Any) -> Tensor:
        """The values in another dtype."""
        return numpy_api.astype(self, dtype)

    def dot(self, other: Any) -> Tensor:
        """np.dot."""
        return numpy_api.dot(self, other)

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """The named dimensions in its shape."""
        return tuple(dict.fromkeys(n for part in self.shape for n in dimension_names(part)))


def _refuse(what: str, hint: str | None) -> NoReturn:
    raise GraphError(
        f"{what} has no rule in graphdiff", origin=here(),
        hint=hint or "write it with functions that have one (graphdiff info lists them)",
    )  # fmt: skip
