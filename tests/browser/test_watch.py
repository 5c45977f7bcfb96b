"""The live view follows its run: points, title, zoom, dialogs, notices. The run is one that this test adds to."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from rosearch_engine.store import Store
from rosearch_engine.store.rows import RunRow
from tests.app.conftest import fill, make_running
from tests.app.test_pages import measure_one_more
from tests.browser.conftest import Opener
from tests.browser.screen import Screen
from tests.browser.test_search import COUNT_OF_POINTS
from tests.serving import serving


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The app over an empty home folder, and that folder."""
    folder = tmp_path_factory.mktemp("watched")
    home = folder / "home"
    home.mkdir()
    with serving(folder, ROSEARCH_HOME=str(home), ROSEARCH_RECORDED=str(folder / "none.zip")) as (address, _):
        yield address, home


@pytest.fixture
def run(watching: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[RunRow]:
    """A new run of six students, whose heart beats until it is said to have ended."""
    monkeypatch.setenv("ROSEARCH_HOME", str(watching[1]))
    monkeypatch.delenv("ROSEARCH_STORE", raising=False)
    name, ended = f"live-{len(Store.write().runs()) + 1}", threading.Event()
    run_id = fill(name, students=6, finished=False)
    make_running(run_id)

    def beat() -> None:
        while not ended.wait(1.0):
            Store.write().update_run(run_id, heartbeat=time.time())

    thread = threading.Thread(target=beat)
    thread.start()
    yield Store.read().run(name)
    ended.set()
    thread.join()


@pytest.fixture
def watched(watching: tuple[str, Path], run: RunRow, opener: Opener) -> Screen:
    screen = opener(watching[0])
    screen.page.goto(f"{watching[0]}/search?run={run['name']}")  # a live page is never at rest for long
    expect(screen.page.get_by_text("In work")).to_be_visible()
    screen.page.wait_for_function(f"{COUNT_OF_POINTS} === 6")
    return screen


def test_a_new_student_appears_by_itself_and_the_zoom_stays(watched: Screen, run: RunRow) -> None:
    page = watched.page
    expect(page).to_have_title(f"(6/43) {run['name']}")
    page.get_by_role("button", name="Zoom in").click()
    zoom = watched.chart.evaluate("host => host.chart.zoom")
    measure_one_more(run["id"])
    page.wait_for_function(f"{COUNT_OF_POINTS} === 7")
    assert watched.chart.evaluate("host => [...host.chart.fresh.keys()]") == ["s0050"], "it is marked as new"
    assert watched.chart.evaluate("host => host.chart.zoom") == zoom
    expect(page).to_have_title(f"(7/43) {run['name']}")
    expect(page.get_by_role("list", name="Events")).to_contain_text("s0050")


def test_a_click_in_a_live_picture_takes_the_student_in_hand(watched: Screen) -> None:
    name, x, y = next(point for point in watched.points()[::-1] if point[0] != watched.student())
    watched.page.mouse.click(x, y)
    expect(watched.chart.locator(f"[data-ring={name}]")).to_have_count(1)
    expect(watched.sidebar.get_by_label("Student", exact=True)).to_have_value(name)


def test_the_end_is_told_and_the_dialog_of_delete_stays_until_it_is_answered(watched: Screen, run: RunRow) -> None:
    page = watched.page
    Store.write().update_run(run["id"], exit={"reason": "stopped", "message": "", "time": time.time()})
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(page.get_by_text(re.compile(f"{run['name']}: the search is stopped, 6 of 43 students"))).to_be_visible()
    page.wait_for_timeout(3000)  # longer than any refresh that is still to come
    expect(dialog).to_be_visible()
    watched.press("Delete it", dialog)
    expect(page.get_by_text(f"The run {run['name']} was deleted.")).to_be_visible()
