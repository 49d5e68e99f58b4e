"""Pictures as a reader sees them: the SVG that each engine draws is read back."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.drawing import Picture, draw
from graphdiff.lower.writer import program
from graphdiff.rewrite import DEFAULT, rewritten
from tests.drawing import networks
from tests.drawing.layout import layout

EVERY = (
    networks.xor,
    networks.chain,
    networks.layers,
    networks.softmax,
    networks.odd,
    networks.descent,
)
NETWORKS = pytest.mark.parametrize("network", EVERY, ids=lambda network: network.__name__)
NEAR = 4.0  # points; rows are ten times as far apart
Network = Callable[[], gd.Graph]


# -- what is shown ---------------------------------------------------------------------------


def test_xor_reads_as_in_the_book(engine: str) -> None:
    """Goodfellow et al., *Deep Learning*, section 6.1, and the rules of section 6.5.6."""
    boxes = layout(draw(networks.xor()).svg).boxes
    first = {key: box.text.split("\n")[0] for key, box in boxes.items()}
    assert first == {
        "x": "x",
        "y": "y",
        "W": "W",
        "c": "c",
        "w": "w",
        "b": "b",
        "a": "a = x W + c",
        "h": "h = max(0, a)",
        "e": "e = h w + b − y",
        "J": "J = mean(e²)",
        "dJ_de": "∂J/∂e = (2/t) e",
        "dJ_dh": "∂J/∂h = ∂J/∂e wᵀ",
        "dJ_da": "∂J/∂a = ∂J/∂h × (a > 0)",
        "dJ_dw": "∂J/∂w = hᵀ ∂J/∂e",
        "dJ_dW": "∂J/∂W = xᵀ ∂J/∂a",
        "dJ_db": "∂J/∂b = Σ ∂J/∂e",
        "dJ_dc": first["dJ_dc"],
    }
    assert re.fullmatch("∂J/∂c = Σ[₀ₜ] ∂J/∂a", first["dJ_dc"])


def test_kinds_and_shapes_of_values(engine: str) -> None:
    seen = layout(draw(networks.xor()).svg)
    kinds = {
        kind: {key for key, box in seen.boxes.items() if kind in box.kinds}
        for kind in ("input", "parameter", "output")
    }
    assert kinds == {
        "input": {"x", "y"},
        "parameter": {"W", "c", "w", "b"},
        "output": {"J", "dJ_dW", "dJ_dc", "dJ_dw", "dJ_db"},
    }
    assert seen.boxes["x"].text == "x\ninput (t, 2)"
    assert seen.boxes["W"].text == "W\nparameter (2, 2)"
    assert seen.boxes["dJ_dW"].text.endswith("\n(2, 2)")  # no arrow leaves it
    # x W c → a, a → h, h w b y → e, e → J; ∂e → ∂w ∂b ∂h, ∂h → ∂a, ∂a → ∂W ∂c
    into_a, into_e = ["(t, 2)", "(2, 2)", "(2,)"], ["(t, 2)", "(2,)", "()", "(t,)"]
    forward = [*into_a, "(t, 2)", *into_e, "(t,)"]
    assert sorted(seen.labels) == sorted([*forward, *["(t,)"] * 3, *["(t, 2)"] * 3])


def test_xor_stores_what_the_book_stores(engine: str) -> None:
    arrows = layout(draw(networks.xor()).svg).arrows
    assert {pair for pair, kinds in arrows.items() if "again" in kinds} == {
        ("e", "dJ_de"),
        ("h", "dJ_dw"),
        ("w", "dJ_dh"),
        ("a", "dJ_da"),
        ("x", "dJ_dW"),
    }


@NETWORKS
def test_every_value_is_there_and_none_overlaps(network: Network, engine: str) -> None:
    graph = rewritten(network(), DEFAULT)
    written = program(graph)
    values = {value.name for value in written.values.values()}
    given = {written.names.variable(node) for node in (*written.arguments, *written.arrays)}
    seen = layout(draw(graph).svg)
    assert set(seen.boxes) == values | given
    assert seen.overlapping() == []


@NETWORKS
def test_the_ops_level_is_the_dag(network: Network) -> None:
    """One box a node, one arrow for each pair of nodes that an edge joins."""
    graph = network()
    scene = draw(graph, detail="ops").scene
    node = dict(zip((box.key for box in scene.boxes), graph.order(), strict=True))
    assert {(node[a.tail], node[a.head]) for a in scene.arrows} == {
        (u, v) for u, v, _ in graph.dag.edges
    }
    phase, op = graph.dag.nodes(data="phase"), graph.dag.nodes(data="op")
    assert {(node[a.tail], node[a.head]) for a in scene.arrows if a.again} == {
        (u, v)
        for u, v, _ in graph.dag.edges
        if phase[u] == "forward" != phase[v] and op[u] not in ("constant", "size")
    }
    assert {node[box.key] for box in scene.boxes if box.output} == set(
        graph.outputs_by_name.values()
    )


# -- where it stands -------------------------------------------------------------------------


@pytest.mark.parametrize("detail", ["values", "ops"])
@pytest.mark.parametrize("direction", ["up", "down", "right", "left"])
def test_gradients_face_their_values(direction: str, detail: str, engine: str) -> None:
    boxes = layout(draw(networks.xor(), detail=detail, direction=direction).svg).boxes
    along = "x" if direction in ("right", "left") else "y"
    for value in ("e", "h", "a", "w", "b", "W", "c"):
        pair = boxes[value], boxes[f"dJ_d{value}"]
        assert getattr(pair[0], along) == pytest.approx(getattr(pair[1], along), abs=NEAR)


@NETWORKS
def test_what_faces_is_the_gradient_of_it(network: Network, engine: str) -> None:
    graph = network()
    picture = draw(graph, detail="ops")
    node = dict(zip((box.key for box in picture.scene.boxes), graph.order(), strict=True))
    seen = layout(picture.svg).boxes
    facing = {box.key: box.faces for box in picture.scene.boxes if box.faces is not None}
    for key, value in facing.items():
        assert node[value] in graph.dag.nodes[node[key]]["of"]
        assert seen[key].y == pytest.approx(seen[value].y, abs=NEAR)
    of = {name for name, of in graph.dag.nodes(data="of") if of}
    assert {node[key] for key in facing} == of


@NETWORKS
def test_the_forward_pass_is_on_the_left_and_flows_up(network: Network, engine: str) -> None:
    seen = layout(draw(network()).svg)
    assert seen.frames["cluster_0"].right < seen.frames["cluster_1"].left
    picture = draw(network())
    column = {box.key: box.column for box in picture.scene.boxes}
    for arrow in picture.scene.arrows:
        tail, head = seen.boxes[arrow.tail], seen.boxes[arrow.head]
        if column[arrow.tail] == column[arrow.head] == 0:
            assert tail.y > head.y
        elif column[arrow.tail] == column[arrow.head]:
            assert tail.y <= head.y + NEAR


def test_directions() -> None:
    places = {
        direction: layout(draw(networks.chain(), direction=direction).svg).boxes
        for direction in ("up", "down", "right", "left")
    }
    assert places["up"]["w"].y > places["up"]["z"].y
    assert places["down"]["w"].y < places["down"]["z"].y
    assert places["right"]["w"].x < places["right"]["z"].x
    assert places["left"]["w"].x > places["left"]["z"].x


def test_a_gradient_of_a_gradient_is_a_third_column(engine: str) -> None:
    G = gd.gradient(networks.chain(2), of="dz/dw", wrt="w")
    seen = layout(draw(G).svg)
    frames = [seen.frames[f"cluster_{i}"] for i in range(3)]
    assert [frame.text for frame in frames] == ["forward", "gradient of z", "gradient of ∂z/∂w"]
    assert frames[0].right < frames[1].left < frames[1].right < frames[2].left


def test_without_a_gradient_there_is_no_frame() -> None:
    g = gd.Graph("line")
    g.output("y", np.tanh(g.input("x")))
    seen = layout(draw(g).svg)
    assert set(seen.boxes) == {"x", "y"}
    assert seen.frames == {}


# -- scopes ----------------------------------------------------------------------------------


def test_scopes_are_frames_in_both_phases(engine: str) -> None:
    seen = layout(draw(networks.layers()).svg)
    words = [frame.text for frame in seen.frames.values()]
    assert sorted(words) == sorted(
        ["forward", "gradient of L", *["layer1", "layer2", "layer3"] * 2, "loss"]
    )
    assert seen.boxes["layer2_a"].text == "a = layer1.h W + b"
    assert seen.boxes["dL_dlayer2_W"].text.startswith("∂L/∂W = layer1.hᵀ ∂L/∂a")


def test_scopes_make_a_stack(engine: str) -> None:
    frames = layout(draw(networks.layers()).svg).frames.values()
    for first, second in (("layer1", "layer2"), ("layer2", "layer3")):
        lower = [frame for frame in frames if frame.text == first]
        upper = [frame for frame in frames if frame.text == second]
        assert max(frame.bottom for frame in upper) < min(frame.top for frame in lower)


def test_a_collapsed_scope_is_one_box_for_each_phase(engine: str) -> None:
    seen = layout(draw(networks.layers(), collapse=["layer1", "layer2"]).svg)
    scopes = {key: box for key, box in seen.boxes.items() if "scope" in box.kinds}
    for name in ("layer1", "layer2"):
        forward, gradient = (box for box in scopes.values() if box.text.startswith(name))
        assert forward.text == f"{name}\n2 parameters, 2 values"
        assert gradient.text.startswith(f"{name}\n4 values\noutput ∂L/∂")
        assert forward.y == pytest.approx(gradient.y, abs=NEAR)
    assert "layer3_h" in seen.boxes
    assert "layer1_h" not in seen.boxes


def test_all_scopes_collapsed() -> None:
    picture = draw(networks.layers(50), collapse=True)
    assert len(picture.scene.boxes) < 110
    assert {box.kind for box in picture.scene.boxes} == {"input", "scope"}


def test_an_unknown_scope_is_refused() -> None:
    with pytest.raises(gd.DrawError, match="'layer9'") as caught:
        draw(networks.layers(), collapse="layer9")
    assert "layer1" in str(caught.value)


def test_the_name_in_the_inner_scope_is_meant() -> None:
    g = gd.Graph("shadow")
    outer = g.input("W")
    with g.scope("layer"):
        inner = g.parameter("W")
        g.output("y", (inner * outer).named("p"))
    (text,) = (box.lines[0] for box in draw(g).scene.boxes if box.key == "layer_p")
    assert text in ("W .W", "W × .W")


# -- names and escapes -----------------------------------------------------------------------


@pytest.mark.parametrize("detail", ["values", "ops"])
def test_odd_names_are_shown_as_they_are(detail: str, engine: str) -> None:
    svg = draw(networks.odd(), detail=detail).svg
    seen = layout(svg)  # it is well-formed XML
    shown = {box.text.split("\n")[0] for box in seen.boxes.values() if "parameter" in box.kinds}
    assert shown == {name.replace("\n", " ") for name in networks.ODD}
    assert 'odd <i> & "q" \\G' in "".join(re.findall(">(odd .*?)</text>", svg)).replace(
        "&lt;", "<"
    ).replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")


def test_dot_text_holds_no_markup_of_the_user() -> None:
    text = draw(networks.odd()).dot
    assert "<i>" not in text
    assert "<inner>" not in text
    assert "<x>" not in text


@pytest.mark.parametrize(
    "name", ["graph", "strict", "é", "a" * 500, "x" + " y" * 300, "\u202e", "%n"]
)
def test_any_name_can_be_drawn(name: str, engine: str) -> None:
    g = gd.Graph(name)
    g.output("y", np.tanh(g.input(name)) * 2.0)
    boxes = layout(draw(g).svg).boxes.values()
    assert any("output" in box.kinds for box in boxes)
    assert max(box.right for box in boxes) < 1000


def test_long_formulas_are_broken_over_lines(engine: str) -> None:
    g = gd.Graph("long")
    parts = [g.input(f"quite_a_long_name_{i}", (3,)) for i in range(12)]
    g.output("y", np.concatenate(parts))
    (box,) = (box for box in layout(draw(g).svg).boxes.values() if "output" in box.kinds)
    lines = box.text.split("\n")
    assert len(lines) <= 7
    assert max(map(len, lines)) < 90


# -- notebooks, sizes, repetition ------------------------------------------------------------


def test_a_notebook_shows_a_graph(engine: str) -> None:
    G = networks.xor()
    bundle = G._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "text/plain"}
    assert bundle["image/svg+xml"].startswith("<svg")
    assert bundle["text/plain"] == repr(G)
    assert set(G._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert set(G._repr_mimebundle_(exclude=["text/plain"])) == {"image/svg+xml"}


def test_a_graph_in_the_making_can_be_shown() -> None:
    g = gd.Graph("new")
    assert "image/svg+xml" in g._repr_mimebundle_()
    np.tanh(g.input("x")) * 2.0
    assert len(draw(g).scene.boxes) == 2


def test_draw_without_a_path_gives_a_picture() -> None:
    picture = draw(networks.chain())
    assert isinstance(picture, Picture)
    assert "image/svg+xml" in picture._repr_mimebundle_()
    assert "chain" in repr(picture)


def test_a_graph_too_large_to_lay_out() -> None:
    G = networks.chain(2000)
    with pytest.raises(gd.DrawError, match="too large") as caught:
        _ = draw(G).svg
    assert all(way in str(caught.value) for way in ("collapse=True", "detail='values'", ".dot"))
    assert set(G._repr_mimebundle_()) == {"text/plain"}


def test_no_recursion_and_linear_time(tmp_path: Path) -> None:
    G = networks.chain(5000)
    text = draw(G, tmp_path / "long.dot", detail="ops").read_text()
    assert text.count("class=op") + text.count('class="op output"') > 10_000


@pytest.mark.parametrize("detail", ["values", "ops"])
@pytest.mark.parametrize("seed", [0, 2, 4])
def test_the_forward_pass_is_on_the_left_of_tangles(seed: int, detail: str, engine: str) -> None:
    """The engines put it on the right here: the layout is mirrored, and is still sound."""
    seen = layout(draw(networks.tangle(60 + 20 * seed, seed), detail=detail).svg)
    assert seen.frames["cluster_0"].right <= seen.frames["cluster_1"].left
    assert seen.overlapping() == []


@pytest.mark.parametrize("seed", [0, 2])
def test_tangles_are_laid_out(seed: int, engine: str) -> None:
    """Labels on arrows within a rank made both engines fail."""
    picture = draw(networks.tangle(150, seed))
    assert len(layout(picture.svg).boxes) == len(picture.scene.boxes)


def test_three_hundred_boxes(engine: str) -> None:
    picture = draw(networks.layers(38))
    assert len(picture.scene.boxes) > 300
    assert layout(picture.svg).overlapping() == []


_WRITE = """
import sys
from graphdiff.drawing import draw
from tests.drawing import networks
for network in (networks.xor, networks.layers, networks.odd, lambda: networks.tangle(100, 1)):
    for detail in ("values", "ops"):
        sys.stdout.write(draw(network(), detail=detail).dot)
