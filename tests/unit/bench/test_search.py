"""The benchmark of the search: its arithmetic, and a whole one of seconds."""

from __future__ import annotations

from typing import cast

import pytest

from rosearch_engine.bench import search as module
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress
from rosearch_engine.store import Store
from rosearch_engine.store.rows import StudentRow


def curve(seconds: list[float], volumes: list[float]) -> module.Curve:
    n = len(seconds)
    return {"seconds": seconds, "hypervolume": volumes, "students": n, "full": n, "failed": 0, "parts": {}}


def test_time_to_random_searchs_end_is_counted_in_its_own_seconds() -> None:
    random = curve([10.0, 50.0, 100.0], [0.1, 0.15, 0.2])
    assert module._share_of_time(curve([20.0, 30.0], [0.19, 0.2]), random) == pytest.approx(0.3)
    assert module._share_of_time(curve([20.0, 30.0], [0.1, 0.19]), random) is None
    assert module._share_of_time(random, random) == 1.0


def test_random_search_after_the_same_baselines_has_no_more_seconds() -> None:
    def student(origin: str, told: int, seconds: float, robustness: float) -> StudentRow:
        figures = {"robustness": robustness, "accuracy": 0.8, "compression": 5.0, "status": "done"}
        return cast(StudentRow, {"origin": origin, "told": told, "seconds": {"distil": seconds}, **figures})

    random = [student("sample", number, 10.0, 0.1 * number) for number in range(1, 5)]
    searched = [student("bag", 0, 5.0, 0.15), student("chain", 1, 10.0, 0.1), student("mutation", 2, 10.0, 0.9)]
    (founded,) = module._founded({"random": [random], "pareto": [searched]})[module.FOUNDED]
    assert founded["seconds"] == [5.0, 15.0, 25.0, 35.0], "the fourth would not end in random search's 40 seconds"
    assert founded["hypervolume"] == pytest.approx([h * 0.8 * 0.8 for h in (0.15, 0.15, 0.15, 0.2)])
    assert module._founded({"random": [random]}) == {}


def test_an_unknown_arm_is_refused(home) -> None:
    with pytest.raises(UserError, match="no arm 'luck'"):
        module.bench_search(1, 0.1, 0, ["luck"], [], Progress())


def test_the_loop_is_timed_with_students_in_the_store() -> None:
    found = module.loop_seconds(30)
    assert found["candidates"] == 30
    assert 0 < found["first_s"] < 5
    assert 0 < found["last_s"] < 5


def test_a_small_one_from_end_to_end_and_again(workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMON", [*workshop.settings, "search.candidates=10000"])
    monkeypatch.setattr(module, "loop_seconds", lambda candidates: {"candidates": candidates})
    asked = (1, 0.05, 4, ["pareto, ladder"], ["distil.epochs=1"])
    what = module.bench_search(*asked, Progress())
    # On a busy machine the baselines alone may take longer than random search did.
    assert set(what["arms"]) - {module.FOUNDED} == {"random", "pareto, ladder"}
    for name in ("random", "pareto, ladder"):
        (run,) = what["curves"][name]
        assert run["seconds"][-1] >= 0.05 * 60 or run["students"] > run["full"], "it stops when its time is up"
        assert run["hypervolume"] == sorted(run["hypervolume"])
        assert sum(run["parts"].values()) >= run["seconds"][-1] - 1e-6
    assert what["arms"]["random"]["share_of_time"][0] <= 1.0
    assert {(row["rung"], row["figure"]) for row in what["rungs"]["rows"]} == {
        (rung, figure) for rung in (0, 1) for figure in ("robustness", "accuracy")
    }
    _, rows = module.table_rows(what)
    assert [row[0] for row in rows][:2] == ["random", "pareto, ladder"]
    assert not [run for run in Store.read().runs() if run["name"].startswith("bench-")], "they are not among the user's"
    again = module.bench_search(*asked[:2], 0, *asked[3:], Progress())
    assert again["curves"] == what["curves"], "what was searched is not searched again"


def test_several_at_once_count_their_own_processors_seconds(workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMON", [*workshop.settings, "search.candidates=2", "search.bag=false"])
    monkeypatch.setattr(module, "loop_seconds", lambda candidates: {"candidates": candidates})
    what = module.bench_search(2, 1, 0, [], ["distil.epochs=1"], Progress(), jobs=2)
    assert what["clock"] == "processor"
    for run in what["curves"]["random"]:
        assert run["students"] == 2
        assert 0 < run["seconds"][-1] <= run["wall"], "one thread has no more seconds than the wall"
