"""Commands that measure the program: `bench attack`, `bench distil`, `bench export`, `bench search`."""

from __future__ import annotations

from typing import Annotated

import typer

from rosearch_engine.cli.console import say_json, table
from rosearch_engine.cli.options import AsJson, StudentName, quieten, run_and_name, watched

app = typer.Typer(help="Benchmark the program against what people would use instead.", no_args_is_help=True)


@app.command("attack")
def bench_attack(
    n: Annotated[int, typer.Option(min=1, help="Number of sentences; TextAttack takes seconds per sentence.")] = 20,
    recipe: Annotated[str, typer.Option(help="Attack recipe; `doctor` lists them.")] = "pwws",
    query_budget: Annotated[int, typer.Option(min=10, help="Maximum model queries per sentence.")] = 2000,
    as_json: AsJson = False,
) -> None:
    """Compare our attack with TextAttack as shipped: time, lower bound, and whether all outcomes are equal."""
    quieten()
    from rosearch_engine.bench.attack import bench_attack as measure
    from rosearch_engine.bench.attack import table_rows

    with watched(as_json) as progress:
        what = measure(recipe, n, query_budget, progress)
    if as_json:
        say_json(what)
        return
    table(f"{recipe}, {n} sentences, {what['cpu']}; {what['device']}", *table_rows(what))


@app.command("distil")
def bench_distil(
    epochs: Annotated[float, typer.Option(min=0.1, help="Training epochs, for each training method.")] = 3.0,
    naive: Annotated[bool, typer.Option(help="Also time Trainer at its default settings (slow).")] = True,
    as_json: AsJson = False,
) -> None:
    """Compare our distillation with Hugging Face's Trainer with the teacher in its loop: time to equal accuracy."""
    quieten()
    from rosearch_engine.bench.distil import bench_distil as measure
    from rosearch_engine.bench.distil import table_rows

    with watched(as_json) as progress:
        what = measure(epochs, naive, progress)
    if as_json:
        say_json(what)
        return
    rate = what["rate"]
    table(f"{what['encoder_weights']:,} encoder parameters, {what['cpu']}; {what['device']}", *table_rows(what))
    print(f"matrix products: {rate['share']:.0%} of the {rate['products_gflops']:.0f} GFLOP/s that bare products reach")
    print(
        f"teacher outputs, computed once for all students: {what['teacher_outputs_s']:.0f} s, not included in our time"
    )


@app.command("export")
def bench_export(
    student: StudentName,
    rounds: Annotated[int, typer.Option(min=2, help="Number of times that each is asked, in turns.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Compare the latency of a student's forms with its teacher's: 1 and 32 sentences of 32 tokens, one thread."""
    quieten()
    from rosearch_engine.bench.export import bench_export as measure
    from rosearch_engine.bench.export import table_rows

    run, name = run_and_name(student)
    with watched(as_json) as progress:
        what = measure(run, name, rounds, progress)
    if as_json:
        say_json(what)
        return
    table(f"{student}, {what['tokens']} tokens, {what['cpu']}, one thread", *table_rows(what))
    if what["note"]:
        print(f"note: {what['note']}")


@app.command("search")
def bench_search(
    seeds: Annotated[int, typer.Option(min=1, help="Number of searches per strategy.")] = 3,
    minutes: Annotated[float, typer.Option(min=0.1, help="Training and attack time of each search, in minutes.")] = 5.0,
    students: Annotated[
        int, typer.Option(min=0, help="Number of students to measure on every rung of the ladder.")
    ] = 24,
    arm: Annotated[
        list[str] | None, typer.Option(help="Strategies to compare with random search. Default: all.")
    ] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="stage.field=value, for all searches.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Searches to run in parallel; time is then CPU time.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Compare strategies with random search and plain chains at equal time; an interrupted benchmark resumes."""
    quieten()
    from rosearch_engine.bench.search import ARMS, table_rows
    from rosearch_engine.bench.search import bench_search as measure

    with watched(as_json, "Run the same command again to resume.") as progress:
        what = measure(seeds, minutes, students, arm or list(ARMS), setting or [], progress, jobs)
    if as_json:
        say_json(what)
        return
    table(f"{seeds} seeds, {minutes:g} minutes each, {what['cpu']}; {what['device']}", *table_rows(what))
