"""The form gives back the config it was drawn from, and takes what a person types."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app import words
from app.search import forms, labels
from rosearch_engine import config
from rosearch_engine.config import PRESETS, RunConfig
from rosearch_engine.errors import UserError


def _draw(preset: str) -> None:
    import streamlit as st

    from app.search import forms
    from rosearch_engine.config import PRESETS, RunConfig

    values = PRESETS[preset]
    st.session_state["answers"] = {
        stage: forms.draw(stage, field.annotation, values.get(stage, {}), "form")
        for stage, field in RunConfig.model_fields.items()
        if isinstance(field.annotation, type)
    }


def drawn(preset: str = "standard") -> AppTest:
    app = AppTest.from_function(_draw, args=(preset,), default_timeout=120).run()
    assert not app.exception
    return app


def answers(app: AppTest) -> RunConfig:
    return config.validate(app.session_state["answers"])


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_an_untouched_form_is_its_preset(preset: str) -> None:
    assert answers(drawn(preset)) == config.build(preset)


def test_what_is_typed_is_what_is_run() -> None:
    app = drawn()
    app.number_input(key="form.search.candidates").set_value(7)
    app.number_input(key="form.distil.learning_rate").set_value(0.002)
    app.number_input(key="form.data.limit").set_value(500)
    app.number_input(key="form.search.minutes").set_value(2.5)
    app.selectbox(key="form.search.strategy").set_value("scalar")
    app.multiselect(key="form.space.operations").set_value(["attention", "conv3"])
    app.text_input(key="form.space.widths").set_value("1/4, 1/2")
    app.text_input(key="form.data.label").set_value(" stars ")
    app.toggle(key="form.distil.inherit").set_value(False)
    chosen = answers(app.run())
    assert (chosen.search.candidates, chosen.search.strategy) == (7, "scalar")
    assert chosen.distil.learning_rate == pytest.approx(0.002)
    assert chosen.distil.inherit is False
    assert (chosen.data.limit, chosen.search.minutes) == (500, 2.5)
    assert chosen.data.label == "stars"
    assert chosen.space.operations == ("attention", "conv3")
    assert chosen.space.widths == (0.25, 0.5)


def test_every_field_has_a_widget_with_its_description_and_limits() -> None:
    app = drawn()
    for stage, settings in RunConfig():
        for name, field in type(settings).model_fields.items():
            widget = app.get_by_key(f"form.{stage}.{name}")
            assert field.description in widget.help, (stage, name)
            assert f"`{stage}.{name}`" in widget.help, "the key, as --set takes it"
            assert getattr(widget, "label", None) == labels.LABELS[f"{stage}.{name}"]
    tokens = app.number_input(key="form.distil.tokens")
    assert (tokens.min, tokens.max) == (64, 262_144)


def test_the_labels_name_every_setting_and_no_other_each_but_once_in_its_stage() -> None:
    known = {f"{stage}.{name}" for stage, settings in RunConfig() for name in type(settings).model_fields}
    assert set(labels.LABELS) == known
    named = [(key.split(".")[0], label) for key, label in labels.LABELS.items()]
    assert len(set(named)) == len(named)
    assert labels.label("data", "of_another_version") == "Of another version"


def test_every_chain_of_every_input_code_is_counted() -> None:
    run = RunConfig.model_validate({"search": {"candidates": 7, "chains": 2}, "space": {"codes": ["plain", "both"]}})
    assert words.planned(run.model_dump(mode="json")) == 7 + (1 + 2) * 2
    older = {"search": {"candidates": 7, "chains": 2}, "space": {}}
    assert words.planned(older) == 7 + 2


def test_numbers_are_read_as_written() -> None:
    shares = config.SpaceConfig().widths
    assert forms.numbers(forms.written(shares), False, "space.widths") == pytest.approx(shares)
    assert forms.numbers("32; 48  64,", True, "space.ranks") == [32, 48, 64]


@pytest.mark.parametrize(("text", "whole"), [("a half", False), ("1/0", False), ("1/2", True)])
def test_what_is_no_number_names_its_field(text: str, whole: bool) -> None:
    with pytest.raises(UserError) as caught:
        forms.numbers(text, whole, "space.ranks")
    assert caught.value.field == "space.ranks"
