"""Graphs in files: exact, checked as they are read, and never half-written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from networkx.utils import graphs_equal

import graphdiff as gd
from graphdiff.graph.files import digest, from_json, to_json
from tests.reference import run


def network() -> gd.Graph:
    g = gd.Graph("net")
    x = g.input("x", ("t", 3), "float32")
    with g.scope("layer"):
        W = g.parameter("W", (3, 2), "float32")
        h = np.maximum(0, x[1:, ::-1] @ W / x.shape[0]).named("h")
    g.output("J", np.sum(h.reshape(-1) ** 2) + np.sum(np.where(h > np.inf, h, -0.0)))
    return g


@pytest.mark.parametrize("make", [network, lambda: gd.gradient(network(), of="J")])
def test_a_graph_comes_back_equal(make: Any, tmp_path: Path) -> None:
    g = make()
    g.save(tmp_path / "net.json")
    back = gd.load(tmp_path / "net.json")
    assert graphs_equal(back.dag, g.dag)
    assert back.order() == g.order()
    assert digest(back) == digest(g)
    values = {"x": np.ones((4, 3), "float32"), "layer/W": np.ones((3, 2), "float32")}
    for name, value in run(g, **values).items():
        np.testing.assert_array_equal(run(back, **values)[name], value, strict=True)


ARRAYS = hnp.arrays(
    st.sampled_from(["float64", "float32", "int64", "bool"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)


@given(ARRAYS)
def test_values_come_back_bit_by_bit(value: np.ndarray[Any, Any]) -> None:
    g = gd.Graph()
    g.parameter("p", value=value)
    g.constant(value, "c")
    back = from_json(json.loads(json.dumps(to_json(g))))
    for name in ("p", "c"):
        found = back[name].params["value"]
        assert found.dtype == value.dtype
        assert found.shape == value.shape
        assert found.tobytes() == value.tobytes()
        assert not found.flags.writeable


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.lists(parts, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), parts, max_size=3)
    ),
    max_leaves=6,
)


@given(PLAIN, PLAIN, PLAIN)
def test_the_users_attributes_come_back(a: Any, b: Any, c: Any) -> None:
    g = network()
    g.dag.nodes["x"]["colour"] = a
    g.dag.graph["author"] = b
    g.dag.edges["layer/h", next(iter(g.dag["layer/h"])), 0]["weight"] = c
    back = from_json(json.loads(json.dumps(to_json(g))))
    assert graphs_equal(back.dag, g.dag)
    assert repr(back.dag.nodes["x"]["colour"]) == repr(a)  # 1, 1.0 and True are equal


def test_numbers_of_numpy_and_arrays_as_attributes(tmp_path: Path) -> None:
    g = network()
    g.dag.nodes["x"].update(a=np.float32(0.1), b=np.arange(3), c=float("nan"))
    g.save(tmp_path / "net.json")
    found = gd.load(tmp_path / "net.json").dag.nodes["x"]
    assert (found["a"], found["a"].dtype) == (np.float32(0.1), np.float32)
    assert found["b"].tolist() == [0, 1, 2]
    assert np.isnan(found["c"])


def test_what_cannot_be_written_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    g = network()
    g.dag.nodes["x"]["callback"] = print
    with pytest.raises(gd.FileError) as caught:
        g.save(tmp_path / "net.json")
    assert "node 'x' (input): the attribute 'callback' cannot be written" in str(caught.value)
    assert "test_files.py:" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    network().save(tmp_path / "net.json")
    document = json.loads((tmp_path / "net.json").read_text(encoding="utf-8"))
    assert (document["format"], document["version"]) == ("graphdiff graph", 1)
    first = document["nodes"][0]
    assert (first["name"], first["op"], first["shape"]) == ("x", "input", ["t", 3])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(gd.FileError, match="cannot be written") as caught:
        network().save(tmp_path / "missing" / "net.json")
    assert "choose a folder that exists" in str(caught.value)
    with pytest.raises(gd.FileError, match="cannot be read"):
        gd.load(tmp_path / "missing.json")
    with pytest.raises(gd.FileError, match="cannot be read"):
        gd.load(tmp_path)
    with pytest.raises(gd.FileError, match="cannot be written"):
        network().save(tmp_path)


def test_an_interrupted_write_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.json"
    network().save(path)
    before = path.read_bytes()

    def interrupted(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(gd.FileError, match="cannot be written"):
        gd.Graph("other").save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@given(st.data())
def test_a_truncated_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = json.dumps(to_json(network()), indent=1)
    path = tmp_path_factory.getbasetemp() / "truncated.json"
    path.write_text(text[: data.draw(st.integers(0, len(text) - 1))], encoding="utf-8")
    with pytest.raises(gd.FileError, match="is not JSON"):
        gd.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a graph"),
        (b'{"format": "other"}', "is not a graph"),
        (b'{"format": "graphdiff graph", "version": 2}', "has an unknown version"),
        (b'{"format": "graphdiff graph", "version": 1}', "is damaged"),
    ],
)
def test_other_files_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(gd.FileError, match=message) as caught:
        gd.load(path)
    assert "other.json" in str(caught.value)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places in a document where something could be wrong."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(inner for key, part in items for inner in _paths(part, (*path, key)))]


DOCUMENT = json.loads(json.dumps(to_json(network())))
JUNK: list[Any] = [None, 7, -1, "junk", [], {}, ["x"], {"base64": "??"}, {"float": "x"}, 1e400]


@given(st.sampled_from(_paths(DOCUMENT)[1:]), st.sampled_from(JUNK), st.booleans())
def test_a_damaged_file_gives_a_graph_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, place: Any, junk: Any, drop: bool
) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    *outer, last = place
    inside = document
    for key in outer:
        inside = inside[key]
    if drop:
        del inside[last]
    else:
        inside[last] = junk
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        found = gd.load(path)
    except gd.GraphdiffError:
        return
    assert len(found.order()) == len(found)
    assert graphs_equal(gd.Graph.from_networkx(found.dag).dag, found.dag)


def test_digests_tell_graphs_apart() -> None:
    g, other = network(), network()
    assert digest(g) == digest(other)  # on another line
    other["x"].named("z")
    assert digest(g) != digest(other)
    assert digest(gd.Graph("a")) != digest(gd.Graph("b"))
