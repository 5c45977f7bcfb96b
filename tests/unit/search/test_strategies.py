"""What is peculiar to one strategy; what all share is in the contract."""

from __future__ import annotations

import numpy as np

from rosearch_engine.config import ObjectivesConfig, SearchConfig, SpaceConfig
from rosearch_engine.genome import Space
from rosearch_engine.search.strategies import Pareto, Proposal, Strategy, make_strategy
from tests.property.strategies import FRAME

SPACE = Space.of(SpaceConfig(), FRAME)


def asked(one: Strategy, number: int) -> Proposal:
    proposal = one.ask(number)
    assert proposal is not None
    return proposal


def searched(name: str, steps: int, worth, population: int = 6, seed: int = 0):
    one = make_strategy(SearchConfig(strategy=name, population=population, seed=seed), ObjectivesConfig(), SPACE)
    proposals = {}
    for number in range(1, steps + 1):
        proposal = proposals[number] = asked(one, number)
        one.tell(number, worth(proposal.genome))
    return proposals


def lean(genome) -> np.ndarray:
    """A plain goal in every column: few nodes, a small width."""
    return np.array([1 - genome.width / FRAME.width, 1 - len(genome.nodes) / 6, 0.5])


def test_founders_are_drawn_and_then_children_are_bred() -> None:
    for name in ("pareto", "nsga2", "scalar"):
        origins = [proposal.origin for proposal in searched(name, 18, lean).values()]
        assert origins[:6] == ["sample"] * 6
        assert "sample" not in origins[6:]
    assert {proposal.origin for proposal in searched("random", 18, lean).values()} == {"sample"}


def test_children_are_bred_from_founders_that_are_given() -> None:
    founders = [Proposal(proposal.genome, "chain") for proposal in searched("random", 3, lean).values()]
    for name in ("pareto", "nsga2", "scalar"):
        one, parents = (
            make_strategy(SearchConfig(strategy=name, population=6), ObjectivesConfig(), SPACE, founders),
            set(),
        )
        for number in range(1, 19):
            proposal = asked(one, number)
            one.tell(number, lean(proposal.genome) + (number <= 3))
            parents |= set(proposal.parents)
        assert parents & {1, 2, 3}


def test_evolution_beats_chance_on_a_plain_goal() -> None:
    def mean(name: str) -> float:
        late = [lean(p.genome).sum() for n, p in searched(name, 60, lean).items() if n > 30]
        return float(np.mean(late))

    assert mean("scalar") > mean("random") + 0.1
    assert mean("pareto") > mean("random") + 0.1
    assert mean("nsga2") > mean("random") + 0.1


def test_aging_lets_the_oldest_die() -> None:
    """Parents are among the newest members, however good an old one was."""
    proposals = searched("scalar", 60, lambda genome: np.ones(3), population=4)
    for number, proposal in proposals.items():
        assert all(number - 4 <= parent for parent in proposal.parents)


def test_pareto_breeds_from_the_front() -> None:
    """Students worth nothing in every column do not become parents once the population is full of better ones."""
    worthless = {4, 5, 6}
    one = make_strategy(SearchConfig(strategy="pareto", population=6), ObjectivesConfig(), SPACE)
    draw = np.random.default_rng(0)
    parents = []
    for number in range(1, 41):
        proposal = asked(one, number)
        one.tell(number, np.zeros(3) if number in worthless else 0.5 + 0.5 * draw.random(3))
        parents += [parent for parent in proposal.parents if number > 12]
    assert parents
    assert not worthless & set(parents)


def test_pareto_lets_go_of_the_extreme_that_adds_no_hypervolume_and_nsga2_keeps_it() -> None:
    """A tiny student that guesses is on the front, at its end: best in size, worth nothing."""
    extreme = np.array([0.0, 0.5, 1.0])
    alive = {}
    for name in ("pareto", "nsga2"):
        one = make_strategy(SearchConfig(strategy=name, population=4), ObjectivesConfig(), SPACE)
        assert isinstance(one, Pareto)
        for number in range(1, 6):
            asked(one, number)
            one.tell(number, extreme if number == 1 else np.array([0.1 * number, 0.9 - 0.05 * number, 0.8]))
        alive[name] = {individual.X[0].number for individual in one._algorithm.pop}
    assert 1 in alive["nsga2"]
    assert 1 not in alive["pareto"]
