"""A re-scoring as tables and sentences, for the command line."""

from __future__ import annotations

from rosearch_engine.rescore.rows import HeldOutFigures, Summary
from rosearch_engine.store.models import BAG, CHAIN

KINDS = {BAG: "bag of words", CHAIN: "chain"}


def table_rows(what: Summary, recipe: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a summary's figures under one recipe, for people."""
    header = ["student", "after attack (95%)", "trainings", "accuracy", "raw minus calibrated", "one swap"]
    header += ["certified", "queries"]
    rows = []
    for name, student in what["students"].items():
        who = f"{name} ({KINDS[student['origin']]})" if student["role"] == "baseline" else name
        if recipe in student["recipes"]:
            rows.append([who, *_words(student["recipes"][recipe])])
    return [*header, "in the search"], rows


def _words(figure: HeldOutFigures) -> list[str]:
    low, high = figure["interval"]
    spread = "" if figure["seed_spread"] is None else f", ±{100 * figure['seed_spread']:.1f}"
    return [
        f"{figure['robustness']:.1%} ({low:.0%} to {high:.0%})",
        f"{len(figure['by_seed'])}{spread}",
        f"{figure['accuracy']:.1%}",
        "" if figure["gap"] is None else f"{100 * figure['gap']:+.1f}",
        "" if figure["one_swap"] is None else f"{figure['one_swap']:.1%}",
        "" if figure["certified"] is None else f"{figure['certified']:.1%}",
        f"{figure['mean_queries']:.0f}",
        "" if figure["search"] is None else f"{figure['search']:.1%} of {figure['search_attacked']}",
    ]


def comparison_rows(what: Summary) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a summary's comparisons, for people."""
    header = ["student", "baseline", "recipe", "only student holds", "only baseline holds", "p (McNemar)"]
    return header, [
        [
            row["student"],
            f"{row['baseline']} ({KINDS[what['students'][row['baseline']]['origin']]})",
            row["recipe"],
            f"{row['only_student']} of {row['n']}",
            f"{row['only_baseline']} of {row['n']}",
            f"{row['p']:.3f}",
        ]
        for row in what["comparisons"]
    ]


def union_rows(what: Summary) -> tuple[list[str], list[list[str]]]:
    """Header and rows of what survives all recipes together, for people; no rows for a single recipe."""
    rows = []
    for name, student in what["students"].items():
        if union := student["union"]:
            low, high = union["interval"]
            share = f"{union['robustness']:.1%} ({low:.0%} to {high:.0%})"
            rows.append([name, share, f"{union['held']} of {union['attacked']}", ", ".join(union["recipes"])])
    return ["student", "holds under all of them (95%)", "sentences", "recipes"], rows


def gap_rows(what: Summary) -> tuple[list[str], list[list[str]]]:
    """Header and rows of what the border-first attack takes beyond plain PWWS, for people."""
    rows = []
    for name, student in what["students"].items():
        if gap := student["gap_to_pwws"]:
            held = [f"{left} of {gap['attacked']}" for left in (gap["pwws"], gap["border_first"])]
            rows.append([name, *held, f"{100 * gap['gap']:+.1f}"])
    return ["student", "holds under PWWS", "holds under border-first", "gap to plain PWWS (points)"], rows


def agreement(what: Summary) -> list[str]:
    """A line for every two recipes: whether they put the students in the same order."""
    lines = []
    for row in what["rank_correlations"]:
        pair = f"{row['recipe_a']} and {row['recipe_b']}"
        if row["rho"] is None or row["interval"] is None:
            lines.append(f"{pair}: no rank correlation over {row['n']} students ({row['note']})")
        else:
            low, high = row["interval"]
            between = f"(95% interval {low:.2f} to {high:.2f})"
            lines.append(f"{pair}: rank correlation {row['rho']:.2f} {between} over {row['n']} students")
    return lines
