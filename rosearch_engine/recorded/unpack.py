"""Bringing a run's file into the store: everything is checked before anything is kept."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path

from filelock import FileLock
from sqlalchemy import select

from rosearch_engine import weights
from rosearch_engine.atomic import new_file, new_folder
from rosearch_engine.errors import UserError
from rosearch_engine.paths import code_path, tokenizer_folder, weights_path
from rosearch_engine.recorded.layout import MOST_IN_MEMORY, PARTS
from rosearch_engine.recorded.parcel import Parcel, read
from rosearch_engine.resources import home
from rosearch_engine.store.database import database
from rosearch_engine.store.models import Shipped
from rosearch_engine.store.neighbours import sign
from rosearch_engine.store.repo import Store
from rosearch_engine.store.whole import put_in
from rosearch_engine.weights.reading import lend_code, lend_tokenizer


def shipped() -> Path | None:
    """The file that comes with the program, or that ROSEARCH_RECORDED names; None where there is none."""
    named = os.environ.get("ROSEARCH_RECORDED")
    path = Path(__file__).with_name("demo.zip") if named is None else Path(named)
    return path if path.is_file() else None


def bring_shipped() -> str | None:
    """Bring the program's own recorded run into a store that never had it; returns its name if it was brought.

    Raises:
        UserError: if the file is damaged, or the store cannot be written.
    """
    path = shipped()
    if path is None:
        return None
    store = Store.read()
    with store.looking() as session:
        known = session.scalar(select(Shipped).limit(1))
    store.close()
    return unpack(path) if known is None else None


def unpack(path: Path) -> str:
    """Bring in a file's run, as a recorded one, with the weights that it holds; returns its name here.

    A name that is taken gets a number. The same file twice gives one run.

    Raises:
        UserError: if it is no such file, is damaged, or was made by a later version of this program; or if
            the place for weights cannot be used.
    """
    weights.require()
    parcel = read(path)
    with FileLock(home() / "unpack.lock"):
        store = Store.write()
        try:
            sign(database())
            files = {run["name"]: run["provenance"] and run["provenance"].get("file") for run in store.runs()}
            with _laid(parcel), store.transaction() as session:
                if path == shipped():
                    session.merge(Shipped(sha256=parcel.sha256))
                for name, file in files.items():
                    if file == parcel.sha256:
                        return name
                name = next(name for name in _names(parcel.manifest.run) if name not in files)
                made = parcel.manifest.made.model_dump() | {"file": parcel.sha256}
                put_in(session, parcel.whole, name, made, parcel.weights)
                return name
        finally:
            store.close()


def _names(wanted: str) -> Iterator[str]:
    yield wanted
    yield from (f"{wanted[:50]}-{number}" for number in count(2))


@contextmanager
def _laid(parcel: Parcel) -> Iterator[None]:
    """Lay a file's parts below the home folder; those that were not there before go again if what follows fails."""
    new: list[Callable[[], None]] = []
    try:
        is_here = weights.shelves()[0].is_home
        folders: dict[Path, dict[str, str]] = {}
        for part in parcel.kept:
            match = PARTS.fullmatch(part)
            assert match is not None
            if match["weights"] and not is_here:
                new += [] if weights.has(match["weights"]) else [partial(weights.drop, match["weights"])]
                weights.put(_content(parcel, part))
            elif match["weights"] or match["code"]:
                path = weights_path(match["weights"]) if match["weights"] else code_path(match["code"])
                new += [] if path.exists() else [partial(path.unlink, missing_ok=True)]
                with new_file(path) as draft:
                    _copy(parcel, part, draft)
                if match["code"]:
                    lend_code(match["code"])
            else:
                folders.setdefault(tokenizer_folder(match["tokenizer"]), {})[match["file"]] = part
        for folder, named in folders.items():
            if not folder.exists():
                new.append(partial(shutil.rmtree, folder))
                with new_folder(folder, keep=True) as draft:
                    for name, part in named.items():
                        _copy(parcel, part, draft / name)
            lend_tokenizer(folder.name)
        yield
    except BaseException as error:
        for undo in new:
            with suppress(UserError):  # of a place that cannot be used any more, nothing can be taken back
                undo()
        if isinstance(error, OSError):
            raise UserError(
                "file", f"it cannot be unpacked ({error.strerror}).", "Free some disk space and try again."
            ) from None
        raise


def _content(parcel: Parcel, part: str) -> bytes:
    """Weights, compared once more, as `_copy` does."""
    with parcel.part(part) as stream:
        content = stream.read(MOST_IN_MEMORY + 1)
    if len(content) > MOST_IN_MEMORY:
        raise UserError("file", f"'{part}' is too large.", "Get the file again; nothing was imported.")
    if hashlib.sha256(content).hexdigest() != parcel.manifest.files[part]:
        raise _has_changed()
    return content


def _copy(parcel: Parcel, part: str, to: Path) -> None:
    """Copy a part to a file, and compare it once more: the zip may have been replaced since it was read."""
    with parcel.part(part) as stream, to.open("wb") as file:
        shutil.copyfileobj(stream, file)
    with to.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != parcel.manifest.files[part]:
            raise _has_changed()


def _has_changed() -> UserError:
    return UserError("file", "it has just changed.", "Try again.")
