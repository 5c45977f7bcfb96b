"""The worst case on data at the edge: pairs, many classes, long texts, nothing to swap, a damaged file."""

from __future__ import annotations

import gzip
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from rosearch_engine.attack.lexicon import Lexicon, named_lexicon
from rosearch_engine.attack.refute import Combinations
from rosearch_engine.distil import adversary as adversary_module
from rosearch_engine.distil.adversary import Adversary
from rosearch_engine.distil.swaps import SwapTable
from rosearch_engine.genome import Genome
from rosearch_engine.live.sentences import certificate_says
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context
from rosearch_engine.search.evaluate import evaluate, student
from rosearch_engine.search.outcome import Evaluation
from tests.unit.test_bad_material import bench_of, sentences

WORST = ("space.vocabulary=words", "space.ledger_bound=0.2", "distil.adversary=gradient")


def measured(bench: Context, genome: Genome) -> Evaluation:
    found = evaluate(genome, bench.config.search.seed, bench, Progress())
    assert len(found.results) == len(bench.targets) > 0
    assert np.isfinite([value for _, value in found.training.curve]).all()
    assert not any(result.refutes for result in found.results)
    assert "failed" not in {result.outcome for result in found.results}
    return found


def test_pairs(workshop: Any, tmp_path: Path) -> None:
    """Ledger, adversary and certificate on pairs: no combination of both sides' swaps flips a certified pair."""
    rows = pd.read_csv(workshop.data).head(300)
    first = [" ".join(text.split()[:7]) for text in rows["sentence"]]
    frame = pd.DataFrame({"sentence1": first, "sentence2": [*first[5:], *first[:5]], "label": rows["label"]})
    bench = bench_of(workshop, frame, tmp_path, *WORST, "attack.sentences=10", "attack.one_swap=false")
    corpus, lexicon, rng = bench.readings["plain"].corpus, bench.lexicon, np.random.default_rng(0)
    assert lexicon is not None
    assert corpus.swaps is not None
    sides = corpus.sentences.types[np.flatnonzero(corpus.swaps.places >= 0)]
    assert set(sides.tolist()) == {0, 1}, "words of both sides are swapped"
    tried = 0
    for genome in (Genome.bag("plain"), bench.space.chain(1)):
        found = measured(bench, genome)
        assert (found.training.adversarial is None) == genome.is_bag
        assert found.scores[-1].certified == sum(bool(one.certificate.certified) for one in found.results)  # type: ignore[union-attr]
        logits = np.zeros((len(bench.data.validation.labels), 2))
        victim = bench.victim(found.model, logits, "plain")
        for result in found.results:
            pair = result.target.text
            assert not isinstance(pair, str)
            parts = [Combinations(text, lexicon) for text in pair]
            words = [part.options for part in parts]
            assert lexicon.words(pair) == [options[0] for options in itertools.chain(*words)]
            assert result.certificate is not None
            assert len(result.certificate.moves) == sum(len(options) > 1 for options in itertools.chain(*words))
            if result.certificate.certified:
                texts = list(zip(*(part.draw(rng, 60) for part in parts), strict=True))
                assert (victim.logits(texts).argmax(axis=1) == result.target.label).all(), pair
                tried += 1
    assert tried > 3, "with fewer, this says little"


def test_twenty_classes(workshop: Any, tmp_path: Path) -> None:
    texts = sentences(workshop)[:300]
    frame = pd.DataFrame({"text": texts, "label": [f"c{i % 20}" for i in range(300)]})
    bench = bench_of(workshop, frame, tmp_path, *WORST)
    ledger = bench.ledger(bench.space.chain(1))
    assert ledger is not None
    assert ledger.table.shape[1] == 20
    found = measured(bench, bench.space.chain(1))
    assert found.training.adversarial is not None
    assert found.scores[-1].certified is not None
    for result in found.results:
        assert result.certificate is not None
        assert result.certificate.worst <= result.certificate.margin + 1e-9


