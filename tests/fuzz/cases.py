"""Hostile inputs of seven kinds, and what the program does with each.

A case must end well or in a `UserError`: in a sentence, never a traceback. `KINDS` is what the tests and
`benchmarks/fuzz.py` draw from.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import gzip
import hashlib
import io
import json
import os
import sqlite3
import string
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from sqlalchemy import make_url

from app.uploads import safe_name
from rosearch_engine import check, config
from rosearch_engine.config import DataConfig, RunConfig
from rosearch_engine.data import files, hub, own, rows
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Space
from rosearch_engine.genome.operators import sample
from rosearch_engine.given import given_path
from rosearch_engine.recorded.layout import MANIFEST, ROWS
from rosearch_engine.recorded.unpack import unpack
from rosearch_engine.report import summary, table_rows
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from rosearch_engine.store.whole import take_out
from rosearch_engine.teacher_folder import is_missing_path
from tests.app.conftest import fill
from tests.property.strategies import FRAME

Draw = st.DrawFn


@dataclass(frozen=True)
class Kind:
    """A kind of input: how it is drawn, and what it is given to, below a folder of its own."""

    inputs: st.SearchStrategy[Any]
    use: Callable[[Any, Path], object]


# Values that public reports name, beside what is drawn.
_ODD_TEXTS = st.sampled_from(
    [
        "", " ", "\0", "\x1b[2J", "\ud800", "\ufeff", "..", "../../x", "/", "//", "~", "~nobody9/x", "-rf", "--help",
        "C:\\x", "x" * 300, "/dev/zero", "/dev/stdin", "/proc/self/mem", "/proc/self/environ",
        "file:///etc/passwd", "%s%n",
        "{0.__class__}", "$(touch x)", "`touch x`", "__import__('os').system('touch x')", "NaN", "inf", "-0", "1e400",
        "9" * 5000, "[" * 20_000, '{"a":' * 5_000, "null", "true", "0", "-1", "0x10", "1_000", "١٢", "a\nb",
        "'; drop table run;--",         "=1+1", "https://example.invalid/x.csv", "hf://datasets/x", "s3://x/y",
    ]
)  # fmt: skip
TEXTS = st.one_of(_ODD_TEXTS, st.text(max_size=40), st.text(st.characters(), max_size=8))
_NUMBERS = st.one_of(
    st.integers(-10, 10),
    st.integers(),
    st.sampled_from([2**31, 2**32, 2**53, 2**63, 2**64, 10**30, -(2**63) - 1]),
    st.floats(),
)
SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS, lambda some: st.lists(some, max_size=4) | st.dictionaries(TEXTS, some, max_size=3), max_leaves=8
)
FIELDS = [
    f"{stage}.{name}"
    for stage, info in RunConfig.model_fields.items()
    for name in getattr(info.annotation, "model_fields", {})
]


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)


# Settings on the command line


@st.composite
def _settings(draw: Draw) -> list[str]:
    field = st.sampled_from(FIELDS)
    usual = st.sampled_from(
        ["1", "2", "8", "40", "0.5", "1.0", "true", "null", "pareto", "random", "[32, 64]", "[0.5]"]
    )
    value = usual | usual | VALUES.map(_as_json) | TEXTS
    one = st.tuples(field, st.sampled_from(["=", "=", "=", " = ", ""]), value).map("".join)
    return draw(st.lists(one, min_size=1, max_size=3) | st.lists(one | TEXTS, min_size=1, max_size=2))


def _use_settings(given: list[str], folder: Path) -> None:
    _use_config(config.build("standard", None, given))


def _use_config(found: RunConfig) -> None:
    """As a run keeps it, and as a search draws from it."""
    again = config.stored(json.loads(json.dumps(found.model_dump(mode="json"))))
    assert again == found
    config.fingerprint(found)
    space = Space.of(found.space, FRAME)
    space.chain(2)
    sample(space, np.random.default_rng(found.search.seed))


# Files of settings


@st.composite
def _config_files(draw: Draw) -> bytes:
    stages = st.sampled_from(list(RunConfig.model_fields)) | TEXTS
    fields = st.sampled_from([field.partition(".")[2] for field in FIELDS]) | TEXTS
    tree = st.dictionaries(stages, st.dictionaries(fields, VALUES, max_size=3) | VALUES, max_size=3)
    text = draw(st.one_of(tree.map(_as_json), VALUES.map(_as_json), TEXTS))
    content = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]).map(lambda code: _bytes(text, code)))
    return draw(st.just(content) | _broken(content) | st.binary(max_size=60))


def _use_config_file(content: bytes, folder: Path) -> None:
    path = folder / "config.json"
    path.write_bytes(content)
    _use_config(config.build("demo", path, []))


def _bytes(text: str, encoding: str) -> bytes:
    return text.encode(encoding, "replace")


@st.composite
def _broken(draw: Draw, content: bytes) -> bytes:
    """The content cut, or with some bytes changed."""
    if not content:
        return b""
    if draw(st.booleans()):
        return content[: draw(st.integers(0, len(content)))]
    changed = bytearray(content)
    for place, value in draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)):
        changed[place] = value
    return bytes(changed)


# Files of sentences


@st.composite
def _data_files(draw: Draw) -> tuple[str, bytes]:
    suffix = draw(st.sampled_from(files.SUFFIXES))
    count = draw(st.sampled_from([0, 1, 5, 60, 60, 60]))
    names = draw(
        st.just(["text", "label"]) | st.lists(st.sampled_from(["text", "label", "label ", "", "1"]) | TEXTS, max_size=4)
    )
    odd = draw(st.dictionaries(st.integers(0, max(0, count - 1)), st.lists(VALUES, max_size=4), max_size=4))
    usual: list[list[Any]] = [["a", "b"], [0, 1], ["0", "1.0"], [True, False], [None, "NA", "x"]]
    classes: list[Any] = draw(st.sampled_from(usual) | st.lists(SCALARS, min_size=1, max_size=3))
    table = [
        odd.get(i, [f"the film number {i} was a fine one for all of us", classes[i % len(classes)]])
        for i in range(count)
    ]
    content = _written(suffix.removesuffix(".gz"), names, table, draw(st.sampled_from([",", ";", "\t"])))
    if draw(st.integers(0, 3)) == 0:
        content = draw(_broken(content))
    return suffix, gzip.compress(content, 1) if suffix.endswith(".gz") and draw(st.integers(0, 9)) else content


def _written(suffix: str, names: list[str], table: list[list[Any]], separator: str) -> bytes:
    if suffix == ".jsonl":
        lines = [_as_json(dict(zip(names, row, strict=False))) for row in table]
        return "\n".join(lines).encode()
    if suffix == ".parquet":
        for cells in (table, [[str(cell) for cell in row] for row in table]):
            with contextlib.suppress(Exception):  # no such table can be written
                content = io.BytesIO()
                pd.DataFrame([dict(zip(names, row, strict=False)) for row in cells]).to_parquet(content)
                return content.getvalue()
        return b"PAR1"
    between = "\t" if suffix == ".tsv" else separator
    lines = [between.join(str(one) for one in row) for row in [names, *table]]
    return _bytes("\n".join(lines), "utf-8")


def _use_data_file(given: tuple[str, bytes], folder: Path) -> None:
    suffix, content = given
    path = folder / f"mine{suffix}"
    path.write_bytes(content)
    # Not through `apart`: a process a case takes too long.
    table = files.read(path)
    with contextlib.suppress(UserError):
        found = own.guess(table)
        own.take(table, found, ["a", "b"])
        own.look(table, 5)
    settings = DataConfig(name=str(path))
    prepared = rows.prepare(table, settings)
    rows.divide(prepared, settings)
    rows.fingerprint(prepared, settings)


# Names


def _use_name(name: str, folder: Path) -> None:
    plain = safe_name(name)
    assert plain
    assert "/" not in plain
    assert not plain.startswith(".")
    assert len(plain.encode()) <= 255
    for use in (
        lambda given: check.whole(given, "data.name"),
        is_missing_path,
        _data_by_name,
        process.log_path,
        Store.read().run,
        _teacher_by_name,
    ):
        with contextlib.suppress(UserError):
            use(name)


def _data_by_name(name: str) -> None:
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        if Path(name).expanduser().is_dir():  # a folder is read by another process
            return
    settings = config.validate({"data": {"name": name}}).data
    hub.address(name)
    if files.suffix_of(name) or name.startswith(("/", ".", "~")):  # what is left is the hub's, and no network is asked
        rows.read(settings)


def _teacher_by_name(name: str) -> None:
    settings = config.validate({"teacher": {"name": name}}).teacher
    if is_missing_path(name) or given_path(name, "teacher.name").is_dir():  # what is left is the hub's
        check.look_at(settings)


# Recorded runs


@functools.cache
def whole_run() -> dict[str, Any]:
    """A small run as it is packed, but for weights; made once."""
    import tempfile

    with tempfile.TemporaryDirectory() as home, _environment(ROSEARCH_HOME=home):
        run_id = fill("example", students=9)
        store = Store.write()
        found = take_out(store, run_id)
        store.close()
    teacher = {"key": "k", "tokenizer": "0" * 16, "folder": ""}
    found["run"]["teacher"] |= teacher
    found["run"]["dataset"] |= {"columns": ["text", ""], "fingerprint": ""}
    for candidate in found["candidates"]:
        candidate["weights_sha256"] = None
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@st.composite
def _changed(draw: Draw, tree: Any) -> Any:
    """A tree of JSON with one to three of its places changed, gone or doubled."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        place: Any = None
        key: Any = None
        inner = tree
        while isinstance(inner, dict | list) and inner and (place is None or draw(st.integers(0, 4))):
            place = inner
            key = draw(st.sampled_from(sorted(inner)) if isinstance(inner, dict) else st.integers(0, len(inner) - 1))
            inner = place[key]
        if place is None:
            break
        kind = draw(st.integers(0, 9))
        if kind == 0:
            del place[key]
        elif kind == 1 and isinstance(place, list):
            place.append(copy.deepcopy(inner))
        elif kind < 7 and isinstance(inner, float):
            place[key] = inner * draw(st.floats(0, 2)) if kind < 5 else draw(_NUMBERS)
        elif kind < 7 and isinstance(inner, int):
            place[key] = inner + draw(st.integers(-2, 2)) if kind < 5 else draw(_NUMBERS)
        elif kind < 7 and isinstance(inner, str):
            place[key] = draw(TEXTS)
        else:
            place[key] = draw(VALUES)
    return tree


