"""How soon an attack gets through: success curves of a student, its baselines and the teacher."""

from __future__ import annotations

from collections.abc import Mapping

from rosearch_engine.rescore.figures import bag_like, held_out_figures, nearest_chain, who_is
from rosearch_engine.rescore.rows import Curve, CurvesRow, Model
from rosearch_engine.statistics.paired import success_curve
from rosearch_engine.store.models import TEACHER
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import measured


def success_curves(store: Store, run_id: int, name: str) -> list[CurvesRow]:
    """How soon an attack gets through to a student, a bag of words, the chain nearest in weights, and the teacher.

    A row an attack, the search's own first: `recipe`, `held_out`, `n` sentences, and `lines`: for each name its
    `role`, its `origin` and its `curve`, (queries, share of all sentences lost by then). Only those that were asked
    the same sentences.
    """
    done = {row["name"]: row for row in measured(store.students(run_id))}
    if name not in done:
        return []
    teacher = store.teacher_measurement(run_id)
    searched = {one: who_is(row) for one, row in done.items()}
    of = {one: row["measurement_id"] for one, row in done.items()}
    if teacher:
        searched[TEACHER], of[TEACHER] = who_is(None), teacher["measurement_id"]
    shown = _beside(name, searched)
    budget, outcomes = done[name]["protocol"]["query_budget"], dict[str, list[tuple[str, int]]]()
    for one in shown:
        examples = store.examples(of[one])
        outcomes[one] = [(row["outcome"], row["queries"]) for row in examples]
    n = len(outcomes[name])
    lines = {one: success_curve(outcomes[one], budget) for one in shown if len(outcomes[one]) == n}
    found = [_curves(done[name]["protocol"]["recipe"], False, n, lines, searched)]
    again = held_out_figures(store, run_id)
    for recipe, figure in again[name]["recipes"].items() if name in again else ():
        those = {one: row["recipes"].get(recipe) for one, row in again.items()}
        alike = {one: row for one, row in those.items() if row and row["attacked"] == figure["attacked"]}
        beside = _beside(name, {one: again[one] for one in alike})
        lines = {one: alike[one]["curve"] for one in beside}
        found.append(_curves(recipe, True, figure["attacked"], lines, again))
    return [row for row in found if row["n"]]


def _curves(recipe: str, held_out: bool, n: int, lines: Mapping[str, Curve], who: Mapping[str, Model]) -> CurvesRow:
    return {
        "recipe": recipe,
        "held_out": held_out,
        "n": n,
        "lines": {
            one: {"role": who[one]["role"], "origin": who[one]["origin"], "curve": curve}
            for one, curve in lines.items()
        },
    }


def _beside(name: str, known: Mapping[str, Model]) -> list[str]:
    """A student, its baselines and the teacher, as far as they are there."""
    others = {one: row for one, row in known.items() if one != name}
    bag, chain = bag_like(known[name], others), nearest_chain(known[name], others)
    # Beside a baseline stand those of another kind only.
    kinds = [one for one in (bag, chain) if one and known[one]["origin"] != known[name]["origin"]]
    return [name, *kinds, *([TEACHER] if TEACHER in known else [])]
