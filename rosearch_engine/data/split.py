"""Rows into disjoint parts, the same for the same seed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from rosearch_engine.config import DataConfig
from rosearch_engine.errors import UserError

SHARES = {"held_out": 0.15, "search_attack": 0.10, "validation": 0.15}
"""Most of the rows each part may take from one table; the distillation part keeps the rest."""

_FEWEST = 2


@dataclass(frozen=True)
class Parts:
    """Row positions of each part; held_out is empty where the source has its own evaluation split."""

    distillation: np.ndarray
    validation: np.ndarray
    search_attack: np.ndarray
    held_out: np.ndarray


def fair_order(rows: np.ndarray, labels: np.ndarray, seed: int, part: str) -> np.ndarray:
    """The rows in a random order of which every beginning has the classes in nearly the rows' own shares.

    Args:
        rows: positions, shape (n,).
        labels: class of each of these rows, shape (n,).
        seed: with `part`, decides the order.
        part: name of the draw, so that no two draws share their randomness.
    """
    generator = np.random.default_rng([seed, zlib.crc32(part.encode())])
    place = np.empty(len(rows))
    for label in np.unique(labels):
        of_class = generator.permutation(np.flatnonzero(labels == label))
        # The i-th of k rows of a class falls somewhere in the i-th of k equal stretches.
        place[of_class] = (np.arange(len(of_class)) + generator.random(len(of_class))) / len(of_class)
    return rows[np.argsort(place, kind="stable")]


def divide(labels: np.ndarray, words: np.ndarray, config: DataConfig, own_evaluation: bool) -> Parts:
    """Divide one table. The attack sets take only rows of `config.min_words` words or more.

    Args:
        labels: class of each row, shape (n,).
        words: number of words of each row, shape (n,).
        config: sizes and seed.
        own_evaluation: the held-out set comes from elsewhere.

    Raises:
        UserError: too few sentences are long enough.
    """
    everything = np.arange(len(labels))
    wanted = {part: min(getattr(config, part), int(len(labels) * share)) for part, share in SHARES.items()}
    if own_evaluation:
        wanted["held_out"] = 0
    reserved = _one_of_each_class(everything, labels, config.seed)
    free = np.setdiff1d(everything, reserved)
    long_enough = free[words[free] >= config.min_words]
    attacked = wanted["held_out"] + wanted["search_attack"]
    if attacked > len(long_enough):
        for part in ("held_out", "search_attack"):
            wanted[part] = wanted[part] * len(long_enough) // attacked
    if wanted["search_attack"] < _FEWEST or (wanted["held_out"] < _FEWEST and not own_evaluation):
        raise too_short(len(long_enough), config)

    def draw(pool: np.ndarray, part: str) -> np.ndarray:
        return fair_order(pool, labels[pool], config.seed, part)[: wanted[part]]

    held_out = draw(long_enough, "held_out")
    search_attack = draw(np.setdiff1d(long_enough, held_out), "search_attack")
    rest = np.setdiff1d(free, np.concatenate([held_out, search_attack]))
    validation = draw(rest, "validation")
    distillation = np.setdiff1d(everything, np.concatenate([held_out, search_attack, validation]))
    return Parts(
        distillation=fair_order(distillation, labels[distillation], config.seed, "distillation"),
        validation=validation,
        search_attack=search_attack,
        held_out=held_out,
    )


def too_short(count: int, config: DataConfig) -> UserError:
    problem = f"only {count} sentences have {config.min_words} or more words."
    return UserError("data.min_words", problem, "Lower it, or provide more or longer sentences.")


def _one_of_each_class(rows: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """One row of each class that stays for distillation, however rare the class is."""
    order = fair_order(rows, labels, seed, "reserved")
    _, first = np.unique(labels[order], return_index=True)
    return order[first]
