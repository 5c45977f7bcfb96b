"""Load a finished student, or a run's teacher."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from rosearch_engine import weights
from rosearch_engine.attack.pieces import Pieces
from rosearch_engine.attack.victim import Victim
from rosearch_engine.codes import PLAIN, Code, read_code, read_tokenizer
from rosearch_engine.device import device
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Frame, Genome
from rosearch_engine.sealed import broken
from rosearch_engine.store.models import TEACHER
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import MeasuredStudent, RunRow, TeacherRow
from rosearch_engine.student.build import random_student
from rosearch_engine.student.modeling import RoSearchForSequenceClassification


@dataclass(frozen=True)
class Loaded:
    """A model ready to be asked.

    Attributes:
        facts: the student's row, as `Store.student` gives it; None for the teacher.
        classes: names of the classes.
        pair: whether it takes pairs of sentences.
        columns: names of the data's text columns; the second is empty for single sentences.
        code: how it reads words, before the tokenizer.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    max_length: int
    temperature: float
    classes: tuple[str, ...]
    pair: bool
    columns: tuple[str, str]
    code: Code
    facts: MeasuredStudent | None

    @cached_property
    def pieces(self) -> Pieces:
        """Its tokenizer as an attack uses it."""
        return Pieces(self.tokenizer, self.max_length, self.code)

    @property
    def victim(self) -> Victim:
        """The calibrated model as an attack sees it."""
        return Victim(self.model, self.tokenizer, self.max_length, self.temperature, pieces=self.pieces)


def load(store: Store, run_name: str, student_name: str) -> Loaded:
    """A student by name, number or digest, or 'teacher', on this machine's device.

    Raises:
        UserError: if there is no such run or student, or its weights or its teacher's folder are gone or damaged.
    """
    run = store.run(run_name)
    if not run["teacher"]:
        raise UserError("run", f"'{run_name}' has no teacher yet.", "Wait until its first student is measured.")
    folder, own = Path(run["teacher"]["folder"]), run["teacher"].get("tokenizer")
    if student_name == TEACHER and run["recorded"]:
        raise UserError(
            "teacher",
            f"'{run_name}' is a recorded run and does not include its teacher's weights.",
            "Choose a student.",
        )
    # Students have a tokenizer of their own: a run can be looked at where its teacher is not.
    if (student_name == TEACHER or not own) and not (folder / "config.json").exists():
        raise UserError("teacher", f"its folder {folder.name} is missing.", "`resume` the run to recreate it.")
    if student_name == TEACHER:
        facts, found = None, store.teacher_measurement(run["id"])
        if found is None:
            raise UserError("student", "the teacher has not been measured yet.", "It will be, after the first student.")
        model: PreTrainedModel = _read(folder, AutoModelForSequenceClassification)
        tokenizer, temperature, code = _read(folder, AutoTokenizer), found["temperature"], PLAIN
    else:
        facts = _with_weights(store, run, student_name)
        temperature, code = facts["temperature"], _code(run["teacher"], facts)
        model = _student(run, facts)
        tokenizer = read_tokenizer(own) if own else _read(folder, AutoTokenizer)
    assert run["dataset"] is not None
    text, pair = run["dataset"].get("columns", ("sentence1", "sentence2"))
    return Loaded(
        TEACHER if facts is None else facts["name"],
        model.to(device()).eval(),  # type: ignore[arg-type]
        tokenizer,
        run["teacher"]["max_length"],
        temperature,
        tuple(run["dataset"]["classes"]),
        run["dataset"]["pair"],
        (text, pair),
        code,
        facts,
    )


def identity(store: Store, run_name: str, student_name: str) -> tuple[object, ...]:
    """What tells a model from any other that had the same name: a run may be deleted, and its name used again.

    Raises:
        UserError: if there is no such run.
    """
    run = store.run(run_name)
    teacher = run["teacher"]["key"] if run["teacher"] else None
    return run["id"], run["created"], teacher, store.weights_of(run["id"], student_name)


def _code(teacher: TeacherRow, student: MeasuredStudent) -> Code:
    name = student["genome"].get("code", "plain")
    digest = teacher["codes"].get(name, PLAIN.digest)
    return PLAIN if digest == PLAIN.digest else read_code(digest)


def _read(folder: Path, kind: Any) -> Any:
    try:
        if damaged := broken(folder):
            raise ValueError(f"{damaged} is not what was written")
        return kind.from_pretrained(folder)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            "teacher",
            f"its folder {folder} is damaged ({reason}).",
            "Delete it and `resume` this run or start a new one.",
        ) from None


def _with_weights(store: Store, run: RunRow, name: str) -> MeasuredStudent:
    facts = store.student(run["id"], name)
    if facts["status"] != "done":
        why = f" ({facts['error']})" if facts["error"] else ""
        raise UserError("student", f"{facts['name']} is {facts['status']}{why}.", "Choose a measured student.")
    if facts["weights_sha256"] is None:
        others = ", ".join(row["name"] for row in store.students(run["id"]) if row["weights_sha256"])
        raise UserError(
            "student",
            f"this recorded run does not include the weights of {facts['name']}.",
            f"It includes those of {others}.",
        )
    return facts


def _student(run: RunRow, facts: MeasuredStudent) -> RoSearchForSequenceClassification:
    # A run whose students are measured has begun.
    assert run["teacher"] is not None
    assert run["dataset"] is not None
    assert run["frame"] is not None
    genome = Genome.from_dict(facts["genome"])
    model = random_student(genome, Frame(**run["frame"]), tuple(run["dataset"]["classes"]), run["teacher"]["pad"])
    try:
        model.load_state_dict(read_tensors(weights.read(facts["weights_sha256"] or "", facts["name"])))
    except (SafetensorError, RuntimeError) as error:
        raise weights.damaged(facts["name"], str(error).splitlines()[0]) from None
    return model
