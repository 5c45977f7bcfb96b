"""Data sets: every format, every error, and parts that are disjoint, fair and the same for the same seed."""

from __future__ import annotations

import collections
import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rosearch_engine import data
from rosearch_engine.config import DataConfig
from rosearch_engine.data import files, hub, split
from rosearch_engine.data.held_out import load_held_out
from rosearch_engine.errors import UserError
from tests.conftest import ROOT, SHARED, added


def rows(
    count: int, classes: tuple[object, ...] = ("good", "bad"), text: str = "text", label: str = "label"
) -> list[dict[str, Any]]:
    """Different sentences of 3 to 12 words, the classes in turn."""
    draw = random.Random(count)
    return [
        {
            text: f"number {i} " + " ".join(draw.choices(["film", "plot", "Cast", "null", "the"], k=1 + i % 10)),
            label: classes[i % len(classes)],
        }
        for i in range(count)
    ]


def write(path: Path, table: list[dict[str, Any]]) -> Path:
    frame = pd.DataFrame(table)
    if path.name.endswith(".parquet"):
        frame.to_parquet(path)
    elif ".jsonl" in path.name:
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, sep="\t" if ".tsv" in path.name else ",", index=False)
    return path


def config(path: Path | str, **values) -> DataConfig:
    return DataConfig(name=str(path), **values)


def everything(path: Path, **values) -> dict[str, data.Split]:
    dataset = data.load(config(path, **values))
    return {
        "distillation": dataset.distillation,
        "validation": dataset.validation,
        "search_attack": dataset.search_attack,
        "held_out": load_held_out(config(path, **values)),
    }


def problem(path: Path | str, **values) -> UserError:
    with pytest.raises(UserError) as error:
        data.load(config(path, **values))
    return error.value


# Formats


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_every_format_gives_the_same_rows(suffix, tmp_path):
    table = rows(60)
    parts = everything(write(tmp_path / f"mine{suffix}", table))
    found = {text: label for part in parts.values() for text, label in zip(part.texts, part.labels, strict=True)}
    assert found == {row["text"]: ["bad", "good"].index(row["label"]) for row in table}


def test_all_formats_have_one_fingerprint_wherever_they_lie(tmp_path):
    (tmp_path / "deeper").mkdir()
    names = ["a.csv", "deeper/b.tsv.gz", "c.jsonl", "deeper/d.parquet"]
    prints = {data.load(config(write(tmp_path / name, rows(60)))).fingerprint for name in names}
    assert len(prints) == 1
    assert all(len(digits) == 16 for digits in prints)


def test_a_relative_path_and_a_home_path_work(tmp_path, monkeypatch):
    write(tmp_path / "mine.csv", rows(60))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data.load(config("mine.csv")).fingerprint == data.load(config("~/mine.csv")).fingerprint


def test_a_csv_file_may_use_semicolons_quotes_and_a_byte_order_mark(tmp_path):
    lines = ["text;label"] + [f'"one; ""two"" {i}, three four";{i % 2}' for i in range(60)]
    (tmp_path / "mine.csv").write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    parts = everything(tmp_path / "mine.csv")
    assert 'one; "two" 7, three four' in [text for part in parts.values() for text in part.texts]


def test_a_tsv_file_keeps_its_quotes_and_the_word_null(tmp_path):
    lines = ["text\tlabel"] + [f'"unclosed and null {i}\t{i % 2}' for i in range(60)] + ["null\t1", "NA\t0"]
    (tmp_path / "mine.tsv").write_text("\n".join(lines), encoding="utf-8")
    texts = [text for part in everything(tmp_path / "mine.tsv").values() for text in part.texts]
    assert {'"unclosed and null 7', "null", "NA"} <= set(texts)


@pytest.mark.parametrize("inside", ['say ""yes"" {}', "two\tcells {}", "two\nlines {}"])
def test_a_tsv_file_of_a_spreadsheet_is_read_with_its_quoting(inside, tmp_path):
    lines = ["text\tlabel"] + [f'"{inside.format(i)} and on"\t{i % 2}' for i in range(60)]
    (tmp_path / "mine.tsv").write_text("\n".join(lines), encoding="utf-8")
    texts = [text for part in everything(tmp_path / "mine.tsv").values() for text in part.texts]
    plain = " ".join(inside.replace('""', '"').format(7).split())
    assert f"{plain} and on" in texts


