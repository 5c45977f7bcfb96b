"""A real PostgreSQL server for tests: of Debian's package, in a folder of its own, reached by a socket in it alone."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

USERS = ("postgres", "nobody")  # it refuses to run as root


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`; None where there is no server."""
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which("initdb")
    folders += [Path(found).resolve().parent] if found else []
    return next((one for one in folders if (one / "initdb").exists() and (one / "postgres").exists()), None)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A server with an empty database `postgres`; yields the folder of its socket, and ends with the block."""
    folder = binaries()
    assert folder is not None
    owner = _owner()
    place = Path(tempfile.mkdtemp(prefix="rosearch-pg-", dir="/tmp"))
    try:
        if owner:
            os.chown(place, owner.pw_uid, owner.pw_gid)
        _run(owner, folder / "initdb", "-D", place / "data", "-A", "trust", "-U", "rosearch", "--no-sync")
        _start(place)
        try:
            yield str(place)
        finally:
            _run(owner, folder / "pg_ctl", "stop", "-D", place / "data", "-m", "immediate")
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def halted(socket: str) -> Iterator[None]:
    """The server is away, as if its machine had lost power, and back at the end of the block."""
    folder, place = binaries(), Path(socket)
    assert folder is not None
    _run(_owner(), folder / "pg_ctl", "stop", "-D", place / "data", "-m", "immediate")
    try:
        yield
    finally:
        _start(place)


def _start(place: Path) -> None:
    folder = binaries()
    assert folder is not None
    # Commits are on the disk, so that a server that is halted comes back with them.
    options = f"-k {place} -h '' -c max_connections=40"
    start = ("-D", place / "data", "-o", options, "-l", place / "log", "-w", "-t", "60")
    _run(_owner(), folder / "pg_ctl", "start", *start)


def address(socket: str, database: str = "postgres") -> str:
    return f"postgresql+psycopg://rosearch@/{database}?host={socket}"


def _owner() -> pwd.struct_passwd | None:
    """Who runs the server: this process's user, or where that is root, another one."""
    if os.getuid():
        return None
    for name in USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError(f"none of the users {USERS} is on this machine")


def _run(owner: pwd.struct_passwd | None, *command: str | Path) -> None:
    ended = subprocess.run(
        [str(part) for part in command],
        user=owner.pw_uid if owner else None,
        group=owner.pw_gid if owner else None,
        extra_groups=[] if owner else None,
        cwd="/tmp",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
