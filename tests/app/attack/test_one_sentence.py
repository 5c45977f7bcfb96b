"""What the attack screen makes of a result."""

from __future__ import annotations

from app.attack import drawing, one_sentence
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
    assert "<img" not in drawing.importance_html([{"index": 0, "word": HOSTILE, "score": 0.2}])
    assert "<img" not in drawing.bars_html([0.4, 0.6], [0.9, 0.1], [HOSTILE, HOSTILE])


def test_the_bars_show_each_class_before_and_after() -> None:
    drawn = drawing.bars_html([0.2, 0.8], [0.7, 0.3], ["negative", "positive"])
    assert drawn.index("positive") < drawn.index("negative")
    for share in ("80.0%", "30.0%", "20.0%", "70.0%"):
        assert share in drawn


def test_examples_are_the_runs_own_sentences(run_id: int) -> None:
    store = Store.read()
    student = next(s for s in store.students(run_id) if s["status"] == "done")
    stored = {row["before"]["text"] for row in store.examples(student["measurement_id"])}
    shown = one_sentence.examples(student["measurement_id"])
    assert shown
    assert {text for text, _ in shown} <= stored


def test_a_long_sentence_is_cut_between_words() -> None:
    short = one_sentence.shortened("word " * 40)
    assert short.endswith("word …")
    assert len(short) < 50
    assert one_sentence.shortened("brief") == "brief"
