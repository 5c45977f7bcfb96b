"""The forms of an exported student, each measured from its file: accuracy, held under the attack, size, latency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rosearch_engine.attack.certificate import Certifier
from rosearch_engine.attack.lexicon import recipe_lexicon
from rosearch_engine.attack.of_run import attacker
from rosearch_engine.attack.pieces import Text
from rosearch_engine.attack.protocol import example, score
from rosearch_engine.attack.run import Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.checkpoints.forms import FILES, Form
from rosearch_engine.checkpoints.read import read_form
from rosearch_engine.checkpoints.speed import batch_call, one_thread, speeds
from rosearch_engine.config import RunConfig, opened
from rosearch_engine.data import load
from rosearch_engine.device import cpu_name
from rosearch_engine.errors import UserError
from rosearch_engine.inference import accuracy
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import ExampleRow, MeasuredStudent, RunRow

# What a sentence's outcome consists of: what the attacks found and how many single swaps flip it.
OUTCOME = ("outcome", "raw_outcome", "flips")


@dataclass(frozen=True)
class FormFigures:
    """What was measured of a form.

    Attributes:
        bytes: the size of its file.
        p50: milliseconds for one sentence of 32 tokens in one thread, the median.
        p95: what nineteen of twenty stay below.
        cpu: where that was measured.
        accuracy: on the run's validation sentences; None where they are not at hand.
        attacked: sentences of the search's attack, attacked again; None where the attack is not ready.
        held: of those, as the search counts it.
        certified: of those; None without a ledger or a lexicon.
        same: of those, sentences with the very outcome that the search stored.
        missing: why something was not measured.
    """

    form: Form
    file: str
    bytes: int
    p50: float
    p95: float
    cpu: str
    accuracy: float | None = None
    accuracy_n: int = 0
    attacked: int | None = None
    held: int | None = None
    certified: int | None = None
    same: int | None = None
    missing: str = ""


def targets_of(examples: Sequence[ExampleRow], columns: tuple[str, str]) -> list[Target]:
    """The sentences of stored attacks, to be attacked again."""
    return [Target(one["sentence"], _text(one["before"]["text"]), one["label"], columns) for one in examples]


def measure_forms(
    store: Store,
    run: RunRow,
    student: MeasuredStudent,
    columns: tuple[str, str],
    folder: Path,
    forms: Sequence[Form],
    progress: Progress,
) -> list[FormFigures]:
    """Ask and attack each form as the search did with the student, on the same sentences.

    Args:
        columns: names of the data's text columns.
        folder: that of the exported student.
    """
    config = opened(run["config"])
    with one_thread():
        models = {form: read_form(folder, form, threads=1).model for form in forms}
        calls: dict[str, Callable[[], object]] = {form: batch_call(model, 1) for form, model in models.items()}
        taken = speeds(calls)
    texts, labels, missing = _validation(run, config)
    again = _Again(store.examples(student["measurement_id"]), config, columns, progress)
    found = []
    for form in forms:
        progress.stage(Stage.MEASURING, detail=form)
        victim, file = read_form(folder, form), FILES[form]
        right = accuracy(victim.logits(texts), labels) if texts else None
        attacked = again.attack(victim)
        found.append(
            FormFigures(
                form,
                file,
                (folder / file).stat().st_size,
                taken[form].p50,
                taken[form].p95,
                cpu_name(),
                right,
                len(texts),
                *attacked,
                missing=" ".join(filter(None, (missing, again.missing))),
            )
        )
    return found


class _Again:
    """The attack of a student's search, to be repeated.

    Attributes:
        missing: why it cannot be.
    """

    def __init__(
        self, examples: Sequence[ExampleRow], config: RunConfig, columns: tuple[str, str], progress: Progress
    ) -> None:
        self._examples, self._progress, self.missing = examples, progress, ""
        self._targets = targets_of(examples, columns)
        try:
            self._attacker = attacker(config.attack, config.search.seed)
            self._lexicon = recipe_lexicon(config.attack.recipe)
        except UserError as error:
            self.missing = f"Not attacked: {error.problem}"

    def attack(self, victim: Victim) -> tuple[int | None, int | None, int | None, int | None]:
        """Sentences attacked, held, certified, and with the stored outcome."""
        if self.missing:
            return None, None, None, None
        results = self._attacker.attack(victim, self._targets, watch=lambda *_: self._progress.check())
        if certifier := Certifier.of(victim.model, victim.pieces, victim.max_length, self._lexicon):
            results = certifier.add_to(results)
        said = score(0.0, 0, results, victim.temperature)
        rows = [dict(example(one)) for one in results]
        before = [dict(one) for one in self._examples]
        same = sum(all(a[name] == b[name] for name in OUTCOME) for a, b in zip(rows, before, strict=True))
        return said.attacked, said.held, said.certified, same


def _text(text: str | list[str]) -> Text:
    return text if isinstance(text, str) else tuple(text)


def _validation(run: RunRow, config: RunConfig) -> tuple[list[Text], np.ndarray, str]:
    """Texts and labels that the search measured clean accuracy on; or none, and why."""
    try:
        data = load(config.data)
    except UserError as error:
        return [], np.zeros(0, int), f"Accuracy not measured: {error.problem}"
    if run["dataset"] is None or data.fingerprint != run["dataset"]["fingerprint"]:
        return [], np.zeros(0, int), "Accuracy not measured: the data has changed since the search."
    split = data.validation
    texts: list[Text] = list(split.texts)
    if split.pairs is not None:
        texts = list(zip(split.texts, split.pairs, strict=True))
    return texts, split.labels, ""
