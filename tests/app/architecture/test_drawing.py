"""The picture of a genome."""

from __future__ import annotations

import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from app.architecture import drawing
from rosearch_engine.config import SpaceConfig
from rosearch_engine.genome import Genome, Node, Space
from rosearch_engine.genome.operators import sample
from rosearch_engine.operations import operation
from tests.app.conftest import FRAME

SVG = "{http://www.w3.org/2000/svg}"
SPACE = Space.of(SpaceConfig(), FRAME)


def genomes(count: int = 12) -> list[Genome]:
    rng = np.random.default_rng(0)
    return [SPACE.chain(1), *(sample(SPACE, rng) for _ in range(count))]


def groups(picture: str, kind: str) -> list[ElementTree.Element]:
    return [g for g in ElementTree.fromstring(picture).iter(f"{SVG}g") if g.get("class") == kind]


@pytest.mark.parametrize("draw", [drawing.layout, drawing.layered], ids=["graphviz", "layers"])
def test_every_node_and_edge_is_drawn_inside_the_picture(draw) -> None:
    for genome in genomes():
        placed = draw(genome)
        picture = drawing.svg(genome, FRAME, placed)
        assert {int(g.get("data-id", -1)) for g in groups(picture, "node")} == set(range(genome.head + 1))
        drawn = {(int(g.get("data-a", -1)), int(g.get("data-b", -1))) for g in groups(picture, "edge")}
        assert drawn == set(genome.edges)
        for x, y in placed.centres.values():
            assert drawing.WIDTH / 2 <= x <= placed.width - drawing.WIDTH / 2
            assert drawing.HEIGHT / 2 <= y <= placed.height - drawing.HEIGHT / 2
        for a, b in genome.edges:
            assert placed.centres[a][1] < placed.centres[b][1]


@pytest.mark.parametrize("draw", [drawing.layout, drawing.layered], ids=["graphviz", "layers"])
def test_nodes_do_not_overlap(draw) -> None:
    for genome in genomes():
        centres = list(draw(genome).centres.values())
        for i, (x, y) in enumerate(centres):
            for a, b in centres[i + 1 :]:
                assert abs(x - a) >= drawing.WIDTH or abs(y - b) >= drawing.HEIGHT


def test_a_machine_without_graphviz_still_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert drawing.layout(SPACE.chain(2)).engine == "layers"


def test_texts_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = replace(operation("transformer"), title='<script>alert("x")</script> & more')
    monkeypatch.setattr(drawing, "operation", lambda name: hostile)
    picture = drawing.svg(SPACE.chain(1), FRAME)
    assert "<script" not in picture
    texts = [t.text for t in ElementTree.fromstring(picture).iter(f"{SVG}text")]
    assert '<script>alert("x")</script> & more' in texts


def test_weights_of_the_boxes_add_up_to_the_genomes() -> None:
    from rosearch_engine.genome import cost

    for genome in genomes():
        assert sum(box.weights or 0 for box in drawing.boxes(genome, FRAME)) == cost(genome, FRAME).weights


def test_only_an_edge_with_another_way_round_is_dashed() -> None:
    nodes = [Node("identity"), Node("identity")]
    genome = Genome.of(
        width=96, rank=32, pooling="mean", merge="mean", nodes=nodes, edges=[(0, 1), (1, 2), (2, 3), (0, 3)]
    )
    dashed = {
        (int(g.get("data-a", -1)), int(g.get("data-b", -1)))
        for g in groups(drawing.svg(genome, FRAME), "edge")
        if "stroke-dasharray" in ElementTree.tostring(g, encoding="unicode")
    }
    assert dashed == {(0, 3)}


def test_a_run_without_a_frame_yet_is_drawn_without_weights() -> None:
    picture = drawing.svg(SPACE.chain(1), None)
    assert "weights" not in picture
    assert len(groups(picture, "node")) == 3


@pytest.mark.parametrize("draw", [drawing.layout, drawing.layered], ids=["graphviz", "layers"])
@pytest.mark.parametrize("context", ["free", "bounded", "invariant"])
def test_the_ledger_stands_beside_the_graph(context: str, draw) -> None:
    from rosearch_engine.genome import cost

    frame = replace(FRAME, coefficients=3, groups={"plain": 70})
    genome = replace(SPACE.chain(2), context=context, bound=0.5 if context == "bounded" else 0.0)
    boxes = drawing.boxes(genome, frame)
    found = {box.title: box for box in boxes}
    picture = drawing.svg(genome, frame, draw(drawing.whole(genome, frame)))
    edges = {(int(g.get("data-a", -1)), int(g.get("data-b", -1))) for g in groups(picture, "edge")}
    assert sum(box.weights or 0 for box in boxes) == cost(genome, frame).weights
    assert ("Ledger" in found) == (context != "free")
    assert found["Embedding"].shape.startswith("70 groups" if context == "invariant" else f"{FRAME.vocabulary:,}")
    if context == "bounded":
        assert found["Sum"].shape == "ledger + B tanh(graph / B), B = 0.5"
        assert edges - set(genome.edges) == {(3, 5), (4, 5)}
    elif context == "invariant":
        assert edges - set(genome.edges) == {(3, 4), (3, 5), (4, 5)}  # the graph weighs the ledger's words
    else:
        assert edges == set(genome.edges)
