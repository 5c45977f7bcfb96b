"""Success against queries on the attack screen: what is drawn, and the sentence to it."""

from __future__ import annotations

import pytest

from app.attack import curves, models
from rosearch_engine.rescore.curves import success_curves
from rosearch_engine.rescore.rows import CurvesRow
from rosearch_engine.store import Store
from rosearch_engine.store.rows import measured
from tests.app.conftest import open_page

ROW: CurvesRow = {
    "recipe": "pwws",
    "held_out": False,
    "n": 10,
    "lines": {
        "s0004": {"role": "elite", "origin": "sample", "curve": [(0, 0.1), (30, 0.3), (90, 0.4), (2000, 0.4)]},
        "s0002": {"role": "baseline", "origin": "chain", "curve": [(0, 0.2), (50, 0.7), (2000, 0.7)]},
        "teacher": {"role": "teacher", "origin": "teacher", "curve": [(0, 0.6), (2000, 0.6)]},
    },
}


def test_the_sentence_says_when_half_is_lost() -> None:
    said = curves.sentence(ROW, "s0004")
    assert "half of the 10 sentences" in said
    assert "more than 2,000 (s0004)" in said
    assert "50 (plain chain s0002)" in said
    assert "0 (the teacher: half are misclassified" in said
    assert "s0004 60% (" in curves.left_standing(ROW)
    assert curves.title(ROW) == "PWWS, search sentences, n = 10"


def test_the_figure_has_a_step_curve_a_model_as_far_as_anything_happens() -> None:
    figure = curves.figure(ROW, "s0004")
    assert [trace.name for trace in figure.data] == ["s0004", "plain chain s0002", "the teacher"]
    assert {trace.line.shape for trace in figure.data} == {"hv"}
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 3
    assert 90 < figure.layout.xaxis.range[1] < 120
    assert "Queries" in figure.layout.xaxis.title.text
    assert "%" in figure.layout.yaxis.title.text


def test_a_real_student_stands_beside_its_chain_and_the_teacher(calm: str) -> None:
    """The curves end where the measurement does: at what the attack alone leaves."""
    store = Store.read()
    run_id = store.run(calm)["id"]
    students = {row["name"]: row for row in measured(store.students(run_id))}
    teacher = store.teacher_measurement(run_id)
    assert teacher is not None
    held_by = {one: row["calibrated_held"] for one, row in students.items()} | {"teacher": teacher["calibrated_held"]}
    name = next(row["name"] for row in students.values() if row["origin"] not in ("bag", "chain"))
    (row,) = success_curves(store, run_id, name)
    assert list(row["lines"]) == [name, "s0001", "s0002", "teacher"]
    assert [line["role"] for line in row["lines"].values()] == ["elite", "baseline", "baseline", "teacher"]
    for one, line in row["lines"].items():
        held = held_by[one]
        assert held is not None
        queries, lost = line["curve"][-1]
        assert queries == 2000
        assert lost == pytest.approx(1 - held / row["n"])
        assert round((1 - line["curve"][0][1]) * row["n"]) >= held
    (alone,) = success_curves(store, run_id, "s0001")
    assert {"s0001", "teacher"} <= set(alone["lines"])


def test_the_screen_draws_it(run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "warm_worker", lambda: None)
    app = open_page("attack", run="demo", student="s0004", attack_with="Queries needed")
    assert not app.exception
    assert not app.error
    assert len(app.get("plotly_chart")) == 1
    assert "PWWS, search sentences, n = 6" in app.subheader[0].value
    assert any("half of the 6 sentences" in caption.value.replace("\\", "") for caption in app.caption)
