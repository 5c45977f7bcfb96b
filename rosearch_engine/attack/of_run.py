"""The attack that a run's settings name."""

from __future__ import annotations

from rosearch_engine.attack.protocol import swap_store_key
from rosearch_engine.attack.run import Attacker
from rosearch_engine.attack.swap_store import SwapStore
from rosearch_engine.config import AttackConfig
from rosearch_engine.resources import home


def attacker(config: AttackConfig, seed: int) -> Attacker:
    """The attack of these settings, with the store of swaps that all runs share."""
    return Attacker(
        config.recipe,
        config.query_budget,
        seed,
        config.level,
        faces=("calibrated", "raw"),
        one_swap=config.one_swap,
        seconds=config.seconds,
        swap_store=SwapStore(swap_store_key(config), home() / "candidates.db"),
    )
