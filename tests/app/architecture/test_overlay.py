"""Two students in one picture."""

from __future__ import annotations

import dataclasses
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pytest

from app.architecture import drawing, overlay
from rosearch_engine.config import SpaceConfig
from rosearch_engine.genome import Genome, Space
from rosearch_engine.genome.operators import mutate, sample
from tests.app.conftest import FRAME, open_page

SPACE = Space.of(SpaceConfig(), FRAME)


def pair_of(seed: int) -> tuple[Genome, Genome]:
    rng = np.random.default_rng(seed)
    first = sample(SPACE, rng)
    return first, mutate(first, SPACE, rng)[0] if seed % 2 else sample(SPACE, rng)


@pytest.mark.parametrize("seed", range(30))
def test_both_students_are_in_the_picture_whole(seed: int) -> None:
    first, second = pair_of(seed)
    pair = overlay.lay_over(first, second)
    assert nx.is_directed_acyclic_graph(pair.graph())
    for side, genome in ((0, first), (1, second)):
        place = {own[side]: number for number, own in enumerate(pair.nodes)}
        assert set(place) - {None} == set(range(genome.head + 1))
        mine = {(place[a], place[b]) for a, b in genome.edges}
        assert {edge for edge, of in pair.origin.items() if of in ("both", ("first", "second")[side])} == mine
    drawn = overlay.pair_boxes(pair, first, second, FRAME)
    assert len(drawn) == pair.head + 1
    picture = ElementTree.fromstring(drawing.picture(pair, drawn, drawing.layout(pair), "two"))
    groups = [group.get("class") for group in picture]
    assert groups.count("node") == pair.head + 1
    assert groups.count("edge") == len(pair.edges)


def test_a_student_and_itself_have_all_in_common() -> None:
    first, _ = pair_of(4)
    pair = overlay.lay_over(first, first)
    assert {overlay.fate(pair, number, first, first) for number in range(pair.head + 1)} == {"both"}
    assert set(pair.origin.values()) == {"both"}
    assert list(pair.edges) == list(first.edges)


def test_an_embedding_and_a_head_of_other_sizes_are_not_in_both_alike() -> None:
    first, _ = pair_of(4)
    changes: list[tuple[dict[str, Any], int]] = [
        ({"rank": first.rank + 1}, 0),
        ({"pooling": "cls" if first.pooling != "cls" else "max"}, -1),
    ]
    for change, number in changes:
        second = dataclasses.replace(first, **change)
        pair = overlay.lay_over(first, second)
        fates = [overlay.fate(pair, place, first, second) for place in range(pair.head + 1)]
        assert fates.pop(number) == "changed"
        assert set(fates) == {"both"}


def test_what_does_not_fit_a_box_is_shortened_and_stands_in_its_title() -> None:
    long = "12 heads · 128 → 768 → 128 · silu ⇒ 12 heads · 384 → 768 → 384 · gelu"
    box = drawing.Box(0, "ends", "Transformer layer", long, 5, 0, "")
    genome = pair_of(4)[0]
    drawn = drawing.picture(genome, [box], drawing.layout(genome), "one")
    assert f"<title>Transformer layer, {long}" in drawn
    assert f"{drawing.fitting(long)}</text>" in drawn
    assert len(drawing.fitting(long)) <= drawing.LONGEST


def test_a_changed_gene_shows_before_and_after() -> None:
    space = Space.of(SpaceConfig(operations=("attention",), max_nodes=1), FRAME)
    rng = np.random.default_rng(0)
    first = sample(space, rng)
    second = first
    while second.node(1).heads == first.node(1).heads:
        second = sample(space, rng)
    pair = overlay.lay_over(first, second)
    box = overlay.pair_boxes(pair, first, second, FRAME)[1]
    assert overlay.fate(pair, 1, first, second) == "changed"
    assert box.title.startswith("≠")
    assert f"{first.node(1).heads} head" in box.shape
    assert f"⇒ {second.node(1).heads} head" in box.shape


def test_the_page_lays_another_student_over_the_one_in_hand(run_id: int) -> None:
    app = open_page("architecture", run="demo", student="s0003")
    app.selectbox(key="other.demo.s0003").set_value("s0001").run()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe)
    assert list(table.columns) == ["", "≠", "s0003", "s0001"]
    assert len(table) == 5 + 5  # figures, and the genes that either has
