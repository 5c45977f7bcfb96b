"""Architecture against robustness. Nothing here imports torch."""

from rosearch_engine.statistics.effect import Effect
from rosearch_engine.statistics.ranks import Effort
from rosearch_engine.statistics.study import Statistics, is_bag, statistics
from rosearch_engine.statistics.words import FEWEST, LINEAGE, NOTHING, OUTCOMES, Association, Operation, words_of

__all__ = [
    "FEWEST",
    "LINEAGE",
    "NOTHING",
    "OUTCOMES",
    "Association",
    "Effect",
    "Effort",
    "Operation",
    "Statistics",
    "is_bag",
    "statistics",
    "words_of",
]
