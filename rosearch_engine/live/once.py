"""Attack a finished student with user-supplied sentences."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from rosearch_engine.attack.run import Attacker, Result, Swaps
from rosearch_engine.checkpoints.load import load
from rosearch_engine.config import Level
from rosearch_engine.data import own
from rosearch_engine.data.own import Sentence
from rosearch_engine.errors import UserError
from rosearch_engine.live.sentences import bring, swaps
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.store.repo import Store

# A sentence with more single swaps has too many pairs of them to ask about: over ten thousand texts.
MOST_SWAPS = 150


def sentences_of(run: str, text: str | None, pair: str | None, file: Path | None, n: int) -> list[Sentence]:
    """The sentences of the command line: one text, or the first n of a file.

    Raises:
        UserError: if the file cannot be read or holds nothing, or a label of it is none of the run's classes.
    """
    if text is not None:
        if not text.strip():
            raise UserError("text", "it is empty.", "Write a sentence.")
        return [Sentence(text if pair is None else (text, pair))]
    assert file is not None
    about = Store.read().run(run)["dataset"]
    rows = own.table(file, about is not None and about["pair"])
    found, _ = own.take(rows, own.guess(rows), about["classes"] if about else [])
    if not found:
        raise UserError("file", f"{file} contains no sentences.", "Write one per line.")
    return found[:n]


def attack_sentences(
    run: str,
    student: str,
    recipe: str,
    sentences: list[Sentence],
    query_budget: int = 2000,
    progress: Progress | None = None,
    level: Level = "standard",
    two_swaps: bool = False,
) -> dict[str, Any]:
    """Outcomes sentence by sentence, and the four numbers over them all.

    Args:
        two_swaps: ask about every two swaps at once as well, of sentences with at most `MOST_SWAPS` single ones.

    Raises:
        UserError: if there is no such student, the recipe is not ready or has no fixed set of swaps, or a label is
            none of the classes.
    """
    progress = progress or Progress()
    loaded = load(Store.read(), run, student)
    victim = loaded.victim
    attacker = Attacker(recipe, query_budget, level=level, faces=("calibrated", "raw"), one_swap=True)
    brought = bring(loaded, sentences, recipe)
    done: list[Result] = []

    def tell(result: Result) -> None:
        done.append(brought.proved(result))
        progress.advance(len(done))

    progress.stage(Stage.ATTACK, len(sentences), "sentences")
    twice: dict[int, Swaps | None] = {}
    stopped = True
    # What is done when the person stops it is shown all the same.
    with suppress(KeyboardInterrupt):
        attacker.attack(victim, brought.targets, tell)
        if two_swaps:
            few = [result.target for result in done if result.swaps and 0 < result.swaps.asked <= MOST_SWAPS]
            attacker.swaps(victim, few, lambda target, swaps: twice.update({target.sentence: swaps}), two=True)
        stopped = False
    results = sorted(done, key=lambda result: result.target.sentence)
    return {
        "run": run,
        "student": loaded.name,
        "recipe": recipe,
        "level": level,
        "stopped": stopped,
        "summary": brought.summary(results),
        "sentences": [
            brought.row(result) | {"two_swaps": swaps(twice.get(result.target.sentence))} for result in results
        ],
    }
