"""The store on a real PostgreSQL server: all that it promises, wide numbers, and no password in what it says."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, text, update
from sqlalchemy import inspect as columns_of
from sqlalchemy.exc import DatabaseError

from rosearch_engine.config import RunConfig
from rosearch_engine.errors import UserError
from rosearch_engine.recorded.unpack import unpack
from rosearch_engine.store import Store, migrations
from rosearch_engine.store.database import WAITING
from rosearch_engine.store.models import Artifact, Base, Candidate
from tests import postgres
from tests.conftest import ROOT, Workshop, rosearch
from tests.faults import test_processes as processes
from tests.resume.test_ray import wait_until
from tests.unit.store import test_store as contract
from tests.unit.store.test_store import add, finish, measured

RECORDED = ROOT / "rosearch_engine" / "recorded" / "demo.zip"

pytestmark = pytest.mark.skipif(
    postgres.binaries() is None, reason="no PostgreSQL server here (Debian: apt-get install postgresql)"
)
pytest.importorskip("psycopg", reason="psycopg is not installed: pip install '.[postgres]'")

NUMBERS = itertools.count()
# They are about files, or SQLite's own words.
OF_SQLITE = {
    "test_a_damaged_database_is_said_in_plain_words",
    "test_the_address_may_be_set",
    "test_a_homes_name_may_have_any_sign",
    "test_an_address_that_is_none_is_said_without_its_password",
    "test_readers_see_whole_results_while_another_process_writes",
    "test_a_reader_cannot_write",
}
CONTRACT = [
    one
    for name, one in vars(contract).items()
    if name.startswith("test_") and name not in OF_SQLITE and list(inspect.signature(one).parameters) == ["home"]
]


@pytest.fixture(scope="module")
def socket() -> Iterator[str]:
    with postgres.server() as folder:
        yield folder


def new_database(socket: str) -> str:
    """The address of a database without tables."""
    name = f"test{next(NUMBERS)}"
    with create_engine(postgres.address(socket), poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as admin:
        admin.execute(text(f"CREATE DATABASE {name}"))
    return postgres.address(socket, name)


@pytest.fixture
def server(home: Path, socket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a database without tables, which is the store during the test."""
    address = new_database(socket)
    monkeypatch.setenv("ROSEARCH_STORE", address)
    return address


def test_the_contract_has_many_parts() -> None:
    assert len(CONTRACT) >= 8


@pytest.mark.parametrize("promise", CONTRACT, ids=lambda one: one.__name__)
def test_what_the_store_promises_holds(server: str, home: Path, promise: object) -> None:
    promise(home)  # type: ignore[operator]
    assert not (home / "rosearch.db").exists()


def test_an_empty_database_reads_as_an_empty_store(server: str) -> None:
    assert Store.read().runs() == []
    with pytest.raises(UserError, match="There are no runs yet"):
        Store.read().run("mine")


def test_a_reader_cannot_write(server: str) -> None:
    run_id = Store.write().create_run("mine", RunConfig())
    reader = Store.read()
    with pytest.raises(DatabaseError, match="read-only"), reader._engine.begin() as connection:
        connection.execute(text("DELETE FROM run"))
    assert reader.run("mine")["id"] == run_id


def test_numbers_of_64_bits_are_kept(server: str) -> None:
    store = Store.write()
    run_id = store.create_run("mine", RunConfig())
    seed, size = 2**32 - 1, 2**40
    candidate = add(store, run_id, 1)
    finish(store, candidate, 1)
    store.measure(run_id, candidate, {**measured(), "seed": seed}, [])
    with store.transaction() as session:
        session.execute(update(Candidate).values(flops=size, weights=size, encoder_weights=size))
        session.execute(update(Artifact).values(bytes=size))
    (student,) = Store.read().students(run_id)
    assert (student["flops"], student["weights"]) == (size, size)
    assert [row["seed"] for row in store.measurements(run_id, "search")] == [5, seed]
    with store.looking() as session:
        assert session.scalar(text("SELECT bytes FROM artifact")) == size


