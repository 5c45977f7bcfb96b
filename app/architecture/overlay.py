"""Two students in one picture: what they share, what only one of them has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import networkx as nx
import pandas as pd
import streamlit as st

from app import formats
from app.architecture import component, drawing
from app.architecture.drawing import Box
from rosearch_engine.genome import Frame, Genome
from rosearch_engine.store.rows import MeasuredStudent

# How a node fares from the first student to the second: the colours' family, and a sign for those who see no colours.
FATES = {
    "both": ("identity", "="),
    "changed": ("attention", "≠"),
    "first": ("transformer", "−"),
    "second": ("conv", "+"),
}

INKS = {"first": "var(--st-red-color, #d6453d)", "second": "var(--st-green-color, #21915f)"}
GENES = {
    "width": "Width",
    "rank": "Embedding rank",
    "pooling": "Pooling",
    "merge": "Merge rule",
    "code": "Input code",
    "context": "Context",
    "bound": "Bound B",
    "kappa": "Kappa",
}


@dataclass(frozen=True)
class Pair:
    """Two genomes laid over each other. Node `n` of the pair is `nodes[n]`: its numbers in the first and the second.

    Attributes:
        nodes: from the embedding to the head; None where a genome does not have the node.
        edges: all edges of both, in the pair's numbers.
        origin: of each edge "both", "first" or "second".
    """

    nodes: Sequence[tuple[int | None, int | None]]
    edges: Sequence[tuple[int, int]]
    origin: Mapping[tuple[int, int], str]

    @property
    def head(self) -> int:
        return len(self.nodes) - 1

    def graph(self) -> nx.DiGraph:
        graph = nx.DiGraph()
        graph.add_nodes_from(range(self.head + 1))
        graph.add_edges_from(self.edges)
        return graph


def lay_over(first: Genome, second: Genome) -> Pair:
    """Match the nodes of two genomes by the longest common run of operations, in their order.

    Both orders go from the embedding to the head and are kept, so that the edges of both together make no circle.
    """
    nodes: list[tuple[int | None, int | None]] = [(0, 0)]
    mine, other = ([node.operation for node in genome.nodes] for genome in (first, second))
    for kind, a0, a1, b0, b1 in SequenceMatcher(None, mine, other, autojunk=False).get_opcodes():
        if kind == "equal":
            nodes += zip(range(a0 + 1, a1 + 1), range(b0 + 1, b1 + 1), strict=True)
        else:
            nodes += [(number, None) for number in range(a0 + 1, a1 + 1)]
            nodes += [(None, number) for number in range(b0 + 1, b1 + 1)]
    nodes.append((first.head, second.head))
    places = [{own[side]: place for place, own in enumerate(nodes)} for side in (0, 1)]
    ours, theirs = (
        {(place[a], place[b]) for a, b in genome.edges} for genome, place in zip((first, second), places, strict=True)
    )
    origin = {
        edge: "both" if edge in ours & theirs else "first" if edge in ours else "second" for edge in ours | theirs
    }
    return Pair(nodes, sorted(origin), origin)


def fate(pair: Pair, number: int, first: Genome, second: Genome) -> str:
    """What becomes of a node of the pair."""
    a, b = pair.nodes[number]
    if a is None or b is None:
        return "first" if b is None else "second"
    if number == 0:
        alike = (first.rank, first.width, first.code) == (second.rank, second.width, second.code)
    elif number == pair.head:
        mine, other = ((one.pooling, one.width, one.context, one.bound) for one in (first, second))
        alike = mine == other
    else:
        alike = first.node(a) == second.node(b)
    return "both" if alike else "changed"


def pair_boxes(pair: Pair, first: Genome, second: Genome, frame: Frame | None) -> list[Box]:
    """What to write in each node of the pair."""
    left, right = drawing.boxes(first, frame), drawing.boxes(second, frame)
    drawn = []
    for number, (a, b) in enumerate(pair.nodes):
        how = fate(pair, number, first, second)
        family, sign = FATES[how]
        own = right[b] if b is not None else left[a or 0]
        shape = own.shape if how != "changed" or a is None else f"{left[a].shape} ⇒ {own.shape}"
        layer = 0 if how == "changed" else own.teacher_layer
        drawn.append(Box(number, family, f"{sign} {own.title}", shape, own.weights, layer, ""))
    return drawn


def legend(first: str, second: str) -> None:
    """What the colours and signs mean."""
    with st.container(horizontal=True, gap="small"):
        for how, text in (
            ("both", "in both"),
            ("changed", "in both, different genes"),
            ("first", f"only in {first}"),
            ("second", f"only in {second}"),
        ):
            family, sign = FATES[how]
            st.badge(f"{sign} {text}", color=drawing.families()[family].colour)


def show(first: Genome, second: Genome, frame: Frame | None, key: str) -> str:
    """Draw two students in one picture; returns its SVG."""
    pair = lay_over(first, second)
    placed = drawing.layout(pair)
    inks = {edge: INKS[side] for edge, side in pair.origin.items() if side in INKS}
    drawn = drawing.picture(pair, pair_boxes(pair, first, second, frame), placed, "Two architectures", inks)
    component.view(drawn, placed, pair.head, key)
    return drawn


def table(first: MeasuredStudent, second: MeasuredStudent) -> pd.DataFrame:
    """The figures and the global genes of two students beside each other."""
    rows = [
        ("Clean accuracy", *(formats.percent(student["accuracy"]) for student in (first, second))),
        ("After attack", *(formats.percent(student["robustness"]) for student in (first, second))),
        ("After attack, 95%", *(formats.interval(student["robustness_interval"]) for student in (first, second))),
        ("Compression", *(formats.times(student["compression"]) for student in (first, second))),
        ("Parameters", *(formats.count(student["weights"]) for student in (first, second))),
    ]
    genes = [dict(student["genome"]) for student in (first, second)]
    rows += [
        (title, *(str(own.get(gene, "plain" if gene == "code" else "-")) for own in genes))
        for gene, title in GENES.items()
        if gene == "code" or any(gene in own for own in genes)
    ]
    found = pd.DataFrame(rows, columns=["", first["name"], second["name"]])
    found.insert(1, "≠", ["≠" if one != other else "" for _, one, other in rows])
    return found
