"""A store as a search leaves it, made through the real Store, for the screens to show."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
import psutil
import pytest
from streamlit.testing.v1 import AppTest

from rosearch_engine.config import RunConfig, SpaceConfig
from rosearch_engine.genome import Frame, Genome, Space, cost
from rosearch_engine.genome.operators import crossover, mutate, sample
from rosearch_engine.store import Store
from rosearch_engine.store.rows import Example, NewMeasurement, ProtocolRow, SaidRow

SCREENS = Path(__file__).resolve().parents[2] / "app" / "screens.py"

# The sizes of a six-layer, 384-wide BERT with a two-class head.
FRAME = Frame(
    vocabulary=30522,
    positions=512,
    token_types=2,
    classes=2,
    head_size=32,
    width=384,
    layers=6,
    heads=12,
    feed_forward=1536,
    weights=22_714_754,
    encoder_weights=10_646_784,
)

SENTENCES = (
    ("a moving and quietly funny film that never talks down to its audience", "funny", "comic"),
    ("the plot falls apart long before the final act", "falls", "breaks"),
    ("an honest portrait of a family, beautifully acted", "beautifully", "attractively"),
    ("it is loud, long and surprisingly dull", "dull", "muted"),
    ("one of the warmest comedies of the year", "warmest", "fondest"),
    ('a <b>bold</b> & "clever" script that wastes its cast', "wastes", "squanders"),
)


def fill(name: str, students: int = 40, seed: int = 0, finished: bool = True) -> int:
    """Write a run of random genomes with made-up measurements; returns the run's id."""
    store = Store.write()
    rng = np.random.default_rng(seed)
    space = Space.of(SpaceConfig(), FRAME)
    run_id = store.create_run(name, RunConfig())
    teacher = {"name": "minilm", "weights": FRAME.weights, "encoder_weights": FRAME.encoder_weights, "accuracy": 0.875}
    teacher |= {"folder": "nowhere", "max_length": 128, "pad": 0, "codes": {}}
    dataset = {
        "name": "movie-reviews",
        "classes": ["negative", "positive"],
        "pair": False,
        "sizes": {"distillation": 7672, "validation": 1000, "search_attack": 400, "held_out": 1000},
    }
    store.update_run(run_id, frame=asdict(FRAME), teacher=teacher, dataset=dataset, heartbeat=time.time())
    store.measure(run_id, None, measurement(0.875, 9, 100, 210.0), _examples(rng))
    genomes: list[Genome] = [space.chain(1), space.chain(2)]
    origins: list[tuple[str, list[int], str]] = [("chain", [], "1 layer"), ("chain", [], "2 layers")]
    while len(genomes) < students:
        if len(genomes) < 12:
            genomes.append(sample(space, rng))
            origins.append(("sample", [], "random"))
        elif rng.random() < 0.7:
            parent = int(rng.integers(len(genomes)))
            child, words = mutate(genomes[parent], space, rng)
            genomes.append(child)
            origins.append(("mutation", [parent], words))
        else:
            first, second = (int(i) for i in rng.integers(len(genomes), size=2))
            genomes.append(crossover(genomes[first], genomes[second], space, rng))
            origins.append(("crossover", [first, second], "crossover"))
    for number, (genome, (origin, parents, change)) in enumerate(zip(genomes, origins, strict=True)):
        price = cost(genome, FRAME)
        candidate = store.add_candidate(
            run_id, number, genome, price, origin=origin, parents=parents, change=change, asked_after=number
        )["id"]
        if number == 7:
            store.fail_candidate(candidate, number, "out of memory: batch of 64 did not fit")
            continue
        size = np.log(price.compression) / np.log(12)
        accuracy = float(np.clip(0.86 - 0.06 * size + rng.normal(0, 0.012), 0.5, 0.9))
        held = int(np.clip(8 + 22 * rng.beta(2, 3) + 12 * (genome.merge == "gates") + number / 6, 0, 60))
        store.finish_candidate(
            candidate,
            number,
            weights_file=(f"{number:064x}", price.weights * 4),
            latency_ms=float(1.5 + price.flops / 1.2e8),
            training={"loss": 0.31, "steps": 240} | ({"adversarial": [0.52, 0.58]} if number % 2 else {}),
            seconds={"build": 1.0, "distil": 40.0, "attack": 31.0},
            measurements=[measurement(accuracy, held, 100, float(rng.uniform(120, 320)))],
            examples=_examples(rng),
        )
    if finished:
        store.update_run(run_id, exit={"reason": "finished", "message": "", "time": time.time()}, active_seconds=2880.0)
    store.close()
    return run_id


def make_running(run_id: int) -> None:
    """Give a run a live process (this one) and a progress record, as a search does every second."""
    store = Store.write()
    progress = {
        "stage": "distil",
        "student": "s0012",
        "done": 120,
        "total": 240,
        "unit": "steps",
        "loss": 0.4182,
        "students": 12,
        "candidates": 40,
        "memory_mb": 1830.0,
        "device": "cpu, 2 threads, bfloat16",
    }
    store.update_run(
        run_id,
        pid=os.getpid(),
        process_created=psutil.Process().create_time(),
        heartbeat=time.time(),
        progress=progress,
    )
    store.close()


def measurement(accuracy: float, held: int, attacked: int, queries: float) -> NewMeasurement:
    """A measurement's values, as the search writes them."""
    return {
        "seed": 0,
        "protocol": cast(ProtocolRow, {"recipe": "pwws", "level": "standard", "query_budget": 2000, "hash": "0"}),
        "accuracy": accuracy,
        "accuracy_n": 1000,
        "robustness": held / attacked,
        "held": held,
        "attacked": attacked,
        "calibrated_held": held + 1,
        "raw_held": held + 3,
        "one_swap_held": held + 9,
        "certified": None,
        "success_rate": 1 - held / (attacked * accuracy),
        "mean_queries": queries,
        "temperature": 1.2,
    }


def _examples(rng: np.random.Generator) -> list[Example]:
    rows: list[Example] = []
    for index, (text, old, new) in enumerate(SENTENCES):
        share = float(rng.uniform(0.7, 0.98))
        label = index % 2
        before: SaidRow = {"text": text, "class": label, "probabilities": [share, 1 - share][:: 1 - 2 * label]}
        after: SaidRow = {
            "text": text.replace(old, new),
            "class": 1 - label,
            "probabilities": before["probabilities"][::-1],
        }
        rows.append(
            {
                "sentence": index,
                "outcome": "fooled" if index % 3 else "held",
                "label": label,
                "before": before,
                "after": after,
                "queries": int(rng.integers(40, 300)),
                "reason": "",
                "raw_outcome": None,
                "raw_queries": None,
                "swaps": None,
                "flips": None,
                "worst_swap": None,
                "certified": None,
            }
        )
    return rows


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty `ROSEARCH_HOME`."""
    import streamlit as st

    monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path))
    monkeypatch.delenv("ROSEARCH_STORE", raising=False)
    yield tmp_path
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def run_id(home: Path) -> int:
    """A finished run 'demo' of 16 students."""
    return fill("demo", students=16)


def open_page(page: str = "overview", **query: str) -> AppTest:
    """The app at a page, after its first run."""
    app = AppTest.from_file(str(SCREENS), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    if page != "overview":
        app.switch_page(f"../pages/{page}.py").run()
    return app
