"""Which population and rates suit the search: `python benchmarks/search_settings.py [--minutes 30] [--seeds 24]`.

A search costs its minutes and one seed says little: too dear to try many settings for real. So a model of the random
students of `sample.py` stands in for training and attack: extremely randomised trees (Geurts et al. 2006) from an
architecture's features to robustness, accuracy and seconds, with what they leave unexplained put back as noise, as in
NAS-Bench-301 (Siems et al. 2020). What is chosen by it is then tried for real, by `bench search`.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from rosearch_engine.config import SearchConfig, build, stored
from rosearch_engine.front import hypervolume_curve
from rosearch_engine.genome import Frame, Genome, Space, cost
from rosearch_engine.genome.features import features
from rosearch_engine.objectives import saved
from rosearch_engine.resources import home
from rosearch_engine.search.strategies import Proposal, make_strategy
from rosearch_engine.store import Store
from rosearch_engine.store.rows import MeasuredStudent, measured

RUN = "random-1"
BASE: dict[str, Any] = {"strategy": "pareto", "population": 6, "crossover": 0.5, "mutations": 1, "chains": 2}
# One thing changed at a time.
TRIED: list[dict[str, Any]] = [
    {},
    *({"population": size} for size in (4, 8, 12, 20)),
    *({"crossover": share} for share in (0.0, 1.0)),
    {"mutations": 2},
    {"chains": 0},
    *({"strategy": "nsga2", "population": size} for size in (6, 12)),
    *({"strategy": "scalar", "population": size} for size in (6, 12)),
]


@dataclass(frozen=True)
class Model:
    """Foretells a student's robustness, accuracy and seconds from its architecture."""

    space: Space
    trees: list[ExtraTreesRegressor]
    noise: np.ndarray

    @classmethod
    def fit(cls, students: list[MeasuredStudent], space: Space) -> Model:
        columns = np.stack([_columns(Genome.from_dict(student["genome"])) for student in students])
        figures = np.array([[s["robustness"], s["accuracy"], np.log(sum(s["seconds"].values()))] for s in students])
        trees, noise = [], []
        for name, values in zip(("robustness", "accuracy", "log seconds"), figures.T, strict=True):
            tree = ExtraTreesRegressor(100, min_samples_leaf=2, bootstrap=True, oob_score=True, random_state=0)
            left = values - tree.fit(columns, values).oob_prediction_
            print(f"{name}: {1 - left.var() / values.var():.2f} of the variance of {len(values)} students predicted "
                  "out of bag")  # fmt: skip
            trees.append(tree)
            noise.append(left.std())
        return cls(space, trees, np.array(noise))

    def measure(self, genome: Genome, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """Objectives `(3,)` and seconds."""
        columns = _columns(genome)[None]
        robustness, accuracy, log = [tree.predict(columns)[0] for tree in self.trees] + self.noise * rng.normal(size=3)
        compression = saved(cost(genome, self.space.frame).compression)
        return np.array([np.clip(robustness, 0, 1), np.clip(accuracy, 0, 1), compression]), float(np.exp(log))


def _columns(genome: Genome) -> np.ndarray:
    return np.array([*features(genome).values(), *(genome.pooling == pooling for pooling in ("cls", "mean", "max"))])


def search(model: Model, config: SearchConfig, seconds: float) -> tuple[list[float], list[float]]:
    """Seconds and hypervolume after each student, until the seconds are spent."""
    space, rng = model.space, np.random.default_rng([config.seed, 7])
    layers = range(1, config.chains + 1)
    chains = dict.fromkeys(space.chain(count, code) for count in layers for code in space.codes)
    founders = [Proposal(chain, "chain") for chain in chains]
    strategy = make_strategy(config, build().objectives, space, founders)
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
    options.add_argument("--seeds", type=int, default=24)
    options.add_argument("--minutes", type=float, default=30.0, help="of training and attack, predicted")
    given = options.parse_args()
    store = Store.read(f"sqlite:///{home() / 'bench' / 'random.db'}")
    run = store.run(RUN)
    students = measured(store.students(run["id"]))
    assert run["frame"] is not None
    model = Model.fit(students, Space.of(stored(run["config"]).space, Frame(**run["frame"])))
    seconds, seeds = 60 * given.minutes, range(given.seeds)
    randoms = [search(model, SearchConfig(strategy="random", chains=0, seed=seed), seconds) for seed in seeds]
    final = statistics.mean(volumes[-1] for _, volumes in randoms)
    print(f"random: {final:.4f} after {statistics.mean(len(times) for times, _ in randoms):.0f} students\n")
    print("| " + " | ".join(BASE) + " | final hypervolume | share of random's time (quartiles) |")
    print("| --- " * (len(BASE) + 2) + "|")
    for change in TRIED:
        fields = BASE | change
        arms = [search(model, SearchConfig(seed=seed, **fields), seconds) for seed in seeds]
        # Every search against every random one: with so few seeds, which meets which would decide.
        shares = [
            next((t / times[-1] for t, v in zip(*arm, strict=True) if v >= volumes[-1]), np.inf)
            for arm in arms
            for times, volumes in randoms
        ]
        low, middle, high = np.quantile(shares, [0.25, 0.5, 0.75], method="lower")
        volume = statistics.mean(volumes[-1] for _, volumes in arms)
        cells = [*map(str, fields.values()), f"{volume:.4f}", f"{middle:.2f} ({low:.2f} to {high:.2f})"]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
