"""Files that can be read and yet are not what they seem: each is read right or refused with the place and a remedy."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rosearch_engine import data
from rosearch_engine.config import DataConfig, build
from rosearch_engine.data import files, own
from rosearch_engine.data.held_out import load_held_out
from rosearch_engine.data.rows import divide, prepare
from rosearch_engine.data.table import Table
from rosearch_engine.errors import UserError

SENTENCES = [f"the film number {i} was a fine one for us" for i in range(80)]


def csv(path: Path, lines: list[str], header: str | None = "text,label") -> Path:
    path.write_text("\n".join([header, *lines] if header else lines) + "\n", encoding="utf-8")
    return path


def labelled(labels: list[str]) -> list[str]:
    return [f"{text},{labels[i % len(labels)]}" for i, text in enumerate(SENTENCES)]


def refusal(path: Path, **values: Any) -> UserError:
    with pytest.raises(UserError) as error:
        data.load(DataConfig(name=str(path), **values))
    assert error.value.remedy
    return error.value


def warnings(path: Path) -> tuple[str, ...]:
    return data.preview(DataConfig(name=str(path))).warnings


def every_text(path: Path) -> set[str]:
    config = DataConfig(name=str(path))
    found = data.load(config)
    parts = (found.distillation, found.validation, found.search_attack, load_held_out(config))
    return {text for part in parts for text in part.texts}


def test_names_that_look_like_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    found = data.load(DataConfig(name=str(csv(tmp_path / "zips.csv", labelled(["007", "7", "010"])))))
    assert found.classes == ("007", "7", "010")
    found = data.load(DataConfig(name=str(csv(tmp_path / "floats.csv", labelled(["0.0", "1.0"])))))
    assert found.classes == ("0", "1")


def test_words_for_nothing_are_classes(tmp_path: Path) -> None:
    found = data.load(DataConfig(name=str(csv(tmp_path / "na.csv", labelled(["None", "NA", "nan"])))))
    assert found.classes == ("NA", "None", "nan")


@pytest.mark.parametrize("header", ["text,label, label", "text ,text,label", "text,label,label", 'text,"label",label'])
def test_two_columns_of_one_name(header: str, tmp_path: Path) -> None:
    error = refusal(csv(tmp_path / "twice.csv", [f"{line},x" for line in labelled(["0", "1"])], header))
    assert (error.field, error.problem[:23]) == ("data.name", "two columns are called ")


def test_bytes_are_text(tmp_path: Path) -> None:
    table = {"text": [text.encode() for text in SENTENCES], "label": [[b"no", b"yes"][i % 2] for i in range(80)]}
    pd.DataFrame(table).to_parquet(tmp_path / "bytes.parquet")
    assert every_text(tmp_path / "bytes.parquet") == set(SENTENCES)
    assert data.load(DataConfig(name=str(tmp_path / "bytes.parquet"))).classes == ("no", "yes")
    table["text"][3] = "caf\u00e9".encode("latin-1")
    pd.DataFrame(table).to_parquet(tmp_path / "bytes.parquet")
    assert "row 4 of 'text' holds bytes that are not UTF-8" in refusal(tmp_path / "bytes.parquet").problem


@pytest.mark.parametrize(("column", "field"), [("text", "data.text"), ("label", "data.label")])
@pytest.mark.parametrize(("value", "kind"), [({"name": "neg"}, "dict"), (["a", "b"], "list")])
def test_what_is_no_text_and_no_class_is_refused(
    column: str, field: str, value: object, kind: str, tmp_path: Path
) -> None:
    rows: list[dict[str, object]] = [{"text": text, "label": i % 2} for i, text in enumerate(SENTENCES)]
    rows[4][column] = value
    (tmp_path / "typed.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    error = refusal(tmp_path / "typed.jsonl")
    assert error.field == field
    assert f"row 5 of '{column}' holds a value of type {kind}" in error.problem
    with pytest.raises(UserError, match="row 5"):
        own.take(own.table(tmp_path / "typed.jsonl", False), own.Picked("text", None, "label"), ["0", "1"])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["wide.csv", "wide.txt"])
def test_utf_16_is_named(name: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes("\n".join(["text,label", *labelled(["0", "1"])]).encode(encoding))
    with pytest.raises(UserError, match="looks like UTF-16") as error:
        own.table(path, pair=False)
    assert error.value.remedy == "Save it as UTF-8."


def test_one_nul_byte_is_no_text(tmp_path: Path) -> None:
    path = csv(tmp_path / "nul.csv", [*labelled(["0", "1"]), "one with \0 in it,1"])
    assert "NUL" in refusal(path).problem


def test_settings_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "bom.json").write_text('{"search": {"candidates": 7}}', encoding="utf-8-sig")
    assert build(file=tmp_path / "bom.json").search.candidates == 7


def test_only_a_line_feed_ends_a_sentence(tmp_path: Path) -> None:
    text = "a warm film\u2028with a cast\r\na dull film\x0cwith no plot\na fine one\x85indeed\x1c \n"
    (tmp_path / "mine.txt").write_text(text, encoding="utf-8", newline="")
    assert len(own.table(tmp_path / "mine.txt", pair=False).train) == 3


def test_a_quote_that_glues_rows_is_found(tmp_path: Path) -> None:
    lines = labelled(["0", "1"])
    lines[5], lines[25] = f'"{lines[5]}', lines[25].replace(" fine", '" fine')
    error = refusal(csv(tmp_path / "glued.csv", lines))
    assert "line 7: a quote is opened and closed only in line 27" in error.problem


def test_a_quote_that_glues_two_rows_is_found(tmp_path: Path) -> None:
    lines = [f'"{line}' if i == 9 else line for i, line in enumerate(labelled(["good", "bad"]))]
    lines[10] = lines[10].replace("film", 'film"')
    assert (
        "line 11: a quote is opened and closed only in line 12" in refusal(csv(tmp_path / "glued.csv", lines)).problem
    )


def test_cells_of_several_lines_are_read(tmp_path: Path) -> None:
    lines = [f'"{text}, really\nand so, it was\n ""indeed""",{i % 2}' for i, text in enumerate(SENTENCES)]
    texts = every_text(csv(tmp_path / "lines.csv", lines))
    assert 'the film number 7 was a fine one for us, really and so, it was "indeed"' in texts


