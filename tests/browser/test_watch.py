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
from tests.app.conftest import fill, make_running
from tests.app.test_pages import measure_one_more
from tests.browser.conftest import Opener
from tests.browser.screen import Screen
from tests.browser.test_search import COUNT_OF_POINTS
from tests.serving import serving


@pytest.fixture
def run_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A run 'live' of six students, whose heart beats until it is said to have ended."""
    monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    run, ended = fill("live", students=6, finished=False), threading.Event()
    make_running(run)

    def beat() -> None:
        while not ended.wait(1.0):
            Store.write().update_run(run, heartbeat=time.time())

    thread = threading.Thread(target=beat)
    thread.start()
    yield run
    ended.set()
    thread.join()


@pytest.fixture
def watched(run_id: int, tmp_path: Path, opener: Opener) -> Iterator[Screen]:
    with serving(tmp_path, ROSEARCH_RECORDED=str(tmp_path / "none.zip")) as (address, _):
        screen = opener(address)
        screen.page.goto(f"{address}/search?run=live")  # a live page is never at rest for long
        expect(screen.page.get_by_text("In work")).to_be_visible()
        screen.page.wait_for_function(f"{COUNT_OF_POINTS} === 6")
        yield screen


def test_a_new_student_appears_by_itself_and_the_zoom_stays(watched: Screen, run_id: int) -> None:
    page = watched.page
    expect(page).to_have_title("(6/43) live")
    page.get_by_role("button", name="Zoom in").click()
    zoom = watched.chart.evaluate("host => host.chart.zoom")
    measure_one_more(run_id)
    page.wait_for_function(f"{COUNT_OF_POINTS} === 7")
    assert watched.chart.evaluate("host => [...host.chart.fresh.keys()]") == ["s0050"], "it is marked as new"
    assert watched.chart.evaluate("host => host.chart.zoom") == zoom
    expect(page).to_have_title("(7/43) live")
    expect(page.get_by_role("list", name="Events")).to_contain_text("s0050")


def test_a_click_in_a_live_picture_takes_the_student_in_hand(watched: Screen) -> None:
    name, x, y = next(point for point in watched.points()[::-1] if point[0] != watched.student())
    watched.page.mouse.click(x, y)
    expect(watched.chart.locator(f"[data-ring={name}]")).to_have_count(1)
    expect(watched.sidebar.get_by_label("Student", exact=True)).to_have_value(name)


def test_the_end_is_told_and_the_dialog_of_delete_stays_until_it_is_answered(watched: Screen, run_id: int) -> None:
    page = watched.page
    Store.write().update_run(run_id, exit={"reason": "stopped", "message": "", "time": time.time()})
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(page.get_by_text(re.compile("live: the search is stopped, 6 of 43 students"))).to_be_visible()
    page.wait_for_timeout(3000)  # longer than any refresh that is still to come
    expect(dialog).to_be_visible()
    watched.press("Delete it", dialog)
    expect(page.get_by_text("The run live was deleted.")).to_be_visible()
