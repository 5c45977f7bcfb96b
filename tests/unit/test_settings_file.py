"""Settings as a command line and as JSON: what goes out comes in again."""

from __future__ import annotations

import json
import shlex

import pytest

from rosearch_engine import __version__
from rosearch_engine.config import RunConfig, as_command, as_json, build, from_json
from rosearch_engine.errors import UserError

CHANGED = [
    "data.name=my file's.csv",
    "search.candidates=7",
    "search.minutes=2.5",
    "space.ranks=[8,16]",
    'space.codes=["plain"]',
    "distil.adversary=off",
    "attack.one_swap=false",
    "data.label=null",
]


@pytest.mark.parametrize("preset", ["standard", "demo"])
@pytest.mark.parametrize("settings", [[], CHANGED])
def test_a_command_gives_the_same_settings_again(preset: str, settings: list[str]) -> None:
    wanted = build(preset, settings=settings)
    words = shlex.split(as_command(wanted))
    assert words[:6] == ["python", "-m", "rosearch_engine", "search", "--preset", "standard"]
    given = [word for flag, word in zip(words[6::2], words[7::2], strict=True) if flag == "--set"]
    assert build("standard", settings=given) == wanted
    assert len(as_command(build("standard")).split("--set")) == 1, "what is as in the preset is not said"


def test_json_gives_the_same_settings_again(tmp_path) -> None:
    for wanted in (build("demo", settings=CHANGED), RunConfig()):
        assert json.loads(as_json(wanted))["made_by"] == __version__
        assert from_json(as_json(wanted)) == wanted
        file = tmp_path / "settings.json"
        file.write_text(as_json(wanted))
        assert build("standard", file) == wanted, "and `--config` takes it"


def test_what_is_left_out_is_as_in_the_preset() -> None:
    assert from_json('{"search": {"candidates": 20}}') == build("standard", settings=["search.candidates=20"])


def test_settings_of_another_version_are_refused_in_a_sentence() -> None:
    other = {"made_by": "9.9.9", "search": {"candidates": 20, "wings": 3}}
    with pytest.raises(
        UserError, match=r"no such setting\. The settings were written by version 9\.9\.9; this is"
    ) as no:
        from_json(json.dumps(other))
    assert no.value.field == "search.wings"
    mine = {"made_by": __version__, "search": {"wings": 3}}
    with pytest.raises(UserError) as plain:
        from_json(json.dumps(mine))
    assert "written by" not in plain.value.problem


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '"text"', '{"search": 3}', '{"search": {"candidates": -1}}', "[" * 9999]
)
def test_what_is_no_settings_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        from_json(text)
