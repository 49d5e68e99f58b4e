"""Nodes without operands: inputs, parameters, constants, and the sizes of named dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdiff.ops.dimension import Dim, dimension, shape_of
from graphdiff.ops.notation import Site, Written, dimension_code
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
    return Written(number_text(site.params["value"], site.out))


def _constant_formula(site: Site) -> Written:
    value = site.params["value"]
    if np.ndim(value):
        return Written(f"constant {site.out!r}")
    text = f"{np.asarray(value)[()]:.6g}" if site.out.dtype.kind != "b" else str(bool(value))
    return Written(text.replace("-", "−"))


def number_text(value: Any, spec: Spec) -> str:
    """A scalar as a Python literal, which takes the dtype of what it is combined with."""
    if spec.dtype.kind == "b":
        return str(bool(value))
    if spec.dtype.kind == "i":
        return str(int(value))
    number = float(value)
    if np.isnan(number):
        return "np.nan"
    if np.isinf(number):
        return "np.inf" if number > 0 else "-np.inf"
    return repr(number)


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