def test_names_of_classes_in_a_parquet_file_give_the_order(tmp_path):
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["World", "Sports", "Art"])}
    )
    table = {"text": [row["text"] for row in rows(90)], "label": [i % 3 for i in range(89)] + [-1]}
    datasets.Dataset.from_dict(table, features=features).to_parquet(str(tmp_path / "mine.parquet"))
    dataset = data.load(config(tmp_path / "mine.parquet"))
    assert dataset.classes == ("World", "Sports", "Art")
    assert dataset.dropped == {"without a label": 1}


def test_a_folder_in_the_hubs_layout_holds_out_its_own_evaluation_split(tmp_path):
    import datasets

    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )

    def save(name: str, sentences: list[str], labels: list[int]) -> None:
        table = datasets.Dataset.from_dict({"sentence": sentences, "label": labels}, features=features)
        table.to_parquet(str(tmp_path / f"{name}.parquet"))

    sentences = [row["text"] for row in rows(200)]
    save("train", sentences[:120], [i % 2 for i in range(120)])
    save("validation", [s.upper() for s in sentences[100:160]], [i % 2 for i in range(60)])
    save("test", sentences[160:], [-1] * 40)
    dataset = data.load(config(tmp_path, held_out=30))
    held_out = load_held_out(config(tmp_path, held_out=30))
    assert dataset.classes == ("no", "yes")
    assert dataset.dropped.pop("of fewer than 4 words in the evaluation split") < 20
    assert dataset.dropped == {"also in the evaluation split": 20}
    assert len(held_out) == dataset.counts["held_out"] == 30
    assert set(held_out.texts) <= {s.upper() for s in sentences[100:160]}
    assert len(dataset.distillation) + len(dataset.validation) + len(dataset.search_attack) == 100


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("glue/sst2", ("nyu-mll/glue", "sst2")),
        ("mrpc", ("nyu-mll/glue", "mrpc")),
        ("ag_news", ("fancyzhx/ag_news", None)),
        ("org/name", ("org/name", None)),
        ("org/name/subset", ("org/name", "subset")),
    ],
)
def test_names_of_the_hub(name, expected):
    assert hub.address(name) == expected


# Columns and classes


@pytest.mark.parametrize(("text", "label"), [("Review", "Sentiment"), ("content", "stars"), ("sentence", "target")])
def test_columns_are_found_by_name(text, label, tmp_path):
    table = [{"id": i, **row} for i, row in enumerate(rows(60, text=text, label=label))]
    assert data.load(config(write(tmp_path / "mine.csv", table))).columns == data.Columns(text, None, label)


def test_columns_are_found_by_content(tmp_path):
    table = [{"n": i, "short": f"s{i}", **row} for i, row in enumerate(rows(80, text="what", label="kind"))]
    assert data.load(config(write(tmp_path / "mine.csv", table))).columns == data.Columns("what", None, "kind")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sentence1", "sentence2"),
        ("question", "sentence"),
        ("premise", "hypothesis"),
        ("question1", "question2"),
    ],
)
def test_pairs_are_found(first, second, tmp_path):
    table = [{second: f"other {i}", **row} for i, row in enumerate(rows(60, text=first))]
    dataset = data.load(config(write(tmp_path / "mine.tsv", table)))
    assert dataset.columns == data.Columns(first, second, "label")
    assert dataset.validation.pairs is not None
    assert all(pair.startswith("other ") for pair in dataset.validation.pairs)


