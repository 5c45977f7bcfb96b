"""A run's elite: who belongs to it, and what the held-out sentences said of it. Reads the store, imports no torch."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rosearch_engine.objectives import wilson
from rosearch_engine.statistics.paired import mcnemar, rank_correlation, success_curve
from rosearch_engine.store.models import CHAIN, HELD_OUT, SEARCH, TEACHER
from rosearch_engine.store.repo import Store


def elite(students: Sequence[dict[str, Any]], top: int) -> list[dict[str, Any]]:
    """The measured students that are worth a second look: the front's `top` by robustness, its knee, every chain.

    Args:
        students: as `Store.students` gives them.
    """
    measured = [student for student in students if student["status"] == "done"]
    front = sorted((s for s in measured if s["front"]), key=lambda s: (-s["robustness"], s["number"]))
    knees = [student for student in measured if student["knee"]]
    return _once([*front[:top], *knees, *chains(measured)])


def chains(students: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The measured baselines among the students."""
    return [student for student in students if student["origin"] == CHAIN and student["status"] == "done"]


def rescored(store: Store, run_id: int) -> dict[str, dict[str, Any]]:
    """Held-out figures by student name, 'teacher' included; empty before the first `rescore`.

    Each holds `role` ('elite', 'baseline', 'teacher'), `weights`, `compression`, and under `recipes` for each recipe:

    - `robustness`: after-attack accuracy, mean over the training seeds; `by_seed`; `seed_spread`: their standard
      deviation, None for one seed; `interval`: Wilson's 95% for the sentences drawn, of the first seed, which is the
      stored student; `held` of `attacked`: the first seed's.
    - `accuracy`: clean, on the same held-out sentences; `calibrated`, `raw` and `gap` = raw - calibrated: what the
      attack alone leaves; `one_swap`: what no single swap flips; `success_rate`; `mean_queries`; means over seeds.
    - `search`: what the search said under the same protocol, of `search_attacked` sentences; `difference` from it.
    - `curve`: (queries, share of all sentences lost by then) of the first seed.

    and under `union` what survives all of the recipes together, None for a single one.
    """
    return _figures(store, run_id, store.measurements(run_id, HELD_OUT))


def summary(
    store: Store, run_id: int, *, recipes: Sequence[str], names: Sequence[str], n: int, hashes: Mapping[str, str]
) -> dict[str, Any]:
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
        "rank_correlations": [asdict(row) for row in rank_correlation(table)],
    }


def curves(store: Store, run_id: int, name: str) -> list[dict[str, Any]]:
    """How soon an attack gets through to a student, the chain that is nearest in weights, and the teacher.

    A row an attack, the search's own first: `recipe`, `held_out`, `n` sentences, and `lines`: for each name its `role`
    and its `curve`, (queries, share of all sentences lost by then). Only those that were asked the same sentences.
    """
    done = {row["name"]: row for row in store.students(run_id) if row["status"] == "done"}
    if name not in done:
        return []
    teacher = store.teacher_measurement(run_id)
    measured = done | ({TEACHER: teacher} if teacher else {})
    searched = {one: _who(one, row) | {"of": row} for one, row in measured.items()}
    shown = _beside(name, searched)
    budget, outcomes = done[name]["protocol"]["query_budget"], dict[str, list[tuple[str, int]]]()
    for one in shown:
        examples = store.examples(searched[one]["of"]["measurement_id"])
        outcomes[one] = [(row["outcome"], row["queries"]) for row in examples]
    n = len(outcomes[name])
    lines = {one: success_curve(outcomes[one], budget) for one in shown if len(outcomes[one]) == n}
    found = [_curves(done[name]["protocol"]["recipe"], False, n, lines, searched)]
    again = rescored(store, run_id)
    for recipe, figure in again[name]["recipes"].items() if name in again else ():
        those = {one: row["recipes"].get(recipe) for one, row in again.items()}
        alike = {one: row for one, row in those.items() if row and row["attacked"] == figure["attacked"]}
        beside = _beside(name, {one: again[one] for one in alike})
        lines = {one: alike[one]["curve"] for one in beside}
        found.append(_curves(recipe, True, figure["attacked"], lines, again))
    return [row for row in found if row["n"]]