def packed(rows: Any) -> dict[str, bytes]:
    """The parts of a run's file, with a manifest that vouches for them."""
    parts = {ROWS: json.dumps(rows).encode(), f"tokenizers/{'0' * 16}/tokenizer.json": b"{}"}
    return {MANIFEST: _manifest(parts), **parts}


def _manifest(parts: dict[str, bytes]) -> bytes:
    manifest = {
        "format": "rosearch-run",
        "version": 1,
        "run": "example",
        "made": {
            "program": "", "commit": None, "preset": None, "began": 0.0, "seconds": 0.0, "device": "", "machine": None,
            "sources": [], "students": [],
        },
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in parts.items()},
    }  # fmt: skip
    return json.dumps(manifest).encode()


@st.composite
def _zips(draw: Draw) -> bytes:
    rows = draw(_changed(whole_run())) if draw(st.integers(0, 9)) else whole_run()
    parts = {ROWS: json.dumps(rows).encode(), f"tokenizers/{'0' * 16}/tokenizer.json": b"{}"}
    if draw(st.integers(0, 19)) == 0:
        parts[draw(st.sampled_from(["../x", "/tmp/x", "weights/../../x", "x.pkl", "codes/x"]) | TEXTS)] = b"x"
    manifest = json.loads(_manifest(parts))
    if draw(st.integers(0, 9)) == 0:
        manifest = draw(_changed(manifest))
    content = io.BytesIO()
    method = draw(st.sampled_from([zipfile.ZIP_STORED] + 9 * [zipfile.ZIP_DEFLATED] + [zipfile.ZIP_LZMA]))
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, part in {MANIFEST: json.dumps(manifest).encode(), **parts}.items():
            with contextlib.suppress(UnicodeEncodeError):
                archive.writestr(zipfile.ZipInfo(name.replace("\0", "") or "x"), part, method)
    whole = content.getvalue()
    return draw(_broken(whole)) if draw(st.integers(0, 9)) == 0 else whole


