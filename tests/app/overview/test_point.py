"""The sentence that makes the point."""

from __future__ import annotations

from typing import Any, cast

from app.overview import point
from rosearch_engine.store.rows import ExampleRow


def example(sentence: int, outcome: str, before: str, after: str, **more: Any) -> ExampleRow:
    said = {"class": 0, "probabilities": [0.9, 0.1]}
    row = {
        "sentence": sentence,
        "outcome": outcome,
        "label": 0,
        "before": {**said, "text": before},
        "after": {**said, "text": after, "class": int(outcome == "fooled")},
        "flips": 0,
        "certified": None,
    }
    return cast(ExampleRow, row | more)


LONG = "a moving and quietly funny film that never talks down to its audience"
FALLS = [
    example(1, "fooled", LONG, LONG.replace("funny", "comic")),
    example(2, "fooled", LONG + " at all", LONG.replace("moving", "go").replace("funny", "comic") + " at all"),
    example(3, "held", LONG, LONG),
    example(4, "fooled", "so dull", "so muted"),
]


def test_it_is_a_sentence_on_which_the_two_differ() -> None:
    stands = [example(1, "held", LONG, LONG), example(2, "fooled", LONG, LONG), example(3, "held", LONG, LONG)]
    found = point.find("teacher", FALLS, "s0002", stands)
    assert found is not None
    assert (found.fall["sentence"], found.stand["sentence"]) == (1, 1)
    assert point.text(found) == (LONG, None)


def test_a_proved_one_of_a_good_length_comes_first() -> None:
    stands = [example(n, "held", LONG, LONG, certified=n == 2) for n in (1, 2, 4)]
    found = point.find("teacher", FALLS, "s0002", stands)
    assert found is not None
    assert found.fall["sentence"] == 2
    short = point.find("teacher", FALLS, "s0002", stands[2:])
    assert short is not None, "a short one is better than none"


def test_one_that_a_single_swap_flips_does_not_hold() -> None:
    assert point.find("teacher", FALLS, "s0002", [example(1, "held", LONG, LONG, flips=1)]) is None
