"""A run in numbers: what `report` prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, Literal, Never, NotRequired, TypedDict, cast

from rosearch_engine.genome.features import stored_features
from rosearch_engine.objectives import counts, robust_share
from rosearch_engine.statistics import OUTCOMES, statistics, words_of
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import (
    COUNTS,
    FIGURES,
    Absent,
    Architecture,
    Count,
    DatasetRow,
    Figures,
    MeasurementRow,
    Place,
    ProtocolRow,
    RunRow,
    Scored,
    Settings,
    StudentRow,
    TeacherRow,
    copies_loss,
    measured,
    share,
)

# In the order in which they are printed.
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
    *FIGURES,
    "front",
    "knee",
    "seconds",
    "weights_sha256",
)


class _Reported(Architecture[Absent], Figures[Absent], Place, Generic[Absent]):
    """What is told of a student: its row without what only the store needs."""

    features: dict[str, float]
    copies_loss: tuple[float, float] | None


class ReportedMeasured(_Reported[Never]):
    """A student that was trained and attacked in full."""

    status: Literal["done"]


class ReportedUnmeasured(_Reported[None]):
    """One that was not, or not yet."""

    status: Literal["queued", "failed", "pruned"]


Reported = ReportedMeasured | ReportedUnmeasured


class Summary(TypedDict):
    """A run in numbers. `left_out` counts the students that are not among these."""

    run: str
    state: str
    config: Settings
    dataset: DatasetRow | None
    teacher: Mapping[str, object] | None
    protocol: ProtocolRow | None
    headline: list[str]
    students: list[Reported]
    left_out: int
    statistics: NotRequired[dict[str, Any]]


def summary(store: Store, run: RunRow, state: str, most: int | None = None) -> Summary:
    """A run, its teacher under the same attack, and its students by number; plain values only.

    Args:
        most: of more students than this, only the front and as many of the best are told, and how many are not.
    """
    students = store.students(run["id"])
    done = measured(students)
    told = students if most is None or len(students) <= most else _best(students, most)
    teacher = store.teacher_measurement(run["id"])
    return {
        "run": run["name"],
        "state": state,
        "config": run["config"],
        "dataset": run["dataset"],
        "teacher": None if run["teacher"] is None else _with_figures(run["teacher"], teacher),
        "protocol": done[0]["protocol"] if done else None,
        "headline": _headline(run, state, students, teacher),
        "students": [_reported(student) for student in told],
        "left_out": len(students) - len(told),
    }


def _best(students: Sequence[StudentRow], most: int) -> list[StudentRow]:
    """The front, and those that hold most of the rest."""
    return sorted(sorted(students, key=_place)[: max(most, sum(student["front"] for student in students))], key=_number)


def _number(student: StudentRow) -> int:
    return student["number"]


def _place(student: StudentRow | Reported) -> tuple[bool, bool, float]:
    return (
        student["status"] != "done",
        not student["front"],
        -robust_share(student) if student["status"] == "done" else 0.0,
    )


def _with_figures(teacher: TeacherRow, figures: MeasurementRow | None) -> Mapping[str, object]:
    return teacher if figures is None else {**teacher, **figures}


def _reported(student: StudentRow) -> Reported:
    values: Mapping[str, object] = student
    told = {name: values[name] for name in _STUDENT} | {"features": stored_features(student["genome"])}
    return cast(Reported, told | {"copies_loss": copies_loss(student)})


def untried(run: RunRow, attacked: int) -> str | None:
    """What is to be said of attacked sentences on which the run's attack had nothing to try; None where it always had.

    Args:
        attacked: how many sentences were attacked.
    """
    count = run["dataset"].get("untried") if run["dataset"] else None
    return untried_words(count, attacked) if count else None


def untried_words(count: int, attacked: int) -> str:
    """The same, of so many sentences."""
    return (
        f"{count:,} of the {attacked:,} attacked sentences have no word that the attack can swap: there was nothing to "
        "try, so whatever is right there counts as held."
    )


def table_rows(what: Summary) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the students' table, the front first, then by after-attack accuracy."""
    done = [student for student in what["students"] if student["status"] == "done"]
    n = f", n={done[0]['attacked']}" if done else ""
    header = ["student", "from", "front", "clean", f"held (95%{n})", "attack", "raw", "1 swap", "certified"]
    header += ["success", "queries", "parameters", "compression"]
    order = sorted(what["students"], key=_place)
    if not any(student["copies_loss"] for student in order):
        return header, [_row(student) for student in order]
    return [*header, "loss on copies"], [[*_row(student), _losses(student)] for student in order]


# Columns of `table_rows` that a narrow terminal can do without, the first to go first.
OPTIONAL = (
    "success",
    "queries",
    "loss on copies",
    "parameters",
    "raw",
    "1 swap",
    "from",
    "front",
    "certified",
    "attack",
)


def architecture_statistics(store: Store, runs: Iterable[str]) -> dict[str, Any]:
    """What architecture has to do with robustness (`statistics`) over all students of these runs, named in `of`.

    Raises:
        UserError: if there is no run of one of these names.
    """
    names = list(dict.fromkeys(runs))
    found = [store.run(name) for name in names]
    return statistics_of(names, [compared(run, store.students(run["id"])) for run in found])


def compared(run: RunRow, students: Iterable[StudentRow]) -> list[dict[str, object]]:
    """A run's students as `statistics` takes them."""
    inherit = run["config"]["distil"]["inherit"]
    return [{**student, "inherit": inherit} for student in students]


