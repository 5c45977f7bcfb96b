"""Labelled sentences from any source, in four disjoint parts.

The held-out attack set is not part of `Dataset`: it has a module of its own, `held_out`, which no search may import.
"""

from __future__ import annotations

import numpy as np

from rosearch_engine.config import DataConfig
from rosearch_engine.data.columns import Columns
from rosearch_engine.data.dataset import Dataset, Preview, Split
from rosearch_engine.data.rows import Prepared, divide, fingerprint, prepare, read, take

__all__ = ["Columns", "Dataset", "Preview", "Split", "column_names", "load", "preview"]


def load(config: DataConfig) -> Dataset:
    """Load, clean and divide a data set.

    Raises:
        UserError: naming the field (`data.name`, `data.text`, `data.label` …) and the remedy.
    """
    return _dataset(prepare(read(config), config), config)


def column_names(config: DataConfig) -> tuple[str, ...]:
    """The columns that a data set came with, for choosing among them.

    Raises:
        UserError: if it cannot be read.
    """
    return tuple(map(str, read(config).train.columns))


def preview(config: DataConfig, rows: int = 20) -> Preview:
    """A look at a data set before anything is started.

    Raises:
        UserError: as `load`.
    """
    table = read(config)
    prepared = prepare(table, config)
    dataset = _dataset(prepared, config)
    both = [part for part in (prepared.train, prepared.evaluation) if part is not None]
    labels = np.concatenate([part.labels for part in both])
    first = table.train.head(rows).astype(object).where(table.train.head(rows).notna(), "")
    return Preview(
        name=dataset.name,
        columns=dataset.columns,
        all_columns=tuple(map(str, table.train.columns)),
        rows=[{str(k): str(v) for k, v in row.items()} for row in first.to_dict("records")],
        classes=dataset.classes,
        balance={name: int((labels == i).sum()) for i, name in enumerate(dataset.classes)},
        sizes=dataset.counts,
        dropped=dataset.dropped,
        sample=prepared.train.texts[:rows],
        rows_in_all=len(table.train) + (0 if table.evaluation is None else len(table.evaluation)),
        warnings=prepared.warnings,
        fingerprint=dataset.fingerprint,
    )


def _dataset(prepared: Prepared, config: DataConfig) -> Dataset:
    parts, own = divide(prepared, config), prepared.evaluation
    named = {
        "distillation": take(prepared.train, parts.distillation),
        "validation": take(prepared.train, parts.validation),
        "search_attack": take(prepared.train, parts.search_attack),
    }
    held_out = len(parts.held_out) if own is None else min(config.held_out, len(own))
    return Dataset(
        name=prepared.name,
        classes=prepared.classes,
        columns=prepared.columns,
        fingerprint=fingerprint(prepared, config),
        **named,
        dropped=prepared.dropped,
        counts={**{name: len(part) for name, part in named.items()}, "held_out": held_out},
    )
