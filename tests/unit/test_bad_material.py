"""Data and genomes at the edge: few sentences, many classes, a rare class, the largest and the smallest student."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rosearch_engine.config import build
from rosearch_engine.genome import Genome, Node
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context, prepare
from rosearch_engine.search.evaluate import evaluate


def bench_of(workshop: Any, rows: pd.DataFrame, folder: Path, *settings: str) -> Context:
    file = folder / "rows.csv"
    rows.to_csv(file, index=False)
    own = [setting for setting in workshop.settings if not setting.startswith("data.")]
    few = ["teacher.epochs=1", "distil.epochs=1", "attack.sentences=5", *settings]
    return prepare(build("standard", settings=[*own, f"data.name={file}", *few]), Progress())


def sentences(workshop: Any) -> list[str]:
    return list(pd.read_csv(workshop.data)["sentence"])


def assert_measured(bench: Context) -> None:
    found = evaluate(bench.space.chain(1), 0, bench, Progress())
    assert found.scores[-1].attacked == len(bench.targets) > 0
    assert len(found.results) == len(bench.targets)
    assert {result.outcome for result in found.results} <= {"fooled", "held", "already wrong", "budget used"}
    assert np.isfinite([value for _, value in found.training.curve]).all()


def test_fifty_sentences(workshop, tmp_path: Path) -> None:
    texts = sentences(workshop)[:50]
    bench = bench_of(workshop, pd.DataFrame({"text": texts, "label": [i % 2 for i in range(50)]}), tmp_path)
    assert sum(bench.data.counts.values()) == 50
    assert_measured(bench)


def test_twenty_classes(workshop, tmp_path: Path) -> None:
    texts = sentences(workshop)[:400]
    bench = bench_of(workshop, pd.DataFrame({"text": texts, "label": [f"c{i % 20}" for i in range(400)]}), tmp_path)
    assert len(bench.data.classes) == 20
    assert bench.readings["plain"].corpus.teacher.logits.shape[1] == 20
    assert_measured(bench)


def test_a_class_of_one_per_cent(workshop, tmp_path: Path) -> None:
    texts = sentences(workshop)[:500]
    labels = ["rare" if i % 100 == 0 else "usual" for i in range(500)]
    bench = bench_of(workshop, pd.DataFrame({"text": texts, "label": labels}), tmp_path)
    assert (bench.data.distillation.labels == bench.data.classes.index("rare")).any()
    assert_measured(bench)


@pytest.mark.parametrize(("largest", "rank"), [(True, max), (True, min), (False, max), (False, min)])
def test_a_genome_at_every_bound_of_the_space(bench, workshop, largest: bool, rank: Callable[..., int]) -> None:
    space = replace(bench.space, ranks=(*bench.space.ranks, bench.frame.width))
    pick = max if largest else min
    count = 3 if largest else 1
    nodes = [
        Node("transformer", pick(space.heads), pick(space.feed_forwards), space.activations[-1], space.frame.layers)
        for _ in range(count)
    ]
    every = [(a, b) for b in range(1, count + 2) for a in range(max(0, b - space.max_inputs), b)]
    genome = Genome.of(
        width=pick(space.widths), rank=rank(space.ranks), pooling="max", merge="gates", nodes=nodes, edges=every
    )
    found = evaluate(genome, 0, bench, Progress())
    assert found.scores[-1].attacked == len(bench.targets)


def test_a_candidate_that_diverges_is_told_apart(bench, workshop) -> None:
    from rosearch_engine.distil.loop import Diverged

    wild = bench.config.distil.model_copy(update={"learning_rate": 0.1, "hidden_weight": 100.0, "epochs": 1.0})
    corpus = bench.readings["plain"].corpus
    states = np.where(np.arange(corpus.teacher.hidden.shape[0])[:, None, None] % 7, corpus.teacher.hidden, np.nan)
    teacher = replace(corpus.teacher, hidden=states)
    broken = replace(bench.readings["plain"], corpus=replace(corpus, teacher=teacher))
    config = bench.config.model_copy(update={"distil": wild})
    with pytest.raises(Diverged, match="diverged"):
        evaluate(
            bench.space.chain(1),
            0,
            replace(bench, config=config, read=replace(bench.read, by_code={"plain": broken})),
            Progress(),
        )
