"""The search space of a run: the config's shares made concrete by the teacher's sizes."""

from __future__ import annotations

from dataclasses import dataclass

from rosearch_engine.config import SpaceConfig
from rosearch_engine.genome.dag import Edge, Genome, Node
from rosearch_engine.genome.ops import Frame


@dataclass(frozen=True)
class Space:
    """Every value a gene may take.

    Attributes:
        contexts, bounds, kappas, bigrams: empty where the run searches them not.
        graphless: share of students that are drawn without a graph.
    """

    frame: Frame
    max_nodes: int
    max_inputs: int
    operations: tuple[str, ...]
    merges: tuple[str, ...]
    poolings: tuple[str, ...]
    activations: tuple[str, ...]
    widths: tuple[int, ...]
    heads: tuple[int, ...]
    feed_forwards: tuple[int, ...]
    ranks: tuple[int, ...]
    codes: tuple[str, ...]
    contexts: tuple[str, ...] = ()
    graphless: float = 0.0
    bounds: tuple[float, ...] = ()
    kappas: tuple[float, ...] = ()
    bigrams: tuple[int, ...] = ()

    @classmethod
    def of(cls, config: SpaceConfig, frame: Frame) -> Space:
        """The space of a config under a teacher.

        Raises:
            UserError: if a size comes out larger than the teacher's or below one.
        """
        return cls(
            frame,
            config.max_nodes,
            config.max_inputs,
            config.operations,
            config.merges,
            config.poolings,
            config.activations,
            _sizes("space.widths", config.widths, frame.width, multiple=8),
            _sizes("space.heads", config.heads, frame.heads, multiple=1),
            _sizes("space.feed_forwards", config.feed_forwards, frame.feed_forward, multiple=8),
            tuple(sorted({min(rank, frame.width) for rank in config.ranks})),
            config.codes,
            tuple(context for context in config.contexts if context != "none"),
            config.contexts.count("none") / max(1, len(config.contexts)),
            config.bounds if "bounded" in config.contexts else (),
            config.kappas,
            config.bigrams,
        )

    def chain(self, layers: int, code: str | None = None, context: str | None = None) -> Genome:
        """A plain chain of transformer layers, TinyBERT-like, spread evenly over the teacher's.

        Reads words by that code and in that context, else by the space's first. Where kappa is a gene, one that is free
        has the least, any other the middle one.

        Full width, all heads, half the teacher's feed-forward neurons, as far as the space has them.
        """
        context = context or next(iter(self.contexts), "")
        layers = max(1, min(layers, self.max_nodes, self.frame.layers))
        half = min(self.feed_forwards, key=lambda size: abs(size - self.frame.feed_forward // 2))
        nodes = [
            Node(
                "transformer",
                heads=max(self.heads),
                feed_forward=half,
                activation="gelu" if "gelu" in self.activations else self.activations[0],
                teacher_layer=1 + i * self.frame.layers // layers,
            )
            for i in range(layers)
        ]
        edges: list[Edge] = [(i, i + 1) for i in range(layers + 1)]
        return Genome.of(
            width=max(self.widths),
            rank=min(self.ranks, key=lambda rank: abs(rank - 96)),
            pooling="mean" if "mean" in self.poolings else self.poolings[0],
            merge=self.merges[0],
            code=code or self.codes[0],
            nodes=nodes,
            edges=edges,
            context=context,
            bound=self.bounds[len(self.bounds) // 2] if self.bounds else 0.0,
            kappa=self.kappas[0 if context == "free" else len(self.kappas) // 2] if self.kappas else None,
        )


def _sizes(field: str, shares: tuple[float, ...], whole: int, multiple: int) -> tuple[int, ...]:
    return tuple(sorted({max(multiple, round(share * whole / multiple) * multiple) for share in shares}))
