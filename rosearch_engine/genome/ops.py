"""What an architecture costs, computed from the genome alone.

A test proves these figures equal to those of the built model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rosearch_engine.genome.dag import Genome
from rosearch_engine.operations import operation


@dataclass(frozen=True)
class Frame:
    """What every student of a run shares: facts of its teacher and its task, not genes.

    Attributes:
        ledger_bound: the bound B of the students' ledgers; None: they have none. This and the next hold for genomes
            without a context gene, see `of`.
        ties_in_graph: whether a code that ties synonyms does so inside the graph, beside a ledger that reads words as
            they are, and not before the tokenizer.
        groups: under an invariant context, how many classes of words each input code leaves a graph to tell apart.
        invariant: whether graphs read only what no swap can change; the students then have a ledger, unbounded.
        coefficients: by how many of them such a graph weighs each word's evidence.
    """

    vocabulary: int
    positions: int
    token_types: int
    classes: int
    head_size: int
    width: int
    layers: int
    heads: int
    feed_forward: int
    weights: int
    encoder_weights: int
    ledger_bound: float | None = None
    ties_in_graph: bool = False
    invariant: bool = False
    coefficients: int = 0
    groups: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def has_ledger(self) -> bool:
        """Whether a ledger stands beside the graph."""
        return self.invariant or self.ledger_bound is not None

    def of(self, genome: Genome) -> Frame:
        """The frame as it is for one student: what its genes decide is not as the run has it for all."""
        if not genome.context:
            return self
        is_invariant = genome.context == "invariant"
        return replace(
            self,
            ledger_bound=genome.bound or None,
            ties_in_graph=False,
            invariant=is_invariant,
            coefficients=self.coefficients if is_invariant else 0,
        )


@dataclass(frozen=True)
class Cost:
    """Size and work of a student.

    Attributes:
        weights: all trainable numbers.
        encoder_weights: those outside the embedding and the classifier.
        flops: operations of matrix products, convolutions and attention for one sentence of `length` tokens
            (a multiply and an add count as two); a bag of words has none.
        compression: teacher's weights / student's weights.
        encoder_compression: the same without embeddings and classifier.
    """

    weights: int
    encoder_weights: int
    flops: int
    compression: float
    encoder_compression: float


def cost(genome: Genome, frame: Frame, length: int = 32) -> Cost:
    """Size of a genome's student, and its work on one sentence of `length` tokens."""
    frame = frame.of(genome)
    if genome.is_bag:
        weights = (frame.vocabulary + genome.bigrams + 1) * frame.classes
        return Cost(weights, 0, 0, frame.weights / weights, float("inf"))
    encoder = sum(node_weights(genome, number, frame) for number in range(1, genome.head))
    outside = embedding_weights(genome, frame) + node_weights(genome, genome.head, frame)
    outside += ledger_weights(genome, frame)
    flops = 2 * length * genome.rank * genome.width + 2 * genome.width * frame.classes
    flops += 2 * length * frame.coefficients * genome.width
    flops += sum(operation(node.operation).flops(node, genome.width, frame.head_size, length) for node in genome.nodes)
    weights = encoder + outside
    return Cost(
        weights,
        encoder,
        flops,
        frame.weights / weights,
        frame.encoder_weights / encoder if encoder else float("inf"),
    )


def embedding_weights(genome: Genome, frame: Frame) -> int:
    """Word table in two factors, positions, token types, layer norm."""
    words = words_read(genome, frame) * genome.rank + genome.rank * genome.width
    return words + (frame.positions + frame.token_types + 2) * genome.width


def words_read(genome: Genome, frame: Frame) -> int:
    """How many words, or groups of words, the graph tells apart."""
    return frame.groups.get(genome.code, frame.vocabulary) if frame.of(genome).invariant else frame.vocabulary


def ledger_weights(genome: Genome, frame: Frame) -> int:
    """A number a word and class, as many more a coefficient, one a class, and what gives the coefficients."""
    frame = frame.of(genome)
    if not frame.has_ledger:
        return 0
    table = (frame.vocabulary * (1 + frame.coefficients) + 1) * frame.classes
    return table + frame.coefficients * (genome.width + 1)


def node_weights(genome: Genome, number: int, frame: Frame) -> int:
    """Weights of one inner node or of the head, its merge included."""
    width, inputs = genome.width, len(genome.inputs(number))
    merge = 0 if inputs == 1 else 2 * width + (inputs * width if genome.merge == "gates" else 0)
    if number == genome.head:
        return merge + width * frame.classes + frame.classes
    node = genome.node(number)
    return merge + operation(node.operation).weights(node, width, frame.head_size)
