"""What a start looks at before anything is made: the command, `search`, `--detach` and the app refuse alike."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rosearch_engine import check
from rosearch_engine.config import RunConfig, SpaceConfig, build
from rosearch_engine.errors import UserError
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from rosearch_engine.teacher_folder import look, order_by_name, teacher_key
from tests.conftest import fetched, rosearch
from tests.unit.distil.test_worst_case_at_the_edge import greek

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


def test_check_tells_what_lies_ahead(workshop, rows: Path, tmp_path: Path) -> None:
    from rosearch_engine.progress import Progress, Stage
    from rosearch_engine.search.context import prepare

    wanted = ["--set", "attack.recipe=pwws", "--set", "teacher.max_length=8", "--set", "teacher.epochs=1.5"]
    facts = rosearch("check", "--json", *settings(rows, workshop.encoder), *wanted).json
    assert facts["longest"] > 8
    assert facts["cut"] == facts["sizes"]["distillation"]
    assert 0 < facts["words"]["with_swaps"] < facts["words"]["attacked"]
    assert facts["untried"]["untried"] == 0
    steps: list[int] = []

    class Seen(Progress):
        def stage(self, stage: Stage, total: int = 0, unit: str = "", detail: str = "") -> None:
            if stage == Stage.FINE_TUNING:
                steps.append(total)

    plain = [part for part in [*settings(rows, workshop.encoder), *wanted] if part != "--set"]
    prepare(
        build("standard", None, [*plain, "distil.adversary=off", "space.ledger_bound=null", "space.contexts=[]"]),
        Seen(),
    )
    assert steps == [facts["teacher_steps"]]


def test_sentences_with_nothing_to_try_are_told_before_a_search_starts(workshop, tmp_path: Path) -> None:
    letters = [re.sub(r"\d", lambda digit: "abcdefghij"[int(digit[0])], text) for text in SENTENCES]
    texts = [text if i % 3 else greek(text) for i, text in enumerate(letters)]
    pd.DataFrame({"text": texts, "label": ["bad", "good"] * 40}).to_csv(tmp_path / "mixed.csv", index=False)
    pwws = ["--set", "attack.recipe=pwws", "--set", "attack.sentences=40"]
    facts = rosearch("check", "--json", *settings(tmp_path / "mixed.csv", workshop.encoder), *pwws).json
    untried = facts["untried"]
    assert 0 < untried["untried"] < untried["sentences"]
    expected = f"{untried['untried']} of the {untried['sentences']} attacked sentences have no word"
    assert any(expected in warning for warning in facts["warnings"])
    pd.DataFrame({"text": map(greek, letters), "label": ["bad", "good"] * 40}).to_csv(tmp_path / "greek.csv")
    said = rosearch("check", *settings(tmp_path / "greek.csv", workshop.encoder), *pwws)
    assert said.code == 0, said.err
    assert "what held was" in said.out


@pytest.fixture
def hub(workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with one checkpoint, `we/encoder`, and no network."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    snapshot = cache / "models--we--encoder" / "snapshots" / ("0" * 40)
    shutil.copytree(workshop.encoder, snapshot)
    (cache / "models--we--encoder" / "refs").mkdir()
    (cache / "models--we--encoder" / "refs" / "main").write_text("0" * 40)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return snapshot


def test_a_teacher_of_the_hub_is_looked_at(hub: Path, rows: Path) -> None:
    facts = rosearch("check", "--json", *settings(rows, "we/encoder")).json
    assert (facts["teacher"]["family"], facts["teacher"]["positions"]) == ("bert", 512)
    for name, word in (
        ("we/nothing", "neither a folder nor in the hub's cache"),
        ("no such/name", "cannot be fetched"),
    ):
        answer = rosearch("search", "--detach", "--run", "never", "--json", *settings(rows, name))
        assert answer.code == 2
        assert answer.json["error"]["field"] == "teacher.name"
        assert word in answer.json["error"]["problem"]
    (hub / "model.safetensors").unlink()
    assert "no weights" in rosearch("check", "--json", *settings(rows, "we/encoder")).json["error"]["problem"]


@pytest.mark.parametrize(
    "change",
    [
        {"max_position_embeddings": "many"},
        {"max_position_embeddings": 1},
        {"architectures": ["BertForSequenceClassification"], "id2label": ["a", "b"]},
        {"architectures": ["BertForSequenceClassification"], "id2label": {"x": "y"}},
    ],
)
def test_odd_settings_of_a_teacher_are_refused(change: dict[str, Any], workshop, rows: Path, tmp_path: Path) -> None:
    odd = copied(workshop.encoder, tmp_path / "odd", **change)
    answer = rosearch("check", "--json", *settings(rows, odd))
    assert answer.code == 2
    assert answer.json["error"]["field"] == "teacher.name"


# What a run needs to go on


@pytest.fixture
def wordless(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with stop words and no WordNet."""
    (tmp_path / "nltk" / "corpora").mkdir(parents=True)
    (tmp_path / "nltk" / "corpora" / "stopwords").symlink_to(fetched("stopwords"))
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "nltk"))


