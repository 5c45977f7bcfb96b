"""Proof that no combination of an attack's swaps can flip a sentence: exact, without an attack.

A student with a ledger says `ledger + B tanh(context / B)`. The ledger is a sum over words, so the worst that any
combination of swaps can do to its margin is the sum of the worst that each word's swaps can do; the rest moves a
margin by at most 2 B. Where the worst margin stays above that, the sentence is certified. What may stand in a word's
place is asked of TextAttack itself (`attack.lexicon`), and a sentence of which the sum might not hold (words that the
tokenizer reads together with what stands beside them, or that fall off its end) is not certified.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from transformers import PreTrainedModel

from rosearch_engine.attack.lexicon import Lexicon
from rosearch_engine.attack.pieces import Pieces, Text
from rosearch_engine.attack.result import Certificate, Move, Result
from rosearch_engine.student.modeling import RoSearchForSequenceClassification

__all__ = ["Certificate", "Certifier", "Move"]

# A model adds up in float32: a margin must be clear of what that can lose.
CLEARANCE = 1e-3


class Certifier:
    """Certifies sentences for one student and one lexicon.

    Args:
        model: a student with a ledger.
        pieces: its tokenizer, after its input code.
        max_length: most tokens that it reads.
    """

    def __init__(
        self, model: RoSearchForSequenceClassification, pieces: Pieces, max_length: int, lexicon: Lexicon
    ) -> None:
        if model.ledger is None:
            raise ValueError("a student without a ledger proves nothing")
        self._table = model.ledger.table.weight.detach().double().cpu().numpy()
        self._bias = model.ledger.bias.detach().double().cpu().numpy()
        # Without a graph nothing moves but the ledger.
        self._needed = 2 * float(model.config.ledger_bound) if model.has_graph else 0.0
        self._pieces, self._max_length, self._lexicon = pieces, max_length, lexicon
        self._options: dict[str, tuple[list[str | None], np.ndarray, int]] = {}

    @classmethod
    def of(cls, model: PreTrainedModel, pieces: Pieces, max_length: int, lexicon: Lexicon | None) -> Certifier | None:
        """For any model and recipe; None where nothing can be asked, for want of a ledger or a lexicon.

        A student that was loaded from an exported checkpoint is of the checkpoint's own class.
        """
        has_ledger = getattr(model, "ledger", None) is not None
        return cls(model, pieces, max_length, lexicon) if has_ledger and lexicon else None  # type: ignore[arg-type]

    def certify(self, texts: Sequence[Text], labels: Sequence[int]) -> list[Certificate]:
        """What can be proved of sentences with these labels."""
        return [self._certify(text, int(label)) for text, label in zip(texts, labels, strict=True)]

    def add_to(self, results: Sequence[Result]) -> list[Result]:
        """Attacked sentences with what can be proved of them."""
        proofs = self.certify([one.target.text for one in results], [one.target.label for one in results])
        self._lexicon.keep()
        return [replace(result, certificate=proof) for result, proof in zip(results, proofs, strict=True)]

    def _certify(self, text: Text, label: int) -> Certificate:
        tokens = self._pieces.tokens([text])[0]
        logits = self._table[tokens].sum(axis=0) + self._bias
        margins = logits[label] - logits
        words = self._lexicon.words(text)
        losses = np.zeros_like(margins)
        longest = len(tokens)
        found = []
        for word in words:
            swaps, said, most = self._of(word)
            taken = (said[0, label] - said[0]) - (said[:, label, None] - said)  # (options, classes)
            losses += taken.max(axis=0)
            longest += most
            if len(swaps) > 1:
                found.append((word, swaps, taken))
        worst = margins - losses
        others = [place for place in range(len(margins)) if place != label]
        nearest = min(others, key=lambda place: worst[place])
        moves = tuple(_move(word, swaps, taken[:, nearest]) for word, swaps, taken in found)
        reason = ""
        # One that just fits may have been cut to fit.
        if longest >= self._max_length:
            reason = "it exceeds the model's maximum length, or swaps can make it do so"
        elif self._is_glued(text, words) or not self._are_read_apart(words, tokens):
            reason = "a word that can be swapped is tokenized together with its neighbour"
        certified = not reason and worst[nearest] > self._needed + CLEARANCE
        return Certificate(
            bool(certified), float(min(margins[others])), float(worst[nearest]), self._needed, moves, reason
        )

    def _of(self, word: str) -> tuple[list[str | None], np.ndarray, int]:
        """The options of a word, what the ledger says of each `(options, classes)`, and the tokens they may add."""
        known = self._options.get(word)
        if known is None:
            swaps = self._lexicon.swaps(word)
            options = self._pieces.words([word, *swaps])
            said = np.stack([self._table[list(ids)].sum(axis=0) for ids in options])
            most = max(len(ids) for ids in options) - len(options[0])
            self._options[word] = known = [None, *swaps], said, most
        return known

    def _is_glued(self, text: Text, words: list[str]) -> bool:
        """Whether a word that can be swapped stands next to a sign that is no border between words to every reader."""
        whole = text if isinstance(text, str) else "\n".join(text)
        begin = 0
        for word in words:
            place = whole.find(word, begin)
            if place < 0:
                return True
            begin = place + len(word)
            sides = whole[max(0, place - 1) : place], whole[begin : begin + 1]
            if len(self._of(word)[0]) > 1 and not all(map(_is_border, sides)):
                return True
        return False

    def _are_read_apart(self, words: list[str], tokens: np.ndarray) -> bool:
        """Whether the tokens of every word that can be swapped stand in the sentence as they do by themselves."""
        row, begin = [int(token) for token in tokens], 0
        for word in words:
            swaps, _, _ = self._of(word)
            own = list(self._pieces.words([word])[0]) if len(swaps) > 1 else []
            if not own:
                continue
            while row[begin : begin + len(own)] != own:
                begin += 1
                if begin > len(row):
                    return False
            begin += len(own)
        return True


def _is_border(sign: str) -> bool:
    """Whether a sign (or nothing) parts words for the attack, the input codes and the tokenizer alike."""
    if not sign or sign.isspace():
        return True
    if sign.isascii():
        # Brackets may make a special token of a word, which no input code reads.
        return not sign.isalnum() and sign not in "[]<>"
    # A typographic apostrophe joins words for the input codes, not for the attack.
    return sign != "’" and unicodedata.category(sign).startswith("P")


def _move(word: str, swaps: list[str | None], taken: np.ndarray) -> Move:
    most = int(taken.argmax())
    return Move(word, swaps[most], float(taken[most]))
