"""Element-wise ops: each is one sympy expression; its derivative follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.errors import DTypeError
from graphdiff.ops import kernels, quick_kernels
from graphdiff.ops.derive import Expression, derivative_rule
from graphdiff.ops.lazily import Lazily
from graphdiff.ops.notation import (
    ADD,
    AND,
    ATOM,
    MULTIPLY,
    OR,
    POWER,
    Form,
    Site,
    Written,
    call,
    comparison,
    dtype_code,
    infix,
    power_code,
    prefix,
    superscript,
)
from graphdiff.ops.op import REQUIRED, Masked, Op, Rule
from graphdiff.ops.spec import DTYPES, Spec, broadcast, dtype_of, promote

if TYPE_CHECKING:
    import sympy
else:
    sympy = Lazily("sympy")


@lru_cache(maxsize=1024)
def _result_dtype(name: str, dtypes: tuple[np.dtype[Any], ...]) -> np.dtype[Any]:
    """The dtype that NumPy's ufunc of that name gives; floats for functions NumPy lacks."""
    ufunc = getattr(np, name, None)
    if isinstance(ufunc, np.ufunc):
        try:
            dtype = ufunc.resolve_dtypes((*dtypes, None))[-1]
        except TypeError as error:
            taken = " and ".join(map(str, dtypes))
            raise DTypeError(f"np.{name} does not take {taken}", hint="use astype") from error
    else:
        dtype = promote(*dtypes)
        if dtype.kind == "b":
            raise DTypeError("numbers are needed", got="bool", hint="use astype")
        dtype = dtype if dtype.kind == "f" else np.dtype("float64")
    if dtype.name not in DTYPES:
        hint = f"np.{name} gives {dtype} here: convert with astype(np.float64) first"
        raise DTypeError("dtype not supported", expected=" or ".join(DTYPES), hint=hint)
    return dtype


def inferred(name: str) -> Callable[..., Spec]:
    """The shape rule of a ufunc of that name."""

    def infer(*specs: Spec) -> Spec:
        dtype = _result_dtype(name, tuple(spec.dtype for spec in specs))
        return Spec(broadcast(*(spec.shape for spec in specs)), dtype)

    return infer


_IN_PLACE = 256 * 1024  # bytes from which NumPy puts a result into a temporary operand's memory


def in_place(out: Spec) -> bool:
    """Whether NumPy does so; arrays whose sizes are not known are taken to be large."""
    return isinstance(out.nbytes, str) or out.nbytes >= _IN_PLACE


def elementwise(
    name: str,
    expression: Expression,
    numpy: Form | None = None,
    formula: Form | None = None,
    *,
    kernel: Callable[..., Any] | None = None,
    saved: bool = True,
    via: Op | None = None,
    complex: bool = False,
    singular: bool = False,
    convention: str | None = None,
    workspace: Callable[..., int] | None = None,
    quick: Form | None = None,
    quick_kernel: Callable[..., Any] | None = None,
) -> Op:
    """An element-wise op from its sympy expression.

    ``saved`` and ``via`` say how the derivative is put into code (see `derivative_rule`).
    """
    if quick is None and kernel is None:
        quick = _of_ufunc(name)
    count = expression.__code__.co_argcount
    operands: tuple[str, ...] = expression.__code__.co_varnames[:count]

    def rule(position: int) -> Rule:
        def product(g: Any, y: Any, *values: Any) -> Any:
            return derivative_rule(expression, count, position, saved, via)(g, y, *values)

        return product

    return Op(
        name,
        inferred(name),
        operands,
        vjp=tuple(rule(position) for position in range(count)),
        numpy=numpy or call(f"np.{name}"),
        formula=formula or call(name),
        quick=quick,
        kernel=kernel,
        quick_kernel=quick_kernel,
        elementwise=True,
        spreads=True,
        complex=complex,
        singular=singular,
        convention=convention,
        expression=expression,
        workspace=workspace,
    )


def _of_ufunc(name: str) -> Form | None:
    """The call of the ufunc of that name; not of `np.power`: ``x**2`` is a square, not a power."""
    ufunc = getattr(np, name, None)
    return call(ufunc.__name__) if isinstance(ufunc, np.ufunc) and name != "power" else None


def predicate(
    name: str, numpy: Form, formula: Form, operands: tuple[str, ...], complex: bool = False
) -> Op:
    """An element-wise op with a boolean result, through which no derivative flows."""
    return Op(
        name,
        inferred(name),
        operands,
        numpy=numpy,
        formula=formula,
        quick=_of_ufunc(name),
        elementwise=True,
        complex=complex,
    )


def _postfix(symbol: str) -> Form:
    return lambda site: Written(site.operands[0].within(ATOM) + symbol, POWER)


def _square_code(site: Site) -> Written:
    operand = site.operands[0]
    if operand.text.isidentifier():
        return Written(f"{operand.text} * {operand.text}", MULTIPLY)
    return Written(f"np.square({operand.text})")


