"""What the students of a run read: the sentences under each input code, and what an attack may make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from transformers import PreTrainedTokenizerBase

from rosearch_engine.attack.lexicon import Lexicon, is_lexicon_ready, named_lexicon
from rosearch_engine.attack.pieces import Pieces, Text
from rosearch_engine.attack.victim import softmax
from rosearch_engine.batching import Encoded, encode_split, join
from rosearch_engine.codes import Code, heads_of, make_code, of_words, trimmed
from rosearch_engine.config import TIES, CodeName, RunConfig
from rosearch_engine.data import Dataset, Split
from rosearch_engine.data.extra import load_extra
from rosearch_engine.distil.augment import swapped
from rosearch_engine.distil.bag import Bags
from rosearch_engine.distil.classes import swap_classes
from rosearch_engine.distil.corpus import Corpus, Special
from rosearch_engine.distil.swaps import Tokens, tabulate
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.ragged import Ragged
from rosearch_engine.teacher import Outputs, Teacher, outputs

SURE = 0.8
"""Of sentences that only the teacher labels, those are learnt from of which it is this sure."""


@dataclass(frozen=True)
class Reading:
    """The run's sentences as one input code reads them.

    Attributes:
        corpus: what students learn from.
        validation: the validation sentences.
        pieces: the tokenizer as an attack uses it.
        bags: the worst-case bags of words: baselines, and what ledgers begin with; None where no lexicon is at hand.
        heads: `(vocabulary,)` the group that graphs read each token as; None: each as itself.
    """

    code: Code
    corpus: Corpus
    validation: Encoded
    pieces: Pieces
    bags: Bags | None
    heads: np.ndarray | None


@dataclass(frozen=True)
class Readings:
    """All readings of a run, and the tokenizer that they share.

    Attributes:
        tokenizer: the students', before their input code.
        pieces: which of the teacher's word pieces each of theirs is made of.
        by_code: by the name of the input code; "plain" is always there.
    """

    tokenizer: PreTrainedTokenizerBase
    pieces: Ragged
    by_code: Mapping[str, Reading]

    @property
    def groups(self) -> dict[str, int]:
        """How many groups of words the graphs of each input code tell apart, where they read groups."""
        return {
            name: int(reading.heads.max()) + 1 for name, reading in self.by_code.items() if reading.heads is not None
        }


def read(config: RunConfig, data: Dataset, teacher: Teacher, progress: Progress) -> Readings:
    """Read the sentences under each input code of the space.

    Raises:
        UserError: if a code or the adversary needs WordNet and it is missing, or the extra sentences cannot be had.
    """
    length = teacher.max_length
    plain = encode_split(data.distillation, teacher.tokenizer, length)
    said = outputs(teacher, plain, progress)
    split, said = _with_more(config, data, teacher, said, progress)
    lexicons = lexicons_of(config)
    known, ties = _swaps_of(texts_of(split), lexicons), config.space.ties_in_graph
    # Where graphs read classes of swaps, a word that an attack takes for one is one to the tokenizer too.
    joined = [word for word in (*_words_of(texts_of(split), lexicons), *known) if not word.isalnum()]
    joined = joined if config.space.is_invariant else []
    codes = {
        name: make_code(name, data.distillation, teacher.tokenizer, known, not ties, joined) for name in _codes(config)
    }
    if config.space.vocabulary == "words":
        progress.stage(Stage.READING, detail="vocabulary")
        tokenizer, pieces = of_words(teacher.tokenizer, vocabulary_of(texts_of(split), lexicons, list(codes.values())))
    elif config.space.vocabulary == "seen":
        tokenizer, pieces = trimmed(teacher.tokenizer, np.bincount(encode_split(split, teacher.tokenizer, length).ids))
    else:
        tokenizer, pieces = teacher.tokenizer, Ragged([[piece] for piece in range(teacher.frame.vocabulary)])
    special = Special(int(tokenizer.unk_token_id or 0), tuple(map(int, tokenizer.all_special_ids)))
    readings: dict[str, Reading] = {}
    for name, code in codes.items():
        progress.stage(Stage.READING, detail=name)
        sentences = encode_split(split, tokenizer, length, code)
        swaps = None
        if lexicons:
            swaps = tabulate(texts_of(split), sentences, lexicons, tokens_of(tokenizer, code), special.unknown)
        corpus = Corpus(sentences, split.labels, said, special, swaps)
        validation = encode_split(data.validation, tokenizer, length, code)
        heads = None
        if config.space.is_invariant:
            progress.stage(Stage.READING, detail=f"{name}, classes of swaps")
            heads = classes_of(texts_of(split), lexicons, tokens_of(tokenizer, code), len(pieces), special.unknown)
        elif ties and name in TIES:
            heads = heads_in(tokenizer, data.distillation)
        bags = Bags(corpus, len(pieces), len(data.classes)) if lexicons else None
        readings[name] = Reading(code, corpus, validation, Pieces(tokenizer, length, code), bags, heads)
    for lexicon in lexicons:
        lexicon.keep()
    return Readings(tokenizer, pieces, readings)


def lexicons_of(config: RunConfig) -> list[Lexicon]:
    """The lexicons that the adversary, the ledger, the vocabulary of words and the bag of words draw on.

    None where none of these is on. The last two make do with those that are ready.

    Raises:
        UserError: if the adversary or the ledger needs a lexicon whose resource is missing.
    """
    if config.distil.adversary != "off" or config.space.has_ledger:
        return [named_lexicon(name) for name in config.distil.lexicons]
    if config.space.vocabulary == "words" or config.search.bag:
        return [named_lexicon(name) for name in config.distil.lexicons if is_lexicon_ready(name)]
    return []


def texts_of(split: Split) -> list[Text]:
    """A split's sentences or pairs."""
    return list(split.texts) if split.pairs is None else list(zip(split.texts, split.pairs, strict=True))