def test_tables_are_the_models(server: str) -> None:
    store = Store.write()
    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_database_of_narrow_numbers_is_widened(socket: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = new_database(socket)
    with create_engine(address, poolclass=NullPool).begin() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        columns = {column["name"]: str(column["type"]) for column in columns_of(connection).get_columns("measurement")}
        assert columns["seed"] == "INTEGER"
    monkeypatch.setenv("ROSEARCH_STORE", address)
    store = Store.write()
    columns = {column["name"]: str(column["type"]) for column in columns_of(store._engine).get_columns("measurement")}
    assert columns["seed"] == "BIGINT"


@pytest.mark.parametrize("how", [processes._hold, processes._reopen])
def test_of_processes_that_want_a_run_at_once_one_gets_it(server: str, how: object) -> None:
    processes.test_of_processes_that_want_a_run_at_once_one_gets_it(Store.write(), how)


def test_the_recorded_run_is_brought_in(server: str) -> None:
    name = unpack(RECORDED)
    store = Store.read()
    students = store.students(store.run(name)["id"])
    assert len(students) == 18
    assert any(student["front"] for student in students)
    assert rosearch("report", name, "--json").code == 0


def test_a_real_search_ends_as_on_sqlite(
    calm: str, workshop: Workshop, socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [part for setting in workshop.settings for part in ("--set", setting)]
    monkeypatch.setenv("ROSEARCH_STORE", new_database(socket))
    answer = rosearch("search", "--run", "there", "--json", *settings)
    assert answer.code == 0, answer.err
    store = Store.read()
    mine = store.students(store.run("there")["id"])
    monkeypatch.delenv("ROSEARCH_STORE")
    calm_store = Store.read()
    theirs = calm_store.students(calm_store.run(calm)["id"])
    for name in ("digest", "accuracy", "robustness", "weights_sha256", "told", "status"):
        assert [one[name] for one in mine] == [one[name] for one in theirs], name


@pytest.mark.parametrize("is_back_in_time", [True, False])
def test_a_search_whose_server_goes_away_waits_for_it_or_ends_in_words_and_can_go_on(
    is_back_in_time: bool, calm: str, workshop: Workshop, socket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calm_store = Store.read()
    theirs = calm_store.students(calm_store.run(calm)["id"])
    address = new_database(socket)
    monkeypatch.setenv("ROSEARCH_STORE", address)
    monkeypatch.setenv("ROSEARCH_STORE_AWAY", "300" if is_back_in_time else "0")
    settings = [part for setting in workshop.settings for part in ("--set", setting)]
    told = tmp_path / "stderr"
    with told.open("w") as stderr:
        search = subprocess.Popen(
            [sys.executable, "-m", "rosearch_engine", "search", "--run", "away", "--json", *settings],
            env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=stderr, text=True,
        )  # fmt: skip
    try:
        wait_until(lambda: finished(address) >= 2, lambda: search.poll() is None)
        with postgres.halted(socket):
            if is_back_in_time:  # once the heartbeat and the search itself wait for it
                wait_until(lambda: told.read_text().count(WAITING) >= 2, lambda: search.poll() is None)
            else:
                search.wait(timeout=300)
        out, _ = search.communicate(timeout=300)
    finally:
        search.kill()
    err = told.read_text()
    assert "Traceback" not in err
    if is_back_in_time:
        assert search.returncode == 0, out + err
    else:
        assert search.returncode == 2, err
        error = json.loads(out)["error"]
        assert (error["field"], "cannot be used" in error["problem"]) == ("database", True), error
        assert 2 <= finished(address) < len(theirs)
        answer = rosearch("resume", "away", "--json")
        assert answer.code == 0, answer.out + answer.err
    store = Store.read()
    mine = store.students(store.run("away")["id"])
    for name in ("digest", "accuracy", "robustness", "weights_sha256", "told", "status"):
        assert [one[name] for one in mine] == [one[name] for one in theirs], name


def finished(address: str) -> int:
    """Students of the run that are measured."""
    store = Store.read(address)
    try:
        return sum(run["students"] for run in store.runs() if run["name"] == "away")
    finally:
        store.close()


def test_a_server_that_does_not_answer_is_said_without_its_password(home: Path) -> None:
    for opened in (Store.write, Store.read):
        with pytest.raises(UserError, match="the server cannot be used") as caught:
            opened("postgresql+psycopg://me:sekret@127.0.0.1:9/name?connect_timeout=2&password=sekret")
        assert "sekret" not in str(caught.value)
        assert "server runs" in caught.value.remedy


def test_who_may_make_no_tables_is_told_so(socket: str, home: Path) -> None:
    address = new_database(socket)
    with create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as admin:
        admin.execute(text("DROP ROLE IF EXISTS guest"))
        admin.execute(text("CREATE ROLE guest LOGIN"))
        admin.execute(text("REVOKE ALL ON SCHEMA public FROM PUBLIC"))
        admin.execute(text("GRANT USAGE ON SCHEMA public TO guest"))
    with pytest.raises(UserError, match="has no tables") as caught:
        Store.read(address.replace("rosearch@", "guest@"))
    assert "ROSEARCH_STORE" in caught.value.remedy


def test_how_long_a_server_may_be_away_is_a_number_of_seconds(socket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = new_database(socket)
    for value in ("soon", "-1", "nan", "1e9"):
        monkeypatch.setenv("ROSEARCH_STORE_AWAY", value)
        with pytest.raises(UserError, match="ROSEARCH_STORE_AWAY"):
            Store.write(address)
