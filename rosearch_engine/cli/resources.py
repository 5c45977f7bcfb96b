"""Commands on what is downloaded: fetch it, say what is there."""

from __future__ import annotations

import sys
from typing import Annotated, Any, TypedDict

import typer

from rosearch_engine import __version__
from rosearch_engine.cli.console import say, say_json, table
from rosearch_engine.cli.options import AsJson
from rosearch_engine.errors import UserError

app = typer.Typer()


@app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Resources to download. Default: the default set.")] = None,
    as_json: AsJson = False,
) -> None:
    """Download external resources: teacher weights, sentences, stop words, WordNet, tagger."""
    from rosearch_engine import resources

    quiet = as_json or not sys.stderr.isatty()
    found = resources.fetch(names or None, (lambda *_: None) if quiet else lambda name, news: say(f"{name}: {news}"))
    if all(status.ready for status in found) and not as_json:
        say(f"All installed: {', '.join(status.name for status in found)}.")
        return
    _print_resources(found, as_json)
    if not all(status.ready for status in found):
        raise typer.Exit(1)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """List what is installed, what is missing, what it is for, and the command that installs it."""
    from rosearch_engine import resources
    from rosearch_engine.attack.recipes.catalogue import recipes

    if as_json:
        rows = [_resource(status) for status in resources.status()]
        said = {"home": str(resources.home()), "weights": _weights(), "resources": rows, "recipes": recipes(every=True)}
        say_json(said)
        return
    say(f"RoSearch Explorer {__version__}; all downloads and results are stored in {resources.home()}")
    if (place := _weights())["place"] is not None:
        say(f"Students' weights: {place['place']}; {place['note']}")
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
        ["recipe", "missing", "alternative"],
        [[row["name"], "; ".join(row["missing"]), row["note"]] for row in recipes(every=True)[len(runnable) :]],
    )


class WeightsRow(TypedDict):
    """Where students' weights lie.

    Attributes:
        place: as `ROSEARCH_WEIGHTS` names it, without secrets; None where it names none: in the home folder.
        note: why nothing can be kept there, and what to do; or that it can.
    """

    place: str | None
    ready: bool
    note: str


def _weights() -> WeightsRow:
    from rosearch_engine import weights

    place = weights.where() if weights.given() else None
    try:
        weights.require()
    except UserError as error:
        return {"place": place, "ready": False, "note": f"{error.problem} {error.remedy}"}
    return {"place": place, "ready": True, "note": "they can be written, read and deleted there" if place else ""}


def _print_resources(rows: list[Any], as_json: bool) -> None:
    if as_json:
        say_json([_resource(status) for status in rows])
        return
    table(
        "Resources",
        ["resource", "installed", "what it is", "what it is for", "how to install it"],
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
