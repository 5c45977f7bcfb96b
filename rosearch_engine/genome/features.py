"""Numbers that describe an architecture, for the statistics and the tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, get_args

from rosearch_engine.config import ContextGene
from rosearch_engine.genome.dag import Genome, GenomeRow
from rosearch_engine.operations import names, operation, operations


class Words(NamedTuple):
    """A feature for people: its name, and what a larger value means, to stand after "with"."""

    name: str
    more: str


_WORDS: dict[str, Words] = {
    "nodes": Words("operations", "more operations"),
    "edges": Words("edges", "more edges"),
    "density": Words("density of edges", "denser edges"),
    "longest_path": Words("depth (longest path)", "greater depth"),
    "shortest_path": Words("shortest path", "a longer shortest path"),
    "breadth": Words("parallel operations", "more parallel operations"),
    "width": Words("hidden width", "a larger hidden width"),
    "rank": Words("embedding rank", "a higher embedding rank"),
    "mean_heads": Words("heads per attention (mean)", "more heads per attention"),
    "mean_feed_forward": Words("feed-forward width (mean)", "wider feed-forward layers"),
    "teacher_layers": Words("distinct teacher layers used", "more distinct teacher layers"),
    "mean_teacher_layer": Words("teacher layer used (mean)", "later teacher layers"),
    "inherited": Words("share of operations the teacher has", "a larger share of operations that the teacher has"),
    "gates": Words("gated merges", "gated merges"),
    "kappa": Words("kappa (weight of the worst case)", "a higher kappa"),
    "context_free": Words("free context", "a graph that reads and says what it likes"),
    "context_bounded": Words("bounded context", "a graph whose say is bounded"),
    "context_invariant": Words("invariant context", "a graph that reads nothing that swaps can change"),
    "bound": Words("bound B of the context", "a larger bound of the context"),
    "code_synonyms": Words("code ties synonyms", "an input code that ties synonyms"),
    "code_characters": Words("code corrects spelling", "an input code that corrects spelling"),
}


def words() -> dict[str, Words]:
    """What each of the `features` is called."""
    counts = {f"n_{known.name}": Words(known.several, f"more {known.several}") for known in operations()}
    return _WORDS | counts


def features(genome: Genome) -> dict[str, float]:
    """Features of a genome by name; `words` says what they are called. A bag of words has no graph, hence none.

    `longest_path` and `shortest_path` count the operations between the embedding and the head; `density`
    is the share of the possible edges that is there; `breadth` is the most nodes at one depth. `inherited` is the
    share of the operations with weights whose kind the teacher has too, which so start from its weights where the run
    inherits. Means are over the nodes that have the gene, 0 where none has.
    """
    if genome.is_bag:
        return {}
    deep, near = _depths(genome)
    possible = (genome.head + 1) * genome.head / 2
    layers = [node.teacher_layer for node in genome.nodes if node.teacher_layer]
    counts = {f"n_{name}": float(sum(node.operation == name for node in genome.nodes)) for name in names()}
    return {
        "nodes": float(len(genome.nodes)),
        "edges": float(len(genome.edges)),
        "density": len(genome.edges) / possible,
        "longest_path": float(max(deep) - 1),
        "shortest_path": float(near[genome.head] - 1),
        "breadth": float(max(Counter(deep).values())),
        "width": float(genome.width),
        "rank": float(genome.rank),
        "mean_heads": _mean([node.heads for node in genome.nodes if node.heads]),
        "mean_feed_forward": _mean([node.feed_forward for node in genome.nodes if node.feed_forward]),
        "teacher_layers": float(len(set(layers))),
        "mean_teacher_layer": _mean(layers),
        "inherited": _mean([operation(name).inherits for name in _with_weights(genome)]),
        "gates": float(genome.merge == "gates"),
        "kappa": genome.kappa or 0.0,
        **{f"context_{name}": float(genome.context == name) for name in get_args(ContextGene) if name != "none"},
        "bound": genome.bound,
        "code_synonyms": float(genome.code in ("synonyms", "both")),
        "code_characters": float(genome.code in ("characters", "both")),
        **counts,
    }


_known: dict[tuple[str, tuple[str, ...]], dict[str, float]] = {}


def stored_features(genome: GenomeRow) -> dict[str, float]:
    """Features of a genome that a store holds: worked out once in a process. Leave them as they are.

    Raises:
        UserError: if the genome is damaged.
    """
    key = (json.dumps(genome), names())  # an operation that is registered later is one more feature
    if key not in _known:
        try:
            _known[key] = features(Genome.stored(genome))
        except (KeyError, TypeError, ValueError, IndexError):
            _known[key] = features(Genome.from_dict(genome))
    return _known[key]


def _depths(genome: Genome) -> tuple[list[int], list[int]]:
    """The longest and the shortest way from the embedding to each node, in edges. Edges lead to later nodes alone."""
    deep, near = [0] * (genome.head + 1), [genome.head + 1] * (genome.head + 1)
    near[0] = 0
    for before, after in genome.edges:  # sorted: a node's own ways are known before those that lead on from it
        deep[after] = max(deep[after], deep[before] + 1)
        near[after] = min(near[after], near[before] + 1)
    return deep, near


def _with_weights(genome: Genome) -> list[str]:
    return [node.operation for node in genome.nodes if operation(node.operation).weights(node, genome.width, 1)]


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0
