"""Commands on students: report, attack, rescore, transfer, export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from rosearch_engine.checkpoints.forms import FORMS, chosen
from rosearch_engine.cli.console import bars, explain, say, say_json, strict, table
from rosearch_engine.cli.options import AsJson, RunName, StudentName, listed, quieten, run_and_name, watched
from rosearch_engine.config import Level
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress

SHOWN = 40  # students in a report for people, beside the front

app = typer.Typer()


@app.command()
def report(
    run: RunName,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Analyse how architecture relates to robustness.")
    ] = False,
    together: Annotated[
        str, typer.Option("--with", metavar="RUNS", help="More runs to include in the statistics, e.g. a,b.")
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help=f"List every student, not only the front and the best {SHOWN}.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List a run's students with their measurements."""
    from rosearch_engine.report import OPTIONAL, architecture_statistics, summary, table_rows
    from rosearch_engine.runs import process
    from rosearch_engine.store.repo import Store

    store = Store.read()
    row = store.run(run)
    what = summary(store, row, process.state(row), None if every or as_json else SHOWN)
    if statistics or together:
        what["statistics"] = architecture_statistics(store, [run, *listed(together)])
    if as_json:
        _print_json(what)
        return
    for line in what["headline"]:
        explain(line)
    table(f"Students of {run}", *table_rows(what), optional=OPTIONAL)
    if what["left_out"]:
        explain(f"{what['left_out']:,} more students are not on the front: --all lists them, --json all numbers.")
    if "statistics" in what:
        _print_statistics(what["statistics"])


def _print_json(what: Mapping[str, Any]) -> None:
    """As `json.dumps` with an indent, but a line for each student: thousands take a second, not ten."""
    head = json.dumps(strict({name: value for name, value in what.items() if name != "students"}), indent=2)
    rows = ",\n    ".join(json.dumps(strict(student)) for student in what["students"])
    print(f'{head[:-2]},\n  "students": [\n    {rows}\n  ]\n}}')


def _print_statistics(what: dict[str, Any]) -> None:
    from rosearch_engine.report import association_rows, operation_rows, statistics_lines

    if what["associations"]:
        table(f"Architecture of {what['n']} students from {', '.join(what['of'])}", *association_rows(what))
        explain(f"*: q at most {what['level']}; q is p corrected for {what['questions']} tests ({what['correction']})")
    if what["n"]:
        table("After-attack accuracy by operation", *operation_rows(what))
    for line in statistics_lines(what):
        explain(line)


