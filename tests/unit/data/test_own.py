"""Sentences that somebody brings: how they are read, picked, labelled, and what a mistake is called."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosearch_engine.attack.victim import softmax
from rosearch_engine.data import own
from rosearch_engine.data.own import Picked, Sentence
from rosearch_engine.data.table import Table
from rosearch_engine.errors import UserError
from rosearch_engine.live.sentences import uncalibrated

CLASSES = ("negative", "positive")


def table(**columns: list[object]) -> Table:
    return Table("mine", pd.DataFrame(columns, dtype=object))


def test_a_line_is_a_sentence_and_a_bar_parts_a_pair() -> None:
    rows = own.lines("a fine film\n\n  a dull one  \r\n", pair=False)
    assert own.take(rows, own.guess(rows), CLASSES)[0] == [Sentence("a fine film"), Sentence("a dull one")]
    pairs = own.lines("a man sleeps | he is awake\n", pair=True)
    found, _ = own.take(pairs, own.guess(pairs), CLASSES)
    assert found == [Sentence(("a man sleeps", "he is awake"))]


def test_labels_are_found_or_there_are_none() -> None:
    with_label = table(text=["a fine film", "a dull film"], label=["1", "negative"])
    assert own.guess(with_label) == Picked("text", None, "label")
    assert own.guess(table(remark=["a fine film", "a dull film"])) == Picked("remark", None, None)
    pair = table(premise=["a man sleeps"], hypothesis=["he is awake"])
    assert own.guess(pair) == Picked("premise", "hypothesis", None)


def test_rows_that_cannot_be_attacked_are_left_out_and_counted() -> None:
    rows = table(text=["fine", " ", None, "x" * 1001, "dull", "half \ud83d"], label=["1", "1", "0", "0", None, 0.0])
    found, left_out = own.take(rows, Picked("text", None, "label"), CLASSES, longest=1000)
    assert found == [Sentence("fine", "1"), Sentence("half ?", "0")]
    assert left_out == {"without text": 2, "longer than 1,000 characters": 1, "without a label": 1}


@pytest.mark.parametrize(("label", "number"), [("positive", 1), ("0", 0), ("1", 1)])
def test_a_class_is_written_by_name_or_number(label: str, number: int) -> None:
    assert own.class_of(label, CLASSES) == number


FILES = {
    "latin-1": ("mine.csv", "text,label\nun café,1\n".encode("latin-1"), "UTF-8"),
    "latin-1 lines": ("mine.txt", "un café\n".encode("latin-1"), "UTF-8"),
    "empty": ("mine.csv", b"", "empty"),
    "header only": ("mine.tsv", b"text\tlabel\n", "no rows"),
    "empty lines": ("mine.txt", b"\n \n", "no sentence"),
    "broken rows": ("mine.csv", b"text,label\na,1,2,3\nb\n", "more cells"),
    "broken quotes": ("mine.csv", b'text,label\n"a,1\nb,2\n', "cannot be read"),
    "broken JSON": ("mine.jsonl", b'{"text": "a"}\n{"text": \n', "line 2"),
    "damaged gzip": ("mine.csv.gz", gzip.compress(b"text,label\na,1\n" * 99)[:-9], "gzip"),
    "another kind": ("mine.xlsx", b"PK", ".csv"),
    "no Parquet": ("mine.parquet", b"nothing of the kind", "Parquet"),
    "no bar in a pair": ("pairs.txt", b"a | b\nc d\n", "line 2"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_named_as_the_file_with_a_remedy(name: str, tmp_path: Path) -> None:
    file, content, word = FILES[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError) as error:
        own.table(tmp_path / file, pair=file == "pairs.txt")
    assert error.value.field == "file"
    assert word in str(error.value)
    assert error.value.remedy
    assert str(tmp_path) not in str(error.value)


def test_a_label_that_is_no_class_names_its_row_and_the_classes() -> None:
    rows = table(text=["a fine film", "a dull film"], label=["positive", "lovely"])
    with pytest.raises(UserError, match="row 2: 'lovely'") as error:
        own.take(rows, Picked("text", None, "label"), CLASSES)
    assert error.value.field == "label"
    assert "negative, positive" in error.value.remedy
    with pytest.raises(UserError, match="measurement") as error:
        own.take(table(text=["a", "b"], label=["0.31", "0.7"]), Picked("text", None, "label"), CLASSES)
    assert error.value.field == "label"


@given(
    st.lists(st.floats(-9, 9), min_size=2, max_size=5).map(np.array),
    st.floats(0.2, 5.0),
)
def test_calibration_can_be_taken_back(logits: np.ndarray, temperature: float) -> None:
    calibrated = softmax(logits[None] / temperature)[0].tolist()
    np.testing.assert_allclose(uncalibrated(calibrated, temperature), softmax(logits[None])[0], rtol=1e-6, atol=1e-12)
