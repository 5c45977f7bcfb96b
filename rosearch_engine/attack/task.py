"""A piece of work that asks the model and waits for the answer: one greenlet."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from greenlet import getcurrent, greenlet

from rosearch_engine.attack.pieces import Text
from rosearch_engine.attack.swap_store import KnownSwaps


class Task:
    """Runs `work` until it asks, and again with each answer, until it ends.

    Args:
        known_swaps: what is known of its sentence's candidates.
        show: turns what the model said, `(texts, ...)`, into what TextAttack is told.
        read: gives what the model reads of texts, equal for those that it cannot tell apart.
        seed: of the random numbers that `work` draws; None if it draws none.

    Attributes:
        question: texts that it waits to hear of.
        answer: what `work` returned, once `ended`.
        error: what it raised instead.
    """

    def __init__(
        self,
        work: Callable[[], Any],
        attack: Any,
        known_swaps: KnownSwaps,
        show: Callable[[np.ndarray], np.ndarray],
        read: Callable[[Sequence[Text]], list[bytes]],
        seed: int | None = None,
    ) -> None:
        self.attack = attack
        self.known_swaps = known_swaps
        self.show = show
        self.read = read
        self.question: list[Text] = []
        self.answer: Any = None
        self.error: Exception | None = None
        self._dice = None if seed is None else _Dice(seed)
        self._work = work
        self._greenlet = greenlet(self._run)
        self._greenlet.task = self

    @staticmethod
    def current() -> Task:
        """The task whose work is running."""
        task: Task = getcurrent().task
        return task

    @property
    def ended(self) -> bool:
        return bool(self._greenlet.dead)

    def go_on(self, answer: np.ndarray | None) -> None:
        """Let the work run to its next question."""
        self.question = []
        if self._dice is None:
            self._greenlet.switch(answer)
            return
        with self._dice:
            self._greenlet.switch(answer)

    def give_up(self, error: Exception) -> None:
        """End the work where it is."""
        self._greenlet.throw()
        self.question = []
        self.error = error

    def _run(self, _: Any) -> None:
        try:
            self.answer = self._work()
        except Exception as error:
            self.error = error


def ask(texts: Sequence[Text]) -> np.ndarray:
    """What the model says of the texts, `(texts, classes)`, as the running task shows it."""
    current = getcurrent()
    current.task.question = list(texts)
    answer: np.ndarray = current.parent.switch()
    return answer


class Question:
    """What TextAttack takes for the model: hands the texts out of the greenlet and brings the answers in."""

    model = torch.nn.Module()

    def __call__(self, texts: list[Text]) -> torch.Tensor:
        return torch.from_numpy(ask(texts))

    @staticmethod
    def read(texts: Sequence[Text]) -> list[bytes]:
        """What the model reads of the texts, equal for those that it cannot tell apart; asks it nothing."""
        return Task.current().read(texts)


class _Dice:
    """A task's own random numbers: in force while it runs, whatever else runs beside it."""

    def __init__(self, seed: int) -> None:
        self._mine = random.Random(seed).getstate(), np.random.RandomState(seed % 2**32).get_state()

    def __enter__(self) -> None:
        self._others = random.getstate(), np.random.get_state()
        self._set(self._mine)

    def __exit__(self, *_: object) -> None:
        self._mine = random.getstate(), np.random.get_state()
        self._set(self._others)

    @staticmethod
    def _set(state: tuple[Any, Any]) -> None:
        random.setstate(state[0])
        np.random.set_state(state[1])
