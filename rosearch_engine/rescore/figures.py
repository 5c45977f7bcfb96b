"""What the held-out sentences said of a run's elite. Reads the store, imports no torch."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import cast

from rosearch_engine.objectives import holds, wilson
from rosearch_engine.rescore.rows import (
    AgreementRow,
    ComparisonRow,
    GapRow,
    HeldOutFigures,
    HeldOutRow,
    Model,
    Summary,
    UnionRow,
)
from rosearch_engine.statistics.paired import McNemar, mcnemar, rank_correlation, success_curve
from rosearch_engine.store.models import BAG, BASELINES, CHAIN, HELD_OUT, SEARCH, TEACHER
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import Count, OwnedMeasurementRow, StudentRow, share


def held_out_figures(store: Store, run_id: int) -> dict[str, HeldOutRow]:
    """Held-out figures by student name, 'teacher' included; empty before the first `rescore`.

    Each holds `role` ('elite', 'baseline', 'teacher'), `origin`, `weights`, `compression`, and under `recipes` for each
    recipe:

    - `robustness`: after-attack accuracy, mean over the training seeds; `by_seed`; `seed_spread`: their standard
      deviation, None for one seed; `interval`: Wilson's 95% for the sentences drawn, of the first seed, which is the
      stored student; `held` of `attacked`: the first seed's.
    - `accuracy`: clean, on the same held-out sentences; `calibrated`, `raw` and `gap` = raw - calibrated: what the
      attack alone leaves; `one_swap`: what no single swap flips; `certified`: what no combination
      can flip, proved; `success_rate`; `mean_queries`; means over seeds.
    - `search`: what the search said under the same protocol, of `search_attacked` sentences; `difference` from it.
    - `curve`: (queries, share of all sentences lost by then) of the first seed.

    and under `union` what survives all of the recipes together, None for a single one; under `gap_to_pwws` what the
    border-first attack leaves less what plain PWWS does, None where one of them was not asked.
    """
    return _figures(store, run_id, store.measurements(run_id, HELD_OUT))


def summary(
    store: Store, run_id: int, *, recipes: Sequence[str], names: Sequence[str], n: int, hashes: Mapping[str, str]
) -> Summary:
    """What one re-scoring says: figures, comparisons with the baselines, agreement of the recipes.

    Args:
        recipes: in the order in which they are shown.
        names: students, in the order in which they are shown; 'teacher' too.
        n: held-out sentences attacked.
        hashes: hash of each recipe's protocol.
    """
    rows = [
        row
        for row in store.measurements(run_id, HELD_OUT)
        if row["name"] in names
        and row["attacked"] == n
        and hashes.get(row["protocol"]["recipe"]) == row["protocol"]["hash"]
    ]
    found = _figures(store, run_id, rows)
    students = {name: found[name] for name in names if name in found}
    for student in students.values():
        student["recipes"] = {name: student["recipes"][name] for name in recipes if name in student["recipes"]}
    table = {
        recipe: {
            name: student["recipes"][recipe]["robustness"]
            for name, student in students.items()
            if student["role"] != TEACHER and recipe in student["recipes"]
        }
        for recipe in recipes
    }
    return {
        "students": students,
        "comparisons": _comparisons(store, students),
        "rank_correlations": [cast(AgreementRow, asdict(row)) for row in rank_correlation(table)],
    }


def nearest_chain(student: Model, known: Mapping[str, Model]) -> str | None:
    """The chain nearest in weights, of those that read words by the same code if there are any."""
    chains = {name: row for name, row in known.items() if row["origin"] == CHAIN}
    alike = [name for name, row in chains.items() if row["code"] == student["code"]] or list(chains)
    return min(alike, key=lambda name: abs((chains[name]["weights"] or 0) - (student["weights"] or 0)), default=None)


def bag_like(student: Model, known: Mapping[str, Model]) -> str | None:
    """The bag of words that reads words by the student's code, else the first there is."""
    bags = [name for name, row in known.items() if row["origin"] == BAG]
    return next((name for name in bags if known[name]["code"] == student["code"]), bags[0] if bags else None)


def _figures(store: Store, run_id: int, rows: Sequence[OwnedMeasurementRow]) -> dict[str, HeldOutRow]:
    if not rows:
        return {}
    students = {student["name"]: student for student in store.students(run_id)}
    searched = {row["name"]: row for row in store.measurements(run_id, SEARCH)}
    grouped: dict[tuple[str, str], list[OwnedMeasurementRow]] = {}
    for row in rows:
        grouped.setdefault((row["name"], row["protocol"]["recipe"]), []).append(row)
    found: dict[str, dict[str, HeldOutFigures]] = {}
    for (name, recipe), group in grouped.items():
        seeds = _one_a_seed(group, first=searched[name]["seed"] if name in searched else group[0]["seed"])
        found.setdefault(name, {})[recipe] = _figure(store, seeds, searched.get(name))
    return {
        name: {
            **who_is(students.get(name)),
            "recipes": recipes,
            "union": _union(store, recipes),
            "gap_to_pwws": _gap_to_pwws(store, recipes),
        }
        for name, recipes in found.items()
    }


def _union(store: Store, figures: Mapping[str, HeldOutFigures]) -> UnionRow | None:
    """The share of sentences that survive every one of the recipes, of the stored student; None for a single recipe.

    One attack's number is not robustness: words and characters are attacked in other places.
    """
    if len(figures) < 2:
        return None
    stands = [survivors(store, figure["measurement_id"]) for figure in figures.values()]
    both = set.intersection(*(set(one) for one in stands))
    held = sum(all(one[sentence] for one in stands) for sentence in both)
    return {
        "recipes": list(figures),
        "held": held,
        "attacked": len(both),
        "robustness": held / len(both) if both else 0.0,
        "interval": wilson(held, len(both)),
    }


