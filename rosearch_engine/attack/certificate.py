"""Proof that no combination of an attack's swaps can flip a sentence: exact, without an attack.

A student with a ledger says `ledger + B tanh(context / B)`. The ledger is a sum over words, so the worst that any
combination of swaps can do to its margin is the sum of the worst that each word's swaps can do; the rest moves a
margin by at most 2 B. Where the worst margin stays above that, the sentence is certified. A student whose graph reads
only what no swap changes says `ledger + context`, each word of the ledger weighed by the graph: the same sum, and
nothing beside it moves, as long as the graph does read every swap of the sentence's words like the word itself. With
bigrams a ledger is a sum over words and pairs of neighbours, whose worst case is a shortest path (`attack.chain`). What
may stand in a word's place is asked of TextAttack itself (`attack.lexicon`), and a sentence of which the sum might
not hold (words that the tokenizer reads together with what stands beside them, or that fall off its end) is not
certified.
"""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import PreTrainedModel

from rosearch_engine.attack import chain
from rosearch_engine.attack.lexicon import Lexicon
from rosearch_engine.attack.pieces import Pieces, Text
from rosearch_engine.attack.result import Certificate, Move, Result
from rosearch_engine.batching import reading_batches
from rosearch_engine.student.modeling import RoSearchForSequenceClassification

__all__ = ["Certificate", "Certifier", "Move"]

# A model adds up in float32: a margin must be clear of what that can lose.
CLEARANCE = 1e-3
MOST_VARIANTS = 64
"""Of a sentence so many are looked at one by one where swaps change what an invariant graph reads."""


@dataclass(frozen=True)
class Options:
    """A word and what may stand in its place.

    Attributes:
        swaps: None for the word itself, then its swaps.
        tokens: of each, its token numbers.
        said: `(options, 1 + coefficients, classes)` the ledger's evidence of each.
    """

    swaps: list[str | None]
    tokens: list[list[int]]
    said: np.ndarray

    @property
    def growth(self) -> int:
        """By how many tokens a swap may lengthen the sentence."""
        return max(map(len, self.tokens)) - len(self.tokens[0])


@dataclass(frozen=True)
class Variant:
    """A sentence, or what some swaps have made of it.

    Attributes:
        words: as the attack splits it.
        fixed: at places among them that are not swapped any more, what was put there; None: the word was left.
        whole: whether the variants of its sentence are all there is to see for its graph.
    """

    text: Text
    words: list[str]
    fixed: Mapping[int, str | None]
    whole: bool = True


@dataclass(frozen=True)
class Case:
    """What swaps can do to a variant.

    Attributes:
        margins: `(classes,)` what its label is ahead of each class.
        worst: the same after the worst of all combinations.
        found: by the place of each word that can be swapped, its swaps and what each takes from each margin
            `(swaps, classes)`.
        reason: why nothing can be proved.
    """

    variant: Variant
    margins: np.ndarray
    worst: np.ndarray
    found: dict[int, tuple[list[str | None], np.ndarray]]
    reason: str


@dataclass(frozen=True)
class View:
    """What a student with an invariant graph makes of a sentence.

    Attributes:
        logits: `(classes,)`.
        coefficients: `(length, n)` by which it weighs the evidence of each token; None: by none.
    """

    logits: np.ndarray
    coefficients: np.ndarray | None


