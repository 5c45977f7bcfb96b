"""Rank correlation inside runs, with or without controls.

Ranks are taken inside each run, so what sets whole runs apart (data, teacher, attack) is never read as an effect;
draws and shuffles stay inside runs for the same reason. With one run this is plain Spearman.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rosearch_engine.statistics.effect import Effect

# A column whose controls explain more than this share of its ranks' variance cannot be told from them.
_EXPLAINED = 0.99
_CHUNK = 2_000_000  # numbers worked on at a time


@dataclass(frozen=True)
class Effort:
    """How much chance is simulated.

    Attributes:
        draws: bootstrap samples for an interval.
        shuffles: permutations for a p value. The least p is 1 / (shuffles + 1).
        most: most students drawn over all samples; where students are many, fewer samples do.
        seed: seed of both.
    """

    draws: int = 2000
    shuffles: int = 9999
    most: int = 4_000_000
    seed: int = 0


def correlate(
    columns: np.ndarray, outcome: np.ndarray, controls: np.ndarray, runs: np.ndarray, effort: Effort
) -> list[Effect | None]:
    """Spearman's correlation (Spearman 1904) of each column with the outcome, given the controls.

    The partial correlation is Pearson's of what is left of the ranks after a linear fit on the controls' ranks.
    Intervals: 95% percentile bootstrap over students, ranked anew in each draw (Efron 1979). p: permutation of what is
    left of the outcome (Freedman & Lane 1983), two-sided; without controls the exact permutation test, ties or not.

    Args:
        columns: `(students, columns)`.
        outcome: `(students,)`.
        controls: `(students, controls)`, or with no columns.
        runs: which run each student is of, `(students,)`.
        effort: how much chance is simulated.

    Returns:
        One effect a column; None where the column, or the outcome, has no variance left.
    """
    rng = np.random.default_rng(effort.seed)
    held = controls.shape[1]
    table = _Table(np.column_stack([controls, outcome, columns]), runs)
    ranks = table.ranks(np.arange(len(runs))[None])[0]
    sizes, left = _partial(ranks.T @ ranks, held)
    known = np.flatnonzero(np.isfinite(sizes) & (left > 1 - _EXPLAINED))
    if not len(known):
        return [None] * columns.shape[1]
    drawn = np.concatenate([_partial(_products(ranks), held)[0] for ranks in table.draws(effort, rng)])
    low, high = np.nanpercentile(drawn[:, known], [2.5, 97.5], axis=0)
    chance = _chance(ranks, held, runs, effort, rng)
    effects: list[Effect | None] = [None] * columns.shape[1]
    for place, column in enumerate(known):
        interval = float(low[place]), float(high[place])
        effects[column] = Effect(float(sizes[column]), interval, float(chance[column]))
    return effects


class _Table:
    """Columns as levels, so that ranking a draw is counting how often each level was drawn, not sorting."""

    def __init__(self, values: np.ndarray, runs: np.ndarray) -> None:
        _, run = np.unique(runs, return_inverse=True)
        self._run, self._sizes = run, np.bincount(run)
        self._levels = [_dense(run, column) for column in values.T]

    def ranks(self, drawn: np.ndarray) -> np.ndarray:
        """Mid-ranks inside runs, centred and scaled by the run's size, `(draws, students, columns)`.

        Args:
            drawn: students by number, `(draws, students)`; each place holds a student of the same run as before.
        """
        # Levels of a later run are above those of an earlier one, whose size is so added to every rank.
        before = np.concatenate([[0], np.cumsum(self._sizes)[:-1]])
        middle = (before + (self._sizes + 1) / 2)[self._run]
        scale = (self._sizes + 1)[self._run]
        return np.stack([(_mid_ranks(levels[drawn]) - middle) / scale for levels in self._levels], axis=2)

    def draws(self, effort: Effort, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Ranks of bootstrap samples, some at a time."""
        n = len(self._run)
        total = min(effort.draws, max(500, effort.most // n))
        for some in _chunks(total, n * len(self._levels)):
            drawn = np.empty((some, n), dtype=np.intp)
            for members in _members(self._run):
                drawn[:, members] = members[rng.integers(len(members), size=(some, len(members)))]
            yield self.ranks(drawn)


def _dense(run: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Levels from 0, ordered by run, then by value, `(students,)`."""
    _, level = np.unique(column, return_inverse=True)
    return np.unique(run * (level.max() + 1) + level, return_inverse=True)[1]


def _mid_ranks(levels: np.ndarray) -> np.ndarray:
    """Ranks from 1 of `(draws, students)`, ties at their mean."""
    draws, most = len(levels), levels.max() + 1
    counts = np.bincount((levels + most * np.arange(draws)[:, None]).ravel(), minlength=draws * most)
    counts = counts.reshape(draws, most)
    return np.take_along_axis(np.cumsum(counts, axis=1) - (counts - 1) / 2, levels, axis=1)


def _products(ranks: np.ndarray) -> np.ndarray:
    """Scatter matrices `(draws, columns, columns)` of `(draws, students, columns)`."""
    return ranks.transpose(0, 2, 1) @ ranks


def _partial(scatter: np.ndarray, held: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlations `(…, columns)` with the outcome given the controls, and the share of variance that they leave.

    Args:
        scatter: `(…, v, v)` of the controls, the outcome and the columns, in this order.
        held: how many controls there are.
    """
    own = np.diagonal(scatter, axis1=-2, axis2=-1)[..., held:]
    rest = scatter[..., held:, held:]
    if held:
        across = scatter[..., :held, held:]
        fit = np.linalg.pinv(scatter[..., :held, :held], hermitian=True) @ across
        rest = rest - np.swapaxes(across, -2, -1) @ fit
    left = np.diagonal(rest, axis1=-2, axis2=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(own > 0, left / own, 0.0)
        sound = (share[..., 1:] > 1e-9) & (share[..., :1] > 1e-9)
        sizes = np.where(sound, rest[..., 0, 1:] / np.sqrt(left[..., :1] * left[..., 1:]), np.nan)
    return np.clip(sizes, -1, 1), np.minimum(share[..., 1:], share[..., :1])


def _chance(ranks: np.ndarray, held: int, runs: np.ndarray, effort: Effort, rng: np.random.Generator) -> np.ndarray:
    """How often shuffled residuals of the outcome correlate with each column as strongly, `(columns,)`."""
    directions, strengths, _ = np.linalg.svd(ranks[:, :held], full_matrices=False)
    basis = directions[:, strengths > 1e-9]
    rest = ranks[:, held:] - basis @ (basis.T @ ranks[:, held:])
    outcome, columns = rest[:, 0], rest[:, 1:]
    columns = columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-12)
    found = np.abs(outcome @ columns) / np.linalg.norm(outcome)
    reached = np.zeros(columns.shape[1])
    members = list(_members(runs))
    for some in _chunks(effort.shuffles, len(outcome)):
        shuffled = np.empty((some, len(outcome)))
        for ones in members:
            shuffled[:, ones] = rng.permuted(np.tile(outcome[ones], (some, 1)), axis=1)
        # Shuffled residuals lean on the controls by chance: that part is taken out again.
        lengths = np.sqrt((outcome**2).sum() - ((shuffled @ basis) ** 2).sum(axis=1))
        reached += (np.abs(shuffled @ columns) >= found * lengths[:, None] * (1 - 1e-9)).sum(axis=0)
    return (1 + reached) / (1 + effort.shuffles)


def _members(runs: np.ndarray) -> Iterator[np.ndarray]:
    for run in np.unique(runs):
        yield np.flatnonzero(runs == run)


def _chunks(total: int, width: int) -> Iterator[int]:
    """Sizes of the parts in which `total` rows of `width` numbers are worked on."""
    size = max(1, _CHUNK // width)
    for start in range(0, total, size):
        yield min(size, total - start)