def _gap_to_pwws(store: Store, figures: Mapping[str, HeldOutFigures]) -> GapRow | None:
    """What the border-first attack leaves less what plain PWWS leaves, same sentences, stored student.

    Below zero, PWWS's figure owes that much to the weakness of its search.
    """
    if not {"pwws", "border-first"} <= set(figures):
        return None
    pwws, border = (survivors(store, figures[name]["measurement_id"]) for name in ("pwws", "border-first"))
    both = pwws.keys() & border.keys()
    left_by_pwws, left_by_border = (sum(held[one] for one in both) for held in (pwws, border))
    gap = (left_by_border - left_by_pwws) / len(both) if both else 0.0
    return {"pwws": left_by_pwws, "border_first": left_by_border, "attacked": len(both), "gap": gap}


def who_is(student: StudentRow | None) -> Model:
    """A student; None is the teacher."""
    if student is None:
        return {"role": TEACHER, "origin": TEACHER, "weights": None, "compression": 1.0, "code": "plain"}
    return {
        "role": "baseline" if student["origin"] in BASELINES else "elite",
        "origin": student["origin"],
        "weights": student["weights"],
        "compression": student["compression"],
        "code": student["genome"].get("code", "plain"),
    }


def _one_a_seed(rows: list[OwnedMeasurementRow], first: int) -> list[OwnedMeasurementRow]:
    """Of measurements of one student and recipe, those with the most sentences, one a seed, the stored student's first.

    Another protocol (another version of a resource, say) is another measurement; the last one counts.
    """
    best = max(rows, key=lambda row: (row["attacked"], row["measurement_id"]))
    setting = best["attacked"], best["protocol"]["hash"]
    alike = [row for row in rows if (row["attacked"], row["protocol"]["hash"]) == setting]
    by_seed = {row["seed"]: row for row in sorted(alike, key=lambda row: row["measurement_id"])}
    return sorted(by_seed.values(), key=lambda row: (row["seed"] != first, row["measurement_id"]))


def _figure(store: Store, rows: list[OwnedMeasurementRow], searched: OwnedMeasurementRow | None) -> HeldOutFigures:
    first, by_seed = rows[0], [row["robustness"] for row in rows]
    robustness = statistics.mean(by_seed)
    calibrated, raw = _mean_share(rows, "calibrated_held"), _mean_share(rows, "raw_held")
    if searched and searched["protocol"]["hash"] != first["protocol"]["hash"]:
        searched = None
    outcomes = ((row["outcome"], row["queries"]) for row in store.examples(first["measurement_id"]))
    return {
        "robustness": robustness,
        "by_seed": by_seed,
        "seed_spread": statistics.stdev(by_seed) if len(rows) > 1 else None,
        "interval": wilson(first["held"], first["attacked"]),
        "held": first["held"],
        "attacked": first["attacked"],
        "accuracy": statistics.mean(row["accuracy"] for row in rows),
        "calibrated": calibrated,
        "raw": raw,
        "gap": None if raw is None or calibrated is None else raw - calibrated,
        "one_swap": _mean_share(rows, "one_swap_held"),
        "certified": _mean_share(rows, "certified"),
        "success_rate": _mean(row["success_rate"] for row in rows),
        "mean_queries": statistics.mean(row["mean_queries"] for row in rows),
        "search": searched and searched["robustness"],
        "search_attacked": searched and searched["attacked"],
        "difference": searched and robustness - searched["robustness"],
        "curve": success_curve(outcomes, first["protocol"]["query_budget"]),
        "measurement_id": first["measurement_id"],
        "protocol": first["protocol"],
    }


def _mean_share(rows: list[OwnedMeasurementRow], count: Count) -> float | None:
    return _mean(share(row, count) for row in rows)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None


def _comparisons(store: Store, students: Mapping[str, HeldOutRow]) -> list[ComparisonRow]:
    """Each elite student against the bag of words and the chain nearest in weights, of those that read words by the
    same code if there are any: McNemar's test on the same sentences, first seeds."""
    rows: list[ComparisonRow] = []
    for name, student in students.items():
        if student["role"] != "elite":
            continue
        for baseline in filter(None, (bag_like(student, students), nearest_chain(student, students))):
            theirs = students[baseline]["recipes"]
            for recipe in [recipe for recipe in student["recipes"] if recipe in theirs]:
                n, test = _compare(store, student["recipes"][recipe], theirs[recipe])
                rows.append(
                    {
                        "student": name,
                        "baseline": baseline,
                        "recipe": recipe,
                        "n": n,
                        "only_student": test.only_a,
                        "only_baseline": test.only_b,
                        "p": test.p,
                    }
                )
    return rows


def _compare(store: Store, mine: HeldOutFigures, theirs: HeldOutFigures) -> tuple[int, McNemar]:
    """How many sentences both were asked, and the test on them."""
    a, b = (survivors(store, figure["measurement_id"]) for figure in (mine, theirs))
    both = sorted(a.keys() & b.keys())
    return len(both), mcnemar([a[sentence] for sentence in both], [b[sentence] for sentence in both])


def survivors(store: Store, measurement_id: int) -> dict[int, bool]:
    """For each attacked sentence whether it stands after the calibrated attack and after every single swap."""
    return {row["sentence"]: holds(row["outcome"], row["flips"]) for row in store.examples(measurement_id)}
