"""How derivatives are written: a factor for each step, products side by side, and their sum."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from graphdiff.ops.lazily import Lazily
from graphdiff.ops.notation import ADD, ATOM, MULTIPLY, POWER, Written, superscript

if TYPE_CHECKING:
    import sympy
else:
    sympy = Lazily("sympy")


def primed(function: str, position: int, count: int) -> str:
    """``f'``, or ``∂₁f`` of several operands."""
    return f"{function}'" if count == 1 else f"∂{'₁₂₃'[position]}{function}"


def listed(texts: Iterable[Written]) -> str:
    """Operands in brackets, without the brackets."""
    return ", ".join(text.text for text in texts)


def written_over(value: Any, texts: Sequence[Written]) -> Written:
    """A small sympy expression over ``_0``, ``_1``, … as text over the given ones."""
    if value.is_Symbol:
        return texts[int(value.name[1:])]
    value = value.replace(sympy.Heaviside, lambda difference, *_: _bracket(difference))
    text = re.sub(r"\d+/\d+(?![\d*])", _decimal, sympy.sstr(value, order="none"))
    text = re.sub(r"\*\*(\w+|\([^)]*\))", lambda m: superscript("", m[1]), text)
    text = text.replace("*", " ").replace("-", "−")
    text = re.sub(r"_(\d+)", lambda m: texts[int(m[1])].within(ATOM), text)
    signed = text.startswith("−")
    binds = ADD if value.is_Add else MULTIPLY if value.is_Mul or signed or "/" in text else POWER
    return Written(text, binds)


def _bracket(difference: Any) -> Any:
    """Iverson's bracket ``[a > b]``, 1 where it holds and else 0, for a step in ``a - b``."""
    above = sympy.Add(
        *(term for term in sympy.Add.make_args(difference) if not term.could_extract_minus_sign())
    )
    below = above - difference
    return sympy.Symbol(f"[{above} > {below}]")


def _decimal(fraction: re.Match[str]) -> str:
    above, below = fraction[0].split("/")
    return f"{int(above) / int(below):.6g}"


def _product(factors: Sequence[Written]) -> Written:
    """Factors side by side; one that could be misread is put in brackets."""
    if len(factors) <= 1:
        return factors[0] if factors else Written("1")
    rest = [factor for factor in factors if factor.text != "−1"]
    if len(rest) < len(factors):
        sign = "−" if (len(factors) - len(rest)) % 2 else ""
        return Written(f"{sign}{_product(rest).within(MULTIPLY)}", MULTIPLY)
    parts = [
        factor.within(MULTIPLY if i == 0 and "/" not in factor.text else POWER)
        for i, factor in enumerate(factors)
    ]
    return Written(" ".join(parts), MULTIPLY)


def sum_of_products(paths: Sequence[Sequence[Written]]) -> Written:
    """The products of several paths added up."""
    if len(paths) == 1:
        return _product(paths[0])
    if not paths:
        return Written("0")
    text = " + ".join(_product(path).within(ADD) for path in reversed(paths))
    return Written(text.replace("+ −", "− "), ADD)
