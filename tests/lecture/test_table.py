"""The table of the lecture's formulas in the documentation names tests and functions that exist."""

from __future__ import annotations

import re
from operator import attrgetter
from pathlib import Path

import pytest

import graphdiff as gd

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "lecture" / "index.md").read_text(encoding="utf-8")
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ") and "](" in line]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_what_there_is(row: str) -> None:
    words = re.findall(r"`([^`]+)`", row)
    for name in (word for word in words if word.startswith("gd.")):
        attrgetter(name.removeprefix("gd."))(gd)
    tests = [word for word in words if re.search(r"\btest_\w+", word)]
    assert tests
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    for name in tests:
        if name.endswith(".py"):
            assert list((ROOT / "tests").rglob(Path(name).name))
        else:
            assert any(f"def {name}(" in source for source in sources), name
    for page in re.findall(r"\]\(([^)]+\.md)\)", row):
        assert (ROOT / "docs" / "lecture" / page).is_file()
