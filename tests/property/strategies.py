"""Random genomes for hypothesis: the project's own sampler, driven by a drawn seed and space."""

from __future__ import annotations

from typing import get_args

import numpy as np
from hypothesis import strategies as st

from rosearch_engine.config import ContextGene, SpaceConfig
from rosearch_engine.genome import Frame, Genome, Space
from rosearch_engine.genome.operators import sample

FRAME = Frame(
    vocabulary=1000,
    positions=64,
    token_types=2,
    classes=3,
    head_size=8,
    width=96,
    layers=6,
    heads=12,
    feed_forward=384,
    weights=2_000_000,
    encoder_weights=1_500_000,
)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    config = SpaceConfig(
        max_nodes=draw(st.integers(1, 12)),
        max_inputs=draw(st.integers(1, 6)),
        operations=draw(st.lists(st.sampled_from(SpaceConfig().operations), min_size=1, unique=True).map(tuple)),
        merges=draw(st.sampled_from([("mean",), ("gates",), ("mean", "gates")])),
        vocabulary="words",
        contexts=draw(st.lists(st.sampled_from(get_args(ContextGene)), unique=True).filter(["none"].__ne__).map(tuple)),
        bounds=draw(st.sampled_from([(0.5,), (0.25, 1.0, 100.0)])),
        kappas=draw(st.sampled_from([(), (0.4,), (0.0, 0.25, 1.0)])),
    )
    return Space.of(config, FRAME)


@st.composite
def genomes_in(draw: st.DrawFn) -> tuple[Space, Genome]:
    space = draw(spaces())
    return space, sample(space, np.random.default_rng(draw(st.integers(0, 2**32 - 1))))
