"""Architecture against robustness: by hand, as scipy finds it, and what is said of noise, causes and go-betweens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rosearch_engine.config import RunConfig, SpaceConfig
from rosearch_engine.genome import Genome, Node, Space, cost
from rosearch_engine.genome.features import features, words
from rosearch_engine.genome.operators import sample
from rosearch_engine.rescore import figures
from rosearch_engine.search import evaluate
from rosearch_engine.statistics import FEWEST, LINEAGE, NOTHING, OUTCOMES, Effort, statistics, words_of
from rosearch_engine.statistics.effect import LEVEL, Effect, corrected
from rosearch_engine.statistics.groups import Box, cliffs_delta
from rosearch_engine.statistics.ranks import Ranks, _mid_ranks
from rosearch_engine.statistics.tree import _saved, fit_tree
from rosearch_engine.store import Store
from rosearch_engine.store.rows import ProtocolRow
from tests.conftest import rosearch, spearman_interval
from tests.property.strategies import FRAME

SPACE = Space.of(SpaceConfig(codes=("plain", "synonyms", "characters", "both")), FRAME)
QUICK = Effort(draws=500, shuffles=1999)
ATTACKED = 400
Measure = Callable[[dict[str, float], np.random.Generator], tuple[float, float]]


def noise(features: dict[str, float], rng: np.random.Generator) -> tuple[float, float]:
    return 0.3 + 0.1 * rng.normal(), 0.8 + 0.02 * rng.normal()


def student(own: dict[str, float], robustness: float, accuracy: float, rng: np.random.Generator) -> dict[str, Any]:
    """A measured student of these features; its gap is noise."""
    held = int(np.clip(round(ATTACKED * robustness), 0, ATTACKED))
    return {
        "status": "done",
        "features": own,
        "parents": [],
        "robustness": held / ATTACKED,
        "accuracy": accuracy,
        "calibrated_held": held,
        "raw_held": held + int(rng.integers(-9, 10)),
        "attacked": ATTACKED,
        "weights": own["width"] * 30_000 + rng.integers(100_000),
        "flops": own["width"] * 10_000 + rng.integers(100_000),
    }


def students(n: int, seed: int, measure: Measure = noise, names: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Students of random architectures; features outside `names`, if any are named, are the same for all."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        own = features(sample(SPACE, rng))
        own = own | {name: 1.0 for name in own if names and name not in names}
        rows.append(student(own, *measure(own, rng), rng))
    return rows


def one_run(columns: dict[str, Any], effort: Effort = QUICK) -> Ranks:
    arrays = {name: np.asarray(values, dtype=float) for name, values in columns.items()}
    return Ranks(arrays, list(arrays), np.zeros(len(next(iter(arrays.values()))), dtype=int), effort)


def effect_of(what: dict[str, Any], feature: str, outcome: str = "robustness") -> dict[str, Any]:
    (row,) = [row for row in what["associations"] if (row["feature"], row["outcome"]) == (feature, outcome)]
    return row


# Ranks


@given(st.lists(st.lists(st.integers(0, 5), min_size=7, max_size=7), min_size=1, max_size=4))
def test_mid_ranks_are_scipys(rows: list[list[int]]) -> None:
    levels = np.array(rows)
    assert _mid_ranks(levels) == pytest.approx(stats.rankdata(levels, axis=1))


def test_spearman_interval_and_p_are_scipys() -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(4, size=40)
    y = np.round(x + 1.5 * rng.normal(size=40), 1)
    effect = one_run({"x": x, "y": y}, Effort()).correlate(["x"], "y")["x"]
    theirs = stats.spearmanr(x, y)
    assert effect.size == pytest.approx(theirs.statistic)
    assert effect.interval == pytest.approx(spearman_interval(x, y, 1500), abs=0.04)


def test_p_is_the_share_of_all_orders_that_go_along_as_closely() -> None:
    x, y = np.array([0, 0, 1, 1, 1, 2, 3.0]), np.array([0.1, 0.1, 0.1, 0.4, 0.2, 0.3, 0.9])
    ranks = stats.rankdata(x)
    found = abs(np.corrcoef(ranks, stats.rankdata(y))[0, 1])
    every = [abs(np.corrcoef(ranks, order)[0, 1]) for order in permutations(stats.rankdata(y))]
    exact = np.mean(np.array(every) >= found - 1e-9)
    p = one_run({"x": x, "y": y}, Effort(draws=100)).correlate(["x"], "y")["x"].p
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact / 10_000))


@pytest.mark.parametrize("controls", [[], ["z"]])
@pytest.mark.parametrize("n", [320, 1200])
def test_of_many_students_p_is_what_shuffling_says(
    n: int, controls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, runs = np.random.default_rng(8), np.repeat([0, 1], n // 2)
    z, y = rng.integers(4, size=n).astype(float), rng.normal(size=n)
    columns = {f"x{i}": share * y + z + rng.normal(size=n) for i, share in enumerate([0.0, 0.02, 0.05, 0.08])}
    columns |= {"y": y + z + 3 * runs, "z": z}
    many = Ranks(columns, ["z"], runs, QUICK).correlate(["x0", "x1", "x2", "x3"], "y", controls)
    monkeypatch.setattr("rosearch_engine.statistics.ranks._MANY", 10**9)
    effort = Effort(draws=10, shuffles=9999)
    shuffled = Ranks(columns, ["z"], runs, effort).correlate(["x0", "x1", "x2", "x3"], "y", controls)
    for name, effect in many.items():
        p = shuffled[name].p
        assert effect.p == pytest.approx(p, abs=5 * np.sqrt(max(p, 1e-4) / 10_000) + 0.003), name


def test_at_equal_controls_it_is_the_correlation_of_what_a_cubic_fit_leaves() -> None:
    rng = np.random.default_rng(5)
    z, v = rng.normal(size=40), rng.integers(5, size=40)
    x, y = z + rng.normal(size=40), z - v + rng.normal(size=40)
    powers = [stats.rankdata(column) ** power for column in (z, v) for power in (1, 2, 3)]
    fit = np.column_stack([np.ones(40), *powers])
    left = []
    for column in (x, y):
        ranks = stats.rankdata(column)
        left.append(ranks - fit @ np.linalg.lstsq(fit, ranks, rcond=None)[0])
    effect = one_run({"x": x, "y": y, "z": z, "v": v}).correlate(["x"], "y", ["z", "v"])["x"]
    assert effect.size == pytest.approx(np.corrcoef(*left)[0, 1])
    assert effect.interval[0] < effect.size < effect.interval[1]


def test_a_control_that_never_varies_changes_nothing_and_a_column_is_no_control_of_itself() -> None:
    rng = np.random.default_rng(6)
    ranks = one_run({"x": rng.normal(size=25), "y": rng.normal(size=25), "same": np.ones(25)})
    alone, held = ranks.correlate(["x"], "y")["x"], ranks.correlate(["x"], "y", ["same"])["x"]
    assert held.size == pytest.approx(alone.size)
    assert held.interval == pytest.approx(alone.interval)
    assert held.p == alone.p
    assert ranks.correlate(["x", "same"], "y", ["x"]) == {}


def test_what_sets_runs_apart_is_no_effect() -> None:
    rng = np.random.default_rng(7)
    runs = np.repeat([0, 1, 2], 20)
    x, y = rng.normal(size=60), rng.normal(size=60)
    alike = Ranks({"x": x, "y": y}, [], runs, QUICK).correlate(["x"], "y")["x"]
    apart = Ranks({"x": x + 9 * runs, "y": y - 5 * runs}, [], runs, QUICK).correlate(["x"], "y")["x"]
    assert apart == alike
    assert abs(alike.size) < 0.3
    assert stats.spearmanr(x + 9 * runs, y - 5 * runs).statistic < -0.8


def test_an_effect_inside_runs_is_seen_through_what_sets_them_apart() -> None:
    rng = np.random.default_rng(8)
    runs = np.repeat([0, 1, 2], 20)
    x = rng.normal(size=60)
    effect = Ranks({"x": x - 9 * runs, "y": x + 5 * runs}, [], runs, QUICK).correlate(["x"], "y")["x"]
    assert effect.size == pytest.approx(1)
    assert effect.p == 1 / 2000


# Groups


def test_the_five_numbers_of_a_box() -> None:
    assert Box.of(np.array([5.0, 1, 2, 4, 3])) == Box(5, 1, 2, 3, 4, 5)
    assert Box.of(np.array([])) is None


def test_cliffs_delta_is_what_the_rank_sum_says() -> None:
    rng = np.random.default_rng(9)
    values = np.round(rng.normal(size=50), 1)
    member = rng.random(50) < 0.4
    found = cliffs_delta(values, member, np.zeros(50))
    assert found
    u = stats.mannwhitneyu(values[member], values[~member]).statistic
    assert found[0] == pytest.approx(2 * u / (member.sum() * (~member).sum()) - 1)
    assert -1 <= found[1][0] < found[0] < found[1][1] <= 1
    mirrored = cliffs_delta(-values, member, np.zeros(50))
    assert mirrored
    assert mirrored[1] == pytest.approx((-found[1][1], -found[1][0]))


def test_cliffs_delta_pairs_students_of_one_run_only() -> None:
    values = np.array([1.0, 2, 0, 3, 11, 12, 10, 13])
    member = np.array([True, True, False, False] * 2)
    runs = np.repeat([0, 1], 4)
    found = cliffs_delta(values, member, runs)
    assert found
    assert found[0] == 0
    assert found == cliffs_delta(values - 10 * runs, member, runs)
    assert cliffs_delta(values, runs == 0, runs) is None


def test_groups_that_do_not_overlap_have_an_interval_all_the_same() -> None:
    values, member = np.arange(12.0), np.arange(12) >= 7
    found = cliffs_delta(values, member, np.zeros(12))
    assert found
    assert found[0] == 1
    assert found[1] == pytest.approx(((5 - 3.8415) / (5 + 3.8415), 1), abs=1e-4)


def test_cliffs_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(10)
    truth = 2 * stats.norm.cdf(0.8 / np.sqrt(2)) - 1
    member = np.arange(30) < 10
    held = 0
    for _ in range(400):
        found = cliffs_delta(rng.normal(size=30) + 0.8 * member, member, np.zeros(30))
        assert found
        held += found[1][0] <= truth <= found[1][1]
    assert 0.91 <= held / 400 <= 0.99


# The tree


def test_a_tree_finds_a_step_and_says_where_it_is() -> None:
    rng = np.random.default_rng(11)
    columns = rng.integers(4, size=(60, 3)).astype(float)
    outcome = 0.3 + 0.2 * (columns[:, 1] > 1) + 0.02 * rng.normal(size=60)
    tree = fit_tree(("a", "b", "c"), columns, outcome, np.zeros(60, dtype=int), 0)
    assert tree.error < 0.04 < 0.09 < tree.mean_error
    assert tree.explained.size > 0.8
    assert tree.explained.p < 1e-6
    assert {leaf.where[0] for leaf in tree.leaves} == {("b", "at most", 1.0), ("b", "above", 1.0)}
    assert sum(leaf.n for leaf in tree.leaves) == 60
    assert sum(leaf.n * leaf.mean for leaf in tree.leaves) == pytest.approx(0, abs=1e-9)


def test_a_tree_of_noise_is_no_better_than_the_mean_and_a_runs_level_no_merit() -> None:
    rng = np.random.default_rng(12)
    runs = np.repeat([0, 1], 30)
    columns = rng.normal(size=(60, 5)) + runs[:, None]
    tree = fit_tree(tuple("abcde"), columns, 0.4 * runs + 0.05 * rng.normal(size=60), runs, 0)
    assert tree.mean_error == pytest.approx(0.05, abs=0.015)
    assert tree.explained.size < 0


def test_the_trees_merit_allows_for_folds_that_overlap() -> None:
    of_mean, of_tree = np.array([4.0, 4, 4, 4]), np.array([1.0, 2, 3, 2])
    effect = _saved(of_mean, of_tree)
    # Of 2 / 4 saved, with a variance of (2 / 3) / 16 times 1 / 4 for the folds and 1 / 4 for test by training part.
    error = np.sqrt(2 / 3 / 16 * (1 / 4 + 1 / 4))
    assert effect.size == pytest.approx(0.5)
    assert effect.p == pytest.approx(2 * stats.t.sf(0.5 / error, 3))
    assert effect.interval == pytest.approx(stats.t.interval(0.95, 3, 0.5, error))
    assert _saved(of_mean, of_mean) == Effect(0, (0, 0), 1)


# The correction


def test_the_correction_is_benjamini_and_hochbergs() -> None:
    effects = {name: Effect(0.5, (0.1, 0.9), p) for name, p in zip("abcd", (0.01, 0.04, 0.025, 0.9), strict=True)}
    adjusted = corrected(effects)
    assert [effect.q for effect in adjusted.values()] == pytest.approx([0.04, 0.16 / 3, 0.05, 0.9])
    assert [effect.found for effect in adjusted.values()] == [True, False, True, False]
    assert corrected({}) == {}


def test_an_interval_that_holds_zero_is_no_finding() -> None:
    assert not corrected({"a": Effect(0.3, (-0.1, 0.6), 0.001)})["a"].found
    assert corrected({"a": Effect(-0.3, (-0.6, -0.1), 0.001)})["a"].found


# All of it


@pytest.mark.slow
def test_of_noise_there_are_findings_about_as_often_as_the_level_says() -> None:
    few = ("width", "rank", "n_conv3", "code_synonyms", "edges")
    said = [statistics(students(30, 100 + seed, names=few), QUICK) for seed in range(60)]
    assert {what["questions"] for what in said} == {41}
    # At a level of 5%, nine of 60 or more would come about once in three hundred times.
    assert sum(bool(what["findings"]) for what in said) <= 8
    assert all((what["conclusion"] == NOTHING) == (not what["findings"]) for what in said)
    # Nor are the p values stricter than they say: about a twentieth of them is below a twentieth.
    for kind in ("spearman", "partial"):
        ps = [row[kind]["p"] for what in said for row in what["associations"] if row[kind]]
        assert 0.025 < np.mean(np.array(ps) < LEVEL) < 0.075


def test_planted_causes_are_found_and_said() -> None:
    def caused(own: dict[str, float], rng: np.random.Generator) -> tuple[float, float]:
        return 0.2 + 0.15 * own["code_synonyms"] - 0.06 * own["n_conv3"] + 0.03 * rng.normal(), noise(own, rng)[1]

    for seed in range(3):
        what = statistics(students(80, seed, caused))
        ties, conv = effect_of(what, "code_synonyms"), effect_of(what, "n_conv3")
        assert ties["spearman"]["found"]
        assert ties["partial"]["found"]
        assert ties["spearman"]["size"] > 0.5
        assert conv["spearman"]["size"] < 0
        assert ties["controls"] == ("accuracy", "weights")
        assert what["model"]["explained"]["found"]
        assert any("code ties synonyms above 0" in rule for rule in what["model_rules"])
        says = [finding["says"] for finding in what["findings"] if finding["what"] == "code_synonyms"]
        low, high = ties["spearman"]["interval"]
        assert says[0].startswith(
            "Students with an input code that ties synonyms are more robust: Spearman "
            f"{ties['spearman']['size']:.2f} (95% {low:.2f} to {high:.2f}), n = 80; "
            "controlling for accuracy and parameters"
        )
        assert what["conclusion"] == f"{len(what['findings'])} findings from {what['questions']} tests."


def test_a_feature_that_acts_through_accuracy_alone_has_nothing_left_at_equal_accuracy() -> None:
    def through(own: dict[str, float], rng: np.random.Generator) -> tuple[float, float]:
        accuracy = 0.7 + 0.03 * own["code_synonyms"] + 0.01 * rng.normal()
        return 3 * accuracy - 1.9 + 0.02 * rng.normal(), accuracy

    alone, partial = [], []
    for seed in range(4):
        row = effect_of(statistics(students(100, seed, through), QUICK), "code_synonyms")
        alone.append(row["spearman"])
        partial.append(row["partial"])
    assert all(effect["found"] and effect["size"] > 0.5 for effect in alone)
    assert abs(np.mean([effect["size"] for effect in partial])) < 0.15
    assert sum(effect["found"] for effect in partial) <= 1


def test_a_side_effect_is_seen_by_operation() -> None:
    def caused(own: dict[str, float], rng: np.random.Generator) -> tuple[float, float]:
        return 0.2 + 0.2 * (own["n_attention"] > 0) + 0.03 * rng.normal(), noise(own, rng)[1]

    rows = students(60, 4, caused)
    what = statistics(rows, QUICK)
    (attention,) = [row for row in what["operations"] if row["operation"] == "attention"]
    has = np.array([row["features"]["n_attention"] > 0 for row in rows])
    held = np.array([row["robustness"] for row in rows])
    assert (attention["present"]["n"], attention["absent"]["n"]) == (has.sum(), (~has).sum())
    assert attention["present"]["median"] == np.median(held[has])
    assert attention["absent"]["least"] == held[~has].min()
    assert attention["delta"]["found"]
    assert attention["delta"]["size"] > 0.9
    sentence = "Students with attention-only nodes are more robust than those without: Cliff's delta "
    assert any(finding["says"].startswith(sentence) for finding in what["findings"])


def test_too_few_students_have_boxes_and_no_conclusion() -> None:
    rows = students(FEWEST - 1, 0, lambda own, rng: (0.2 + 0.1 * own["n_conv3"], 0.8))
    what = statistics(rows, QUICK)
    assert (what["n"], what["questions"], what["associations"], what["model"]) == (FEWEST - 1, 0, (), None)
    assert (what["findings"], what["conclusion"]) == ((), NOTHING)
    assert what["operations"][0]["present"]["n"] > 0
    assert what["operations"][0]["delta"] is None
    assert str(FEWEST) in what["notes"][0]
    nobody = statistics([])
    assert (nobody["n"], nobody["runs"], nobody["conclusion"]) == (0, 0, NOTHING)
    assert {row["present"] for row in nobody["operations"]} == {None}


def test_students_stopped_on_a_lower_rung_and_failed_ones_are_left_out() -> None:
    rows = students(25, 1)
    pruned = [row | {"status": "pruned", "robustness": 1.0} for row in students(10, 2)]
    failed = dict.fromkeys(rows[0]) | {"status": "failed"}
    assert statistics([*pruned, *rows, failed], QUICK) == statistics(rows, QUICK)


def test_runs_side_by_side() -> None:
    weak = [row | {"run_id": 7, "robustness": row["robustness"] / 10} for row in students(20, 1)]
    strong = [row | {"run_id": 9} for row in students(20, 2)]
    alone = [row | {"run_id": 11} for row in students(4, 3)]
    what = statistics([*weak, *strong, *alone], QUICK)
    assert (what["n"], what["runs"]) == (40, 2)
    assert what["notes"] == ()


def test_an_architecture_that_two_runs_tried_counts_once() -> None:
    rows = [row | {"run_id": 1, "digest": str(number)} for number, row in enumerate(students(25, 3))]
    again = [row | {"run_id": 2} for row in rows]
    assert statistics([*rows, *again], QUICK) == statistics(rows, QUICK)
    others = [row | {"run_id": 2, "digest": f"other {number}"} for number, row in enumerate(students(6, 4))]
    assert statistics([*rows, *again[:4], *others], QUICK)["n"] == 31


def test_findings_on_robustness_come_first() -> None:
    def caused(own: dict[str, float], rng: np.random.Generator) -> tuple[float, float]:
        return 0.2 + 0.1 * own["code_synonyms"] + 0.06 * rng.normal(), 0.8 + 0.1 * own["gates"] + 0.01 * rng.normal()

    findings = statistics(students(60, 8, caused), QUICK)["findings"]
    assert {"robustness", "accuracy"} <= {finding["outcome"] for finding in findings}
    assert [f["outcome"] for f in findings] == sorted((f["outcome"] for f in findings), key=list(OUTCOMES).index)


def test_features_and_outcomes_that_hardly_vary_are_left_out_and_named() -> None:
    rows = students(30, 3)
    for number, row in enumerate(rows):
        row["features"] = row["features"] | {"width": 64.0, "rank": 32.0 if number % 8 else 64.0}
        row["raw_held"] = None if number == 5 else row["raw_held"]
    what = statistics(rows, QUICK)
    genes = {"kappa", "bound", "context_free", "context_bounded", "context_invariant"}  # that these do not search
    assert set(what["left_out"]) == {"width", "rank", "gap"} | genes
    assert {"width", "rank"}.isdisjoint(row["feature"] for row in what["associations"])
    assert {row["outcome"] for row in what["associations"]} == {"robustness", "accuracy"}


def test_size_is_not_held_equal_to_itself_nor_accuracy_to_accuracy() -> None:
    what = statistics(students(30, 4), QUICK)
    assert effect_of(what, "weights")["partial"] is None
    assert effect_of(what, "rank")["partial"] is not None
    assert effect_of(what, "rank", "accuracy")["controls"] == ("weights",)


def test_a_run_that_does_not_inherit_has_no_inherited_operations() -> None:
    rows = students(25, 5)
    assert "inherited" not in statistics(rows, QUICK)["left_out"]
    assert "inherited" in statistics([row | {"inherit": False} for row in rows], QUICK)["left_out"]


def test_evolved_students_come_with_a_warning() -> None:
    rows = students(25, 6)
    assert statistics(rows, QUICK)["notes"] == ()
    rows[20]["parents"] = [1, 2]
    what = statistics(rows, QUICK)
    assert what["descended"] == 1
    assert what["notes"] == (LINEAGE,)


def test_the_same_students_give_the_same_figures_in_plain_json() -> None:
    first, second = (statistics(students(25, 7), QUICK) for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(second)


# Features


def test_features_by_hand() -> None:
    genome = Genome.of(
        width=64,
        rank=16,
        pooling="mean",
        merge="gates",
        code="both",
        nodes=[
            Node("transformer", 4, 128, "gelu", 2),
            Node("conv3", activation="relu", teacher_layer=2),
            Node("attention", 8, teacher_layer=5),
            Node("identity"),
        ],
        edges=[(0, 1), (1, 2), (2, 3), (3, 5), (0, 4), (4, 5)],
        context="bounded",
        bound=0.5,
        kappa=0.25,
    )
    assert features(genome) == {
        "nodes": 4,
        "edges": 6,
        "density": 6 / 15,
        "longest_path": 3,
        "shortest_path": 1,
        "breadth": 2,
        "width": 64,
        "rank": 16,
        "mean_heads": 6,
        "mean_feed_forward": 128,
        "teacher_layers": 2,
        "mean_teacher_layer": 3,
        "inherited": 2 / 3,
        "gates": 1,
        "kappa": 0.25,
        "context_free": 0,
        "context_bounded": 1,
        "context_invariant": 0,
        "bound": 0.5,
        "code_synonyms": 1,
        "code_characters": 1,
        "n_transformer": 1,
        "n_attention": 1,
        "n_feed_forward": 0,
        "n_conv3": 1,
        "n_conv5": 0,
        "n_identity": 1,
    }
    assert set(words()) == set(features(genome))
    assert words_of("weights").more == "more parameters"
    assert words_of("unheard_of").more == "more unheard_of"


# Its place


def test_the_standard_librarys_statistics_keep_their_name() -> None:
    for module in (figures, evaluate):
        assert Path(module.statistics.__file__).name == "statistics.py"
        assert module.statistics.mean([1, 2]) == 1.5


def test_importing_it_brings_neither_torch_nor_scikit_learn() -> None:
    words = "import sys, rosearch_engine.statistics as s; print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "[]", ended.stderr


# The command


@pytest.fixture
def stored(home: Path) -> tuple[str, str]:
    """Two runs of 24 students each, whose robustness grows with the rank of their word table."""
    store = Store.write()
    rng = np.random.default_rng(0)
    for name in ("first", "second"):
        run_id = store.create_run(name, RunConfig())
        for number in range(24):
            genome = sample(SPACE, rng)
            held = int(np.clip(genome.rank + rng.integers(-8, 9), 0, 200))
            row = store.add_candidate(
                run_id, number, genome, cost(genome, FRAME), origin="sample", parents=(), change="", asked_after=number
            )
            store.finish_candidate(
                row["id"],
                number,
                weights_file=None,
                latency_ms=1.0,
                training={},
                seconds={},
                measurements=[
                    {
                        "seed": 1,
                        "protocol": cast(ProtocolRow, {"recipe": "pwws"}),
                        "accuracy": round(float(0.8 + 0.02 * rng.normal()), 3),
                        "accuracy_n": 1000,
                        "robustness": held / 200,
                        "held": held,
                        "attacked": 200,
                        "calibrated_held": held,
                        "raw_held": held + int(rng.integers(5)),
                        "one_swap_held": None,
                        "certified": None,
                        "success_rate": 0.5,
                        "mean_queries": 100.0,
                        "temperature": 1.0,
                    }
                ],
                examples=[],
            )
    store.close()
    return "first", "second"


def test_report_tells_the_statistics_when_asked(stored: tuple[str, str]) -> None:
    first, second = stored
    assert "statistics" not in rosearch("report", first, "--json").json
    what = rosearch("report", first, "--statistics", "--json").json["statistics"]
    assert (what["of"], what["n"], what["runs"]) == ([first], 24, 1)
    both = rosearch("report", first, "--with", f"{second},{first}", "--json").json["statistics"]
    assert (both["of"], both["n"], both["runs"]) == ([first, second], 48, 2)
    assert effect_of(both, "rank")["spearman"]["found"]
    said = rosearch("report", first, "--with", second).out
    assert "Architecture of 48 students from first, second" in said
    assert all(finding["says"] in said for finding in both["findings"])
    assert both["model_says"] in said
    assert "Students with a higher embedding rank are more robust: Spearman 0." in said
    assert f"q at most {LEVEL}" in said
    missing = rosearch("report", first, "--with", "third")
    assert missing.code == 2
    assert "no run 'third'" in missing.err


def test_two_features_that_are_one_are_asked_of_once() -> None:
    """With the codes plain and both, tying synonyms and mending typos are the same students' doing."""
    rows = students(30, seed=0)
    for number, row in enumerate(rows):
        row["features"] |= dict.fromkeys(("code_synonyms", "code_characters"), float(number % 2))
    what = statistics(rows, QUICK)
    assert effect_of(what, "code_synonyms")["n"] == 30
    assert "code_characters" in what["left_out"]
    assert "code_synonyms" not in what["left_out"]
