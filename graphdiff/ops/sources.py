"""Nodes without operands: inputs, parameters, constants, and the sizes of named dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.ops.dimension import Dim, dimension, shape_of
from graphdiff.ops.notation import ADD, ATOM, UNARY, Site, Written, dimension_code
from graphdiff.ops.op import REQUIRED, Op
from graphdiff.ops.spec import Spec, dtype_of


def _declared(shape: Any, dtype: Any, value: Any = None) -> Spec:
    return Spec(shape_of(shape), dtype_of(dtype))


def _size_code(site: Site) -> Written:
    return dimension_code(dimension(site.params["dimension"]))


def _size_formula(site: Site) -> Written:
    written = dimension_code(dimension(site.params["dimension"]))
    return Written(written.text.replace(" * ", " "), written.binds)


def _constant_code(site: Site) -> Written:
    text = number_text(site.params["value"], site.out)
    return Written(text, UNARY if text.startswith("-") else ATOM)


def _constant_formula(site: Site) -> Written:
    value = site.params["value"]
    if np.ndim(value):
        return Written(f"constant {site.out!r}")
    if site.out.dtype.kind == "b":
        return Written(str(bool(value)))
    if site.out.dtype.kind == "c":
        return _complex_formula(complex(value))
    return Written(f"{np.asarray(value)[()]:.6g}".replace("-", "−"))


def _complex_formula(value: complex) -> Written:
    """``2``, ``i``, ``1 − 2i``."""
    real, size = f"{value.real:.6g}", f"{abs(value.imag):.6g}"
    if value.imag == 0:
        return Written(real.replace("-", "−"))
    imag = "i" if size == "1" else f"{size}i"
    minus = value.imag < 0
    if value.real == 0:
        return Written(f"−{imag}" if minus else imag)
    return Written(f"{real} {'−' if minus else '+'} {imag}".replace("-", "−"), ADD)


def number_text(value: Any, spec: Spec) -> str:
    """A scalar as a Python literal, which takes the dtype of what it is combined with."""
    if spec.dtype.kind == "b":
        return str(bool(value))
    if spec.dtype.kind == "i":
        return str(int(value))
    if spec.dtype.kind == "c":
        return _complex_text(complex(value))
    return _float_text(float(value))


def _float_text(number: float) -> str:
    if np.isnan(number):
        return "np.nan"
    if np.isinf(number):
        return "np.inf" if number > 0 else "-np.inf"
    return repr(number)


def _complex_text(number: complex) -> str:
    """A complex number that Python reads back bit by bit, as a real one where it is that."""
    real, imag = number.real, number.imag
    minus = bool(np.signbit(imag))
    if not is_imaginary(number):
        return _float_text(real)
    if np.isfinite(number) and imag != 0:
        if real != 0:
            return f"({real!r} {'-' if minus else '+'} {abs(imag)!r}j)"
        if np.signbit(real) == minus:  # Python's -2j is -(0 + 2j)
            return f"{imag!r}j"
    return f"complex({_float_text(real)}, {_float_text(imag)})"


def is_imaginary(value: Any) -> bool:
    """Whether a number has an imaginary part, which its text then shows; -0 is one."""
    imag = np.imag(value)
    return np.iscomplexobj(value) and bool(imag != 0 or np.signbit(imag))


input_ = Op("input", _declared, (), params={"shape": (), "dtype": "float64"})
parameter = Op("parameter", _declared, (), params={"shape": (), "dtype": "float64", "value": None})
constant = Op(
    "constant",
    _declared,
    (),
    params={"value": REQUIRED, "shape": (), "dtype": "float64"},
    numpy=_constant_code,
    formula=_constant_formula,
)
size = Op(
    "size",
    lambda dimension, dtype: Spec((), dtype_of(dtype)),
    (),
    params={"dimension": REQUIRED, "dtype": "float64"},
    normal=lambda dimension, dtype: {"dimension": Dim(dimension), "dtype": str(dtype_of(dtype))},
    numpy=_size_code,
    formula=_size_formula,
)

OPS = (input_, parameter, constant, size)
