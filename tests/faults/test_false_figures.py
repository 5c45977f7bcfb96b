"""Recorded runs whose digests are right and whose figures cannot be: each is refused whole, in a sentence."""

from __future__ import annotations

import copy
import io
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rosearch_engine.errors import UserError
from rosearch_engine.recorded.layout import MANIFEST, MOST_BYTES, MOST_IN_MEMORY, ROWS
from rosearch_engine.recorded.unpack import unpack
from rosearch_engine.store import Store
from tests.conftest import rosearch
from tests.fuzz.cases import packed, whole_run

Rows = dict[str, Any]


def student(rows: Rows) -> Rows:
    found: Rows = rows["candidates"][3]
    return found


def measured(rows: Rows) -> Rows:
    """What was measured of that student."""
    return next(row for row in rows["measurements"] if row["number"] == student(rows)["number"])


FALSE: dict[str, Callable[[Rows], object]] = {
    "nobody was attacked": lambda r: measured(r).update(attacked=0),
    "more held than were attacked": lambda r: measured(r).update(held=101),
    "a share that does not follow": lambda r: measured(r).update(robustness=0.99),
    "an accuracy above 1": lambda r: measured(r).update(accuracy=1.01),
    "an accuracy that is no number": lambda r: measured(r).update(accuracy=float("nan")),
    "an infinite count of queries": lambda r: measured(r).update(mean_queries=float("inf")),
    "a temperature of 0": lambda r: measured(r).update(temperature=0.0),
    "a protocol that says nothing": lambda r: measured(r).update(protocol={}),
    "a student that does not exist": lambda r: measured(r).update(number=99),
    "done and never told": lambda r: student(r).update(told=None),
    "told and still queued": lambda r: student(r).update(status="queued"),
    "done and never measured": lambda r: r["measurements"].remove(measured(r)),
    "a number twice": lambda r: student(r).update(number=2),
    "a place twice": lambda r: student(r).update(told=2),
    "a number below 0": lambda r: student(r).update(number=-3),
    "a number that no database has": lambda r: student(r).update(flops=10**30),
    "no parameters": lambda r: student(r).update(weights=0),
    "an infinite compression": lambda r: student(r).update(compression=float("inf")),
    "seconds that are a word": lambda r: student(r).update(seconds={"distil": "x"}),
    "an infinite end of an edge": lambda r: student(r)["genome"]["edges"].append([0, float("inf")]),
    "an edge from nowhere": lambda r: student(r)["genome"]["edges"].append([0, 99]),
    "a child before its parent": lambda r: student(r).update(parents=[8]),
    "a parent that is a word": lambda r: student(r).update(parents=["s0001"]),
    "a teacher without a size": lambda r: r["run"]["teacher"].update(weights={}),
    "a frame of no classes": lambda r: r["run"]["frame"].update(classes=0),
    "one class": lambda r: r["run"]["dataset"].update(classes=["a"]),
    "an end without a reason": lambda r: r["run"].update(exit={}),
    "a time before all times": lambda r: r["run"].update(created=float("-inf")),
    "settings that are none": lambda r: r["run"].update(config=[]),
    "a probability above 1": lambda r: measured(r)["examples"][0]["before"].update(probabilities=[2.0, -1.0]),
    "an outcome of its own": lambda r: measured(r)["examples"][0].update(outcome="won"),
    "half a character": lambda r: measured(r)["examples"][0]["before"].update(text="\ud83d"),
}


def zipped(path: Path, parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def refused(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        unpack(path)
    assert caught.value.field == "file"
    assert caught.value.remedy
    assert Store.read().runs() == []
    answer = rosearch("unpack", str(path), "--json")
    assert (answer.code, set(answer.json["error"])) == (2, {"field", "problem", "remedy"})
    return caught.value


@pytest.mark.parametrize("kind", FALSE)
def test_a_figure_that_cannot_be_is_refused(kind: str, home: Path, tmp_path: Path) -> None:
    rows = copy.deepcopy(whole_run())
    FALSE[kind](rows)
    assert rows != whole_run()
    refused(zipped(tmp_path / "false.zip", packed(rows)))


def test_the_same_figures_unchanged_are_taken(home: Path, tmp_path: Path) -> None:
    """Else the test before would find a refusal whatever was changed."""
    name = unpack(zipped(tmp_path / "true.zip", packed(whole_run())))
    assert rosearch("report", name, "--json").code == 0


def test_a_deeply_nested_part_is_refused(home: Path, tmp_path: Path) -> None:
    parts = packed(whole_run())
    for name in (ROWS, MANIFEST):
        refused(zipped(tmp_path / "deep.zip", {**parts, name: b'{"run":' + b"[" * 200_000}))


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_damaged_compression_is_refused(method: int, home: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "bent.zip", packed(whole_run()), method)
    content = bytearray(path.read_bytes())
    for place in range(200, len(content) - 600, 97):
        content[place] ^= 0xFF
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize(("part", "size"), [(ROWS, MOST_IN_MEMORY), (f"weights/{'0' * 64}.safetensors", MOST_BYTES)])
def test_a_small_file_that_holds_much_costs_no_memory(part: str, size: int, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    zeros = bytes(1 << 24)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in packed(whole_run()).items():
            if name != part:
                archive.writestr(name, content)
        with archive.open(part, "w", force_zip64=True) as stream:
            for _ in range(1 + size // len(zeros)):
                stream.write(zeros)
    assert path.stat().st_size < 20_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000, f"{grown} kB"


def test_a_part_that_holds_more_than_it_says_is_refused(home: Path, tmp_path: Path) -> None:
    """Sizes in the list of parts are the file's own word."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in packed(whole_run()).items():
            archive.writestr(name, part)
        size = archive.getinfo(ROWS).file_size
    whole = content.getvalue()
    changed = whole.replace(size.to_bytes(4, "little"), (size // 2).to_bytes(4, "little"))
    assert changed != whole
    (tmp_path / "lie.zip").write_bytes(changed)
    refused(tmp_path / "lie.zip")
