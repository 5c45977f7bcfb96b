"""The genome: global genes and a directed acyclic graph of operations.

Node 0 is the embedding, nodes 1 … n hold the operations, node n + 1 is the classifier head. A bag of words, which
has no graph, is a genome too: one without nodes and edges.
A `Genome` is always in canonical form, so two genomes are equal exactly when their graphs are
isomorphic with equal genes, and no architecture is trained twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, get_args

from rosearch_engine.config import (
    FEWEST_BIGRAMS,
    GREATEST_BIGRAMS,
    GREATEST_BOUND,
    ActivationName,
    CodeName,
    ContextGene,
    MergeName,
    PoolingName,
)
from rosearch_engine.errors import UserError
from rosearch_engine.operations import Gene, names, operation

if TYPE_CHECKING:
    import networkx as nx

Edge = tuple[int, int]


class GenomeRow(TypedDict):
    """A genome as plain values, as it is stored and printed.

    A run of an earlier version may have no code; genes that a run does not search are left out.
    """

    width: int
    rank: int
    pooling: str
    merge: str
    code: NotRequired[str]
    context: NotRequired[str]
    bound: NotRequired[float]
    kappa: NotRequired[float]
    bigrams: NotRequired[int]
    nodes: list[dict[str, Any]]
    edges: list[list[int]]


@dataclass(frozen=True, order=True)
class Node:
    """One operation. Genes that the operation does not use are zero or empty.

    Attributes:
        operation: what the node computes.
        heads: attention heads.
        feed_forward: neurons of the feed-forward layer.
        activation: activation of the feed-forward layer or the convolution.
        teacher_layer: the teacher's layer, from 1, that initialises and supervises the node.
    """

    operation: str
    heads: int = 0
    feed_forward: int = 0
    activation: str = ""
    teacher_layer: int = 0

    def uses(self, gene: Gene) -> bool:
        """Whether the operation uses the gene; an unknown operation keeps all, and `Genome.of` refuses it."""
        return self.operation not in names() or gene in operation(self.operation).genes

    def cleaned(self) -> Node:
        """The same node with every unused gene at its zero."""
        return Node(
            self.operation,
            self.heads if self.uses("heads") else 0,
            self.feed_forward if self.uses("feed_forward") else 0,
            self.activation if self.uses("activation") else "",
            self.teacher_layer if self.uses("teacher_layer") else 0,
        )


@dataclass(frozen=True)
class Genome:
    """A student architecture. Make one with `Genome.of`, which checks it and puts it in canonical form.

    Attributes:
        width: size of the hidden states.
        rank: inner size of the factorised word table, vocabulary x rank x width; never above the width, where it
            would cost weights and say no more.
        pooling: how the head turns the tokens of a sentence into one vector.
        merge: how a node joins several inputs, before a layer norm.
        code: how words are read before the tokenizer (`rosearch_engine.codes`).
        nodes: the inner nodes; `nodes[i]` is node i + 1.
        edges: pairs (from, to) with from < to, sorted.
        context: what the graph reads and how much it may say, see `space.contexts`; empty: what the run has for all.
        bound: the bound B of a bounded context; 0 where there is none.
        kappa: weight of the worst case in training; None: what the run has for all.
        bigrams: of a student without a graph, rows of its table of pairs of neighbouring words; 0: it has none.
    """

    width: int
    rank: int
    pooling: str
    merge: str
    code: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    context: str = ""
    bound: float = 0.0
    kappa: float | None = None
    bigrams: int = 0

    @classmethod
    def of(
        cls,
        *,
        width: int,
        rank: int,
        pooling: str,
        merge: str,
        code: str = "plain",
        nodes: Iterable[Node],
        edges: Iterable[Edge],
        context: str = "",
        bound: float = 0.0,
        kappa: float | None = None,
        bigrams: int = 0,
    ) -> Genome:
        """A valid genome in canonical form.

        Raises:
            UserError: if a gene is out of its range or the graph is not a student's.
        """
        draft = cls(
            width,
            min(rank, width),
            pooling,
            merge,
            code,
            tuple(node.cleaned() for node in nodes),
            tuple(sorted({(int(a), int(b)) for a, b in edges})),
            context,
            float(bound) if context == "bounded" else 0.0,
            None if kappa is None else float(kappa),
            int(bigrams),
        )
        problem = draft._problem()
        if problem:
            raise UserError("genome", problem, "Fix the genome; see rosearch_engine/genome/dag.py.")
        return draft._canonical()

    @classmethod
    def bag(cls, code: str, kappa: float | None = None, bigrams: int = 0) -> Genome:
        """A bag of words, or of words and bigrams, that reads by that code: a ledger without a graph.

        Raises:
            UserError: if the code is not known or kappa or bigrams is out of its range.
        """
        empty: dict[str, Any] = {"width": 0, "rank": 0, "pooling": "", "merge": "", "nodes": (), "edges": ()}
        return cls.of(code=code, kappa=kappa, bigrams=bigrams, **empty)

    @property
    def is_bag(self) -> bool:
        """Whether it is a bag of words, or of words and bigrams."""
        return not self.nodes

    @property
    def head(self) -> int:
        """Number of the classifier head's node."""
        return len(self.nodes) + 1

    def inputs(self, node: int) -> list[int]:
        return self._neighbours[0].get(node, [])

    def outputs(self, node: int) -> list[int]:
        return self._neighbours[1].get(node, [])

    @cached_property
    def _neighbours(self) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        """Inputs and outputs by node."""
        inputs: dict[int, list[int]] = {}
        outputs: dict[int, list[int]] = {}
        for a, b in self.edges:
            inputs.setdefault(b, []).append(a)
            outputs.setdefault(a, []).append(b)
        return inputs, outputs

    def node(self, number: int) -> Node:
        """The inner node of that number, from 1."""
        return self.nodes[number - 1]

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits, equal for isomorphic genomes and for no others."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def graph(self) -> nx.DiGraph:
        """The graph, each node carrying its `Node` (None for the embedding and the head) as `genes`."""
        import networkx as nx  # it takes its time to import

        graph = nx.DiGraph()
        graph.add_node(0, genes=None, role="embedding")
        for number, node in enumerate(self.nodes, start=1):
            graph.add_node(number, genes=node, role="operation")
        graph.add_node(self.head, genes=None, role="head")
        graph.add_edges_from(self.edges)
        return graph

    def as_dict(self) -> GenomeRow:
        row: GenomeRow = {
            "width": self.width,
            "rank": self.rank,
            "pooling": self.pooling,
            "merge": self.merge,
            "code": self.code,
            "nodes": [{**vars(node)} for node in self.nodes],  # what `asdict` gives, in a tenth of the time
            "edges": [list(edge) for edge in self.edges],
        }
        # Left out where the run does not search them: so the digests of earlier versions stay.
        if self.context:
            row["context"] = self.context
        if self.bound:
            row["bound"] = self.bound
        if self.kappa is not None:
            row["kappa"] = self.kappa
        if self.bigrams:
            row["bigrams"] = self.bigrams
        return row

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Genome:
        """The genome of `as_dict`.

        Raises:
            UserError: if a key is missing or a value does not fit.
        """
        try:
            return cls.of(
                width=int(values["width"]),
                rank=int(values["rank"]),
                pooling=values["pooling"],
                merge=values["merge"],
                code=values.get("code", "plain"),
                nodes=[Node(**node) for node in values["nodes"]],
                edges=[(a, b) for a, b in values["edges"]],
                context=values.get("context", ""),
                bound=float(values.get("bound", 0.0)),
                kappa=values.get("kappa"),
                bigrams=int(values.get("bigrams", 0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError("genome", f"it cannot be read ({error}).", "Use the format of `report --json`.") from None

    @classmethod
    def stored(cls, values: GenomeRow) -> Genome:
        """The genome of `as_dict`, as a store keeps it: in canonical form, which is not made again.

        Raises:
            KeyError, TypeError, ValueError: if it is damaged.
        """
        return cls(
            values["width"],
            values["rank"],
            values["pooling"],
            values["merge"],
            values.get("code", "plain"),
            tuple(Node(**node) for node in values["nodes"]),
            tuple((a, b) for a, b in values["edges"]),
            values.get("context", ""),
            values.get("bound", 0.0),
            values.get("kappa"),
            values.get("bigrams", 0),
        )

    def _problem(self) -> str:
        if self.code not in get_args(CodeName):
            return f"code '{self.code}' is unknown."
        if self.kappa is not None and not 0 <= self.kappa <= 1:
            return "kappa must be from 0 to 1."
        if self.bigrams and not (self.is_bag and FEWEST_BIGRAMS <= self.bigrams <= GREATEST_BIGRAMS):
            return f"bigrams must be 0 or from {FEWEST_BIGRAMS} to {GREATEST_BIGRAMS}, and 0 beside a graph."
        if self.is_bag:
            # All other genes are empty, so that bags of one code, kappa and bigrams are equal.
            empty = not any((self.width, self.rank, self.pooling, self.merge, self.edges, self.context))
            return "" if empty else "it has no inner node."
        if self.width < 1 or self.rank < 1:
            return "width and rank must be positive."
        if self.context and (self.context == "none" or self.context not in get_args(ContextGene)):
            return f"context '{self.context}' is unknown."
        if self.context == "bounded" and not 0 < self.bound <= GREATEST_BOUND:
            return f"a bounded context needs a bound above 0 and at most {GREATEST_BOUND}."
        if self.pooling not in get_args(PoolingName):
            return f"pooling '{self.pooling}' is unknown."
        if self.merge not in get_args(MergeName):
            return f"merge '{self.merge}' is unknown."
        for number, node in enumerate(self.nodes, start=1):
            if node.operation not in names():
                return f"operation '{node.operation}' of node {number} is unknown."
            if node.uses("heads") and node.heads < 1:
                return f"node {number} needs at least one head."
            if node.uses("feed_forward") and node.feed_forward < 1:
                return f"node {number} needs a feed-forward width."
            if node.uses("activation") and node.activation not in get_args(ActivationName):
                return f"activation '{node.activation}' of node {number} is unknown."
            if node.teacher_layer < 0:
                return f"teacher layer of node {number} must not be negative."
        for a, b in self.edges:
            if not 0 <= a < b <= self.head:
                return f"edge {a} -> {b} does not go from a lower to a higher node."
        for number in range(self.head + 1):
            if number > 0 and not self.inputs(number):
                return f"node {number} is not reached from the embedding."
            if number < self.head and not self.outputs(number):
                return f"node {number} does not reach the head."
        return ""

    def _canonical(self) -> Genome:
        """Renumber the inner nodes: by depth, then by colour, then to the least edge list."""
        if self.is_bag:
            return self
        nodes, edges = _canonical_graph(self.nodes, self.edges)
        return replace(self, nodes=nodes, edges=edges)

    def _renumbered(self) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
        depth = {0: 0}
        for number in range(1, self.head + 1):
            depth[number] = 1 + max(depth[a] for a in self.inputs(number))
        genes = {n: repr(self.node(n)) for n in range(1, self.head)} | {0: "embedding", self.head: "head"}
        colours = {n: f"{depth[n]:04d}{_hash(genes[n])}" for n in depth}

        def renumbered(order: list[int]) -> tuple[Edge, ...]:
            new = {0: 0, self.head: self.head} | {old: i for i, old in enumerate(order, start=1)}
            return tuple(sorted((new[a], new[b]) for a, b in self.edges))

        edges, order = min((renumbered(order), order) for order in self._orders(colours))
        return tuple(self.node(old) for old in order), edges

    def _orders(self, colours: dict[int, str]) -> Iterator[list[int]]:
        """Every order of the inner nodes that local structure leaves open (individualise and refine)."""
        colours = self._refined(colours)
        groups: dict[str, list[int]] = {}
        for number in sorted(range(1, self.head), key=lambda n: (colours[n], n)):
            groups.setdefault(colours[number], []).append(number)
        open_group = next((group for group in groups.values() if not self._twins(group)), None)
        if open_group is None:
            yield [number for group in groups.values() for number in group]
            return
        for number in open_group:
            yield from self._orders(colours | {number: colours[number][:4] + _hash("first", colours[number])})

    def _refined(self, colours: dict[int, str]) -> dict[int, str]:
        """Colours that also tell a node's surroundings; the leading depth keeps the order topological."""
        for _ in colours:
            colours = {
                n: colours[n][:4]
                + _hash(
                    colours[n],
                    sorted(colours[a] for a in self.inputs(n)),
                    sorted(colours[b] for b in self.outputs(n)),
                )
                for n in colours
            }
        return colours

    def _twins(self, group: list[int]) -> bool:
        """Whether the nodes have equal neighbours, so that their order cannot matter."""
        return len({(tuple(self.inputs(n)), tuple(self.outputs(n))) for n in group}) == 1


@lru_cache(maxsize=4096)
def _canonical_graph(nodes: tuple[Node, ...], edges: tuple[Edge, ...]) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Nodes and edges in canonical form. Most children differ from a genome before them in other genes alone."""
    return Genome(0, 0, "", "", "", nodes, edges)._renumbered()


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
