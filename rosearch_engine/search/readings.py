"""What the students of a run read: the sentences under each input code, and copies of them with their words swapped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from rosearch_engine.attack.pieces import Pieces
from rosearch_engine.batching import Encoded, encode_split, join
from rosearch_engine.codes import Code, make_code, trimmed
from rosearch_engine.config import RunConfig
from rosearch_engine.data import Dataset, Split
from rosearch_engine.distil.augment import neighbours, swapped
from rosearch_engine.distil.corpus import Corpus
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.teacher import Teacher, outputs


@dataclass(frozen=True)
class Reading:
    """The run's sentences as one input code reads them.

    Attributes:
        corpus: what students learn from.
        validation: the validation sentences.
        pieces: the tokenizer as an attack uses it.
    """

    code: Code
    corpus: Corpus
    validation: Encoded
    pieces: Pieces


def read(
    config: RunConfig,
    data: Dataset,
    teacher: Teacher,
    progress: Progress,
) -> tuple[PreTrainedTokenizerBase, np.ndarray, dict[str, Reading]]:
    """The students' tokenizer, which of the teacher's word pieces it kept, and the sentences under each input code.

    Raises:
        UserError: if a code or the copies need WordNet and it is missing.
    """
    split, length = data.distillation, teacher.max_length
    plain = encode_split(split, teacher.tokenizer, length)
    said = outputs(teacher, plain, progress)
    tokenizer, kept = teacher.tokenizer, np.arange(teacher.frame.vocabulary)
    if config.space.vocabulary == "seen":
        tokenizer, kept = trimmed(tokenizer, np.bincount(plain.ids))
    rounds = copies_of(split, config, progress)

    def coded(part: Split, code: Code) -> Encoded:
        return encode_split(part, tokenizer, length, code)

    of_copies = None
    if rounds and config.distil.swap_labels == "swapped":
        theirs = join(encode_split(copy, teacher.tokenizer, length) for copy in rounds)
        imitates = bool(config.distil.hidden_weight or config.distil.relation_weight)
        of_copies = outputs(teacher, theirs, progress, hidden=imitates)
    readings: dict[str, Reading] = {}
    for name in dict.fromkeys(("plain", *config.space.codes)):
        progress.stage(Stage.READING, detail=f"code {name}")
        code = make_code(name, split, teacher.tokenizer)
        copies = join(coded(copy, code) for copy in rounds) if rounds else None
        corpus = Corpus(coded(split, code), split.labels, said, copies, of_copies)
        readings[name] = Reading(code, corpus, coded(data.validation, code), Pieces(tokenizer, length, code))
    return tokenizer, kept, readings


def copies_of(split: Split, config: RunConfig, progress: Progress) -> list[Split]:
    """Copies of the sentences with their words swapped, round by round; none if the settings ask for none."""
    if config.distil.swaps == "off":
        return []
    sources, rng = neighbours(config.distil.swaps, split), np.random.default_rng(config.search.seed)
    progress.stage(Stage.SWAPPING, config.distil.copies, "copies")
    rounds = []
    for number in range(config.distil.copies):
        rounds.append(swapped(split, sources, config.distil.swapped, rng))
        progress.advance(number + 1)
    return rounds