def _quick_square(site: Site) -> Written:
    text = site.operands[0].text
    return Written(f"multiply({text}, {text})" if text.isidentifier() else f"square({text})")


def _factor(site: Site) -> str:
    """The left side of a product; a scalar that scales an array stands out: ``(2 / t) * e``."""
    scales = site.specs[0].ndim == 0 < site.specs[1].ndim
    return site.operands[0].within(MULTIPLY + scales)


def _product_code(site: Site) -> Written:
    """``a * b``, and of complex values a call where b has no name.

    NumPy computes in place of an operand with no name and puts it first; with fused instructions
    the last bit of a complex product depends on the order.
    """
    left, right = site.operands
    unnamed = right.binds < ATOM or "(" in right.text
    if site.specs[0].is_complex and site.specs[1].ndim and unnamed:
        return Written(f"np.multiply({left.text}, {right.text})")
    return Written(f"{_factor(site)} * {site.operands[1].within(MULTIPLY + 1)}", MULTIPLY)


def _product_formula(site: Site) -> Written:
    left, right = site.operands[0], site.operands[1].within(MULTIPLY + 1)
    scalar = left.text.replace(".", "").isdigit() or site.specs[0].ndim == 0
    symbol = " " if scalar and not right[:1].isdigit() else " × "
    return Written(f"{_factor(site)}{symbol}{right}", MULTIPLY)


def _power_formula(site: Site) -> Written:
    base, exponent = site.operands
    return Written(superscript(base.within(ATOM), exponent.within(ATOM)), POWER)


def _quotient_formula(site: Site) -> Written:
    left, right = site.operands
    wide = len(left.text) + len(right.text) > 8
    symbol = " / " if wide else "/"
    return Written(f"{left.within(MULTIPLY)}{symbol}{right.within(MULTIPLY + 1)}", MULTIPLY)


def _of_complex_base(op: Op) -> Op:
    """A power whose base becomes complex beside a complex exponent, as in NumPy.

    The logarithm in its derivative by the exponent is then that of a complex number.
    """
    assert isinstance(op.vjp, tuple)  # it is element-wise
    by_base, by_exponent = op.vjp
    assert by_exponent is not None

    def product(g: Any, y: Any, a: Any, b: Any) -> Any:
        if y.dtype.kind == "c" and a.dtype.kind != "c":
            a = a.astype(y.dtype)
        return by_exponent(g, y, a, b)

    return replace(op, vjp=(by_base, product))


_TIES = "0 at a tie with a constant; at a tie of two values each takes half"


add = elementwise("add", lambda a, b: a + b, infix("+", ADD), infix("+", ADD), complex=True)
subtract = elementwise(
    "subtract", lambda a, b: a - b, infix("-", ADD), infix("−", ADD), complex=True
)
multiply = elementwise(
    "multiply", lambda a, b: a * b, _product_code, _product_formula, complex=True
)
divide = elementwise(
    "divide",
    lambda a, b: a / b,
    infix("/", MULTIPLY),
    _quotient_formula,
    complex=True,
    singular=True,
)
power = _of_complex_base(
    elementwise(
        "power",
        lambda a, b: a**b,
        power_code,
        _power_formula,
        saved=False,
        complex=True,
        singular=True,
        convention="by the exponent, 0 where the base is 0; by the base, 0 where the exponent is 0",
    )
)
negative = elementwise("negative", lambda z: -z, prefix("-"), prefix("−"), complex=True)
square = elementwise(
    "square",
    lambda z: z**2,
    _square_code,
    _postfix("²"),
    complex=True,
    quick=_quick_square,
)
reciprocal = elementwise("reciprocal", lambda z: 1 / z, complex=True, singular=True)
exp = elementwise("exp", lambda z: sympy.exp(z), complex=True)
expm1 = elementwise("expm1", lambda z: sympy.exp(z) - 1, saved=False, complex=True)
log = elementwise("log", lambda z: sympy.log(z), complex=True, singular=True)
log1p = elementwise("log1p", lambda z: sympy.log(1 + z), complex=True, singular=True)
sqrt = elementwise(
    "sqrt",
    lambda z: sympy.sqrt(z),
    formula=call("√"),
    complex=True,
    singular=True,
    convention="∞ at 0",
)
sin = elementwise("sin", lambda z: sympy.sin(z), saved=False, complex=True)
cos = elementwise("cos", lambda z: sympy.cos(z), saved=False, complex=True)
tanh = elementwise("tanh", lambda z: sympy.tanh(z), complex=True)
sigmoid = elementwise(
    "sigmoid",
    lambda z: 1 / (1 + sympy.exp(-z)),
    call("sigmoid"),
    call("σ"),
    quick=call("sigmoid"),
    kernel=kernels.sigmoid,
    quick_kernel=quick_kernels.sigmoid,
    workspace=lambda out, z: (2 if in_place(out) else 3) * out.nbytes,
)
softplus = elementwise(
    "softplus",
    lambda z: sympy.log(1 + sympy.exp(z)),
    lambda site: Written(f"np.logaddexp(0.0, {site.operands[0].text})"),
    call("ζ"),
    via=sigmoid,
    quick=lambda site: Written(f"logaddexp(0.0, {site.operands[0].text})"),
)
erf = elementwise(
    "erf",
    lambda z: sympy.erf(z),
    call("erf"),
    kernel=kernels.erf,
    saved=False,
    workspace=lambda out, x: (9 if in_place(out) else 10) * out.nbytes,
)
relu = elementwise(
    "relu",
    lambda z: sympy.Max(0, z),
    lambda site: Written(f"np.maximum({site.operands[0].text}, 0.0)"),
    lambda site: Written(f"max(0, {site.operands[0].text})"),
    convention="0 at 0",
    quick=lambda site: Written(f"maximum({site.operands[0].text}, 0.0)"),
)
hard_tanh = elementwise(
    "hard_tanh",
    lambda z: sympy.Piecewise((-1, z < -1), (1, z > 1), (z, True)),
    lambda site: Written(f"np.clip({site.operands[0].text}, -1.0, 1.0)"),
    lambda site: Written(f"max(−1, min(1, {site.operands[0].text}))"),
    convention="1 at −1 and at 1",
)
maximum = elementwise(
    "maximum", lambda a, b: sympy.Max(a, b), formula=call("max"), convention=_TIES
)
minimum = elementwise(
    "minimum", lambda a, b: sympy.Min(a, b), formula=call("min"), convention=_TIES
)


