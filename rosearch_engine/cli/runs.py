"""The command line. Heavy modules are imported inside the commands that need them."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from rosearch_engine import __version__
from rosearch_engine.cli.console import bars, say, table
from rosearch_engine.config import Level, build
from rosearch_engine.errors import UserError, is_full_disk
from rosearch_engine.progress import Progress, Stopped

app = typer.Typer(
    name="rosearch",
    help="Search for small text classifiers that hold under attack.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

benchmarks = typer.Typer(help="Measure the program beside what people would run instead.", no_args_is_help=True)
app.add_typer(benchmarks, name="bench")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
RunName = Annotated[str, typer.Argument(help="Name of the run.")]
StudentName = Annotated[str, typer.Argument(metavar="RUN/STUDENT", help="Such as demo/s0007, or demo/teacher.")]


def main() -> None:
    """Run a command; what a user can mend is printed without a traceback, with exit code 2."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        _fail(error)
    except Exception as error:
        _fail(_in_words(error))


def _in_words(error: Exception) -> UserError:
    """What the user can mend of an error from below; anything else is a fault of ours and keeps its traceback."""
    from sqlalchemy.exc import DatabaseError

    from rosearch_engine.store.repo import damaged

    if isinstance(error, DatabaseError):
        return damaged(error)
    if is_full_disk(error):
        return UserError("disk", "it is full.", "Nothing measured is lost: free some space and try again.")
    raise error


@app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Resources; none: the default set.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring outside things: teacher weights, sentences, stop words, WordNet, tagger."""
    from rosearch_engine import resources

    quiet = as_json or not sys.stderr.isatty()
    found = resources.fetch(names or None, (lambda *_: None) if quiet else lambda name, news: say(f"{name}: {news}"))
    if all(status.ready for status in found) and not as_json:
        say(f"All here: {', '.join(status.name for status in found)}.")
        return
    _print_resources(found, as_json)
    if not all(status.ready for status in found):
        raise typer.Exit(1)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Tell what is here, what is missing, what it enables, and the one command that brings it."""
    from rosearch_engine import resources
    from rosearch_engine.attack.recipes.catalogue import recipes

    if as_json:
        rows = [_resource(status) for status in resources.status()]
        print(json.dumps({"home": str(resources.home()), "resources": rows, "recipes": recipes(every=True)}, indent=2))
        return
    say(f"RoSearch Explorer {__version__}; everything downloaded or produced lies in {resources.home()}")
    _print_resources(resources.status(), as_json=False)
    runnable = recipes()
    table(
        "Attack recipes",
        ["recipe", "ready", "strict", "what it does", "missing"],
        [
            [
                row["name"],
                "yes" if row["ready"] else "no",
                "yes" if row["strict"] else "no",
                row["kind"],
                row["note"] or ", ".join(row["strict_missing"]),
            ]
            for row in runnable
        ],
    )
    table(
        "TextAttack's recipes that cannot run here",
        ["recipe", "what it lacks", "instead"],
        [[row["name"], "; ".join(row["missing"]), row["note"]] for row in recipes(every=True)[len(runnable) :]],
    )


@app.command()
def search(
    preset: Annotated[str, typer.Option(help="demo (minutes) or standard.")] = "standard",
    config: Annotated[Path | None, typer.Option(help="JSON file of settings, laid over the preset.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="STAGE.FIELD=VALUE", help="One setting; may be repeated.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="Name of the run. Empty: preset and time.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Search in the background and return.")] = False,
    as_json: AsJson = False,
) -> None:
    """Search for students. Ctrl-C stops it safely; `resume` goes on."""
    from rosearch_engine.runs import process

    plan = build(preset, config, settings or [])
    name = run or f"{preset}-{time.strftime('%Y%m%d-%H%M%S')}"
    if detach:
        process.start(name, plan)
        _print_state(name, as_json)
        return
    process.create(name, plan)
    _search_here(name, as_json)