def statistics_of(names: Iterable[str], runs: Iterable[Iterable[dict[str, object]]]) -> dict[str, Any]:
    """`statistics` over all students of some runs, each as `compared` gives them, with the runs' names in `of`."""
    return {"of": list(names)} | statistics([student for run in runs for student in run])


def association_rows(what: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the features' table, those that go along with robustness most closely first."""
    by_feature: dict[str, dict[str, dict[str, Any]]] = {}
    for row in what["associations"]:
        by_feature.setdefault(row["feature"], {})[row["outcome"]] = row
    sizes = {name: abs(_size(rows.get("robustness"))) for name, rows in by_feature.items()}
    header = [
        "feature",
        "held: Spearman (95%)",
        "controlling for accuracy, parameters",
        "accuracy",
        "raw minus calibrated",
    ]
    order = sorted(by_feature, key=lambda name: -sizes[name])
    return header, [[words_of(name).name, *_cells(by_feature[name])] for name in order]


def statistics_lines(what: dict[str, Any]) -> list[str]:
    """What the statistics come to, in sentences."""
    lines = []
    for finding in what["findings"]:
        lines.append(finding["says"])
        if finding["kind"] == "tree":
            lines += [f"  {rule}" for rule in what["model_rules"]]
    if what["model_says"] and what["model_says"] not in lines:
        lines.append(what["model_says"])
    return [*lines, what["conclusion"], *what["notes"]]


def operation_rows(what: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the operations' table: after-attack accuracy of the students with each and without."""
    header = ["operation", "with: median (quartiles)", "n", "without", "n", "Cliff's delta (95%)"]
    return header, [
        [row["operation"].replace("_", " "), *_box(row["present"]), *_box(row["absent"]), _effect(row["delta"])]
        for row in what["operations"]
    ]


def _size(association: dict[str, Any] | None) -> float:
    return association["spearman"]["size"] if association else 0.0


def _cells(associations: dict[str, dict[str, Any]]) -> list[str]:
    held, *others = [associations.get(outcome) or {"spearman": None, "partial": None} for outcome in OUTCOMES]
    return [_effect(held["spearman"]), _effect(held["partial"]), *(_bare(row["spearman"]) for row in others)]


def _bare(effect: dict[str, Any] | None) -> str:
    return "" if effect is None else f"{effect['size']:.2f}{' *' if effect['found'] else ''}"


def _effect(effect: dict[str, Any] | None) -> str:
    if effect is None:
        return ""
    low, high = effect["interval"]
    return f"{effect['size']:.2f} ({low:.2f} to {high:.2f}){' *' if effect['found'] else ''}"


def _box(box: dict[str, Any] | None) -> list[str]:
    if box is None:
        return ["", "0"]
    return [f"{box['median']:.0%} ({box['lower']:.0%} to {box['upper']:.0%})", str(box["n"])]


def _row(student: Reported) -> list[str]:
    weights = f"{student['weights'] / 1e6:.2f}M"
    if student["status"] != "done":
        return [student["name"], student["origin"], student["status"], *[""] * 8, weights, ""]
    low, high = (100 * bound for bound in student["robustness_interval"])
    return [
        student["name"],
        student["origin"],
        "knee" if student["knee"] else "yes" if student["front"] else "" if counts(student) else "below floor",
        f"{student['accuracy']:.1%}",
        f"{student['robustness']:.0%} ({low:.0f}-{high:.0f})",
        *[_percent(student, count) for count in COUNTS],
        "" if student["success_rate"] is None else f"{student['success_rate']:.0%}",
        f"{student['mean_queries']:.0f}",
        weights,
        f"{student['compression']:.1f}x",
    ]


def _percent(student: Scored[Never], count: Count) -> str:
    held = share(student, count)
    return "" if held is None else f"{held:.0%}"


def _losses(student: Reported) -> str:
    return "{:.2f} / {:.2f}".format(*student["copies_loss"]) if student["copies_loss"] else ""


def _headline(run: RunRow, state: str, students: list[StudentRow], teacher: MeasurementRow | None) -> list[str]:
    done = measured(students)
    failed = sum(student["status"] == "failed" for student in students)
    lines = [f"{run['name']}: {state}, {len(done)} students measured, {failed} failed"]
    left_out = run["dataset"].get("dropped") if run["dataset"] else None
    if left_out:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        lines.append(f"rows of the data left out: {reasons}")
    if teacher and run["teacher"]:
        lines.append(
            f"teacher {run['teacher']['name']}: accuracy {teacher['accuracy']:.1%}, held "
            f"{teacher['robustness']:.1%} (n={teacher['attacked']}), {run['teacher']['weights']:,} parameters"
        )
    nothing = untried(run, done[0]["attacked"]) if done else None
    if nothing:
        lines.append(nothing)
    if done:
        recipe, best = done[0]["protocol"]["recipe"], max(student["robustness"] for student in done)
        lines.append(
            f"best share held {best:.1%} under {recipe}: search-time figures, optimistic because the best is picked"
        )
        lines.append(
            "held: correct after the attack and every single swap, calibrated and raw; attack: after the attack alone, "
            "calibrated; raw: on raw logits; 1 swap: robust to every single swap; certified: no combination of swaps "
            "flips it, proved. Run `rescore` before quoting figures."
        )
    if any(map(copies_loss, students)):
        lines.append(
            "loss on copies: of training sentences whose words the adversary swapped in one gradient step / after "
            "three more; if the second is far above the first, the student has only learned to resist one gradient "
            "step."
        )
    return lines
