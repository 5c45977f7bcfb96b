"""`bench search`: does the search search? Strategies against random search and plain chains, at equal seconds.

Every arm is a run of the search as users start it, on the embedded sentences, in a database of its own: cut off, the
same command goes on. What is compared is the hypervolume of fully attacked students against the seconds that all of
an arm's students, the stopped ones too, took to train and attack. Searches begin on baselines (bags of words and plain
chains), which random search does not; what the search itself is worth shows beside random students that come after the
very same baselines.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NotRequired, TypedDict, cast

import numpy as np
import torch

from rosearch_engine.bench.machine import machine
from rosearch_engine.config import RunConfig, build, fingerprint
from rosearch_engine.errors import UserError
from rosearch_engine.front import Front, hypervolume_curve
from rosearch_engine.genome import Frame, Space, cost
from rosearch_engine.genome.operators import sample
from rosearch_engine.objectives import FAILED, saved, vector
from rosearch_engine.progress import Progress
from rosearch_engine.resources import home
from rosearch_engine.runs.heartbeat import stop_on_signals
from rosearch_engine.runs.process import state
from rosearch_engine.search.context import prepare
from rosearch_engine.search.evaluate import Clock, candidate_seed, evaluate
from rosearch_engine.search.ladder import Ladder
from rosearch_engine.search.loop import search
from rosearch_engine.search.strategies import make_strategy
from rosearch_engine.statistics.paired import rank_correlation
from rosearch_engine.store.models import BASELINES, SEARCH
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import NewMeasurement, ProtocolRow, StudentRow, is_measured, measured

RANDOM = "random"
# No searches of their own: the baselines that another arm began on, then random search's students.
FOUNDED = "random, after the same baselines"
# What each arm sets beside the common settings. Random search is pure: without the baselines that searches start on.
ARMS: dict[str, list[str]] = {
    RANDOM: ["search.strategy=random", "search.chains=0", "search.bag=false"],
    "chains": ["search.strategy=random", 'space.operations=["transformer"]', "space.max_inputs=1"],
    "pareto": ["search.strategy=pareto"],
    "nsga2": ["search.strategy=nsga2"],
    "pareto, ladder": ["search.strategy=pareto", "search.rungs=3"],
    "scalar": ["search.strategy=scalar"],
    "scalar, ladder": ["search.strategy=scalar", "search.rungs=3"],
}
# Small enough for many students: the sentences are read once, few of them attacked.
COMMON = [
    "attack.recipe=pwws",
    "distil.epochs=1",
    "distil.copies=0",
    "attack.sentences=100",
    "search.candidates=10000",
]

PARTS = ("distil", "attack", "screen", "certify", "validate", "build")


class Curve(TypedDict):
    """How an arm's hypervolume grew with one seed: by the seconds of all its students, at each measured in full.

    `parts` are the seconds by part of the work, `wall` those of its process.
    """

    seconds: list[float]
    hypervolume: list[float]
    students: int
    full: int
    failed: int
    parts: dict[str, float]
    wall: NotRequired[float]


class Arm(TypedDict):
    """An arm over its seeds: means, the median hypervolume, and its shares of random search's time by seed."""

    students: float
    full: float
    hypervolume: float
    by_seed: list[float]
    share_of_time: list[float | None]
    median_share: float | None
    share_after_baselines: list[float | None]


