"""Re-scoring the elite: sentences that no search has seen, more of them, other training seeds, other recipes.

The best of many students looks better at search time than it is. What is named in a headline is measured here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from filelock import FileLock, Timeout

from rosearch_engine.attack.certificate import Certifier
from rosearch_engine.attack.lexicon import Lexicon, recipe_lexicon, tries
from rosearch_engine.attack.of_run import attacker
from rosearch_engine.attack.pieces import Pieces
from rosearch_engine.attack.protocol import example, protocol, score
from rosearch_engine.attack.recipes.catalogue import RECIPES, ready_recipe
from rosearch_engine.attack.result import refutation
from rosearch_engine.attack.run import Attacker, Result, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.checkpoints.load import load as load_student
from rosearch_engine.config import AttackConfig, RunConfig, stored
from rosearch_engine.data import load
from rosearch_engine.data.held_out import load_held_out
from rosearch_engine.device import release_memory
from rosearch_engine.distil.loop import Diverged
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Genome
from rosearch_engine.inference import predict
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.rescore.elite import baselines, some_elite
from rosearch_engine.rescore.figures import summary
from rosearch_engine.rescore.rows import Rescoring
from rosearch_engine.resources import home, is_ready
from rosearch_engine.runs.process import ALIVE, state
from rosearch_engine.search.context import Context, attack_notes, prepare, targets
from rosearch_engine.search.evaluate import train
from rosearch_engine.store.models import HELD_OUT, SEARCH, TEACHER
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import MeasuredStudent, NewMeasurement, RunRow, StudentRow, is_measured

FEWEST = 5
# Word swaps from WordNet under two searches, changed characters, and word swaps over lexicons of other kinds.
USUAL = ("pwws", "border-first", "deepwordbug", "deepwordbug-two", "pwws-counter-fitted", "pwws-ppdb")


def rescore(
    run_name: str,
    n: int = 500,
    seeds: int = 3,
    recipes: Sequence[str] = (),
    students: Sequence[str] = (),
    top: int = 3,
    progress: Progress | None = None,
) -> Rescoring:
    """Attack a run's elite, its baselines and its teacher on held-out sentences; returns `figures.summary` and more.

    Every (student, seed, recipe) is kept as soon as it is measured; a call that was cut short goes on there.

    Args:
        n: held-out sentences; all there are if there are fewer.
        seeds: trainings of each student. The first is the stored student; the teacher has one only.
        recipes: attacks; none: the run's own and the `USUAL` ones, as far as they are ready.
        students: which ones, instead of the front's `top` by robustness and the knee.

    Raises:
        Stopped: if the progress says so.
        UserError: if the run is being searched or has no student, or a name or number cannot be.
    """
    progress = progress or Progress()
    _refuse_numbers(n, seeds, top)
    store = Store.write()
    run = store.run(run_name)
    if run["recorded"]:
        remedy = "Start a run of your own with its settings and re-score that."
        raise UserError("run", f"'{run_name}' is a recorded run and cannot be re-scored.", remedy)
    with _alone(store, run) as still_alone:
        config = stored(run["config"])
        chosen = _choose(store, run, students, top)
        attacks = {recipe: _attack_config(config, recipe) for recipe in _recipes(recipes, config)}
        progress.stage(Stage.DATA)
        sentences = _sentences(run, config, n)
        work = _Work(store, run, config, attacks, sentences, progress, still_alone)
        work.do([_Training(student, k) for k in range(seeds) for student in [*chosen, None] if student or k == 0])
    names = [*(student["name"] for student in chosen), TEACHER]
    hashes = {recipe: work.protocols[recipe]["hash"] for recipe in attacks}
    assert run["dataset"] is not None
    available = run["dataset"]["sizes"]["held_out"]
    notes = [] if n <= available else [f"{n} held-out sentences were requested; {available} are all there are"]
    notes += [f"{recipe}: {note}" for recipe in attacks for note in work.notes(recipe)]
    said = summary(store, run["id"], recipes=list(attacks), names=names, n=len(sentences), hashes=hashes)
    return {
        "run": run_name,
        "n": len(sentences),
        "available": available,
        "seeds": seeds,
        "recipes": list(attacks),
        **said,
        "notes": notes + work.failures,
    }


def training_seed(own: int, k: int) -> int:
    """Seed of a student's k-th training; the 0-th is the `own` one, with which the search trained it."""
    return own if k == 0 else int.from_bytes(hashlib.sha256(f"{own}:{k}".encode()).digest()[:4], "big")


class _Chosen(MeasuredStudent):
    """A student and the seed it was trained from."""

    seed: int


@dataclass(frozen=True)
class _Training:
    """One model to attack: the k-th training of a student, or the teacher (None)."""

    student: _Chosen | None
    k: int

    @property
    def name(self) -> str:
        return self.student["name"] if self.student else TEACHER