def _use_zip(content: bytes, folder: Path) -> None:
    path = folder / "run.zip"
    path.write_bytes(content)
    name = unpack(path)
    try:
        _read_run(name)
    finally:
        store = Store.write()
        store.delete_run(name)
        store.close()


def _read_run(name: str) -> None:
    """As `report --json`, `status` and the pages read it."""
    from app.cache import Ledger

    store = Store.read()
    try:
        run = store.run(name)
        what = summary(store, run, process.state(run))
        table_rows(what)
        ledger = Ledger(lambda known: store.students(run["id"], known))
        ledger.rows(1)
        ledger.steps(1)
        store.events(run["id"])
    finally:
        store.close()


# Rows of a store

COLUMNS = (
    "run.config", "run.name", "run.dataset", "run.teacher", "run.frame", "run.progress", "run.exit", "run.provenance",
    "run.pid", "run.created", "run.heartbeat", "run.active_seconds", "run.version", "run.host", "candidate.genome",
    "candidate.parents", "candidate.status", "candidate.told", "candidate.training", "candidate.seconds",
    "candidate.weights",
    "candidate.compression", "measurement.protocol", "measurement.held", "measurement.attacked", "measurement.accuracy",
    "measurement.purpose", "measurement.temperature", "measurement.floor", "attack_example.before", "event.text",
)  # fmt: skip