def _curves(
    recipe: str, held_out: bool, n: int, lines: Mapping[str, Any], who: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    drawn = {one: {"role": who[one]["role"], "curve": curve} for one, curve in lines.items()}
    return {"recipe": recipe, "held_out": held_out, "n": n, "lines": drawn}


def _beside(name: str, known: Mapping[str, dict[str, Any]]) -> list[str]:
    """A student, its baseline and the teacher, as far as they are there."""
    nearest = None if known[name]["role"] == "baseline" else _nearest_chain(known[name], known)
    return [name, *([nearest] if nearest else []), *([TEACHER] if TEACHER in known else [])]


def _nearest_chain(student: Mapping[str, Any], known: Mapping[str, dict[str, Any]]) -> str | None:
    """The chain nearest in weights, of those that read words by the same code if there are any."""
    baselines = {name: row for name, row in known.items() if row["role"] == "baseline"}
    alike = [name for name, row in baselines.items() if row["code"] == student["code"]] or list(baselines)
    return min(alike, key=lambda name: abs(baselines[name]["weights"] - student["weights"]), default=None)


def _figures(store: Store, run_id: int, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    if not rows:
        return {}
    students = {student["name"]: student for student in store.students(run_id)}
    searched = {row["name"]: row for row in store.measurements(run_id, SEARCH)}
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault((row["name"], row["protocol"]["recipe"]), []).append(row)
    found: dict[str, dict[str, Any]] = {}
    for (name, recipe), group in grouped.items():
        seeds = _one_a_seed(group, first=searched[name]["seed"] if name in searched else group[0]["seed"])
        found.setdefault(name, _who(name, students.get(name)))
        found[name]["recipes"][recipe] = _figure(store, seeds, searched.get(name))
    for student in found.values():
        student["union"] = _union(store, student["recipes"])
    return found


def _union(store: Store, figures: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
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


def _who(name: str, student: dict[str, Any] | None) -> dict[str, Any]:
    if student is None or name == TEACHER:
        return {"role": TEACHER, "weights": None, "compression": 1.0, "code": "plain", "recipes": {}}
    role, code = "baseline" if student["origin"] == CHAIN else "elite", student["genome"].get("code", "plain")
    facts = {"weights": student["weights"], "compression": student["compression"], "code": code}
    return {"role": role, **facts, "recipes": {}}


def _one_a_seed(rows: list[dict[str, Any]], first: int) -> list[dict[str, Any]]:
    """Of measurements of one student and recipe, those with the most sentences, one a seed, the stored student's first.

    Another protocol (another version of a resource, say) is another measurement; the last one counts.
    """
    best = max(rows, key=lambda row: (row["attacked"], row["measurement_id"]))
    setting = best["attacked"], best["protocol"]["hash"]
    alike = [row for row in rows if (row["attacked"], row["protocol"]["hash"]) == setting]
    by_seed = {row["seed"]: row for row in sorted(alike, key=lambda row: row["measurement_id"])}
    return sorted(by_seed.values(), key=lambda row: (row["seed"] != first, row["measurement_id"]))


def _figure(store: Store, rows: list[dict[str, Any]], searched: dict[str, Any] | None) -> dict[str, Any]:
    first, by_seed = rows[0], [row["robustness"] for row in rows]
    robustness = statistics.mean(by_seed)
    calibrated, raw = (_mean_share(rows, count) for count in ("calibrated_held", "raw_held"))
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
        "success_rate": _mean(row["success_rate"] for row in rows),
        "mean_queries": statistics.mean(row["mean_queries"] for row in rows),
        "search": searched and searched["robustness"],
        "search_attacked": searched and searched["attacked"],
        "difference": searched and robustness - searched["robustness"],
        "curve": success_curve(outcomes, first["protocol"]["query_budget"]),
        "measurement_id": first["measurement_id"],
        "protocol": first["protocol"],
    }


def _mean_share(rows: list[dict[str, Any]], count: str) -> float | None:
    return _mean(None if row[count] is None else row[count] / row["attacked"] for row in rows)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None


def _comparisons(store: Store, students: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Each elite student against the chain nearest in weights, of those that read words by the same code if there are
    any: McNemar's test on the same sentences, first seeds."""
    rows = []
    for name, student in students.items():
        nearest = _nearest_chain(student, students) if student["role"] == "elite" else None
        if nearest is None:
            continue
        theirs = students[nearest]["recipes"]
        for recipe in [recipe for recipe in student["recipes"] if recipe in theirs]:
            facts = {"student": name, "baseline": nearest, "recipe": recipe}
            rows.append(facts | _compare(store, student["recipes"][recipe], theirs[recipe]))
    return rows


def _compare(store: Store, mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    a, b = (survivors(store, figure["measurement_id"]) for figure in (mine, theirs))
    both = sorted(a.keys() & b.keys())
    test = mcnemar([a[sentence] for sentence in both], [b[sentence] for sentence in both])
    return {"n": len(both), "only_student": test.only_a, "only_baseline": test.only_b, "p": test.p}


def survivors(store: Store, measurement_id: int) -> dict[int, bool]:
    """For each attacked sentence whether it stands after the calibrated attack and after every single swap."""
    return {
        row["sentence"]: row["outcome"] in ("held", "budget used") and not row["flips"]
        for row in store.examples(measurement_id)
    }


def _once(students: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({student["name"]: student for student in students}.values())


def table_rows(what: dict[str, Any], recipe: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a summary's figures under one recipe, for people."""
    header = ["student", "after attack (95%)", "trainings", "accuracy", "raw less calibrated", "one swap", "queries"]
    rows = []
    for name, student in what["students"].items():
        who = f"{name} (chain)" if student["role"] == "baseline" else name
        if recipe in student["recipes"]:
            rows.append([who, *_words(student["recipes"][recipe])])
    return [*header, "search said"], rows


def _words(figure: dict[str, Any]) -> list[str]:
    low, high = figure["interval"]
    spread = "" if figure["seed_spread"] is None else f", ±{100 * figure['seed_spread']:.1f}"
    return [
        f"{figure['robustness']:.1%} ({low:.0%} to {high:.0%})",
        f"{len(figure['by_seed'])}{spread}",
        f"{figure['accuracy']:.1%}",
        "" if figure["gap"] is None else f"{100 * figure['gap']:+.1f}",
        "" if figure["one_swap"] is None else f"{figure['one_swap']:.1%}",
        f"{figure['mean_queries']:.0f}",
        "" if figure["search"] is None else f"{figure['search']:.1%} of {figure['search_attacked']}",
    ]


def comparison_rows(what: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a summary's comparisons, for people."""
    header = ["student", "chain of nearest size", "recipe", "only the student holds", "only the chain", "p (McNemar)"]
    return header, [
        [
            row["student"],
            row["baseline"],
            row["recipe"],
            f"{row['only_student']} of {row['n']}",
            f"{row['only_baseline']} of {row['n']}",
            f"{row['p']:.3f}",
        ]
        for row in what["comparisons"]
    ]


def union_rows(what: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of what survives all recipes together, for people; no rows for a single recipe."""
    rows = []
    for name, student in what["students"].items():
        if union := student["union"]:
            low, high = union["interval"]
            share = f"{union['robustness']:.1%} ({low:.0%} to {high:.0%})"
            rows.append([name, share, f"{union['held']} of {union['attacked']}", ", ".join(union["recipes"])])
    return ["student", "survives all of them (95%)", "sentences", "recipes"], rows


def agreement(what: dict[str, Any]) -> list[str]:
    """A line for every two recipes: whether they put the students in the same order."""
    lines = []
    for row in what["rank_correlations"]:
        pair = f"{row['recipe_a']} and {row['recipe_b']}"
        if row["rho"] is None:
            lines.append(f"{pair}: no rank correlation over {row['n']} students ({row['note']})")
        else:
            low, high = row["interval"]
            between = f"(95% interval {low:.2f} to {high:.2f})"
            lines.append(f"{pair}: rank correlation {row['rho']:.2f} {between} over {row['n']} students")
    return lines