@pytest.fixture
def stopped(materials: Path, rows: Path, wordless: None, tmp_path: Path) -> str:
    """A run that stopped before its first student, of data and a teacher that may be changed."""
    shutil.copytree(materials / "encoder", tmp_path / "teacher")
    plan = build("standard", settings=[part for part in settings(rows, tmp_path / "teacher") if part != "--set"])
    plan = plan.model_copy(update={"distil": plan.distil.model_copy(update={"adversary": "off"})})
    plan = plan.model_copy(update={"space": SpaceConfig(codes=("plain",), context="bounded", ledger_bound=None)})
    store = Store.write()
    number = process.create("stopped", plan)
    found = check.check(plan)
    dataset: Any = {"name": "rows.csv", "classes": ["bad", "good"], "pair": False, "sizes": {}, "dropped": {}}
    key = teacher_key(found.config.teacher, found.data.fingerprint, str(tmp_path / "teacher"))
    store.update_run(
        number,
        exit={"reason": "stopped", "message": "", "time": 0.0},
        dataset=dataset | {"fingerprint": found.data.fingerprint},
        teacher={"name": "teacher", "key": key, "folder": "", "weights": 1, "encoder_weights": 1, "accuracy": 0.5}
        | {"pad": 0, "max_length": 128, "codes": {}},
    )
    return "stopped"


def spoil(what: str, folder: Path) -> None:
    rows, teacher = folder / "rows.csv", folder / "teacher"
    if what == "data removed":
        rows.unlink()
    elif what == "data changed":
        rows.write_text(rows.read_text().replace("film number 7 ", "film number seven "))
    elif what == "data unreadable":
        rows.write_bytes(b"\0\1\2" * 99)
    elif what == "teacher removed":
        shutil.rmtree(teacher)
    elif what == "teacher changed":
        config = json.loads((teacher / "config.json").read_text())
        (teacher / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.3}))
    elif what == "weights removed":
        (teacher / "model.safetensors").unlink()
    else:
        config = Store.write().run("stopped")["config"]
        asked = {"resource missing": {"recipe": "pwws"}, "recipe unknown": {"recipe": "gone"}}[what]
        store = Store.write()
        store.update_run(store.run("stopped")["id"], config={**config, "attack": config["attack"] | asked})


