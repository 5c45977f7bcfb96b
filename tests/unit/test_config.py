"""Settings: layered in order, read as their field means them, refused with a name and a remedy."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from rosearch_engine.config import PRESETS, RunConfig, SearchConfig, build, fingerprint, validate
from rosearch_engine.errors import UserError


def test_settings_lie_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"search": {"population": 7, "chains": 1}, "distil": {"epochs": 5}}))
    config = build("demo", file, ["search.chains=3", "search.seed = 4"])
    demo = PRESETS["demo"]
    assert config.search.candidates == demo["search"]["candidates"]
    assert (config.search.population, config.search.chains, config.search.seed) == (7, 3, 4)
    assert config.distil.epochs == 5
    assert config.attack.sentences == demo["attack"]["sentences"]
    assert config.objectives == RunConfig().objectives


def test_building_leaves_the_presets_as_they_are() -> None:
    before = json.dumps(PRESETS)
    build("demo", None, ["search.candidates=99"])
    assert json.dumps(PRESETS) == before


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("search.candidates=20", 20),
        ("search.strategy=scalar", "scalar"),
        ('search.strategy="scalar"', "scalar"),
        ("distil.epochs=0.5", 0.5),
        ("distil.learning_rate=1e-3", 1e-3),
        ("distil.inherit=false", False),
        ("data.name=2024", "2024"),
        ("data.name=a=b.csv", "a=b.csv"),
        ('data.name="my file.csv"', "my file.csv"),
        ("data.label=null", None),
        ("data.text=1", "1"),
        ("data.limit=null", None),
        ('space.operations=["transformer","conv3"]', ("transformer", "conv3")),
        ("space.widths=[0.5,1]", (0.5, 1.0)),
    ],
)
def test_a_setting_is_read_as_its_field_means_it(setting: str, value: object) -> None:
    stage, _, field = setting.partition("=")[0].strip().partition(".")
    assert getattr(getattr(build(settings=[setting]), stage), field) == value


@pytest.mark.parametrize(
    ("setting", "field", "remedy"),
    [
        ("search.candidate=3", "search.candidate", "search.candidates"),
        ("serch.candidates=3", "serch.candidates", "search.candidates"),
        ("attack.recipes=pwws", "attack.recipes", "attack.recipe"),
        ("teacher.nmae=x", "teacher.nmae", "teacher.name"),
        ("wholly.unlike=1", "wholly.unlike", "data.name"),
        ("search.candidates=0", "search.candidates", ""),
        ("search.candidates=2.5", "search.candidates", ""),
        ("search.candidates=many", "search.candidates", ""),
        ("search.strategy=best", "search.strategy", ""),
        ("space.operations=[]", "space.operations", ""),
        ('space.operations=["lstm"]', "space.operations.0", ""),
        ("distil.learning_rate=NaN", "distil.learning_rate", ""),
        ("objectives.robustness=Infinity", "objectives.robustness", ""),
        ("data.name=", "data.name", ""),
        ("space.ranks=[0]", "space.ranks", ""),
        ("space.ranks=[8,-1]", "space.ranks", ""),
        ("space.widths=[0]", "space.widths", ""),
        ("space.heads=[1e300]", "space.heads", ""),
        ("teacher.seed=1e20", "teacher.seed", ""),
        ("search.seed=-1", "search.seed", ""),
        ("data.seed=9007199254740993", "data.seed", ""),
        pytest.param("search.seed=" + "[" * 20_000, "search.seed", "", id="deeply nested"),
        ("search.candidates", "set", "stage.field=value"),
        ("=3", "set", "stage.field=value"),
    ],
)
def test_a_bad_setting_is_named_with_a_remedy(setting: str, field: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        build(settings=[setting])
    assert caught.value.field == field
    assert remedy in caught.value.remedy
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "word"),
    [("{", "not JSON"), ("[1]", "no settings"), ('{"search": 3}', "group"), ('{"search": {"sed": 1}}', "no such")],
)
def test_a_bad_file_is_named(tmp_path: Path, content: str, word: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(content)
    with pytest.raises(UserError, match=word):
        build(file=file)


def test_what_would_not_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    for place in (tmp_path / "pipe.json", tmp_path / "folder.json", Path("/dev/zero")):
        with pytest.raises(UserError, match="is not a file"):
            build(file=place)
    (tmp_path / "large.json").write_text(json.dumps({"data": {"name": "x" * 1_000_000}}))
    with pytest.raises(UserError, match="is larger than"):
        build(file=tmp_path / "large.json")


def test_a_message_is_not_as_long_as_what_it_quotes(tmp_path: Path) -> None:
    (tmp_path / "long.json").write_text(json.dumps({"search": {"strategy": "x" * 900_000}}))
    for wrong in (lambda: build(file=tmp_path / "long.json"), lambda: build(settings=["x" * 900_000])):
        with pytest.raises(UserError) as caught:
            wrong()
        assert len(str(caught.value)) < 2000


def test_a_missing_file_and_preset_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        build(file=tmp_path / "none.json")
    with pytest.raises(UserError, match="demo, standard"):
        build(preset="quick")


def test_a_config_survives_json_and_cannot_be_changed() -> None:
    config = build("demo", None, ["space.widths=[0.5]", "data.limit=100"])
    assert validate(json.loads(json.dumps(config.model_dump(mode="json")))) == config
    with pytest.raises(ValidationError):
        config.search.seed = 3  # type: ignore[misc]


def test_every_setting_says_what_it_is() -> None:
    for stage in RunConfig.model_fields.values():
        for name, field in stage.annotation.model_fields.items():  # type: ignore[union-attr]
            assert field.description, name


def test_a_fingerprint_tells_any_value_and_nothing_else() -> None:
    base = SearchConfig()
    changed = [base.model_copy(update={"seed": 1}), base.model_copy(update={"strategy": "random"})]
    prints = {fingerprint(config, "data") for config in (base, *changed)} | {fingerprint(base, "other")}
    assert len(prints) == 4
    assert fingerprint(base, {"a": 1, "b": 2}) == fingerprint(SearchConfig(), {"b": 2, "a": 1})


def test_one_choice_for_all_students_takes_the_place_of_a_presets_gene(tmp_path: Path) -> None:
    for setting, gene in (
        ("space.context=invariant", "contexts"),
        ("space.ledger_bound=0.5", "contexts"),
        ("distil.kappa=0.2", "kappas"),
    ):
        assert getattr(build("standard").space, gene), "else this says nothing"
        assert getattr(build("standard", settings=[setting]).space, gene) == (), setting
    both = build("standard", settings=['space.contexts=["free","none"]', "space.ledger_bound=0.5"])
    assert both.space.contexts == ("free", "none"), "whoever names both gets both"
    file = tmp_path / "older.json"
    file.write_text('{"space": {"context": "invariant"}, "distil": {"kappa": 0.3}}')
    older = build("standard", file)
    assert (older.space.contexts, older.space.kappas, older.distil.kappa) == ((), (), 0.3)


@pytest.mark.parametrize("setting", ['space.contexts=["none"]', "space.kappas=[2]", "space.bounds=[0]"])
def test_genes_out_of_their_range_are_refused(setting: str) -> None:
    with pytest.raises(UserError, match=setting.partition("=")[0]):
        build("standard", settings=[setting])


def test_proof_is_no_objective_where_nothing_can_be_proved() -> None:
    nothing = ['space.contexts=["free"]', "search.bag=false", "objectives.measure=certified"]
    with pytest.raises(UserError, match=r"objectives\.measure") as refused:
        build("standard", settings=nothing)
    assert "space.contexts" in refused.value.remedy
    for settings in (nothing[1:], [nothing[0], nothing[2]]):
        assert build("standard", settings=settings).objectives.measure == "certified"
