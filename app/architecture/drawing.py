"""The picture of a genome: Graphviz coordinates, our own SVG, and a component that returns clicks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

import networkx as nx

from app.formats import count
from rosearch_engine.genome import Frame, Genome
from rosearch_engine.genome.ops import embedding_weights, ledger_weights, node_weights, words_read
from rosearch_engine.operations import Family, operation, operations

Point = tuple[float, float]
WIDTH, HEIGHT = 200.0, 74.0
GAP_X, GAP_Y = 28.0, 32.0
EDGE_INK = "color-mix(in srgb, var(--st-text-color, #3a4252) 55%, transparent)"
MARGIN = 14.0
LONGEST = 36  # characters of a shape that fit a box
ENDS = Family("ends", "Embedding, head", "blue", "#e3edfb", "#1c64c4", "#12468c")
SHORT_POOLINGS = {"cls": "first token", "mean": "mean over tokens", "max": "max over tokens"}


def families() -> dict[str, Family]:
    """The colours by name: that of the embedding and the head, then those of the operations."""
    return {"ends": ENDS} | {known.family.name: known.family for known in operations()}


@dataclass(frozen=True)
class Box:
    """One node as it is drawn.

    Attributes:
        number: the genome's node number.
        family: key of `families()`.
        title: what the node computes.
        shape: its sizes, from input to output.
        weights: trainable numbers; None where the run's frame is not known yet.
        teacher_layer: the teacher's layer that starts and supervises it, 0 for none.
        merge: how several inputs are joined; empty for one input.
        note: stands where the weights are written otherwise.
    """

    number: int
    family: str
    title: str
    shape: str
    weights: int | None
    teacher_layer: int
    merge: str
    note: str = ""


@dataclass(frozen=True)
class Layout:
    """Coordinates in pixels, y downwards.

    Attributes:
        centres: the middle of each node.
        curves: for each edge its points, as the start and triples of a cubic spline.
        engine: 'graphviz', or 'layers' where Graphviz is not to be had.
    """

    centres: dict[int, Point]
    curves: dict[tuple[int, int], list[Point]]
    width: float
    height: float
    engine: str


class Drawable(Protocol):
    """A graph from an embedding, node 0, to a head, the node with the highest number."""

    @property
    def head(self) -> int: ...

    @property
    def edges(self) -> Sequence[tuple[int, int]]: ...

    def graph(self) -> nx.DiGraph: ...


@dataclass(frozen=True)
class Beside:
    """A student's graph with the ledger that stands beside it, and the sum of both.

    The ledger follows the graph's own nodes, and the sum follows the ledger.
    """

    genome: Genome
    weighs: bool

    @property
    def ledger(self) -> int:
        return self.genome.head + 1

    @property
    def head(self) -> int:
        return self.genome.head + 2

    @property
    def edges(self) -> Sequence[tuple[int, int]]:
        weighed = [(self.genome.head, self.ledger)] if self.weighs else []
        return [*self.genome.edges, *weighed, (self.genome.head, self.head), (self.ledger, self.head)]

    def graph(self) -> nx.DiGraph:
        graph = nx.DiGraph(self.edges)
        graph.add_nodes_from(range(self.head + 1))
        return graph


def whole(genome: Genome, frame: Frame | None) -> Drawable:
    """All that is drawn of a student."""
    own = frame.of(genome) if frame else None
    if own is None or not own.has_ledger:
        return genome
    return Beside(genome, own.coefficients > 0)


def boxes(genome: Genome, frame: Frame | None) -> list[Box]:
    """What to write in each node, from the embedding to the head, then in the ledger and the sum if there are any."""
    frame = frame.of(genome) if frame else None
    classes = f"{frame.classes} classes" if frame else "classes"
    words = f"{genome.rank} × {genome.width}"
    if frame:
        rows = words_read(genome, frame)
        words = f"{rows:,}{' groups' if rows < frame.vocabulary else ''} × {words}"
    drawn = [Box(0, "ends", "Embedding", words, embedding_weights(genome, frame) if frame else None, 0, "")]
    for number, node in enumerate(genome.nodes, start=1):
        known = operation(node.operation)
        drawn.append(
            Box(
                number,
                known.family.name,
                known.title,
                known.sizes(node, genome.width),
                node_weights(genome, number, frame) if frame else None,
                node.teacher_layer,
                _merge(genome, number),
            )
        )
    head = f"{SHORT_POOLINGS[genome.pooling]} · {genome.width} → {classes}"
    weights = node_weights(genome, genome.head, frame) if frame else None
    drawn.append(Box(genome.head, "ends", "Classifier head", head, weights, 0, _merge(genome, genome.head)))
    return [*drawn, *_beside(genome, frame)] if frame and frame.has_ledger else drawn


def _beside(genome: Genome, frame: Frame) -> list[Box]:
    """The ledger and the sum."""
    shape = f"{frame.vocabulary:,} words × {frame.classes} classes"
    if frame.coefficients:
        shape = f"{frame.vocabulary:,} × {1 + frame.coefficients} × {frame.classes}"
    ledger = Box(genome.head + 1, "ends", "Ledger", shape, ledger_weights(genome, frame), 0, "")
    bound = frame.ledger_bound
    said = "ledger + graph" if frame.invariant else f"ledger + B tanh(graph / B), B = {bound:g}"
    return [ledger, Box(genome.head + 2, "ends", "Sum", said, 0, 0, "")]


def _merge(genome: Genome, number: int) -> str:
    inputs = len(genome.inputs(number))
    return f"{genome.merge} of {inputs}" if inputs > 1 else ""


def layout(genome: Drawable) -> Layout:
    """Place the nodes: with Graphviz, or in plain layers where its system libraries are missing."""
    try:
        import pygraphviz
    except ImportError:
        return layered(genome)
    return _graphviz(genome, pygraphviz)


def _graphviz(genome: Drawable, pygraphviz: Any) -> Layout:
    graph = pygraphviz.AGraph(directed=True, strict=True, rankdir="TB", nodesep=GAP_X / 72, ranksep=GAP_Y / 72)
    graph.node_attr.update(shape="box", fixedsize="true", width=WIDTH / 72, height=HEIGHT / 72, label="")
    graph.add_nodes_from(range(genome.head + 1))
    graph.add_edges_from(genome.edges)
    graph.layout("dot")
    _, _, width, height = (float(part) for part in graph.graph_attr["bb"].split(","))

    def place(text: str) -> Point:
        x, y = text.split(",")[-2:]
        return float(x) + MARGIN, height - float(y) + MARGIN

    centres = {int(node): place(node.attr["pos"]) for node in graph.nodes()}
    curves = {}
    for edge in graph.edges():
        tip, *points = edge.attr["pos"].split(" ")
        curves[int(edge[0]), int(edge[1])] = [*map(place, points), place(tip)]
    return Layout(centres, curves, width + 2 * MARGIN, height + 2 * MARGIN, "graphviz")


def layered(genome: Drawable) -> Layout:
    """Nodes in rows by their longest way from the embedding, edges as plain curves."""
    graph = genome.graph()
    for depth, numbers in enumerate(nx.topological_generations(graph)):
        for number in numbers:
            graph.nodes[number]["layer"] = depth
    placed = nx.multipartite_layout(graph, subset_key="layer", align="horizontal", scale=1)
    rows: dict[int, list[int]] = {}
    for number in graph:
        rows.setdefault(graph.nodes[number]["layer"], []).append(number)
    widest = max(len(row) for row in rows.values())
    width = widest * (WIDTH + GAP_X) - GAP_X + 2 * MARGIN
    centres = {}
    for depth, row in rows.items():
        row.sort(key=lambda number: placed[number][0])
        for place, number in enumerate(row):
            x = width / 2 + (place - (len(row) - 1) / 2) * (WIDTH + GAP_X)
            centres[number] = (x, MARGIN + HEIGHT / 2 + depth * (HEIGHT + GAP_Y))
    curves = {}
    for a, b in genome.edges:
        (x0, y0), (x1, y1) = centres[a], centres[b]
        start, end = (x0, y0 + HEIGHT / 2), (x1, y1 - HEIGHT / 2)
        # A longer edge swings out to the side, past the boxes between.
        out = (WIDTH / 2 + GAP_X) * (y1 - y0 > HEIGHT + GAP_Y + 1) * (1 if x0 >= width / 2 else -1)
        curves[a, b] = [start, (x0 + out, start[1] + GAP_Y), (x1 + out, end[1] - GAP_Y), (end[0], end[1] - 9), end]
    height = max(y for _, y in centres.values()) + HEIGHT / 2 + MARGIN
    return Layout(centres, curves, width, height, "layers")


def svg(genome: Genome, frame: Frame | None, placed: Layout | None = None) -> str:
    """The picture as SVG. Colours follow the app's theme inside the app and stand by themselves outside."""
    title = f"Architecture with {len(genome.nodes)} operations"
    drawn = whole(genome, frame)
    return picture(drawn, boxes(genome, frame), placed or layout(drawn), title)