def _where_infer(condition: Spec, x: Spec, y: Spec) -> Spec:
    if condition.dtype.kind != "b":
        raise DTypeError("the condition is not boolean", expected="bool", got=str(condition.dtype))
    return Spec(broadcast(condition.shape, x.shape, y.shape), promote(x.dtype, y.dtype))


where = Op(
    "where",
    _where_infer,
    ("condition", "x", "y"),
    vjp=(
        None,
        lambda g, out, condition, x, y: Masked(g, condition),
        lambda g, out, condition, x, y: Masked(g, np.logical_not(condition)),
    ),
    numpy=call("np.where"),
    formula=call("where"),
    elementwise=True,
    spreads=True,
    complex=True,
    convention="a branch that is not taken gets exactly 0, whatever its derivative is",
)


def _infer_astype(x: Spec, dtype: Any) -> Spec:
    wanted = dtype_of(dtype)
    if x.is_complex and wanted.kind != "c":
        raise DTypeError(
            f"a complex value as {wanted}", got=repr(x),
            hint="np.real(z) takes the real part, z != 0 says where it is not zero",
        )  # fmt: skip
    return Spec(x.shape, wanted)


astype = Op(
    "astype",
    _infer_astype,
    ("x",),
    vjp=(lambda g, y, x, dtype: g,),
    params={"dtype": REQUIRED},
    normal=lambda x, dtype: {"dtype": str(dtype_of(dtype))},
    numpy=lambda site: Written(f"{site.operands[0].within(ATOM)}.astype({dtype_code(site.out)})"),
    formula=lambda site: Written(f"{site.params['dtype']}({site.operands[0].text})"),
    elementwise=True,
    spreads=True,
    complex=True,
)


_PAIR = ("a", "b")

greater = predicate("greater", comparison(">"), comparison(">"), _PAIR)
greater_equal = predicate("greater_equal", comparison(">="), comparison("≥"), _PAIR)
less = predicate("less", comparison("<"), comparison("<"), _PAIR)
less_equal = predicate("less_equal", comparison("<="), comparison("≤"), _PAIR)
equal = predicate("equal", comparison("=="), comparison("="), _PAIR, complex=True)
not_equal = predicate("not_equal", comparison("!="), comparison("≠"), _PAIR, complex=True)
logical_and = predicate(
    "logical_and", call("np.logical_and"), infix("and", AND), _PAIR, complex=True
)
logical_or = predicate("logical_or", call("np.logical_or"), infix("or", OR), _PAIR, complex=True)
logical_not = predicate("logical_not", call("np.logical_not"), prefix("¬"), ("z",), complex=True)

OPS = (
    add,
    subtract,
    multiply,
    divide,
    power,
    negative,
    square,
    reciprocal,
    exp,
    expm1,
    log,
    log1p,
    sqrt,
    sin,
    cos,
    tanh,
    sigmoid,
    softplus,
    erf,
    relu,
    hard_tanh,
    maximum,
    minimum,
    where,
    astype,
    greater,
    greater_equal,
    less,
    less_equal,
    equal,
    not_equal,
    logical_and,
    logical_or,
    logical_not,
)
