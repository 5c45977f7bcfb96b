"""What all students of a run share: data, teacher, readings of the sentences, the attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rosearch_engine.attack.calibrate import fit_temperature
from rosearch_engine.attack.certificate import Certifier
from rosearch_engine.attack.lexicon import Lexicon, Tries, recipe_lexicon, tries
from rosearch_engine.attack.of_run import attacker
from rosearch_engine.attack.pieces import Pieces, Text
from rosearch_engine.attack.protocol import protocol
from rosearch_engine.attack.recipes.catalogue import ready_recipe
from rosearch_engine.attack.run import Attacker, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.config import RunConfig
from rosearch_engine.data import Columns, Dataset, Split, load
from rosearch_engine.device import describe, device, release_memory
from rosearch_engine.genome import Frame, Genome, Space
from rosearch_engine.objectives import floor, most_frequent, wilson
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.report import untried_words
from rosearch_engine.search.readings import Reading, Readings, read
from rosearch_engine.store.rows import ProtocolRow
from rosearch_engine.student.bag import Bag
from rosearch_engine.teacher import Teacher, obtain

FEW = 0.05
"""Of a text in the lexicon's language at least this share of the words has swaps: in English it is about half."""


@dataclass(frozen=True)
class Context:
    """What all students of a run share: made once, never changed by a student.

    Attributes:
        read: the sentences as the students read them.
        lexicon: all that the attack may put in a word's place; None where that depends on more than the word.
        notes: what differs from what was asked for, for the run's log.
        tries: what the attack has to try; None where that depends on more than the word.
    """

    config: RunConfig
    data: Dataset
    teacher: Teacher
    space: Space
    read: Readings
    targets: Sequence[Target]
    attacker: Attacker
    protocol: ProtocolRow
    teacher_pieces: Pieces
    lexicon: Lexicon | None = None
    notes: tuple[str, ...] = ()
    tries: Tries | None = None

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The students', before their input code."""
        return self.read.tokenizer

    @property
    def readings(self) -> Mapping[str, Reading]:
        """By the name of their input code; "plain" is always there."""
        return self.read.by_code

    @property
    def pad(self) -> int:
        """The students' padding number."""
        return self.readings["plain"].validation.pad

    @cached_property
    def floor(self) -> float:
        """Clean accuracy that a student must exceed to count."""
        return floor(self.data.validation.labels, self.teacher.accuracy, self.config.objectives.edge)

    @property
    def frame(self) -> Frame:
        """The facts that all students share: the teacher's, but for their vocabulary."""
        return self.space.frame

    def victim(self, model: PreTrainedModel, logits: np.ndarray, code: str | None = None) -> Victim:
        """A model as the run's attack sees it, calibrated by its logits for the first validation sentences.

        Args:
            logits: `(sentences, classes)`.
            code: the student's input code; None for the teacher.
        """
        temperature = fit_temperature(logits, self.data.validation.labels[: len(logits)])
        tokenizer = self.teacher.tokenizer if code is None else self.tokenizer
        pieces = self.teacher_pieces if code is None else self.readings[code].pieces
        precision = self.config.attack.precision
        return Victim(model, tokenizer, self.teacher.max_length, temperature, precision, pieces)

    def kappa(self, genome: Genome) -> float:
        """Weight of the worst case in a student's training."""
        return self.config.distil.kappa if genome.kappa is None else genome.kappa

    def bag(self, genome: Genome, seed: int | None = None) -> Bag | None:
        """The worst-case bag of words by a genome's input code and kappa; None where no lexicon is at hand.

        Args:
            seed: None: the run's own.
        """
        bags = self.readings[genome.code].bags
        seed = self.config.search.seed if seed is None else seed
        return bags.of(self.kappa(genome), seed, bigrams=genome.bigrams) if bags else None

    def ledger(self, genome: Genome) -> Bag | None:
        """What a student's ledger begins with: a bag of words whose worst case leaves a margin for what the graph may
        say beside it. None where the student has none."""
        frame, bags = self.frame.of(genome), self.readings[genome.code].bags
        if bags is None or not frame.has_ledger:
            return None
        return bags.of(
            self.kappa(genome), self.config.search.seed, 0.0 if frame.invariant else 2 * (frame.ledger_bound or 0.0)
        )

    def certifier(self, model: PreTrainedModel, code: str) -> Certifier | None:
        """Proves what a student's ledger can prove against the run's attack; None where nothing can be asked."""
        return Certifier.of(model, self.readings[code].pieces, self.teacher.max_length, self.lexicon)


def prepare(config: RunConfig, progress: Progress) -> Context:
    """Load the data, obtain the teacher and its outputs, make ready the attack.

    Raises:
        UserError: if anything that the settings name cannot be had.
    """
    progress.tell(device=describe(device()))
    progress.stage(Stage.DATA)
    ready_recipe(config.attack.recipe, config.attack.level)
    data = load(config.data)
    teacher = obtain(config.teacher, data, progress)
    chance = most_frequent(data.validation.labels)
    progress.tell(teacher_accuracy=teacher.accuracy, chance=chance)
    config, notes = _fitting(config, teacher)
    notes += _at_chance(teacher.accuracy, chance, len(data.validation.labels))
    readings = read(config, data, teacher, progress)
    attacked = targets(data.search_attack.head(config.attack.sentences), data.columns)
    lexicon = recipe_lexicon(config.attack.recipe)
    found = tries(lexicon, [target.text for target in attacked]) if lexicon else None
    notes += _without_swaps(config, readings) + attack_notes(found)
    frame = replace(
        teacher.frame,
        vocabulary=len(readings.pieces),
        ledger_bound=config.space.ledger_bound,
        ties_in_graph=config.space.ties_in_graph,
        invariant=config.space.context == "invariant",
        coefficients=config.space.coefficients if config.space.is_invariant else 0,
        groups=readings.groups if config.space.is_invariant else {},
    )
    progress.stage(Stage.LOADING_ATTACK)
    release_memory()
    return Context(
        config,
        data,
        teacher,
        Space.of(config.space, frame),
        readings,
        attacked,
        attacker(config.attack, config.search.seed),
        protocol(config.attack, data.fingerprint),
        Pieces(teacher.tokenizer, teacher.max_length),
        lexicon,
        notes,
        found,
    )


