"""What the driver of a search takes where no student costs any time: `python -m benchmarks.scale [--students 10000]`.

The real journal (strategy, ladder, front) over the real SQLite store, with workers that answer at once: every outcome
is MADE UP, drawn about a smooth function of the genome. Nothing is trained, attacked or saved but rows. It prints
tells a second, the latency of a tell (from its outcome to the next architecture handed out) and the memory as the run
grows, how long a killed driver takes to be back, and `--runs` runs in one store: what `status` and `report` take.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from benchmarks.many_students import row as command_row
from rosearch_engine.attack.protocol import Score
from rosearch_engine.attack.result import Result, Said, Target
from rosearch_engine.codes import PLAIN
from rosearch_engine.config import RunConfig, build
from rosearch_engine.data import Columns
from rosearch_engine.device import cpu_name, memory_mb, release_memory
from rosearch_engine.distil.loop import Training
from rosearch_engine.genome import Genome, Space, cost
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context
from rosearch_engine.search.journal import Journal
from rosearch_engine.search.ladder import rungs
from rosearch_engine.search.outcome import Latency, Outcome, Reached
from rosearch_engine.search.turn import Turn
from rosearch_engine.store import Store
from rosearch_engine.store.rows import NewMeasurement, ProtocolRow
from tests.app.conftest import FRAME

PROTOCOL: ProtocolRow = {
    "recipe": "pwws",
    "level": "standard",
    "query_budget": 2000,
    "seconds": 60.0,
    "one_swap": True,
    "faces": ["calibrated", "raw"],
    "precision": "float32",
    "data": "made-up",
    "textattack": "0",
    "revision": 0,
    "settings": {},
    "resources": {},
    "hash": "made-up",
}
SENTENCES = 20
"""Attacked sentences of a student, each a row."""
WINDOW = 250
"""Tells over which a rate and a latency are taken."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--students", type=int, default=10_000)
    options.add_argument("--runs", type=int, default=1_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    print(
        f"{cpu_name()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; all outcomes are made up\n", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ROSEARCH_HOME"], os.environ["ROSEARCH_RECORDED"] = folder, ""
        os.environ.pop("ROSEARCH_STORE", None)
        os.environ.pop("ROSEARCH_WEIGHTS", None)
        drive(given.students)
        print(f"\ndatabase: {(Path(folder) / 'rosearch.db').stat().st_size / 1e6:.1f} MB", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ROSEARCH_HOME"] = folder
        if given.runs:
            list_runs(given.runs, given.rounds)


def drive(students: int) -> None:
    """Search as fast as the driver can."""
    config = build("demo", settings=[f"search.candidates={students}", "search.bag=false", "search.chains=0"])
    store, rng = Store.write(), np.random.default_rng(0)
    run_id = store.create_run("scale", config)
    context = made_up_context(config)
    store.measure(run_id, None, figures(context, 0.9, 10), [])
    journal = Journal(store, run_id, context, Progress())
    print("| tells | tells a second | CPU ms a tell | tell p50 ms | p95 ms | memory MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    taken, done = list[float](), 0
    turn = journal.next()
    began, cpu = time.perf_counter(), time.process_time()
    marks = {500, 1_000, 2_500, 5_000, 7_500, 10_000, students}
    while turn is not None:
        outcome = made_up(turn, journal, context, rng)
        start = time.perf_counter()
        journal.finish(turn, outcome)
        turn = journal.next()
        taken.append(1e3 * (time.perf_counter() - start))
        done += 1
        if done in marks or done == WINDOW:
            recent = taken[-WINDOW:]
            p50, p95 = np.percentile(recent, (50, 95))
            rate, each = 1e3 * len(taken) / sum(taken), 1e3 * (time.process_time() - cpu) / len(taken)
            release_memory()
            print(f"| {done:,} | {rate:.0f} | {each:.2f} | {p50:.2f} | {p95:.2f} | {memory_mb():.0f} |", flush=True)
            taken, cpu = [], time.process_time()
    print(f"\n{done:,} tells in {time.perf_counter() - began:.0f} s")
    began, cpu = time.perf_counter(), time.process_time()
    Journal(store, run_id, context, Progress())
    print(f"replayed in {time.perf_counter() - began:.0f} s ({time.process_time() - cpu:.0f} CPU s)")


def made_up(turn: Turn, journal: Journal, context: Context, rng: np.random.Generator) -> Outcome:
    """An outcome that no student had."""
    assert turn.genome is not None
    price, scores, ladder = cost(turn.genome, context.frame), list[Score](), rungs(context.config.search)
    for rung in ladder:
        size = np.log(price.compression)
        accuracy = float(np.clip(0.9 - 0.03 * size + rng.normal(0, 0.02), 0.5, 0.95))
        held = int(np.clip(100 * (0.5 - 0.02 * size + 0.02 * len(turn.genome.nodes) + rng.normal(0, 0.05)), 0, 100))
        scores.append(Score(accuracy, 1000, held / 100, held, 100, held, held, held, 0.5, 100.0, 1.0))
        if rung.top or not journal.goes_on(turn, Reached(rung.number, scores[-1])):
            break
    reached_top = len(scores) == len(ladder)
    said = Said("a sentence of some length that was attacked and is kept", 0, [0.6, 0.4])
    results = [Result(Target(n, said.text, 0), "held", said, said, 90) for n in range(SENTENCES)] if reached_top else []
    training = Training(steps=100, tokens=100_000, seconds=1.0, curve=[(step, 0.5) for step in range(0, 100, 10)])
    return Outcome(None, training, scores, results, Latency(1.0, 1.0), {"build": 0.1, "distil": 1.0})


def made_up_context(config: RunConfig) -> Context:
    """What the journal asks of a run's material, without any."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")))
    names = dict.fromkeys(config.space.codes, SimpleNamespace(code=PLAIN, bag=None))
    data = SimpleNamespace(
        name="made up",
        classes=("bad", "good"),
        distillation=SimpleNamespace(pairs=None),
        columns=Columns("text", None, "label"),
        counts={},
        dropped={},
        fingerprint="made-up",
    )
    teacher = SimpleNamespace(
        name="none", key="none", folder="nowhere", accuracy=0.9, frame=FRAME, max_length=128, tokenizer=tokenizer
    )
    made: Any = SimpleNamespace(
        config=config,
        data=data,
        teacher=teacher,
        space=Space.of(config.space, FRAME),
        readings=names,
        frame=FRAME,
        floor=0.6,
        pad=0,
        tokenizer=tokenizer,
        protocol=PROTOCOL,
        targets=[],
        tries=None,
        notes=(),
    )
    return cast(Context, made)


def figures(context: Context, accuracy: float, held: int) -> NewMeasurement:
    score = Score(accuracy, 1000, held / 100, held, 100, held, held, held, 0.5, 100.0, 1.0)
    return {
        **score.row(),
        "purpose": "search",
        "rung": 0,
        "seed": 0,
        "protocol": context.protocol,
        "floor": context.floor,
        "measure": "held",
    }


def list_runs(runs: int, rounds: int) -> None:
    """Many small runs in one store."""
    config = build("demo")
    context, space, store = made_up_context(config), Space.of(config.space, FRAME), Store.write()
    genomes: list[Genome] = [space.chain(1), space.chain(2)]
    ended = {"reason": "finished", "message": "", "time": time.time()}
    about = {"name": "made up", "classes": ["bad", "good"], "pair": False, "sizes": {}, "fingerprint": "made-up"}
    teacher = {"name": "none", "key": "none", "folder": "nowhere", "accuracy": 0.9, "codes": {}, "pad": 0}
    teacher |= {"weights": FRAME.weights, "encoder_weights": FRAME.encoder_weights, "max_length": 128}
    for number in range(runs):
        run_id = store.create_run(f"run-{number:04d}", config)
        store.update_run(run_id, exit=ended, frame=asdict(FRAME), dataset=about, teacher=teacher)
        for place, genome in enumerate(genomes, start=1):
            price = cost(genome, FRAME)
            row = store.add_candidate(
                run_id, place, genome, price, origin="chain", parents=(), change="", asked_after=place - 1
            )
            store.finish_candidate(
                row["id"], place, weights_file=("0" * 64, 1), latency_ms=1.0, training={}, seconds={"distil": 1.0},
                measurements=[figures(context, 0.8, 30 + place)], examples=[],
            )  # fmt: skip
    store.close()
    print(f"\n{runs:,} runs of {len(genomes)} students each:\n")
    print("| command | seconds | CPU seconds | memory | output | goal |")
    print("| --- | --- | --- | --- | --- | --- |")
    one = f"run-{runs // 2:04d}"
    for command in ("status", "status --json", f"status {one}", f"report {one}", f"report {one} --json"):
        print(command_row(command, None, rounds), flush=True)


if __name__ == "__main__":
    main()