def test_a_named_text_column_alone_means_single_sentences(tmp_path):
    table = [{"sentence2": f"other {i}", **row} for i, row in enumerate(rows(60, text="sentence1"))]
    dataset = data.load(config(write(tmp_path / "mine.csv", table), text="sentence1"))
    assert dataset.columns.pair is None
    assert dataset.validation.pairs is None


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ((10, 9, 2), ("2", "9", "10")),
        ((-1, 1), ("-1", "1")),
        ((True, False), ("false", "true")),
        (("b", "a", "c"), ("a", "b", "c")),
        ((1.0, 0.0), ("0", "1")),
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_order_of_classes(labels, classes, suffix, tmp_path):
    assert data.load(config(write(tmp_path / f"mine{suffix}", rows(60, classes=labels)))).classes == classes


# Parts

some_tables = st.fixed_dictionaries(
    {
        "count": st.integers(50, 400),
        "classes": st.integers(2, 6),
        "seed": st.integers(0, 5),
        "min_words": st.integers(1, 6),
        "limit": st.none() | st.integers(45, 300),
        "search_attack": st.integers(5, 60),
        "held_out": st.integers(5, 60),
        "validation": st.integers(10, 60),
        "repeats": st.integers(0, 30),
    }
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=some_tables)
def test_parts_are_disjoint_long_enough_and_the_same_again(drawn, tmp_path):
    settings_of_split = {k: drawn[k] for k in ("seed", "min_words", "search_attack", "held_out", "validation")}
    settings_of_split["limit"] = drawn["limit"]
    table = rows(drawn["count"], classes=tuple(f"c{i}" for i in range(drawn["classes"])))
    table += [{**row, "text": f"  {row['text'].upper()} "} for row in table[: drawn["repeats"]]]
    path = write(tmp_path / "mine.jsonl", table)
    parts = everything(path, **settings_of_split)

    used = [text.casefold() for part in parts.values() for text in part.texts]
    assert len(used) == len(set(used)) == min(drawn["count"], drawn["limit"] or drawn["count"])
    for name, part in parts.items():
        assert [table[i]["text"].split() for i in part.ids] == [text.split() for text in part.texts]
        assert [f"c{label}" for label in part.labels] == [table[i]["label"] for i in part.ids]
        if name != "distillation":
            assert len(part) <= min(drawn[name], split.SHARES[name] * len(used))
    for name in ("search_attack", "held_out"):
        assert len(parts[name]) >= 2
        assert all(len(text.split()) >= drawn["min_words"] for text in parts[name].texts)
    assert len(parts["distillation"]) >= 0.6 * len(used)
    assert set(parts["distillation"].labels) == set(range(drawn["classes"]))

    again = everything(path, **settings_of_split)
    assert all(part.texts == again[name].texts for name, part in parts.items())


def test_another_seed_gives_other_parts_and_another_fingerprint(tmp_path):
    path = write(tmp_path / "mine.csv", rows(300))
    one, two = (data.load(config(path, seed=seed)) for seed in (0, 1))
    assert set(one.search_attack.texts) != set(two.search_attack.texts)
    assert one.fingerprint != two.fingerprint


def test_the_fingerprint_follows_the_content(tmp_path):
    table = rows(100)
    before = data.load(config(write(tmp_path / "mine.csv", table))).fingerprint
    table[3]["text"] += " more"
    assert data.load(config(write(tmp_path / "mine.csv", table))).fingerprint != before


def test_every_beginning_of_an_attack_set_is_a_fair_sample(tmp_path):
    table = rows(2000, classes=("a", "a", "a", "b"))
    part = data.load(config(write(tmp_path / "mine.csv", table))).search_attack
    long_enough = [row["label"] for row in table if len(row["text"].split()) >= 4]
    share = long_enough.count("b") / len(long_enough)
    for count in (20, 50, 100, len(part)):
        assert abs(part.head(count).labels.mean() - share) <= 2 / count
    assert list(part.ids[:50]) != sorted(part.ids[:50])


def test_the_held_out_set_is_not_part_of_the_dataset(tmp_path):
    path = write(tmp_path / "mine.csv", rows(300))
    dataset = data.load(config(path))
    held_out = load_held_out(config(path))
    readable = {text for part in vars(dataset).values() if isinstance(part, data.Split) for text in part.texts}
    assert len(held_out) == dataset.counts["held_out"] == 45
    assert not readable & set(held_out.texts)