def test_a_first_line_that_is_a_row(tmp_path: Path) -> None:
    lines = [f'"{i % 2}","Title {i}","{text}"' for i, text in enumerate(SENTENCES)]
    error = refusal(csv(tmp_path / "none.csv", lines, header=None))
    assert "the first line looks like a row" in error.problem
    assert "Add a header" in error.remedy
    with pytest.raises(UserError, match="first line looks like a row") as caught:
        own.guess(own.table(tmp_path / "none.csv", pair=False))
    assert caught.value.field == "file"


def test_columns_that_are_numbered_are_named(tmp_path: Path) -> None:
    found = data.load(DataConfig(name=str(csv(tmp_path / "numbered.csv", labelled(["0", "1"]), header="0,1"))))
    assert found.columns == data.Columns("0", None, "1")


@pytest.mark.parametrize(
    ("labels", "classes", "right"),
    [
        (["0", "1", "1"], ["1", "2"], [0, 1, 1]),
        (["1", "2", "1"], ["1", "2"], [0, 1, 0]),
        (["1", "1", "1"], ["1", "2"], [0, 0, 0]),
        (["0", "1", "1"], ["no", "yes"], [0, 1, 1]),
    ],
)
def test_labels_are_names_or_numbers_for_the_whole_column(
    labels: list[str], classes: list[str], right: list[int]
) -> None:
    rows = data_of(labels)
    found, _ = own.take(rows, own.Picked("text", None, "label"), classes)
    assert [own.class_of(sentence.label or "", classes) for sentence in found] == right


@pytest.mark.parametrize(("labels", "row"), [(["0", "2"], 1), (["yes", "0"], 2), (["\u00b2", "1"], 1)])
def test_labels_that_are_sometimes_names_are_refused(labels: list[str], row: int) -> None:
    classes = ["no", "yes"] if "yes" in labels else ["1", "2"]
    with pytest.raises(UserError, match=f"row {row}: ") as error:
        own.take(data_of(labels), own.Picked("text", None, "label"), classes)
    assert error.value.field == "label"


def data_of(labels: list[str]) -> Any:
    from rosearch_engine.data.table import Table

    return Table("mine", pd.DataFrame({"text": SENTENCES[: len(labels)], "label": labels}, dtype=object))


def folder(path: Path, **splits: pd.DataFrame) -> Path:
    path.mkdir()
    for name, rows in splits.items():
        rows.to_csv(path / f"{name}.csv", index=False)
    return path


def test_a_class_called_none_stays_in_a_folder_too(tmp_path: Path) -> None:
    rows = pd.DataFrame({"text": SENTENCES, "label": [["hate", "None", "NA"][i % 3] for i in range(80)]})
    found = data.load(DataConfig(name=str(folder(tmp_path / "hub", train=rows))))
    assert found.classes == ("NA", "None", "hate")
    assert found.dropped == {}