class InvariantGraph:
    """A graph that reads of each word its class of swaps alone."""

    def __init__(self, model: RoSearchForSequenceClassification, pieces: Pieces) -> None:
        self._model, self._pieces = model, pieces
        heads = model.embedding.heads
        assert heads is not None
        self._classes = heads.cpu().numpy()

    def is_blind_to(self, options: Sequence[Sequence[int]]) -> bool:
        """Whether the graph reads all options of a word alike, given their token numbers: of one token each."""
        return {len(tokens) for tokens in options} == {1} and len({self._classes[ids[0]] for ids in options}) == 1

    @torch.inference_mode()
    def views(self, texts: Sequence[Text]) -> list[View]:
        where = next(self._model.parameters()).device
        sentences = self._pieces.encoded(self._pieces.read(texts))
        found: dict[int, View] = {}
        for rows in reading_batches(sentences.lengths):
            said = self._model(**sentences.batch(rows, where))
            logits = said.logits.double().cpu().numpy()
            weighed = None if said.coefficients is None else said.coefficients.double().cpu().numpy()
            for at, row in enumerate(rows):
                found[int(row)] = View(logits[at], None if weighed is None else weighed[at])
        return [found[row] for row in range(len(texts))]


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
        self._evidence = model.ledger.evidence.detach().double().cpu().numpy()
        self._bias = model.ledger.bias.detach().double().cpu().numpy()
        self._graph = InvariantGraph(model, pieces) if model.has_graph and model.config.invariant else None
        # Without a graph, or with one that no swap moves, nothing moves but the ledger.
        pairs = model.ledger.bigrams
        self._bigrams = None if pairs is None else pairs.weight.detach().double().cpu().numpy()
        self._keys = np.empty(0, dtype=np.int64) if pairs is None else model.ledger.keys.cpu().numpy()
        self._needed = 2 * float(model.config.ledger_bound) if model.has_graph and not self._graph else 0.0
        self._pieces, self._max_length, self._lexicon = pieces, max_length, lexicon
        self._options: dict[str, Options] = {}

    @classmethod
    def of(cls, model: PreTrainedModel, pieces: Pieces, max_length: int, lexicon: Lexicon | None) -> Certifier | None:
        """For any model and recipe; None where nothing can be asked, for want of a ledger or a lexicon.

        A student that was loaded from an exported checkpoint is of the checkpoint's own class.
        """
        has_ledger = getattr(model, "ledger", None) is not None
        return cls(model, pieces, max_length, lexicon) if has_ledger and lexicon else None  # type: ignore[arg-type]

    def certify(self, texts: Sequence[Text], labels: Sequence[int]) -> list[Certificate]:
        """What can be proved of sentences with these labels."""
        variants = [self._variants(text) for text in texts]
        views = self._views([one.text for some in variants for one in some])
        return [
            self._certify([self._case(one, int(label), next(views)) for one in some], int(label))
            for some, label in zip(variants, labels, strict=True)
        ]

    def add_to(self, results: Sequence[Result]) -> list[Result]:
        """Attacked sentences with what can be proved of them."""
        proofs = self.certify([one.target.text for one in results], [one.target.label for one in results])
        self._lexicon.keep()
        return [replace(result, certificate=proof) for result, proof in zip(results, proofs, strict=True)]

    def _variants(self, text: Text) -> list[Variant]:
        """The sentence, then what every combination of those swaps makes of it that the graph reads otherwise.

        The sentence alone where there are too many to look at each.
        """
        words = self._lexicon.words(text)
        seen = {at: self._of(word).swaps for at, word in enumerate(words) if self._is_seen(word)}
        whole = not seen
        if seen and isinstance(text, str) and math.prod(map(len, seen.values())) <= MOST_VARIANTS:
            picked = [dict(zip(seen, some, strict=True)) for some in itertools.product(*seen.values())]
            return [Variant(_swapped(text, words, some), _replaced(words, some), some) for some in picked]
        return [Variant(text, words, {}, whole)]

    def _is_seen(self, word: str) -> bool:
        """Whether the graph tells some swap of the word from the word."""
        options = self._of(word)
        return self._graph is not None and len(options.swaps) > 1 and not self._graph.is_blind_to(options.tokens)

    def _views(self, texts: Sequence[Text]) -> Iterator[View | None]:
        return iter(self._graph.views(texts)) if self._graph else itertools.repeat(None)

    def _case(self, variant: Variant, label: int, view: View | None) -> Case:
        """The worst that swaps of the words that are not fixed can do to one variant of a sentence."""
        tokens = self._pieces.tokens([variant.text])[0]
        places = self._places(variant, tokens)
        logits = self._sum(tokens) + self._bias if view is None else view.logits
        margins = logits[label] - logits
        losses = np.zeros_like(margins)
        longest, found = len(tokens), dict[int, tuple[list[str | None], np.ndarray]]()
        for at, word in enumerate(variant.words):
            options = self._of(word)
            if at in variant.fixed or len(options.swaps) == 1:
                continue
            said = self._said(options, view, places[at] if places else None)  # (options, classes)
            taken = (said[0, label] - said[0]) - (said[:, label, None] - said)
            losses += taken.max(axis=0)
            longest += options.growth
            found[at] = options.swaps, taken
        leaves_nothing = any(not ids for at in found for ids in self._of(variant.words[at]).tokens)
        if self._bigrams is not None and places is not None and not leaves_nothing:
            losses = self._losses_of_paths(variant, tokens, label, places, found)
        reason = ""
        # One that just fits may have been cut to fit.
        if longest >= self._max_length:
            reason = "it exceeds the model's maximum length, or swaps can make it do so"
        elif self._bigrams is not None and leaves_nothing:
            reason = "a swap leaves nothing of a word to read"
        elif self._is_glued(variant) or places is None:
            reason = "a word that can be swapped is tokenized together with its neighbour"
        elif not variant.whole:
            reason = "too many swaps change what the graph reads"
        return Case(variant, margins, margins - losses, found, reason)

    def _sum(self, tokens: np.ndarray) -> np.ndarray:
        """What a ledger without a graph says of some tokens, without its bias `(classes,)`."""
        words = self._evidence[:, 0]
        return (
            words[tokens].sum(axis=0) if self._bigrams is None else chain.said(tokens, words, self._bigrams, self._keys)
        )

    def _losses_of_paths(
        self,
        variant: Variant,
        tokens: np.ndarray,
        label: int,
        places: Sequence[int | None],
        found: dict[int, tuple[list[str | None], np.ndarray]],
    ) -> np.ndarray:
        """What the worst path takes from each margin `(classes,)`; `found` then tells what each word takes on it."""
        assert self._bigrams is not None
        options: list[Sequence[Sequence[int]]] = [[[token]] for token in tokens.tolist()]
        swapped = dict[int, int]()  # by the place of a word among the words, the place among the options
        for at in sorted(found, reverse=True):
            known, place = self._of(variant.words[at]).tokens, places[at]
            assert place is not None
            options[place : place + len(known[0])] = [known]
            swapped = {other: now - len(known[0]) + 1 for other, now in swapped.items()} | {at: place}
        losses = np.zeros(self._bigrams.shape[1])
        for other in range(len(losses)):
            if other == label:
                continue
            words, pairs = (table[:, label] - table[:, other] for table in (self._evidence[:, 0], self._bigrams))
            worst = chain.worst_path(options, words, pairs, self._keys)
            losses[other] = worst.taken.sum()
            for at, place in swapped.items():
                taken = found[at][1]
                taken[:, other] = -np.inf
                taken[worst.path[place], other] = worst.taken[place]
        return losses

    def _certify(self, cases: Sequence[Case], label: int) -> Certificate:
        """Of a sentence and its variants, the worst of which counts."""
        own = cases[0]
        others = [place for place in range(len(own.margins)) if place != label]
        worst, nearest = min(((case, place) for case in cases for place in others), key=lambda at: at[0].worst[at[1]])
        left = float(worst.worst[nearest])
        reason = next((case.reason for case in cases if case.reason), "")
        certified = not reason and left > self._needed + CLEARANCE
        margin, moves = float(min(own.margins[others])), _moves(own, worst, nearest)
        return Certificate(bool(certified), margin, left, self._needed, moves, reason)

    def _said(self, options: Options, view: View | None, place: int | None) -> np.ndarray:
        """What the ledger says of each option of a word `(options, classes)`, where it stands."""
        if view is None or place is None or view.coefficients is None:
            return options.said[:, 0]
        return options.said[:, 0] + np.tensordot(view.coefficients[place], options.said[:, 1:], axes=(0, 1))

    def _of(self, word: str) -> Options:
        known = self._options.get(word)
        if known is None:
            swaps = self._lexicon.swaps(word)
            tokens = [list(ids) for ids in self._pieces.words([word, *swaps])]
            said = np.stack([self._evidence[ids].sum(axis=0) for ids in tokens])
            self._options[word] = known = Options([None, *swaps], tokens, said)
        return known

    def _is_glued(self, variant: Variant) -> bool:
        """Whether a word that can be swapped stands next to a sign that is no border between words to every reader."""
        whole = variant.text if isinstance(variant.text, str) else "\n".join(variant.text)
        begin = 0
        for word in variant.words:
            place = whole.find(word, begin)
            if place < 0:
                return True
            begin = place + len(word)
            sides = whole[max(0, place - 1) : place], whole[begin : begin + 1]
            if len(self._of(word).swaps) > 1 and not all(map(_is_border, sides)):
                return True
        return False

    def _places(self, variant: Variant, tokens: np.ndarray) -> list[int | None] | None:
        """Where the tokens of each word that can be swapped begin; None if they cannot be told.

        Without a graph that weighs words, and without bigrams, it is enough that they stand there in this order.
        """
        row, counts = tokens.tolist(), self._graph is not None or self._bigrams is not None
        own = [self._of(word).tokens[0] if counts or len(self._of(word).swaps) > 1 else [] for word in variant.words]
        first = _first_places(own, row)
        if not counts or first is None:
            return first
        # Which of two equal tokens is the word is certain where it is the same from either end.
        behind = _first_places([ids[::-1] for ids in reversed(own)], row[::-1])
        assert behind is not None
        last = [
            None if place is None else len(row) - place - len(ids)
            for place, ids in zip(reversed(behind), own, strict=True)
        ]
        return first if first == last else None


