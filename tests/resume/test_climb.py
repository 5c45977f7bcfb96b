"""A search with a fidelity ladder and input codes: who stops, what is kept, and that a pause changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rosearch_engine.checkpoints.export import export
from rosearch_engine.checkpoints.load import load
from rosearch_engine.codes import PLAIN
from rosearch_engine.config import build
from rosearch_engine.inference import predict
from rosearch_engine.progress import Progress, Stage, Stopped
from rosearch_engine.search.context import prepare
from rosearch_engine.search.evaluate import attack, evaluate
from rosearch_engine.search.loop import search
from rosearch_engine.store import Store
from rosearch_engine.store.rows import StudentRow, share
from tests.conftest import elsewhere
from tests.resume.test_kill import comparable
from tests.unit.checkpoints.test_load_export import RELOAD

LADDER = ["data.limit=700", "search.rungs=3", "search.candidates=8", 'space.codes=["plain","both"]', "distil.copies=1"]


INVARIANT = ["data.limit=700", "space.context=invariant", "space.vocabulary=words", "search.rungs=2"]


class Tired(Progress):
    """Asks for a stop at the second single-swap rung of a student."""

    def __init__(self, student: str) -> None:
        super().__init__()
        self._student, self._rungs = student, 0

    def stage(self, name: Stage, total: int = 0, unit: str = "", **facts: Any) -> None:
        if name == "single swaps" and self.facts()["student"] == self._student:
            self._rungs += 1
            if self._rungs == 2:
                self.stop()
        super().stage(name, total, unit, **facts)


def climbed(name: str, workshop: Any, tired_at: tuple[str, ...]) -> list[StudentRow]:
    store = Store.write()
    store.create_run(name, build("standard", settings=[*workshop.settings, *LADDER]))
    for student in tired_at:
        with pytest.raises(Stopped):
            search(name, Tired(student))
    search(name, Progress())
    return store.students(store.run(name)["id"])


def test_a_ladder_stops_some_and_a_pause_changes_nothing(workshop) -> None:
    calm = climbed("climb-calm", workshop, ())
    store = Store.read()
    run = store.run("climb-calm")
    seen = store.measurements(run["id"], "rung")
    assert [student["status"] for student in calm if student["origin"] == "chain"] == ["done", "done"]
    searched = [student for student in calm if student["origin"] not in ("bag", "chain")]
    assert {student["status"] for student in searched} == {"done", "pruned"}
    for student in searched:
        mine = [row for row in seen if row["name"] == student["name"]]
        assert [row["rung"] for row in mine] == list(range(len(mine)))
        assert len(mine) == 2 or student["status"] == "pruned"
        assert [row["attacked"] for row in mine] == [3, 6][: len(mine)]
        assert all(row["robustness"] == share(row, "one_swap_held") for row in mine)
        if student["status"] == "pruned":
            assert student["weights_sha256"] is None
            assert not student["front"]
            assert student["accuracy"] == mine[-1]["accuracy"]
    for code in ("plain", "both"):
        coded = [student for student in calm if student["genome"]["code"] == code]
        steps = {
            how: [(s["training"] or {})["steps"] for s in coded if s["status"] == how] for how in ("done", "pruned")
        }
        assert all(some < 0.6 * min(steps["done"]) for some in steps["pruned"])

    last = searched[-1]["name"]
    climber = next(row["name"] for row in seen if row["rung"] == 1 and row["name"] != last)
    disturbed = climbed("climb-disturbed", workshop, (climber,))
    for before, after in zip(calm, disturbed, strict=True):
        assert comparable(after) == comparable(before)


def coded_student(workshop: Any) -> str:
    """A measured student that reads words by a code."""
    store = Store.read()
    if "climb-calm" not in {run["name"] for run in store.runs()}:
        climbed("climb-calm", workshop, ())
    students = store.students(store.run("climb-calm")["id"])
    return next(s["name"] for s in students if s["genome"]["code"] == "both" and s["status"] == "done")


def test_a_student_of_a_code_is_loaded_with_it(workshop) -> None:
    loaded = load(Store.read(), "climb-calm", coded_student(workshop))
    assert loaded.code.name == "both"
    assert loaded.code.canonical is not None
    lexicon = loaded.code.canonical.lexicon
    word = next(word for word in lexicon if word.isalpha() and len(word) > 6 and word + word[-1] not in lexicon)
    spelt, odd = (loaded.victim.logits([f"A {form} film"]) for form in (word, word + word[-1]))
    assert (spelt == odd).all()
    plain = replace(loaded, code=PLAIN)
    assert not (plain.victim.logits([f"A {word} film"]) == plain.victim.logits([f"A {word}{word[-1]} film"])).all()


def test_an_exported_student_of_a_code_reads_by_it_where_the_engine_is_not(workshop, tmp_path: Path) -> None:
    name = coded_student(workshop)
    folder = export(Store.read(), "climb-calm", name, tmp_path / "student")
    texts = ["A wonderfull film", "a GOOD movie, isn't it?", "[UNK] the plot"]
    theirs = np.array(json.loads(elsewhere(RELOAD, str(folder), json.dumps(texts), folder=tmp_path))["logits"])
    mine = load(Store.read(), "climb-calm", name).victim
    assert np.abs(theirs - np.concatenate([mine.logits([text]) for text in texts])).max() < 1e-6


def test_a_rung_of_invariant_graphs_tells_the_exact_worst_case(workshop) -> None:
    context = prepare(build("standard", settings=[*workshop.settings, *INVARIANT]), Progress())
    genome = context.space.chain(1)
    evaluation = evaluate(genome, 0, context, Progress(), goes_on=lambda *_: False)
    (rung,) = evaluation.scores
    some = context.targets[: rung.attacked]
    assert evaluation.pruned
    assert 0 < len(some) < len(context.targets)
    certifier = context.certifier(evaluation.model, genome.code)
    assert certifier
    proofs = certifier.certify([one.text for one in some], [one.label for one in some])
    assert rung.held == rung.certified == sum(proof.certified for proof in proofs)
    assert rung.one_swap_held is None, "of a student whose worst case is known no swap is asked"
    logits = predict(evaluation.model, context.readings[genome.code].validation)
    results = attack(context.victim(evaluation.model, logits, genome.code), some, context, Progress())
    for proof, result in zip(proofs, results, strict=True):
        assert result.survives or not proof.certified