def picture(
    graph: Drawable, drawn: Sequence[Box], placed: Layout, title: str, inks: Mapping[tuple[int, int], str] | None = None
) -> str:
    """SVG of placed boxes; `inks` colours some of the edges."""
    most = max((box.weights or 0 for box in drawn), default=0) or 1
    skips, inks = _skips(graph), inks or {}
    edges = "".join(
        _edge(a, b, placed.curves[a, b], (a, b) in skips, inks.get((a, b), EDGE_INK)) for a, b in graph.edges
    )
    nodes = "".join(_node(box, placed.centres[box.number], most) for box in drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {placed.width:.0f} {placed.height:.0f}" '
        f'width="{placed.width:.0f}" height="{placed.height:.0f}" role="group" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif">'
        f"{edges}{nodes}</svg>"
    )


def _skips(genome: Drawable) -> set[tuple[int, int]]:
    """Edges that bypass something: another way leads from their start to their end."""
    graph = genome.graph()
    return set(graph.edges) - set(nx.transitive_reduction(graph).edges)


def _edge(a: int, b: int, points: list[Point], skip: bool, ink: str) -> str:
    start, *rest = points[:-1]
    path = f"M{start[0]:.1f},{start[1]:.1f} C" + " ".join(f"{x:.1f},{y:.1f}" for x, y in rest)
    (x0, y0), (x1, y1) = points[-2], points[-1]
    length = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-6)
    side_x, side_y = 4 * (y1 - y0) / length, 4 * (x1 - x0) / length
    corners = ((x1, y1), (x0 - side_x, y0 + side_y), (x0 + side_x, y0 - side_y))
    head = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    dash = ' stroke-dasharray="6 4"' if skip else ""
    return (
        f'<g class="edge" data-a="{a}" data-b="{b}" style="stroke:{ink};fill:{ink}">'
        f'<path d="{path}" fill="none" stroke-width="1.6"{dash}/><polygon points="{head}" stroke="none"/></g>'
    )


