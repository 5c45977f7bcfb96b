"""Before the start, the form tells what the attack has to try, as `check` counts it."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from app.search.ahead import lines
from rosearch_engine import resources
from tests.app.conftest import open_page
from tests.app.test_pages import text_of
from tests.conftest import fetched

PATIENCE = 300.0
FACTS: dict[str, Any] = {"words": {"attacked": 400, "with_swaps": 100}, "cut": 0, "warnings": ["known", "new"]}


def test_what_is_said_of_the_words() -> None:
    assert lines(FACTS, ["known"]) == [
        "Words that the attack can swap: 100 of 400 in the attacked sentences (25%).",
        "new",
    ]
    said = lines(FACTS | {"words": None, "cut": 2}, ["known", "new"])
    assert len(said) == 2
    assert "depends on each sentence" in said[0]
    assert said[1] == "2 training sentences are longer than the teacher reads, and cut."


@pytest.mark.slow
def test_the_preview_tells_the_words_that_can_be_swapped(
    home: Path, materials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLTK_DATA", str(fetched("stopwords").parents[1]))
    assert resources.is_ready("wordnet")
    shutil.copy(materials / "sentences.csv", home / "sentences.csv")
    app = open_page("search")
    app.text_input(key="demo.data.name").set_value(str(home / "sentences.csv"))
    app.text_input(key="demo.teacher.name").set_value(str(materials / "encoder"))
    app.selectbox(key="demo.attack.recipe").select_index(0).run()
    app.button(key="look").click().run()
    assert not app.exception
    deadline = time.monotonic() + PATIENCE
    while "Counting the words" in text_of(app) and time.monotonic() < deadline:
        app.run()
    assert not app.error
    told = text_of(app).replace("\\", "")  # what is not ours is escaped for Markdown
    assert re.search(r"Words that the attack can swap: [\d,]+ of [\d,]+ in the attacked sentences \(\d+%\)", told)
