"""Commands on runs: search, stop, resume, delete, pack."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NotRequired, TypedDict

import typer

from rosearch_engine.cli.console import bars, say, say_json, table
from rosearch_engine.cli.options import (
    Address,
    AsJson,
    ExecutorKind,
    Gpus,
    RunName,
    Threads,
    Workers,
    executor_settings,
    listed,
    quieten,
)
from rosearch_engine.config import build
from rosearch_engine.errors import UserError
from rosearch_engine.given import given_path
from rosearch_engine.progress import Facts, Progress, Stopped

if TYPE_CHECKING:  # the store takes its time to import
    from rosearch_engine.store.rows import Ending, RunRow

Preset = Annotated[str, typer.Option(help="demo (minutes) or standard.")]
ConfigFile = Annotated[Path | None, typer.Option(help="JSON file of settings that override the preset.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="STAGE.FIELD=VALUE", help="One setting; can be repeated.")
]

app = typer.Typer()


@app.command()
def search(
    preset: Preset = "standard",
    config: ConfigFile = None,
    settings: Settings = None,
    run: Annotated[str | None, typer.Option(help="Name of the run. Default: preset and time.")] = None,
    executor: ExecutorKind = None,
    address: Address = None,
    workers: Workers = None,
    threads: Threads = None,
    gpus: Gpus = None,
    detach: Annotated[bool, typer.Option("--detach", help="Search in the background and return.")] = False,
    as_json: AsJson = False,
) -> None:
    """Search for students. Ctrl-C stops safely (exit code 130); `resume` continues."""
    from rosearch_engine.runs import process

    own = executor_settings(executor, address, workers, threads, gpus)
    plan = build(preset, config, [*(settings or []), *(f"executor.{name}={value}" for name, value in own.items())])
    name = run or f"{preset}-{time.strftime('%Y%m%d-%H%M%S')}"
    if detach:
        process.start(name, plan)
        _warn(name)
        _print_state(name, as_json)
        return
    process.create(name, plan, here=True)
    _warn(name)
    _search_here(name, as_json)


@app.command()
def check(
    preset: Preset = "standard",
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Look at the data, the teacher and the attack as `search` would, without starting anything."""
    quieten()
    from rosearch_engine.check import check as look
    from rosearch_engine.search.outlook import outlook

    checked = look(build(preset, config, settings or []))
    ahead = outlook(checked)
    facts = {**checked.facts(), **ahead.facts()}
    facts["warnings"] += ahead.warnings()
    if as_json:
        say_json(facts)
        return
    say(f"{facts['rows']} rows of {facts['data']}; columns: {facts['columns']}")
    table("Classes", ["class", "rows"], [[name, str(count)] for name, count in facts["classes"].items()])
    table("Parts", ["part", "rows"], [[name, str(count)] for name, count in facts["sizes"].items()])
    teacher = facts["teacher"]
    steps = f"{facts['teacher_steps']:,} steps of fine-tuning" if facts["teacher_steps"] else "used as it is"
    say(f"Teacher: {teacher['name']} ({teacher['family']}), {steps}, reads {teacher['positions']} word pieces")
    words = facts["words"]
    swaps = f"; {words['with_swaps']:,} of {words['attacked']:,} attacked words have swaps" if words else ""
    say(f"Attack: {facts['recipe']['name']}, ready{swaps}")
    for line in [*facts["sample"], *facts["warnings"]]:
        say(line)


@app.command()
def resume(
    run: RunName,
    executor: ExecutorKind = None,
    address: Address = None,
    workers: Workers = None,
    threads: Threads = None,
    gpus: Gpus = None,
    detach: Annotated[bool, typer.Option("--detach", help="Search in the background and return.")] = False,
    as_json: AsJson = False,
) -> None:
    """Resume a stopped, crashed or killed run from its last finished student, with other workers if asked."""
    from rosearch_engine.runs import process

    own = executor_settings(executor, address, workers, threads, gpus)
    if detach:
        process.resume(run, own)
        _print_state(run, as_json)
        return
    process.reopen(run, own, here=True)
    _search_here(run, as_json)


@app.command(hidden=True)
def work(run: RunName) -> None:
    """Search in this process, writing a log: what a background search runs."""
    from rosearch_engine.search.loop import search as search_here

    quieten()
    try:
        search_here(run)
    except Stopped:
        print("stopped", flush=True)