@app.command()
def resume(
    run: RunName,
    detach: Annotated[bool, typer.Option("--detach", help="Search in the background and return.")] = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a stopped, crashed or killed run from its last finished student."""
    from rosearch_engine.runs import process

    if detach:
        process.resume(run)
        _print_state(run, as_json)
        return
    process.reopen(run)
    _search_here(run, as_json)


@app.command(hidden=True)
def work(run: RunName) -> None:
    """Search in this process, writing a log: what a background search runs."""
    from rosearch_engine.search.loop import search as search_here

    _quieten()
    try:
        search_here(run)
    except Stopped:
        print("stopped", flush=True)


@app.command("attack-worker", hidden=True)
def attack_worker() -> None:
    """Answer attack requests on standard input: what the app talks to."""
    _quieten()
    from rosearch_engine.live.worker import serve

    serve()


@app.command()
def status(
    run: Annotated[str | None, typer.Argument(help="Name of the run. Empty: all runs.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell the true state of a run, or of all."""
    if run:
        _print_state(run, as_json)
        return
    from rosearch_engine.runs import process
    from rosearch_engine.store.repo import Store

    rows = [_state(row, process.state(row)) for row in Store.read().runs()]
    if as_json:
        print(json.dumps(rows, indent=2))
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
    force: Annotated[bool, typer.Option("--force", help="Kill it now; nothing measured is lost.")] = False,
    as_json: AsJson = False,
) -> None:
    """Stop a run safely; `resume` goes on."""
    from rosearch_engine.runs import process

    process.stop(run, force)
    _print_state(run, as_json)