@st.composite
def _rows(draw: Draw) -> list[tuple[str, Any]]:
    value = st.one_of(
        VALUES.map(_as_json), TEXTS, st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=8)
    )
    return draw(st.lists(st.tuples(st.sampled_from(COLUMNS), value), min_size=1, max_size=2))


def _use_rows(changes: list[tuple[str, Any]], folder: Path) -> None:
    home = folder / "rows"
    if not (home / "rosearch.db").exists():
        with _environment(ROSEARCH_HOME=str(home)):
            home.mkdir()
            fill("good", students=5)
            fill("broken", students=9)
        with closing(sqlite3.connect(home / "rosearch.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (home / "kept").write_bytes((home / "rosearch.db").read_bytes())
    for rest in home.glob("rosearch.db*"):
        rest.unlink()
    (home / "rosearch.db").write_bytes((home / "kept").read_bytes())
    with closing(sqlite3.connect(home / "rosearch.db")) as database:
        for column, value in changes:
            table, name = column.split(".")
            which = "name='broken'" if table == "run" else "id > (SELECT max(id) - 3 FROM " + table + ")"
            with contextlib.suppress(sqlite3.Error, UnicodeEncodeError):
                database.execute(f"UPDATE {table} SET {name}=? WHERE {which}", (value,))
        database.commit()
    with _environment(ROSEARCH_HOME=str(home)):
        store = Store.read()
        try:
            known = store.runs()
            assert "good" in [run["name"] for run in known], "one broken run hides another"
            for run in known:
                process.state(run)
        finally:
            store.close()
        _read_run("good")
        _read_run("broken")


# Addresses of a store

_DRIVERS = st.sampled_from(
    ["sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg", "mysql", "oracle", "sqlite+aiosqlite", "x", ""]
)
_PART = st.text(string.ascii_letters + string.digits + "@:/?#[]%&=. \0é", max_size=10)


@st.composite
def _addresses(draw: Draw) -> str:
    secret = "s3cret!pw"
    host = draw(st.sampled_from(["", "127.0.0.1:1", "127.0.0.1:notaport", "[::1", "127.0.0.1:99999"]))
    user = draw(st.sampled_from(["", f"u:{secret}@", f"u:{secret}@x:y@"]))
    rest = draw(
        st.sampled_from(["", "/", "/x", "//x", "/:memory:", "/x?timeout=5", "/?", "/x?uri=true&mode=rwc"]) | _PART
    )
    return draw(st.just(f"{draw(_DRIVERS)}://{user}{host}{rest}") | TEXTS)


def _use_address(address: str, folder: Path) -> None:
    with contextlib.suppress(Exception):
        if (found := make_url(address)).get_backend_name() == "sqlite" and found.database:
            # Wherever it leads, it may: the person of this machine says so. Here it shall lead nowhere.
            address = (
                f"{found.drivername}:///{folder}/{hashlib.sha256(address.encode(errors='replace')).hexdigest()[:8]}"
            )
    with contextlib.chdir(folder), _without("s3cret"):
        Store.read(address).close()


@contextlib.contextmanager
def _without(secret: str) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        if secret in str(error):
            raise AssertionError("a password is shown") from error
        raise


KINDS: dict[str, Kind] = {
    "settings": Kind(_settings(), _use_settings),
    "config files": Kind(_config_files(), _use_config_file),
    "data files": Kind(_data_files(), _use_data_file),
    "names": Kind(TEXTS, _use_name),
    "recorded runs": Kind(_zips(), _use_zip),
    "rows": Kind(_rows(), _use_rows),
    "addresses": Kind(_addresses(), _use_address),
}
