"""Which population and rates suit the search: `python benchmarks/search_settings.py [--seeds 30] [--minutes 3]`.

A search of a few minutes costs its minutes, and one seed says little: too dear to try many settings. So a model of the
students that `bench search` measured stands in for their training: extremely randomised trees (Geurts et al. 2006) from
architecture features to accuracy, robustness and seconds, as in NAS-Bench-301 (Siems et al. 2020); what it leaves
unexplained is put back as noise. On it every setting is searched with many seeds. What was chosen by this is then
tried for real, by `bench search`.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from rosearch_engine.bench.search import COMMON, own_store
from rosearch_engine.config import SearchConfig, build
from rosearch_engine.front import hypervolume_curve
from rosearch_engine.genome import Frame, Genome, Space, cost
from rosearch_engine.genome.features import features
from rosearch_engine.objectives import saved
from rosearch_engine.strategies import Proposal, make_strategy

SETTINGS: dict[str, list[Any]] = {
    "population": [6, 12, 20, 40],
    "crossover": [0.0, 0.5, 1.0],
    "mutations": [1, 2, 4],
    "chains": [0, 2],
}


@dataclass(frozen=True)
class Model:
    """Foretells a student's robustness, accuracy and seconds from its genome."""

    space: Space
    trees: ExtraTreesRegressor
    noise: np.ndarray

    @classmethod
    def fit(cls, students: list[dict[str, Any]], space: Space) -> Model:
        columns = np.stack([_columns(Genome.from_dict(student["genome"])) for student in students])
        seconds = [sum(student["seconds"].values()) for student in students]
        values = np.array([[s["robustness"], s["accuracy"]] for s in students])
        values = np.column_stack([values, np.log(seconds)])
        trees = ExtraTreesRegressor(100, min_samples_leaf=2, bootstrap=True, oob_score=True, random_state=0, n_jobs=2)
        trees.fit(columns, values)
        left = values - trees.oob_prediction_
        share = 1 - left.var(axis=0) / values.var(axis=0)
        print(f"{len(students)} students; variance foretold out of bag: robustness {share[0]:.2f}, "
              f"accuracy {share[1]:.2f}, log seconds {share[2]:.2f}")  # fmt: skip
        # Splits are looked up ten thousand times, one genome at a time: threads would only cost.
        trees.n_jobs = 1
        return cls(space, trees, left.std(axis=0))

    def measure(self, genome: Genome, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """Objectives `(3,)` and seconds."""
        robustness, accuracy, log = self.trees.predict(_columns(genome)[None])[0] + self.noise * rng.normal(size=3)
        compression = saved(cost(genome, self.space.frame).compression)
        return np.array([np.clip(robustness, 0, 1), np.clip(accuracy, 0, 1), compression]), float(np.exp(log))


def _columns(genome: Genome) -> np.ndarray:
    poolings = [float(genome.pooling == pooling) for pooling in ("cls", "mean", "max")]
    return np.array([*features(genome).values(), *poolings])


def search(model: Model, config: SearchConfig, seconds: float) -> tuple[list[float], list[float]]:
    """Seconds and hypervolume after each student, until the seconds are spent."""
    space, rng = model.space, np.random.default_rng([config.seed, 7])
    layers = range(1, config.chains + 1)
    chains = dict.fromkeys(space.chain(count, code) for count in layers for code in space.codes)
    strategy = make_strategy(config, build().objectives, space, [Proposal(chain, "chain") for chain in chains])
    times: list[float] = []
    rows: list[np.ndarray] = []
    while not times or times[-1] < seconds:
        proposal = strategy.ask(len(rows) + 1)
        assert proposal is not None
        objectives, took = model.measure(proposal.genome, rng)
        strategy.tell(len(rows) + 1, objectives)
        rows.append(objectives)
        times.append((times[-1] if times else 0.0) + took)
    return times, hypervolume_curve(rows)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=30)
    options.add_argument("--minutes", type=float, default=3.0)
    given = options.parse_args()
    with own_store() as store:
        runs = [run for run in store.runs() if run["frame"]]
        runs = [run for run in runs if run["frame"] == runs[-1]["frame"]]
        students = [s for run in runs for s in store.students(run["id"]) if s["status"] == "done"]
    model = Model.fit(students, Space.of(build(settings=COMMON).space, Frame(**runs[0]["frame"])))
    seconds, seeds = 60 * given.minutes, range(given.seeds)
    randoms = [search(model, SearchConfig(strategy="random", chains=0, seed=seed), seconds) for seed in seeds]
    print("| strategy | " + " | ".join(SETTINGS) + " | final hypervolume | share of random's time (quartiles) |")
    print("| --- " * (len(SETTINGS) + 3) + "|")
    finals = [volumes[-1] for _, volumes in randoms]
    print(f"| random | | | | | {statistics.mean(finals):.4f} | |")
    found = []
    for strategy, values in itertools.product(("pareto", "scalar"), itertools.product(*SETTINGS.values())):
        fields = dict(zip(SETTINGS, values, strict=True))
        arms = [search(model, SearchConfig(strategy=strategy, seed=seed, **fields), seconds) for seed in seeds]
        shares = [
            next((t / times[-1] for t, v in zip(*arm, strict=True) if v >= volumes[-1]), np.inf)
            for arm, (times, volumes) in zip(arms, randoms, strict=True)
        ]
        found.append((np.quantile(shares, [0.25, 0.5, 0.75], method="lower"), strategy, values, arms))
    for (low, middle, high), strategy, values, arms in sorted(found, key=lambda row: row[0][1]):
        volume = statistics.mean(volumes[-1] for _, volumes in arms)
        cells = [strategy, *map(str, values), f"{volume:.4f}", f"{middle:.2f} ({low:.2f} to {high:.2f})"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
