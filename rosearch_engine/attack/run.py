"""Attack many sentences at once with TextAttack's own attacks.

Each attack runs in a greenlet. When it asks the model, it waits; once all wait, their questions go through the
model together in batches of like length. TextAttack's own search methods, transformations and constraints run
as they are, and see the answers they would have seen one by one. The attacks on one sentence (calibrated, raw,
every single swap) share what the model said of its texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rosearch_engine.attack.imports import rare_collections, remembered_words
from rosearch_engine.attack.recipes.build import assemble, make_ready
from rosearch_engine.attack.recipes.catalogue import Guide, ready_recipe
from rosearch_engine.attack.result import Face, Result, Said, Swaps, Target
from rosearch_engine.attack.swap_store import SwapStore
from rosearch_engine.attack.task import Question, Task
from rosearch_engine.attack.trial import Trial, Watch, fit
from rosearch_engine.attack.victim import Victim
from rosearch_engine.config import Level
from rosearch_engine.errors import UserError
from rosearch_engine.store.rows import Outcome

__all__ = ["Attacker", "Face", "Outcome", "Result", "Said", "Swaps", "Target", "Watch"]

Found = TypeVar("Found")

# Sentences under attack at one time: enough to fill batches, few enough to keep memory flat.
ABREAST = 64
# An attack on n words holds about n texts of n words: the most of that product, over the sentences under attack.
WORDS_ABREAST = 4_000_000


class Attacker:
    """Attacks victims with one recipe.

    Args:
        recipe: a name of the catalogue.
        query_budget: most queries on one sentence.
        seed: with the sentence's number it seeds the random choices of the recipes that make any.
        level: the recipe's constraints as published, or stricter ones.
        faces: what is attacked; the first gives the result, a second its `raw`.
        one_swap: ask about every single swap too.
        seconds: most seconds of own work on one sentence.
        swap_store: keeps what does not depend on the victim; none: an empty one in memory.

    Attributes:
        has_swaps: whether the recipe has a fixed set of single swaps.

    Raises:
        UserError: if the recipe is not known or not ready.
    """

    def __init__(
        self,
        recipe: str,
        query_budget: int,
        seed: int = 0,
        level: Level = "standard",
        *,
        faces: Sequence[Face] = ("calibrated",),
        one_swap: bool = False,
        seconds: float = float("inf"),
        swap_store: SwapStore | None = None,
    ) -> None:
        self._recipe = ready_recipe(recipe, level)
        self._level = level
        self._budget = query_budget
        self._seed = seed
        self._faces = tuple(faces)
        self._one_swap = one_swap and self._recipe.swaps
        self._seconds = seconds
        self.swap_store = swap_store or SwapStore(recipe)
        self.has_swaps = self._recipe.swaps
        self._idle: list[Any] = []
        make_ready(self._recipe, level)

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

        Raises:
            UserError: if something that the recipe needs is gone.
        """

        def end(trial: Trial) -> Result:
            result = trial.result(self._faces[0], with_swaps=self._one_swap)
            if result.outcome == "failed":
                ready_recipe(self._recipe.name, self._level)
            on_result(result)
            return result

        return self._each(victim, targets, self._begin, end, watch)

    def swaps(
        self,
        victim: Victim,
        targets: Sequence[Target],
        on_result: Callable[[Target, Swaps | None], None] = lambda target, swaps: None,
        two: bool = False,
    ) -> list[Swaps | None]:
        """Ask about every single swap of every target, and nothing else; None for a sentence that is wrong already.

        Args:
            two: ask about every two swaps at once too: for short sentences, since there are so many.

        Raises:
            UserError: if the recipe's candidates are drawn at random, so that there is no such set.
        """
        if not self._recipe.swaps:
            problem = f"the candidates of '{self._recipe.name}' are sampled at random."
            raise UserError("attack.recipe", problem, "Choose a recipe that swaps words, for example pwws.")

        def begin(target: Target, victim: Victim) -> Trial:
            trial = Trial(target, self.swap_store, self._seconds, victim.pieces)
            trial.ask_all_swaps(self._attack(float("inf")), limit=None, two=two)
            return trial

        def end(trial: Trial) -> Swaps | None:
            on_result(trial.target, trial.swaps)
            return trial.swaps

        return self._each(victim, targets, begin, end, None)

    def _each(
        self,
        victim: Victim,
        targets: Sequence[Target],
        begin: Callable[[Target, Victim], Trial],
        end: Callable[[Trial], Found],
        watch: Watch | None,
    ) -> list[Found]:
        """Take the targets through their trials, many at a time."""
        waiting, under_way = list(targets)[::-1], list[Trial]()
        found: dict[int, Found] = {}
        try:
            with remembered_words(), rare_collections():
                while waiting or under_way:
                    while waiting and self._has_room(under_way, waiting[-1]):
                        under_way.append(begin(waiting.pop(), victim))
                    ask_together(under_way, victim, watch, self._recipe.guide)
                    for trial in [trial for trial in under_way if trial.ended]:
                        under_way.remove(trial)
                        self._put_away(trial)
                        found[id(trial.target)] = end(trial)
        finally:
            # A suspended greenlet holds all it knows, where the garbage collector cannot see it.
            for trial in under_way:
                trial.give_up(InterruptedError("the attack was cancelled"))
                self._put_away(trial)
        return [found[id(target)] for target in targets]

    def _put_away(self, trial: Trial) -> None:
        self.swap_store.keep(trial.known_swaps)
        for task in trial.tasks:
            # Its caches hold every text it tried, under keys that no other sentence has.
            task.attack.clear_cache()
            self._idle.append(task.attack)

    def _has_room(self, under_way: list[Trial], next_one: Target) -> bool:
        size = sum(trial.words**2 for trial in under_way) + fit(next_one.text)[1] ** 2
        return not under_way or (len(under_way) < ABREAST and size <= WORDS_ABREAST)

    def _begin(self, target: Target, victim: Victim) -> Trial:
        trial = Trial(target, self.swap_store, self._seconds, victim.pieces)
        seed = target.seed(self._seed) if self._recipe.random else None
        if self._one_swap or self._recipe.asks_all:
            trial.ask_all_swaps(self._attack(float("inf")), limit=None if self._one_swap else self._budget)
        for face in self._faces:
            trial.attack(self._attack(self._budget), face, victim.temperature, seed)
        return trial

    def _attack(self, budget: float) -> Any:
        attack = self._idle.pop() if self._idle else self._new_attack()
        attack.goal_function.query_budget = budget
        return attack

    def _new_attack(self) -> Any:
        attack = assemble(self._recipe, self._level, Question())
        # TextAttack cuts a question into batches of its own; here they are joined with others' anyway.
        attack.goal_function.batch_size = 1_000_000
        if self._recipe.swaps:
            _share_candidates(attack)
        return attack


