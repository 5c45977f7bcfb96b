"""What the attack screen makes of a result."""

from __future__ import annotations

from app.attack import drawing, examples, models
from rosearch_engine.store import Store

HOSTILE = '<img src=x onerror="alert(1)">'


def test_every_word_is_escaped() -> None:
    changes = [
        {"op": "same", "before": HOSTILE, "after": HOSTILE},
        {"op": "swap", "before": HOSTILE, "after": HOSTILE},
        {"op": "insert", "before": "", "after": HOSTILE},
        {"op": "delete", "before": HOSTILE, "after": ""},
    ]
    drawn = drawing.diff_html(changes)
    assert "<img" not in drawn
    assert (drawn.count("<del"), drawn.count("<ins")) == (2, 2)
    assert "<img" not in drawing.importance_html([{"index": 0, "word": HOSTILE, "score": 0.2}], HOSTILE)
    assert "<img" not in drawing.tested_html([HOSTILE, HOSTILE], [(1, HOSTILE)])
    assert "<img" not in drawing.row_html(HOSTILE, "", changes, HOSTILE, 0.9, 0.1)
    assert "<img" not in drawing.said_html(HOSTILE, True)
    assert "<img" not in drawing.curve_html([(0, 0.9), (3, 0.2)], 9, HOSTILE)
    moves = [{"word": HOSTILE, "swap": HOSTILE, "loss": 0.5}]
    assert "<img" not in drawing.proof_html({"moves": moves, "margin": 1.0, "worst": 0.5, "needed": 0.1})
    assert "<img" not in drawing.bars_html([0.4, 0.6], [0.9, 0.1], [HOSTILE, HOSTILE])


def test_the_bars_show_each_class_before_and_after() -> None:
    drawn = drawing.bars_html([0.2, 0.8], [0.7, 0.3], ["negative", "positive"])
    assert drawn.index("positive") < drawn.index("negative")
    for share in ("80.0%", "30.0%", "20.0%", "70.0%"):
        assert share in drawn


def test_words_for_and_against_the_label_are_told_apart() -> None:
    weights = [{"index": 0, "word": "superb", "score": -0.2}, {"index": 1, "word": "the", "score": 0.0}]
    drawn = drawing.importance_html([*weights, {"index": 2, "word": "dull", "score": 0.4}], "negative")
    assert 'title="superb: -20.0 points" style' in drawn
    assert drawn.index("dashed") < drawn.index("superb</span>") < drawn.index("solid")
    assert "the</span>" in drawn, "a word without weight stands in its place"


def test_examples_on_which_models_differ_come_first(run_id: int) -> None:
    store = Store.read()
    run = store.run("demo")
    student = next(s for s in store.students(run_id) if s["status"] == "done")
    stored = {row["before"]["text"]: row for row in store.examples(student["measurement_id"])}
    shown = examples.of(run, student)
    assert shown
    assert {example.text for example in shown} <= set(stored)
    assert all(example.label == stored[example.text]["label"] for example in shown)
    rows = store.examples(student["measurement_id"])
    outcomes = {student["name"]: {row["sentence"]: True for row in rows}, "teacher": {rows[3]["sentence"]: False}}
    best = examples.choose(rows, outcomes)[0]
    assert (best.text, best.holds, best.falls) == (rows[3]["before"]["text"], (student["name"],), ("teacher",))


def test_models_are_called_what_they_are(run_id: int) -> None:
    titles = models.titles(Store.read().run("demo"))
    assert titles["s0000"] == "s0000 · chain 1"
    assert titles["s0001"] == "s0001 · chain 2"
    assert titles["s0003"].startswith("s0003 · searched, ")
    assert titles["teacher"] == "teacher · minilm"


def test_a_long_sentence_is_cut_between_words() -> None:
    short = examples.shortened("word " * 40)
    assert short.endswith("word …")
    assert len(short) < 50
    assert examples.shortened("brief") == "brief"
