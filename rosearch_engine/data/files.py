"""CSV, TSV, JSONL and Parquet files of the user's own."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Literal

import pandas as pd

from rosearch_engine.data.doubts import refuse_glued, refuse_repeated_names
from rosearch_engine.data.encoding import decode
from rosearch_engine.data.table import Table
from rosearch_engine.errors import UserError

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz", ".parquet")

_QUOTE = '"'


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
    frame.columns = [str(column).strip() for column in frame.columns]
    refuse_repeated_names(list(frame.columns))
    return Table(name=path.name, train=frame.reset_index(drop=True), class_names=class_names)


def _text(path: Path, packed: bool) -> str:
    content = path.read_bytes()
    try:
        if packed:
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _error(f"{path.name} is a damaged gzip file ({error}).", "Compress it again.") from None
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
    try:
        frame = pd.read_csv(io.StringIO(text), sep=separator, quoting=quoting, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        problem = f"{name} cannot be read as a table ({reason})."
        raise _error(problem, "Fix the file there.") from None
    if not isinstance(frame.index, pd.RangeIndex):
        problem = f"{name} has rows with more cells than its header."
        raise _error(problem, "Quote the cells, or fix the header.")
    if quoting == csv.QUOTE_MINIMAL and _QUOTE in text:
        refuse_glued(frame, text, name, separator)
    return frame


def _jsonl(text: str, name: str) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _error(f"{name}, line {number} is not JSON ({error}).", "Fix that line.") from None
        if not isinstance(row, dict):
            raise _error(f"{name}, line {number} is not an object.", 'Write one {"text": …, "label": …} per line.')
        rows.append(row)
    return pd.DataFrame(rows, dtype=object)


def _parquet(path: Path) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
        return table.to_pandas(), _class_names((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    except (pyarrow.ArrowException, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0].replace(str(path), path.name)
        raise _error(f"{path.name} cannot be read as Parquet ({reason}).", "Write the file again.") from None


def _class_names(metadata: bytes) -> dict[str, tuple[str, ...]]:
    """Names of classes that the `datasets` library leaves in a Parquet file."""
    features = json.loads(metadata).get("info", {}).get("features", {})
    return {
        column: tuple(feature["names"])
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def _error(problem: str, remedy: str) -> UserError:
    return UserError("data.name", problem, remedy)
