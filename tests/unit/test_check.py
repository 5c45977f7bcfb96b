"""What a start looks at before anything is made: the command, `search`, `--detach` and the app refuse alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rosearch_engine import check
from rosearch_engine.config import RunConfig, build
from rosearch_engine.errors import UserError
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from rosearch_engine.teacher_folder import look, order_by_name
from tests.conftest import rosearch

SENTENCES = [f"the film number {i} was a fine one for us" for i in range(80)]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    table = pd.DataFrame({"text": [*SENTENCES, SENTENCES[0]], "label": [*(["bad", "good"] * 40), "bad"]})
    table.to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def settings(name: object, teacher: object) -> list[str]:
    wanted = (f"data.name={name}", f"teacher.name={teacher}", 'space.codes=["plain"]', "attack.recipe=deepwordbug")
    return [part for setting in wanted for part in ("--set", setting)]


def copied(encoder: Path, to: Path, **changes: Any) -> Path:
    shutil.copytree(encoder, to)
    config = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(config | changes))
    return to


def test_check_tells_what_a_start_would_see(workshop, rows: Path) -> None:
    facts = rosearch("check", "--json", *settings(rows, workshop.encoder)).json
    assert facts["rows"] == 81
    assert facts["classes"] == {"bad": 40, "good": 40}
    assert facts["sample"] == SENTENCES[:5]
    assert facts["columns"] == {"text": "text", "pair": None, "label": "label"}
    assert facts["dropped"] == {"repeated text": 1}
    assert "1 rows are left out: repeated text." in facts["warnings"]
    assert sum(facts["sizes"].values()) == 80
    assert (facts["teacher"]["family"], facts["teacher"]["positions"]) == ("bert", 512)
    assert facts["recipe"] == {"name": "deepwordbug", "ready": True}
    said = rosearch("check", *settings(rows, workshop.encoder)).out
    assert "repeated text" in said


def broken(kind: str, encoder: Path, folder: Path) -> tuple[object, object, str]:
    """A data set, a teacher, and a word of the refusal."""
    good = folder / "rows.csv"
    if kind == "data":
        return "missing.csv", encoder, "does not exist"
    if kind == "teacher":
        return good, folder / "nowhere", "does not exist"
    if kind == "relative":
        return good, f"{folder.name}/a/b/c", "does not exist"
    if kind == "family":
        return good, copied(encoder, folder / "other", model_type="gpt2"), "family 'gpt2'"
    if kind == "trainer":
        copied(encoder, folder / "trainer" / "checkpoint-10")
        return good, folder / "trainer", "checkpoint-10"
    if kind == "weights":
        (bare := copied(encoder, folder / "bare")).joinpath("model.safetensors").unlink()
        return good, bare, "no weights"
    wordless = copied(encoder, folder / "wordless")
    for name in ("tokenizer.json", "vocab.txt"):
        (wordless / name).unlink(missing_ok=True)
    if kind == "tokenizer":
        return good, wordless, "no tokenizer"
    (wordless / "vocab.txt").write_text("a 1\n")
    (wordless / "tokenizer_config.json").write_text('{"tokenizer_class": "BertweetTokenizer"}')
    return good, wordless, "slow only"


KINDS = ("data", "teacher", "relative", "family", "trainer", "weights", "tokenizer", "slow")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "command", [("check",), ("search", "--run", "never"), ("search", "--run", "never", "--detach")]
)
def test_what_cannot_start_is_refused_before_a_run_is_made(
    kind: str, command: tuple[str, ...], workshop, rows: Path, tmp_path: Path
) -> None:
    name, teacher, word = broken(kind, workshop.encoder, tmp_path)
    answer = rosearch(*command, "--json", *settings(name, teacher))
    assert answer.code == 2, answer.out + answer.err
    error = answer.json["error"]
    assert error["field"] == ("data.name" if kind == "data" else "teacher.name")
    assert word in error["problem"]
    assert error["remedy"]
    assert "never" not in [run["name"] for run in Store.read().runs()]


def test_the_way_a_path_is_written_makes_no_difference(
    workshop, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("missing.csv", "./missing.csv", str(tmp_path / "missing.csv")):
        config = RunConfig.model_validate({"data": {"name": name}, "teacher": {"name": str(workshop.encoder)}})
        with pytest.raises(UserError, match="does not exist"):
            process.start("never", config)


def test_few_positions_are_told(workshop, rows: Path, tmp_path: Path) -> None:
    short = copied(workshop.encoder, tmp_path / "short", max_position_embeddings=32)
    assert look(short).positions == 32
    said = rosearch("check", "--json", *settings(rows, short)).json
    assert any("cut to 32 word pieces" in warning for warning in said["warnings"])


def test_classes_are_ordered_by_name() -> None:
    assert order_by_name(("Good ", "bad"), ("bad", "good")) == (1, 0)
    assert order_by_name(("LABEL_0", "LABEL_1"), ("bad", "good")) is None
    assert order_by_name(("good", "bad", "bad"), ("bad", "good")) is None


def test_the_checkpoints_order_is_told(workshop, rows: Path, tmp_path: Path) -> None:
    names = {"id2label": {"0": "good", "1": "bad"}, "architectures": ["BertForSequenceClassification"]}
    named = copied(workshop.encoder, tmp_path / "named", **names)
    assert rosearch("check", "--json", *settings(rows, named)).json["class_order"] == ["good", "bad"]


def test_rows_left_out_are_told_when_a_search_starts(
    workshop, rows: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rosearch_engine.report import summary

    run = Store.write()
    plan = {"data": {"name": str(rows)}, "teacher": {"name": str(workshop.encoder)}}
    number = process.create("told", RunConfig.model_validate(plan | {"attack": {"recipe": "deepwordbug"}}))
    told = [event["text"] for event in run.events(number) if event["kind"] == "warning"]
    assert told == ["1 rows are left out: repeated text."]
    dataset: Any = {"name": "rows.csv", "classes": ["bad", "good"], "pair": False, "sizes": {}, "fingerprint": ""}
    run.update_run(number, dataset=dataset | {"dropped": {"repeated text": 1}})
    headline = summary(run, run.run("told"), "stopped")["headline"]
    assert "rows of the data left out: 1 repeated text" in headline


def test_the_teachers_steps_go_by_tokens_and_enough_epochs_give_enough_steps() -> None:
    small, text = build(settings=["teacher.epochs=2"]), ["a sentence of seven words in all"]
    steps = check.teacher_steps(small, {"distillation": 200}, text)
    assert steps == 2 * 2, "2,220 tokens are two batches, twice"
    assert check.teacher_steps(small, {"distillation": 1000}, text) == 2 * 6
    more = build(settings=[f"teacher.epochs={check.enough_epochs(small, 40)}"])
    assert check.teacher_steps(more, {"distillation": 4000}, text) > check.FEW_STEPS
    assert check.enough_epochs(small, 1) == 50, "no more than the setting allows"