@app.command()
def attack(
    student: StudentName,
    text: Annotated[str | None, typer.Option(help="A sentence of your own.")] = None,
    pair: Annotated[str | None, typer.Option(help="The second sentence, for sentence-pair tasks.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Sentences: one per line (.txt), or a table, preferably with labels.")
    ] = None,
    n: Annotated[int, typer.Option(min=1, help="Number of sentences to attack from the file.")] = 100,
    recipe: Annotated[str, typer.Option(help="Attack recipe; `doctor` lists them.")] = "auto",
    level: Annotated[Level, typer.Option(help="Constraints: as published, or stricter.")] = "standard",
    query_budget: Annotated[int, typer.Option(min=10, help="Maximum model queries per sentence.")] = 2000,
    two_swaps: Annotated[
        bool, typer.Option("--two-swaps", help="Also check every pair of swaps (short sentences).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Attack a student (or a run's teacher) with your own sentences."""
    if (text is None) == (file is None):
        raise UserError("text", "give either --text or --file.", 'For example: --text "a fine film".')
    quieten()
    from rosearch_engine.attack.recipes.catalogue import settle
    from rosearch_engine.live.once import attack_sentences, sentences_of

    run, name = run_and_name(student)
    sentences = sentences_of(run, text, pair, file, n)
    recipe = settle(recipe)
    progress = Progress()
    with bars(enabled=not as_json) as show:
        show.follow(progress)
        answer = attack_sentences(run, name, recipe, sentences, query_budget, progress, level, two_swaps)
    if as_json:
        say_json(answer)
        return
    for row in answer["sentences"]:
        say(f"[{row['outcome']}, {row['queries']} queries] {row['original']}")
        if row["outcome"] == "fooled":
            say(f"  -> {row['perturbed']}")
            say(f"  {row['before']['name']} -> {row['after']['name']}")
        for words, swaps in (("single swaps", row["one_swap"]), ("pairs of swaps", row["two_swaps"])):
            if swaps:
                say(f"  {swaps['flips']} of all {swaps['asked']} {words} flip it")
        if proof := row["certificate"]:
            say(f"  {proof['says']}")
    if len(answer["sentences"]) > 1:
        total = answer["summary"]
        low, high = total["robustness_interval"]
        say(
            f"{total['held']} of {total['attacked']} sentences hold: {total['robustness']:.1%} "
            f"(95% interval {low:.1%} to {high:.1%}), {total['mean_queries']:.0f} queries per sentence"
        )
        swaps = "" if total["one_swap_held"] is None else f"; robust to every single swap: {total['one_swap_held']}"
        say(
            f"Correct after the attack alone: {total['calibrated_held']} on calibrated logits, {total['raw_held']} on "
            f"raw logits{swaps}"
        )
        if total["certified"] is not None:
            say(f"Certified (provably no combination of swaps flips it): {total['certified']} of {total['attacked']}.")
        say(f"Labels: {total['labels']}.")
    if answer["stopped"]:
        say(f"Stopped after {len(answer['sentences'])} of {len(sentences)} sentences.", error=True)


@app.command()
def rescore(
    run: RunName,
    n: Annotated[int, typer.Option(help="Number of held-out sentences, the same for all models.")] = 500,
    seeds: Annotated[int, typer.Option(help="Training runs per student, including the stored one.")] = 3,
    recipes: Annotated[
        str, typer.Option(help="Recipes, e.g. a,b,c. Default: the run's recipe and some of other kinds.")
    ] = "",
    students: Annotated[str, typer.Option(help="Students, e.g. s0003,s0007. Default: the best of the front.")] = "",
    top: Annotated[int, typer.Option(help="Number of students from the front, ranked by robustness.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Re-score the best students on held-out sentences: more sentences, more seeds, more recipes."""
    quieten()
    from rosearch_engine.rescore.run import rescore as rescore_run
    from rosearch_engine.rescore.tables import agreement, comparison_rows, gap_rows, table_rows, union_rows

    kept = "Results so far are kept: run the same command again to resume."
    with watched(as_json, on_stop=kept) as progress:
        what = rescore_run(run, n, seeds, listed(recipes), listed(students), top, progress)
    if as_json:
        say_json(what)
        return
    for recipe in what["recipes"]:
        table(f"{run} under {recipe}, {what['n']} held-out sentences", *table_rows(what, recipe))
    header, rows = union_rows(what)
    if rows:
        table("All attacks together, stored weights", header, rows)
    header, rows = gap_rows(what)
    if rows:
        table("Border-first vs PWWS, stored weights, same sentences", header, rows)
    if what["comparisons"]:
        table("Students vs baselines, stored weights, same sentences", *comparison_rows(what))
    for line in [*agreement(what), *what["notes"]]:
        explain(line)


@app.command()
def transfer(
    run: RunName,
    students: Annotated[
        str, typer.Option(help="Students, e.g. s0003,s0007. Default: the front and the baselines.")
    ] = "",
    recipe: Annotated[
        str | None, typer.Option(help="Recipe whose stored attacks are replayed. Default: the run's recipe.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay every model's adversarial sentences on every other model: a diagnostic, not a result."""
    quieten()
    from rosearch_engine.rescore.transfer import table_rows
    from rosearch_engine.rescore.transfer import transfer as transfer_run

    with watched(as_json) as progress:
        what = transfer_run(run, listed(students), recipe, progress)
    if as_json:
        say_json(what)
        return
    table(f"{run}: fooled by another model's adversarial sentences ({what['recipe']})", *table_rows(what))
    explain(what["label"])


@app.command()
def export(
    student: StudentName,
    to: Annotated[Path, typer.Option(help="The folder to create.")],
    form: Annotated[
        list[str] | None,
        typer.Option(help=f"Form: {', '.join(FORMS)}; can be repeated. Others than safetensors are measured too."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Export a student as a transformers checkpoint, or in other forms."""
    quieten()
    from rosearch_engine.checkpoints.export import FIGURES
    from rosearch_engine.checkpoints.export import export as write
    from rosearch_engine.store.repo import Store

    run, name = run_and_name(student)
    chosen(form or [])
    with watched(as_json) as progress:
        folder = write(Store.read(), run, name, to, form or [], progress)
    figures = json.loads((folder / FIGURES).read_text("utf-8")) if (folder / FIGURES).exists() else []
    if as_json:
        say_json({"folder": str(folder), "run": run, "student": name, "forms": figures})
        return
    for row in figures:
        held = "not attacked" if row["held"] is None else f"{row['held']} of {row['attacked']} sentences held"
        clean = "" if row["accuracy"] is None else f"accuracy {row['accuracy']:.1%}, "
        say(f"{row['file']}: {clean}{held}, {row['bytes'] / 1e6:.2f} MB, {row['p50']:.2f} ms a sentence")
    load = "; load it with from_pretrained(folder, trust_remote_code=True)"
    say(f"{student} is exported to {folder}{load if 'safetensors' in (form or FORMS) else '; see its README.md'}")


@app.command("attack-worker", hidden=True)
def attack_worker() -> None:
    """Answer attack requests on standard input: what the app talks to."""
    quieten()
    from rosearch_engine.live.worker import serve

    serve()
