"""Recipes made ready with what is on this machine: the shared data, the user's own copy of the sentence encoder, and a
small file of word vectors made here. One for which nothing is there is skipped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rosearch_engine import resources
from rosearch_engine.attack.recipes.catalogue import RECIPES, Recipe, ready_recipe
from rosearch_engine.config import Level
from tests.conftest import SHARED, Workshop

OWN_HOME = Path(os.environ.get("ROSEARCH_HOME") or "~/.rosearch").expanduser()
FILES = {
    "ROSEARCH_COUNTER_FITTED": SHARED / "counter_fitting" / "counterfitted_neighbors.json.gz",
    "ROSEARCH_PPDB": SHARED / "counter_fitting" / "ppdb_synonyms.txt.gz",
}


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, made_workshop: Workshop, bench: Any) -> dict[str, str]:
    """The environment in which every recipe is ready that can be on this machine."""
    home = tmp_path_factory.mktemp("recipes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROSEARCH_HOME", str(OWN_HOME))
        encoder = next(status.path for status in resources.status() if status.name == "minilm")
    if encoder:
        (home / "resources").mkdir()
        (home / "resources" / "minilm").symlink_to(encoder)
    vectors = home / "vectors.txt"
    _write_vectors(bench.teacher, vectors)
    nltk_data = [made_workshop.nltk_data, str(SHARED / "nltk_data"), str(OWN_HOME / "resources" / "nltk_data")]
    found = {name: str(file) for name, file in FILES.items() if file.is_file()}
    return found | {
        "ROSEARCH_HOME": str(home),
        "NLTK_DATA": os.pathsep.join(nltk_data),
        "ROSEARCH_COUNTER_FITTED_VECTORS": str(vectors),
    }


@pytest.fixture
def stocked(stock: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Level], Recipe]:
    """The recipe of a name, ready at a level; without it the test is skipped."""
    for name in (*FILES, "ROSEARCH_STORE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in stock.items():
        monkeypatch.setenv(name, value)

    def take(name: str, level: Level) -> Recipe:
        lacking = [need for need in RECIPES[name].needs_at(level) if not resources.is_ready(need)]
        if lacking:
            ways = [resources.RESOURCES[need].by_hand or f"python -m rosearch_engine fetch {need}" for need in lacking]
            pytest.skip(f"not on this machine: {', '.join(lacking)}; {'; '.join(ways)}")
        return ready_recipe(name, level)

    return take


def _write_vectors(teacher: Any, file: Path) -> None:
    """The teacher's own word vectors, in word2vec's text format."""
    table = teacher.model.get_input_embeddings().weight.detach()
    words = {word: row for word, row in teacher.tokenizer.get_vocab().items() if word.isalpha() and len(word) > 2}
    lines = [" ".join([word, *(f"{value:.4f}" for value in table[row].tolist())]) for word, row in words.items()]
    file.write_text("\n".join([f"{len(lines)} {table.shape[1]}", *lines]), encoding="utf-8")
