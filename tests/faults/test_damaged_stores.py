"""Whatever became of the database: a command answers, or says in a sentence what is wrong, with `--json` as JSON."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rosearch_engine.store.models import Base
from tests.app.conftest import fill, open_page
from tests.app.conftest import home as app_home
from tests.conftest import rosearch

home = app_home
COMMANDS = (("status",), ("status", "demo"), ("report", "demo"), ("report", "demo", "--statistics"), ("resume", "demo"))
PAGE = 4096


@pytest.fixture
def file(home: Path) -> Path:
    """The database of two finished runs, all of it in one file."""
    fill("demo", students=9)
    fill("other", students=3)
    with closing(sqlite3.connect(home / "rosearch.db")) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    return home / "rosearch.db"


def change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def flip(seed: int) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        content, chance = bytearray(file.read_bytes()), random.Random(seed)
        for _ in range(200):
            content[chance.randrange(100, len(content))] ^= 1 << chance.randrange(8)
        file.write_bytes(content)

    return damage


def zero(seed: int) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        content, chance = bytearray(file.read_bytes()), random.Random(seed)
        pages = range(1, len(content) // PAGE)
        for page in chance.sample(pages, max(1, len(pages) // 10)):
            content[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
        file.write_bytes(content)

    return damage


def dropped(table: str, column: str | None = None) -> Callable[[Path], None]:
    statement = f"ALTER TABLE {table} DROP COLUMN {column}" if column else f"DROP TABLE {table}"
    return lambda file: change(file, statement)


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no bytes": lambda file: file.write_bytes(b""),
    "a text": lambda file: file.write_text("years of work\n" * 999),
    "a folder": folder,
    "cut in half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "cut to 5000": lambda file: file.write_bytes(file.read_bytes()[:5000]),
    **{f"flipped bits, {seed}": flip(seed) for seed in range(6)},
    **{f"pages of zeros, {seed}": zero(seed) for seed in range(4)},
    "no UTF-8 in a name": lambda file: change(file, "UPDATE candidate SET origin = CAST(x'ff66ff' AS TEXT)"),
    "no UTF-8 in an event": lambda file: change(file, "UPDATE event SET text = CAST(x'c328' AS TEXT)"),
    "no UTF-8 in JSON": lambda file: change(file, "UPDATE run SET teacher = CAST(x'7bff' AS TEXT)"),
    "a column more": lambda file: change(file, "ALTER TABLE run ADD COLUMN mood TEXT"),
    "no version": lambda file: change(file, "DROP TABLE alembic_version"),
    **{f"no table {name}": dropped(name) for name in Base.metadata.tables},
    **{
        f"no column {name}": dropped(*name.split("."))
        for name in (
            "measurement.purpose", "measurement.floor", "measurement.held", "run.active_seconds", "run.teacher",
            "candidate.training", "candidate.genome", "attack_example.outcome",
        )
    },
    "purpose is NULL": lambda file: loose(file, "measurement", "purpose"),
    "active seconds are NULL": lambda file: loose(file, "run", "active_seconds"),
}  # fmt: skip


def loose(file: Path, table: str, column: str) -> None:
    """Put NULL where the table forbids it, as a column that an old version added has it."""
    with closing(sqlite3.connect(file)) as database:
        (made,) = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        lines = made.split("\n")
        freed = "\n".join(
            one.replace(" NOT NULL", "") if one.strip().startswith(f"{column} ") else one for one in lines
        )
        assert freed != made
        database.execute("PRAGMA writable_schema=ON")
        database.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (freed, table))
        database.commit()
    change(file, f"UPDATE {table} SET {column} = NULL")


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("kind", DAMAGE)
def test_every_command_answers_in_words(kind: str, file: Path) -> None:
    DAMAGE[kind](file)
    for command in COMMANDS:
        answer = rosearch(*command, "--json")
        assert answer.code in (0, 2), (command, answer.err)
        said = strict(answer.out)
        if answer.code:
            assert set(said["error"]) == {"field", "problem", "remedy"}, command
            assert all(said["error"].values())


@pytest.mark.parametrize(
    "kind", ["a text", "flipped bits, 0", "pages of zeros, 0", "no table measurement", "no UTF-8 in JSON"]
)
def test_the_app_answers_in_words(kind: str, file: Path) -> None:
    DAMAGE[kind](file)
    for page in ("overview", "search", "front"):
        assert not open_page(page).exception
