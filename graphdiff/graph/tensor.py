"""`Tensor`: a node of a graph that behaves as a NumPy array in expressions.

Operators, NumPy's ufuncs and functions, and an array's methods add nodes to the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from graphdiff.errors import DTypeError, GraphdiffError, GraphError, ShapeError
from graphdiff.graph import (
    memory,
    numpy_calling,
    numpy_complex,
    numpy_indexing,
    numpy_methods,
    numpy_products,
    numpy_table,
    scipy_special,
)
from graphdiff.graph.array_methods import ArrayMethods
from graphdiff.graph.edits import mention_instead
from graphdiff.graph.picking import Picked
from graphdiff.ops import ALIASES, OPS
from graphdiff.ops.dimension import Dimension, Shape, dimension_names
from graphdiff.ops.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphdiff.graph.dag import Graph

_BITWISE = ("bitwise_and", "bitwise_or", "invert")


class Tensor(np.lib.mixins.NDArrayOperatorsMixin, ArrayMethods):
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
        if any(isinstance(value, Picked) for value in args):
            return NotImplemented  # which knows what to do beside a tensor
        name = ufunc.__name__
        if method != "__call__":
            return numpy_methods.apply_method(ufunc, method, args, kwargs)
        if "out" in kwargs:
            return self._into(kwargs.pop("out"), ufunc, args, kwargs)
        if kwargs:
            for key in ("casting", "order", "subok"):  # say nothing about values
                kwargs.pop(key, None)
            if (dtype := kwargs.pop("dtype", None)) is not None:
                args = tuple(numpy_calling.converted_for(ufunc, args, dtype))
            if ufunc is np.vecdot and kwargs.keys() == {"axis"}:
                return numpy_products.vecdot(*args, axis=kwargs["axis"])
        if kwargs:
            hint = "use astype, np.where, or where= together with out="
            _refuse(f"np.{name} with {', '.join(kwargs)}=", hint)
        if ufunc in numpy_table.UFUNCS:
            _check_complex(ufunc, f"np.{name}", args)
            return numpy_table.UFUNCS[ufunc](*args)
        if name in scipy_special.UFUNCS:
            _check_complex(ufunc, f"scipy.special.{name}", args)
            return scipy_special.UFUNCS[name](*args)
        if ALIASES.get(name, name) not in OPS:
            _refuse(f"np.{name}", None)
        if name in _BITWISE and any(_dtype(a) != np.bool_ for a in args):
            raise DTypeError(
                f"np.{name} works on booleans only", got=", ".join(str(_dtype(a)) for a in args)
            )
        return self.graph.apply(name, args)

    def __array_function__(
        self,
        function: Callable[..., Any],
        types: object,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        name = f"{function.__module__.replace('numpy', 'np')}.{function.__name__}"
        known = numpy_table.FUNCTIONS.get(function)
        if known is None and function in numpy_table.OF_UNKNOWN_LENGTH:
            raise GraphError(
                f"{name}: how many there are depends on values that are not known",
                hint="np.where(mask, x, 0) in the place of x[mask]; or call it with known arrays",
            )
        if known is None:
            _refuse(name, None)
        _check_complex(function, name, (*args, *kwargs.values()))
        return numpy_calling.call(name, function, known, args, kwargs)

    def _numpy(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
        given = {key: value for key, value in kwargs.items() if value is not None}
        tensor: Tensor = self.__array_function__(function, (), (self, *args), given)
        return tensor

    @staticmethod
    def _into(
        targets: tuple[Any, ...], ufunc: np.ufunc, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Assign what a ufunc gives to what `out=` names, where `where=` is true."""
        if not all(isinstance(target, Tensor) for target in targets):
            numpy_calling.assigned(targets[0], None, f"out= of np.{ufunc.__name__}")  # refused
        mask = kwargs.pop("where", True)
        found = ufunc(*args, **kwargs)
        for target, value in zip(targets, found if ufunc.nout > 1 else (found,), strict=True):
            kept = value if mask is True else np.where(mask, value, target)
            numpy_calling.assigned(target, kept)
        return targets if ufunc.nout > 1 else targets[0]

    def _assign(self, value: Tensor) -> None:
        memory.write(self, memory.fitted(value, self, "assignment"))

    def __array__(self, dtype: object = None, copy: object = None) -> NoReturn:
        self._not_known(
            "an array",
            "np.stack([…]) joins tensors, np.zeros_like(x) begins one to assign to, gd.special and "
            "gd.linalg have functions of SciPy, g.constant(array)[labels] takes rows of an array; "
            "for values, compile the graph and call it",
        )

    def __bool__(self) -> NoReturn:
        self._not_known(
            "a truth value",
            "np.where(condition, a, b) computes both sides, gd.cond runs one of two; "
            "gd.while_loop repeats",
        )

    def __float__(self) -> NoReturn:
        self._not_known(
            "a float",
            "keep it a tensor: np.exp in the place of math.exp; numbers go into an array of "
            "np.zeros_like(x), or a list that np.stack joins",
        )

    def __int__(self) -> NoReturn:
        self._not_known("an int")

    def __complex__(self) -> NoReturn:
        self._not_known("a complex number")

    def __index__(self) -> NoReturn:
        self._not_known("an index", "gd.fori counts up to it; x[i] takes an element")

    def __format__(self, how: str) -> str:
        if how:
            self._not_known(f"text in the format {how!r}", "str(x) says what it is")
        return str(self)

    def __round__(self, decimals: int | None = None) -> Tensor:
        return self._numpy(np.round, decimals or 0)

    def item(self, *index: int) -> NoReturn:
        """Refused: there is no value yet."""
        self._not_known("a number")

    def tolist(self) -> NoReturn:
        """Refused: there are no values yet."""
        self._not_known("a list")

    def _not_known(self, what: str, hint: str = "compile the graph and call it") -> NoReturn:
        raise GraphError(
            f"a value of a graph is not known yet, so it cannot become {what}",
            node=self.name, op=self.op, hint=hint,
        )  # fmt: skip

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


def _dtype(value: object) -> np.dtype[Any]:
    """The dtype of a tensor, or of what stands beside one."""
    dtype: np.dtype[Any] | None = getattr(value, "dtype", None)
    return np.asarray(value).dtype if dtype is None else dtype


def _check_complex(function: Any, name: str, values: Sequence[Any]) -> None:
    """Refuse complex values in a function that is made for real ones."""
    if function not in numpy_table.COMPLEX and numpy_complex.any_complex(values):
        raise DTypeError(
            f"{name} of complex values has no rule in graphdiff",
            hint="take np.real(z), np.imag(z) or np.abs(z) of them",
        )


def _refuse(what: str, hint: str | None) -> NoReturn:
    raise GraphError(
        f"{what} has no rule in graphdiff",
        hint=hint
        or "write it with functions that have one (graphdiff info lists them), or declare an op of "
        "your own with gd.op",
    )