@pytest.mark.parametrize("names", [None, ["no", "yes"]])
def test_a_split_without_labels_is_no_evaluation_split(names: list[str] | None, tmp_path: Path) -> None:
    import datasets

    label = datasets.ClassLabel(names=names) if names else datasets.Value("int64")
    features = datasets.Features({"text": datasets.Value("string"), "label": label})
    for name, labels in (("train", [i % 2 for i in range(80)]), ("test", [None] * 80)):
        texts = [f"{text} in {name}" for text in SENTENCES]
        table = datasets.Dataset.from_dict({"text": texts, "label": labels}, features=features)
        table.to_parquet(str(tmp_path / f"{name}.parquet"))
    found = load_held_out(DataConfig(name=str(tmp_path)))
    assert len(found) == 12
    assert all(text.endswith("in train") for text in found.texts)


def test_splits_of_other_columns_are_told_apart(tmp_path: Path) -> None:
    train = pd.DataFrame({"text": SENTENCES, "label": [i % 2 for i in range(80)]})
    test = pd.DataFrame({"id": range(80), "text": SENTENCES})
    error = refusal(folder(tmp_path / "hub", train=train, test=test))
    for word in ("test.csv", "'id'", "'label'", "columns"):
        assert word in error.problem
    assert str(tmp_path) not in error.problem


def test_a_name_that_an_object_has_twice(tmp_path: Path) -> None:
    lines = [json.dumps({"text": text, "label": i % 2}) for i, text in enumerate(SENTENCES)]
    (tmp_path / "twice.jsonl").write_text("\n".join([*lines, '{"text": "a film", "label": 0, "label": 1}']))
    assert "line 81 is not JSON ('label' is there twice)" in refusal(tmp_path / "twice.jsonl").problem


def test_rows_without_a_label_are_counted_and_told(tmp_path: Path) -> None:
    """A line that ends too early has no class."""
    lines = labelled(["0", "1"])
    lines[3], lines[9] = SENTENCES[3], SENTENCES[9]
    path = csv(tmp_path / "short.csv", lines)
    assert data.preview(DataConfig(name=str(path))).dropped == {"without a label": 2}


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_line_that_is_nested_without_end(suffix: str, tmp_path: Path) -> None:
    lines = [json.dumps({"text": text, "label": i % 2}) for i, text in enumerate(SENTENCES)]
    content = "\n".join([*lines, '{"text": ' + "[" * 100_000]).encode()
    path = tmp_path / f"deep{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
    assert "line 81 is nested too deeply" in refusal(path).problem


