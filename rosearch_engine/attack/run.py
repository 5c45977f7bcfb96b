"""Attack many sentences at once with TextAttack's own attacks.

Each attack runs in a greenlet. When it asks the model, it waits; once all wait, their questions go through the
model together in batches of like length. TextAttack's own search methods, transformations and constraints run
as they are, and see the answers they would have seen one by one.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from greenlet import getcurrent, greenlet

from rosearch_engine.attack.catalogue import ready_recipe
from rosearch_engine.attack.setup import no_downloads, textattack
from rosearch_engine.attack.victim import Text, Victim

Outcome = Literal["fooled", "held", "already wrong", "budget used", "failed"]

# Sentences under attack at one time: enough to fill batches, few enough to keep memory flat.
ABREAST = 48


@dataclass(frozen=True)
class Target:
    """A sentence to attack: its number in the data, its text (a tuple for a pair), its class."""

    sentence: int
    text: Text
    label: int


@dataclass(frozen=True)
class Said:
    """What the victim said of a text: its class and the probabilities `(classes,)`."""

    text: Text
    label: int
    probabilities: list[float]


@dataclass(frozen=True)
class Result:
    """The outcome for one sentence.

    `fooled`: the class changed. `held`: the attack gave up. `budget used`: it ran out of queries, which counts
    as held. `already wrong`: not attacked, which counts as lost. `failed`: the attack broke; see `reason`.
    """

    target: Target
    outcome: Outcome
    before: Said
    after: Said
    queries: int
    reason: str = ""

    @property
    def stands(self) -> bool:
        """Whether the sentence is still classified rightly after the attack."""
        return self.outcome in ("held", "budget used")


Watch = Callable[[int, Sequence[Text], np.ndarray], None]


@dataclass
class _Job:
    """One sentence under attack."""

    target: Target
    attack: Any
    dice: _Dice
    thread: greenlet = field(init=False)
    question: list[Text] = field(default_factory=list)
    result: Result | None = None


class Attacker:
    """Attacks victims with one recipe.

    Args:
        recipe: a name of the catalogue.
        query_budget: most queries on one sentence.
        seed: with the sentence's number it seeds the random choices of the recipes that make any.

    Raises:
        UserError: if the recipe is not known or not ready.
    """

    def __init__(self, recipe: str, query_budget: int, seed: int = 0) -> None:
        self._recipe = ready_recipe(recipe)
        self._textattack = textattack()
        self._factory = getattr(self._textattack.attack_recipes, self._recipe.factory)
        self._budget = query_budget
        self._seed = seed
        self._idle: list[Any] = []

    def attack(
        self,
        victim: Victim,
        targets: Sequence[Target],
        on_result: Callable[[Result], None] = lambda result: None,
        watch: Watch | None = None,
    ) -> list[Result]:
        """Attack every target; results come in the targets' order.

        Args:
            on_result: called as each sentence ends; what it raises ends the whole attack.
            watch: called with (sentence, texts, probabilities `(texts, classes)`) after each round of queries.
        """
        waiting, under_way = list(targets)[::-1], list[_Job]()
        results: dict[int, Result] = {}
        while waiting or under_way:
            while waiting and len(under_way) < ABREAST:
                under_way.append(self._begin(waiting.pop()))
            texts = [text for job in under_way for text in job.question]
            answers = victim.probabilities(texts) if texts else np.zeros((0, 0))
            start = 0
            for job in under_way:
                mine = answers[start : start + len(job.question)]
                start += len(job.question)
                if watch and len(mine):
                    watch(job.target.sentence, job.question, mine)
                self._go_on(job, mine)
            for job in [job for job in under_way if job.result]:
                under_way.remove(job)
                # Its caches hold every text it tried, under keys that no other sentence has.
                job.attack.clear_cache()
                self._idle.append(job.attack)
                assert job.result is not None
                results[id(job.target)] = job.result
                on_result(job.result)
        return [results[id(target)] for target in targets]

    def _begin(self, target: Target) -> _Job:
        attack = self._idle.pop() if self._idle else self._new_attack()
        attack.goal_function.query_budget = self._budget
        job = _Job(target, attack, _Dice(self._seed * 1_000_003 + target.sentence))
        job.thread = greenlet(lambda _: _run(job))
        job.thread.job = job
        self._go_on(job, None)
        return job

    def _new_attack(self) -> Any:
        with no_downloads():
            attack = self._factory.build(_Question())
        swap = attack.transformation
        if isinstance(swap, self._textattack.transformations.WordSwapWordNet):
            # Its synonyms come out of a set: of two that read alike, another would win in every new process.
            unordered = swap._get_replacement_words
            swap._get_replacement_words = lambda *args, **options: sorted(unordered(*args, **options))
        return attack

    def _go_on(self, job: _Job, answers: np.ndarray | None) -> None:
        """Let a sentence's attack run to its next question."""
        job.question = []
        if not self._recipe.random:
            job.thread.switch(answers)
            return
        with job.dice:
            job.thread.switch(answers)


class _Dice:
    """A sentence's own random numbers: in force while its attack runs, whatever else runs beside it."""

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


class _Question:
    """What TextAttack takes for the model: hands the texts out of the greenlet and brings the answers in."""

    model = torch.nn.Module()

    def __call__(self, texts: list[Text]) -> torch.Tensor:
        current = getcurrent()
        current.job.question = list(texts)
        return torch.from_numpy(current.parent.switch())


def _run(job: _Job) -> None:
    target = job.target
    nothing = Said(target.text, -1, [])
    try:
        found = job.attack.attack(_example(target.text), target.label)
    except Exception as error:
        job.result = Result(target, "failed", nothing, nothing, 0, f"{type(error).__name__}: {error}")
        return
    before, after = _said(found.original_result), _said(found.perturbed_result)
    queries = found.perturbed_result.num_queries
    kind = type(found).__name__
    outcome: Outcome = "held"
    if kind == "SkippedAttackResult":
        outcome, after = "already wrong", before
    elif kind == "SuccessfulAttackResult":
        outcome = "fooled"
    elif queries >= job.attack.goal_function.query_budget:
        outcome = "budget used"
    job.result = Result(target, outcome, before, after, queries)


def _example(text: Text) -> Any:
    if isinstance(text, str):
        return text
    return OrderedDict(zip(("premise", "hypothesis"), text, strict=True))


def _said(result: Any) -> Said:
    return Said(result.attacked_text.tokenizer_input, int(result.output), [float(p) for p in result.raw_output])
