"""Numbers that describe an architecture, for the statistics and the tables."""

from __future__ import annotations

from typing import get_args

import networkx as nx

from rosearch_engine.config import OperationName
from rosearch_engine.genome.dag import Genome


def features(genome: Genome) -> dict[str, float]:
    """Features of a genome by name.

    `longest_path` and `shortest_path` count the operations between the embedding and the head; `density`
    is the share of the possible edges that is there; `breadth` is the most nodes at one depth.
    """
    graph = genome.graph()
    possible = (genome.head + 1) * genome.head / 2
    generations = list(nx.topological_generations(graph))
    counts = {
        f"n_{name}": float(sum(node.operation == name for node in genome.nodes)) for name in get_args(OperationName)
    }
    return {
        "nodes": float(len(genome.nodes)),
        "edges": float(len(genome.edges)),
        "density": len(genome.edges) / possible,
        "longest_path": float(nx.dag_longest_path_length(graph, weight=None, default_weight=1) - 1),
        "shortest_path": float(nx.shortest_path_length(graph, 0, genome.head) - 1),
        "breadth": float(max(len(level) for level in generations)),
        "width": float(genome.width),
        "rank": float(genome.rank),
        "mean_heads": _mean([node.heads for node in genome.nodes if node.heads]),
        "mean_feed_forward": _mean([node.feed_forward for node in genome.nodes if node.feed_forward]),
        "gates": float(genome.merge == "gates"),
        **counts,
    }


def _mean(values: list[int]) -> float:
    return sum(values) / len(values) if values else 0.0
