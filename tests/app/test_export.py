"""A student of a real run, taken away by the app, and loaded by the code that the app shows."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from app import export
from rosearch_engine.store import Store
from tests.conftest import elsewhere

BEFORE = """
import sys
try:
    import rosearch_engine
    sys.exit("the engine is here")
except ImportError:
    folder = sys.argv[1]
"""


def test_the_code_that_is_shown_loads_what_is_packed(calm: str, tmp_path: Path) -> None:
    store = Store.read()
    student = next(s for s in store.students(store.run(calm)["id"]) if s["knee"])
    checkpoint = export.checkpoint(calm, student["name"], student["weights_sha256"] or "")
    with zipfile.ZipFile(io.BytesIO(checkpoint.content)) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / f"{calm}-{student['name']}"
    assert {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*")} == checkpoint.files
    said = elsewhere(f"{BEFORE}\n{checkpoint.code}\nprint(tuple(logits.shape))", str(folder), folder=tmp_path)
    assert said.strip() == "(1, 2)"
    assert f"{student['accuracy']:.1%}" in checkpoint.prose
