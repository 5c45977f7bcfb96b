"""Folders whose files are compared with their digests."""

from __future__ import annotations

from pathlib import Path

from rosearch_engine.sealed import SUMS, broken, seal


def test_a_folder_says_what_is_not_as_it_was(tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_bytes(b"content of " + name.encode())
    assert broken(tmp_path) is None, "it was never sealed"
    seal(tmp_path)
    assert broken(tmp_path) is None
    (tmp_path / "b.bin").write_bytes(b"content of c.bin")
    assert broken(tmp_path) == "b.bin"
    (tmp_path / "b.bin").unlink()
    assert broken(tmp_path) == "b.bin"
    (tmp_path / SUMS).write_bytes(b"\xff\xfe")
    assert broken(tmp_path) == SUMS
