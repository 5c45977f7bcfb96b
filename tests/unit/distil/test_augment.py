"""Copies with swapped words, and a corpus that hands them out in turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rosearch_engine.batching import join
from rosearch_engine.config import DistilConfig, validate
from rosearch_engine.data import Split
from rosearch_engine.distil.augment import WORD, misspellings, neighbours, swapped
from rosearch_engine.distil.corpus import Corpus
from rosearch_engine.distil.loop import Distillation
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress
from rosearch_engine.student.build import build
from rosearch_engine.teacher import Outputs

TEXTS = ("A good film, isn't it?", "The plot is bad; the cast is good.", "42!")


def split(texts: tuple[str, ...] = TEXTS, pairs: tuple[str, ...] | None = None) -> Split:
    return Split(np.arange(len(texts)), texts, pairs, np.zeros(len(texts), dtype=np.int64))


def shout(word: str) -> list[str]:
    return [word.upper()] if word.lower() in ("good", "bad", "film", "plot", "cast") else []


def test_only_words_with_replacements_change_and_the_rest_stays() -> None:
    copy = swapped(split(), [shout], 1.0, np.random.default_rng(0))
    for before, after in zip(TEXTS, copy.texts, strict=True):
        assert before.lower() == after.lower()
    assert (copy.labels == 0).all()
    every = [swapped(split(), [shout], 1.0, np.random.default_rng(seed)).texts[1] for seed in range(200)]
    assert any("BAD" in text and "GOOD" in text and "PLOT" in text for text in every)
    assert any(text == TEXTS[1] for text in every)


def test_equal_dice_give_equal_copies_and_pairs_are_swapped_too() -> None:
    one, again = (swapped(split(pairs=TEXTS), [shout], 0.9, np.random.default_rng(3)) for _ in range(2))
    assert one.texts == again.texts
    assert one.pairs == again.pairs
    assert one.pairs is not None
    assert any(a != b for seed in range(9) for a, b in zip(
        TEXTS, swapped(split(pairs=TEXTS), [shout], 0.9, np.random.default_rng(seed)).pairs or (), strict=True
    ))  # fmt: skip


def test_the_share_of_swapped_words_is_drawn_evenly() -> None:
    many = split(("good " * 200,) * 400)
    copy = swapped(many, [shout], 0.8, np.random.default_rng(0))
    shares = np.array([text.count("GOOD") / 200 for text in copy.texts])
    assert shares.max() < 0.95
    assert shares.mean() == pytest.approx(0.4, abs=0.03)
    assert np.percentile(shares, 25) == pytest.approx(0.2, abs=0.05)


def test_misspellings_are_one_edit_away() -> None:
    found = misspellings("cast")
    assert {"acst", "csat", "cats", "cat", "cost", "coast", "casts", "zcast"} <= set(found)
    assert "cast" not in found
    assert len(set(found)) == len(found)
    assert misspellings("is") == []
    assert misspellings("a") == []


def test_words_are_found_as_a_reader_finds_them() -> None:
    assert WORD.findall("isn't it well-made, 42x?") == ["isn't", "it", "well-made", "x"]


def test_sources_of_characters_need_no_wordnet(home) -> None:
    assert neighbours("characters", split()) == [misspellings]


def test_any_words_come_as_often_as_they_occur() -> None:
    (source,) = neighbours("words", split(("good good good film",)))
    assert sorted(source("plot")) == ["film", "good", "good", "good"]
    with pytest.raises(UserError, match="swap_labels"):
        validate({"distil": {"swaps": "words"}})


def test_of_copies_that_mean_something_else_only_the_teachers_word_counts(bench, workshop) -> None:
    corpus = corpus_with_copies(bench)
    assert corpus.teacher.hidden is not None
    said = Outputs(np.tile(corpus.teacher.logits, (3, 1)), np.tile(corpus.teacher.hidden, (3, 1, 1)))
    told = replace(corpus, copies_teacher=said)
    otherwise = replace(corpus, copies_teacher=Outputs(said.logits, np.tile(corpus.teacher.hidden[::-1], (3, 1, 1))))
    config = DistilConfig(epochs=0.2, tokens=640, learning_rate=3e-3)

    def weights(settings: DistilConfig, material: Corpus):
        model = build(bench.space.chain(1), bench.frame, bench.data.classes, bench.pad, teacher=None, seed=0)
        training = Distillation(model, material, settings, seed=0)
        training.run(training.steps, Progress())
        return model.classifier.weight

    bare = config.model_copy(update={"hard_weight": 0.0})
    assert (weights(config, told) == weights(bare, told)).all()
    assert not (weights(config, corpus) == weights(bare, corpus)).all()
    assert not (weights(config, told) == weights(config, otherwise)).all(), "its states of the copies are imitated"


def corpus_with_copies(bench, rounds: int = 3) -> Corpus:
    corpus = bench.readings["plain"].corpus
    n, rng = len(corpus.labels), np.random.default_rng(0)
    shuffled = []
    for _ in range(rounds):
        ids = corpus.sentences.ids.copy()
        words = ids >= 5
        ids[words] = rng.permutation(ids[words])
        shuffled.append(replace(corpus.sentences, ids=ids))
    copies = join(shuffled)
    assert len(copies.lengths) == rounds * n
    return replace(corpus, copies=copies)


def test_copies_come_in_turn(bench) -> None:
    corpus = corpus_with_copies(bench)
    n, rows = len(corpus.labels), np.array([4, 2])
    assert corpus.rounds == 3
    assert [turn.tolist() for turn in corpus.copies_in_turn(1, rows, 2)] == [[n + 4, n + 2], [2 * n + 4, 2 * n + 2]]
    assert corpus.copies_in_turn(3, rows, 1)[0].tolist() == [4, 2]
    assert len(corpus.copies_in_turn(0, rows, 9)) == 3, "no copy twice"
    assert (corpus.targets(rows, rows + n) == corpus.teacher.logits[rows]).all()
    logits, hidden = np.arange(3 * n * 2.0).reshape(-1, 2), np.arange(3 * n * 4.0).reshape(-1, 2, 2)
    told = replace(corpus, copies_teacher=Outputs(logits, hidden))
    assert (told.targets(rows, rows + n) == logits[rows + n]).all()
    assert (told.states(rows, rows + n, [1, 0]) == hidden[rows + n][:, ::-1]).all()
    assert corpus.teacher.hidden is not None
    assert (told.states(rows, None, [1]) == corpus.teacher.hidden[rows][:, 1:2].astype(np.float32)).all()


@pytest.mark.parametrize("change", [{}, {"worst_of": 2}, {"consistency_weight": 1.0}, {"perturbation": 0.05}])
def test_every_way_of_robust_distillation_trains_and_differs(bench, workshop, change) -> None:
    config = DistilConfig(epochs=0.5, tokens=640, learning_rate=3e-3)

    def trained(settings: DistilConfig):
        model = build(bench.space.chain(1), bench.frame, bench.data.classes, bench.pad, teacher=None, seed=0)
        training = Distillation(model, corpus_with_copies(bench), settings, seed=0)
        done = training.run(training.steps, Progress())
        assert done.curve[-1][1] < done.curve[0][1]
        return model

    plain, again = trained(config), trained(config.model_copy(update=change))
    same = [(a == b).all() for a, b in zip(plain.state_dict().values(), again.state_dict().values(), strict=True)]
    assert all(same) == (not change)


def test_the_worst_copy_is_the_one_the_student_does_worst_on(bench, workshop) -> None:
    corpus = corpus_with_copies(bench)
    model = build(bench.space.chain(1), bench.frame, bench.data.classes, bench.pad, teacher=None, seed=0)
    training = Distillation(model, corpus, DistilConfig(worst_of=3, tokens=640), seed=0)
    rows = np.arange(8)
    chosen = training._copies(0, rows)
    assert (chosen % len(corpus.labels) == rows).all()
    assert len(set(chosen // len(corpus.labels))) > 1
