"""The held-out attack set. Only `rescore` may import this module; the import rules in pyproject.toml see to it."""

from __future__ import annotations

import numpy as np

from rosearch_engine.config import DataConfig
from rosearch_engine.data import rows, split
from rosearch_engine.data.dataset import Split


def load_held_out(config: DataConfig) -> Split:
    """The attack set that no search sees; every beginning of it is a fair sample of the classes.

    Raises:
        UserError: as `rosearch_engine.data.load`.
    """
    prepared = rows.prepare(rows.read(config), config)
    own = prepared.evaluation
    if own is None:
        return rows.take(prepared.train, rows.divide(prepared, config).held_out)
    order = split.fair_order(np.arange(len(own)), own.labels, config.seed, "held_out")
    return rows.take(own, order[: config.held_out])