def bench_search(
    seeds: int,
    minutes: float,
    students: int,
    arms: Sequence[str],
    settings: Sequence[str],
    progress: Progress,
    jobs: int = 1,
) -> dict[str, Any]:
    """Run every arm with every seed for so many minutes of training and attacking, and compare them.

    Args:
        jobs: searches side by side. More than one: each in a process and a thread of its own, and seconds are those of
            its processor, so that the others take nothing from it.
        students: how many to measure on every rung, so that the ladder is trusted for a reason; 0 leaves that out.
        arms: names of `ARMS`; random search is always among them.
        settings: laid over the common ones, as `stage.field=value`.

    Raises:
        UserError: if there is no such arm.
    """
    names = list(dict.fromkeys((RANDOM, *arms)))
    if unknown := sorted(set(names) - ARMS.keys()):
        raise UserError("arms", f"there is no arm '{unknown[0]}'.", f"Choose from: {', '.join(ARMS)}.")
    asked = [
        (name, build("standard", settings=[*COMMON, *ARMS[name], *settings, *_of(seed, minutes)]))
        for seed, name in itertools.product(range(seeds), names)
    ]
    found: dict[str, list[list[StudentRow]]] = {name: [] for name in names}
    curves: dict[str, list[Curve]] = {name: [] for name in names}
    with _own_store() as store:
        _search_all([config for _, config in asked], jobs, progress)
        for name, config in asked:
            run = store.run(_name(config))
            found[name].append(store.students(run["id"]))
            curves[name].append({**_curve(found[name][-1]), "wall": run["active_seconds"]})
    founded = _founded(found)
    finals = [run["hypervolume"][-1] for run in curves[RANDOM]]
    return {
        "seeds": seeds,
        "minutes": minutes,
        "clock": "wall" if jobs == 1 else "processor",
        "settings": [*COMMON, *settings],
        "arms": {name: _summary(runs, curves[RANDOM], founded) for name, runs in (curves | founded).items()},
        "random_final": statistics.median(finals),
        "rungs": rung_agreement(students, settings, progress) if students else None,
        "loop": loop_seconds(10_000),
        "bill": _bill(curves),
        "curves": curves | founded,
        **machine(),
    }


