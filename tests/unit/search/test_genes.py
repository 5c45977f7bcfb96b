"""Genes beyond the graph: what it may say beside a ledger, and how much the worst case weighs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from app.words import planned
from rosearch_engine.config import build
from rosearch_engine.front import non_dominated
from rosearch_engine.genome import Genome, cost
from rosearch_engine.inference import predict
from rosearch_engine.objectives import counts
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context, prepare
from rosearch_engine.search.evaluate import screen, student, train
from rosearch_engine.search.loop import search
from rosearch_engine.store import Store
from rosearch_engine.store.rows import MeasuredStudent, measured

GENES = [
    "space.vocabulary=words",
    'space.contexts=["none","free","bounded","invariant"]',
    "space.bounds=[0.2,0.6]",
    "space.kappas=[0,0.5]",
    "space.coefficients=2",
    "distil.adversary=gradient",
    "distil.epochs=0.5",
    "data.limit=700",
    "search.candidates=5",
    "search.strategy=random",
    "search.seed=3",
]


@pytest.fixture(scope="module")
def context(made_workshop: Any) -> Iterator[Context]:
    with made_workshop.entered():
        yield prepare(build("standard", settings=[*made_workshop.settings, *GENES]), Progress())


def with_genes(context: Context, kind: str, kappa: float = 0.5, bound: float = 0.2) -> Genome:
    chain = context.space.chain(1, context=kind)
    return Genome.from_dict(replace(chain, kappa=kappa, bound=bound).as_dict())


@pytest.mark.parametrize("kind", ["free", "bounded", "invariant"])
def test_a_student_has_the_context_of_its_genes(context: Context, kind: str) -> None:
    genome = with_genes(context, kind)
    model = student(genome, 0, context)
    assert (model.ledger is None) == (kind == "free")
    assert model.config.ledger_bound == (0.2 if kind == "bounded" else None)
    assert model.config.invariant == (kind == "invariant")
    assert cost(genome, context.frame).weights == sum(one.numel() for one in model.parameters())
    certifier = context.certifier(model, genome.code)
    assert (certifier is None) == (kind == "free"), "without a ledger nothing can be proved"
    if kind == "invariant":
        assert model.embedding.words.num_embeddings == context.frame.groups["plain"] < context.frame.vocabulary


@pytest.mark.parametrize("measure", ["held", "certified"])
def test_a_lower_rung_counts_proofs_where_the_search_looks_for_proof(context: Context, measure: str) -> None:
    objectives = context.config.objectives.model_copy(update={"measure": measure})
    asked = replace(context, config=context.config.model_copy(update={"objectives": objectives}))
    genome = with_genes(context, "bounded")
    model = student(genome, 0, context).eval()
    victim = context.victim(model, predict(model, context.readings["plain"].validation), "plain")
    found = screen(victim, genome, 0.8, 10, context.targets[:10], asked, Progress())
    assert (found.certified is None) == (measure == "held")
    assert found.attacked == 10


def test_a_ledger_is_trained_for_the_students_own_kappa_and_bound(context: Context) -> None:
    bags = [context.bag(Genome.bag("plain", kappa)) for kappa in (0.0, 0.5)]
    ledgers = [context.ledger(with_genes(context, "bounded", 0.5, bound)) for bound in (0.2, 0.6)]
    tables = [one.table for one in (*bags, *ledgers) if one is not None]
    assert len(tables) == 4
    assert not any(torch.equal(one, other) for at, one in enumerate(tables) for other in tables[:at])
    assert context.ledger(with_genes(context, "invariant", 0.5)) is bags[1], "trained once"
    assert context.ledger(with_genes(context, "free")) is None


def test_kappa_is_that_of_the_genome(context: Context) -> None:
    plain, robust = (train(with_genes(context, "free", kappa), 0, context, Progress())[1] for kappa in (0.0, 0.5))
    assert plain.adversarial is None, "without weight there is no adversary"
    assert robust.adversarial is not None
    assert plain.curve != robust.curve


def test_a_search_measures_a_chain_in_each_context_and_students_without_a_graph(workshop: Any) -> None:
    settings = [*workshop.settings, *GENES, "objectives.measure=certified"]
    store, config = Store.write(), build("standard", settings=settings)
    run = store.create_run("genes", config)
    search("genes")
    rows = measured(store.students(run))
    genomes = {row["name"]: Genome.from_dict(row["genome"]) for row in rows}
    of = {origin: [genomes[row["name"]] for row in rows if row["origin"] == origin] for origin in ("bag", "chain")}
    assert [genome.kappa for genome in of["bag"]] == [config.distil.kappa], "the baseline"
    assert [(genome.context, genome.kappa) for genome in of["chain"]] == [
        ("free", 0.0),
        ("bounded", 0.5),
        ("invariant", 0.5),
    ]
    assert len(store.candidates(run)) == planned(config.model_dump(mode="json")), "what the app says is to come"
    assert all(genome.context and genome.kappa is not None for genome in genomes.values() if not genome.is_bag)
    searched = [genomes[row["name"]] for row in rows if row["origin"] == "sample"]
    assert {genome.is_bag for genome in searched} == {True, False}
    assert len({genome.digest for genome in genomes.values()}) == len(genomes), "none is measured twice"
    for row in rows:
        assert (row["certified"] is None) == (genomes[row["name"]].context == "free"), row["change"]
    worth = np.array([[(row["certified"] or 0) / row["attacked"], row["accuracy"], saved(row)] for row in rows])
    front = non_dominated(worth * np.array([[counts(row)] for row in rows]))
    assert [row["front"] for row in rows] == front.tolist(), "the front is that of what is proved"


def saved(row: MeasuredStudent) -> float:
    return 1 - 1 / row["compression"]
