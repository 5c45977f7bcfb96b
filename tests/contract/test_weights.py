"""Weights lie where `ROSEARCH_WEIGHTS` says, and nothing else is different: in the home folder, on a folder that
machines share, and on file systems of fsspec's."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from rosearch_engine import weights
from rosearch_engine.config import RunConfig
from rosearch_engine.errors import UserError
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from rosearch_engine.store.neighbours import sign
from rosearch_engine.weights import shelf as shelf_module
from rosearch_engine.weights.places import Folder, Place, Remote
from tests.conftest import ROOT, rosearch
from tests.faults.test_full_disk import OWN_MOUNTS, can_mount
from tests.unit.store.test_store import add, finish

ELSEWHERE = ("folder", "file", "memory")
CONTENT = b"what a student learnt" * 1000
DIGEST = sha256(CONTENT).hexdigest()
ENDED = {"reason": "stopped", "message": "", "time": 0.0}
mounts = pytest.mark.skipif(not can_mount(), reason="no tmpfs can be mounted here (unshare, user namespaces)")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Address of an empty place of a kind, or none for the home folder's own."""
    name = f"test-{secrets.token_hex(8)}"
    folder = tmp_path / "shared" / name
    kinds = {"home": "", "folder": str(folder), "file": f"file://{folder}", "memory": f"memory://{name}/weights"}
    yield kinds.__getitem__
    memory = fsspec.filesystem("memory")
    if memory.exists(name):
        memory.rm(name, recursive=True)


@pytest.fixture
def at(home: Path, address: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], weights.Shelf]:
    """Puts a place of a kind in force, over an empty home folder."""

    def enter(kind: str) -> weights.Shelf:
        monkeypatch.setenv("ROSEARCH_WEIGHTS", address(kind))
        return weights.shelves()[0]

    return enter


# A place


