"""How the next architecture is chosen. A strategy is asked for a proposal and told how it fared.

The loop may ask several times before it tells, and tell in any order. A strategy draws all its chance from one
seed and keeps no other state than what it was asked and told, so replaying a run's asks and tells rebuilds it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.individual import Individual
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.sampling import Sampling
from pymoo.core.survival import Survival
from pymoo.core.termination import NoTermination
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

from rosearch_engine.config import ObjectivesConfig, SearchConfig
from rosearch_engine.front import contributions, fronts
from rosearch_engine.genome import Genome, Space
from rosearch_engine.genome.operators import crossover, mutate, sample
from rosearch_engine.objectives import NAMES, fitness

# Tries for an architecture that has not been proposed yet before the space counts as exhausted.
TRIES = 200


@dataclass
class Proposal:
    """An architecture to try. `number` names it in `tell` and in the parents of later ones."""

    genome: Genome
    origin: str
    parents: tuple[int, ...] = ()
    change: str = ""
    number: int = 0


class Strategy(Protocol):
    """What the search loop needs of a strategy."""

    def ask(self, number: int) -> Proposal | None:
        """The next architecture, never one that was proposed before; None when the space is exhausted."""

    def tell(self, number: int, objectives: np.ndarray) -> None:
        """How a proposal fared: objectives `(3,)`, to be made large."""


def make_strategy(
    search: SearchConfig,
    objectives: ObjectivesConfig,
    space: Space,
    founders: Sequence[Proposal] = (),
    seen: Iterable[str] = (),
) -> Strategy:
    """The strategy of a run. It proposes the founders, which must differ, before any of its own.

    Args:
        seen: digests of architectures that it need not propose: others measure them.
    """
    strategy: RandomSearch | Pareto
    rng = np.random.default_rng(search.seed)
    if search.strategy == "pareto":
        strategy = Pareto(space, search, founders, _MostVolume())
    elif search.strategy == "nsga2":
        strategy = Pareto(space, search, founders, RankAndCrowding())
    elif search.strategy == "scalar":
        strategy = AgingEvolution(space, search, objectives, rng, founders)
    else:
        strategy = RandomSearch(space, rng, founders)
    strategy.skip(seen)
    return strategy


class RandomSearch:
    """Every architecture drawn afresh: the baseline that a search has to beat."""

    def __init__(self, space: Space, rng: np.random.Generator, founders: Sequence[Proposal] = ()) -> None:
        self._space, self._rng, self._founders = space, rng, deque(founders)
        self._seen = {founder.genome.digest for founder in founders}

    def skip(self, digests: Iterable[str]) -> None:
        """Never propose these architectures."""
        self._seen.update(digests)

    def ask(self, number: int) -> Proposal | None:
        if self._founders:
            return replace(self._founders.popleft(), number=number)
        return _fresh(self._space, self._rng, self._seen, number)

    def tell(self, number: int, objectives: np.ndarray) -> None:
        pass


class AgingEvolution(RandomSearch):
    """The best of a few random members has a child; the oldest member dies (Real et al. 2019)."""

    def __init__(
        self,
        space: Space,
        search: SearchConfig,
        objectives: ObjectivesConfig,
        rng: np.random.Generator,
        founders: Sequence[Proposal] = (),
    ) -> None:
        super().__init__(space, rng, founders)
        self._search, self._objectives = search, objectives
        self._asked: dict[int, Proposal] = {}
        self._members: deque[tuple[float, Proposal]] = deque(maxlen=search.population)

    def ask(self, number: int) -> Proposal | None:
        ripe = not self._founders and len(self._members) == self._search.population
        proposal = (self._child(number) if ripe else None) or super().ask(number)
        if proposal:
            self._asked[number] = proposal
        return proposal

    def tell(self, number: int, objectives: np.ndarray) -> None:
        self._members.append((fitness(objectives, self._objectives), self._asked.pop(number)))

    def _child(self, number: int) -> Proposal | None:
        for _ in range(TRIES):
            first, second = self._parent(), self._parent()
            proposal = _child(first, second, self._space, self._search, self._rng)
            if proposal.genome.digest not in self._seen:
                self._seen.add(proposal.genome.digest)
                proposal.number = number
                return proposal
        return None

    def _parent(self) -> Proposal:
        few = self._rng.integers(len(self._members), size=max(2, self._search.population // 4))
        return max((self._members[int(i)] for i in few), key=lambda member: member[0])[1]


class Pareto:
    """NSGA-II (Deb et al. 2002) in steady state: one child at a time, from the front's own population.

    Who lives and who breeds is decided by front, and within a front by what the survival puts down as `crowding`.
    """

    def __init__(
        self, space: Space, search: SearchConfig, founders: Sequence[Proposal] = (), survival: Survival | None = None
    ) -> None:
        self._space, self._seen = space, set[str]()
        self._rng = np.random.default_rng([search.seed, 1])
        self._algorithm = NSGA2(
            pop_size=search.population,
            n_offsprings=1,
            sampling=_Samples(space, founders),
            crossover=_Pairs(),
            mutation=_Children(space, search),
            survival=survival or _MostVolume(),
            eliminate_duplicates=_Unseen(self._seen),
        )
        problem = Problem(n_var=1, n_obj=len(NAMES), vtype=object)
        self._algorithm.setup(problem, termination=NoTermination(), seed=search.seed)
        self._ready: deque[Individual] = deque()
        self._founders = 0
        self._asked: dict[int, Individual] = {}
        self._told: list[Individual] = []

    def skip(self, digests: Iterable[str]) -> None:
        """Never propose these architectures."""
        self._seen.update(digests)

    def ask(self, number: int) -> Proposal | None:
        individual = self._next()
        if individual is None:
            fresh = _fresh(self._space, self._rng, self._seen, number)
            individual = None if fresh is None else Individual(X=np.array([fresh], dtype=object))
        if individual is None:
            return None
        proposal: Proposal = individual.X[0]
        proposal.number = number
        self._seen.add(proposal.genome.digest)
        self._asked[number] = individual
        return proposal

    def tell(self, number: int, objectives: np.ndarray) -> None:
        individual = self._asked.pop(number)
        # pymoo makes small; the objectives are to be made large.
        individual.set("F", -np.asarray(objectives, dtype=float))
        self._told.append(individual)
        if self._algorithm.is_initialized or len(self._told) == self._founders:
            self._algorithm.tell(infills=Population.create(*self._told))
            self._told = []

    def _next(self) -> Individual | None:
        """A founder of the first population, then children; None while nothing can be bred."""
        if not self._founders:
            self._ready.extend(self._algorithm.ask())
            self._founders = len(self._ready)
        if self._ready:
            return self._ready.popleft()
        if not self._algorithm.is_initialized:
            return None
        children = self._algorithm.ask()
        self._algorithm.termination.force_termination = False
        return children[0] if children is not None and len(children) else None


class _MostVolume(Survival):
    """Within a front, those live that it would lose the most hypervolume without (SMS-EMOA, Beume et al. 2007).

    With three objectives nearly all of a small population are on its first front, and crowding distance keeps the
    extreme ones: a student that is tiny and guesses. This measures from `REFERENCE`, as the search is judged.
    """

    def __init__(self) -> None:
        super().__init__(filter_infeasible=False)

    def _do(self, problem: Problem, pop: Population, *_: Any, n_survive: int, **__: Any) -> Population:
        worth = -pop.get("F").astype(float)
        living: list[int] = []
        for rank, front in enumerate(fronts(worth)):
            rows = list(front)
            while len(living) + len(rows) > n_survive:
                del rows[int(np.argmin(contributions(worth[rows])))]
            for row, share in zip(rows, contributions(worth[rows]), strict=True):
                pop[row].set("rank", rank)
                pop[row].set("crowding", share)
            living += rows
            if len(living) == n_survive:
                break
        return pop[living]


class _Samples(Sampling):
    """The founders given, and random ones until the population is full."""

    def __init__(self, space: Space, founders: Sequence[Proposal]) -> None:
        super().__init__()
        self._space, self._founders = space, founders

    def _do(self, problem: Problem, n_samples: int, *_: Any, random_state: Any = None, **__: Any) -> np.ndarray:
        proposals = [replace(founder) for founder in self._founders]
        while len(proposals) < n_samples:
            proposals.append(Proposal(sample(self._space, random_state), "sample"))
        drawn = np.empty((len(proposals), 1), dtype=object)
        drawn[:, 0] = proposals
        return drawn


class _Pairs(Crossover):
    """Hands both parents on: the child is made with its mutation, so that its origin can be told in one place."""

    def __init__(self) -> None:
        super().__init__(n_parents=2, n_offsprings=1, prob=1.0)

    def _do(self, problem: Problem, X: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
        pairs = np.empty((1, X.shape[1], 1), dtype=object)
        for row in range(X.shape[1]):
            pairs[0, row, 0] = (X[0, row, 0], X[1, row, 0])
        return pairs


class _Children(Mutation):
    def __init__(self, space: Space, search: SearchConfig) -> None:
        super().__init__(prob=1.0)
        self._space, self._search = space, search

    def _do(self, problem: Problem, X: np.ndarray, *_: Any, random_state: Any = None, **__: Any) -> np.ndarray:
        children = np.empty_like(X)
        for row in range(len(X)):
            first, second = X[row, 0]
            children[row, 0] = _child(first, second, self._space, self._search, random_state)
        return children


class _Unseen(DuplicateElimination):
    def __init__(self, seen: set[str]) -> None:
        super().__init__()
        self._seen = seen

    def _do(self, pop: Population, other: Population | None, is_duplicate: np.ndarray) -> np.ndarray:
        taken = self._seen if other is None else {individual.X[0].genome.digest for individual in other}
        among_them = set[str]()  # not the seen ones copied: these grow with the run
        for row, individual in enumerate(pop):
            digest = individual.X[0].genome.digest
            is_duplicate[row] |= digest in taken or digest in among_them
            if other is None:
                among_them.add(digest)
        return is_duplicate


def _child(first: Proposal, second: Proposal, space: Space, search: SearchConfig, rng: np.random.Generator) -> Proposal:
    """Mutations of the first parent, or of the crossover of both."""
    is_alone = first is second or rng.random() >= search.crossover
    genome = first.genome if is_alone else crossover(first.genome, second.genome, space, rng)
    changes = []
    for _ in range(search.mutations):
        genome, words = mutate(genome, space, rng)
        changes.append(words)
    if is_alone:
        return Proposal(genome, "mutation", (first.number,), "; ".join(changes))
    return Proposal(genome, "crossover", (first.number, second.number), "; ".join(changes))


def _fresh(space: Space, rng: np.random.Generator, seen: set[str], number: int) -> Proposal | None:
    for _ in range(TRIES):
        genome = sample(space, rng)
        if genome.digest not in seen:
            seen.add(genome.digest)
            return Proposal(genome, "sample", number=number)
    return None
