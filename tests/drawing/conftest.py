from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture
def dot() -> None:
    """Graphviz's own program: a test that needs it is skipped without it, but not in CI."""
    if shutil.which("dot") is None:
        if os.environ.get("CI"):
            pytest.fail("Graphviz's dot is not installed: apt-get install graphviz")
        pytest.skip("Graphviz's dot is not installed")


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No `dot` on the PATH."""
    monkeypatch.setenv("PATH", "")


@pytest.fixture(params=["dot", "embedded"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each layout engine in turn."""
    request.getfixturevalue(request.param)
    return str(request.param)