def _node(box: Box, centre: Point, most: int) -> str:
    family = families()[box.family]
    name, back, line, ink = family.colour, family.back, family.line, family.ink
    x, y = centre[0] - WIDTH / 2, centre[1] - HEIGHT / 2
    back, line = f"var(--st-{name}-background-color, {back})", f"var(--st-{name}-color, {line})"
    ink, plain = f"var(--st-{name}-text-color, {ink})", "var(--st-text-color, #1d2433)"
    weights = "" if box.weights is None else f"{count(box.weights)} parameters" if box.weights else "no parameters"
    merge = f"inputs: {box.merge}" if box.merge and not box.note else box.merge
    about = ", ".join(filter(None, [box.title, box.shape, box.note, weights, _teacher(box), merge]))
    inner, top, bottom = WIDTH - 20, f'y="{y + HEIGHT - 10:.1f}"', 'height="4" rx="2"'
    bar = inner * (box.weights or 0) / most
    whole = f'x="{x:.1f}" y="{y:.1f}" width="{WIDTH}" height="{HEIGHT}" rx="9"'
    parts = [
        f'<rect {whole} style="fill:var(--st-background-color, #ffffff)"/>',
        f'<rect class="body" {whole} stroke-width="1.5" style="fill:{back};stroke:{line}"/>',
        _text(x + 10, y + 20, box.title, ink, 13.5, weight=650),
        _text(x + 10, y + 37, fitting(box.shape), plain, 11.5),
        _text(x + 10, y + 55, box.note or weights, plain, 10.5, opacity=0.75),
        _text(x + WIDTH - 10, y + 55, box.merge, ink, 10.5, "end"),
        f'<rect x="{x + 10:.1f}" {top} width="{inner}" {bottom} style="fill:{line};opacity:.2"/>',
        f'<rect x="{x + 10:.1f}" {top} width="{bar:.1f}" {bottom} style="fill:{line}"/>',
    ]
    if box.teacher_layer:
        pill = f'<rect x="{x + WIDTH - 34:.1f}" y="{y + 8:.1f}" width="26" height="16" rx="8" style="fill:{line}"/>'
        paper = "var(--st-background-color, #ffffff)"
        parts.append(pill + _text(x + WIDTH - 21, y + 20, f"T{box.teacher_layer}", paper, 10.5, "middle", 650))
    return (
        f'<g class="node" data-id="{box.number}" tabindex="0" role="button">'
        f"<title>{escape(about)}</title>{''.join(parts)}</g>"
    )


def fitting(text: str) -> str:
    """As much of a shape as a box holds; its title has all of it."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"


def _text(
    x: float,
    y: float,
    text: str,
    ink: str,
    size: float,
    anchor: str = "start",
    weight: int = 400,
    opacity: float = 1,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
        f'style="fill:{ink};opacity:{opacity}">{escape(text)}</text>'
    )


def _teacher(box: Box) -> str:
    return f"initialised from and supervised by teacher layer {box.teacher_layer}" if box.teacher_layer else ""