@pytest.fixture(scope="module")
def long(made_workshop: Any, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Texts of 400 words, of which the model reads 128 pieces."""
    with made_workshop.entered():
        words = " ".join(sentences(made_workshop)).split()
        texts = [" ".join(words[300 * i : 300 * i + 400]) for i in range(50)]
        frame = pd.DataFrame({"text": texts, "label": [i % 2 for i in range(50)]})
        few = ("attack.one_swap=false", "attack.query_budget=30")
        return bench_of(made_workshop, frame, tmp_path_factory.mktemp("long"), *WORST, *few)


def assert_bounded(bench: Context, swaps: SwapTable, lexicon: Lexicon) -> None:
    """The bound that `SwapTable` states."""
    sentences, texts = bench.readings["plain"].corpus.sentences, bench.data.distillation.texts
    distinct = {word for text in texts for word in lexicon.words(text)}
    options = sum(1 + len(lexicon.swaps(word)) for word in distinct)
    assert swaps.places.shape == sentences.ids.shape
    assert (swaps.forms.lengths <= sentences.lengths).all()
    assert len(swaps.options) <= len(distinct)
    assert len(swaps.options.values) <= options
    assert len(swaps.candidates.values) <= options
    assert len(swaps.tokens) == len(swaps.options.values)


def test_of_long_texts_the_table_holds_what_is_read(long: Context, workshop: Any) -> None:
    corpus, lexicon = long.readings["plain"].corpus, long.lexicon
    swaps = corpus.swaps
    assert lexicon is not None
    assert swaps is not None
    assert corpus.sentences.lengths.max() == 128
    assert min(len(text.split()) for text in long.data.distillation.texts) == 400
    assert_bounded(long, swaps, lexicon)
    read = [set(corpus.sentences.ids[a:b].tolist()) for a, b in itertools.pairwise(corpus.sentences.starts)]
    for row, forms in enumerate(np.split(swaps.forms.values, swaps.forms.starts[1:-1])):
        assert len(forms) > 10
        first = swaps.options.values[swaps.options.starts[forms]]
        assert set(swaps.tokens.take(first)[0].tolist()) <= read[row], "a word that was cut off is swapped"


def test_a_training_on_long_texts(long: Context, workshop: Any) -> None:
    found = measured(long, long.space.chain(1))
    assert found.training.adversarial is not None
    assert found.scores[-1].certified == 0, "nothing is proved of what is cut off"
    assert all(one.certificate and "maximum length" in one.certificate.reason for one in found.results)


def test_candidates_are_looked_at_some_at_a_time(long: Context, workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many candidates a batch has, no more of their states are held at once; the copies are the same."""
    corpus, rows = long.readings["plain"].corpus, np.arange(16)
    assert corpus.swaps is not None
    model = student(long.space.chain(1), 0, long).train()
    config = long.config.distil.model_copy(update={"unknown_share": 0.0})
    batch = corpus.sentences.batch(rows, torch.device("cpu"))
    copies, sizes = [], []
    for at_once in (adversary_module.AT_ONCE, 500):
        monkeypatch.setattr(adversary_module, "AT_ONCE", at_once)
        adversary = Adversary(model, corpus.sentences, corpus.swaps, corpus.special, config, seed=0)
        model(**batch).logits[:, 0].sum().backward()
        seen: list[int] = []
        # Of the words' own states and of their candidates': what the embedding's norm is given, row by row.
        watch = model.embedding.norm.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(len(given[0])))
        copies.append(adversary.copies(rows, batch)["input_ids"])
        watch.remove()
        sizes.append(seen[1:])
    assert sum(sizes[0]) == sum(sizes[1]) > 2_000
    assert max(sizes[1]) == 500
    assert torch.equal(copies[0], copies[1])
    assert (copies[0] != batch["input_ids"]).any()


def greek(text: str) -> str:
    """The same letters in Greek: words of no lexicon here."""
    return text.lower().translate(str.maketrans("abcdefghijklmnopqrstuvwxyz", "αβψδεφγηιξκλμνοπχρστθωςχυζ"))


