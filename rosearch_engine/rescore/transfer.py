"""A diagnostic: which other models do one model's adversarial sentences fool? Only direct attacks are results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rosearch_engine.attack.pieces import Text
from rosearch_engine.checkpoints.load import load
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.rescore.elite import some_elite
from rosearch_engine.rescore.rows import Cell, Transfer
from rosearch_engine.store.models import HELD_OUT, SEARCH, TEACHER
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import OwnedMeasurementRow, RunRow, is_measured

LABEL = "diagnostic: replayed sentences, not attacks; for robustness, see `report` and `rescore`"


@dataclass(frozen=True)
class _Fooled:
    """A sentence that fooled a model, as it was before and after, and its class."""

    before: Text
    after: Text
    label: int


def transfer(
    run_name: str, students: Sequence[str] = (), recipe: str | None = None, progress: Progress | None = None
) -> Transfer:
    """Replay every model's adversarial sentences on every other.

    Args:
        students: models of the matrix; none: the front, the baselines. The teacher always joins.
        recipe: whose stored attacks are replayed; None: the run's own.

    Returns:
        `models`; `rows`: for each model whose sentences they are, for each model that is asked, `share`: of the
        sentences whose original the asked model classifies rightly, the share that it gets wrong after the swap
        (None if there are none), and how many those are, `n`.

    Raises:
        Stopped: if the progress says so.
        UserError: if there is no such run or student, or nothing has been attacked with that recipe.
    """
    progress = progress or Progress()
    store = Store.read()
    run = store.run(run_name)
    recipe = recipe or run["config"]["attack"]["recipe"]
    names = _names(store, run, students)
    fooled = {name: found for name in names if (found := _fooled(store, run["id"], name, recipe)) is not None}
    if not fooled:
        others = sorted({row["protocol"]["recipe"] for row in _measurements(store, run["id"])})
        remedy = f"Choose one of: {', '.join(others)}; or `rescore` with it." if others else "Run a search first."
        raise UserError("recipe", f"no model of '{run_name}' has been attacked with '{recipe}'.", remedy)
    texts = list(dict.fromkeys(text for found in fooled.values() for one in found for text in (one.before, one.after)))
    progress.stage(Stage.ASKING, len(names), "models")
    cells: dict[str, dict[str, Cell]] = {name: {} for name in fooled}
    for done, name in enumerate(names, start=1):
        said = _said(store, run_name, name, texts)
        for author, found in fooled.items():
            cells[author][name] = _cell(found, said)
        progress.advance(done, student=name)
    return {"run": run_name, "recipe": recipe, "label": LABEL, "models": names, "rows": cells}


def table_rows(what: Transfer) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the matrix, for people."""
    rows = [[author, *(_words(cells[asked]) for asked in what["models"])] for author, cells in what["rows"].items()]
    return ["sentences from", *what["models"]], rows


def _words(cell: Cell) -> str:
    return "-" if cell["share"] is None else f"{cell['share']:.0%} (n={cell['n']})"


def _names(store: Store, run: RunRow, wanted: Sequence[str]) -> list[str]:
    rows = store.students(run["id"])
    if not any(map(is_measured, rows)):
        raise UserError("run", f"'{run['name']}' has no measured students.", "Run a search first; see `status`.")
    if wanted:
        names = [store.student(run["id"], name)["name"] for name in wanted if name != TEACHER]
    else:
        names = [student["name"] for student in some_elite(run["name"], rows, top=len(rows))]
    return list(dict.fromkeys([*names, TEACHER]))


def _measurements(store: Store, run_id: int) -> list[OwnedMeasurementRow]:
    """The search's first: those are of the stored weights and of the same sentences for all."""
    return [*store.measurements(run_id, SEARCH), *store.measurements(run_id, HELD_OUT)]


def _fooled(store: Store, run_id: int, name: str, recipe: str) -> list[_Fooled] | None:
    """The sentences that fooled the stored model under the recipe; None if it was not attacked with it."""
    rows = [row for row in _measurements(store, run_id) if row["name"] == name]
    # The stored weights come from the seed that the search measured.
    of_recipe = [row for row in rows if row["protocol"]["recipe"] == recipe and row["seed"] == rows[0]["seed"]]
    if not of_recipe:
        return None
    examples = store.examples(of_recipe[0]["measurement_id"])
    return [
        _Fooled(_text(one["before"]["text"]), _text(one["after"]["text"]), one["label"])
        for one in examples
        if one["outcome"] == "fooled"
    ]


def _text(stored: str | list[str]) -> Text:
    return stored if isinstance(stored, str) else tuple(stored)


def _said(store: Store, run_name: str, name: str, texts: Sequence[Text]) -> dict[Text, int]:
    """The class that the model gives each text."""
    if not texts:
        return {}
    answers = load(store, run_name, name).victim.probabilities(texts).argmax(axis=1)
    return dict(zip(texts, map(int, answers), strict=True))


def _cell(found: Sequence[_Fooled], said: dict[Text, int]) -> Cell:
    known = [one for one in found if said[one.before] == one.label]
    wrong = np.array([said[one.after] != one.label for one in known])
    return {"share": float(wrong.mean()) if known else None, "n": len(known)}
