"""All that is done to one sentence at a time: attacks on the victim's faces, and every single swap."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rosearch_engine.attack.diff import flat
from rosearch_engine.attack.one_swap import all_swaps
from rosearch_engine.attack.pieces import Pieces, Text
from rosearch_engine.attack.result import Face, Result, Said, Swaps, Target
from rosearch_engine.attack.swap_store import SwapStore
from rosearch_engine.attack.task import Task
from rosearch_engine.attack.victim import softmax
from rosearch_engine.store.rows import Outcome

# No model of this space reads as many words; the rest cannot change what it says.
LONGEST = 2_000

Watch = Callable[[int, Sequence[Text], np.ndarray], None]


class Trial:
    """One sentence, the tasks about it, and what the model said of its texts so far.

    Attributes:
        known: logits `(1, classes)` of all that was asked, with a guide's beneath them `(2, classes)`, by what the
            model reads of a text: two texts that it cannot tell apart are told the same to the last bit, whatever
            stood beside them in a batch.
        known_swaps: the candidates known for this sentence.
        words: its length.
    """

    def __init__(self, target: Target, swap_store: SwapStore, seconds: float, pieces: Pieces) -> None:
        self.target = target
        self._pieces = pieces
        self.text, self.words = fit(target.text)
        self.known_swaps = swap_store.of(flat(self.text))
        self.known: dict[bytes, np.ndarray] = {}
        self._keys: dict[Text, bytes] = {}
        self.tasks: list[Task] = []
        self._attacks: dict[Face, Task] = {}
        self._swaps: Task | None = None
        self._seconds = seconds

    def attack(self, attack: Any, face: Face, temperature: float, seed: int | None) -> None:
        """Attack a face of the victim."""

        def show(planes: np.ndarray) -> np.ndarray:
            final = planes[:, 0] if face == "raw" else softmax(planes[:, 0].astype(np.float64) / temperature)
            return final if planes.shape[1] == 1 else np.stack([final, planes[:, 1]], axis=1)

        def work() -> Any:
            return attack.attack(self._example(), self.target.label)

        self._attacks[face] = self._start(Task(work, attack, self.known_swaps, show, self._pieces.read, seed))

    def ask_all_swaps(self, attack: Any, limit: int | None, two: bool = False) -> None:
        """Ask about every single swap, or the first `limit`; with `two`, about every two at once too."""

        def work() -> Swaps | None:
            return all_swaps(attack, self._example(), self.target.label, limit, two)

        self._swaps = self._start(Task(work, attack, self.known_swaps, _final, self._pieces.read))

    def read(self) -> None:
        """Have the texts read that the tasks wait to hear of."""
        new = list(dict.fromkeys(text for task in self.tasks for text in task.question if text not in self._keys))
        self._keys.update(zip(new, self._pieces.read(new), strict=True))

    def unanswered(self) -> list[bytes]:
        """What a task waits for and the model was not asked yet."""
        keys = (self._keys[text] for task in self.tasks for text in task.question)
        return list(dict.fromkeys(key for key in keys if key not in self.known))

    def go_on(self, watch: Watch | None) -> None:
        """Let every task run until it asks something new."""
        face, watched = next(iter(self._attacks.items()), (None, None))
        for task in self.tasks:
            while not task.ended and all(self._keys.get(text) in self.known for text in task.question):
                answer = task.show(np.stack([self.known[self._keys[text]] for text in task.question]))
                if watch and task is watched:
                    final = _final(answer) if answer.ndim == 3 else answer
                    # The raw face shows logits.
                    watch(self.target.sentence, task.question, softmax(final) if face == "raw" else final)
                self._spend(task, answer)

    def give_up(self, error: Exception) -> None:
        """End every task where it is."""
        for task in self.tasks:
            if not task.ended:
                task.give_up(error)

    @property
    def ended(self) -> bool:
        return all(task.ended for task in self.tasks)

    @property
    def swaps(self) -> Swaps | None:
        """What every single swap did, once it has ended; None if it was not asked, or wrong from the start."""
        return self._swaps.answer if self._swaps else None

    def result(self, main: Face, with_swaps: bool) -> Result:
        """What came of it, once it has ended."""
        results = {face: self._result(face, task) for face, task in self._attacks.items()}
        raw = results.get("raw") if main != "raw" else None
        found = replace(results[main], raw=raw)
        if with_swaps and self._swaps:
            # Of a sentence that is wrong already no swap is asked.
            found = replace(found, swaps=self.swaps or Swaps(0, 0, None))
            if self._swaps.error:
                found = replace(found, outcome="failed", reason=_words(self._swaps.error), swaps=None)
        if found.outcome == "failed" and raw:
            found = replace(found, raw=replace(raw, outcome="failed", reason=found.reason))
        return found

    def _start(self, task: Task) -> Task:
        self.tasks.append(task)
        self._spend(task, None)
        return task

    def _spend(self, task: Task, answer: np.ndarray | None) -> None:
        began = time.thread_time()
        task.go_on(answer)
        self._seconds -= time.thread_time() - began
        if self._seconds < 0:
            self.give_up(TimeoutError("exceeded the time limit"))

    def _example(self) -> Any:
        if isinstance(self.text, str):
            return self.text
        return OrderedDict(zip(self.target.columns, self.text, strict=True))

    def _result(self, face: Face, task: Task) -> Result:
        if task.error is not None:
            nothing = Said(self.text, -1, [])
            return Result(self.target, "failed", nothing, nothing, 0, _words(task.error))
        found = task.answer
        before, after = Said.of(found.original_result), Said.of(found.perturbed_result)
        queries = found.perturbed_result.num_queries
        kind = type(found).__name__
        outcome: Outcome = "held"
        if kind == "SkippedAttackResult":
            outcome, after = "already wrong", before
        elif kind == "SuccessfulAttackResult":
            outcome = "fooled"
        elif queries >= task.attack.goal_function.query_budget:
            outcome = "budget used"
        cut = "" if self.text == self.target.text else f"only the first {LONGEST:,} words were attacked"
        return Result(self.target, outcome, before, after, queries, cut)


def _final(planes: np.ndarray) -> np.ndarray:
    """The final word `(texts, classes)` of `(texts, planes, classes)`."""
    return planes[:, 0]


def fit(text: Text) -> tuple[Text, int]:
    """The text, cut after its first `LONGEST` words, and how many words that are."""
    parts = (text,) if isinstance(text, str) else text
    words = [part.split() for part in parts]
    count = sum(min(len(some), LONGEST) for some in words)
    if all(len(some) <= LONGEST for some in words):
        return text, count
    cut = tuple(" ".join(some[:LONGEST]) for some in words)
    return (cut[0] if isinstance(text, str) else cut), count


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
