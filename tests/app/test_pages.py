"""Each screen, empty and filled, and what happens when a person uses it."""

from __future__ import annotations

import html
import json
import re
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import recipes, state
from app.attack import examples, form, models, verdicts
from app.overview.story import default_student
from rosearch_engine import report
from rosearch_engine.config import RunConfig
from rosearch_engine.genome import Genome, cost
from rosearch_engine.progress import Facts
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from rosearch_engine.store.models import HELD_OUT, RUNG
from rosearch_engine.store.rows import NewMeasurement, copies_loss
from tests.app.conftest import FRAME, fill, make_running, measurement, open_page

PAGES = ("overview", "search", "front", "statistics", "architecture", "compare", "attack", "export")


OPTIONS = [{"index": 2, "word": "dull", "swaps": ["leaden", "muted"]}]
WEIGHTS = [
    {"index": 0, "word": "it", "score": -0.1},
    {"index": 1, "word": "is", "score": 0.0},
    {"index": 2, "word": "dull", "score": 0.4},
]


class Worker:
    """Takes the place of the attack process: these tests are about the screen."""

    def __init__(self) -> None:
        self.state = "ready"
        self.jobs: list[SimpleNamespace] = []
        self.asked: list[tuple[str, ...]] = []
        self.refusal: dict[str, str] | None = None

    def submit(self, *request: Any) -> SimpleNamespace:
        job = SimpleNamespace(state="attacking", queries=8, note="", error=None, result=None, ahead=0)
        job.trying, job.lowest = [(2, "muted")], [(0, 0.9), (8, 0.6)]
        job.about = {"options": OPTIONS, "length": 3, "importance": WEIGHTS, "english": None}
        job.request, job.stopped = request, False
        job.stop = lambda: setattr(job, "stopped", True)
        self.jobs.append(job)
        return job

    def ask(self, run: str, student: str, texts: list[str], visitor: str) -> SimpleNamespace:
        self.asked.append((run, student, *texts))
        finished = SimpleNamespace(wait=lambda seconds: True)
        answer = {"class": 1, "name": "positive", "probabilities": [0.25, 0.75]}
        return SimpleNamespace(finished=finished, error=self.refusal, answers=[answer])


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    made = Worker()
    monkeypatch.setattr(models, "warm_worker", lambda: made)
    return made


@pytest.fixture
def ready_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [
        {"name": "pwws", "title": "PWWS", "kind": "synonyms", "ready": True, "missing": [], "note": ""},
        {"name": "leap", "title": "LEAP", "kind": "swarm", "ready": False, "missing": ["wordnet"], "note": "fetch it"},
    ]
    monkeypatch.setattr(recipes, "known", lambda: known)


def text_of(app: AppTest) -> str:
    kinds = ("title", "markdown", "caption", "info", "warning", "error", "success", "subheader")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(app, kind))


def first_shown(run_id: int) -> str:
    best = default_student(Store.read().students(run_id))
    assert best is not None
    return best["name"]


def click(app: AppTest, student: str, when: float = 1.0) -> AppTest:
    """A click on a student's point in the picture of the front."""
    app.session_state[state.CHART] = {"student": [student, when]}
    return app.run()


def html_of(app: AppTest) -> str:
    return html.unescape("\n".join(element.proto.body for element in app.get("html")))


def picture(app: AppTest) -> dict[str, Any]:
    """What the picture of the front was told."""
    (told,) = pictures(app, "front_chart")
    return told


def pictures(app: AppTest, kind: str) -> list[dict[str, Any]]:
    """What each picture of a kind was told."""
    return [json.loads(one.proto.bytes) for one in app.get("bidi_component") if one.proto.component_name == kind]