@pytest.fixture(params=["folder", "fsspec, moved", "fsspec, put"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Every kind of place: drafts that are moved, on fsspec's local file system; an object store's put, in memory."""
    root = tmp_path / "place"
    if request.param == "folder":
        yield Folder(root)
    elif request.param == "fsspec, moved":
        yield Remote(LocalFileSystem(), str(root), "local", puts_whole=False)
    else:
        name = f"/test-{secrets.token_hex(8)}"
        yield Remote(MemoryFileSystem(), name, "memory", puts_whole=True)
        MemoryFileSystem().rm(name, recursive=True)


def test_a_place_keeps_files_by_name(place: Place) -> None:
    assert place.ages() == place.ages("notes") == {}
    assert not place.has("a.safetensors")
    with pytest.raises(FileNotFoundError):
        place.get("a.safetensors")
    place.put("a.safetensors", b"one")
    place.put("notes/b", b"")
    place.put("a.safetensors", b"two")
    place.put(".hidden", b"a draft that was left behind")
    assert (place.get("a.safetensors"), place.get("notes/b")) == (b"two", b"")
    assert place.has("a.safetensors")
    assert list(place.ages()) == ["a.safetensors"], "neither folders nor drafts"
    assert list(place.ages("notes")) == ["b"]
    age = place.ages()["a.safetensors"]
    assert age is not None
    assert -2 < age < 60
    place.remove("a.safetensors")
    place.remove("a.safetensors")
    assert not place.has("a.safetensors")
    place.remove("notes/b")


def test_a_file_is_seen_whole_while_it_is_written_over(place: Place) -> None:
    contents = [letter * 300_000 for letter in (b"a", b"b")]
    place.put("a", contents[0])
    is_over = threading.Event()

    def write() -> None:
        for number in range(60):
            place.put("a", contents[number % 2])
        is_over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not is_over.is_set():
        seen.add(place.get("a"))
    writer.join()
    seen.add(place.get("a"))
    assert seen <= set(contents)
    assert list(place.ages()) == ["a"]


@mounts
@pytest.mark.parametrize("make", ["Folder(root)", "Remote(LocalFileSystem(), str(root), 'local', puts_whole=False)"])
@pytest.mark.parametrize("address", ["", "file:///place"])
def test_a_full_folder_keeps_what_it_has_and_no_half_a_file(make: str, address: str, tmp_path: Path) -> None:
    script = f"""
import os, subprocess, sys
from pathlib import Path
from fsspec.implementations.local import LocalFileSystem
from rosearch_engine.errors import UserError, is_full_disk
from rosearch_engine.weights.places import Folder, Remote
from rosearch_engine.weights.shelf import Shelf
root = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", root], check=True)
shelf = Shelf({make}, sys.argv[2])
shelf.put("first", b"x" * 400_000)
try:
    shelf.put("second", b"y" * 900_000)
except UserError as error:
    assert error.field == "ROSEARCH_WEIGHTS" and "is full" in error.problem, error
    print("told")
except OSError as error:
    assert is_full_disk(error), error
    print("raised")
assert os.listdir(root) == ["first"], os.listdir(root)
assert shelf.get("first") == b"x" * 400_000
"""
    ended = subprocess.run(
        [*OWN_MOUNTS, sys.executable, "-c", script, str(tmp_path), address],
        env=os.environ | {"PYTHONPATH": str(ROOT), "ROSEARCH_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == ("told" if address else "raised")


# Weights


@pytest.mark.parametrize("kind", ["home", *ELSEWHERE])
def test_weights_are_put_read_and_dropped(at: Callable[[str], weights.Shelf], home: Path, kind: str) -> None:
    shelf = at(kind)
    weights.require()
    assert shelf.ages() == {}, "the look leaves nothing behind"
    assert not weights.has(DIGEST)
    assert weights.put(CONTENT) == DIGEST
    assert weights.has(DIGEST)
    assert list(shelf.ages()) == [f"{DIGEST}.safetensors"]
    assert weights.read(DIGEST, "s0001") == CONTENT
    assert (home / "weights").exists() == (kind == "home")
    weights.drop(DIGEST)
    assert not weights.has(DIGEST)
    with pytest.raises(UserError, match=r"the weights of s0002 are missing"):
        weights.read("ab" * 32, "s0002")


@pytest.mark.parametrize("kind", ["home", *ELSEWHERE])
@pytest.mark.parametrize("damage", [CONTENT[:-1], CONTENT[:-1] + b"?", b""])
def test_damaged_weights_are_said_and_putting_them_again_mends_them(
    at: Callable[[str], weights.Shelf], kind: str, damage: bytes
) -> None:
    shelf = at(kind)
    weights.put(CONTENT)
    shelf.put(weights.file_name(DIGEST), damage)
    with pytest.raises(UserError, match=r"s0001 are damaged \(their content.* is not what was saved\)") as found:
        weights.read(DIGEST, "s0001")
    assert found.value.field == "student"
    assert ("where ROSEARCH_WEIGHTS says" in found.value.problem) == (kind != "home")
    assert shelf.place.shown not in str(found.value), "visitors of a demo read this, too"
    weights.put(CONTENT)
    assert weights.read(DIGEST, "s0001") == CONTENT


def test_what_another_machine_has_is_fetched_once(
    at: Callable[[str], weights.Shelf], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = at("memory")
    contents = [bytes([number]) * 100 for number in range(4)]
    digests = [weights.put(content) for content in contents]
    cache = home / "cached-weights"
    assert weights.read(digests[0], "s0001") == contents[0]
    shelf.remove(weights.file_name(digests[0]))
    assert weights.read(digests[0], "s0001") == contents[0]
    shelf.put(weights.file_name(digests[0]), contents[0])
    (cache / weights.file_name(digests[0])).write_bytes(b"a damaged copy")
    assert weights.read(digests[0], "s0001") == contents[0]
    assert (cache / weights.file_name(digests[0])).read_bytes() == contents[0]
    monkeypatch.setattr(weights, "_CACHED", 2)
    for age, digest in zip((300, 200), digests, strict=False):
        weights.read(digest, "s0001")
        file = cache / weights.file_name(digest)
        os.utime(file, (file.stat().st_atime, file.stat().st_mtime - age))
    weights.read(digests[0], "s0001")  # which makes the other one the older
    weights.read(digests[2], "s0001")
    kept = {file.name for file in cache.iterdir()}
    assert kept == {weights.file_name(digests[0]), weights.file_name(digests[2])}


def test_a_home_folder_that_keeps_no_copies_is_no_reason_to_fail(
    at: Callable[[str], weights.Shelf], home: Path
) -> None:
    at("memory")
    weights.put(CONTENT)
    (home / "cached-weights").write_text("a file where the folder would be")
    assert weights.read(DIGEST, "s0001") == CONTENT


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_weights_from_before_are_still_found(at: Callable[[str], weights.Shelf], kind: str) -> None:
    at("home")
    weights.put(CONTENT)
    at(kind)
    assert not weights.has(DIGEST)
    assert weights.read(DIGEST, "s0001") == CONTENT


def test_a_place_that_cannot_be_read_is_said(at: Callable[[str], weights.Shelf], tmp_path: Path) -> None:
    shelf = at("folder")
    weights.put(CONTENT)
    shutil.rmtree(shelf.place.shown)
    Path(shelf.place.shown).write_text("a file where the folder was")
    with pytest.raises(UserError, match=r"the weights of s0001 cannot be read\. .*doctor") as found:
        weights.read(DIGEST, "s0001")
    assert shelf.place.shown not in str(found.value)
    assert "Not a directory" in str(found.value.__cause__)


# Addresses that cannot be used


def _is_missing(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(module) is not None, reason=f"{module} is installed")


SECRET = "hunter2"
REFUSED = [
    pytest.param("s3://bucket/folder", r"s3fs is not installed.* Install s3fs", marks=_is_missing("s3fs")),
    pytest.param(f"s3://key:{SECRET}@bucket/f", r"s3://key:\*\*\*@bucket/f cannot", marks=_is_missing("s3fs")),
    pytest.param(f"sftp://ann:{SECRET}@host/f", r"paramiko is not installed", marks=_is_missing("paramiko")),
    ("nowhere://bucket/folder", "no file system is known for 'nowhere'"),
    (f"nowhere://ann:{SECRET}@bucket/folder?token={SECRET}", r"nowhere://ann:\*\*\*@bucket/folder\?…: no file"),
    ("s3:/bucket/folder", "'s3:…' is neither a folder nor an address"),
    (f"s3:{SECRET}@bucket", "'s3:…' is neither"),
    ("memory://", "names no folder"),
    ("file:///", "names no folder"),
    ("simplecache::memory://a", "names no folder|is neither"),
    (f"ftp://ann:{SECRET}@127.0.0.1:1/folder", r"ftp://ann:\*\*\*@127.0.0.1:1/folder cannot be used \(.*refused"),
    (f"http://127.0.0.1:1/f?key={SECRET}", r"http://127.0.0.1:1/f\?… cannot be"),
    ("/dev/null", "/dev/null cannot be written to"),
    ("/proc/nothing", "/proc/nothing cannot be written to"),
]


@pytest.mark.parametrize(("bad", "words"), REFUSED)
def test_an_address_that_cannot_be_used_is_said_without_its_secrets(
    home: Path, monkeypatch: pytest.MonkeyPatch, bad: str, words: str
) -> None:
    monkeypatch.setenv("ROSEARCH_WEIGHTS", bad)
    with pytest.raises(UserError, match=words) as found:
        weights.require()
    assert found.value.field == "ROSEARCH_WEIGHTS"
    assert found.value.remedy
    assert SECRET not in str(found.value)
    assert SECRET not in weights.where()


@pytest.mark.parametrize("command", ["check", "search", "search --detach", "unpack", "doctor"])
def test_commands_say_so_before_anything_is_made(home: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("ROSEARCH_WEIGHTS", f"nowhere://ann:{SECRET}@bucket/folder")
    arguments = {"unpack": [str(home / "run.zip")]}.get(command, [])
    said = rosearch(*command.split(), *arguments, "--json")
    assert SECRET not in said.out + said.err
    if command == "doctor":
        assert (said.code, said.json["weights"]["ready"]) == (0, False)
        assert "nowhere://ann:***@bucket/folder: no file system is known" in said.json["weights"]["note"]
        assert "no file system is known" in rosearch("doctor").out
        return
    assert (said.code, said.json["error"]["field"]) == (2, "ROSEARCH_WEIGHTS")
    assert Store.read().runs() == []


@pytest.mark.parametrize("kind", ["home", *ELSEWHERE])
def test_doctor_says_where_weights_lie(at: Callable[[str], weights.Shelf], kind: str) -> None:
    shelf = at(kind)
    said = rosearch("doctor", "--json").json["weights"]
    assert said["ready"] is True
    assert said["place"] == (None if kind == "home" else os.environ["ROSEARCH_WEIGHTS"])
    assert shelf.ages() == {}


def test_a_server_that_never_answers_is_not_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("ROSEARCH_WEIGHTS", f"ftp://127.0.0.1:{server.getsockname()[1]}/folder")
        monkeypatch.setattr(shelf_module, "PATIENCE", 1.0)
        with pytest.raises(UserError, match=r"cannot be used \(it has not answered in 1 seconds\)"):
            weights.require()


@mounts
def test_a_folder_that_may_not_be_written_to_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o555)
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)  # in a user namespace, root is nobody to other people's files
    ended = subprocess.run(
        ["unshare", "--map-root-user", sys.executable, "-m", "rosearch_engine", "check", "--json"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "ROSEARCH_HOME": str(tmp_path), "ROSEARCH_WEIGHTS": str(folder)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2, ended.stderr
    assert f"{folder} cannot be written to (Permission denied)" in ended.stdout
    assert "Traceback" not in ended.stderr


# Deletion


def fill(monkeypatch: pytest.MonkeyPatch, store_file: Path | None, *contents: bytes) -> Store:
    """A run with students of these weights in a store, which is in force from then on."""
    monkeypatch.setenv("ROSEARCH_STORE", f"sqlite:///{store_file}" if store_file else "")
    store = Store.write()
    sign(os.environ["ROSEARCH_STORE"] or f"sqlite:///{os.environ['ROSEARCH_HOME']}/rosearch.db")
    run_id = store.create_run("mine", RunConfig())
    for number, content in enumerate(contents, 1):
        finish(store, add(store, run_id, number), number, sha256=weights.put(content))
    store.update_run(run_id, exit=ENDED)
    return store


@pytest.fixture
def _old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are old enough to be deleted as soon as they are written."""
    monkeypatch.setattr(process, "START_WITHIN", -60.0)


@pytest.mark.usefixtures("_old")
@pytest.mark.parametrize("kind", ["home", *ELSEWHERE])
def test_a_deleted_runs_weights_are_deleted_and_no_others(
    at: Callable[[str], weights.Shelf], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    shelf = at(kind)
    store = fill(monkeypatch, None, CONTENT, b"of two runs")
    other = store.create_run("other", RunConfig())
    finish(store, add(store, other, 1), 1, sha256=sha256(b"of two runs").hexdigest())
    process.remove("mine")
    assert list(shelf.ages()) == [weights.file_name(sha256(b"of two runs").hexdigest())]


@pytest.mark.parametrize("kind", ["home", *ELSEWHERE])
def test_weights_too_young_to_delete_are_swept_later(
    at: Callable[[str], weights.Shelf], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    shelf = at(kind)
    fill(monkeypatch, None, CONTENT)
    process.remove("mine")
    assert set(shelf.ages()) == {weights.file_name(DIGEST), f"{DIGEST}.left"}, "another search may just have written it"
    monkeypatch.setattr(process, "START_WITHIN", -60.0)
    fill(monkeypatch, None)
    process.remove("mine")
    assert shelf.ages() == {}


@pytest.mark.usefixtures("_old")
def test_weights_from_before_are_deleted_too(
    at: Callable[[str], weights.Shelf], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    at("home")
    fill(monkeypatch, None, CONTENT)
    at("folder")
    process.remove("mine")
    assert list((home / "weights").iterdir()) == []


@pytest.mark.usefixtures("_old")
@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_another_store_has_is_not_deleted(
    at: Callable[[str], weights.Shelf], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    shelf = at(kind)
    fill(monkeypatch, tmp_path / "a.db", CONTENT)
    fill(monkeypatch, None, CONTENT, b"own")  # the home folder's own store needs no note there, but here
    process.remove("mine")
    assert list(shelf.ages()) == [weights.file_name(DIGEST)]
    monkeypatch.setenv("ROSEARCH_STORE", f"sqlite:///{tmp_path / 'a.db'}")
    process.remove("mine")
    assert shelf.ages() == {}, "the last one that has it deletes it"


@pytest.mark.usefixtures("_old")
@pytest.mark.parametrize("kind", ELSEWHERE)
@pytest.mark.parametrize("change", ["gone", "replaced", "damaged"])
def test_what_a_store_that_cannot_be_asked_may_have_is_kept(
    at: Callable[[str], weights.Shelf], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, change: str
) -> None:
    shelf = at(kind)
    theirs = tmp_path / "theirs" / "a.db"
    theirs.parent.mkdir()
    fill(monkeypatch, theirs, CONTENT).close()
    if change == "damaged":
        theirs.write_bytes(b"damaged" * 1000)
    else:
        shutil.move(theirs.parent, tmp_path / "another machine")
    if change == "replaced":  # a machine has a store of its own under the same path
        theirs.parent.mkdir()
        fill(monkeypatch, theirs)
        process.remove("mine")
    fill(monkeypatch, None, CONTENT)
    process.remove("mine")
    assert list(shelf.ages()) == [weights.file_name(DIGEST)]


@pytest.mark.usefixtures("_old")
def test_no_note_holds_a_password_and_a_servers_weights_are_in_use(
    at: Callable[[str], weights.Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = at("folder")
    sign(f"postgresql+psycopg://ann:{SECRET}@host/db")
    (note,) = shelf.ages("stores")
    assert shelf.get(f"stores/{note}") == b""
    sign("postgresql+psycopg://ann:another@host/db")
    assert list(shelf.ages("stores")) == [note], "a new password is no new store"
    fill(monkeypatch, None, CONTENT)
    process.remove("mine")
    assert list(shelf.ages()) == [weights.file_name(DIGEST)]


def test_a_run_is_not_deleted_while_its_weights_cannot_be(
    at: Callable[[str], weights.Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    at("folder")
    fill(monkeypatch, None, CONTENT)
    monkeypatch.setenv("ROSEARCH_WEIGHTS", "nowhere://bucket/folder")
    with pytest.raises(UserError, match="no file system is known"):
        process.remove("mine")
    assert [run["name"] for run in Store.read().runs()] == ["mine"]


# All that uses weights


@pytest.fixture
def moved(calm: str, workshop: Any, tmp_path: Path, address: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The calm run, its weights in a place of a kind."""
    from tests.conftest import copy_home

    def move(kind: str) -> weights.Shelf:
        own = tmp_path / "copied"
        copy_home(workshop.home, own)
        monkeypatch.setenv("ROSEARCH_HOME", str(own))
        monkeypatch.setenv("ROSEARCH_WEIGHTS", address(kind))
        for file in (own / "weights").iterdir():
            assert weights.put(file.read_bytes()) == file.stem
        shutil.rmtree(own / "weights")
        return weights.shelves()[0]

    return move


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_students_are_loaded_packed_and_unpacked(
    moved: Any, calm: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rosearch_engine.checkpoints.load import load
    from rosearch_engine.recorded.pack import pack
    from rosearch_engine.recorded.unpack import unpack

    shelf = moved(kind)
    store = Store.read()
    student = next(row for row in store.students(store.run(calm)["id"]) if row["weights_sha256"])
    loaded = load(store, calm, student["name"])
    assert loaded.facts is not None
    before = set(shelf.ages())
    pack(calm, tmp_path / "run.zip", students=[student["name"]])
    name = unpack(tmp_path / "run.zip")
    (added,) = set(shelf.ages()) - before
    assert load(store, name, student["name"]).facts is not None
    assert len(shelf.ages("tokenizers")) == 1
    monkeypatch.setattr(process, "START_WITHIN", -60.0)
    process.remove(name)
    assert added not in shelf.ages()
    shelf.put(weights.file_name(student["weights_sha256"] or ""), b"damaged")
    shutil.rmtree(Path(os.environ["ROSEARCH_HOME"]) / "cached-weights", ignore_errors=True)
    with pytest.raises(UserError, match=r"damaged.*is not what was saved"):
        load(store, calm, student["name"])


def test_a_parcel_that_does_not_go_into_the_store_leaves_nothing(
    moved: Any, calm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rosearch_engine.recorded import unpack
    from rosearch_engine.recorded.pack import pack

    shelf = moved("memory")
    pack(calm, tmp_path / "run.zip")
    before = set(shelf.ages())

    def fail(*_: Any) -> None:
        raise UserError("database", "it is full.", "Free some room.")

    monkeypatch.setattr(unpack, "put_in", fail)
    with pytest.raises(UserError, match="it is full"):
        unpack.unpack(tmp_path / "run.zip")
    assert set(shelf.ages()) == before


def test_what_one_home_searched_another_one_exports_and_attacks(
    workshop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*workshop.settings, 'space.codes=["characters"]', "space.vocabulary=words", "search.candidates=2"]
    homes, shared = [tmp_path / name for name in ("one", "two")], tmp_path / "shared"
    monkeypatch.setenv("ROSEARCH_STORE", f"sqlite:///{tmp_path / 'store.db'}")
    monkeypatch.setenv("ROSEARCH_WEIGHTS", str(shared))
    monkeypatch.setenv("ROSEARCH_HOME", str(homes[0]))
    searched = rosearch("search", "--run", "both", "--json", *(part for one in settings for part in ("--set", one)))
    assert searched.code == 0, searched.err
    assert not (homes[0] / "weights").exists()
    exported = []
    for place in homes:
        monkeypatch.setenv("ROSEARCH_HOME", str(place))
        said = rosearch("export", "both/s0001", "--to", str(tmp_path / f"of {place.name}"), "--json")
        assert said.code == 0, said.out + said.err
        exported.append({file.name: file.read_bytes() for file in (tmp_path / f"of {place.name}").iterdir()})
    assert exported[0] == exported[1]
    attacked = rosearch("attack", "both/s0001", "--text", "a warm and funny film", "--recipe", "pwws", "--json")
    assert attacked.code == 0, attacked.out + attacked.err
    assert rosearch("pack", "both", "--to", str(tmp_path / "both.zip"), "--json").code == 0
    monkeypatch.setattr(process, "START_WITHIN", -60.0)
    assert rosearch("delete", "both", "--yes", "--json").code == 0
    assert list(shared.glob("*.safetensors")) == []