class _Work:
    """Trains and attacks what has not been measured yet, and keeps each result at once."""

    def __init__(
        self,
        store: Store,
        run: RunRow,
        config: RunConfig,
        attacks: dict[str, AttackConfig],
        sentences: Sequence[Target],
        progress: Progress,
        still_alone: Callable[[], None],
    ) -> None:
        self._store, self._run, self._config = store, run, config
        self._sentences, self._progress, self._still_alone = sentences, progress, still_alone
        self._attacks = attacks
        self._attackers: dict[str, Attacker] = {}
        self._lexicons: dict[str, Lexicon | None] = {}
        self._pieces: dict[str, Pieces] = {}
        self._context: Context | None = None
        assert run["dataset"] is not None
        self.protocols = {recipe: protocol(attack, run["dataset"]["fingerprint"]) for recipe, attack in attacks.items()}
        self.failures: list[str] = []

    def do(self, trainings: Sequence[_Training]) -> None:
        """All jobs in turn. A student that cannot be trained from another seed is named in `failures`."""
        left = [(training, missing) for training in trainings if (missing := self._missing(training))]
        students = [training.student for training in trainings if training.student]
        self._slowest = max(students, key=lambda student: student["seconds"]["attack"], default=None)
        clock = _TimeLeft([self._expected(training, len(missing)) for training, missing in left])
        for number, (training, missing) in enumerate(left):
            which = f"{number + 1}/{len(left)} {training.name}" + (f" training {training.k + 1}" if training.k else "")
            self._progress.tell(student=f"{which}, {clock.left(number)}")
            self._still_alone()
            release_memory()
            try:
                victim = self._trained(training) if training.k else self._stored(training)
            except Diverged as error:
                self.failures.append(f"{training.name}, training {training.k + 1}: {error}")
                continue
            for recipe in missing:
                self._measure(training, recipe, victim)

    def _missing(self, training: _Training) -> list[str]:
        """Recipes under which this training has not been measured on these sentences."""
        there = {
            (row["seed"], row["protocol"]["hash"], row["attacked"])
            for row in self._store.measurements(self._run["id"], HELD_OUT)
            if row["candidate_id"] == (training.student["id"] if training.student else None)
        }
        seed, n = self._seed(training), len(self._sentences)
        return [recipe for recipe in self._attacks if (seed, self.protocols[recipe]["hash"], n) not in there]

    def _seed(self, training: _Training) -> int:
        if training.student is None:
            return self._config.teacher.seed
        return training_seed(training.student["seed"], training.k)

    def notes(self, recipe: str) -> tuple[str, ...]:
        """What is to be said of a recipe that has little or nothing to try on the sentences."""
        lexicon = self._lexicon(recipe)
        return attack_notes(tries(lexicon, [one.text for one in self._sentences]) if lexicon else None)

    def _lexicon(self, recipe: str) -> Lexicon | None:
        if recipe not in self._lexicons:
            self._lexicons[recipe] = recipe_lexicon(recipe)
        return self._lexicons[recipe]

    def _expected(self, training: _Training, attacks: int) -> float:
        """Seconds that the job should take, by what the search took; for the teacher as for the slowest student."""
        row = training.student or self._slowest
        if row is None:  # the teacher alone, whose time nobody kept
            return 0.0
        attack = row["seconds"]["attack"] * len(self._sentences) / row["attacked"]
        return attacks * attack + (row["seconds"]["distil"] if training.k else 0.0)

    def _stored(self, training: _Training) -> Victim:
        loaded = load_student(self._store, self._run["name"], training.name)
        reader = TEACHER if training.student is None else loaded.code.name
        pieces = self._pieces.setdefault(reader, loaded.pieces)
        precision = self._config.attack.precision
        return Victim(loaded.model, loaded.tokenizer, loaded.max_length, loaded.temperature, precision, pieces)

    def _trained(self, training: _Training) -> Victim:
        assert training.student is not None
        self._context = self._context or self._prepare()
        genome = Genome.from_dict(training.student["genome"])
        model, _ = train(genome, self._seed(training), self._context, self._progress)
        logits = predict(model, self._context.readings[genome.code].validation)
        return self._context.victim(model, logits, genome.code)

    def _prepare(self) -> Context:
        context = prepare(self._config, self._progress)
        assert self._run["teacher"] is not None
        if context.teacher.key != self._run["teacher"]["key"]:
            raise UserError(
                "teacher", "it has changed since the run started.", "Restore the original, or rescore with --seeds 1."
            )
        return context

    def _measure(self, training: _Training, recipe: str, victim: Victim) -> None:
        if recipe not in self._attackers:
            self._attackers[recipe] = attacker(self._attacks[recipe], self._config.search.seed)
            self._lexicons[recipe] = recipe_lexicon(recipe)
        self._progress.stage(Stage.ATTACK, len(self._sentences), "sentences", detail=recipe)
        done: list[Result] = []

        def tell(result: Result) -> None:
            done.append(result)
            self._progress.advance(len(done))

        results = self._attackers[recipe].attack(victim, self._sentences, tell, watch=lambda *_: self._progress.check())
        certifier = Certifier.of(victim.model, victim.pieces, victim.max_length, self._lexicons[recipe])
        if certifier:
            results = certifier.add_to(results)
        self._still_alone()
        # Students were chosen by their accuracy on the validation sentences; here too only fresh ones count.
        right = _accuracy(victim, self._sentences)
        what = score(right, len(self._sentences), results, victim.temperature)
        row: NewMeasurement = {
            **what.row(),
            "purpose": HELD_OUT,
            "rung": 0,
            "floor": None,
            "measure": None,
            "seed": self._seed(training),
            "protocol": self.protocols[recipe],
        }
        candidate = training.student["id"] if training.student else None
        self._store.measure(self._run["id"], candidate, row, [example(result) for result in results])
        for result in results:
            if result.refutes:
                self._store.log(self._run["id"], "refuted", refutation(training.name, result))
        words = f"{what.robustness:.1%} of {what.attacked} held-out sentences hold"
        self._store.log(self._run["id"], "rescored", f"{training.name}, training {training.k + 1}, {recipe}: {words}")


