"""Attack a finished student with sentences that somebody brings."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosearch_engine.attack.diff import flat, words
from rosearch_engine.attack.pieces import Text
from rosearch_engine.attack.protocol import score
from rosearch_engine.attack.run import Attacker, Result, Said, Swaps, Target
from rosearch_engine.config import DataConfig, Level
from rosearch_engine.console import Bars
from rosearch_engine.data import files
from rosearch_engine.data.columns import choose
from rosearch_engine.errors import UserError
from rosearch_engine.objectives import wilson
from rosearch_engine.progress import Progress
from rosearch_engine.shelf import Loaded, load
from rosearch_engine.store.repo import Store

# A sentence with more single swaps has too many pairs of them to ask about: over ten thousand texts.
MOST_SWAPS = 150


@dataclass(frozen=True)
class Sentence:
    """A text, and its class if it is known: by name or number; else the model's own answer is taken as right."""

    text: Text
    label: str | None = None


def sentences_of(text: str | None, pair: str | None, file: Path | None, n: int) -> list[Sentence]:
    """The sentences of the command line: one text, or the first n of a file.

    Raises:
        UserError: if the file cannot be read or holds nothing.
    """
    if text is not None:
        if not text.strip():
            raise UserError("text", "it is empty.", "Write a sentence.")
        return [Sentence(text if pair is None else (text, pair))]
    assert file is not None
    if file.suffix.lower() == ".txt":
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError("file", f"{file} cannot be read ({error}).", "Give a text file in UTF-8.") from None
        found = [Sentence(line.strip()) for line in lines if line.strip()]
    else:
        found = _table(file)
    if not found:
        raise UserError("file", f"{file} holds no sentence.", "Write one a line.")
    return found[:n]


def attack_sentences(
    run: str,
    student: str,
    recipe: str,
    sentences: list[Sentence],
    query_budget: int,
    show: Bars,
    level: Level,
    two_swaps: bool = False,
) -> dict[str, Any]:
    """Outcomes sentence by sentence, and the four numbers over them all.

    Args:
        two_swaps: ask about every two swaps at once as well, of sentences with at most `MOST_SWAPS` single ones.

    Raises:
        UserError: if there is no such student, the recipe is not ready or has no fixed set of swaps, or a label is
            none of the classes.
    """
    loaded = load(Store.read(), run, student)
    victim, progress = loaded.victim, Progress()
    attacker = Attacker(recipe, query_budget, level=level, faces=("calibrated", "raw"), one_swap=True)
    texts = [_fit(sentence.text, loaded) for sentence in sentences]
    guesses = victim.probabilities(texts).argmax(axis=1)
    labels = [_label(s.label, loaded, int(guess)) for s, guess in zip(sentences, guesses, strict=True)]
    rows = enumerate(zip(texts, labels, strict=True))
    targets = [Target(row, text, label, loaded.columns) for row, (text, label) in rows]
    done: list[Result] = []

    def tell(result: Result) -> None:
        done.append(result)
        progress.advance(len(done))

    progress.stage("attack", len(targets), "sentences")
    show.follow(progress)
    twice: dict[int, Swaps | None] = {}
    stopped = True
    # What is done when the person stops it is shown all the same.
    with suppress(KeyboardInterrupt):
        attacker.attack(victim, targets, tell)
        if two_swaps:
            few = [result.target for result in done if result.swaps and 0 < result.swaps.asked <= MOST_SWAPS]
            attacker.swaps(victim, few, lambda target, swaps: twice.update({target.sentence: swaps}), two=True)
        stopped = False
    results = sorted(done, key=lambda result: result.target.sentence)
    right = sum(int(guesses[result.target.sentence]) == result.target.label for result in results)
    total = score(right / len(results) if results else 0.0, len(results), results, loaded.temperature)
    summary = vars(total) | {"robustness_interval": wilson(total.held, total.attacked)}
    if any(sentence.label is None for sentence in sentences):
        # Measured against its own answers, a model is always right.
        summary |= {"accuracy": None}
    return {
        "run": run,
        "student": loaded.name,
        "recipe": recipe,
        "level": level,
        "stopped": stopped,
        "summary": summary,
        "sentences": [_row(result, loaded, twice.get(result.target.sentence)) for result in results],
    }


def _row(result: Result, loaded: Loaded, twice: Swaps | None) -> dict[str, Any]:
    return {
        "outcome": result.outcome,
        "reason": result.reason,
        "label": loaded.classes[result.target.label],
        "queries": result.queries,
        "original": flat(result.before.text),
        "perturbed": flat(result.after.text),
        "words": words(result.before.text, result.after.text),
        "before": _said(result.before, loaded),
        "after": _said(result.after, loaded),
        "raw_outcome": result.raw.outcome if result.raw else None,
        "one_swap": _swaps(result.swaps),
        "two_swaps": _swaps(twice),
    }


def _swaps(swaps: Swaps | None) -> dict[str, int] | None:
    return None if swaps is None else {"asked": swaps.asked, "flips": swaps.flips}


def _said(said: Said, loaded: Loaded) -> dict[str, Any]:
    name = loaded.classes[said.label] if said.label >= 0 else ""
    return {"class": said.label, "name": name, "probabilities": said.probabilities}


def _fit(text: Text, loaded: Loaded) -> Text:
    if loaded.pair == isinstance(text, str):
        needed = "two sentences: give --pair too" if loaded.pair else "one sentence, without --pair"
        raise UserError("text", f"this student reads {needed}.", "See the run's data set.")
    return text


def _label(label: str | None, loaded: Loaded, guess: int) -> int:
    if label is None:
        return guess
    if label in loaded.classes:
        return loaded.classes.index(label)
    if label.isdigit() and int(label) < len(loaded.classes):
        return int(label)
    raise UserError("file", f"the label '{label}' is none of the classes.", f"Use: {', '.join(loaded.classes)}.")


def _table(file: Path) -> list[Sentence]:
    frame = files.read(file).train
    found = choose(frame, DataConfig())
    seconds = frame[found.pair].astype(str) if found.pair else [None] * len(frame)
    rows = zip(frame[found.text].astype(str), seconds, frame[found.label].astype(str), strict=True)
    return [Sentence(a if b is None else (a, b), label) for a, b, label in rows if a.strip()]
