"""What the screens read: cached, read-only queries of the store, and the run and student in hand.

The run and the student live in the address (`?run=demo&student=s0007`), so a link shows the same view.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from sqlalchemy.exc import DatabaseError

from app import access
from app.cache import Ledger, Step
from app.studies import Studies
from rosearch_engine import report
from rosearch_engine.errors import UserError
from rosearch_engine.rescore import figures
from rosearch_engine.rescore.curves import success_curves
from rosearch_engine.rescore.rows import CurvesRow, HeldOutFigures, HeldOutRow
from rosearch_engine.statistics.splits import Split, best_split
from rosearch_engine.store.database import address_without_password, database
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import MeasuredStudent, RunRow, StudentRow, measured

PAGES = Path(__file__).resolve().parents[1] / "pages"
# Widgets whose selection names a student or a run.
CHART, RUNS, BOXES, SPLIT = "front_chart", "all_runs", "boxes_chart", "split_chart"


@st.cache_resource(max_entries=4, on_release=Store.close, show_spinner=False)
def _store(address: str) -> Store:
    return Store.read(address)


def store() -> Store:
    """The store for looking only.

    Raises:
        UserError: if the database is damaged.
    """
    return _store(database())


@contextmanager
def guarded() -> Iterator[None]:
    """Show what a user can mend as a message, and a vanished or broken database as one too."""
    try:
        yield
    except UserError as error:
        show_error(error)
    except DatabaseError as error:
        _store.clear()
        place = "the database" if access.is_shared() else address_without_password(database())
        show_error(UserError("database", f"{place} cannot be read ({error.orig}).", "Check the database, then reload."))


def show_error(error: UserError) -> None:
    st.error(f"**{plain(error.field)}**: {plain(error.problem)}  \n{plain(error.remedy)}", icon=":material/error:")


def plain(text: object) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()<>#+-.!|~$:" else c for c in str(text))


def runs() -> list[RunRow]:
    """All runs, the newest first."""
    return store().runs()


def find(name: str | None) -> RunRow | None:
    """The run of that name; None if it is not there, or no longer."""
    return next((row for row in runs() if row["name"] == name), None)


def run() -> RunRow | None:
    """The run in hand."""
    return find(st.session_state.get("run"))


def marker(run: RunRow) -> int:
    """Changes with every student that a run measures or loses; costs one row."""
    last = store().events(run["id"], last=1)
    return last[-1]["id"] if last else 0


def _as_of(run: RunRow) -> tuple[float, int]:
    """What a cached answer about a run must have in its key: a deleted run's id and events may come again."""
    return run["created"], marker(run)


@st.cache_resource(max_entries=8, show_spinner=False)
def _ledger(address: str, run_id: int, created: float) -> Ledger:
    return Ledger(lambda known: store().students(run_id, known))


def students(run: RunRow) -> list[StudentRow]:
    """Every student of a run, by number. The rows are shared by all sessions: leave them as they are."""
    return _ledger(database(), run["id"], run["created"]).rows(marker(run))


def steps(run: RunRow) -> list[Step]:
    """Every measured student in the order in which the search learnt of them, with the hypervolume by then."""
    return _ledger(database(), run["id"], run["created"]).steps(marker(run))


@st.cache_data(max_entries=8, show_spinner=False)
def _rescored(address: str, run_id: int, as_of: tuple[float, int]) -> dict[str, HeldOutRow]:
    return figures.held_out_figures(store(), run_id)


def rescored(run: RunRow) -> dict[str, HeldOutRow]:
    """Held-out figures by student name: of those that `rescore` has attacked again."""
    return _rescored(database(), run["id"], _as_of(run))


@st.cache_data(max_entries=32, show_spinner=False)
def _curves(address: str, run_id: int, as_of: tuple[float, int], name: str) -> list[CurvesRow]:
    return success_curves(store(), run_id, name)


def curves(run: RunRow, name: str) -> list[CurvesRow]:
    """How soon each attack got through to a student, its baselines and the teacher."""
    return _curves(database(), run["id"], _as_of(run), name)


def held_out(run: RunRow) -> dict[str, HeldOutFigures]:
    """Held-out figures under the run's own attack by student name."""
    recipe = run["config"]["attack"]["recipe"]
    return {name: row["recipes"][recipe] for name, row in rescored(run).items() if recipe in row["recipes"]}


