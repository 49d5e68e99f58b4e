"""Files that `draw` writes, and the programs that it calls for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from graphviz.backend import dot_command

import graphdiff as gd
from graphdiff.drawing import draw, render
from tests.drawing import networks

MAGIC = {".svg": b"<?xml", ".png": b"\x89PNG\r\n", ".pdf": b"%PDF-", ".dot": b"digraph"}


@pytest.mark.parametrize("suffix", MAGIC)
@pytest.mark.usefixtures("dot")
def test_the_suffix_decides(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"xor{suffix}"
    assert draw(networks.xor(), target) == target
    assert target.read_bytes().startswith(MAGIC[suffix])
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("suffix", [".svg", ".png", ".dot"])
@pytest.mark.usefixtures("embedded")
def test_without_dot_on_the_path(suffix: str, tmp_path: Path) -> None:
    target = draw(networks.xor(), str(tmp_path / f"XOR{suffix.upper()}"))
    assert target.read_bytes().startswith(MAGIC[suffix])


@pytest.mark.usefixtures("embedded")
def test_pdf_without_dot_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(gd.DrawError, match="pdf") as caught:
        draw(networks.xor(), tmp_path / "xor.pdf")
    assert "install graphviz" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("embedded")
def test_without_any_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(render, "_embedded", lambda path: None)
    with pytest.raises(gd.DrawError, match="no program") as caught:
        draw(networks.xor(), tmp_path / "xor.svg")
    assert "graphviz-pure" in str(caught.value)
    draw(networks.xor(), tmp_path / "xor.dot")
    assert set(networks.xor()._repr_mimebundle_()) == {"text/plain"}


def test_an_engine_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho sick >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(gd.DrawError, match="failed") as caught:
        draw(networks.xor(), tmp_path / "xor.svg")
    assert "sick" in str(caught.value)
    assert not (tmp_path / "xor.svg").exists()


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    for name in ("xor.jpg", "xor", "xor.svg.bak", ".svg"):
        with pytest.raises(gd.DrawError, match=r"\.svg, \.png, \.pdf or \.dot"):
            draw(networks.xor(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(gd.FileError, match="cannot be written"):
        draw(networks.xor(), tmp_path / "nowhere" / "xor.svg")


def test_an_old_file_survives_a_failure(tmp_path: Path) -> None:
    target = tmp_path / "long.svg"
    target.write_text("old")
    with pytest.raises(gd.DrawError, match="too large"):
        draw(networks.chain(2000), target)
    assert target.read_text() == "old"


@pytest.mark.parametrize(
    ("option", "value"), [("detail", "nodes"), ("direction", "north"), ("detail", None)]
)
def test_unknown_options_are_refused(option: str, value: object) -> None:
    with pytest.raises(gd.DrawError, match=option):
        draw(networks.xor(), **{option: value})


def test_only_graphs_are_drawn() -> None:
    with pytest.raises(gd.DrawError, match="only a graph"):
        draw(networks.xor().dag)  # type: ignore[call-overload]  # refused


def test_threads_and_no_global_state(engine: str) -> None:
    binary = dot_command.DOT_BINARY
    with ThreadPoolExecutor(4) as pool:
        pictures = set(pool.map(lambda _: draw(networks.chain()).svg, range(8)))
    assert len(pictures) == 1
    assert binary == dot_command.DOT_BINARY