def test_a_language_without_a_lexicon(workshop: Any, tmp_path: Path) -> None:
    rows = pd.read_csv(workshop.data).head(300)
    texts = [re.sub(r"\d", "", greek(text)) for text in rows["sentence"]]
    bench = bench_of(workshop, pd.DataFrame({"text": texts, "label": rows["label"]}), tmp_path, *WORST)
    swaps = bench.readings["plain"].corpus.swaps
    assert swaps is not None
    assert swaps.is_empty
    assert any("the adversary is off" in note for note in bench.notes)
    assert any("never tried" in note for note in bench.notes)
    for genome in (Genome.bag("plain"), bench.space.chain(1)):
        found = measured(bench, genome)
        assert found.scores[-1].certified is None, "nothing was tried"
        assert found.training.adversarial is None
        proofs = [one.certificate for one in found.results if one.certificate and one.certificate.certified]
        assert all("nothing was tried" in certificate_says(proof) for proof in proofs)
    assert bench.bag(Genome.bag("plain")) is not None


def notes_of(context: Context) -> list[str]:
    """A run's notes on its words: so few sentences may leave the teacher at chance, which is noted too."""
    return [note for note in context.notes if "chance level" not in note]


def test_a_language_of_whose_texts_only_the_numbers_are_in_the_lexicon(workshop: Any, tmp_path: Path) -> None:
    rows = pd.read_csv(workshop.data).head(300)
    texts = [f"{greek(text)} {10 if number % 3 else 'χ'}" for number, text in enumerate(rows["sentence"])]
    frame = pd.DataFrame({"text": texts, "label": rows["label"]})
    bench = bench_of(workshop, frame, tmp_path, *WORST, "attack.sentences=20")
    assert bench.lexicon is not None
    assert bench.lexicon.swaps("10")
    (note,) = notes_of(bench)
    assert "hardly tried" in note


def test_notes_are_silent_where_words_can_be_swapped(long: Context) -> None:
    assert not notes_of(long)


def test_a_code_whose_classes_swallow_the_vocabulary(workshop: Any, tmp_path: Path) -> None:
    """Texts of two words that are each other's synonyms: the code reads every word alike."""
    turns = list(itertools.islice(itertools.product(("film", "movie"), repeat=9), 300))
    texts = [" ".join(("film", "film", *turn)) for turn in turns]
    frame = pd.DataFrame({"text": texts, "label": [i % 2 for i in range(300)]})
    settings = [*WORST[1:], "space.vocabulary=seen", 'space.codes=["plain","synonyms"]']
    bench = bench_of(workshop, frame, tmp_path, *settings)
    plain, tied = bench.readings["plain"], bench.readings["synonyms"]
    assert plain.corpus.swaps is not None
    assert not plain.corpus.swaps.is_empty
    assert tied.corpus.swaps is not None
    assert tied.corpus.swaps.is_empty
    (note,) = notes_of(bench)
    assert "'synonyms' every word reads like all of its swaps" in note
    assert len({tuple(row) for row in np.split(tied.corpus.sentences.ids, tied.corpus.sentences.starts[1:-1])}) == 1
    for genome in (Genome.bag("synonyms"), bench.space.chain(1, "synonyms"), bench.space.chain(1)):
        found = measured(bench, genome)
        assert (found.training.adversarial is None) == (genome.code == "synonyms")
        assert found.scores[-1].certified is not None, "that no swap changes what it reads is a proof"
        victim = bench.victim(found.model, np.zeros((len(bench.data.validation.labels), 2)), genome.code)
        said = victim.logits(texts[:50])
        assert (np.ptp(said, axis=0) < 1e-5).all() == (genome.code == "synonyms"), "a constant"


@pytest.mark.parametrize("vocabulary", ["words", "seen"])
def test_beside_a_ledger_a_graph_may_read_all_words_alike(workshop: Any, tmp_path: Path, vocabulary: str) -> None:
    turns = list(itertools.islice(itertools.product(("film", "movie"), repeat=9), 200))
    frame = pd.DataFrame({"text": list(map(" ".join, turns)), "label": [i % 2 for i in range(200)]})
    settings = [*WORST[1:], f"space.vocabulary={vocabulary}", 'space.codes=["both"]']
    bench = bench_of(workshop, frame, tmp_path, *settings)
    assert measured(bench, bench.space.chain(1, "both")).scores[-1].certified is not None


