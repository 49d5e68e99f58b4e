"""Names and formulas as LaTeX: ``W_hat`` is a bold W with a hat, ``max(0, x W + c)`` its formula.

The formulas are those that the ops declare for pictures and comments; here their signs and words
are put into LaTeX's, one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from graphdiff.lower.names import identifier

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "varphi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta",
    "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_GREEK_WORDS = frozenset(_GREEK.values()) | {"epsilon", "phi"}
_ACCENTS = {"hat": "hat", "bar": "bar", "tilde": "tilde", "dot": "dot"}
_FUNCTIONS = frozenset({"exp", "log", "max", "min", "sin", "cos", "tan", "tanh", "sinh", "cosh"})
_SIGNS = {
    "−": "-",
    "×": r"\odot",
    "Σ": r"\sum",
    "Π": r"\prod",
    "≥": r"\geq",
    "≤": r"\leq",
    "≠": r"\neq",
    "¬": r"\neg",
    "‖": r"\Vert",
    "|": r"\vert",
    "…": r"\dots",
    "←": r"\leftarrow",
    "∂": r"\partial",
    "ᵀ": r"^{\top}",
    "^": "^",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "{": r"\{",
    "}": r"\}",
}
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₋", "0123456789-", strict=True))
_OPERATORS = frozenset("+−×/<>=≥≤≠,")
_LETTER = "(?![\\dᵀΣΠ⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉])\\w"
_PIECE = re.compile(
    r"(?P<name>[\U000f0000-\U000ffffd][\U00100000-\U0010fffd])"
    r"|(?P<power>\^−?\d+\.?\d*)"
    r"|(?P<number>\d+\.?\d*(?:e[+−]?\d+)?)"
    rf"|(?P<word>{_LETTER}(?:{_LETTER}|[0-9])*)"
    r"|(?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)|(?P<lowered>[₀₁₂₃₄₅₆₇₈₉₋](?:,?[₀₁₂₃₄₅₆₇₈₉₋])*)"
    r"|(?P<space>\s+)|(?P<sign>.)",
    re.DOTALL,
)


def symbol(name: str, ndim: int = 0, scope: Sequence[str] = ()) -> str:
    r"""A name as a symbol: bold for arrays; digits, words after ``_`` and scopes are lowered.

    Examples
    --------
    >>> print(symbol("W1", 2), symbol("y_hat", 1), symbol("theta"), symbol("cost"))
    \mathbf{W}_{1} \hat{\mathbf{y}} \theta \mathrm{cost}
    >>> print(symbol("h", 2, ["hidden"]))
    \mathbf{h}_{\mathrm{hidden}}
    """
    base, *rest = identifier(name).strip("_").split("_")
    digits = re.fullmatch(r"([^\W\d]+?)(\d+)", base)
    lowered = []
    if digits:
        base, number = digits.groups()
        lowered.append(number)
    text = _letter(base, ndim)
    for part in rest:
        if part in _ACCENTS:
            text = rf"\{_ACCENTS[part]}{{{text}}}"
        elif part:
            lowered.append(part if part.isdigit() or len(part) == 1 else _word(part))
    lowered += [part if part.isdigit() else _word(part) for part in map(_plain, scope)]
    return f"{text}_{{{','.join(lowered)}}}" if lowered else text


def _plain(scope: str) -> str:
    return identifier(scope).strip("_").replace("_", r"\_")


def _letter(base: str, ndim: int) -> str:
    greek = _GREEK.get(base, base)
    if greek in _GREEK_WORDS:
        return rf"\boldsymbol{{\{greek}}}" if ndim else rf"\{greek}"
    if len(base) == 1 and base.isalpha():
        return rf"\mathbf{{{base}}}" if ndim else base
    return _word(base, "mathbf" if ndim else "mathrm")


def _word(text: str, font: str = "mathrm") -> str:
    return rf"\{font}{{{text}}}"


def derivative(of: str, by: str) -> str:
    """The symbol of a derivative."""
    return rf"\frac{{\partial {of}}}{{\partial {by}}}"


def translated(formula: str, symbols: Mapping[str, str]) -> str:
    """A formula with tokens for names.

    Parameters
    ----------
    formula
        As the ops write it, with two signs of private use for each name.
    symbols
        What each token stands for.
    """
    found = [(str(m.lastgroup), m.group()) for m in _PIECE.finditer(formula)]
    return _Writer(found, symbols).text()


class _Writer:
    """One formula: its pieces, each of which is written by what it is and what stands beside it."""

    def __init__(self, pieces: Sequence[tuple[str, str]], symbols: Mapping[str, str]) -> None:
        self.pieces = pieces
        self.symbols = symbols
        self.depth = 0
        self.roots: list[
            int
        ] = []  # the depths at which a bracket under a root or a line stands open
        self.write: Mapping[str, Callable[[int, str], str]] = {
            "name": self.name,
            "power": lambda i, text: f"^{{{text[1:].replace('−', '-')}}}",
            "number": self.number,
            "word": self.word,
            "raised": lambda i, text: f"^{{{''.join(map(_RAISED.__getitem__, text))}}}",
            "lowered": self.lowered,
            "space": self.space,
            "sign": self.sign,
        }

    def text(self) -> str:
        done = []
        for i, (kind, text) in enumerate(self.pieces):
            written = self.write[kind](i, text)
            power = i and self.pieces[i - 1][1] == "^" and written != "{"
            done.append(f"{{{written}}}" if power else written)
        return "".join(done).strip()

    def after(self, i: int) -> tuple[str, str]:
        return self.pieces[i + 1] if i + 1 < len(self.pieces) else ("", "")

    def lowered(self, i: int, text: str) -> str:
        """An index; of a sum it is no index, but the axis along which it runs."""
        numbers = "".join(_LOWERED.get(sign, sign) for sign in text)
        if self.pieces[i - 1][1] in ("Σ", "Π"):
            return rf"_{{\text{{{'axes' if ',' in numbers else 'axis'} {numbers}}}}}"
        return f"_{{{numbers}}}"

    def name(self, i: int, text: str) -> str:
        found = self.symbols[text]
        kind, following = self.after(i)
        if found.startswith(r"\frac") and (kind == "raised" or following == "ᵀ"):
            return rf"\left({found}\right)"
        return found

    def number(self, i: int, text: str) -> str:
        digits, _, exponent = text.replace("−", "-").partition("e")
        if not exponent:
            return digits
        power = f"10^{{{int(exponent)}}}"
        return power if digits == "1" else rf"{digits} \cdot {power}"

    def word(self, i: int, text: str) -> str:
        kind, following = self.after(i)
        if text in _FUNCTIONS:
            return rf"\{text}"
        if text == "conj" and following == "(":
            return r"\overline"
        if text in _GREEK and following == "(":
            return rf"\{_GREEK[text]}"
        if following == "(" or kind == "lowered":
            return rf"\operatorname{{{text}}}"
        if kind == "space" and self.pieces[i + 2 : i + 3] and self.pieces[i + 2][0] == "word":
            return rf"\operatorname{{{text}}}"  # of two words: log softmax
        return rf"\text{{{text}}}" if len(text) > 1 else text

    def space(self, i: int, text: str) -> str:
        before, after = self.pieces[i - 1][1], self.after(i)[1]
        operator = before in _OPERATORS or after in _OPERATORS
        return " " if operator or before in "ΣΠ" else r"\,"

    def sign(self, i: int, text: str) -> str:
        if text in "([":
            self.depth += 1
            if i and (self.pieces[i - 1][1] in "√∛^" or self.pieces[i - 1] == ("word", "conj")):
                self.roots.append(self.depth)
                return "{"
        if text in ")]":
            self.depth -= 1
            if self.roots and self.roots[-1] == self.depth + 1:
                self.roots.pop()
                return "}"
        if text == "√":
            return r"\sqrt"
        if text == "∛":
            return r"\sqrt[3]"
        if text == "×" and [kind for kind, _ in self.pieces[i + 1 : i + 3]] == ["space", "number"]:
            return r"\cdot"
        found = _SIGNS.get(text, text)
        command = found[0] == "\\" and found[-1].isalpha()
        return f"{found} " if command and self.after(i)[0] in ("name", "word") else found