def packed(context: Context) -> Context:
    """The context as it can pass between processes: without what holds TextAttack's own objects, arrays in memory.

    The baselines' bags of words and ledgers are trained here, once; workers train those of other genes for themselves.
    """
    for code in context.space.codes if context.readings["plain"].bags else ():
        context.bag(Genome.bag(code))
        for kind in context.space.contexts or (None,):
            context.ledger(context.space.chain(1, code, kind))
    context.teacher.model.to("cpu")  # type: ignore[arg-type]
    teacher = replace(context.teacher, validation_logits=np.asarray(context.teacher.validation_logits))
    said = context.readings["plain"].corpus.teacher  # of all codes the same
    hidden = None if said.hidden is None else np.asarray(said.hidden)
    whole = replace(said, logits=np.asarray(said.logits), hidden=hidden)
    by_code = {}
    for name, reading in context.readings.items():
        corpus = replace(reading.corpus, teacher=whole)
        by_code[name] = replace(reading, corpus=corpus, bags=reading.bags and reading.bags.over(corpus))
    read, absent = replace(context.read, by_code=by_code), cast(Any, None)
    return replace(context, teacher=teacher, read=read, attacker=absent, lexicon=None)


def unpacked(context: Context) -> Context:
    """A context that arrived `packed`, with this process's own attack.

    Raises:
        UserError: if a resource that it needs is missing.
    """
    context.teacher.model.to(device())  # type: ignore[arg-type]
    attack = context.config.attack
    return replace(
        context, attacker=attacker(attack, context.config.search.seed), lexicon=recipe_lexicon(attack.recipe)
    )


def _at_chance(accuracy: float, chance: float, n: int) -> tuple[str, ...]:
    """What is to be said of a teacher that cannot be told from always giving the most frequent answer."""
    low, _ = wilson(round(accuracy * n), n)
    if low > chance:
        return ()
    return (
        f"The teacher is at chance level: it gets {accuracy:.1%} of {n} validation sentences right, and always giving "
        f"the most frequent answer {chance:.1%}. No student can learn from it. Give it more sentences or more "
        "passes (teacher.epochs), or another teacher.",
    )


def _without_swaps(config: RunConfig, readings: Readings) -> tuple[str, ...]:
    """What is to be said where students learn of no swap: a language without a lexicon, a code that reads all alike."""
    notes: tuple[str, ...] = ()
    if config.distil.adversary != "off" or config.space.has_ledger:
        swaps = {name: reading.corpus.swaps for name, reading in readings.by_code.items()}
        empty = [name for name, table in swaps.items() if table is None or table.is_empty]
        if "plain" in empty:
            notes += ("No word of these sentences can be swapped: the adversary is off, and no worst case is used.",)
        elif empty:
            codes = " and ".join(f"'{name}'" for name in empty)
            notes += (
                f"Under the input code {codes} every word reads like all of its swaps: there the adversary is off, "
                "and no worst case is used.",
            )
    return notes


def attack_notes(found: Tries | None) -> tuple[str, ...]:
    """What is to be said of an attack that has little or nothing to try."""
    if found is None:
        return ()
    if not found.swappable:
        return (
            "The attack has no swap for any word of the attacked sentences: what held was never tried, and nothing "
            "is certified.",
        )
    notes: tuple[str, ...] = ()
    if found.swappable < FEW * found.words:
        notes += (
            f"The attack has a swap for only {found.swappable} of the {found.words} words of the attacked sentences: "
            "what held or is certified was hardly tried. Its lexicon may be one of another language.",
        )
    elif found.untried:
        notes += (untried_words(found.untried, found.sentences),)
    return notes


def _fitting(config: RunConfig, teacher: Teacher) -> tuple[RunConfig, tuple[str, ...]]:
    """The settings as this teacher allows them, and what is to be said of that.

    Words are tokens, and swaps of words swaps of tokens, for WordPiece alone: elsewhere a word's tokens depend on
    what stands before it, so that neither an adversary nor a ledger could count with them.
    """
    kind = type(teacher.tokenizer.backend_tokenizer.model).__name__
    asked = (config.space.vocabulary == "words", config.space.has_ledger, config.distil.adversary != "off")
    if kind == "WordPiece" or not any(asked):
        return config, ()
    space: dict[str, Any] = {
        "context": "bounded",
        "contexts": (),
        "kappas": (),
        "vocabulary": "seen" if asked[0] else config.space.vocabulary,
        "ledger_bound": None,
    }
    fitting = config.model_copy(
        update={
            "space": config.space.model_copy(update=space),
            "distil": config.distil.model_copy(update={"adversary": "off"}),
        }
    )
    note = f"The teacher's tokenizer is {kind}, not WordPiece: whole-word tokens, ledger and adversary are off."
    return fitting, (note,)


def targets(split: Split, columns: Columns) -> list[Target]:
    """The rows of a split as sentences to attack."""
    texts: Sequence[Text] = split.texts
    names = (columns.text, columns.pair or "")
    if split.pairs is not None:
        texts = list(zip(split.texts, split.pairs, strict=True))
    rows = zip(split.ids, texts, split.labels, strict=True)
    return [Target(int(row), text, int(label), names) for row, text, label in rows]
