"""Files like those that people report in public, which few machines have: each is read right, or refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from rosearch_engine import data
from rosearch_engine.config import DataConfig, build
from rosearch_engine.data import own
from rosearch_engine.data.held_out import load_held_out
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress
from rosearch_engine.store import Store
from tests.conftest import SHARED, Workshop, added, rosearch
from tests.unit.test_check import copied, settings

CASES = SHARED.parent / "cases"

pytestmark = added


def config(name: str) -> DataConfig:
    return DataConfig(name=str(CASES / name), validation=20, search_attack=10, held_out=10)


@pytest.mark.parametrize(
    ("name", "classes", "dropped"),
    [
        ("hubfolder_na", ("None", "hate", "offensive"), 0),
        ("na_labels.csv", ("NA", "None"), 0),
        ("zips.csv", ("007", "7", "010"), 0),
        ("dup_rows.csv", ("0", "1"), 23),
        ("short_rows.csv", ("0", "1"), 2),
        ("bytes.parquet", ("0", "1"), 0),
    ],
)
def test_no_class_and_no_row_vanishes_unsaid(
    name: str, classes: tuple[str, ...], dropped: int, workshop: Workshop
) -> None:
    found = data.preview(config(name))
    assert found.classes == classes
    assert sum(found.dropped.values()) == dropped
    assert sum(found.balance.values()) == found.rows_in_all - dropped
    assert all(text.startswith(("the ", "The ")) for text in found.sample), found.sample
    said = rosearch("check", *settings(CASES / name, workshop.encoder))
    assert said.code == 0, said.err
    assert said.out.count("rows are left out") == len(found.dropped)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("lonequotes_big.csv", "line 7: a quote is opened and closed only in line 67"),
        ("json_in_label.jsonl", "row 1 of 'label' holds a value of type dict"),
        ("dup_space.csv", "two columns are called 'label'"),
        ("headerless_three.csv", "the first line looks like a row"),
        ("utf16le_nobom.csv", "looks like UTF-16"),
        ("hub_nolabel_test", "test.csv"),
    ],
)
def test_what_cannot_be_read_right_is_refused_alike(name: str, word: str, workshop: Workshop) -> None:
    wanted = settings(CASES / name, workshop.encoder)
    for command in (("check",), ("search", "--run", "never"), ("search", "--run", "never", "--detach")):
        answer = rosearch(*command, "--json", *wanted)
        assert answer.code == 2, answer.out + answer.err
        error = answer.json["error"]
        assert word in error["problem"]
        assert error["field"].startswith("data.")
        assert error["remedy"]
    assert "never" not in [run["name"] for run in Store.read().runs()]


def test_a_test_split_without_labels() -> None:
    held_out = load_held_out(config("hub_nulltest"))
    assert set(held_out.labels.tolist()) == {0, 1}


def test_texts_longer_than_the_encoder_reads(workshop: Workshop, tmp_path: Path) -> None:
    short = copied(workshop.encoder, tmp_path / "short", max_position_embeddings=32)
    said = rosearch("check", "--json", *settings(CASES / "long.csv", short))
    assert said.code == 0, said.err
    assert said.json["cut"] > 0
    assert any("cut to 32 word pieces" in warning for warning in said.json["warnings"])


def test_tokens_that_were_added(workshop: Workshop, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    from rosearch_engine.search.context import prepare

    tokenizer = AutoTokenizer.from_pretrained(workshop.encoder)
    tokenizer.add_tokens(["[USER]", "[URL]"])
    AutoModel.from_pretrained(workshop.encoder).save_pretrained(tmp_path / "more")
    tokenizer.save_pretrained(tmp_path / "more")
    named = [f"data.name={CASES / 'users.csv'}", f"teacher.name={tmp_path / 'more'}"]
    context = prepare(build("standard", settings=[*workshop.settings, *named, "teacher.epochs=0.1"]), Progress())
    assert {"[USER]", "[URL]"} <= set(context.tokenizer.get_vocab())


def test_labels_of_a_file_to_attack() -> None:
    table = own.table(CASES / "zero_one.csv", pair=False)
    sentences, _ = own.take(table, own.guess(table), ["1", "2"])
    classes = [own.class_of(sentence.label or "", ["1", "2"]) for sentence in sentences]
    assert classes == [0, 1] * 10
    table = own.table(CASES / "sup.csv", pair=False)
    with pytest.raises(UserError, match="row 1: ") as caught:
        own.take(table, own.guess(table), ["1", "2"])
    assert caught.value.field == "label"


def test_separators_inside_sentences() -> None:
    assert len(own.table(CASES / "seps.txt", pair=False).train) == 3


def test_settings_with_a_byte_order_mark() -> None:
    assert build(file=CASES / "bom.json").data.name == "posneg.csv"