def table_rows(what: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the comparison for people."""
    header = [
        "arm",
        "students",
        "fully measured",
        "hypervolume",
        "seeds",
        "share of random's time",
        "after the same baselines",
    ]
    rows = []
    for name, arm in what["arms"].items():
        rows.append(
            [
                name,
                f"{arm['students']:.0f}",
                f"{arm['full']:.0f}",
                f"{arm['hypervolume']:.4f}",
                " ".join(f"{value:.4f}" for value in arm["by_seed"]),
                _shares(arm["share_of_time"]),
                _shares(arm["share_after_baselines"]) if arm["share_after_baselines"] else "",
            ]
        )
    return header, rows


def _shares(shares: Sequence[float | None]) -> str:
    """Each seed's, and their median; a seed that never got there counts as the longest."""
    median = statistics.median([np.inf if share is None else share for share in shares])
    words = ["never" if share is None or np.isinf(share) else f"{share:.2f}" for share in (median, *shares)]
    return f"{words[0]} ({', '.join(words[1:])})"


def rung_agreement(students: int, settings: Sequence[str], progress: Progress) -> dict[str, Any]:
    """How far each lower rung ranks random students as the full measurement does, with nobody stopped.

    Spearman's rank correlation with a bootstrap interval, and how many of the better half in full the lower rung's
    better half holds.
    """
    context = prepare(build("standard", settings=[*COMMON, *settings, "search.rungs=3"]), progress)
    rng = np.random.default_rng(0)
    seen: list[np.ndarray] = []  # (rungs, robustness and accuracy)
    for number in range(students):
        progress.tell(student=f"rungs, {number + 1}/{students}")
        genome = sample(context.space, rng)
        scores = evaluate(genome, candidate_seed(0, genome), context, progress).scores
        seen.append(np.array([[score.robustness, score.accuracy] for score in scores]))
    table = np.stack(seen)
    found: dict[str, Any] = {"n": students, "rows": []}
    for rung, kind in itertools.product(range(table.shape[1] - 1), (0, 1)):
        low, top = table[:, rung, kind], table[:, -1, kind]
        both = rank_correlation({"rung": _by_name(low), "top": _by_name(top)})[0]
        half = students // 2
        kept = len(set(np.argsort(-low, kind="stable")[:half]) & set(np.argsort(-top, kind="stable")[:half])) / half
        name = ("robustness", "accuracy")[kind]
        found["rows"].append({"rung": rung, "figure": name, **asdict(both), "kept": kept})
    return found


def _by_name(values: np.ndarray) -> dict[str, float]:
    return {str(student): float(value) for student, value in enumerate(values)}


def loop_seconds(candidates: int) -> dict[str, float]:
    """Seconds the loop itself takes for a student once so many are in the store: ask, judge, commit and tell.

    The students are random architectures with random figures: it is the bookkeeping that is measured.
    """
    frame = Frame(30522, 512, 2, 2, 32, 384, 6, 12, 1536, 22_713_986, 10_645_632)
    config = build("standard", settings=["search.rungs=3", "search.population=50"])
    space, rng = Space.of(config.space, frame), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.write(f"sqlite:///{folder}/store.db")
        run = store.create_run("load", config)
        strategy = make_strategy(config.search, config.objectives, space)
        ladder, front, times = Ladder(config.search, config.objectives), Front(), []
        for number in range(1, candidates + 1):
            began = time.perf_counter()
            proposal = strategy.ask(number)
            assert proposal is not None
            size = cost(proposal.genome, frame)
            row = store.add_candidate(
                run, number, proposal.genome, size, origin=proposal.origin, parents=proposal.parents,
                change=proposal.change, asked_after=number - 1,
            )  # fmt: skip
            figures = np.array([rng.random() ** 3, 0.5 + rng.random() / 2, saved(size.compression)])
            goes_on = ladder.goes_on(0, figures)
            store.finish_candidate(
                row["id"], number, pruned=not goes_on, weights_file=None, latency_ms=1.0, training={},
                seconds={"distil": 1.0}, measurements=[_row(figures)], examples=[],
            )  # fmt: skip
            if goes_on:
                front.add(number, figures)
                front.hypervolume()
            strategy.tell(number, figures if goes_on else FAILED)
            times.append(time.perf_counter() - began)
        began = time.perf_counter()
        store.students(run)
        reading = time.perf_counter() - began
        store.close()
    few = min(200, candidates // 2)
    return {
        "candidates": candidates,
        "first_s": statistics.median(times[:few]),
        "last_s": statistics.median(times[-few:]),
        "read_all_s": reading,
    }


def _row(figures: np.ndarray) -> NewMeasurement:
    return {
        "purpose": SEARCH,
        "rung": 0,
        "seed": 0,
        "protocol": cast(ProtocolRow, {"recipe": "none"}),  # no more of it is read
        "accuracy": float(figures[1]),
        "accuracy_n": 1000,
        "robustness": float(figures[0]),
        "held": 0,
        "attacked": 100,
        "calibrated_held": None,
        "raw_held": None,
        "one_swap_held": None,
        "certified": None,
        "success_rate": None,
        "mean_queries": 0.0,
        "temperature": 1.0,
    }


def _of(seed: int, minutes: float) -> list[str]:
    return [f"search.seed={seed}", f"search.minutes={minutes}"]


def _name(config: RunConfig) -> str:
    return f"bench-{fingerprint(config)}"


def _search_all(configs: Sequence[RunConfig], jobs: int, progress: Progress) -> None:
    """Search each of them to its end, now or by an earlier call."""
    if jobs == 1:
        for number, config in enumerate(configs, 1):
            progress.tell(student=f"search {number}/{len(configs)}")
            _searched(config, progress)
        return
    spawned = multiprocessing.get_context("spawn")
    with stop_on_signals(progress), ProcessPoolExecutor(jobs, spawned, _use_one_thread) as pool:
        waiting = {pool.submit(_searched_beside_others, config) for config in configs}
        try:
            while waiting:
                progress.check()
                done, waiting = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
                for search_done in done:
                    search_done.result()
                progress.tell(student=f"{len(configs) - len(waiting)} of {len(configs)} searches done")
        except BaseException:
            # The same command goes on where they were.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def _use_one_thread() -> None:
    torch.set_num_threads(1)


def _searched_beside_others(config: RunConfig) -> None:
    """Its seconds are the processor's: on the wall they would be the others' too."""
    _searched(config, clock=time.process_time)


def _searched(config: RunConfig, progress: Progress | None = None, clock: Clock = time.perf_counter) -> None:
    store, name = Store.write(), _name(config)
    if name not in {run["name"] for run in store.runs()}:
        store.create_run(name, config)
    if state(store.run(name)) != "finished":
        search(name, progress, clock)
    store.close()


def _founded(found: dict[str, list[list[StudentRow]]]) -> dict[str, list[Curve]]:
    """What random search would have found in the same seconds, had it begun on the baselines of the first arm that did.

    Random students do not depend on what came before them, so its own are put behind those baselines.
    """
    founders = [[row for row in rows if row["origin"] in BASELINES] for rows in _first_with_baselines(found)]
    curves = []
    for baselines, run in zip(founders, found[RANDOM], strict=False):
        rows = [row for row in run if row["origin"] not in BASELINES]
        whole, spent = sum(map(_seconds, _in_order(run))), 0.0
        seen: list[StudentRow] = []
        for row in [*_in_order(baselines), *_in_order(rows)]:
            spent += _seconds(row)
            if spent > whole:
                break
            seen.append(row)
        curves.append(_curve_of(seen))
    return {FOUNDED: curves} if curves and all(curve["full"] for curve in curves) else {}


def _first_with_baselines(found: dict[str, list[list[StudentRow]]]) -> list[list[StudentRow]]:
    return next(
        (runs for runs in found.values() if all(any(r["origin"] in BASELINES for r in run) for run in runs)), []
    )


def _in_order(students: Sequence[StudentRow]) -> list[StudentRow]:
    """Those that took time, as the search learnt of them."""
    return sorted((student for student in students if student["seconds"]), key=lambda student: student["told"] or 0)


def _seconds(student: StudentRow) -> float:
    return sum((student["seconds"] or {}).values())


def _curve(students: Sequence[StudentRow]) -> Curve:
    """Hypervolume of the students measured in full, against the seconds of all."""
    failed = sum(student["status"] == "failed" for student in students)
    return {**_curve_of(_in_order(students)), "failed": failed}


def _curve_of(rows: Sequence[StudentRow]) -> Curve:
    """The same of students in their order, that all took time."""
    seconds = np.cumsum([_seconds(student) for student in rows])
    done = [i for i, student in enumerate(rows) if is_measured(student)]
    return {
        "seconds": [float(seconds[i]) for i in done],
        "hypervolume": hypervolume_curve([vector(student) for student in measured(rows)]),
        "students": len(rows),
        "full": len(done),
        "failed": sum(student["status"] == "failed" for student in rows),
        "parts": {part: sum((student["seconds"] or {}).get(part, 0.0) for student in rows) for part in PARTS},
    }


def _summary(runs: list[Curve], randoms: list[Curve], founded: dict[str, list[Curve]]) -> Arm:
    shares = [_share_of_time(run, other) for run, other in zip(runs, randoms, strict=True)]
    beside = [_share_of_time(run, other) for run, other in zip(runs, founded.get(FOUNDED, []), strict=False)]
    # A seed that never got there counts as the longest.
    median = statistics.median([np.inf if share is None else share for share in shares])
    finals = [run["hypervolume"][-1] for run in runs]
    return {
        "students": statistics.mean(run["students"] for run in runs),
        "full": statistics.mean(run["full"] for run in runs),
        "hypervolume": statistics.median(finals),
        "by_seed": finals,
        "share_of_time": shares,
        "median_share": None if np.isinf(median) else median,
        "share_after_baselines": beside,
    }


def _share_of_time(run: Curve, random: Curve) -> float | None:
    """Seconds to random search's final hypervolume of the same seed, as a share of random search's own."""
    goal, whole = random["hypervolume"][-1], random["seconds"][-1]
    there = [second for second, value in zip(run["seconds"], run["hypervolume"], strict=True) if value >= goal]
    return there[0] / whole if there else None


def _bill(curves: dict[str, list[Curve]]) -> dict[str, Any]:
    """Where the time of all arms went, students an hour, and the share that is neither training nor attack."""
    runs = [run for arm in curves.values() for run in arm]
    parts = {part: sum(run["parts"][part] for run in runs) for part in PARTS}
    whole = sum(parts.values())
    return {
        "seconds": parts,
        "students_per_hour": 3600 * sum(run["students"] for run in runs) / whole,
        "neither": (parts["certify"] + parts["validate"] + parts["build"]) / whole,
    }


@contextmanager
def _own_store() -> Iterator[Store]:
    """A database beside the user's, so that a benchmark's runs are not among his."""
    file = home() / "bench" / "search.db"
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = os.environ.get("ROSEARCH_STORE")
    os.environ["ROSEARCH_STORE"] = f"sqlite:///{file}"
    try:
        yield Store.write()
    finally:
        if kept is None:
            del os.environ["ROSEARCH_STORE"]
        else:
            os.environ["ROSEARCH_STORE"] = kept
