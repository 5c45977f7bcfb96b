"""CSV, TSV, JSONL and Parquet files of the user's own."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import re
import zlib
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from rosearch_engine.data import values
from rosearch_engine.data.doubts import (
    refuse_glued,
    refuse_names_again,
    refuse_other_kinds,
    refuse_repeated_names,
)
from rosearch_engine.data.encoding import decode
from rosearch_engine.data.limits import MOST_BYTES, MOST_COLUMNS, check_bytes, check_shape
from rosearch_engine.data.table import Table
from rosearch_engine.errors import UserError

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz", ".parquet")

_QUOTE = '"'
_BATCH = 1024  # rows
_HEAD = 200  # bytes that tell what a file is
_OWN = {"parquet": b"PAR1", "gz": b"\x1f\x8b"}
# What pandas calls an index without a name.
_INDEX = re.compile(r"__index_level_\d+__")


def suffix_of(name: str) -> str | None:
    """The suffix that says how a file is read; None for a name without one of them."""
    lower = name.lower()
    return max((s for s in SUFFIXES if lower.endswith(s)), key=len, default=None)


def read(path: Path) -> Table:
    """Read a labelled file. Everything in a CSV or TSV file is text; nothing becomes a missing value.

    A CSV file is quoted in the usual way, with commas or semicolons. A TSV file is read without quoting, as
    data sets of sentences are written, unless its quotes are clearly those of a spreadsheet.

    Raises:
        UserError: no such file, or one that cannot be read.
    """
    suffix = suffix_of(path.name)
    if suffix is None:
        raise _error(f"{path.name} has an unknown file type.", f"Use one of: {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise _error(f"the file {path} does not exist.", "Check the path.")
    try:
        if path.stat().st_size == 0:
            raise _error(f"{path.name} is empty.", "Provide a file with a header line and labelled rows.")
        check_bytes(path.stat().st_size, path.name)
        with path.open("rb") as file:
            refuse_other_kinds(file.read(_HEAD), path.name, own=_OWN.get(suffix.rpartition(".")[2], b""))
        if suffix == ".parquet":
            frame, class_names = _parquet(path)
        else:
            text = _text(path, packed=suffix.endswith(".gz"))
            reader = {".csv": _csv, ".tsv": _tsv, ".jsonl": _jsonl}[suffix.removesuffix(".gz")]
            frame, class_names = reader(text, path.name), {}
    except OSError as error:
        raise _error(f"{path.name} cannot be read ({error.strerror or error}).", "Check the file.") from None
    if frame.empty:
        raise _error(f"{path.name} contains no rows.", "Provide a file with a header line and labelled rows.")
    check_shape(*frame.shape, path.name)
    frame.columns = [str(column).strip() for column in frame.columns]
    refuse_repeated_names(list(frame.columns))
    return Table(name=path.name, train=frame.reset_index(drop=True), class_names=class_names)


def _text(path: Path, packed: bool) -> str:
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _error(f"{path.name} is a damaged gzip file ({error}).", "Compress it again.") from None
    check_bytes(len(content), path.name)
    text = decode(content, path.name, "data.name")
    if not text.strip():
        raise _error(f"{path.name} is empty.", "Provide a file with a header line and labelled rows.")
    return text


def _csv(text: str, name: str) -> pd.DataFrame:
    header = text.lstrip().split("\n", 1)[0]
    separator = ";" if header.count(";") > header.count(",") else ","
    return _delimited(text, name, separator, csv.QUOTE_MINIMAL)


def _tsv(text: str, name: str) -> pd.DataFrame:
    rows = [line.rstrip("\r").split("\t") for line in text.split("\n") if line.strip("\r")]
    regular = all(len(row) == len(rows[0]) for row in rows)
    quoted = [cell for row in rows for cell in row if _QUOTE in cell]
    spreadsheet = bool(quoted) and all(_is_quoted(cell) for cell in quoted)
    as_quoted = spreadsheet or (bool(quoted) and not regular)
    return _delimited(text, name, "\t", csv.QUOTE_MINIMAL if as_quoted else csv.QUOTE_NONE)


def _is_quoted(cell: str) -> bool:
    """Whether a cell is wrapped in quotes with every quote inside it doubled."""
    inner = cell[1:-1].replace(_QUOTE * 2, "")
    return len(cell) >= 2 and cell[0] == cell[-1] == _QUOTE and _QUOTE not in inner


def _delimited(text: str, name: str, separator: str, quoting: Literal[0, 3]) -> pd.DataFrame:
    names = _names(text, separator, quoting)
    if len(names) <= 2 and names and names[0].lower().startswith("sep="):
        raise _error(f"{name} begins with a spreadsheet's line 'sep='.", "Delete that line.")
    check_shape(0, len(names), name)
    refuse_repeated_names([one.strip() for one in names])  # before pandas makes them differ
    try:
        frame = pd.read_csv(io.StringIO(text), sep=separator, quoting=quoting, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        problem = f"{name} cannot be read as a table ({reason})."
        raise _error(problem, "Fix the file there.") from None
    if not isinstance(frame.index, pd.RangeIndex):
        problem = f"{name} has rows with more cells than its header."
        raise _error(problem, "Quote the cells, or fix the header.")
    refuse_names_again(frame, name)
    if quoting == csv.QUOTE_MINIMAL and _QUOTE in text:
        refuse_glued(frame, text, name, separator)
    return frame


def _names(text: str, separator: str, quoting: Literal[0, 3]) -> list[str]:
    """The cells of the first line that is not blank; none where they cannot be told."""
    with contextlib.suppress(csv.Error):
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting):
            if cells:
                return cells
    return []


def _jsonl(text: str, name: str) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    names: set[str] = set()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except RecursionError:
            raise _error(f"{name}, line {number} is nested too deeply.", "Write text and numbers only.") from None
        except ValueError as error:
            raise _error(f"{name}, line {number} is not JSON ({error}).", "Fix that line.") from None
        if not isinstance(row, dict):
            raise _error(f"{name}, line {number} is not an object.", 'Write one {"text": …, "label": …} per line.')
        if "\\u" in line:
            row = {column: values.whole(cell) if isinstance(cell, str) else cell for column, cell in row.items()}
        names |= row.keys()
        if len(names) > MOST_COLUMNS:
            check_shape(len(rows), len(names), name)
        rows.append(row)
    return pd.DataFrame(rows, dtype=object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, whose names must differ: of two values for one name, which is meant is anybody's guess.

    A name with half of a character (a lone surrogate, which JSON may escape) could not be shown, nor asked for.
    """
    found = dict(pairs)
    for name in found:
        if any("\ud800" <= sign <= "\udfff" for sign in name):
            raise ValueError(f"{name!a} holds half of a character")
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in names if names.count(name) > 1)}' is there twice")
    return found


