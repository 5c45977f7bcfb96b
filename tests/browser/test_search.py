"""A search in the browser: the way from the form to the front, stop, resume, reload."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser.conftest import Opener
from tests.browser.screen import LONG, Screen

# Students in the picture of the front, which lies in a part of the page of its own.
COUNT_OF_POINTS = (
    "[...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]"
    ".map(place => place.shadowRoot?.querySelector('.front-chart')?.chart?.rows.length ?? 0).reduce((a, b) => a + b, 0)"
)


def test_a_search_goes_from_the_form_to_the_front(screen: Screen, first: str) -> None:
    screen.open("search", run=first)
    screen.choose("Watch")
    expect(figures(screen)).to_have_text("5 / 5")
    screen.press("Explore the Pareto front")
    screen.heading("Pareto front")
    expect(screen.page.get_by_text(f"Run {first} · 5 students measured")).to_be_visible()
    assert {name for name, _, _ in screen.points()} == {"s0001", "s0002", "s0003", "s0004", "s0005"}


def test_a_search_survives_a_reload_and_a_stop(screen: Screen, first: str, opener: Opener) -> None:
    page = screen.page
    screen.open("search", run=first)
    screen.choose("New search")
    screen.choose(f"copy of {first}")
    screen.write("Students to search", "200")
    screen.write("Run name", "second")
    screen.press("Start the search")
    watch_the_front_grow(screen)
    assert measured(screen, after=0) < 202

    page.reload()
    screen.drawn()
    screen.now("running")
    other = opener(screen.address)
    other.open("front", run="second")
    other.now("running")
    seen = measured(screen, after=0)

    screen.press("Stop")
    screen.press("Stop the search", page.get_by_role("dialog"))
    screen.now("stopped")
    screen.press("Resume")
    screen.now("running")
    assert seen < measured(screen, after=seen) < 202
    screen.press("Stop")
    screen.press("Stop the search", page.get_by_role("dialog"))
    screen.now("stopped")

    # Deleted while the other tab looks at it; asked at once, when the sidebar has yet to learn that it stopped.
    screen.press("Delete")
    dialog = page.get_by_role("dialog")
    page.wait_for_timeout(7000)
    expect(dialog).to_be_visible()
    screen.press("Delete it", dialog)
    expect(page.get_by_text("The run second was deleted.")).to_be_visible()
    expect(screen.sidebar.get_by_label("Run", exact=True)).to_have_value(first)
    other.press("View its architecture")
    expect(other.page.get_by_text("second no longer exists. Showing")).to_be_visible()
    expect(other.sidebar.get_by_label("Run", exact=True)).to_have_value(first)


def watch_the_front_grow(screen: Screen) -> None:
    """New points appear by themselves, with a line in the events, in the title's count, and the zoom stays."""
    page = screen.page
    expect(page.get_by_text("In work")).to_be_visible()
    page.wait_for_function(COUNT_OF_POINTS + " >= 1", timeout=LONG)
    expect(page.get_by_role("list", name="Events")).to_contain_text("joined the front")
    page.get_by_role("button", name="Zoom in").click()
    zoom = screen.chart.evaluate("host => host.chart.zoom")
    before = page.evaluate(COUNT_OF_POINTS)
    page.wait_for_function(f"{COUNT_OF_POINTS} > {before}", timeout=LONG)
    assert screen.chart.evaluate("host => host.chart.fresh.size") >= 1
    assert screen.chart.evaluate("host => host.chart.zoom") == zoom
    expect(page).to_have_title(re.compile(r"^\([1-9]\d*/202\) second$"))


def measured(screen: Screen, after: int) -> int:
    """Students that the watched run says it has measured, once they are more than so many."""
    fewer = "|".join(map(str, range(after + 1)))
    figure = figures(screen)
    expect(figure).to_have_text(re.compile(rf"^(?!({fewer}) )\d+ / 202$"), timeout=LONG)
    return int(figure.inner_text().split("/")[0])


def figures(screen: Screen) -> Locator:
    """How many students of how many the watched run has measured."""
    metric = screen.page.get_by_test_id("stMetric").filter(has_text="Students measured")
    return metric.get_by_test_id("stMetricValue")
