"""The parts and the length of complex numbers, and the convention for derivatives by them.

A complex number z = u + iv is taken as the two reals that it is. The derivative of a real J by it
is returned as ∂J/∂u − i ∂J/∂v, as JAX returns it, so that dJ = Re(derivative · dz); the direction
of steepest ascent is its conjugate. Vector-Jacobian products are the transpose for this pairing: an
analytic function multiplies the cotangent by its complex derivative, ``conjugate`` conjugates the
cotangent, and ``real`` hands it on as it is. A cotangent without an imaginary part may be real
where its value is complex. That of a real value is real: the reverse sweep takes the real part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphdiff.errors import DTypeError
from graphdiff.ops.elementwise import in_place, inferred
from graphdiff.ops.lazily import Lazily
from graphdiff.ops.notation import ATOM, POWER, Form, Site, Written, call
from graphdiff.ops.op import Op
from graphdiff.ops.spec import Spec, real_dtype

if TYPE_CHECKING:
    import sympy
else:
    sympy = Lazily("sympy")


def _checked(z: Spec) -> Spec:
    if not z.is_complex:
        raise DTypeError("a real value has no parts", expected="a complex value", got=repr(z))
    return z


def _attribute(name: str) -> Form:
    return lambda site: Written(f"{site.operands[0].within(ATOM)}.{name}")


def _length_formula(site: Site) -> Written:
    return Written(f"|{site.operands[0].text}|")


def _length_product(g: Any, y: Any, z: Any) -> Any:
    direction = np.sign(z)
    return g * (np.conj(direction) if z.dtype.kind == "c" else direction)


def _direction_product(g: Any, y: Any, z: Any) -> Any:
    """What is across z, by its length; a real direction does not change."""
    if z.dtype.kind != "c":
        return 0.0
    length = np.abs(z)
    return (g - np.conj(y) * np.real(g * y)) * (1.0 / np.where(length == 0, np.inf, length))


def _part(name: str, rule: Any) -> Op:
    return Op(
        name,
        lambda z: Spec(_checked(z).shape, real_dtype(z.dtype)),
        ("z",),
        vjp=(rule,),
        numpy=_attribute(name),
        formula=call({"real": "Re", "imag": "Im"}[name]),
        elementwise=True,
        spreads=True,
        complex=True,
        view=True,
    )


real = _part("real", lambda g, y, z: g)
imag = _part("imag", lambda g, y, z: -(1j * g))
conjugate = Op(
    "conjugate",
    inferred("conjugate"),
    ("z",),
    vjp=(lambda g, y, z: np.conj(g),),
    numpy=call("np.conj"),
    formula=call("conj"),
    elementwise=True,
    spreads=True,
    complex=True,
)
absolute = Op(
    "abs",
    inferred("abs"),
    ("z",),
    vjp=(_length_product,),
    numpy=call("np.abs"),
    formula=_length_formula,
    elementwise=True,
    spreads=True,
    complex=True,
    convention="0 at 0",
    expression=lambda z: sympy.Abs(z),
)
abs2 = Op(
    "abs2",
    inferred("abs"),
    ("z",),
    vjp=(lambda g, y, z: 2.0 * g * np.conj(z),),
    numpy=lambda site: Written(f"np.abs({site.operands[0].text}) ** 2", POWER),
    formula=lambda site: Written(f"|{site.operands[0].text}|²", POWER),
    elementwise=True,
    spreads=True,
    complex=True,
    flops=lambda out, z: 2 * out.size,
    workspace=lambda out, z: 0 if in_place(out) else out.nbytes,
)
sign = Op(
    "sign",
    inferred("sign"),
    ("z",),
    vjp=(_direction_product,),
    numpy=call("np.sign"),
    formula=call("sign"),
    elementwise=True,
    spreads=True,
    complex=True,
    convention="0 at 0; for real values 0 everywhere",
    expression=lambda z: sympy.sign(z),
)

OPS = (absolute, abs2, sign, real, imag, conjugate)
