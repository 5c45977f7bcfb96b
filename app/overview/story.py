"""What a run found, in one sentence and a few bars: worked out from its rows, whatever they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app import formats, naming
from app.cards import recipe
from rosearch_engine.front import Front
from rosearch_engine.objectives import counts, robust_share, vector
from rosearch_engine.store.models import BAG, BASELINES, CHAIN
from rosearch_engine.store.rows import Interval, MeasuredStudent, MeasurementRow, RunRow, StudentRow, measured, share


@dataclass(frozen=True)
class Bar:
    """A model of the run: how many sentences it gets right, before the attack and after it.

    Attributes:
        kind: "teacher", "chain", "bag" or "searched".
        student: its name; empty for the teacher.
        what: what it is, in a few words.
        clean: share right before the attack.
        after: share right after it.
        interval: of `after`.
        attacked: sentences that `after` is of.
        certified: share proved; None where nothing can be proved.
        compression: how many times smaller than the teacher.
    """

    kind: str
    student: str
    what: str
    clean: float
    after: float
    interval: Interval
    attacked: int
    certified: float | None
    compression: float

    @property
    def name(self) -> str:
        return self.student or "Teacher"


@dataclass(frozen=True)
class Story:
    """What a run found.

    Attributes:
        bars: the teacher, a plain student, the best baseline and the best searched student, as far as there are.
        headline: the finding in one sentence.
        detail: what the search added to its baselines, and how sure that is.
        best: the student that holds most, of those that count; None if none does.
    """

    bars: tuple[Bar, ...]
    headline: str
    detail: str
    best: MeasuredStudent | None


def best_searched(students: Sequence[StudentRow]) -> MeasuredStudent | None:
    """Of the searched students that count the one that holds most: one on the front, if one is there."""
    rows = [row for row in measured(students) if row["origin"] not in BASELINES and counts(row)]
    return _most_robust([row for row in rows if row["front"]] or rows)


def best_of(students: Sequence[StudentRow]) -> MeasuredStudent | None:
    """The student that holds most, of those that count."""
    return _most_robust([row for row in measured(students) if counts(row)])


def default_student(students: Sequence[StudentRow]) -> MeasuredStudent | None:
    """Who is shown first: the best searched student on the front, of those whose weights are here if any are; else
    the knee, else any."""
    rows = measured(students)
    able = [row for row in rows if row["weights_sha256"]]
    for some in (able, rows):
        best = best_searched(some)
        if best is not None and best["front"]:
            return best
    return next((row for row in rows if row["knee"]), rows[0] if rows else None)


def tell(run: RunRow, students: Sequence[StudentRow], teacher: MeasurementRow | None) -> Story | None:
    """The story of a run; None before its first student counts."""
    rows = [row for row in measured(students) if counts(row)]
    if not rows:
        return None
    chains = [row for row in rows if row["origin"] == CHAIN]
    plain = _plain_chain(chains)
    bag = _most_robust([row for row in rows if row["origin"] == BAG])
    searched = best_searched(rows)
    baseline = _most_robust([row for row in (bag, _most_robust(chains)) if row is not None])
    bars = [_teacher_bar(run, teacher)] if teacher else []
    shown = {row["name"]: row for row in (plain, baseline, searched) if row is not None}
    bars += [_bar(row) for row in shown.values()]
    best = _most_robust(list(shown.values()))
    assert best is not None
    headline = _headline(run, teacher, plain, best)
    return Story(tuple(bars), headline, _detail(rows, baseline, searched), best)


def kind_of(student: MeasuredStudent) -> str:
    return student["origin"] if student["origin"] in BASELINES else "searched"


def _headline(run: RunRow, teacher: MeasurementRow | None, plain: MeasuredStudent | None, best: MeasuredStudent) -> str:
    falls = []
    if teacher:
        falls.append(f"the teacher falls from {_share(teacher['accuracy'])} to {_share(teacher['robustness'])}")
    if plain and plain["name"] != best["name"]:
        falls.append(
            f"a plain student to {_share(plain['robustness'])}"
            if falls
            else f"a plain student keeps {_share(plain['robustness'])}"
        )
    who = {"searched": "found by the search", BAG: "a bag of words trained on its worst case", CHAIN: "a plain chain"}
    holds = f"**{best['name']}**, {who[kind_of(best)]}, holds {_share(best['robustness'])}"
    proved = share(best, "certified")
    if proved:
        holds += f", {_share(proved)} with proof"
    sizes = f"{formats.times(best['compression'])} smaller than the teacher"
    fall = " and ".join(falls)
    under = f"Under {recipe(run['config'])}"
    return f"{under}, {fall}; {holds}, {sizes}." if fall else f"{under}, {holds}, {sizes}."


def _detail(rows: Sequence[MeasuredStudent], baseline: MeasuredStudent | None, searched: MeasuredStudent | None) -> str:
    front = [row for row in rows if row["front"]]
    found = [row for row in front if row["origin"] not in BASELINES]
    if searched is None:
        return "So far only baselines were measured: the searched students follow."
    said = f"{len(found)} of {formats.plural(len(front), 'student')} on the Pareto front were found by the search"
    before, after = (
        _hypervolume([r for r in rows if all_rows or r["origin"] in BASELINES]) for all_rows in (False, True)
    )
    if before:
        gain = after / before - 1
        said += (
            f", which adds {gain:.1%} to the hypervolume of the baselines"
            if gain >= 0.0005
            else ", which adds nothing to the baselines"
        )
    said += "."
    if baseline is None:
        return said
    low, high = searched["robustness_interval"]
    if baseline["robustness_interval"][0] > high:
        said += f" The most robust student is a baseline: {baseline['name']} holds more than any searched one."
    elif baseline["robustness_interval"][1] < low:
        said += f" {searched['name']} holds more than every baseline."
    else:
        said += (
            f" In robustness alone, {searched['name']} and the best baseline, {baseline['name']}, cannot be told apart "
            f"on {formats.plural(searched['attacked'], 'sentence')}."
        )
    return said


def _hypervolume(rows: Sequence[MeasuredStudent]) -> float:
    front = Front()
    for row in rows:
        front.add(row["number"], vector(row))
    return front.hypervolume()


def _plain_chain(chains: Sequence[MeasuredStudent]) -> MeasuredStudent | None:
    """What distillation gives without this program: a chain that reads its words as they are; the most accurate."""
    plain = [
        row
        for row in chains
        if row["genome"].get("code", "plain") == "plain" and row["genome"].get("context", "free") == "free"
    ]
    return max(plain, key=lambda row: row["accuracy"], default=None)


def _most_robust(rows: Sequence[MeasuredStudent]) -> MeasuredStudent | None:
    return max(rows, key=lambda row: (robust_share(row), row["robustness"], row["accuracy"]), default=None)


def _bar(row: MeasuredStudent) -> Bar:
    baseline = {BAG: "worst-case bag of words", CHAIN: "plain chain"}.get(row["origin"], "")
    what = f"{row['change'] or baseline}, baseline" if baseline else f"found by the search: {naming.genes(row)}"
    return Bar(
        kind_of(row),
        row["name"],
        what,
        row["accuracy"],
        row["robustness"],
        row["robustness_interval"],
        row["attacked"],
        share(row, "certified"),
        row["compression"],
    )


def _teacher_bar(run: RunRow, teacher: MeasurementRow) -> Bar:
    known = run["teacher"]
    what = f"{known['name']}, {formats.count(known['weights'])} parameters" if known else "the large model"
    return Bar(
        "teacher",
        "",
        what,
        teacher["accuracy"],
        teacher["robustness"],
        teacher["robustness_interval"],
        teacher["attacked"],
        None,
        1.0,
    )


def _share(value: float) -> str:
    return formats.percent(value, 0)
