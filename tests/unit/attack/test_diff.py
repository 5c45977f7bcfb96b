"""Word steps from one text to another: nothing lost, nothing invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosearch_engine.attack.diff import flat, words

texts = st.lists(st.sampled_from(["a", "good", "film", "and", "bad", "plot", "of", "the", "year"]), max_size=12).map(
    " ".join
)


@given(texts, texts)
def test_the_steps_hold_both_texts(before: str, after: str) -> None:
    steps = words(before, after)
    assert " ".join(step["before"] for step in steps if step["before"]).split() == before.split()
    assert " ".join(step["after"] for step in steps if step["after"]).split() == after.split()
    for step in steps:
        assert step["op"] in ("same", "swap", "insert", "delete")
        assert (step["op"] == "same") == (step["before"] == step["after"])
        assert (step["op"] == "insert") == (not step["before"])
        assert (step["op"] == "delete") == (not step["after"])


@pytest.mark.parametrize(
    ("before", "after", "ops"),
    [
        ("a fine film", "a fine film", ["same", "same", "same"]),
        ("a fine film", "a decent picture", ["same", "swap", "swap"]),
        ("a fine film", "a film", ["same", "delete", "same"]),
        ("a film", "a fine film", ["same", "insert", "same"]),
        ("film", "", ["delete"]),
        ("", "", []),
    ],
)
def test_known_changes(before: str, after: str, ops: list[str]) -> None:
    assert [step["op"] for step in words(before, after)] == ops


def test_pairs_are_compared_as_one() -> None:
    steps = words(("a cat sleeps", "an animal rests"), ("a cat sleeps", "a beast rests"))
    assert [step["after"] for step in steps if step["op"] == "swap"] == ["a", "beast"]
    assert flat(("one", "two")) == "one | two"