def test_repeated_conflicting_and_empty_rows_are_dropped_and_counted(tmp_path):
    table = rows(60)
    table += [{**table[0], "text": table[0]["text"].upper()}]
    table += [{"text": "said twice of this", "label": label} for label in ("good", "bad")]
    table += [{"text": " ", "label": "good"}, {"text": "no label here", "label": ""}]
    dataset = data.load(config(write(tmp_path / "mine.csv", table)))
    assert dataset.dropped == {
        "repeated text": 1,
        "same text with different labels": 2,
        "empty text": 1,
        "without a label": 1,
    }
    assert sum(dataset.counts.values()) == 60


def test_a_rare_class_keeps_a_row_for_distillation(tmp_path):
    table = rows(200) + [{"text": f"a long and rare sentence {i}", "label": "rare"} for i in range(4)]
    for seed in range(20):
        dataset = data.load(config(write(tmp_path / "mine.csv", table), seed=seed))
        assert set(dataset.distillation.labels) == {0, 1, 2}


def test_preview_shows_rows_balance_and_sizes(tmp_path):
    look = data.preview(config(write(tmp_path / "mine.csv", rows(100))), rows=5)
    assert look.rows == rows(100)[:5]
    assert look.all_columns == ("text", "label")
    assert look.balance == {"bad": 50, "good": 50}
    assert look.sizes == {"distillation": 60, "validation": 15, "search_attack": 10, "held_out": 15}


def test_half_a_character_does_not_pass(tmp_path):
    lines = [json.dumps({"text": f"half \ud83d number {i}", "label": i % 2}) for i in range(60)]
    (tmp_path / "mine.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert data.load(config(tmp_path / "mine.jsonl")).validation.texts[0].startswith("half ? number")


def test_loading_needs_no_torch(tmp_path):
    write(tmp_path / "mine.csv", rows(60))
    program = (
        "import sys; from rosearch_engine import data; from rosearch_engine.config import DataConfig;"
        "data.preview(DataConfig(name='mine.csv')); print('torch' in sys.modules, 'datasets' in sys.modules)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


# Errors


def test_an_unknown_data_set_without_a_network(monkeypatch):
    monkeypatch.setattr(hub, "silence", _Silent("no network here"))
    error = problem("no_such_set")
    assert error.field == "data.name"
    assert "'no_such_set' is neither a file" in error.problem
    assert "no network here" in error.problem


def test_a_missing_embedded_data_set_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path))
    assert "fetch movie-reviews" in problem("movie-reviews").remedy


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.csv", None, "does not exist"),
        ("mine.xlsx", b"x", "an unknown file type"),
        ("mine.csv", b"", "is empty"),
        ("mine.csv", b" \n \n", "is empty"),
        ("mine.tsv", b"text\tlabel\n", "contains no rows"),
        ("mine.jsonl", b'{"text": "a"}\n{"text"', "line 2 is not JSON"),
        ("mine.jsonl", b"[1, 2]\n", "line 1 is not an object"),
        ("mine.parquet", b"PAR1 not really", "cannot be read as Parquet"),
        ("mine.csv.gz", b"not packed", "damaged gzip"),
        ("mine.csv.gz", gzip.compress(b"text,label\n" * 1000, mtime=0)[:-20], "damaged gzip"),
        ("mine.csv", "text,label\ncaf\u00e9,1\n".encode("latin-1"), "not UTF-8"),
        ("mine.csv", b'text,label\n"never closed,1\n', "cannot be read as a table"),
        ("mine.csv", b"text,label\na,1\nb,c,d,2\n", "cannot be read as a table"),
        ("mine.csv", b"text,label\na,b,1\nb,c,2\n", "more cells than its header"),
    ],
)
def test_an_unreadable_file(name, content, expected, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    error = problem(tmp_path / name)
    assert error.field == "data.name"
    assert expected in error.problem


@pytest.mark.parametrize("field", ["text", "pair", "label"])
def test_a_named_column_that_is_not_there_lists_the_columns(field, tmp_path):
    error = problem(write(tmp_path / "mine.csv", rows(60)), **{field: "nope"})
    assert (error.field, error.remedy) == (f"data.{field}", "Columns are: text, label.")


def test_no_label_column(tmp_path):
    table = [{"text": row["text"], "n": i} for i, row in enumerate(rows(60))]
    error = problem(write(tmp_path / "mine.csv", table))
    assert (error.field, error.problem) == ("data.label", "no column looks like a class column.")


def test_two_possible_label_columns_are_not_guessed(tmp_path):
    table = [{"one": i % 2, "two": i % 3, "text": row["text"]} for i, row in enumerate(rows(60))]
    assert "several columns could be the class column: one, two" in problem(write(tmp_path / "mine.csv", table)).problem


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["same"] * 60, "same class, 'same'"),
        (["a", "b"] * 29 + ["rare", "rare"], "class 'rare' (2)"),
        ([str(i) for i in range(300)], "300 different values"),
        ([f"{i / 7:.3f}" for i in range(60)], "contains fractions"),
        ([""] * 60, "no row of 'label' has a label"),
    ],
)
def test_labels_that_are_no_classes(labels, expected, tmp_path):
    table = [{**row, "label": label} for row, label in zip(rows(len(labels)), labels, strict=True)]
    error = problem(write(tmp_path / "mine.csv", table))
    assert error.field == "data.label"
    assert expected in error.problem