def with_metadata(path: Path, metadata: str, labels: list[Any]) -> Path:
    """A Parquet file with a word of the `datasets` library on its columns."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": SENTENCES, "label": [labels[i % 2] for i in range(80)]})
    pyarrow.parquet.write_table(table.replace_schema_metadata({"huggingface": metadata}), path)
    return path


def features(**changes: Any) -> str:
    label = {"_type": "ClassLabel", "names": ["no", "yes"], **changes}
    return json.dumps({"info": {"features": {"label": label}}})


@pytest.mark.parametrize(
    "metadata",
    [
        "[1, 2]",
        "{",
        "[" * 100_000,
        json.dumps({"info": [1]}),
        json.dumps({"info": {"features": {"label": 3}}}),
        features(names=[1, None]),
        features(names="no"),
        features(names=[]),
    ],
    ids=range(8),
)
def test_a_parquet_file_is_read_whatever_it_says_of_its_classes(metadata: str, tmp_path: Path) -> None:
    path = with_metadata(tmp_path / "odd.parquet", metadata, [0, 1])
    assert data.load(DataConfig(name=str(path))).classes == ("0", "1")


@pytest.mark.parametrize("labels", [["x", "y"], [0, 7], [0, -2]])
def test_a_class_that_a_parquet_file_does_not_name_is_refused(labels: list[Any], tmp_path: Path) -> None:
    error = refusal(with_metadata(tmp_path / "odd.parquet", features(), labels))
    assert error.field == "data.label"
    assert "the source names only 2 classes" in error.problem


# Classes that a reader would take for one


@pytest.mark.parametrize(
    ("labels", "alike"),
    [
        (["bad", "Bad", "good", "good"], "'Bad' and 'bad'"),
        (["good", "good\u200b", "bad", "bad"], "'good' and 'good\\u200b'"),
        (["caf\u00e9", "cafe\u0301", "tea", "tea"], "'cafe\u0301' and 'caf\u00e9'"),
        (["007", "7", "8", "8"], "'007' and '7'"),
        (["1e0", "1", "0", "0"], "'1' and '1e0'"),
        (["true", "1", "false", "0"], "'0' and 'false'; '1' and 'true'"),
    ],
)
def test_classes_that_look_alike_are_told_and_kept(tmp_path: Path, labels: list[str], alike: str) -> None:
    path = csv(tmp_path / "rows.csv", labelled(labels))
    said = [warning for warning in warnings(path) if "look alike" in warning]
    kept = data.preview(DataConfig(name=str(path))).classes
    assert len(kept) == len(set(labels))
    assert alike in said[0]


def test_classes_that_do_not_look_alike_are_not_doubted(tmp_path: Path) -> None:
    for labels in (["bad", "good"], ["0", "1"], ["-1", "1"], ["a", "\u00e4"], ["none", "NA", "other"]):
        assert not warnings(csv(tmp_path / "rows.csv", labelled(labels)))


def test_a_class_named_as_a_gap_is_told(tmp_path: Path) -> None:
    (said,) = warnings(csv(tmp_path / "rows.csv", labelled(["nan", "good", "bad"])))
    assert "'nan' is kept as a class" in said


# A file that is something else


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("rows.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "pointer of Git LFS"),
        ("rows.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "pointer of Git LFS"),
        ("rows.csv", b"PK\x03\x04" + bytes(range(256)), "workbook"),
        ("rows.csv", b"\xef\xbb\xbf<!DOCTYPE html>\n<html><body>404", "web page"),
        ("rows.tsv", b"<?xml version='1.0'?><Error/>", "web page"),
        ("rows.csv", b"PAR1" + b"\0" * 40, "Parquet"),
        ("rows.csv", b"\x1f\x8b\x08" + b"\0" * 40, "gzip"),
        ("rows.jsonl", b"SQLite format 3\0" + b"\0" * 40, "SQLite"),
        ("rows.csv", b"sep=;\ntext;label\na;b\n", "'sep='"),
    ],
)
def test_a_file_of_another_kind_is_named_for_what_it_is(tmp_path: Path, name: str, content: bytes, word: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        files.read(tmp_path / name)
    assert caught.value.field == "data.name"
    assert word in caught.value.problem
    assert caught.value.remedy


def test_files_put_together_with_their_names_are_refused_with_the_row(tmp_path: Path) -> None:
    rows = labelled(["bad", "good"])
    path = csv(tmp_path / "rows.csv", [*rows[:40], "text,label", *rows[40:]])
    assert "row 41 of rows.csv repeats the columns' names" in str(refusal(path))


# An evaluation split whose classes are none of the training rows'


def test_an_evaluation_split_without_a_known_class_leaves_held_out_sentences(tmp_path: Path) -> None:
    """Its classes are written otherwise: all its rows were left out, and nothing was left to be held out."""
    train = pd.DataFrame({"text": SENTENCES, "label": ["bad", "good"] * 40})
    test = pd.DataFrame({"text": [f"a play like number {i} was shown to us" for i in range(40)]})
    table = Table("both", train, test.assign(label=["Bad", "Good"] * 20))
    config = DataConfig(name="both")
    prepared = prepare(table, config)
    assert prepared.evaluation is None
    assert prepared.dropped == {"of a class that only the evaluation split has": 40}
    assert any("only 0 usable rows" in warning for warning in prepared.warnings)
    assert any("'Bad' and 'bad'" in warning for warning in prepared.warnings)
    assert len(divide(prepared, config).held_out) > 0


@pytest.mark.parametrize("line", ['{"te\\udfffxt": "a", "label": 1}', '{"text": "a", "label": 1, "\\ud83d": 2}'])
def test_a_name_with_half_a_character_is_refused_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "half.jsonl"
    whole = [f'{{"text": "a good film \\ud83c\\udfac number {i}", "label": {i % 2}}}' for i in range(80)]
    path.write_text("\n".join([*whole, line]))
    told = refusal(path).problem
    assert "line 81" in told
    assert "half of a character" in told
    told.encode()


def test_half_a_character_in_any_cell_is_read_as_a_question_mark(tmp_path: Path) -> None:
    path = tmp_path / "half.jsonl"
    cells = (
        '"text": "half \\ud800 of a fine film {i}", "label": "good", "note": "n"',
        '"text": "a whole and bad film {i}", "label": "ba\\udc00d", "note": "\\ud83d"',
    )
    path.write_text("\n".join(f"{{{cells[i % 2].replace('{i}', str(i))}}}" for i in range(80)))
    look = data.preview(DataConfig(name=str(path)), rows=80)
    assert set(look.balance) == {"good", "ba?d"}
    json.dumps([look.rows, look.all_columns, look.warnings], ensure_ascii=False).encode()
    assert any(row["text"].startswith("half ?") for row in look.rows)