def _first_places(words: Sequence[list[int]], row: list[int]) -> list[int | None] | None:
    """The first place of each word's tokens in a row, in their order; of a word without tokens None."""
    begin = 0
    places: list[int | None] = []
    for ids in words:
        if not ids:
            places.append(None)
            continue
        while row[begin : begin + len(ids)] != ids:
            begin += 1
            if begin > len(row):
                return None
        places.append(begin)
        begin += len(ids)
    return places


def _replaced(words: Sequence[str], swaps: Mapping[int, str | None]) -> list[str]:
    """The words with others at some places; None leaves one."""
    return [swaps.get(at) or word for at, word in enumerate(words)]


def _swapped(text: str, words: Sequence[str], swaps: Mapping[int, str | None]) -> str:
    """The text with other words at some places among its words; None leaves one."""
    parts, end, others = [], 0, _replaced(words, swaps)
    for at, word in enumerate(words):
        begin = text.find(word, end)
        if begin < 0:
            return text  # found glued later on
        parts += [text[end:begin], others[at]]
        end = begin + len(word)
    return "".join(parts) + text[end:]


def _is_border(sign: str) -> bool:
    """Whether a sign (or nothing) parts words for the attack, the input codes and the tokenizer alike."""
    if not sign or sign.isspace():
        return True
    if sign.isascii():
        # Brackets may make a special token of a word, which no input code reads.
        return not sign.isalnum() and sign not in "[]<>"
    # A typographic apostrophe joins words for the input codes, not for the attack.
    return sign != "’" and unicodedata.category(sign).startswith("P")


def _moves(own: Case, worst: Case, nearest: int) -> tuple[Move, ...]:
    """What each word of a sentence takes of its margin to one class in the worst of its variants."""
    fixed = worst.variant.fixed
    changed = [at for at, swap in fixed.items() if swap is not None]
    # What swaps that the graph reads take together, no one of them can be charged with.
    each = float(own.margins[nearest] - worst.margins[nearest]) / max(1, len(changed))
    moves = []
    for at, word in enumerate(own.variant.words):
        if at in fixed:
            moves.append(Move(word, fixed[at], each if at in changed else 0.0))
        elif at in worst.found:
            swaps, taken = worst.found[at]
            most = int(taken[:, nearest].argmax())
            moves.append(Move(word, swaps[most], float(taken[most, nearest])))
    return tuple(moves)
