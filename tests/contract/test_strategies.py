"""What the search loop takes for granted of every strategy. A new one joins by its name in the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pytest

from rosearch_engine.config import ObjectivesConfig, SearchConfig, SpaceConfig, Strategy
from rosearch_engine.genome import Space
from rosearch_engine.objectives import FAILED
from rosearch_engine.search.strategies import Proposal, make_strategy
from tests.property.strategies import FRAME
from tests.property.test_genomes import assert_in_space

SPACE = Space.of(SpaceConfig(), FRAME)
NO_MORE_THAN_SIXTEEN = Space.of(
    SpaceConfig(
        max_nodes=1,
        operations=("identity",),
        merges=("mean",),
        widths=(0.5, 1.0),
        ranks=(8, 16),
        poolings=("cls", "mean"),
    ),
    FRAME,
)

pytestmark = pytest.mark.parametrize("name", get_args(Strategy))


def strategy(name: str, seed: int = 0, space: Space = SPACE, founders: Sequence[Proposal] = ()):
    config = SearchConfig(strategy=name, seed=seed, population=4)
    return make_strategy(config, ObjectivesConfig(), space, founders)


def worth(proposal: Proposal) -> np.ndarray:
    """Objectives that depend on the architecture alone, so that a replay can be told the same."""
    return np.random.default_rng(int(proposal.genome.digest, 16)).random(3)


def walk(name: str, steps: int = 40, seed: int = 0) -> list[Proposal]:
    """Ask and tell in turn."""
    one, proposals = strategy(name, seed), []
    for number in range(1, steps + 1):
        proposal = one.ask(number)
        proposals.append(proposal)
        one.tell(number, worth(proposal))
    return proposals


def digests(proposals: list[Proposal]) -> list[str]:
    return [proposal.genome.digest for proposal in proposals]


def test_it_proposes_only_what_is_in_the_space_and_never_twice(name: str) -> None:
    proposals = walk(name)
    assert len(set(digests(proposals))) == len(proposals)
    for proposal in proposals:
        assert_in_space(proposal.genome, SPACE)


def test_its_seed_decides_everything(name: str) -> None:
    np.random.seed(1)
    first = walk(name, seed=3)
    np.random.seed(2)
    second = walk(name, seed=3)
    assert [(p.genome, p.origin, p.parents, p.change) for p in first] == [
        (p.genome, p.origin, p.parents, p.change) for p in second
    ]
    assert digests(first) != digests(walk(name, seed=4))


def test_parents_are_earlier_proposals(name: str) -> None:
    for number, proposal in enumerate(walk(name), start=1):
        assert proposal.number == number
        assert all(1 <= parent < number for parent in proposal.parents)
        assert proposal.origin in ("sample", "mutation", "crossover")
        assert len(proposal.parents) == {"sample": 0, "mutation": 1, "crossover": 2}[proposal.origin]
        assert bool(proposal.change) == (proposal.origin != "sample")


@pytest.mark.parametrize("count", [1, 4, 7])
def test_founders_come_first_and_only_once(name: str, count: int) -> None:
    """Fewer than the population, as many, more."""
    founders = [Proposal(proposal.genome, "chain", change="given") for proposal in walk(name, seed=9)[-count:]]
    one, proposals = strategy(name, founders=founders), []
    for number in range(1, 41):
        proposals.append(one.ask(number))
        one.tell(number, worth(proposals[-1]))
    assert digests(proposals[:count]) == digests(founders)
    assert [(p.origin, p.change, p.number) for p in proposals[:count]] == [
        ("chain", "given", number) for number in range(1, count + 1)
    ]
    assert len(set(digests(proposals))) == 40
    assert "chain" not in {proposal.origin for proposal in proposals[count:]}
    assert not any(founder.number for founder in founders), "the caller's own stay as they are"


def many_workers(
    name: str, orders: np.random.Generator, asks: int = 40
) -> tuple[list[Proposal], list[tuple[str, int]]]:
    """Ask ahead of the tells, and tell in any order; returns the proposals and the log of what was done."""
    one: Any = strategy(name)
    proposals: list[Proposal] = []
    log: list[tuple[str, int]] = []
    open_ones: list[int] = []
    while len(proposals) < asks:
        if len(open_ones) < 5 and (not open_ones or orders.random() < 0.6):
            number = len(proposals) + 1
            proposals.append(one.ask(number))
            open_ones.append(number)
            log.append(("ask", number))
        else:
            number = open_ones.pop(int(orders.integers(len(open_ones))))
            failed = orders.random() < 0.1
            one.tell(number, FAILED if failed else worth(proposals[number - 1]))
            log.append(("fail" if failed else "tell", number))
    return proposals, log


@pytest.mark.parametrize("order", range(4))
def test_asks_may_run_ahead_and_tells_come_in_any_order(name: str, order: int) -> None:
    proposals, _ = many_workers(name, np.random.default_rng(order))
    assert len(set(digests(proposals))) == len(proposals)


@pytest.mark.parametrize("order", range(4))
def test_a_replay_of_asks_and_tells_rebuilds_it(name: str, order: int) -> None:
    """What `resume` rests on: every proposal comes again, and so do those after the replay."""
    proposals, log = many_workers(name, np.random.default_rng(order))
    again = strategy(name)
    for what, number in log:
        if what == "ask":
            assert again.ask(number).genome == proposals[number - 1].genome
        else:
            again.tell(number, FAILED if what == "fail" else worth(proposals[number - 1]))


def test_it_goes_on_where_every_student_fails(name: str) -> None:
    one = strategy(name)
    proposals = []
    for number in range(1, 30):
        proposals.append(one.ask(number))
        one.tell(number, FAILED)
    assert len(set(digests(proposals))) == 29


def test_a_space_that_is_used_up_ends_it(name: str) -> None:
    one, found = strategy(name, space=NO_MORE_THAN_SIXTEEN), []
    for number in range(1, 30):
        proposal = one.ask(number)
        if proposal is None:
            break
        found.append(proposal)
        one.tell(number, worth(proposal))
    else:
        pytest.fail("it proposed more architectures than there are")
    # Width x rank x pooling x whether an edge passes the node by, which only a mutation adds.
    assert len(set(digests(found))) == len(found)
    assert 8 <= len(found) <= 16