def ask_together(trials: Sequence[Trial], victim: Victim, watch: Watch | None, guide: Guide | None = None) -> None:
    """One round: all that the trials want to know goes through the model at once, and each goes on from there."""
    for trial in trials:
        trial.read()
    new = [(trial, key) for trial in trials for key in trial.unanswered()]
    distinct = {key: row for row, key in enumerate(dict.fromkeys(key for _, key in new))}
    planes = victim.planes_of(list(distinct), ("logits", guide) if guide else ("logits",)) if new else ()
    for trial, key in new:
        trial.known[key] = planes[distinct[key]]
    for trial in trials:
        trial.go_on(watch)


def _share_candidates(attack: Any) -> None:
    """Have the attack take its candidates from what is known of the sentence it is at."""
    own = attack.get_transformations
    swap = attack.transformation
    transformations = list(getattr(swap, "transformations", [swap]))

    def get_transformations(current_text: Any, original_text: Any = None, **asked: Any) -> Any:
        def work() -> Any:
            return own(current_text, original_text, **asked)

        # Asked for all places at once, TextAttack answers from a memory that looks at the text alone, not at which
        # of its words were changed: what it says then depends on what it said before, and is not ours to keep.
        if "indices_to_modify" not in asked:
            return work()
        return Task.current().known_swaps.texts(current_text, transformations, asked, work)

    attack.get_transformations = attack.search_method.get_transformations = get_transformations
