"""Does architecture matter, before any long search? `python -m benchmarks.pretest [--graphs 24] [--seeds 3]`.

Random students of one space, each trained with several seeds, under three regimes: no worst case in training ("off"),
the gradient's adversary ("adversary"), and the adversary for a graph that may move a ledger's scores by at most a half
("bounded"). A third of the students differs from the plain chain of two layers in its graph alone
(operations and edges), a third in the genes of the whole student (width, rank, pooling, merge), a third in both.

For each: variance between students over variance between seeds, one-way analysis of variance, with F's 95% interval.
Below about 2 a search of those genes finds luck. Then which features go with what the students hold and get right, by
rank correlation over the means of their seeds. A trial that was measured before is not measured again; the tables go
to `benchmarks/search.md`. A student that is not above the search's accuracy floor with every seed is left out: one that
gives all sentences the same answer "holds" half of them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from scipy import stats

from benchmarks.page import put
from rosearch_engine.bench.machine import machine
from rosearch_engine.config import build
from rosearch_engine.genome import Genome, Space
from rosearch_engine.genome.dag import GenomeRow
from rosearch_engine.genome.features import features, words
from rosearch_engine.genome.operators import sample
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context, prepare
from rosearch_engine.search.evaluate import evaluate
from rosearch_engine.statistics.effect import CORRECTION, Effect, corrected
from rosearch_engine.statistics.ranks import Effort, Ranks

TO = Path(__file__).parent / "results" / "pretest.json"
FAMILIES = ("graph", "whole student", "both")
COMMON = (
    "attack.recipe=pwws",
    "attack.one_swap=false",
    "distil.copies=0",
    "distil.epochs=1",
    'space.codes=["characters"]',
)
REGIMES = {
    "off": ('space.contexts=["free"]', "space.kappas=[0]"),
    "adversary": ('space.contexts=["free"]', "space.kappas=[0.5]", "distil.adversary=gradient"),
    "bounded": ('space.contexts=["bounded"]', "space.bounds=[0.5]", "space.kappas=[0.4]", "distil.adversary=gradient"),
}
FEWEST = 20  # students from which a correlation is told
FIGURES = {"held": "held under PWWS", "clean": "clean accuracy"}


def students(space: Space, count: int) -> list[tuple[str, Genome]]:
    """So many different students, family by family in turn."""
    rng, chain = np.random.default_rng(0), space.chain(2)
    found: dict[str, tuple[str, Genome]] = {}
    while len(found) < count:
        family = FAMILIES[len(found) % len(FAMILIES)]
        drawn = sample(space, rng)
        genome = _of_family(family, chain, drawn)
        found.setdefault(genome.digest, (family, genome))
    return list(found.values())


def _of_family(family: str, chain: Genome, drawn: Genome) -> Genome:
    """The chain with those genes of a drawn student that its family differs in."""
    if family == "graph":
        return _remade(chain, nodes=drawn.nodes, edges=drawn.edges)
    if family == "whole student":
        return _remade(chain, width=drawn.width, rank=drawn.rank, pooling=drawn.pooling, merge=drawn.merge)
    return drawn


def _remade(genome: Genome, **changes: object) -> Genome:
    """A genome with other genes, in canonical form."""
    return Genome.from_dict(replace(genome, **changes).as_dict())  # type: ignore[arg-type]


def ratio(groups: np.ndarray) -> tuple[float, float, float]:
    """Variance between students over that between seeds (F), with its 95% interval, of `(students, seeds)`.

    The interval is that of the ratio of the variances that the two mean squares estimate.
    """
    count, seeds = groups.shape
    between = seeds * groups.mean(axis=1).var(ddof=1)
    within = groups.var(axis=1, ddof=1).mean()
    if not within:
        return float("nan"), float("nan"), float("nan")
    found, degrees = between / within, (count - 1, count * (seeds - 1))
    low, high = (found / stats.f.ppf(level, *degrees) for level in (0.975, 0.025))
    return float(found), float(low), float(high)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--graphs", type=int, default=24)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--sentences", type=int, default=100)
    options.add_argument("--regime", choices=list(REGIMES), action="append", help="default: all")
    options.add_argument("--write", action="store_true", help="put the table into benchmarks/search.md")
    given = options.parse_args()
    for regime in given.regime or list(REGIMES):
        context: Context | None = None
        for seed in range(given.seeds):
            for number in range(given.graphs):
                key = {"regime": regime, "student": number, "seed": seed, "n": given.sentences}
                if any(key.items() <= trial.items() for trial in _trials()):
                    continue
                context = context or _context(regime, given.sentences)
                family, genome = students(context.space, given.graphs)[number]
                found = evaluate(genome, seed, context, Progress())
                score = found.scores[-1]
                trial = key | {
                    "family": family,
                    "genome": genome.as_dict(),
                    "held": score.robustness,
                    "clean": score.accuracy,
                    "floor": context.floor,
                    "seconds": round(sum(found.seconds.values()), 1),
                }
                _keep(trial)
                print(json.dumps(trial), flush=True)
    trials = above_floor(_trials())
    said = f"{table(trials)}\n\n{correlations(trials)}"
    print(said)
    if given.write:
        put(Path(__file__).parent / "search.md", "pretest", said)


def above_floor(trials: list[dict[str, object]]) -> list[dict[str, object]]:
    """The trials of those students that count in a search with each of their seeds."""
    below = {(t["regime"], t["student"]) for t in trials if float(str(t["clean"])) <= float(str(t["floor"]))}
    return [trial for trial in trials if (trial["regime"], trial["student"]) not in below]


def table(trials: list[dict[str, object]]) -> str:
    """The ratios as Markdown, of the students that have all their seeds."""
    lines = [
        "| training | differ in | students x seeds | mean held | F, held under PWWS | mean clean | F, clean accuracy |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for regime in REGIMES:
        own = [trial for trial in trials if trial["regime"] == regime]
        for family in (*FAMILIES, "any of these"):
            some = [trial for trial in own if family in (trial["family"], "any of these")]
            grids = {figure: _grid(some, figure) for figure in FIGURES}
            if len(grids["held"]) < 2:
                continue
            cells = [regime, family, "{} x {}".format(*grids["held"].shape)]
            for figure in FIGURES:
                cells += [f"{grids[figure].mean():.1%}", "{:.1f} ({:.1f} to {:.1f})".format(*ratio(grids[figure]))]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def correlations(trials: list[dict[str, object]]) -> str:
    """The features that go with a figure under some regime, as Markdown: those that are told from chance."""
    found = corrected(
        {
            (regime, figure, name): effect
            for regime in REGIMES
            for (figure, name), effect in _effects([one for one in trials if one["regime"] == regime]).items()
        }
    )
    asked = [
        (regime, figure)
        for regime in REGIMES
        for figure in FIGURES
        if any(key[:2] == (regime, figure) for key in found)
    ]
    heads = ["feature", *(f"{regime}: {FIGURES[figure]}" for regime, figure in asked)]
    lines = [heads, ["---"] * len(heads)]
    for name, known in words().items():
        effects = [found.get((*one, name)) for one in asked]
        if any(effect and effect.found for effect in effects):
            lines.append([known.name, *(_said(effect) if effect else "" for effect in effects)])
    shown = sum(effect.found for effect in found.values())
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{table}\n\n{shown} of {len(found)} effects are told from chance (bold; {CORRECTION})."


def _said(effect: Effect) -> str:
    mark = "**" if effect.found else ""
    return f"{mark}{effect.size:+.2f}{mark} ({effect.interval[0]:+.2f} to {effect.interval[1]:+.2f})"


def _effects(trials: list[dict[str, object]]) -> dict[tuple[str, str], Effect]:
    """Spearman's correlation of each feature with each figure, over the means of the students' seeds."""
    genomes = {trial["student"]: trial["genome"] for trial in trials}
    if len(genomes) < FEWEST:
        return {}
    rows = [features(Genome.stored(cast(GenomeRow, genome))) for genome in genomes.values()]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for figure in FIGURES:
        means = [np.mean([float(str(t[figure])) for t in trials if t["student"] == number]) for number in genomes]
        columns[figure] = np.array(means)
    ranks = Ranks(columns, (), np.zeros(len(rows), dtype=int), Effort())
    return {
        (figure, name): effect for figure in FIGURES for name, effect in ranks.correlate(list(rows[0]), figure).items()
    }


def _grid(trials: list[dict[str, object]], figure: str) -> np.ndarray:
    """`(students, seeds)` of those with as many seeds as the one with most."""
    by_student: dict[object, list[float]] = {}
    for trial in trials:
        by_student.setdefault(trial["student"], []).append(float(str(trial[figure])))
    most = max(map(len, by_student.values()), default=0)
    return np.array([values for values in by_student.values() if len(values) == most and most > 1])


def _context(regime: str, sentences: int) -> Context:
    settings = [*COMMON, *REGIMES[regime], f"attack.sentences={sentences}"]
    return prepare(build("demo", settings=settings), Progress())


def _trials() -> list[dict[str, object]]:
    return list(json.loads(TO.read_text())["trials"]) if TO.exists() else []


def _keep(trial: dict[str, object]) -> None:
    TO.parent.mkdir(exist_ok=True)
    TO.write_text(json.dumps({"machine": machine(), "trials": [*_trials(), trial]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