class _TimeLeft:
    """How long the rest will take: what was expected, corrected by how the expectation has held so far."""

    def __init__(self, expected: Sequence[float]) -> None:
        self._expected = expected
        self._began = time.monotonic()

    def left(self, done: int) -> str:
        """In words, before job number `done`."""
        past = sum(self._expected[:done])
        pace = (time.monotonic() - self._began) / past if past else 1.0
        minutes = pace * sum(self._expected[done:]) / 60
        return f"about {minutes:.0f} min left" if minutes >= 1 else "less than a minute left"


def _accuracy(victim: Victim, sentences: Sequence[Target]) -> float:
    logits = victim.logits([target.text for target in sentences])
    return float((logits.argmax(axis=1) == np.array([target.label for target in sentences])).mean())


def _refuse_numbers(n: int, seeds: int, top: int) -> None:
    if n < FEWEST:
        raise UserError(
            "n", f"{n} sentences are too few to measure anything.", f"Use {FEWEST} or more; 500 or more to quote."
        )
    if seeds < 1:
        raise UserError("seeds", f"{seeds} is not a valid number of seeds.", "Use 1 or more; 3 to quote.")
    if top < 1:
        raise UserError("top", f"{top} is not a valid number of students.", "Ask for at least one student.")


@contextmanager
def _alone(store: Store, held: RunRow) -> Iterator[Callable[[], None]]:
    """Hold the run for re-scoring; gives what raises once its search is alive again."""

    run_name = held["name"]

    def refuse_search() -> None:
        run = store.run(run_name)
        if (run["id"], run["created"]) != (held["id"], held["created"]):
            raise UserError("run", f"'{run_name}' has been deleted meanwhile; this is another one.", "Rescore that.")
        now = state(run)
        if now in ALIVE:
            raise UserError("run", f"'{run_name}' is {now}.", "Stop it or wait until it ends, then rescore.")

    refuse_search()
    path = home() / "runs" / run_name / "rescore.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=0):
            yield refuse_search
    except Timeout:
        raise UserError("run", f"'{run_name}' is already being re-scored.", "Wait until that ends.") from None


def _choose(store: Store, run: RunRow, names: Sequence[str], top: int) -> list[_Chosen]:
    """Rows of the students to re-score, each with the `seed` it was trained from."""
    students = store.students(run["id"])
    if not any(map(is_measured, students)):
        raise UserError("run", f"'{run['name']}' has no measured students.", "Run a search first; see `status`.")
    if store.teacher_measurement(run["id"]) is None:
        raise UserError("run", f"the teacher of '{run['name']}' is not measured yet.", "`resume` the run for a while.")
    chosen: Sequence[StudentRow]
    if names:
        known = [store.student(run["id"], name) for name in names if name != TEACHER]
        chosen = list({student["name"]: student for student in [*known, *baselines(students)]}.values())
    else:
        chosen = some_elite(run["name"], students, top)
    seeds = {row["candidate_id"]: row["seed"] for row in store.measurements(run["id"], SEARCH)}
    found: list[_Chosen] = []
    for student in chosen:
        if student["status"] != "done":
            raise UserError("students", f"{student['name']} is {student['status']}.", "Choose measured students.")
        found.append({**student, "seed": seeds[student["id"]]})
    return found


def _recipes(names: Sequence[str], config: RunConfig) -> list[str]:
    if not names:
        needs = {name: RECIPES[name].needs_at(config.attack.level) for name in USUAL}
        ready = [name for name in USUAL if all(is_ready(need) for need in needs[name])]
        names = [config.attack.recipe, *ready]
    return list(dict.fromkeys(names))


def _attack_config(config: RunConfig, recipe: str) -> AttackConfig:
    attack = config.attack.model_copy(update={"recipe": recipe})
    ready_recipe(recipe, attack.level)
    return attack


def _sentences(run: RunRow, config: RunConfig, n: int) -> list[Target]:
    data = load(config.data)
    assert run["dataset"] is not None
    if data.fingerprint != run["dataset"]["fingerprint"]:
        raise UserError("data", "it has changed since the run started.", "Restore the original.")
    return targets(load_held_out(config.data).head(n), data.columns)
