"""What a search of checked settings will meet: what only the tokenizer and the attack can tell, before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import AutoTokenizer

from rosearch_engine.attack.lexicon import Tries, recipe_lexicon, tries
from rosearch_engine.batching import encode_split
from rosearch_engine.check import Checked
from rosearch_engine.data import Dataset, load
from rosearch_engine.search.context import attack_notes, targets
from rosearch_engine.teacher import fine_tuning_plan


@dataclass(frozen=True)
class Outlook:
    """What lies ahead.

    Attributes:
        steps: of the teacher's fine-tuning; 0 of one that is used as it is.
        pieces: word pieces of the longest distillation sentence, before it is cut.
        cut: distillation sentences that are cut.
        tries: what the attack has to try; None where that depends on more than the word.
    """

    steps: int
    pieces: int
    cut: int
    tries: Tries | None

    def warnings(self) -> tuple[str, ...]:
        """What a reader should know."""
        return attack_notes(self.tries)

    def facts(self) -> dict[str, Any]:
        """In plain values."""
        found = self.tries
        return {
            "teacher_steps": self.steps,
            "longest": self.pieces,
            "cut": self.cut,
            "words": None if found is None else {"attacked": found.words, "with_swaps": found.swappable},
            "untried": None if found is None else {"sentences": found.sentences, "untried": found.untried},
        }


def outlook(checked: Checked) -> Outlook:
    """Look ahead.

    Raises:
        UserError: if the data, the tokenizer or the recipe's resources cannot be had.
    """
    data, config = load(checked.config.data), checked.config
    lexicon = recipe_lexicon(config.attack.recipe)
    attacked = targets(data.search_attack.head(config.attack.sentences), data.columns)
    found = tries(lexicon, [target.text for target in attacked]) if lexicon else None
    if lexicon:
        lexicon.keep()
    return Outlook(*_lengths(checked, data), found)


def _lengths(checked: Checked, data: Dataset) -> tuple[int, int, int]:
    """Steps of the teacher, word pieces of the longest sentence, sentences that are cut."""
    look, config = checked.teacher, checked.config.teacher
    tokenizer = AutoTokenizer.from_pretrained(look.folder)
    most = min(config.max_length, look.positions)
    lengths = encode_split(data.distillation, tokenizer, 1_000_000).lengths
    as_it_is = look.classes is not None and len(look.classes) == len(data.classes)
    steps = 0 if as_it_is else len(fine_tuning_plan(lengths.clip(max=most), config))
    return steps, int(lengths.max()), int((lengths > most).sum())
