"""Small files that hold huge tables are refused in a sentence, and cost the process that asks for them nothing."""

from __future__ import annotations

import gzip
import json
import os
import resource
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from rosearch_engine import data, spawn
from rosearch_engine.config import DataConfig
from rosearch_engine.data import limits
from rosearch_engine.errors import UserError

LINE = b"a fine film for all of us,1\n"


def refusal(path: Path) -> str:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError) as error:
        data.preview(DataConfig(name=str(path)))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000, f"{grown} kB"
    assert error.value.field == "data.name"
    assert error.value.remedy
    return error.value.problem


def test_a_packed_file(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"text,label\n")
        for _ in range(1 + limits.MOST_BYTES // 28_000_000):
            file.write(LINE * 1_000_000)
    assert path.stat().st_size < 20_000_000
    assert "more than 500 MB" in refusal(path)


def test_a_sparse_file(tmp_path: Path) -> None:
    path = tmp_path / "sparse.csv"
    path.write_bytes(b"text,label\n")
    os.truncate(path, 2 * limits.MOST_BYTES)
    assert "more than 500 MB" in refusal(path)
    os.truncate(path, 10_000_000)
    assert "looks like UTF-16" in refusal(path)


def test_a_table_of_one_value(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    texts = pyarrow.array(["a fine film " * 25_000]).dictionary_encode()
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 20_000, pyarrow.int32()), texts.dictionary)
    table = pyarrow.table({"text": column, "label": pyarrow.array([0, 1] * 10_000)})
    pyarrow.parquet.write_table(table, path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 3_000_000
    assert "more than" in refusal(path)


def test_more_rows_than_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"label": pyarrow.nulls(limits.MOST_ROWS + 1)}), path)
    assert "5,000,001 rows" in refusal(path)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_more_columns_than_are_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"wide.{suffix}"
    names = [f"c{i}" for i in range(limits.MOST_COLUMNS + 1)]
    if suffix == "jsonl":  # each row with a name of its own
        path.write_text("".join(json.dumps({name: 1}) + "\n" for name in names))
    elif suffix == "csv":
        path.write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    else:
        pd.DataFrame([dict.fromkeys(names, 1)]).to_parquet(path)
    assert "501 columns" in refusal(path)


def test_a_reader_that_dies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text,label\n" + LINE * 20_000)
    monkeypatch.setattr(spawn, "command", lambda *_, **__: ["sh", "-c", "ulimit -v 10; exec cat /dev/zero"])
    assert "of memory to be read" in refusal(path)