@app.command()
def delete(
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget a run for good: its students, their measurements, weights that no other run has."""
    from rosearch_engine.runs import process

    if as_json and not yes:
        raise UserError("yes", "a run is deleted only on a second word.", "Add --yes.")
    if not yes:
        typer.confirm(f"Delete '{run}' and everything measured in it?", abort=True)
    process.remove(run)
    if as_json:
        print(json.dumps({"deleted": run}))
    else:
        say(f"'{run}' is gone.")


@app.command()
def pack(
    run: RunName,
    to: Annotated[Path, typer.Option(help="The file to write; .zip by custom.")],
    students: Annotated[
        str, typer.Option(help="Whose weights go with it, as s0003,s0007. Empty: four of the front.")
    ] = "",
    name: Annotated[str, typer.Option("--as", help="The run's name in the file. Empty: its own.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write a finished run to one file: all measurements, some students' weights in half precision."""
    from rosearch_engine.recorded.pack import pack as write

    manifest = write(run, to, _listed(students), name or None)
    size = to.expanduser().stat().st_size
    if as_json:
        facts = {"file": str(to), "bytes": size} | manifest.model_dump(include={"run", "made"})
        print(json.dumps(facts, indent=2))
    else:
        say(f"{to}: {size / 1e6:.1f} MB, with the weights of {', '.join(manifest.made.students)}")


@app.command()
def unpack(
    file: Annotated[Path | None, typer.Argument(help="A file of `pack`. None: the run that comes along.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring in a packed run, as a recorded one; the same file twice gives one run."""
    from rosearch_engine.recorded import unpack as recorded

    file = file or recorded.shipped()
    if file is None:
        raise UserError("file", "no recorded run came with this program.", "Name a file that `pack` wrote.")
    name = recorded.unpack(file)
    if as_json:
        print(json.dumps({"run": name}))
    else:
        say(f"'{name}' is here. See it: python -m rosearch_engine report {name}")


@app.command()
def report(
    run: RunName,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Tell what the architectures have to do with robustness.")
    ] = False,
    together: Annotated[str, typer.Option("--with", metavar="RUNS", help="More runs for the statistics, as a,b.")] = "",
    as_json: AsJson = False,
) -> None:
    """List a run's students with their measurements."""
    from rosearch_engine.report import statistics_of, summary, table_rows
    from rosearch_engine.runs import process
    from rosearch_engine.store.repo import Store

    store = Store.read()
    row = store.run(run)
    what = summary(store, row, process.state(row))
    if statistics or together:
        what["statistics"] = statistics_of(store, [run, *_listed(together)])
    if as_json:
        print(json.dumps(what, indent=2))
        return
    for line in what["headline"]:
        say(line)
    table(f"Students of {run}", *table_rows(what))
    if "statistics" in what:
        _print_statistics(what["statistics"])


@app.command()
def attack(
    student: StudentName,
    text: Annotated[str | None, typer.Option(help="A sentence of your own.")] = None,
    pair: Annotated[str | None, typer.Option(help="Its second sentence, for tasks on pairs.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Sentences: one a line (.txt), or a table, best with labels.")
    ] = None,
    n: Annotated[int, typer.Option(min=1, help="How many sentences of the file.")] = 100,
    recipe: Annotated[str, typer.Option(help="Attack recipe; see doctor.")] = "auto",
    level: Annotated[Level, typer.Option(help="Constraints: as published, or stricter.")] = "standard",
    query_budget: Annotated[int, typer.Option(min=10, help="Most model queries on one sentence.")] = 2000,
    two_swaps: Annotated[
        bool, typer.Option("--two-swaps", help="Ask about every pair of swaps of short ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Attack a student (or a run's teacher) with your own sentences."""
    if (text is None) == (file is None):
        raise UserError("text", "give either --text or --file.", 'For example: --text "a fine film".')
    _quieten()
    from rosearch_engine.attack.recipes.catalogue import settle
    from rosearch_engine.live.once import attack_sentences, sentences_of

    run, name = _split(student)
    sentences = sentences_of(run, text, pair, file, n)
    recipe = settle(recipe)
    progress = Progress()
    with bars(enabled=not as_json) as show:
        show.follow(progress)
        answer = attack_sentences(run, name, recipe, sentences, query_budget, progress, level, two_swaps)
    if as_json:
        print(json.dumps(answer, indent=2))
        return
    for row in answer["sentences"]:
        say(f"[{row['outcome']}, {row['queries']} queries] {row['original']}")
        if row["outcome"] == "fooled":
            say(f"  -> {row['perturbed']}")
            say(f"  {row['before']['name']} -> {row['after']['name']}")
        for words, swaps in (("single swaps", row["one_swap"]), ("pairs of swaps", row["two_swaps"])):
            if swaps:
                say(f"  {swaps['flips']} of all {swaps['asked']} {words} flip it")
    if len(answer["sentences"]) > 1:
        total = answer["summary"]
        low, high = total["robustness_interval"]
        say(
            f"{total['held']} of {total['attacked']} sentences hold: {total['robustness']:.1%} "
            f"(95% interval {low:.1%} to {high:.1%}), {total['mean_queries']:.0f} queries a sentence"
        )
        swaps = "" if total["one_swap_held"] is None else f"; every single swap leaves {total['one_swap_held']}"
        say(
            f"The attack alone leaves {total['calibrated_held']} of the calibrated student, {total['raw_held']} on "
            f"its raw logits{swaps}"
        )
        say(f"Labels: {total['labels']}.")
    if answer["stopped"]:
        say(f"Stopped after {len(answer['sentences'])} of {len(sentences)} sentences.", error=True)


@app.command()
def rescore(
    run: RunName,
    n: Annotated[int, typer.Option(help="Held-out sentences; the same for all.")] = 500,
    seeds: Annotated[int, typer.Option(help="Trainings of each student, the stored one included.")] = 3,
    recipes: Annotated[str, typer.Option(help="Recipes, as a,b,c. Empty: the run's and other kinds.")] = "",
    students: Annotated[str, typer.Option(help="Students, as s0003,s0007. Empty: the best of the front.")] = "",
    top: Annotated[int, typer.Option(help="How many students of the front, by robustness.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Attack the elite again: sentences that no search saw, more of them, other seeds, other recipes."""
    _quieten()
    from rosearch_engine.rescore.elite import agreement, comparison_rows, table_rows, union_rows
    from rosearch_engine.rescore.run import rescore as rescore_run

    kept = "What was measured is kept: the same command goes on there."
    with _watched(as_json, on_stop=kept) as progress:
        what = rescore_run(run, n, seeds, _listed(recipes), _listed(students), top, progress)
    if as_json:
        print(json.dumps(what, indent=2))
        return
    for recipe in what["recipes"]:
        table(f"{run} under {recipe}, {what['n']} held-out sentences", *table_rows(what, recipe))
    header, rows = union_rows(what)
    if rows:
        table("Under all of these attacks, stored weights", header, rows)
    if what["comparisons"]:
        table("Beside plain chains, stored weights, same sentences", *comparison_rows(what))
    for line in [*agreement(what), *what["notes"]]:
        say(line)


@app.command()
def transfer(
    run: RunName,
    students: Annotated[str, typer.Option(help="Students, as s0003,s0007. Empty: the front and the chains.")] = "",
    recipe: Annotated[str | None, typer.Option(help="Whose stored attacks are replayed. Empty: the run's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay every model's adversarial sentences on every other: a diagnostic, never a result."""
    _quieten()
    from rosearch_engine.rescore.transfer import table_rows
    from rosearch_engine.rescore.transfer import transfer as transfer_run

    with _watched(as_json) as progress:
        what = transfer_run(run, _listed(students), recipe, progress)
    if as_json:
        print(json.dumps(what, indent=2))
        return
    table(f"{run}: fooled by another's sentences ({what['recipe']})", *table_rows(what))
    say(what["label"])


@benchmarks.command("attack")
def bench_attack(
    n: Annotated[int, typer.Option(min=1, help="Sentences; TextAttack takes seconds for each.")] = 20,
    recipe: Annotated[str, typer.Option(help="Attack recipe; see doctor.")] = "pwws",
    query_budget: Annotated[int, typer.Option(min=10, help="Most model queries on one sentence.")] = 2000,
    as_json: AsJson = False,
) -> None:
    """Our attack beside TextAttack as it is shipped: time, floor, and whether every outcome is the same."""
    _quieten()
    from rosearch_engine.bench.attack import bench_attack as measure
    from rosearch_engine.bench.attack import table_rows

    with _watched(as_json) as progress:
        what = measure(recipe, n, query_budget, progress)
    if as_json:
        print(json.dumps(what, indent=2))
        return
    table(f"{recipe}, {n} sentences, {what['cpu']}; {what['device']}", *table_rows(what))


@benchmarks.command("distil")
def bench_distil(
    epochs: Annotated[float, typer.Option(min=0.1, help="Passes over the sentences, for each way of training.")] = 3.0,
    naive: Annotated[bool, typer.Option(help="Time Trainer at its default settings too; it takes long.")] = True,
    as_json: AsJson = False,
) -> None:
    """Our distillation beside Hugging Face's Trainer with the teacher in its loop: seconds to equal accuracy."""
    _quieten()
    from rosearch_engine.bench.distil import bench_distil as measure
    from rosearch_engine.bench.distil import table_rows

    with _watched(as_json) as progress:
        what = measure(epochs, naive, progress)
    if as_json:
        print(json.dumps(what, indent=2))
        return
    rate = what["rate"]
    table(f"{what['encoder_weights']:,} encoder weights, {what['cpu']}; {what['device']}", *table_rows(what))
    print(f"matrix products: {rate['share']:.0%} of the {rate['products_gflops']:.0f} GFLOP/s of the bare products")
    print(f"the teacher's outputs, once for all students: {what['teacher_outputs_s']:.0f} s, not in our time")


@benchmarks.command("search")
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
    _quieten()
    from rosearch_engine.bench.search import ARMS, table_rows
    from rosearch_engine.bench.search import bench_search as measure

    with _watched(as_json, "The same command goes on.") as progress:
        what = measure(seeds, minutes, students, arm or list(ARMS), setting or [], progress, jobs)
    if as_json:
        print(json.dumps(what, indent=2))
        return
    table(f"{seeds} seeds of {minutes:g} minutes, {what['cpu']}; {what['device']}", *table_rows(what))


@app.command()
def export(
    student: StudentName,
    to: Annotated[Path, typer.Option(help="A new folder.")],
    as_json: AsJson = False,
) -> None:
    """Write a student as a transformers checkpoint."""
    _quieten()
    from rosearch_engine.checkpoints.export import export as write
    from rosearch_engine.store.repo import Store

    run, name = _split(student)
    folder = write(Store.read(), run, name, to)
    if as_json:
        print(json.dumps({"folder": str(folder), "run": run, "student": name}))
    else:
        say(f"{student} is in {folder}; load it with from_pretrained(folder, trust_remote_code=True)")


def _listed(names: str) -> list[str]:
    """The parts of "a, b,c"."""
    return [name.strip() for name in names.split(",") if name.strip()]


@contextmanager
def _watched(as_json: bool, on_stop: str = "") -> Iterator[Progress]:
    """A job's progress, drawn as bars; Ctrl-C ends it in plain words."""
    progress = Progress()
    try:
        with bars(enabled=not as_json) as show:
            show.follow(progress)
            yield progress
    except (KeyboardInterrupt, Stopped):
        say(f"Stopped. {on_stop}".strip(), error=True)
        raise typer.Exit(130) from None


def _search_here(name: str, as_json: bool) -> None:
    _quieten()
    from rosearch_engine.search.loop import search as search_here

    progress = Progress()
    try:
        with bars(enabled=not as_json) as show:
            show.follow(progress)
            search_here(name, progress)
    except Stopped:
        say(f"Stopped. Go on with: python -m rosearch_engine resume {name}", error=True)
    _print_state(name, as_json)


def _print_statistics(what: dict[str, Any]) -> None:
    from rosearch_engine.report import association_rows, operation_rows, statistics_lines

    if what["associations"]:
        table(f"Architecture of {what['n']} students of {', '.join(what['of'])}", *association_rows(what))
        say(f"*: q at most {what['level']}: p corrected for {what['questions']} questions ({what['correction']})")
    if what["n"]:
        table("After-attack accuracy by operation", *operation_rows(what))
    for line in statistics_lines(what):
        say(line)


def _print_state(name: str, as_json: bool) -> None:
    from rosearch_engine.runs import process
    from rosearch_engine.store.repo import Store

    row = Store.read().run(name)
    facts = _state(row, process.state(row)) | {"log": process.log_tail(name, 5)}
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    now = facts["progress"] or {}
    who = now.get("student") or "preparing"
    at = f" ({who}: {now['stage']} {now['done']}/{now['total']})" if now.get("total") else ""
    say(f"{name}: {facts['state']}, {facts['students']} students{at if facts['state'] == 'running' else ''}")
    if facts["exit"] and facts["exit"]["message"]:
        say(facts["exit"]["message"])


def _state(row: dict[str, Any], state: str) -> dict[str, Any]:
    progress = row["progress"]
    return {
        "run": row["name"],
        "state": state,
        "students": row["students"],
        "strategy": row["config"]["search"]["strategy"],
        "data": row["config"]["data"]["name"],
        "pid": row["pid"],
        "progress": progress,
        "exit": row["exit"],
    }


def _print_resources(rows: list[Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps([_resource(status) for status in rows], indent=2))
        return
    table(
        "Resources",
        ["resource", "here", "what it is", "what it enables", "to get it"],
        [
            [row.name, "yes" if row.ready else "no", row.what, row.enables, "" if row.ready else row.command]
            for row in rows
        ],
    )
    for row in rows:
        if not row.ready and row.note:
            say(f"{row.name}: {row.note}")


def _resource(status: Any) -> dict[str, Any]:
    return {
        "name": status.name,
        "ready": status.ready,
        "path": str(status.path) if status.path else None,
        "source": status.source,
        "what": status.what,
        "enables": status.enables,
        "default": status.default,
        "command": status.command,
        "note": status.note,
    }


def _split(student: str) -> tuple[str, str]:
    run, slash, name = student.rpartition("/")
    if not slash or not run or not name:
        raise UserError("student", f"'{student}' names no student.", "Write RUN/STUDENT, such as demo/s0007.")
    return run, name


def _quieten() -> None:
    """Keep libraries from writing over our own words."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def _fail(error: UserError) -> NoReturn:
    if "--json" in sys.argv:
        print(json.dumps({"error": error.as_dict()}))
    else:
        say(f"{error.field}: {error.problem}\n  {error.remedy}", error=True)
    sys.exit(2)
