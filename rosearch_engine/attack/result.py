"""What an attack says of a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rosearch_engine.attack.pieces import Text
from rosearch_engine.objectives import holds, withstands
from rosearch_engine.store.rows import Outcome

# How the victim shows itself: calibrated probabilities in float64, or its own logits in float32, of which TextAttack
# takes the softmax as it does of any model's.
Face = Literal["calibrated", "raw"]


@dataclass(frozen=True)
class Target:
    """A sentence to attack: its number in the data, its text (a tuple for a pair), its class.

    Attributes:
        columns: names of a pair's two columns; a recipe may leave the "premise" of a "hypothesis" alone.
    """

    sentence: int
    text: Text
    label: int
    columns: tuple[str, str] = ("sentence1", "sentence2")

    def seed(self, attack_seed: int) -> int:
        """Seed of the random choices that an attack of that seed makes on this sentence."""
        return attack_seed * 1_000_003 + self.sentence


@dataclass(frozen=True)
class Said:
    """What the victim said of a text: its class and the probabilities `(classes,)`."""

    text: Text
    label: int
    probabilities: list[float]

    @classmethod
    def of(cls, found: Any) -> Said:
        """As a TextAttack `GoalFunctionResult` has it."""
        return cls(found.attacked_text.tokenizer_input, int(found.output), [float(p) for p in found.raw_output])


@dataclass(frozen=True)
class Swaps:
    """Every single swap of a sentence, asked one by one.

    Attributes:
        asked: how many there are.
        flips: how many of them change the class.
        worst: the one that goes furthest towards another class; None if there is none to ask.
    """

    asked: int
    flips: int
    worst: Said | None


@dataclass(frozen=True)
class Move:
    """What one word's swaps can do at worst.

    Attributes:
        word: as it stands.
        swap: the swap that takes most from the margin; None if none takes anything.
        loss: how much of the margin it takes, in logits.
    """

    word: str
    swap: str | None
    loss: float


@dataclass(frozen=True)
class Certificate:
    """What can be proved of one sentence.

    Attributes:
        certified: no combination of swaps can change the prediction from the label.
        margin: the ledger's margin to the nearest other class, in logits; with a graph that no swap can move, the
            model's.
        worst: the same after the worst of all combinations.
        needed: what it must exceed: twice the bound of the graph; 0 where no swap moves the graph, or there is none.
        moves: of each word that can be swapped, in their order, towards the class that comes nearest.
        reason: why nothing can be proved whatever the margins; empty where they decide.
    """

    certified: bool
    margin: float
    worst: float
    needed: float
    moves: tuple[Move, ...]
    reason: str = ""


@dataclass(frozen=True)
class Result:
    """The outcome for one sentence.

    `fooled`: the class changed. `held`: the attack gave up. `budget used`: it ran out of queries, which counts
    as held. `already wrong`: not attacked, which counts as lost. `failed`: the attack broke, which counts as
    lost; see `reason`.

    Attributes:
        raw: the same attack on the victim's raw logits, if it was asked for.
        swaps: all single swaps, if they were asked for and the recipe has a fixed set of them.
        certificate: what can be proved of the sentence, if that was asked.
    """

    target: Target
    outcome: Outcome
    before: Said
    after: Said
    queries: int
    reason: str = ""
    raw: Result | None = None
    swaps: Swaps | None = None
    certificate: Certificate | None = None

    @property
    def stands(self) -> bool:
        """Whether the sentence is still classified rightly after the attack."""
        return withstands(self.outcome)

    @property
    def unswayed(self) -> bool:
        """Whether no single swap flips it, as far as was asked."""
        return self.swaps is None or self.swaps.flips == 0

    @property
    def survives(self) -> bool:
        """Whether it is still classified rightly after the attack and after every single swap."""
        return holds(self.outcome, None if self.swaps is None else self.swaps.flips)

    @property
    def refutes(self) -> bool:
        """Whether it is certified and was wrong or flipped all the same. That is a bug of this program."""
        if self.certificate is None or not self.certificate.certified:
            return False
        lost = ("fooled", "already wrong")
        return self.outcome in lost or not self.unswayed or (self.raw is not None and self.raw.outcome in lost)


def refutation(student: str, result: Result) -> str:
    """What to say of a result that `refutes`."""
    how = result.outcome if result.outcome in ("fooled", "already wrong") else "flipped by a swap or on raw logits"
    return (
        f"{student}: sentence {result.target.sentence} is certified but was {how}. The proof is wrong: this is a bug "
        "in this program, please report it"
    )