"""


def test_the_same_graph_gives_the_same_bytes() -> None:
    root = Path(__file__).parents[2]
    texts = {
        subprocess.run(
            [sys.executable, "-c", _WRITE],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root), "PYTHONUTF8": "1"},
            cwd=root,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(texts) == 1
    assert len(texts.pop()) > 10_000


def test_the_graph_is_left_alone() -> None:
    G = networks.layers()
    before = [(node, dict(attributes)) for node, attributes in G.dag.nodes(data=True)]
    draw(G, collapse=True)
    draw(G, detail="ops")
    assert before == [(node, dict(attributes)) for node, attributes in G.dag.nodes(data=True)]


def test_the_derivatives_of_a_product_by_its_factors_are_each_other() -> None:
    g = gd.Graph()
    a, b = g.parameter("a"), g.parameter("b")
    g.output("J", a * b)
    G = gd.gradient(g, of="J")  # dJ/da is b, and dJ/db is a
    assert {box.name for box in gd.draw(G).scene.boxes} == {"a", "b", "J"}
    p, q = G["dJ/da"] + 1.0, G["dJ/db"] + 1.0
    G.output("S", p * q)
    assert gd.draw(gd.gradient(G, of="S", wrt=[p.name, q.name]), rewrites=()).scene.boxes


def test_a_step_of_training_has_a_column_for_the_update(engine: str) -> None:
    """What only the update uses stands there too: the state and the learning rate."""
    g = gd.Graph("line")
    x, y, w = g.input("x", ("t",)), g.input("y", ("t",)), g.parameter("w")
    g.output("J", np.mean((w * x - y) ** 2))
    picture = draw(gd.train.step(g, "J", gd.train.momentum(0.1)))
    assert picture.scene.columns == ("forward", "gradient of J", "update")
    column = {box.name: box.column for box in picture.scene.boxes}
    assert {name for name, number in column.items() if number == 2} == {
        "w.v", "rate", "new w.v", "new w",
    }  # fmt: skip
    assert column["w"] == column["x"] == 0
    seen = layout(picture.svg)
    assert max(seen.boxes[k].right for k in ("x", "w", "J")) < seen.boxes["dJ_dw"].left
    assert seen.boxes["dJ_dw"].right < seen.boxes["new_w"].left
    assert seen.overlapping() == []


def test_a_loop_tells_its_steps_by_name_and_its_arrows_what_is_taken() -> None:
    g = gd.Graph("sequence")
    h = gd.nn.lstm(g.input("x", ("t", "T", 3)), 5, scope="lstm")
    g.output("J", np.mean(h[:, -1] ** 2))
    scene = draw(gd.gradient(g, of="J")).scene
    (loop,) = (box for box in scene.boxes if box.column == 0 and "scan" in " ".join(box.lines))
    told = " ".join(loop.lines)
    for statement in ("write = σ(z[:, 0:5])", "keep = σ(z[:, 5:10])", "new = tanh(z[:, 15:20])"):
        assert statement in told
    assert "state.c ← keep × state.c + write × new" in told
    (arrow,) = (arrow for arrow in scene.arrows if arrow.tail == loop.key and not arrow.again)
    assert arrow.shape == "(T, t, 5)"


def test_a_name_of_the_scope_around_is_told_without_a_dot_before_it() -> None:
    g = gd.Graph("block")
    x = g.input("x", ("t", 8))
    h = gd.nn.residual(x, lambda h: gd.nn.dense(h, 8, gd.nn.tanh, scope="inner"), scope="block")
    g.output("J", np.mean(h**2))
    boxes = draw(gd.gradient(g, of="J", wrt="x")).scene.boxes
    lines = [" ".join(box.lines) for box in boxes]
    assert "∂J/∂block.h × (1 − h²)" in lines
    assert not any("/∂." in line for line in lines)