@pytest.mark.parametrize("page", PAGES)
def test_with_no_run_a_page_says_what_to_do(home: Path, page: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert not app.error
    labels = {button.label for button in app.button}
    assert labels & {"Start a search", "Start the search"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_the_run_and_its_best_searched_student(run_id: int, page: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert not app.error
    assert app.session_state["run"] == "demo"
    assert app.session_state["student"] == first_shown(run_id)
    assert [badge for badge in app.sidebar.markdown if "finished" in badge.value]


@pytest.mark.parametrize("page", PAGES)
def test_a_link_shows_the_student_it_names(run_id: int, page: str) -> None:
    app = open_page(page, run="demo", student="s0003")
    assert not app.exception
    assert app.session_state["student"] == "s0003"


@pytest.mark.parametrize("page", PAGES)
def test_a_hostile_link_shows_the_default_and_says_so(run_id: int, page: str) -> None:
    app = AppTest.from_file(str(state.PAGES.parent / "app" / "screens.py"), default_timeout=120)
    app.query_params["run"], app.query_params["student"] = "gone", "<script>alert(1)</script>"
    app.run()
    assert "gone" in app.sidebar.warning[0].value
    assert not app.exception
    if page != "overview":
        app.switch_page(f"../pages/{page}.py").run()
        assert not app.exception
    assert app.session_state["run"] == "demo"
    assert app.session_state["student"] == first_shown(run_id)


def test_a_run_without_students_yet_is_no_error(home: Path) -> None:
    from rosearch_engine.config import RunConfig

    Store.write().create_run("young", RunConfig())
    for page in PAGES:
        app = open_page(page)
        assert not app.exception
        assert not app.error


def test_a_run_that_died_without_a_student_is_not_what_a_visitor_sees_first(run_id: int) -> None:
    from rosearch_engine.config import RunConfig

    store = Store.write()
    dead = store.create_run("dead", RunConfig())
    store.update_run(dead, exit={"reason": "crashed", "message": "", "time": 0.0})
    assert open_page().session_state["run"] == "demo"


def test_a_damaged_database_is_a_message(home: Path) -> None:
    (home / "rosearch.db").write_bytes(b"this is no database" * 100)
    app = open_page()
    assert not app.exception
    assert "database" in app.error[0].value


def test_overview_lists_every_run_with_its_true_state(run_id: int) -> None:
    live = fill("live", students=5, finished=False)
    make_running(live)
    table = open_page().dataframe[0].value.set_index("run")
    assert dict(table["state"]) == {"demo": "finished", "live": "running"}
    assert table.loc["demo", "measured"] == 15


@pytest.mark.parametrize(("button", "title"), [("next.front", "Pareto front"), ("next.attack", "Attack")])
def test_a_next_step_opens_its_page_with_the_student_in_hand(run_id: int, button: str, title: str) -> None:
    app = open_page(run="demo", student="s0003")
    app.button(key=button).click().run()
    assert not app.exception
    assert app.title[0].value == title
    assert app.session_state["student"] == "s0003"
    assert app.query_params["student"] == "s0003"


def test_a_row_of_the_runs_takes_that_run_in_hand(run_id: int) -> None:
    fill("other", students=5, seed=1)
    app = open_page()
    assert app.session_state["run"] == "other"
    app.session_state[state.RUNS] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    app.run()
    assert app.session_state["run"] == "demo"
    assert app.session_state["student"] == first_shown(run_id)


def test_a_click_on_a_point_shows_its_card(run_id: int) -> None:
    app = open_page("front")
    click(app, "s0004")
    assert not app.exception
    assert app.session_state["student"] == "s0004"
    assert picture(app)["view"]["picked"] == "s0004"
    assert "s0004" in [heading.value for heading in app.main.subheader]
    student = Store.read().student(run_id, "s0004")
    values = {metric.label: metric.value for metric in app.metric}
    assert values["Clean"] == f"{student['accuracy']:.1%}"
    assert values["After attack"] == f"{student['robustness']:.1%}"


def test_what_held_out_sentences_said_stands_on_the_card(run_id: int) -> None:
    best, store = first_shown(run_id), Store.write()
    student = store.student(run_id, best)
    for seed, held in ((0, 30), (1, 36)):
        row: NewMeasurement = {**measurement(0.8, held, 150, 200.0), "purpose": HELD_OUT, "seed": seed}
        store.measure(run_id, student["id"], row, [])
    store.log(run_id, "rescored", "twice")
    store.close()
    app = open_page("front")
    assert not app.exception
    values = [line.value for line in app.main.markdown]
    assert values[values.index("Held-out, PWWS") + 1] == "**22.0%**"
    assert "n = 150, 2 trainings" in text_of(app)


def test_what_refined_copies_said_stands_on_the_card_of_a_student_that_met_the_adversary(run_id: int) -> None:
    store, term = Store.read(), "Loss on adversarial copies"
    for name in ("s0004", "s0005"):
        losses = copies_loss(store.student(run_id, name))
        app = open_page("front", run="demo", student=name)
        assert not app.exception
        lines = [line for line in app.main.markdown if line.value == term]
        assert len(lines) == (losses is not None)
        if losses:
            values = [line.value for line in app.main.markdown]
            assert values[values.index(term) + 1] == f"**{losses[0]:.2f} / {losses[1]:.2f}**"
            assert "only learned to resist one gradient step" in lines[0].help


def test_the_picture_is_one_and_the_same_whoever_is_picked(run_id: int) -> None:
    app = open_page("front")
    (before,) = app.get("bidi_component")
    click(app, "s0004")
    app.sidebar.selectbox(key="student").set_value("s0002").run()
    (after,) = app.get("bidi_component")
    assert after.proto.id == before.proto.id, "its zoom and its lasso stay"
    assert picture(app)["view"]["picked"] == "s0002"
    assert click(app, "s0004", when=2.0).session_state["student"] == "s0004", "the same point once more"


def test_a_lasso_thins_out_the_table(run_id: int) -> None:
    app = open_page("front")
    app.session_state[state.CHART] = {"chosen": ["s0001", "s0003"]}
    app.run()
    assert not app.exception
    assert set(app.dataframe[0].value["student"]) == {"s0001", "s0003"}
    assert "The 2 students inside the lasso" in text_of(app)
    app.button(key="compare").click().run()
    assert not app.exception
    assert app.title[0].value == "Compare"
    assert list(app.main.dataframe[0].value) == ["s0001", "s0003"]


def test_a_row_of_the_table_shows_its_card(run_id: int) -> None:
    app = open_page("front")
    names = list(app.dataframe[0].value["student"])
    key = f"front_table.{app.session_state['table_turn']}"
    app.session_state[key] = {"selection": {"rows": [5], "columns": [], "cells": []}}
    app.run()
    assert app.session_state["student"] == names[5]
    assert app.session_state["table_turn"] == int(key.split(".")[1])


@pytest.mark.parametrize("page", ["overview", "front"])
def test_the_picture_of_a_live_run_follows_it_and_the_rest_says_how_many_are_new(home: Path, page: str) -> None:
    run_id = fill("live", students=6, finished=False)
    make_running(run_id)
    app = open_page(page)
    assert len(picture(app)["run"]["points"]) == 6
    measure_one_more(run_id)
    app.run()
    assert len(picture(app)["run"]["points"]) == 7
    assert not [button for button in app.button if button.key == "thaw"], "the whole page was drawn anew"


def test_the_picture_alone_says_how_many_the_rest_of_the_page_lacks(home: Path) -> None:
    make_running(fill("live", students=6, finished=False))

    def page() -> None:
        from app.front_chart import live

        live.picture("live", drawn=4)

    app = AppTest.from_function(page).run()
    assert not app.exception
    assert app.button(key="thaw").label == "2 new students in the picture: update the rest of the page"


def measure_one_more(run_id: int) -> None:
    store = Store.write()
    genome = Genome.from_dict(store.candidates(run_id)[2]["genome"])
    added = store.add_candidate(
        run_id, 50, genome, cost(genome, FRAME), origin="sample", parents=[], change="", asked_after=6
    )["id"]
    store.finish_candidate(
        added,
        50,
        weights_file=("f" * 64, 1),
        latency_ms=2.0,
        training={},
        seconds={"distil": 1.0},
        measurements=[measurement(0.8, 20, 100, 99.0)],
        examples=[],
    )


def test_architecture_shows_the_node_that_was_clicked(run_id: int) -> None:
    app = open_page("architecture", run="demo", student="s0001")
    assert [info for info in app.info if "Click a node" in info.value]
    app.session_state["dag.demo.s0001"] = {"node": 1}
    app.run()
    assert not app.exception
    assert "Transformer layer" in [heading.value for heading in app.main.subheader]


def test_a_parent_is_one_click_away(run_id: int) -> None:
    students = Store.read().students(run_id)
    child = next(s for s in students if s["parents"] and students[s["parents"][0]]["status"] == "done")
    parent = students[child["parents"][0]]["name"]
    app = open_page("architecture", run="demo", student=child["name"])
    app.button(key=f"Parents.{parent}").click().run()
    assert app.session_state["student"] == parent


def test_search_watches_a_live_run(home: Path) -> None:
    run_id = fill("live", students=6, finished=False)
    make_running(run_id)
    log = process.log_path("live")
    log.parent.mkdir(parents=True)
    log.write_text("epoch 1 of 2\n")
    app = open_page("search")
    assert not app.exception
    progress = app.progress[0]
    assert "6 of 43 students" in progress.text
    assert "left, judging by the last 6 students" in progress.text
    assert "Distilling s0012: 120 / 240 steps, loss 0.418" in html_of(app)
    assert len(picture(app)["run"]["points"]) == 6
    assert "joined the front" in html_of(app)
    assert {m.label: m.value for m in app.metric}["Students measured"] == "6 / 43"
    assert "epoch 1 of 2" in app.code[0].value
    assert "stop" in {button.key for button in app.button}


def test_a_live_run_tells_its_pace_and_its_newest_students_first(home: Path) -> None:
    run_id = fill("live", students=6, finished=False)
    make_running(run_id)
    app = open_page("search")
    assert not app.exception
    figures = {m.label: m.delta for m in app.metric}
    assert figures["Students measured"] == "50 an hour", "72 s each"
    # 37 students of 72 s; of the one in work nobody knows how much is left; the teacher is measured.
    assert "43 to 44 min left" in app.progress[0].text


def test_before_the_first_student_an_earlier_run_says_how_long_it_takes(home: Path) -> None:
    import socket

    store = Store.write()
    store.update_run(fill("before", students=8), host=socket.gethostname())
    young = store.create_run("young", RunConfig())
    make_running(young)
    app = open_page("search", run="young")
    assert not app.exception
    assert "0 of" in app.progress[0].text
    assert "left, judging by before" in app.progress[0].text


def test_a_first_search_has_no_time_left_to_tell(home: Path) -> None:
    make_running(Store.write().create_run("young", RunConfig()))
    app = open_page("search", run="young")
    assert not app.exception
    assert "no search on this machine tells yet" in app.progress[0].text


def test_a_teacher_at_chance_level_is_warned_of(home: Path) -> None:
    run_id = fill("live", students=3, finished=False)
    make_running(run_id)
    store = Store.write()
    progress = store.run("live")["progress"]
    assert progress is not None
    store.update_run(run_id, progress=progress | {"teacher_accuracy": 0.51, "chance": 0.5})
    assert "at chance level: 51.0% right" in open_page("search").warning[0].value


def test_the_end_of_a_search_is_told_on_whatever_page(home: Path) -> None:
    run_id = fill("live", students=6, finished=False)
    make_running(run_id)
    app = open_page("statistics")
    Store.write().update_run(run_id, exit={"reason": "finished", "message": "", "time": 0.0})
    app.run()
    assert not app.exception
    assert "the search is finished, 6 of 43 students" in app.toast[0].value.replace("\\", "")


def test_gpu_figures_are_shown_where_the_process_reports_them() -> None:
    from app import words

    facts: Facts = {"device": "H100", "memory_mb": 1830.0}
    assert words.machine(facts) == "H100 · 1.8 GB of memory"
    facts |= {"gpu_memory_mb": 4000.0, "gpu_memory_of_mb": 80000.0, "gpu_percent": 63.0}
    assert words.machine(facts) == "H100 · 1.8 GB of memory · GPU memory 4.0 of 80.0 GB used · GPU 63% busy"


def test_a_run_that_took_a_deleted_ones_id_and_events_is_not_taken_for_it(run_id: int) -> None:
    old = state.statistics(["demo"]).result()
    events = Store.read().events(run_id, last=10_000)
    Store.write().delete_run("demo")
    assert fill("demo", students=16, seed=1) == run_id
    assert Store.read().events(run_id, last=10_000)[-1]["id"] == events[-1]["id"]
    assert state.statistics(["demo"]).result() != old


def test_a_run_that_is_deleted_while_watched_gives_way_to_another(run_id: int) -> None:
    live = fill("live", students=6, finished=False, seed=1)
    make_running(live)
    app = open_page("search", run="live")
    app.session_state["panel"] = "Watch"
    app.run()
    Store.write().delete_run("live")
    app.run()
    assert not app.exception
    assert not app.error
    assert app.session_state["run"] == "demo"
    assert "live no longer exists" in app.toast[0].value.replace("\\", "")


def test_a_search_whose_process_died_says_so_and_offers_to_go_on(home: Path) -> None:
    run_id = fill("live", students=6, finished=False)
    make_running(run_id)
    Store.write().update_run(run_id, process_created=1.0)
    app = open_page("search", run="live")
    app.session_state["panel"] = "Watch"
    app.run()
    assert "ended unexpectedly" in app.warning[0].value
    assert "resume" in {button.key for button in app.button}


def test_runs_side_by_side_differ_in_what_is_shown(run_id: int) -> None:
    from rosearch_engine import config

    other = fill("other", students=8, seed=3)
    changed = config.RunConfig(
        attack=config.AttackConfig(sentences=50), distil=config.DistilConfig(epochs=7)
    ).model_dump(mode="json")
    Store.write().update_run(other, config=changed)
    app = open_page("search", run="demo")
    app.session_state["panel"] = "Compare runs"
    app.run()
    assert not app.exception
    assert app.multiselect(key="compared").value == ["demo", "other"]
    best, settings = (frame.value for frame in app.main.dataframe)
    store = Store.read()
    for name in ("demo", "other"):
        students = store.students(store.run(name)["id"])
        (row,) = best[(best["run"] == name) & (best["best"] == "Knee")].to_dict("records")
        assert row["student"] == next(s["name"] for s in students if s["knee"])
        (row,) = best[(best["run"] == name) & (best["best"] == "Most robust")].to_dict("records")
        assert row["after attack"] == 100 * max(s["robustness"] for s in students if s["status"] == "done")
        assert row["low"] < row["after attack"] < row["high"]
    assert settings[["setting", "demo", "other"]].to_numpy().tolist() == [
        ["Distillation (epochs)", "3", "7"], ["Attacked sentences per student", "100", "50"],
    ]  # fmt: skip
    assert "attack: Attacked sentences per student" in app.warning[0].value.replace("\\", "")
    drawn = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert [trace["name"] for trace in drawn] == ["demo", "other"]
    app.segmented_control(key="against").set_value("minutes").run()
    assert not app.exception
    app.multiselect(key="compared").set_value(["demo"]).run()
    assert "two or more runs" in text_of(app)


def test_where_nothing_was_measured_the_form_tells_the_benchmarks_time_and_machine(
    home: Path, ready_recipes: None
) -> None:
    app = open_page("search")
    said = text_of(app).replace("\\", "")
    assert "No search has run on this machine yet" in said
    there = (state.PAGES.parent / "benchmarks" / "demo.md").read_text()
    took = next(line for line in there.splitlines() if line.startswith("| whole run")).split("|")[2].strip()
    assert f"On another machine, these settings took {took}: two shared CPU cores" in said
    app.number_input(key="demo.search.candidates").set_value(5).run()
    assert "On another machine" not in text_of(app), "that figure is of the preset as it is"


def test_the_form_tells_what_a_search_will_take_here(run_id: int, ready_recipes: None) -> None:
    import socket

    Store.write().update_run(run_id, host=socket.gethostname())
    app = open_page("search", run="demo")
    app.session_state["panel"] = "New search"
    app.run()
    app.segmented_control(key="preset").set_value("copy of demo").run()
    assert not app.exception
    figures = {m.label: m.value for m in app.metric}
    assert figures == {"Students": "43", "Time (estimated)": "52 min"}, "43 of 72 s"
    assert "Estimated from 15 students of **demo**" in text_of(app)
    app.number_input(key="copy of demo.attack.sentences").set_value(200).run()
    assert {m.label: m.value for m in app.metric}["Time (estimated)"] == "74 min", "31 s more each"


def test_stop_asks_first_and_then_stops(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_running(fill("live", students=6, finished=False))
    stopped: list[str] = []
    monkeypatch.setattr(process, "stop", lambda name, force=False: stopped.append(name))
    app = open_page("search")
    app.button(key="stop").click().run()
    assert not stopped
    app.button(key="stop.yes").click().run()
    assert stopped == ["live"]


@pytest.mark.parametrize("reason", ["stopped", "crashed"])
def test_a_run_that_ended_early_offers_to_go_on(home: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    run_id = fill("early", students=6, finished=False)
    Store.write().update_run(run_id, exit={"reason": reason, "message": "No space left", "time": 0.0})
    resumed: list[str] = []
    monkeypatch.setattr(process, "resume", resumed.append)
    app = open_page("search")
    assert not app.exception
    assert bool(app.error) == (reason == "crashed")
    app.button(key="resume").click().run()
    assert resumed == ["early"]


def test_start_takes_the_form_and_watches_the_new_run(
    home: Path, monkeypatch: pytest.MonkeyPatch, ready_recipes: None
) -> None:
    from app.search import new_run
    from rosearch_engine import config

    started: list[tuple[str, config.RunConfig]] = []

    def start(name: str, settings: config.RunConfig) -> None:
        Store.write().create_run(name, settings)
        started.append((name, settings))

    monkeypatch.setattr(process, "start", start)
    monkeypatch.setattr(new_run, "missing", lambda settings: [])
    app = open_page("search")
    app.number_input(key="demo.search.candidates").set_value(5)
    app.button(key="start").click().run()
    assert not app.exception
    name, settings = started[0]
    assert name == "demo-1"
    assert settings == config.build("demo", settings=["search.candidates=5", "attack.recipe=pwws"])
    assert app.session_state["run"] == "demo-1"
    assert app.session_state["panel"] == "Watch"


def test_a_taken_or_impossible_name_is_refused_in_words(
    run_id: int, monkeypatch: pytest.MonkeyPatch, ready_recipes: None
) -> None:
    from app.search import new_run

    monkeypatch.setattr(new_run, "missing", lambda settings: [])
    for name in ("demo", "../etc"):
        app = open_page("search")
        next(box for box in app.text_input if box.label == "Run name").set_value(name)
        app.button(key="start").click().run()
        assert not app.exception
        assert app.error[0].value.startswith("**run**")
    assert [row["name"] for row in Store.read().runs()] == ["demo"]


def test_what_is_missing_blocks_the_start_and_names_the_command(home: Path) -> None:
    from app.search import new_run
    from rosearch_engine import config, resources

    lacking = {status.name for status in new_run.missing(config.build(settings=["attack.recipe=pwws"]))}
    absent = {status.name for status in resources.status() if not status.ready}
    assert lacking == absent & {"movie-reviews", "minilm", "stopwords", "wordnet"}
    app = open_page("search")
    assert app.button(key="start").disabled == bool(lacking)
    if lacking:
        assert all(name in app.main.code[0].value for name in lacking)


def test_the_preview_shows_rows_and_balance_of_ones_own_file(home: Path) -> None:
    from app import uploads

    lines = ["sentence,label", *(f"a fairly long sentence number {i},{('bad', 'good')[i % 4 == 0]}" for i in range(80))]
    path = uploads.keep("../my file.csv", "\n".join(lines).encode())
    assert Path(path).parent.parent == home / "uploads"
    app = open_page("search")
    app.text_input(key="demo.data.name").set_value(path)
    app.button(key="look").click().run()
    assert not app.exception
    assert not app.error
    assert "sentence" in app.dataframe[0].value.columns
    texts = [bar.text.replace("\\", "") for bar in app.progress]
    assert any(text.startswith("bad: 60") for text in texts)


def test_small_data_is_warned_of_before_the_start_with_a_remedy_at_hand(home: Path) -> None:
    from app import uploads

    rows = [f"a fairly long sentence number {i},{('bad', 'good')[i % 2]}" for i in range(300)]
    path = uploads.keep("small.csv", "\n".join(["sentence,verdict", *rows, rows[0]]).encode())
    app = open_page("search")
    app.text_input(key="demo.data.name").set_value(path)
    app.text_input(key="demo.data.label").set_value("verdict").run()
    app.button(key="look").click().run()
    assert not app.exception
    assert not app.error
    assert "1 row of 301 left out: 1 repeated text" in text_of(app).replace("\\", "")
    (warning,) = [box.value for box in app.warning if "hardly learn" in box.value]
    assert "180 training sentences × 1 epoch = about" in warning
    columns = app.selectbox(key=f"demo.data.label.{path}")
    assert (columns.value, columns.options) == ("verdict", ["sentence", "verdict"])
    app.button(key="enough_epochs").click().run()
    assert not app.exception
    assert app.number_input(key="demo.teacher.epochs").value == 50.0


def test_an_unknown_data_set_is_a_message_on_looking(home: Path, tmp_path: Path) -> None:
    app = open_page("search")
    app.text_input(key="demo.data.name").set_value(str(tmp_path / "nowhere.csv"))
    app.button(key="look").click().run()
    assert not app.exception
    assert "data" in app.error[0].value


def attack(app: AppTest, text: str) -> AppTest:
    app.text_area(key="sentence").set_value(text)
    return next(button for button in app.button if button.label.startswith("Attack  ")).click().run()


def test_an_attack_goes_to_the_worker_and_shows_its_progress(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = attack(open_page("attack", run="demo", student="s0003"), " it is dull ")
    assert not app.exception
    *request, visitor = worker.jobs[0].request
    assert request == ["demo", "s0003", "pwws", "it is dull", None, 500, 60, None]
    assert visitor == app.session_state["visitor"]
    assert "8 / 500 queries" in app.progress[0].text.replace("\\", "")
    drawn = html_of(app)
    assert ">muted</span>" in drawn, "the word under test stands in its place"
    assert 'aria-label="Probability of its prediction: 90.0% at first, 60.0% at the lowest of 8 queries"' in drawn
    assert "1 of 3 words can be swapped" in text_of(app)
    app.button(key="attack.stop").click().run()
    assert worker.jobs[0].stopped


def finished(job: SimpleNamespace, outcome: str = "fooled", queries: int = 31) -> None:
    """End a job as the worker does."""
    job.result = {
        "outcome": outcome,
        "reason": "",
        "label": "negative",
        "label_class": 0,
        "recipe": "pwws",
        "original": "it is dull",
        "perturbed": "it is muted",
        "words": [
            {"op": "same", "before": "it is", "after": "it is"},
            {"op": "swap", "before": "dull", "after": "muted"},
        ],
        "before": {"class": 0, "name": "negative", "probabilities": [0.9, 0.1], "raw": [0.8, 0.2]},
        "after": {"class": 1, "name": "positive", "probabilities": [0.3, 0.7], "raw": [0.4, 0.6]},
        "raw_outcome": "held",
        "one_swap": {"asked": 40, "flips": 3},
        "importance": WEIGHTS,
        "options": OPTIONS,
        "length": 3,
        "english": {"known": 3, "words": 3, "looks_english": True},
        "lowest": [(0, 0.9), (2, 0.3)],
        "certificate": None,
        "trace": [
            {"words": [], "probability": 0.9},
            {"words": [{"op": "swap", "before": "dull", "after": "muted"}], "probability": 0.3},
        ],
        "queries": queries,
        "seconds": 1.5,
    }
    job.state = "done"


def test_a_result_shows_verdict_diff_and_probabilities(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = attack(open_page("attack"), "it is dull")
    finished(worker.jobs[0])
    app.run()
    assert not app.exception
    drawn = html_of(app)
    assert "Fooled with 1 word: negative → positive" in drawn
    assert "1 of 3 words can be swapped. 31 queries. On raw logits: held. Single swaps that flip it: 3 of 40." in drawn
    assert "dull</del>" in drawn
    assert "muted</ins>" in drawn
    assert "90.0%" in drawn
    assert "70.0%" in drawn
    for word, weight in (("it", "-10.0"), ("is", "+0.0"), ("dull", "+40.0")):
        assert f'title="{word}: {weight} points"' in drawn
    next(group for group in app.segmented_control if group.label == "Probabilities").set_value("Raw").run()
    asked = next(table.value for table in app.dataframe if "query" in table.value)
    assert asked.to_numpy().tolist() == [[1, "original sentence", 0.9], [2, "dull → muted", 0.3]]
    drawn = html_of(app)
    assert "80.0%" in drawn
    assert "width:90.0%" not in drawn


VERDICTS: dict[str, dict[str, Any]] = {
    "Fooled": {},
    "Does not hold": {"outcome": "held"},
    "Held": {"outcome": "held", "one_swap": {"asked": 40, "flips": 0}},
    "Proved": {
        "outcome": "held",
        "one_swap": {"asked": 40, "flips": 0},
        "certificate": {
            "certified": True, "refuted": False, "margin": 2.1, "worst": 0.9, "needed": 0.5, "reason": "",
            "says": "certified, no combination of swaps can flip it",
            "moves": [{"word": "dull", "swap": "muted", "loss": 1.2}],
        },
    },
    "Nothing to attack": {"outcome": "held", "one_swap": {"asked": 0, "flips": 0}},
    "Already wrong": {"outcome": "already wrong", "label": "positive", "label_class": 1},
    "Stopped": {"outcome": "stopped"},
}  # fmt: skip


@pytest.mark.parametrize("verdict", VERDICTS)
def test_verdicts_are_told_apart_in_words_and_colour(
    run_id: int, worker: Worker, ready_recipes: None, verdict: str
) -> None:
    app = attack(open_page("attack"), "it is dull")
    finished(worker.jobs[0])
    worker.jobs[0].result |= VERDICTS[verdict]
    app.run()
    assert not app.exception
    drawn = html_of(app)
    assert re.findall(r'data-verdict="([^"]*)"', drawn) == [verdict]
    assert len({look.ink + look.sign for look in verdicts.LOOKS.values()}) >= len(VERDICTS)
    assert ("left at worst" in drawn) == (verdict == "Proved"), "a proof is shown with its reason"


def test_a_text_that_is_not_english_gets_a_hint(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = attack(open_page("attack"), "das ist fade")
    finished(worker.jobs[0], "held")
    worker.jobs[0].result["english"] = {"known": 1, "words": 3, "looks_english": False}
    app.run()
    assert "does not look like English: 1 of 3 words is in its word lists" in app.warning[0].value


def test_the_right_answer_goes_to_the_worker(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = open_page("attack")
    asked = app.segmented_control(key="answer.demo")
    assert list(asked.options) == ["negative", "positive", "don't know"]
    asked.set_value("positive")
    attack(app, "it is dull")
    assert worker.jobs[0].request[-2] == "positive"
    assert app.query_params["answer"] == "positive"


def test_several_models_stand_side_by_side(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = open_page("attack", run="demo", student="s0003")
    app.multiselect(key="models.demo.s0003").set_value(["s0003", "teacher", "s0001"])
    attack(app, "it is dull")
    assert [job.request[1] for job in worker.jobs] == ["s0003", "teacher", "s0001"]
    assert len(app.progress) == 3
    finished(worker.jobs[0])
    finished(worker.jobs[1], "held", 90)
    worker.jobs[2].state = "failed"
    worker.jobs[2].error = {"field": "student", "problem": "its weights are gone.", "remedy": "Train it again."}
    app.run()
    assert not app.exception
    drawn = html_of(app)
    for title in ("s0003 · searched, ", "teacher · minilm"):
        assert f"<strong>{title}" in drawn
    assert re.findall(r'data-verdict="([^"]*)"', drawn) == ["Fooled", "Does not hold", "Fooled"], "two rows, one detail"
    assert drawn.count("dull</del>") == 3
    assert "Train it again" in " ".join(error.value for error in app.error)
    app.segmented_control(key="detail").set_value("teacher").run()
    assert re.findall(r'data-verdict="([^"]*)"', html_of(app))[-1] == "Does not hold"


def test_a_word_is_swapped_by_hand(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = attack(open_page("attack", run="demo", student="s0003"), "it is dull")
    finished(worker.jobs[0])
    app.run()
    word = next(box for box in app.main.selectbox if box.label == "Word")
    assert word.value == 2, "the first word that the attack may swap"
    say = next(box for box in app.main.selectbox if box.label == "Say instead")
    assert list(say.options) == ["leaden", "muted"]
    app.button(key="what_if").click().run()
    assert "Say instead" in app.warning[0].value
    say = next(box for box in app.main.selectbox if box.label == "Say instead")
    say.set_value("leaden")
    app.button(key="what_if").click().run()
    assert not app.exception
    assert worker.asked == [("demo", "s0003", "it is leaden")]
    drawn = html_of(app)
    assert "leaden</ins>" in drawn
    assert "negative → positive</span>" in drawn
    assert "25.0%" in drawn
    app.button(key="what_if.reset").click().run()
    assert "leaden" not in html_of(app)


def test_a_manual_swap_that_cannot_be_answered_is_a_message(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = attack(open_page("attack"), "it is dull")
    finished(worker.jobs[0])
    worker.refusal = {"field": "text", "problem": "it is too long.", "remedy": "Use at most 1,000."}
    app.run()
    next(box for box in app.main.selectbox if box.label == "Say instead").set_value("leaden")
    app.button(key="what_if").click().run()
    assert not app.exception
    assert "too long" in app.error[0].value.replace("\\", "")


def test_a_link_reproduces_text_answer_and_models(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = open_page("attack", run="demo", student="s0003")
    app.multiselect(key="models.demo.s0003").set_value(["s0003", "teacher"])
    attack(app, "it is <b>dull</b> & loud")
    link = {name: app.query_params[name] for name in form.LINK if name in app.query_params}
    assert link == {"text": "it is <b>dull</b> & loud", "models": "s0003,teacher"}
    other = open_page(run="demo", student="s0003").switch_page("../pages/attack.py")
    for name, value in ({"answer": "negative"} | link).items():
        other.query_params[name] = value
    other.run()
    assert not other.exception
    assert other.text_area(key="sentence").value == link["text"]
    assert other.multiselect(key="models.demo.s0003").value == ["s0003", "teacher"]
    assert other.segmented_control(key="answer.demo").value == "negative"


def test_a_link_with_a_long_text_or_strange_models_is_refused_in_a_sentence(
    run_id: int, worker: Worker, ready_recipes: None
) -> None:
    for query, said in (
        ({"text": "dull " * 1000}, "5,000 characters. Use at most 1,000"),
        ({"text": "dull", "models": "<b>x</b>,s9999"}, "cannot be attacked here"),
    ):
        app = open_page().switch_page("../pages/attack.py")
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        assert said in app.main.warning[0].value
        assert len(app.text_area(key="sentence").value or "") <= 1000


def test_an_attack_stays_with_its_run(run_id: int, worker: Worker, ready_recipes: None) -> None:
    fill("other", students=6, seed=1)
    app = attack(open_page("attack", run="demo", student="s0003"), "it is dull")
    finished(worker.jobs[0])
    app.run()
    assert "Fooled" in html_of(app)
    app.selectbox(key="run").set_value("other").run()
    assert not app.exception
    assert "Fooled" not in html_of(app)
    Store.write().delete_run("other")
    app.selectbox(key="run").set_value("demo").run()
    assert "Fooled" in html_of(app)


def test_what_a_person_says_of_a_flip_is_kept_with_the_run(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = attack(open_page("attack", run="demo", student="s0003"), "it is dull")
    finished(worker.jobs[0])
    app.run()
    question = next(group for group in app.segmented_control if "still mean" in group.label)
    question.set_value("No").run()
    assert not app.exception
    (mark,) = Store.read().marks(run_id)
    assert (mark["student"], mark["perturbed"], mark["kept"]) == ("s0003", "it is muted", False)
    assert "0 of 1 flip kept the meaning" in text_of(app)
    next(group for group in app.segmented_control if "still mean" in group.label).set_value("Yes").run()
    assert [mark["kept"] for mark in Store.read().marks(run_id)] == [True]


def test_a_failed_attack_is_a_message_with_field_and_remedy(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = attack(open_page("attack"), "it is dull")
    worker.jobs[0].state = "failed"
    worker.jobs[0].error = {"field": "student", "problem": "its weights are gone.", "remedy": "Train it again."}
    app.run()
    assert not app.exception
    assert "student" in app.error[0].value
    assert "Train it again" in app.error[0].value


def test_an_empty_sentence_is_not_attacked(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = attack(open_page("attack"), "   ")
    assert not worker.jobs
    assert "sentence" in app.warning[0].value


def test_an_example_fills_the_form_with_its_right_answer(run_id: int, ready_recipes: None) -> None:
    app = open_page("attack")
    run, student = Store.read().run("demo"), Store.read().student(run_id, app.session_state["student"])
    assert student["status"] == "done"
    first = examples.of(run, student)[0]
    app.pills(key="example").set_value(0).run()
    assert app.text_area(key="sentence").value == first.text
    assert app.segmented_control(key="answer.demo").value == ("negative", "positive")[first.label]


def test_a_recipe_that_is_not_ready_names_its_command(run_id: int, worker: Worker, ready_recipes: None) -> None:
    app = open_page("attack")
    box = next(box for box in app.main.selectbox if box.label == "Attack")
    box.set_value(recipes.known()[1])
    attack(app, "it is dull")
    assert not worker.jobs
    assert "wordnet" in app.warning[0].value
    assert json.dumps(app.code[0].value) == '"fetch it"'


def test_the_study_says_what_goes_with_robustness_and_what_does_not(home: Path) -> None:
    fill("many", students=60)
    app = open_page("statistics")
    assert not app.exception
    said = text_of(app)
    assert "students from 1 run compared" in said
    assert "Students with gated merges are more robust" in app.success[0].value, "the invented figures say so"
    assert "No operation has an effect on robustness" in said, "and have nothing to do with operations"
    assert html_of(app).count("class='track'") > 10, "a bar a feature"
    split, operations = pictures(app, "strips")
    assert (len(split["properties"]), len(split["rows"])) == (1, len(app.main.dataframe[-1].value))
    assert len(operations["properties"]) > 4
    assert not app.get("plotly_chart"), "it takes seconds to load"
    app.multiselect(key="columns").set_value(["after attack (%)"]).run()
    assert "Choose two or more columns" in text_of(app)


def test_few_students_get_one_picture_and_are_told_what_is_missing(run_id: int) -> None:
    app = open_page("statistics")
    assert not app.exception
    assert len(app.get("bidi_component")) == len(pictures(app, "strips")) == 1
    assert "0 tests" not in text_of(app)
    assert "What separates the students of demo" in text_of(app)
    assert "p = " in text_of(app)
    assert re.search(r"\d+ more students needed", text_of(app))
    assert not app.success
    app.button(key="missing.search").click().run()
    assert app.title[0].value == "Search"


def test_a_point_of_the_separating_picture_takes_its_student_in_hand(run_id: int) -> None:
    app = open_page("statistics", run="demo", student="s0003")
    app.session_state[state.SPLIT] = {"student": ["s0005", 1.0]}
    app.run()
    assert app.session_state["student"] == "s0005"


def test_a_brush_filters_the_lines_and_the_table(home: Path) -> None:
    fill("many", students=60)
    app = open_page("statistics")
    before = app.main.dataframe[-1].value
    slider = next(slider for slider in app.slider if slider.label == "after attack (%)")
    slider.set_value((20.0, slider.max)).run()
    assert not app.exception
    after = app.main.dataframe[-1].value
    assert 0 < len(after) < len(before)
    assert (after["after attack"] >= 20 - 1e-9).all()
    (drawn,) = pictures(app, "parallel")
    (brushed,) = [axis for axis in drawn["columns"] if axis["kept"]]
    assert (brushed["name"], brushed["kept"][0]) == ("after attack (%)", 20)
    assert len(brushed["values"]) == len(before), "the others are faded, not gone"


def test_of_many_students_the_tests_follow_and_the_rest_is_there_at_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import findings

    fill("many", students=60)
    study, begun = threading.Event(), report.statistics_of
    monkeypatch.setattr(report, "statistics_of", lambda *asked: study.wait(60) and begun(*asked))
    monkeypatch.setattr(findings, "AT_ONCE", 50)
    app = open_page("statistics")
    assert not app.exception
    assert "Testing every feature" in text_of(app)
    assert pictures(app, "parallel")
    study.set()
    state.statistics(["many"]).result(60)
    app.run()
    assert "students from 1 run compared" in text_of(app)


def test_runs_are_studied_together(home: Path) -> None:
    for number in range(3):
        fill(f"run-{number}", students=16, seed=number)
    app = open_page("statistics")
    assert "more students needed" in text_of(app)
    app.multiselect(key="together").set_value(["run-0", "run-1"]).run()
    assert not app.exception
    assert "students from 3 runs compared" in text_of(app)


def test_a_student_that_was_stopped_early_is_counted_and_not_drawn(run_id: int) -> None:
    store = Store.write()
    student = next(s for s in store.students(run_id) if s["status"] == "done")
    genome = Genome.from_dict(student["genome"])
    row = store.add_candidate(
        run_id, 99, genome, cost(genome, FRAME), origin="sample", parents=(), change="", asked_after=16
    )
    below: NewMeasurement = {**measurement(0.8, 3, 10, 0.0), "purpose": RUNG, "rung": 0}
    store.finish_candidate(
        row["id"], 17, pruned=True, weights_file=None, latency_ms=1.0, training={}, seconds={"distil": 1.0},
        measurements=[below], examples=[],
    )  # fmt: skip
    store.close()
    app = open_page("front")
    assert not app.exception
    assert "1 pruned early" in text_of(app)
    names = list(app.main.dataframe[0].value["student"])
    assert "s0099" not in names
    assert student["name"] in names


def test_a_run_is_deleted_only_after_a_second_press(run_id: int) -> None:
    fill("other", students=4, seed=1)
    app = open_page("search", run="demo")
    app.session_state["panel"] = "Watch"
    app.run()
    app.button(key="delete").click().run()
    app.button(key="delete.no").click().run()
    assert {row["name"] for row in Store.read().runs()} == {"demo", "other"}
    app.button(key="delete").click().run()
    app.button(key="delete.yes").click().run()
    assert not app.exception
    assert {row["name"] for row in Store.read().runs()} == {"other"}
    assert app.session_state["run"] == "other"
    assert "The run demo was deleted" in app.toast[0].value


def test_delete_stays_asked_until_it_is_answered(run_id: int) -> None:
    app = open_page("search", run="demo")
    app.session_state["panel"] = "Watch"
    app.run()
    app.button(key="delete").click().run()
    for _ in range(3):
        app.run()  # as when the sidebar finds that the run's state has changed
        assert "permanently deletes" in text_of(app)
    app.button(key="delete.no").click().run()
    assert "permanently deletes" not in text_of(app)


def test_another_like_it_starts_from_its_settings(home: Path, ready_recipes: None) -> None:
    from rosearch_engine import config

    settings = config.build(settings=["search.candidates=9", "distil.epochs=7", "data.name=imdb", "attack.recipe=pwws"])
    Store.write().create_run("mine", settings)
    store = Store.write()
    store.update_run(store.run("mine")["id"], exit={"reason": "stopped", "message": "", "time": 0.0})
    app = open_page("search", run="mine")
    app.session_state["panel"] = "Watch"
    app.run()
    app.button(key="clone").click().run()
    assert not app.exception
    assert app.session_state["preset"] == "copy of mine"
    assert app.number_input(key="copy of mine.search.candidates").value == 9
    assert app.number_input(key="copy of mine.distil.epochs").value == 7
    assert app.text_input(key="copy of mine.data.name").value == "imdb"
    assert next(box for box in app.text_input if box.label == "Run name").value == "mine-1"


def test_export_says_what_is_missing_in_the_commands_own_words(run_id: int) -> None:
    app = open_page("export")
    assert not app.exception
    app.button(key="export").click().run()
    assert app.error, "the invented run has no weights: the command's own words are shown"
    assert "teacher" in app.error[0].value


def test_the_filter_thins_out_chart_and_table(run_id: int) -> None:
    app = open_page("front")
    before = len(app.dataframe[0].value)
    app.slider(key="filter.robustness").set_value(20).run()
    assert not app.exception
    rows = app.dataframe[0].value
    assert 0 < len(rows) < before
    assert (rows["after attack"] >= 20).all()
    app.slider(key="filter.robustness").set_value(100).run()
    assert not app.exception
    assert "No student passes" in text_of(app)


def test_another_run_is_drawn_beside(run_id: int) -> None:
    fill("other", students=8, seed=3)
    app = open_page("front", run="demo")
    app.multiselect(key="beside").set_value(["other"]).run()
    assert not app.exception
    (other,) = picture(app)["view"]["others"]
    assert other["run"] == "other"
    assert other["points"]
