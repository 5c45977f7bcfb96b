"""Commands that measure the program: `bench attack`, `bench distil`, `bench search`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from rosearch_engine.cli.console import table
from rosearch_engine.cli.options import AsJson, quieten, watched

app = typer.Typer(help="Measure the program beside what people would run instead.", no_args_is_help=True)


@app.command("attack")
def bench_attack(
    n: Annotated[int, typer.Option(min=1, help="Sentences; TextAttack takes seconds for each.")] = 20,
    recipe: Annotated[str, typer.Option(help="Attack recipe; see doctor.")] = "pwws",
    query_budget: Annotated[int, typer.Option(min=10, help="Most model queries on one sentence.")] = 2000,
    as_json: AsJson = False,
) -> None:
    """Our attack beside TextAttack as it is shipped: time, floor, and whether every outcome is the same."""
    quieten()
    from rosearch_engine.bench.attack import bench_attack as measure
    from rosearch_engine.bench.attack import table_rows

    with watched(as_json) as progress:
        what = measure(recipe, n, query_budget, progress)
    if as_json:
        print(json.dumps(what, indent=2))
        return
    table(f"{recipe}, {n} sentences, {what['cpu']}; {what['device']}", *table_rows(what))


@app.command("distil")
def bench_distil(
    epochs: Annotated[float, typer.Option(min=0.1, help="Passes over the sentences, for each way of training.")] = 3.0,
    naive: Annotated[bool, typer.Option(help="Time Trainer at its default settings too; it takes long.")] = True,
    as_json: AsJson = False,
) -> None:
    """Our distillation beside Hugging Face's Trainer with the teacher in its loop: seconds to equal accuracy."""
    quieten()
    from rosearch_engine.bench.distil import bench_distil as measure
    from rosearch_engine.bench.distil import table_rows

    with watched(as_json) as progress:
        what = measure(epochs, naive, progress)
    if as_json:
        print(json.dumps(what, indent=2))
        return
    rate = what["rate"]
    table(f"{what['encoder_weights']:,} encoder weights, {what['cpu']}; {what['device']}", *table_rows(what))
    print(f"matrix products: {rate['share']:.0%} of the {rate['products_gflops']:.0f} GFLOP/s of the bare products")
    print(f"the teacher's outputs, once for all students: {what['teacher_outputs_s']:.0f} s, not in our time")


@app.command("search")
def bench_search(
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each kind.")] = 3,
    minutes: Annotated[float, typer.Option(min=0.1, help="Training and attacking, of each search.")] = 5.0,
    students: Annotated[int, typer.Option(min=0, help="Students to measure on every rung of the ladder.")] = 24,
    arm: Annotated[list[str] | None, typer.Option(help="Compare these with random search only.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="stage.field=value, for all.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Searches side by side; then seconds are the processor's.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Strategies beside random search and plain chains at equal seconds; a call that was cut off goes on."""
    quieten()
    from rosearch_engine.bench.search import ARMS, table_rows
    from rosearch_engine.bench.search import bench_search as measure

    with watched(as_json, "The same command goes on.") as progress:
        what = measure(seeds, minutes, students, arm or list(ARMS), setting or [], progress, jobs)
    if as_json:
        print(json.dumps(what, indent=2))
        return
    table(f"{seeds} seeds of {minutes:g} minutes, {what['cpu']}; {what['device']}", *table_rows(what))
