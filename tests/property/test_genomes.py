"""Every operator gives a valid genome of its space, and equal digests mean equal architectures."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rosearch_engine.genome import Genome, Space
from rosearch_engine.genome.features import features
from rosearch_engine.genome.operators import crossover, mutate, sample
from tests.property.strategies import FRAME, genomes_in

seeds = st.integers(0, 2**32 - 1)
many = settings(max_examples=300, deadline=None)


def assert_in_space(genome: Genome, space: Space) -> None:
    assert genome.kappa in (space.kappas or {None})
    assert genome.code in space.codes
    assert Genome.from_dict(genome.as_dict()) == genome
    assert Genome.stored(genome.as_dict()) == genome
    if genome.is_bag:
        assert space.graphless
        return
    assert space.graphless < 1
    graph = genome.graph()
    assert nx.is_directed_acyclic_graph(graph)
    assert nx.descendants(graph, 0) == set(range(1, genome.head + 1))
    assert nx.ancestors(graph, genome.head) == set(range(genome.head))
    assert 1 <= len(genome.nodes) <= space.max_nodes
    assert all(a < b for a, b in genome.edges)
    assert max(len(genome.inputs(n)) for n in range(1, genome.head + 1)) <= space.max_inputs
    assert genome.width in space.widths
    assert genome.rank in {min(rank, genome.width) for rank in space.ranks}
    assert {node.operation for node in genome.nodes} <= set(space.operations)
    assert {node.heads for node in genome.nodes} <= {0, *space.heads}
    assert {node.feed_forward for node in genome.nodes} <= {0, *space.feed_forwards}
    assert genome.context in (space.contexts or {""})
    assert genome.bound in (space.bounds if genome.context == "bounded" else {0.0})


@many
@given(genomes_in())
def test_samples_are_valid(drawn: tuple[Space, Genome]) -> None:
    space, genome = drawn
    assert_in_space(genome, space)


@many
@given(genomes_in(), seeds)
def test_mutants_are_valid_and_new(drawn: tuple[Space, Genome], seed: int) -> None:
    space, genome = drawn
    child, words = mutate(genome, space, np.random.default_rng(seed))
    assert_in_space(child, space)
    assert (child != genome) == (words != "unchanged")


@many
@given(genomes_in(), seeds)
def test_children_of_two_are_valid(drawn: tuple[Space, Genome], seed: int) -> None:
    space, genome = drawn
    rng = np.random.default_rng(seed)
    assert_in_space(crossover(genome, sample(space, rng), space, rng), space)


@many
@given(genomes_in(), seeds)
def test_digest_is_blind_to_numbering(drawn: tuple[Space, Genome], seed: int) -> None:
    _, genome = drawn
    assume(not genome.is_bag)
    renumbered = shuffled(genome, np.random.default_rng(seed))
    assert renumbered == genome
    assert renumbered.digest == genome.digest


@many
@given(genomes_in(), seeds)
def test_equal_digest_means_isomorphic(drawn: tuple[Space, Genome], seed: int) -> None:
    space, genome = drawn
    other, _ = mutate(genome, space, np.random.default_rng(seed))
    assume(not genome.is_bag and not other.is_bag)
    genes = ("width", "rank", "pooling", "merge", "code", "context", "bound", "kappa")
    same_globals = all(getattr(genome, gene) == getattr(other, gene) for gene in genes)
    isomorphic = same_globals and nx.is_isomorphic(genome.graph(), other.graph(), node_match=lambda a, b: a == b)
    assert (genome.digest == other.digest) == isomorphic


def test_the_space_holds_plain_chains() -> None:
    from rosearch_engine.config import SpaceConfig

    space = Space.of(SpaceConfig(), FRAME)
    for layers in (1, 2, 3):
        chain = space.chain(layers)
        assert_in_space(chain, space)
        assert [node.operation for node in chain.nodes] == ["transformer"] * layers


def shuffled(genome: Genome, rng: np.random.Generator) -> Genome:
    """The same genome, its inner nodes renumbered by a random topological order."""
    left, order = set(range(1, genome.head)), []
    while left:
        free = sorted(n for n in left if not left & set(genome.inputs(n)))
        order.append(free[int(rng.integers(len(free)))])
        left.remove(order[-1])
    new = {0: 0, genome.head: genome.head} | {old: i for i, old in enumerate(order, start=1)}
    return Genome.of(
        width=genome.width,
        rank=genome.rank,
        pooling=genome.pooling,
        merge=genome.merge,
        nodes=[genome.node(old) for old in order],
        edges=[(new[a], new[b]) for a, b in genome.edges],
        context=genome.context,
        bound=genome.bound,
        kappa=genome.kappa,
    )


def test_genes_that_a_run_does_not_search_leave_no_trace() -> None:
    from rosearch_engine.config import SpaceConfig

    plain = Space.of(SpaceConfig(), FRAME)
    searched = Space.of(
        SpaceConfig(vocabulary="words", contexts=("free", "invariant", "bounded"), kappas=(0.0, 0.4)), FRAME
    )
    chain = plain.chain(2)
    assert not {"context", "bound", "kappa"} & chain.as_dict().keys()
    assert chain.digest == "6f598a02a61f14c3"  # as versions without these genes have it
    kinds = {searched.chain(2, context=context).digest for context in searched.contexts}
    assert len(kinds | {chain.digest}) == 4
    assert (searched.chain(1, context="free").kappa, searched.chain(1, context="invariant").kappa) == (0.0, 0.4)


@many
@given(genomes_in(), seeds)
def test_a_mutation_says_what_it_changed(drawn: tuple[Space, Genome], seed: int) -> None:
    space, genome = drawn
    child, words = mutate(genome, space, np.random.default_rng(seed))
    if child.is_bag != genome.is_bag:
        assert words == ("graph removed" if child.is_bag else "a graph added")
        assert (child.code, child.kappa) == (genome.code, genome.kappa)
    elif child.context != genome.context:
        assert f"context {genome.context} became {child.context}" in words
    elif child.bound != genome.bound:
        assert f"bound {genome.bound} became {child.bound}" in words
    elif child.kappa != genome.kappa:
        assert f"kappa {genome.kappa} became {child.kappa}" in words


@many
@given(genomes_in())
def test_depths_are_those_of_the_graph(drawn: tuple[Space, Genome]) -> None:
    _, genome = drawn
    assume(not genome.is_bag)
    graph, found = genome.graph(), features(genome)
    assert found["longest_path"] == nx.dag_longest_path_length(graph, weight=None, default_weight=1) - 1
    assert found["shortest_path"] == nx.shortest_path_length(graph, 0, genome.head) - 1
    assert found["breadth"] == max(len(level) for level in nx.topological_generations(graph))
