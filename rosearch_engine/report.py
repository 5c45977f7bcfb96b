"""A run in numbers: what `report` prints."""

from __future__ import annotations

from typing import Any

from rosearch_engine.genome import Genome
from rosearch_engine.genome.features import features
from rosearch_engine.store.repo import Store

_STUDENT = (
    "name",
    "digest",
    "genome",
    "origin",
    "parents",
    "change",
    "status",
    "error",
    "weights",
    "encoder_weights",
    "compression",
    "encoder_compression",
    "flops",
    "latency_ms",
    "accuracy",
    "accuracy_n",
    "accuracy_interval",
    "robustness",
    "robustness_interval",
    "held",
    "attacked",
    "calibrated_held",
    "raw_held",
    "one_swap_held",
    "success_rate",
    "mean_queries",
    "temperature",
    "front",
    "knee",
    "seconds",
    "weights_sha256",
)


def summary(store: Store, run: dict[str, Any], state: str) -> dict[str, Any]:
    """A run, its teacher under the same attack, and every student; plain values only."""
    students = store.students(run["id"])
    measured = [student for student in students if student["status"] == "done"]
    teacher = store.teacher_measurement(run["id"])
    return {
        "run": run["name"],
        "state": state,
        "config": run["config"],
        "dataset": run["dataset"],
        "teacher": run["teacher"] and run["teacher"] | (teacher or {}),
        "protocol": measured[0]["protocol"] if measured else None,
        "headline": _headline(run, state, students, teacher),
        "students": [
            {name: student[name] for name in _STUDENT} | {"features": features(Genome.from_dict(student["genome"]))}
            for student in students
        ],
    }


def table_rows(what: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the students' table, the front first, then by after-attack accuracy."""
    done = [student for student in what["students"] if student["status"] == "done"]
    n = f", n={done[0]['attacked']}" if done else ""
    header = ["student", "from", "front", "clean", f"held (95%{n})", "attack", "raw", "1 swap", "success", "queries"]
    header += ["weights", "smaller"]
    order = sorted(what["students"], key=lambda s: (s["status"] != "done", not s["front"], -(s["robustness"] or 0)))
    return header, [_row(student) for student in order]


def _row(student: dict[str, Any]) -> list[str]:
    weights = f"{student['weights'] / 1e6:.2f}M"
    if student["status"] != "done":
        return [student["name"], student["origin"], student["status"], *[""] * 7, weights, ""]
    low, high = (100 * bound for bound in student["robustness_interval"])
    return [
        student["name"],
        student["origin"],
        "knee" if student["knee"] else "yes" if student["front"] else "",
        f"{student['accuracy']:.1%}",
        f"{student['robustness']:.0%} ({low:.0f}-{high:.0f})",
        *[_share(student, held) for held in ("calibrated_held", "raw_held", "one_swap_held")],
        "" if student["success_rate"] is None else f"{student['success_rate']:.0%}",
        f"{student['mean_queries']:.0f}",
        weights,
        f"{student['compression']:.1f}x",
    ]


def _share(student: dict[str, Any], held: str) -> str:
    return "" if student[held] is None else f"{student[held] / student['attacked']:.0%}"


def _headline(
    run: dict[str, Any], state: str, students: list[dict[str, Any]], teacher: dict[str, Any] | None
) -> list[str]:
    measured = [student for student in students if student["status"] == "done"]
    failed = sum(student["status"] == "failed" for student in students)
    lines = [f"{run['name']}: {state}, {len(measured)} students measured, {failed} failed"]
    if teacher:
        lines.append(
            f"teacher {run['teacher']['name']}: accuracy {teacher['accuracy']:.1%}, held "
            f"{teacher['robustness']:.1%} (n={teacher['attacked']}), {run['teacher']['weights']:,} weights"
        )
    if measured:
        recipe, best = measured[0]["protocol"]["recipe"], max(student["robustness"] for student in measured)
        lines.append(f"best share held {best:.1%} under {recipe}: search-time figures, luck included")
        lines.append("held: right after the attack and after every single swap, calibrated and raw; attack: after that")
        lines.append(
            "alone, calibrated; raw: on raw logits; 1 swap: no single swap flips it. `rescore` before quoting."
        )
    return lines