def vocabulary_of(texts: Sequence[Text], lexicons: Sequence[Lexicon], codes: Sequence[Code]) -> list[str]:
    """Every word of the texts and everything that may stand in its place, as each code reads it, seen ones first."""
    whole = [part for text in texts for part in ([text] if isinstance(text, str) else text)]
    return list(dict.fromkeys(code.read(part) for part in (*whole, *_swaps_of(texts, lexicons)) for code in codes))


def _words_of(texts: Sequence[Text], lexicons: Sequence[Lexicon]) -> list[str]:
    return list(dict.fromkeys(word for lexicon in lexicons for text in texts for word in lexicon.words(text)))


def _swaps_of(texts: Sequence[Text], lexicons: Sequence[Lexicon]) -> list[str]:
    words = _words_of(texts, lexicons)
    return list(dict.fromkeys(swap for lexicon in lexicons for word in words for swap in lexicon.swaps(word)))


def heads_in(tokenizer: PreTrainedTokenizerBase, split: Split) -> np.ndarray:
    """`(vocabulary,)` the token of each word's head, itself where it has none.

    Raises:
        UserError: if WordNet is missing.
    """
    vocabulary = tokenizer.get_vocab()
    heads = np.arange(len(vocabulary))
    for word, head in heads_of(split).items():
        if word in vocabulary and head in vocabulary:
            heads[vocabulary[word]] = vocabulary[head]
    return heads


def classes_of(
    texts: Sequence[Text], lexicons: Sequence[Lexicon], tokens: Tokens, vocabulary: int, unknown: int
) -> np.ndarray:
    """`(vocabulary,)` the class of each, see `distil.classes`.

    Of every word of the texts and of everything that may stand in its place: another sentence may begin with either.
    In lower case: a stop word with a capital may be swapped, but would take every small one into its class.
    """
    words = (*_words_of(texts, lexicons), *_swaps_of(texts, lexicons))
    small = dict.fromkeys(word.lower() for word in words)
    swaps = {word: list(dict.fromkeys(swap for one in lexicons for swap in one.swaps(word))) for word in small}
    return swap_classes(swaps, tokens, vocabulary, unknown)


def tokens_of(tokenizer: PreTrainedTokenizerBase, code: Code) -> Tokens:
    """From words to what a student of that code reads for each."""

    def tokens(words: Sequence[str]) -> list[tuple[int, ...]]:
        if not words:
            return []
        return [
            tuple(ids) for ids in tokenizer([code.read(word) for word in words], add_special_tokens=False)["input_ids"]
        ]

    return tokens


def _codes(config: RunConfig) -> list[CodeName]:
    names: tuple[CodeName, ...] = ("plain", *config.space.codes)
    return list(dict.fromkeys(names))


def _with_more(
    config: RunConfig, data: Dataset, teacher: Teacher, said: Outputs, progress: Progress
) -> tuple[Split, Outputs]:
    """The labelled sentences, then those that the teacher labels: copies with other words, and extra sentences."""
    split, more = data.distillation, []
    if config.distil.copies:
        rng = np.random.default_rng(config.search.seed)
        progress.stage(Stage.SWAPPING, config.distil.copies, "copies")
        more += [swapped(split, config.distil.swapped, rng) for _ in range(config.distil.copies)]
    if config.distil.extra:
        texts = load_extra(config.data, config.distil.extra, config.distil.extra_limit)
        more.append(Split(np.full(len(texts), -1), texts, None, np.zeros(len(texts), dtype=np.int64)))
    if not more:
        return split, said
    theirs = join(encode_split(part, teacher.tokenizer, teacher.max_length) for part in more)
    imitates = bool(config.distil.hidden_weight or config.distil.relation_weight)
    answers = outputs(teacher, theirs, progress, hidden=imitates)
    sure = np.flatnonzero(softmax(np.asarray(answers.logits, dtype=np.float64)).max(axis=1) >= SURE)
    added = _joined(more)
    picked = Split(
        added.ids[sure],
        tuple(added.texts[row] for row in sure),
        None if added.pairs is None else tuple(added.pairs[row] for row in sure),
        answers.logits[sure].argmax(axis=1),
    )
    hidden = None
    if said.hidden is not None and answers.hidden is not None:
        hidden = np.concatenate([said.hidden, answers.hidden[sure]])
    everything = replace(said, logits=np.concatenate([said.logits, answers.logits[sure]]), hidden=hidden)
    return _joined([split, picked]), everything


def _joined(parts: Sequence[Split]) -> Split:
    pairs = None
    if parts[0].pairs is not None:
        pairs = tuple(text for part in parts for text in part.pairs or ())
    return Split(
        np.concatenate([part.ids for part in parts]),
        tuple(text for part in parts for text in part.texts),
        pairs,
        np.concatenate([part.labels for part in parts]),
    )
