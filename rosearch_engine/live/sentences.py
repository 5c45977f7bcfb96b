"""User-supplied sentences: prepared for a model, and the results of attacking them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from rosearch_engine.attack.certificate import Certificate, Certifier
from rosearch_engine.attack.diff import flat, words
from rosearch_engine.attack.lexicon import Lexicon, is_lexicon_ready, named_lexicon
from rosearch_engine.attack.protocol import score
from rosearch_engine.attack.recipes.catalogue import lexicon_of
from rosearch_engine.attack.result import refutation
from rosearch_engine.attack.run import Result, Said, Swaps, Target
from rosearch_engine.checkpoints.load import Loaded
from rosearch_engine.data.own import Sentence, class_of
from rosearch_engine.errors import UserError
from rosearch_engine.objectives import wilson

OWN_ANSWER = "none given: the model's own prediction counts as correct"


@dataclass(frozen=True)
class Brought:
    """Sentences and the model that is to be attacked with them.

    Attributes:
        targets: numbered from 0, each with its label: the given one, or the model's own answer.
        first: what the model says of them before any attack, `(sentences, classes)`.
        labels: where the labels are from.
        certifier: proves what can be proved; None where nothing can be asked.
    """

    loaded: Loaded
    targets: list[Target]
    first: np.ndarray
    labels: str
    certifier: Certifier | None

    def proved(self, result: Result) -> Result:
        """An attacked sentence with what can be proved of it."""
        return self.certifier.add_to([result])[0] if self.certifier else result

    def row(self, result: Result) -> dict[str, Any]:
        """What an attack did to a sentence, in plain values."""
        return {
            "outcome": result.outcome,
            "reason": result.reason,
            "label": self.loaded.classes[result.target.label],
            "label_class": result.target.label,
            "queries": result.queries,
            "original": flat(result.before.text),
            "perturbed": flat(result.after.text),
            "words": words(result.before.text, result.after.text),
            "before": self._said(result.before),
            "after": self._said(result.after),
            "raw_outcome": result.raw.outcome if result.raw else None,
            "one_swap": swaps(result.swaps),
            "certificate": certificate(result),
        }

    def summary(self, results: Sequence[Result]) -> dict[str, Any]:
        """The four numbers over these results, the accuracy None where the model itself gave the labels."""
        right = sum(int(self.first[r.target.sentence].argmax()) == r.target.label for r in results)
        total = score(right / len(results) if results else 0.0, len(results), results, self.loaded.temperature)
        found = vars(total) | {"robustness_interval": wilson(total.held, total.attacked), "labels": self.labels}
        # Measured against its own answers, a model is always right.
        return found | ({"accuracy": None} if self.labels == OWN_ANSWER else {})

    def _said(self, said: Said) -> dict[str, Any]:
        name = self.loaded.classes[said.label] if said.label >= 0 else ""
        raw = uncalibrated(said.probabilities, self.loaded.temperature)
        return {"class": said.label, "name": name, "probabilities": said.probabilities, "raw": raw}


def bring(loaded: Loaded, sentences: Sequence[Sentence], recipe: str) -> Brought:
    """Ask the model about the sentences as they are, and settle their labels.

    Args:
        recipe: what they are to be attacked with.

    Raises:
        UserError: if the model reads pairs and these are none, or the other way round, or a label is no class.
    """
    texts = [sentence.text for sentence in sentences]
    for text in texts:
        if loaded.pair == isinstance(text, str):
            needed = "two sentences: add --pair" if loaded.pair else "one sentence: omit --pair"
            raise UserError("text", f"this student needs {needed}.", "Check the run's data set.")
    first = loaded.victim.probabilities(texts)
    known = [class_of(s.label, loaded.classes) if s.label is not None else None for s in sentences]
    targets = [
        Target(row, text, int(first[row].argmax()) if label is None else label, loaded.columns)
        for row, (text, label) in enumerate(zip(texts, known, strict=True))
    ]
    certifier = Certifier.of(loaded.model, loaded.pieces, loaded.max_length, kept_lexicon(recipe))
    return Brought(loaded, targets, first, OWN_ANSWER if None in known else "given", certifier)


def kept_lexicon(recipe: str) -> Lexicon | None:
    """A recipe's lexicon, one for the whole process; None where it has none, or what it needs is not here."""
    name = lexicon_of(recipe)
    return _kept(name) if name and is_lexicon_ready(name) else None


@cache
def _kept(name: str) -> Lexicon:
    return named_lexicon(name)


def certificate(result: Result) -> dict[str, Any] | None:
    """What can be proved of a sentence, in plain values: a `Certificate`'s, and `says`: its sentence for people."""
    proof = result.certificate
    if proof is None:
        return None
    says = refutation("this student", result) if result.refutes else certificate_says(proof)
    return asdict(proof) | {"says": says, "refuted": result.refutes}


def certificate_says(proof: Certificate) -> str:
    """Why a sentence is certified or not."""
    if proof.reason:
        return f"not certified: {proof.reason}"
    # What no swap can move (a graph that reads nothing swaps change, or none at all) is in the margin.
    whose = "the ledger's margin" if proof.needed else "the margin"
    far = f"{whose} is {proof.margin:+.2f}, under the worst combination of swaps {proof.worst:+.2f}"
    if proof.needed:
        far += f"; the graph can change it by up to {proof.needed:.2f}"
    if proof.certified and not proof.moves:
        return f"certified, but nothing was tried: the attack has no swap for any of its words; {far}"
    if proof.certified:
        return f"certified, no combination of swaps can flip it: {far}"
    worst = sorted((move for move in proof.moves if move.swap), key=lambda move: -move.loss)[:3]
    moves = ", ".join(f"{move.word} to {move.swap} {-move.loss:.2f}" for move in worst)
    return f"not certified: {far}" + (f" (largest effects: {moves})" if moves else "")


def swaps(found: Swaps | None) -> dict[str, int] | None:
    return None if found is None else {"asked": found.asked, "flips": found.flips}


def uncalibrated(probabilities: Sequence[float], temperature: float) -> list[float]:
    """Probabilities on the raw logits, from those at a temperature: softmax(z), from p = softmax(z / temperature)."""
    powers = np.asarray(probabilities, dtype=np.float64) ** temperature
    return (powers / powers.sum()).tolist() if len(powers) else []