def _parquet(path: Path) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            facts = file.metadata
            check_shape(facts.num_rows, facts.num_columns, path.name)
            check_bytes(sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups)), path.name)
            refuse_repeated_names([name.strip() for name in file.schema_arrow.names])
            batches, size = [], 0
            # Values that repeat are written once: how much they are is seen only as they are read.
            for batch in file.iter_batches(_BATCH):
                batches.append(batch)
                size += batch.nbytes
                check_bytes(size, path.name)
            table = pyarrow.Table.from_batches(batches, file.schema_arrow)
        frame = table.to_pandas(ignore_metadata=True)
        index = [name for name in frame.columns if _INDEX.fullmatch(name)]
        return frame.drop(columns=index), _class_names((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    except UserError:
        raise
    except (pyarrow.ArrowMemoryError, MemoryError):
        raise
    except (pyarrow.ArrowException, ValueError, KeyError, TypeError, OverflowError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].replace(str(path), path.name)
        raise _error(f"{path.name} cannot be read as Parquet ({reason}).", "Write the file again.") from None


def _class_names(metadata: bytes) -> dict[str, tuple[str, ...]]:
    """Names of classes that the `datasets` library leaves in a Parquet file; none of what is written otherwise."""
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError):
        return {}
    for name in ("info", "features"):
        found = found.get(name) if isinstance(found, dict) else None
    features = found if isinstance(found, dict) else {}
    return {
        column: tuple(feature["names"])
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and _are_names(feature.get("names"))
    }


def _are_names(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and all(isinstance(name, str) for name in found)


def _error(problem: str, remedy: str) -> UserError:
    return UserError("data.name", problem, remedy)
