"""How tables leave the app."""

from __future__ import annotations

import csv
import io

import pandas as pd

from app import formats

HOSTILE = ["=HYPERLINK(\"http://evil\",\"x\")", "=1+1", "@SUM(1)", "+1+1", "-2+3", "\t=1", "\r=1"]  # fmt: skip


def test_no_cell_or_header_is_a_formula() -> None:
    table = pd.DataFrame({"=1+1": HOSTILE, "size": [-1.5, 2, 3, 4, 5, 6, 7]})
    header, *rows = csv.reader(io.StringIO(formats.csv(table), newline=""))
    assert header == ["'=1+1", "size"]
    assert [row[0] for row in rows] == ["'" + text.replace("\r", "\n") for text in HOSTILE]
    assert float(rows[0][1]) == -1.5, "a number is a number"


def test_figures_have_sensible_digits() -> None:
    table = pd.DataFrame({"figure": [0.98765432, 12.3456789, 0.000012345678, 4_051_234.0, float("nan"), -0.5]})
    assert formats.csv(table).split()[1:] == ["0.9877", "12.3457", "1.235e-05", "4051234.0", '""', "-0.5"]


def test_other_texts_are_as_they_were() -> None:
    table = pd.DataFrame({"text": ["a film, \"funny\"", "naïve 🎬", "5 = 5"], "none": [None, 1, True]})  # fmt: skip
    _, *rows = csv.reader(io.StringIO(formats.csv(table), newline=""))
    assert [row[0] for row in rows] == ['a film, "funny"', "naïve 🎬", "5 = 5"]