SPOILT = {
    "data removed": ("data.name", "does not exist"),
    "data changed": ("data", "has changed since the run started"),
    "data unreadable": ("data.name", ""),
    "teacher removed": ("teacher.name", "does not exist"),
    "teacher changed": ("teacher", "has changed since the run started"),
    "weights removed": ("teacher.name", "no weights"),
    "resource missing": ("attack.recipe", "wordnet"),
    "recipe unknown": ("attack.recipe", "gone"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_cannot_go_on_is_refused_before_anything_is_changed(what: str, stopped: str, tmp_path: Path) -> None:
    from app import actions

    spoil(what, tmp_path)
    field, word = SPOILT[what]
    before = Store.read().run(stopped)
    answer = rosearch("resume", stopped, "--json")
    assert answer.code == 2, answer.out + answer.err
    assert answer.json["error"]["field"] == field
    assert word in answer.json["error"]["problem"]
    assert answer.json["error"]["remedy"]
    with pytest.raises(UserError) as caught:
        actions.resume(stopped)
    assert caught.value.as_dict() == answer.json["error"]
    assert Store.read().run(stopped) == before


def test_what_is_as_it_was_goes_on(stopped: str) -> None:
    """Else the test before would find a refusal whatever was spoilt."""
    process.reopen(stopped)
    assert process.state(Store.read().run(stopped)) == "queued"


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ({"space": {"codes": ["synonyms"]}}, "space.codes"),
        ({"distil": {"adversary": "gradient"}}, "recipe"),
        ({"distil": {"extra": "missing.csv"}}, "distil.extra"),
    ],
)
def test_resources_and_extra_sentences_are_looked_at_too(
    setting: dict[str, Any], field: str, materials: Path, rows: Path, wordless: None
) -> None:
    plain: dict[str, Any] = {"space": {"codes": ["plain"], "context": "bounded", "ledger_bound": None}}
    named = {"data": {"name": str(rows)}, "teacher": {"name": str(materials / "encoder")}}
    wanted: dict[str, Any] = named | {"attack": {"recipe": "deepwordbug"}, "distil": {"adversary": "off"}} | plain
    check.check(RunConfig.model_validate(wanted))
    stage, changes = next(iter(setting.items()))
    with pytest.raises(UserError) as caught:
        check.check(RunConfig.model_validate(wanted | {stage: wanted[stage] | changes}))
    assert caught.value.field.endswith(field)


def test_a_path_of_extra_sentences_means_the_same_from_every_folder(
    materials: Path, rows: Path, wordless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more.csv").write_text(
        "text\n" + "\n".join(f"another film was the {i}th of the year" for i in range(9))
    )
    found = check.check(
        RunConfig.model_validate(
            {
                "data": {"name": "rows.csv"},
                "teacher": {"name": str(materials / "encoder")},
                "attack": {"recipe": "deepwordbug"},
                "distil": {"adversary": "off", "extra": "more.csv"},
                "space": {"codes": ["plain"], "context": "bounded", "ledger_bound": None},
            }
        )
    )
    assert found.config.distil.extra == str(tmp_path / "more.csv")


@pytest.mark.parametrize(
    "name", ["~nobody9/x.csv", "x" * 300 + ".csv", "/" + "x" * 5000, "a\0b.csv", "./" * 3000 + "x"], ids=range(5)
)
@pytest.mark.parametrize("field", ["data.name", "teacher.name", "distil.extra"])
def test_a_name_that_is_no_path_is_refused(field: str, name: str, materials: Path, rows: Path, wordless: None) -> None:
    wanted: dict[str, Any] = {
        "data": {"name": str(rows)},
        "teacher": {"name": str(materials / "encoder")},
        "attack": {"recipe": "deepwordbug"},
        "distil": {"adversary": "off"},
        "space": {"codes": ["plain"], "context": "bounded", "ledger_bound": None},
    }
    stage, key = field.split(".")
    plan = RunConfig.model_validate(wanted | {stage: wanted[stage] | {key: name}})
    with pytest.raises(UserError) as caught:
        process.start("never", plan)
    assert caught.value.field == field
    assert len(str(caught.value)) < 2000
    assert Store.read().runs() == []


def test_a_search_for_proof_needs_an_attack_of_which_something_can_be_proved(workshop, rows: Path) -> None:
    settings = [*workshop.settings, f"data.name={rows}", "space.vocabulary=words", "space.ledger_bound=0.5"]
    settings += ["objectives.measure=certified"]
    check.check(build("standard", None, [*settings, "attack.recipe=pwws"]))
    with pytest.raises(UserError, match=r"objectives\.measure: nothing can be certified under 'deepwordbug'"):
        check.check(build("standard", None, [*settings, "attack.recipe=deepwordbug"]))
