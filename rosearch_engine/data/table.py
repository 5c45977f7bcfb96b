"""A labelled table from any source, before its columns are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class Table:
    """Rows of a source.

    Attributes:
        name: how the source is called, without the folders of this machine.
        train: rows to split; the index is the row number in the source.
        evaluation: rows of the source's own labelled evaluation split, or None.
        class_names: for columns whose integers have names: the names in order (-1 means unlabelled).
    """

    name: str
    train: pd.DataFrame
    evaluation: pd.DataFrame | None = None
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
