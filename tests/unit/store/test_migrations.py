"""Schema versions: stores of earlier versions are brought up to date without a loss, those of later ones refused."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from rosearch_engine.errors import UserError
from rosearch_engine.store import Store, database, migrations
from rosearch_engine.store.models import Base
from tests.conftest import ROOT

MADE_BEFORE = ROOT / "tests" / "data" / "made_by_0.1.0"
STORES = ("first.db", "store.db")  # of 0.1.0's first commit with a whole program, and of its last
OPEN = "from rosearch_engine.store import Store; Store.write().close()"

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=STORES)
def old(request: pytest.FixtureRequest, home: Path) -> Path:
    """An old store in the home folder."""
    return Path(shutil.copy(MADE_BEFORE / request.param, home / "rosearch.db"))


@pytest.fixture
def first(home: Path) -> Path:
    """The oldest store, which lacks most."""
    return Path(shutil.copy(MADE_BEFORE / "first.db", home / "rosearch.db"))


def rows(file: Path) -> Rows:
    """Every row of every table, as SQLite has it."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in tables}


def version(file: Path) -> str | None:
    found = rows(file).get("alembic_version")
    return found[0]["version_num"] if found else None


def indexes(file: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='index'")}


def assert_nothing_lost(before: Rows, file: Path) -> None:
    after = rows(file)
    for table, were in before.items():
        assert len(after[table]) == len(were)
        for was, now in zip(were, after[table], strict=True):
            assert {name: now[name] for name in was} == was
            assert {value for name, value in now.items() if name not in was} <= {None}


def python(script: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_new_store_has_the_models_tables(home: Path) -> None:
    Store.write().close()
    with create_engine(f"sqlite:///{home / 'rosearch.db'}").connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    assert version(home / "rosearch.db") == migrations.HEAD


def test_the_programs_version_is_the_last_of_the_migrations() -> None:
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads() == [migrations.HEAD]


@pytest.mark.parametrize("how", ["read", "write"])
def test_an_old_store_is_brought_up_to_date_without_a_loss(old: Path, how: str) -> None:
    before = rows(old)
    assert version(old) is None
    getattr(Store, how)().close()
    assert version(old) == migrations.HEAD
    assert_nothing_lost(before, old)


def test_old_and_new_stores_are_alike(old: Path, tmp_path: Path) -> None:
    Store.read().close()
    new = tmp_path / "new.db"
    Store.write(f"sqlite:///{new}").close()
    assert indexes(old) == indexes(new)
    with create_engine(f"sqlite:///{old}").connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_an_old_store_is_read_in_full(old: Path) -> None:
    """Through the store's own methods: as many rows as there were, with the figures that were measured."""
    before = rows(old)
    store = Store.read()
    (run,) = store.runs()
    assert store.run("tiny") == run
    measured = {row["candidate_id"]: row for row in before["measurement"] if row["purpose"] == "search"}
    students = store.students(run["id"])
    assert len(students) == run["students"] == len(before["candidate"])
    for student in students:
        assert student["status"] == "done"
        for figure in ("accuracy", "robustness", "held", "attacked", "mean_queries", "temperature"):
            assert student[figure] == measured[student["id"]][figure]
    teacher = store.teacher_measurement(run["id"])
    assert teacher is not None
    assert teacher["accuracy"] == measured[None]["accuracy"]
    measurements = [row for purpose in ("search", "held_out") for row in store.measurements(run["id"], purpose)]
    assert len(measurements) == len(before["measurement"])
    examples = [example for row in measurements for example in store.examples(row["measurement_id"])]
    assert len(examples) == len(before["attack_example"])
    assert all(example["before"]["text"] and example["after"]["text"] for example in examples)
    assert len(store.events(run["id"])) == len(before["event"])
    assert len(store.marks(run["id"])) == len(before.get("mark", []))


def test_the_old_stores_hold_what_0_1_0_wrote() -> None:
    """Else the tests here would look at nothing."""
    expected = json.loads((MADE_BEFORE / "expected.json").read_text(encoding="utf-8"))["rows"]
    last, first = (rows(MADE_BEFORE / name) for name in ("store.db", "first.db"))
    assert {table: len(found) for table, found in last.items()} == expected
    assert {table: len(found) for table, found in first.items()} == {
        table: expected[table] for table in set(expected) - {"mark", "shipped"}
    }
    assert all(expected[table] for table in set(expected) - {"shipped"})


def test_an_old_store_goes_on_being_written_to(old: Path) -> None:
    store = Store.write()
    (run,) = store.runs()
    store.mark(run["id"], "s0001", "pwws", "a film", "a movie", True)
    store.log(run["id"], "note", "hello")
    assert store.events(run["id"], last=1)[0]["text"] == "hello"
    assert store.delete_run(run["name"])
    assert {name for name, left in rows(old).items() if left} == {"alembic_version"}


@pytest.mark.parametrize("opened", [Store.read, Store.write])
def test_a_later_versions_store_is_refused_and_left_as_it_is(home: Path, opened: Any) -> None:
    Store.write().close()
    file = home / "rosearch.db"
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("ALTER TABLE run ADD COLUMN mood TEXT")
    before = rows(file)
    with pytest.raises(UserError, match="written by a later version of this program") as caught:
        opened()
    assert caught.value.field == "database"
    assert "9999" in caught.value.problem
    assert caught.value.remedy.startswith("Update the program")
    assert rows(file) == before


AT_ONCE = """
import sys
import alembic.command
from rosearch_engine.store import Store
print("ready", flush=True)
sys.stdin.readline()
Store.write().close()
"""


def test_processes_that_open_an_old_store_at_once_do_not_collide(first: Path) -> None:
    before = rows(first)
    opening = [python(AT_ONCE) for _ in range(4)]
    for process in opening:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in opening:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.wait() for process in opening] == [0, 0, 0, 0]
    assert version(first) == migrations.HEAD
    assert_nothing_lost(before, first)


KILLED = f"""
import os, signal, sys
from sqlalchemy import Engine, event

left = int(sys.argv[1])

@event.listens_for(Engine, "after_cursor_execute")
def after(connection, cursor, statement, *_):
    global left
    if statement.lstrip().startswith(("ALTER", "CREATE", "INSERT")):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

{OPEN}
"""


@pytest.mark.parametrize("statements", [1, 4, 9])
def test_a_killed_migration_leaves_the_store_as_it_was(first: Path, statements: int) -> None:
    before = rows(first)
    killed = python(KILLED, str(statements))
    assert killed.wait() == -signal.SIGKILL
    assert rows(first) == before
    assert len(Store.read().runs()) == 1
    assert version(first) == migrations.HEAD
    assert_nothing_lost(before, first)


def test_a_store_whose_making_was_killed_is_made_anew(home: Path) -> None:
    assert python(KILLED, "4").wait() == -signal.SIGKILL
    assert not (home / "rosearch.db").exists()
    assert Store.read().runs() == []


NEXT = f"""
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{migrations.HEAD}"

def upgrade():
    with op.batch_alter_table("run") as run:
        run.alter_column("version", new_column_name="program", existing_type=sa.String(), existing_nullable=False)
"""


def test_a_table_may_be_copied_without_a_loss_in_those_that_refer_to_it(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite changes a column by a copy of its table: dropping the old one must not take the run's students along."""
    scripts = Path(shutil.copytree(Path(migrations.__file__).parent, tmp_path / "migrations"))
    (scripts / "versions" / "next.py").write_text(NEXT)
    Store.write().close()
    before = rows(first)
    monkeypatch.setattr(migrations, "_SCRIPTS", str(scripts))
    assert migrations.is_known(migrations.HEAD)
    monkeypatch.setattr(migrations, "HEAD", "next")
    database.migrate(database.database())
    after = rows(first)
    assert version(first) == "next"
    assert after["run"][0]["program"] == before["run"][0]["version"]
    for table in set(before) - {"run", "alembic_version"}:
        assert after[table] == before[table]


@contextlib.contextmanager
def busy(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another process writes to the file and does not come to an end."""
    monkeypatch.setattr(database, "PATIENCE_MS", 100)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def test_an_old_store_that_cannot_be_changed_is_read_if_it_lacks_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(shutil.copy(MADE_BEFORE / "store.db", home / "rosearch.db"))
    Store.write().close()
    with sqlite3.connect(file) as connection:  # only the number of its version is missing
        connection.execute("DROP TABLE alembic_version")
    connection.close()
    with busy(file, monkeypatch):
        assert [run["name"] for run in Store.read().runs()] == ["tiny"]
    assert version(file) is None


def test_one_that_lacks_something_is_refused_with_a_remedy(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with busy(first, monkeypatch), pytest.raises(UserError, match=r"cannot be upgraded \(database is locked"):
        Store.read()
    assert len(Store.read().runs()) == 1, "later it can"


def test_a_store_that_is_up_to_date_opens_without_alembic(home: Path) -> None:
    Store.write().close()
    script = """
import sys
from rosearch_engine.store import Store
Store.read().runs()
Store.write().close()
print("alembic" in sys.modules)
"""
    assert python(script).communicate()[0].strip() == "False"
