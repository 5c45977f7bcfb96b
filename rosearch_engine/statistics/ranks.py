"""Rank correlation inside runs, alone or at equal controls.

Ranks are taken inside each run, so what sets whole runs apart (data, teacher, attack) is never read as an effect;
draws and shuffles stay inside runs for the same reason. Of one run it is Spearman's correlation (Spearman 1904).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from rosearch_engine.statistics.effect import Effect

# Of less than this share of its variance, left by the controls, nothing is said of a column.
_LEFT = 0.01
_DEGREE = 3  # of the fit on a control
_MANY = 300  # students from which on Student's t says of chance what shuffling says, and does not take seconds
_CHUNK = 2_000_000  # numbers worked on at a time


@dataclass(frozen=True)
class Effort:
    """How much chance is simulated.

    Attributes:
        draws: bootstrap samples for an interval.
        most: most students drawn, over all samples: where students are many, fewer samples do, at least 500.
        shuffles: permutations for a p value, which is at least 1 / (shuffles + 1); of many students none are needed.
        seed: seed of both.
    """

    draws: int = 2000
    most: int = 1_000_000
    shuffles: int = 9999
    seed: int = 0


class Ranks:
    """The ranks of some columns, as they are and in bootstrap samples of the students."""

    def __init__(
        self, columns: Mapping[str, np.ndarray], controls: Sequence[str], runs: np.ndarray, effort: Effort
    ) -> None:
        """Draw the samples.

        Args:
            columns: values `(students,)` by name.
            controls: names of the columns that may be held equal.
            runs: which run each student is of, `(students,)`, numbered from 0.
            effort: how much chance is simulated.
        """
        self._names, self._controls = list(columns), list(controls)
        self._effort = effort
        self._members = [np.flatnonzero(runs == run) for run in np.unique(runs)]
        self._levels = _Levels(list(columns.values()), runs)
        self._ranks = self._ranked(np.arange(len(runs))[None])[0]
        # Of matrices this small, threads wait for each other 40 times as long as one takes for all of them.
        with threadpool_limits(1, user_api="blas"):
            self._scatter = _scatter(self._ranks)
            self._drawn = np.concatenate([_scatter(self._ranked(drawn)) for drawn in self._draws()])

    def correlate(self, columns: Sequence[str], outcome: str, controls: Sequence[str] = ()) -> dict[str, Effect]:
        """Each column's correlation with the outcome; a column that has no variance of its own is not answered for.

        At equal controls it is Pearson's correlation of what a cubic fit on the controls' ranks leaves of the ranks: a
        straight line would leave much of a control behind that acts unevenly, and take it for the column's own.
        Intervals are 95% percentile intervals over students drawn with replacement and ranked anew (Efron 1979); they
        were tried beside a bootstrap of Fisher's z, and cover as well. p is by permutation of what is left of the
        outcome, two-sided (Freedman & Lane 1983): without controls the exact test, however many ranks are tied.
        """
        own, target = [self._names.index(name) for name in columns], self._names.index(outcome)
        held = [place for name in controls for place in self._fitted(name)]
        sizes, left = _partial(self._scatter, own, target, held)
        known = [int(place) for place in np.flatnonzero(left >= _LEFT)]
        if not known:
            return {}
        drawn, _ = _partial(self._drawn, [own[place] for place in known], target, held)
        bounds = np.nanpercentile(drawn, [2.5, 97.5], axis=0).T
        chances = self._chances([own[place] for place in known], target, held)
        return {
            columns[place]: Effect(float(sizes[place]), (float(low), float(high)), float(p))
            for place, (low, high), p in zip(known, bounds, chances, strict=True)
        }

    def _ranked(self, drawn: np.ndarray) -> np.ndarray:
        """The columns' ranks, then the higher powers of each control's, `(draws, columns, students)`."""
        ranks = self._levels.ranks(drawn)
        controls = ranks[:, [self._names.index(name) for name in self._controls]]
        powers = [controls**power for power in range(2, _DEGREE + 1)]
        for members in self._members:
            for power in powers:
                power[:, :, members] -= power[:, :, members].mean(axis=2, keepdims=True)
        return np.concatenate([ranks, *powers], axis=1)

    def _fitted(self, control: str) -> list[int]:
        """Where a control's ranks and their powers stand."""
        place = len(self._names) + self._controls.index(control)
        return [self._names.index(control), *(place + power * len(self._controls) for power in range(_DEGREE - 1))]

    def _draws(self) -> Iterator[np.ndarray]:
        """Bootstrap samples `(draws, students)`: each place holds a student of the run it belongs to."""
        rng, (columns, students) = np.random.default_rng(self._effort.seed), self._ranks.shape
        total = min(self._effort.draws, max(500, self._effort.most // students))
        for some in _chunks(total, columns * students):
            drawn = np.empty((some, students), dtype=np.intp)
            for members in self._members:
                drawn[:, members] = members[rng.integers(len(members), size=(some, len(members)))]
            yield drawn

    def _chances(self, columns: Sequence[int], outcome: int, held: Sequence[int]) -> np.ndarray:
        """How often shuffled residuals of the outcome go along with each column as closely, `(columns,)`.

        Of many students that is Student's t distribution (Pitman 1937), which then is asked instead.
        """
        basis = _basis(self._ranks[held])
        rest = self._ranks - self._ranks @ basis.T @ basis
        own, target = rest[columns] / np.linalg.norm(rest[columns], axis=1, keepdims=True), rest[outcome]
        found = np.abs(own @ target) / np.linalg.norm(target)
        if len(target) > _MANY:
            from scipy.stats import t as student_t  # most of a second to import

            degrees = len(target) - len(self._members) - len(basis) - 1
            surprise = student_t.sf(found * np.sqrt(degrees / np.maximum(1 - found**2, 1e-12)), degrees)
            return np.asarray(2 * surprise)
        rng = np.random.default_rng([self._effort.seed, 1])
        reached = np.zeros(len(columns))
        for some in _chunks(self._effort.shuffles, len(target)):
            shuffled = np.empty((some, len(target)))
            for members in self._members:
                shuffled[:, members] = rng.permuted(np.tile(target[members], (some, 1)), axis=1)
            # By chance the shuffled lean on the controls: their length counts without that part.
            lengths = np.sqrt(target @ target - ((shuffled @ basis.T) ** 2).sum(axis=1))
            reached += (np.abs(shuffled @ own.T) >= found * lengths[:, None] * (1 - 1e-9)).sum(axis=0)
        return (1 + reached) / (1 + self._effort.shuffles)


class _Levels:
    """Columns as levels, so that to rank a sample is to count how often each level was drawn, not to sort."""

    def __init__(self, columns: Sequence[np.ndarray], runs: np.ndarray) -> None:
        self._levels = [_dense(runs, column) for column in columns]
        sizes = np.bincount(runs)
        # A later run's levels lie above an earlier one's, so the earlier one's size is part of every rank.
        before = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._middle = (before + (sizes + 1) / 2)[runs]
        self._scale = (sizes + 1.0)[runs]

    def ranks(self, drawn: np.ndarray) -> np.ndarray:
        """Ranks inside runs, ties at their mean, centred, as shares of the run: `(draws, columns, students)`.

        Args:
            drawn: students by number, `(draws, students)`; each place holds a student of the run it belongs to.
        """
        ranks = np.empty((len(drawn), len(self._levels), drawn.shape[1]))
        for column, levels in enumerate(self._levels):
            ranks[:, column] = (_mid_ranks(levels[drawn]) - self._middle) / self._scale
        return ranks


def _dense(runs: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Levels from 0, ordered by run, then by value, `(students,)`."""
    _, level = np.unique(column, return_inverse=True)
    return np.unique(runs * (level.max() + 1) + level, return_inverse=True)[1]


def _mid_ranks(levels: np.ndarray) -> np.ndarray:
    """Ranks from 1 of `(draws, students)`, ties at their mean."""
    draws, most = len(levels), int(levels.max()) + 1
    counts = np.bincount((levels + most * np.arange(draws)[:, None]).ravel(), minlength=draws * most)
    counts = counts.reshape(draws, most)
    return np.take_along_axis(np.cumsum(counts, axis=1) - (counts - 1) / 2, levels, axis=1)


def _scatter(ranks: np.ndarray) -> np.ndarray:
    """Products of every two columns `(…, columns, columns)` of `(…, columns, students)`."""
    return np.asarray(ranks @ np.swapaxes(ranks, -2, -1))


def _basis(rows: np.ndarray) -> np.ndarray:
    """Orthonormal rows that span the same."""
    _, strengths, directions = np.linalg.svd(rows, full_matrices=False)
    return directions[strengths > 1e-9]


def _partial(
    scatter: np.ndarray, columns: Sequence[int], outcome: int, held: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Correlations `(…, columns)`, and the least share of variance that the controls leave of column and outcome."""
    chosen = [outcome, *columns]
    rest = scatter[..., chosen, :][..., chosen]
    whole = np.diagonal(rest, axis1=-2, axis2=-1)
    if held:
        across = scatter[..., held, :][..., chosen]
        inner = np.linalg.pinv(scatter[..., held, :][..., held], hermitian=True)
        rest = rest - np.swapaxes(across, -2, -1) @ inner @ across
    left = np.diagonal(rest, axis1=-2, axis2=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(whole > 0, left / whole, 0.0)
        least = np.minimum(shares[..., 1:], shares[..., :1])
        sizes = rest[..., 0, 1:] / np.sqrt(left[..., 1:] * left[..., :1])
    return np.where(least > 1e-9, np.clip(sizes, -1, 1), np.nan), least


def _chunks(total: int, width: int) -> Iterator[int]:
    """Sizes of the parts in which `total` rows of `width` numbers are worked on."""
    size = max(1, _CHUNK // width)
    for start in range(0, total, size):
        yield min(size, total - start)