def test_all_texts_empty(tmp_path):
    error = problem(write(tmp_path / "mine.csv", [{**row, "text": " "} for row in rows(60)]))
    assert (error.field, error.problem) == ("data.text", "every text of 'text' is empty.")


def test_too_few_rows(tmp_path):
    assert problem(write(tmp_path / "mine.csv", rows(39))).problem == "39 usable rows are too few."
    assert sum(data.load(config(write(tmp_path / "mine.csv", rows(40)))).counts.values()) == 40


def test_too_few_long_sentences(tmp_path):
    error = problem(write(tmp_path / "mine.csv", rows(60)), min_words=30)
    assert (error.field, error.problem) == ("data.min_words", "only 0 sentences have 30 or more words.")


def test_a_limit_that_leaves_too_little_of_a_class(tmp_path):
    table = rows(400) + [{"text": f"rare sentence {i}", "label": "rare"} for i in range(6)]
    assert problem(write(tmp_path / "mine.csv", table), limit=40).field == "data.limit"


def test_one_column_used_twice(tmp_path):
    path = write(tmp_path / "mine.csv", rows(60))
    assert problem(path, text="label", label="label").field == "data.text"
    assert problem(path, text="text", pair="text").field == "data.pair"


# Real data


@added
@pytest.mark.parametrize(
    ("name", "columns", "classes", "usable"),
    [
        ("sst2/train.tsv.gz", data.Columns("sentence", None, "label"), ("0", "1"), 66_973),
        ("ag_news/test.tsv.gz", data.Columns("text", None, "label"), ("0", "1", "2", "3"), 3_798),
        ("mrpc/train.tsv.gz", data.Columns("sentence1", "sentence2", "label"), ("0", "1"), 3_668),
        ("qnli/dev.tsv.gz", data.Columns("question", "sentence", "label"), ("0", "1"), 5_463),
    ],
)
def test_known_data_sets(name, columns, classes, usable):
    dataset = data.load(config(SHARED / name))
    assert (dataset.columns, dataset.classes) == (columns, classes)
    assert sum(dataset.counts.values()) == usable
    assert dataset.counts["search_attack"] >= 366
    counts = collections.Counter(dataset.distillation.labels.tolist())
    assert sorted(counts) == list(range(len(classes)))
    assert dataset.search_attack.labels.dtype == dataset.search_attack.ids.dtype == np.int64


@added
def test_the_limit_is_drawn_fairly_and_before_the_parts():
    dataset = data.load(config(SHARED / "sst2/train.tsv.gz", limit=2000))
    assert sum(dataset.counts.values()) == 2000
    assert abs(dataset.distillation.labels.mean() - 37_569 / 67_349) < 0.02


class _Silent:
    """A server that does not answer."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __call__(self, url: str) -> str:
        return self.reason

    def cache_clear(self) -> None:
        pass