@st.cache_resource(show_spinner=False)
def _studies() -> Studies:
    return Studies()


def statistics(names: Sequence[str]) -> Future[dict[str, Any]]:
    """What architecture has to do with robustness, over all students of these runs: worked out beside the page."""
    found = [store().run(name) for name in names]
    rows = [report.compared(run, students(run)) for run in found]
    key = (database(), tuple(names), tuple(_as_of(run) for run in found))
    return _studies().of(key, lambda: report.statistics_of(names, rows))


@st.cache_data(max_entries=8, show_spinner=False)
def _split(address: str, run_id: int, as_of: tuple[float, int], _rows: Sequence[StudentRow]) -> Split | None:
    return best_split(_rows)


def split(run: RunRow) -> Split | None:
    """The property that separates a run's students best."""
    return _split(database(), run["id"], _as_of(run), students(run))


def student() -> MeasuredStudent | None:
    """The student in hand."""
    here = run()
    name = st.session_state.get("student")
    return next((row for row in measured(students(here)) if row["name"] == name), None) if here else None


def points(run: RunRow) -> bytes:
    """A run's measured students and its teacher, for the picture of the front."""
    teacher = store().teacher_measurement(run["id"])
    return _ledger(database(), run["id"], run["created"]).points(marker(run), teacher)


def like(run: str) -> str:
    """What the preset is called that copies a run's settings."""
    return f"copy of {run}"


def choose(**picks: Any) -> None:
    """Set the run or the student in hand, or another widget's value, at the start of the next run of the script."""
    st.session_state["pending"] = st.session_state.get("pending", {}) | picks


def notice(text: str, icon: str) -> None:
    """Show a toast with the next run of the page: one that is shown just before a rerun is gone with it."""
    st.session_state.setdefault("notices", []).append((plain(text), icon))


def show_notices() -> None:
    """What `notice` was told since the last run of the page."""
    for text, icon in st.session_state.pop("notices", []):
        st.toast(text, icon=icon, duration="long")


def go(page: str, **picks: Any) -> None:
    """Open another page with the run and student in hand, or with the ones given."""
    choose(**picks)
    # The pickers write themselves into the new address; Streamlit refuses to set or to clear what is bound to them.
    st.switch_page(PAGES / f"{page}.py", query_params={})


def take_picks() -> None:
    """Carry what the last view selected over into the run and student in hand, before any widget is drawn."""
    for name, value in st.session_state.pop("pending", {}).items():
        st.session_state[name] = value
    clicks = (
        *(("student", f"clicked.{chart}", clicked_in(chart)) for chart in (CHART, BOXES, SPLIT)),
        ("student", "clicked_row", _clicked_row(table_key(), "table_names")),
        ("run", "clicked_run", _clicked_row(RUNS, "run_names")),
    )
    for name, seen, picked in clicks:
        if picked != st.session_state.get(seen):
            st.session_state[seen] = picked
            if picked:
                st.session_state[name] = picked[0] if isinstance(picked, tuple) else picked
                if name == "run":
                    st.session_state["student"] = None


def clicked_in(chart: str) -> tuple[str, float] | None:
    """The student that was clicked last in a picture, and when: the same one may be clicked again."""
    match _told(chart).get("student"):
        case [str(name), int() | float() as when]:
            return name, when
    return None  # also of what no picture tells


def is_click_untaken() -> bool:
    """Whether a click in the picture waits to be taken in: by a run of the whole page, not of the picture alone."""
    return clicked_in(CHART) != st.session_state.get(f"clicked.{CHART}")


def chosen() -> list[str]:
    """The students that a lasso in the picture of the front caught."""
    names = _told(CHART).get("chosen")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _told(key: str) -> Mapping[str, Any]:
    """What a picture or a table in the browser says: a visitor may have it say anything."""
    told = st.session_state.get(key)
    return told if isinstance(told, Mapping) else {}


def table_key() -> str:
    """Key of the table of students: another one each time it has to be drawn anew."""
    return f"front_table.{st.session_state.get('table_turn', 0)}"


def _clicked_row(table: str, names: str) -> str | None:
    known: list[str] = st.session_state.get(names, [])
    match _told(table).get("selection"):
        case {"rows": [int(row), *_]} if 0 <= row < len(known):
            return known[row]
    return None
