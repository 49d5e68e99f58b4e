"""Write again what is kept in the repository but made by graphdiff.

    python examples/regenerate.py

These are the files in `examples/generated`, the picture in `docs/images`, and the source that
`README.md` shows. The tests check that all of them are what comes out today; look at the
differences before they are committed.
"""

import re
from pathlib import Path

import bare_networkx
import digits
import rnn
import xor

import graphdiff as gd

HERE = Path(__file__).parent
TOP = HERE.parent
NETWORKS = {
    "xor": xor.network,
    "digits": digits.network,
    "rnn": rnn.network,
    "logistic": lambda: gd.Graph.from_networkx(bare_networkx.network()),
}
FAST = ("xor", "digits")  # kept in the fast style as well
SHOWN = re.compile(r"(<!-- generated -->\n```python\n).*?(```\n)", re.DOTALL)


def function(source: str) -> str:
    """The function `value_and_grad` of a generated module."""
    found = re.search(r"^def value_and_grad.*?\n(?=\n\n)", source, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[0]


def main() -> None:
    """Write all of them."""
    for name, declare in NETWORKS.items():
        G = gd.gradient(declare(), of="J")
        gd.compile(G, style="readable").save(HERE / "generated" / f"{name}.py")
        if name in FAST:
            gd.compile(G, style="fast").save(HERE / "generated" / f"{name}_fast.py")
    G = gd.gradient(xor.network(), of="J")
    gd.draw(G, TOP / "docs" / "images" / "xor.svg")
    readme = TOP / "README.md"
    source = function(gd.compile(G, style="readable").source)
    shown = SHOWN.sub(lambda found: found[1] + source + found[2], readme.read_text("utf-8"))
    readme.write_text(shown, "utf-8")


if __name__ == "__main__":
    main()