def damages(whole: bytes) -> Sequence[bytes]:
    """A file written half-way, or with one byte changed, or whole but of another content."""
    cut = [whole[:end] for end in range(len(whole))]
    changed = [whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :] for i in range(10, len(whole))]
    others: list[Any] = [[], 7, None, "films", {"films": "movie"}, {"films": [1]}, {"films": None}, {"films": {"a": 1}}]
    text = json.dumps({"films": ["movie"]})
    rest = [b"\xff\xfe", text.encode(), gzip.compress(text[:-4].encode()), gzip.compress(b"[" * 200_000)]
    return [*cut, *changed, *rest, *(gzip.compress(json.dumps(other).encode()) for other in others)]


def test_a_damaged_lexicon_is_made_again(workshop: Any) -> None:
    file = workshop.home / "lexicons" / "pwws.json.gz"
    file.unlink(missing_ok=True)
    first = named_lexicon("pwws")
    swaps = {word: first.swaps(word) for word in ("films", "good", "the")}
    first.keep()
    whole, first._known = file.read_bytes(), {}
    assert all(swaps[word] for word in ("films", "good"))
    from rosearch_engine.attack.lexicon import _read

    assert _read(file) == swaps
    for damaged in damages(whole):
        file.write_bytes(damaged)
        assert _read(file) == {}, damaged
    again = named_lexicon("pwws")
    assert {word: again.swaps(word) for word in swaps} == swaps
    again.keep()
    assert _read(file) == swaps
    file.unlink()
    file.mkdir()
    blocked = named_lexicon("pwws")
    assert blocked.swaps("films") == swaps["films"]
    blocked.keep()
    file.rmdir()


def test_the_draft_of_another_process_is_left_alone(workshop: Any) -> None:
    lexicon = named_lexicon("pwws")
    draft = workshop.home / "lexicons" / "pwws.json.draft"
    draft.parent.mkdir(exist_ok=True)
    draft.write_bytes(b"half")
    swaps = lexicon.swaps("Unlikeable")
    lexicon.keep()
    assert named_lexicon("pwws")._known["Unlikeable"] == swaps
    assert draft.read_bytes() == b"half"
    draft.unlink()


def test_sentences_with_nothing_to_try_are_counted_and_told(workshop: Any, tmp_path: Path) -> None:
    from rosearch_engine.checkpoints.export import export
    from rosearch_engine.config import build
    from rosearch_engine.report import summary
    from rosearch_engine.search.loop import search
    from rosearch_engine.store import Store

    rows = pd.read_csv(workshop.data).head(300)
    texts = [text if i % 3 else re.sub(r"\d", "", greek(text)) for i, text in enumerate(rows["sentence"])]
    pd.DataFrame({"text": texts, "label": rows["label"]}).to_csv(tmp_path / "mixed.csv", index=False)
    own = [setting for setting in workshop.settings if not setting.startswith("data.")]
    few = ["teacher.epochs=1", "attack.sentences=20", "search.candidates=1", "search.chains=1", "search.bag=false"]
    config = build("standard", None, [*own, f"data.name={tmp_path / 'mixed.csv'}", *few])
    store = Store.write()
    store.create_run("mixed", config)
    search("mixed")
    run = store.run("mixed")
    assert run["dataset"] is not None
    untried = run["dataset"]["untried"]
    student = store.students(run["id"])[0]
    examples = store.examples(student["measurement_id"] or 0)
    nothing = sum(row["swaps"] == 0 and row["outcome"] == "held" for row in examples)
    assert 0 < nothing <= untried < 20
    expected = f"{untried} of the 20 attacked sentences have no word that the attack can swap"
    assert any(expected in line for line in summary(store, run, "finished")["headline"])
    export(store, "mixed", student["name"], tmp_path / "out")
    assert expected in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    store.delete_run("mixed")
