"""Sample, mutate, cross over. Every operator returns a valid genome: it repairs, it never rejects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from numpy.random import Generator

from rosearch_engine.genome.dag import (
    Edge,
    Genome,
    Node,
)
from rosearch_engine.genome.space import Space

T = TypeVar("T")

REMOVAL = 0.1
"""Share of mutations that leave a student without its graph, where the space has such students."""


@dataclass
class Draft:
    """A genome while it is being changed: it may be broken until `repair`."""

    width: int
    rank: int
    pooling: str
    merge: str
    code: str
    nodes: list[Node]
    edges: set[Edge]
    context: str = ""
    bound: float = 0.0
    kappa: float | None = None

    @classmethod
    def of(cls, genome: Genome) -> Draft:
        return cls(
            genome.width,
            genome.rank,
            genome.pooling,
            genome.merge,
            genome.code,
            list(genome.nodes),
            set(genome.edges),
            genome.context,
            genome.bound,
            genome.kappa,
        )

    @property
    def head(self) -> int:
        return len(self.nodes) + 1

    def insert(self, place: int, node: Node) -> None:
        """Put a node at number `place`; the numbers from there on move up by one."""
        self.edges = {(a + (a >= place), b + (b >= place)) for a, b in self.edges}
        self.nodes.insert(place - 1, node)

    def remove(self, place: int) -> None:
        """Take a node out and join its inputs to its outputs."""
        into = [a for a, b in self.edges if b == place]
        out = [b for a, b in self.edges if a == place]
        kept = {(a, b) for a, b in self.edges if place not in (a, b)} | {(a, b) for a in into for b in out}
        self.edges = {(a - (a > place), b - (b > place)) for a, b in kept}
        del self.nodes[place - 1]


def sample(space: Space, rng: Generator) -> Genome:
    """A random genome: 1 to `max_nodes` operations, each fed by one or two earlier nodes; or no graph at all."""
    if space.graphless and rng.random() < space.graphless:
        return _sample_bag(space, rng)
    return _sample_graph(space, rng)


def _sample_bag(space: Space, rng: Generator) -> Genome:
    code = _pick(space.codes, rng)
    kappa = _pick(space.kappas, rng) if space.kappas else None
    return Genome.bag(code, kappa, _pick(space.bigrams, rng) if space.bigrams else 0)


def _sample_graph(space: Space, rng: Generator) -> Genome:
    size = int(rng.integers(1, space.max_nodes + 1))
    layers = sorted(int(layer) for layer in rng.integers(1, space.frame.layers + 1, size=size))
    draft = Draft(
        _pick(space.widths, rng),
        _pick(space.ranks, rng),
        _pick(space.poolings, rng),
        _pick(space.merges, rng),
        _pick(space.codes, rng),
        [replace(_random_node(space, rng), teacher_layer=layer) for layer in layers],
        set(),
        **{gene: _pick(values, rng) for gene, values in _searched(space).items()},
    )
    for number in range(1, size + 1):
        for _ in range(int(rng.integers(1, 3))):
            # Mostly from just before: uniform sources would make shallow, wide graphs only.
            source = number - 1 if rng.random() < 0.6 else int(rng.integers(0, number))
            draft.edges.add((source, number))
    return repair(draft, space, rng)


def mutate(genome: Genome, space: Space, rng: Generator) -> tuple[Genome, str]:
    """One random change, and the words for it. The result differs from the parent where the space allows."""
    if genome.is_bag:
        return _mutate_bag(genome, space, rng)
    if space.graphless and rng.random() < REMOVAL:
        bigrams = _pick(space.bigrams, rng) if space.bigrams else 0
        return Genome.bag(genome.code, genome.kappa, bigrams), "graph removed"
    for _ in range(20):
        draft = Draft.of(genome)
        change = _MUTATIONS[int(rng.integers(len(_MUTATIONS)))]
        words = change(draft, space, rng)
        child = repair(draft, space, rng)
        if words and child != genome:
            return child, words
    return genome, "unchanged"


def _mutate_bag(genome: Genome, space: Space, rng: Generator) -> tuple[Genome, str]:
    """Another code, another kappa, with bigrams or without, or a graph."""
    codes = [code for code in space.codes if code != genome.code]
    kappas = [kappa for kappa in space.kappas if kappa != genome.kappa]
    tables = [rows for rows in space.bigrams if rows != genome.bigrams]
    ways = ["code"] * bool(codes) + ["kappa"] * bool(kappas) + ["bigrams"] * bool(tables)
    ways += ["graph"] * (space.graphless < 1)
    way = _pick(ways, rng) if ways else ""
    if way == "code":
        code = _pick(codes, rng)
        return Genome.bag(code, genome.kappa, genome.bigrams), f"code {genome.code} became {code}"
    if way == "kappa":
        kappa = _pick(kappas, rng)
        return Genome.bag(genome.code, kappa, genome.bigrams), f"kappa {genome.kappa} became {kappa}"
    if way == "bigrams":
        rows = _pick(tables, rng)
        return Genome.bag(genome.code, genome.kappa, rows), f"rows for bigrams {genome.bigrams} became {rows}"
    if way == "graph":
        draft = Draft.of(_sample_graph(space, rng))
        draft.code, draft.kappa = genome.code, genome.kappa
        return repair(draft, space, rng), "a graph added"
    return genome, "unchanged"


def _cross_with_bag(first: Genome, second: Genome, space: Space, rng: Generator) -> Genome:
    """Either parent, with code and kappa from either, and bigrams from either that has no graph."""
    kept = _pick((first, second), rng)
    code, kappa = _pick((first.code, second.code), rng), _pick((first.kappa, second.kappa), rng)
    if kept.is_bag:
        bags = [parent for parent in (first, second) if parent.is_bag]
        return Genome.bag(code, kappa, _pick(bags, rng).bigrams if space.bigrams else 0)
    draft = Draft.of(kept)
    draft.code, draft.kappa = code, kappa
    return repair(draft, space, rng)


def crossover(first: Genome, second: Genome, space: Space, rng: Generator) -> Genome:
    """The early nodes of one parent, the late nodes of the other, global genes from either."""
    if first.is_bag or second.is_bag:
        return _cross_with_bag(first, second, space, rng)
    keep = int(rng.integers(0, len(first.nodes) + 1))
    drop = int(rng.integers(0, len(second.nodes) + 1))
    tail = list(second.nodes[drop:])
    draft = Draft(
        _pick((first.width, second.width), rng),
        _pick((first.rank, second.rank), rng),
        _pick((first.pooling, second.pooling), rng),
        _pick((first.merge, second.merge), rng),
        _pick((first.code, second.code), rng),
        list(first.nodes[:keep]) + tail,
        {(a, b) for a, b in first.edges if b <= keep},
        **{gene: _pick((getattr(first, gene), getattr(second, gene)), rng) for gene in _searched(space)},
    )
    shift = keep - drop
    for a, b in second.edges:
        if b > drop:
            # An edge out of the part that was left behind starts at a node that took its place.
            source = a + shift if a > drop else min(a, keep)
            draft.edges.add((source, b + shift))
    return repair(draft, space, rng)


def repair(draft: Draft, space: Space, rng: Generator) -> Genome:
    """The nearest valid genome of the space: sizes in range, every node on a path from embedding to head."""
    if not draft.nodes:
        draft.insert(1, _random_node(space, rng))
    while len(draft.nodes) > space.max_nodes:
        draft.remove(int(rng.integers(1, draft.head)))
    draft.nodes = [_fit(node, space, rng) for node in draft.nodes]
    head = draft.head
    edges = {(a, b) for a, b in draft.edges if 0 <= a < b <= head}
    for number in range(1, head):
        if not any(b == number for _, b in edges):
            edges.add((int(rng.integers(0, number)), number))
    for number in range(head, 0, -1):
        sources = sorted(a for a, b in edges if b == number)
        while len(sources) > space.max_inputs:
            edges.remove((sources.pop(int(rng.integers(len(sources)))), number))
    for number in range(head - 1, -1, -1):
        if not any(a == number for a, _ in edges):
            _connect(number, head, edges, space, rng)
    for gene, values in _searched(space).items():
        if getattr(draft, gene) not in values:  # a bound that the other parent's context had no use for, for one
            setattr(draft, gene, _pick(values, rng))
    return Genome.of(
        width=_nearest(draft.width, space.widths),
        rank=_nearest(draft.rank, space.ranks),
        pooling=draft.pooling if draft.pooling in space.poolings else space.poolings[0],
        merge=draft.merge if draft.merge in space.merges else space.merges[0],
        code=draft.code if draft.code in space.codes else space.codes[0],
        nodes=draft.nodes,
        edges=edges,
        context=draft.context,
        bound=draft.bound,
        kappa=draft.kappa,
    )


def _searched(space: Space) -> dict[str, Sequence[Any]]:
    """The values of those genes that a run may leave out: of those that it does search."""
    genes = {"context": space.contexts, "bound": space.bounds, "kappa": space.kappas}
    return {gene: values for gene, values in genes.items() if values}


def _connect(number: int, head: int, edges: set[Edge], space: Space, rng: Generator) -> None:
    """Give a dead end an outgoing edge without overfilling its target."""
    inputs = {b: [a for a, c in edges if c == b] for b in range(number + 1, head + 1)}
    free = [b for b, sources in inputs.items() if len(sources) < space.max_inputs]
    if free:
        edges.add((number, head if head in free and rng.random() < 0.5 else _pick(free, rng)))
        return
    # All later nodes are full. The next one is fed by lower nodes only: take over one of its edges; should
    # that leave its old source a dead end, `repair` comes to it later, since it goes downwards.
    edges.remove((_pick(inputs[number + 1], rng), number + 1))
    edges.add((number, number + 1))


def _change_operation(draft: Draft, space: Space, rng: Generator) -> str:
    number = int(rng.integers(1, draft.head))
    old, new = draft.nodes[number - 1], _random_node(space, rng)
    draft.nodes[number - 1] = replace(new, teacher_layer=old.teacher_layer or new.teacher_layer)
    return f"node {number}: {old.operation} became {new.operation}"


def _change_gene(draft: Draft, space: Space, rng: Generator) -> str:
    number = int(rng.integers(1, draft.head))
    node = draft.nodes[number - 1]
    choices: dict[str, Sequence[Any]] = {}
    if node.uses("heads"):
        choices["heads"] = space.heads
    if node.uses("feed_forward"):
        choices["feed_forward"] = space.feed_forwards
    if node.uses("activation"):
        choices["activation"] = space.activations
    if node.uses("teacher_layer"):
        choices["teacher_layer"] = range(1, space.frame.layers + 1)
    if not choices:
        return ""
    gene = _pick(sorted(choices), rng)
    value = _pick([value for value in choices[gene] if value != getattr(node, gene)] or choices[gene], rng)
    draft.nodes[number - 1] = replace(node, **{gene: value})
    return f"node {number}: {gene.replace('_', ' ')} {getattr(node, gene)} became {value}"


def _add_node(draft: Draft, space: Space, rng: Generator) -> str:
    if len(draft.nodes) >= space.max_nodes:
        return ""
    a, b = _pick(sorted(draft.edges), rng)
    new = _random_node(space, rng)
    draft.insert(b, new)
    draft.edges |= {(a, b), (b, b + 1)}
    if rng.random() < 0.5:
        draft.edges.discard((a, b + 1))
        return f"{new.operation} inserted as node {b}"
    return f"{new.operation} added parallel to an edge as node {b}"


def _remove_node(draft: Draft, space: Space, rng: Generator) -> str:
    if len(draft.nodes) < 2:
        return ""
    number = int(rng.integers(1, draft.head))
    operation = draft.nodes[number - 1].operation
    draft.remove(number)
    return f"{operation} at node {number} removed"


def _add_edge(draft: Draft, space: Space, rng: Generator) -> str:
    a = int(rng.integers(0, draft.head))
    b = int(rng.integers(a + 1, draft.head + 1))
    draft.edges.add((a, b))
    return f"edge {a} to {b} added"


def _remove_edge(draft: Draft, space: Space, rng: Generator) -> str:
    a, b = _pick(sorted(draft.edges), rng)
    draft.edges.remove((a, b))
    return f"edge {a} to {b} removed"


def _change_global(draft: Draft, space: Space, rng: Generator) -> str:
    choices: dict[str, Sequence[Any]] = {
        "width": space.widths,
        "rank": space.ranks,
        "pooling": space.poolings,
        "merge": space.merges,
        "code": space.codes,
        **_searched(space),
    }
    if draft.context != "bounded":
        choices.pop("bound", None)
    old = {gene: getattr(draft, gene) for gene in choices}
    others = {gene: [value for value in values if value != old[gene]] for gene, values in choices.items()}
    free = sorted(gene for gene, values in others.items() if values)
    if not free:
        return ""
    gene = _pick(free, rng)
    value = _pick(others[gene], rng)
    setattr(draft, gene, value)
    return f"{gene} {old[gene]} became {value}"


_MUTATIONS: tuple[Callable[[Draft, Space, Generator], str], ...] = (
    _change_operation,
    _change_gene,
    _add_node,
    _remove_node,
    _add_edge,
    _remove_edge,
    _change_global,
)


def _random_node(space: Space, rng: Generator) -> Node:
    return Node(
        _pick(space.operations, rng),
        _pick(space.heads, rng),
        _pick(space.feed_forwards, rng),
        _pick(space.activations, rng),
        int(rng.integers(1, space.frame.layers + 1)),
    ).cleaned()


def _fit(node: Node, space: Space, rng: Generator) -> Node:
    """The node with its genes inside the space; genes its operation needs but lacks are drawn."""
    operation = node.operation if node.operation in space.operations else _pick(space.operations, rng)
    return Node(
        operation,
        _nearest(node.heads, space.heads) if node.heads else _pick(space.heads, rng),
        _nearest(node.feed_forward, space.feed_forwards) if node.feed_forward else _pick(space.feed_forwards, rng),
        node.activation if node.activation in space.activations else _pick(space.activations, rng),
        min(node.teacher_layer, space.frame.layers) or int(rng.integers(1, space.frame.layers + 1)),
    ).cleaned()


def _nearest(value: int, choices: Sequence[int]) -> int:
    return min(choices, key=lambda choice: (abs(choice - value), choice))


def _pick(choices: Sequence[T], rng: Generator) -> T:
    return choices[int(rng.integers(len(choices)))]
