"""Where resources live, and how one gets there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rosearch_engine.errors import UserError
from rosearch_engine.given import given_path

MANIFEST = ".manifest.json"
_STALE_SECONDS = 24 * 3600

Files = Mapping[str, int]
"""Files a folder must hold, each with the least size in bytes that can be right."""


class Absent(Exception):
    """A place does not have the resource, or what it has is damaged; the text is the reason."""


def home_path() -> Path:
    """Where `home` is or would be, for those who only look.

    Raises:
        UserError: if nothing can be called that.
    """
    return given_path(os.environ.get("ROSEARCH_HOME") or "~/.rosearch", "ROSEARCH_HOME").absolute()


def home() -> Path:
    """The folder that holds everything downloaded or produced: ROSEARCH_HOME, else ~/.rosearch.

    Raises:
        UserError: it cannot be created or written to.
    """
    folder = Path(os.environ.get("ROSEARCH_HOME") or "~/.rosearch")
    remedy = "Set ROSEARCH_HOME to a folder you may write to."
    try:
        folder = folder.expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError("ROSEARCH_HOME", f"{folder} cannot be created ({reason}).", remedy) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError("ROSEARCH_HOME", f"{folder} cannot be written to.", remedy)
    return folder


def resources_folder() -> Path:
    return home() / "resources"


@contextlib.contextmanager
def staging() -> Iterator[Path]:
    """A temporary folder on the resources' own disk, so that what it holds can be moved in one step."""
    root = resources_folder()
    root.mkdir(exist_ok=True)
    for left in root.glob(".staging-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".staging-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def fault(folder: Path, files: Files) -> str | None:
    """Why a folder does not hold its files whole, or None where it does. Looks at sizes only."""
    if not folder.is_dir():
        return "not found"
    for name, least in files.items():
        size = _size(folder / name)
        if size is None:
            return f"{name} is missing"
        if size < least:
            return f"{name} is damaged (too short)"
    manifest = _manifest(folder)
    for name, (size, _) in manifest.get("files", {}).items():
        if _size(folder / name) != size:
            return f"{name} is damaged"
    return None


def _size(path: Path) -> int | None:
    """Bytes of a file; None if it is none, or another process takes it away just now."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def install(stage: Path, folder: str, files: Files, source: str) -> None:
    """Move `stage/folder` to its place among the resources, with a manifest of sizes and SHA-256.

    Raises:
        Absent: the staged folder is not whole.
    """
    staged = stage / folder
    problem = fault(staged, files)
    if problem:
        raise Absent(problem)
    listed = {
        path.relative_to(staged).as_posix(): (path.stat().st_size, _sha256(path))
        for path in sorted(staged.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    manifest = json.dumps({"source": source, "files": listed}, indent=1)
    (staged / MANIFEST).write_text(manifest, encoding="utf-8")
    target = resources_folder() / folder
    target.parent.mkdir(parents=True, exist_ok=True)
    # Another process may install the same at the same time: one of them stays, whole.
    for attempt in range(5):
        if fault(target, files) is None:
            return
        if target.exists():
            with contextlib.suppress(OSError):
                os.replace(target, stage / f"old-{attempt}-{target.name}")
        try:
            os.replace(staged, target)
            return
        except OSError:
            if attempt == 4:
                raise


def copy_tree(source: Path, target: Path) -> None:
    """Copy files, following links, without permissions: a read-only source must not give a read-only copy."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.is_dir():
            copy_tree(path, target / path.name)
        elif path.name != MANIFEST:
            shutil.copyfile(path, target / path.name)


def source_of(folder: Path) -> str:
    """Where an installed folder came from, as its manifest says; empty where it has none."""
    return str(_manifest(folder).get("source", ""))


def digest(folder: Path, files: Files) -> str:
    """Sixteen hexadecimal digits over the content of a folder's files."""
    listed = _manifest(folder).get("files", {})
    contents = [(name, listed[name][1] if name in listed else _sha256(folder / name)) for name in sorted(files)]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:16]


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
