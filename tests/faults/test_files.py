"""Files: whole or not at all, compared with their digest when they are read, and never overwritten unasked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from app.uploads import keep
from rosearch_engine.checkpoints.load import load
from rosearch_engine.errors import UserError
from rosearch_engine.paths import weights_path
from rosearch_engine.recorded.pack import pack
from rosearch_engine.store import Store
from tests.conftest import Workshop, rosearch


def _weights(run: str) -> tuple[str, Path]:
    store = Store.read()
    student = next(row for row in store.students(store.run(run)["id"]) if row["weights_sha256"])
    return student["name"], weights_path(student["weights_sha256"] or "")


@pytest.mark.parametrize("place", [0.5, 0.9, -1])
def test_a_flipped_bit_in_a_students_weights_is_said(copied: str, tmp_path: Path, place: float) -> None:
    name, path = _weights(copied)
    content = bytearray(path.read_bytes())
    content[-1 if place < 0 else int(place * len(content))] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        load(Store.read(), copied, name)
    with pytest.raises(UserError, match="damaged"):
        pack(copied, tmp_path / "run.zip", students=[name])
    assert not (tmp_path / "run.zip").exists()


def test_weights_that_are_a_folder_are_said_to_be_damaged(copied: str) -> None:
    name, path = _weights(copied)
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match="damaged"):
        load(Store.read(), copied, name)


def test_pack_overwrites_nothing_unasked(calm: str, tmp_path: Path) -> None:
    path = tmp_path / "thesis.zip"
    path.write_text("years of work")
    with pytest.raises(UserError, match="there already"):
        pack(calm, path)
    refused = rosearch("pack", calm, "--to", str(path), "--json")
    assert (refused.code, refused.json["error"]["field"]) == (2, "to")
    assert path.read_text() == "years of work"
    assert rosearch("pack", calm, "--to", str(path), "--overwrite", "--json").code == 0
    assert path.read_bytes()[:2] == b"PK"


def test_an_upload_that_was_cut_off_before_is_written_again(home: Path) -> None:
    path = Path(keep("data.csv", b"text,label"))
    for damage in (b"text", b"", b"text,labem"):
        path.write_bytes(damage)
        assert Path(keep("data.csv", b"text,label")).read_bytes() == b"text,label"
    before = os.stat(path).st_ino
    assert keep("data.csv", b"text,label") == str(path)
    assert os.stat(path).st_ino == before, "one that is whole is left as it is"


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 0x40
    path.write_bytes(content)


def test_a_flipped_bit_of_the_teacher_is_said_and_of_its_outputs_is_made_good(copied: str, workshop: Workshop) -> None:
    from rosearch_engine.progress import Progress
    from rosearch_engine.search.context import prepare

    context = prepare(workshop.config, Progress())
    hidden = context.readings["plain"].corpus.teacher.hidden
    assert isinstance(hidden, np.memmap)
    outputs = Path(str(hidden.filename))
    whole = outputs.read_bytes()
    _flip(outputs)
    prepare(workshop.config, Progress())
    assert outputs.read_bytes() == whole, "made again"
    weights = context.teacher.folder / "model.safetensors"
    _flip(weights)
    with pytest.raises(UserError, match=r"cached copy is damaged.*model.safetensors.*Delete"):
        prepare(workshop.config, Progress())
    store = Store.write()
    run = store.run(copied)
    store.update_run(run["id"], teacher=dict(run["teacher"] or {}) | {"folder": str(weights.parent)})
    with pytest.raises(UserError, match=r"damaged.*model.safetensors"):
        load(Store.read(), copied, "teacher")
