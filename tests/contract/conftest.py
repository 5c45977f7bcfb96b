"""Every recipe made ready: with what `make fetch` brought and three small files of neighbours made of it, and once more
with the published neighbours where they are (`make test-added`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rosearch_engine.attack.imports import textattack
from rosearch_engine.attack.recipes.catalogue import Recipe, ready_recipe
from rosearch_engine.config import Level
from tests.conftest import SHARED, Workshop, added, fetched

PUBLISHED = {
    "NLTK_DATA": SHARED / "nltk_data",
    "ROSEARCH_COUNTER_FITTED": SHARED / "counter_fitting" / "counterfitted_neighbors.json.gz",
    "ROSEARCH_PPDB": SHARED / "counter_fitting" / "ppdb_synonyms.txt.gz",
}


@pytest.fixture(scope="session", params=["fetched", pytest.param("published", marks=added)])
def stock(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, made_workshop: Workshop, bench: Any
) -> dict[str, str]:
    """The environment in which every recipe is ready."""
    home = tmp_path_factory.mktemp("recipes")
    (home / "resources").mkdir()
    (home / "resources" / "minilm").symlink_to(fetched("minilm"))
    vectors = home / "vectors.txt"
    _write_vectors(bench.teacher, vectors)
    if request.param == "published":
        found = {name: str(place) for name, place in PUBLISHED.items()}
    else:
        fetched("tagger")
        synonyms = _synonyms(bench.teacher, made_workshop)
        (home / "neighbours.json").write_text(json.dumps(synonyms), encoding="utf-8")
        pairs = [f"{word} {other}" for word, near in synonyms.items() for other in near]
        (home / "pairs.txt").write_text("\n".join(pairs), encoding="utf-8")
        found = {
            "NLTK_DATA": made_workshop.nltk_data,
            "ROSEARCH_COUNTER_FITTED": str(home / "neighbours.json"),
            "ROSEARCH_PPDB": str(home / "pairs.txt"),
        }
    return found | {"ROSEARCH_HOME": str(home), "ROSEARCH_COUNTER_FITTED_VECTORS": str(vectors)}


@pytest.fixture
def stocked(stock: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Level], Recipe]:
    """The recipe of a name, ready at a level."""
    monkeypatch.delenv("ROSEARCH_STORE", raising=False)
    for name, value in stock.items():
        monkeypatch.setenv(name, value)
    return ready_recipe


def _synonyms(teacher: Any, workshop: Workshop) -> dict[str, list[str]]:
    """Up to 8 WordNet synonyms of every word the teacher knows, the commonest sense first, as a published map has."""
    with workshop.entered():
        textattack()
        from nltk.corpus import wordnet

        near = {}
        for word in sorted(filter(str.isalpha, teacher.tokenizer.get_vocab())):
            names = dict.fromkeys(name for synset in wordnet.synsets(word) for name in synset.lemma_names())
            near[word] = [name for name in names if name.isalpha() and name.lower() != word][:8]
        return near


def _write_vectors(teacher: Any, file: Path) -> None:
    """The teacher's own word vectors, in word2vec's text format."""
    table = teacher.model.get_input_embeddings().weight.detach()
    words = {word: row for word, row in teacher.tokenizer.get_vocab().items() if word.isalpha() and len(word) > 2}
    lines = [" ".join([word, *(f"{value:.4f}" for value in table[row].tolist())]) for word, row in words.items()]
    file.write_text("\n".join([f"{len(lines)} {table.shape[1]}", *lines]), encoding="utf-8")
