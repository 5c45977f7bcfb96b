"""A small model that a person can read: does the architecture foretell an outcome at all?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rosearch_engine.statistics.effect import Effect

DEPTH = 2
FOLDS, REPEATS = 5, 10  # a run needs as many students as there are folds
_LEAST = 5  # students of a leaf


@dataclass(frozen=True)
class Leaf:
    """Students that the tree takes for alike.

    Attributes:
        where: (feature, "at most" or "above", bound), from the root on.
        n: how many they are.
        mean: their mean outcome, less their runs' means.
    """

    where: tuple[tuple[str, str, float], ...]
    n: int
    mean: float


@dataclass(frozen=True)
class Tree:
    """A regression tree of depth `DEPTH` beside the guess that all students of a run are alike.

    Attributes:
        error: root mean squared error in cross-validation.
        mean_error: the same of always guessing the run's mean.
        explained: share of the mean's squared error that the tree saves in cross-validation; below 0 it is worse.
        leaves: of the tree fitted to all students.
    """

    error: float
    mean_error: float
    explained: Effect
    leaves: tuple[Leaf, ...]


def fit_tree(names: Sequence[str], columns: np.ndarray, outcome: np.ndarray, runs: np.ndarray, seed: int) -> Tree:
    """Fit a tree (Breiman et al. 1984) and measure it by repeated k-fold cross-validation, folds even over runs.

    Args:
        names: of the columns.
        columns: `(students, columns)`.
        outcome: `(students,)`, not all alike.
        runs: which run each student is of, `(students,)`, at least `FOLDS` of each.
        seed: seed of the folds.
    """
    from sklearn.model_selection import RepeatedStratifiedKFold  # seconds to import

    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=seed)
    errors = []
    for train, test in folds.split(columns, runs):
        rest = outcome - _run_means(outcome[train], runs[train], runs)
        foretold = _grow(columns[train], rest[train]).predict(columns[test])
        errors.append([(rest[test] ** 2).mean(), ((rest[test] - foretold) ** 2).mean()])
    of_mean, of_tree = np.array(errors).T
    grown = _grow(columns, outcome - _run_means(outcome, runs, runs))
    return Tree(
        float(np.sqrt(of_tree.mean())),
        float(np.sqrt(of_mean.mean())),
        _saved(of_mean, of_tree),
        tuple(_leaves(grown.tree_, names, columns)),
    )


def _grow(columns: np.ndarray, outcome: np.ndarray) -> Any:
    from sklearn.tree import DecisionTreeRegressor

    return DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=_LEAST, random_state=0).fit(columns, outcome)


def _run_means(outcome: np.ndarray, known: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Mean outcome of each student's run over the students that are known."""
    means = np.empty(len(runs))
    for run in np.unique(runs):
        means[runs == run] = outcome[known == run].mean()
    return means


def _saved(of_mean: np.ndarray, of_tree: np.ndarray) -> Effect:
    """The share of the squared error saved, by the corrected resampled t-test (Nadeau & Bengio 2003), two-sided.

    Its variance allows for training parts that overlap from fold to fold.
    """
    from scipy.stats import t as student_t  # most of a second to import

    saved = (of_mean - of_tree) / of_mean.mean()
    error = float(np.sqrt(saved.var(ddof=1) * (1 / len(saved) + 1 / (FOLDS - 1))))
    size = float(saved.mean())
    if error == 0:
        return Effect(size, (size, size), 1.0)
    reach = float(student_t.ppf(0.975, len(saved) - 1)) * error
    p = 2 * float(student_t.sf(abs(size) / error, len(saved) - 1))
    return Effect(size, (size - reach, size + reach), p)


def _leaves(tree: Any, names: Sequence[str], columns: np.ndarray) -> Iterator[Leaf]:
    """Leaves of scikit-learn's arrays, those of low outcomes and high ones as they lie."""

    def below(node: int, where: tuple[tuple[str, str, float], ...]) -> Iterator[Leaf]:
        left, right, column = tree.children_left[node], tree.children_right[node], tree.feature[node]
        if left == right:
            yield Leaf(where, int(tree.n_node_samples[node]), float(tree.value[node].ravel()[0]))
            return
        bound = float(tree.threshold[node])
        if (columns[:, column] == np.round(columns[:, column])).all():
            bound = float(np.floor(bound))
        yield from below(left, (*where, (names[column], "at most", bound)))
        yield from below(right, (*where, (names[column], "above", bound)))

    return below(0, ())