@app.command()
def status(
    run: Annotated[str | None, typer.Argument(help="Name of the run. Default: all runs.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the actual state of a run, or of all runs."""
    if run:
        _print_state(run, as_json)
        return
    from rosearch_engine.runs import process
    from rosearch_engine.store.repo import Store

    rows = [_state(row, process.state(row)) for row in Store.read().runs()]
    if as_json:
        say_json(rows)
        return
    if not rows:
        say("No runs yet. Start one: python -m rosearch_engine search --preset demo")
        return
    table(
        "Runs",
        ["run", "state", "students", "strategy", "data"],
        [[row["run"], row["state"], str(row["students"]), row["strategy"], row["data"]] for row in rows],
    )


@app.command()
def stop(
    run: RunName,
    force: Annotated[bool, typer.Option("--force", help="Kill it immediately; no result is lost.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop a run safely; `resume` continues it."""
    from rosearch_engine.runs import process

    process.stop(run, force)
    _print_state(run, as_json)


@app.command()
def delete(
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Permanently delete a run: its students, their measurements, and weights no other run uses."""
    from rosearch_engine.runs import process

    if as_json and not yes:
        raise UserError("yes", "deleting a run needs confirmation.", "Add --yes.")
    if not yes:
        typer.confirm(f"Delete '{run}' and all its measurements?", abort=True)
    process.remove(run)
    if as_json:
        say_json({"deleted": run})
    else:
        say(f"'{run}' is deleted.")


@app.command()
def pack(
    run: RunName,
    to: Annotated[Path, typer.Option(help="The file to write, usually named .zip.")],
    students: Annotated[
        str, typer.Option(help="Students whose weights are included, e.g. s0003,s0007. Default: four of the front.")
    ] = "",
    name: Annotated[str, typer.Option("--as", help="The run's name in the file. Default: its own name.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a finished run to one file: all measurements, and some students' weights in half precision."""
    from rosearch_engine.recorded.pack import pack as write

    manifest = write(run, to, listed(students), name or None, overwrite=overwrite)
    size = given_path(to, "to").stat().st_size
    if as_json:
        facts = {"file": str(to), "bytes": size} | manifest.model_dump(include={"run", "made"})
        say_json(facts)
    else:
        weights = ", ".join(manifest.made.students)
        with_weights = f"with the weights of {weights}" if weights else "without weights: its Pareto front is empty"
        say(f"{to}: {size / 1e6:.1f} MB, {with_weights}")


@app.command()
def unpack(
    file: Annotated[Path | None, typer.Argument(help="A file written by `pack`. Omit for the bundled run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import a packed run as a recorded run; importing the same file twice gives one run."""
    from rosearch_engine.recorded import unpack as recorded

    file = file or recorded.shipped()
    if file is None:
        raise UserError("file", "no recorded run is bundled with this program.", "Give a file written by `pack`.")
    name = recorded.unpack(file)
    if as_json:
        say_json({"run": name})
    else:
        say(f"'{name}' is imported. View it:  python -m rosearch_engine report {name}")


def _warn(name: str) -> None:
    """Say what was noticed before the run was made."""
    from rosearch_engine.store.repo import Store

    store = Store.read()
    for event in store.events(store.run(name)["id"]):
        if event["kind"] == "warning":
            say(event["text"], error=True)


def _search_here(name: str, as_json: bool) -> None:
    quieten()
    from rosearch_engine.search.loop import search as search_here

    progress = Progress()
    try:
        with bars(enabled=not as_json) as show:
            show.follow(progress)
            search_here(name, progress)
    except Stopped:
        say(f"Stopped. Resume with: python -m rosearch_engine resume {name}", error=True)
        _print_state(name, as_json)
        raise typer.Exit(130) from None
    _print_state(name, as_json)


def _print_state(name: str, as_json: bool) -> None:
    from rosearch_engine.runs import process
    from rosearch_engine.store.repo import Store

    row = Store.read().run(name)
    facts: _State = {**_state(row, process.state(row)), "log": process.log_tail(name, 5)}
    if as_json:
        say_json(facts)
        return
    now = facts["progress"] or {}
    who = now.get("student") or "preparing"
    at = f" ({who}: {now.get('stage')} {now.get('done')}/{now['total']})" if now.get("total") else ""
    say(f"{name}: {facts['state']}, {facts['students']} students{at if facts['state'] == 'running' else ''}")
    if facts["exit"] and facts["exit"]["message"]:
        say(facts["exit"]["message"])


class _State(TypedDict):
    """A run's state, as it is printed. `log` are the last lines of its process."""

    run: str
    state: str
    students: int
    strategy: str
    data: str
    pid: int | None
    progress: Facts | None
    exit: Ending | None
    log: NotRequired[list[str]]


def _state(row: RunRow, state: str) -> _State:
    return {
        "run": row["name"],
        "state": state,
        "students": row["students"],
        "strategy": row["config"]["search"]["strategy"],
        "data": row["config"]["data"]["name"],
        "pid": row["pid"],
        "progress": row["progress"],
        "exit": row["exit"],
    }
