"""A newcomer's whole way: open, understand what was found, attack, and watch a small search of their own grow."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.browser.conftest import Opener, fill_form
from tests.browser.screen import LONG
from tests.browser.test_attack import VERDICT
from tests.browser.test_search import COUNT_OF_POINTS
from tests.conftest import Workshop

MOST_CLICKS, MOST_SECONDS = 6, 60


def test_a_first_visit_shows_a_recorded_run_and_how_to_begin(opener: Opener, new_address: str) -> None:
    screen = opener(new_address)
    screen.open()
    screen.heading("RoSearch Explorer")
    expect(screen.page.get_by_text("Recorded run example")).to_be_visible()
    expect(screen.page.get_by_role("heading", level=4)).to_contain_text(re.compile("Under .* the teacher falls from"))
    assert len(screen.points()) > 3
    screen.press("Start your own search")
    screen.heading("Search")
    expect(screen.page.get_by_role("button", name="Start the search")).to_be_visible()


def test_a_newcomer_understands_attacks_and_watches_a_search_grow(
    opener: Opener, new_address: str, new_workshop: Workshop
) -> None:
    screen = opener(new_address)
    page, began = screen.page, time.monotonic()
    screen.open()
    expect(page.get_by_role("heading", level=4)).to_contain_text("the teacher falls from")
    expect(page.get_by_text("One sentence of this run")).to_be_visible()
    screen.press(re.compile("^.*Attack it now: "))
    screen.heading("Attack")
    expect(page.get_by_label("Your sentence", exact=True)).not_to_have_value("")
    expect(page.get_by_text("Recorded by the search on this sentence")).to_be_visible()
    screen.settled()
    screen.press("Attack (Ctrl+Enter)")
    expect(page.locator(VERDICT).first).to_be_visible(timeout=LONG)
    seconds = time.monotonic() - began
    print(f"newcomer: {seconds:.0f} s, {screen.clicks} clicks")
    assert screen.clicks <= MOST_CLICKS
    assert seconds <= MOST_SECONDS

    screen.open("search", run="example")
    screen.choose("New search")
    fill_form(screen, new_workshop.data, new_workshop.encoder)
    screen.write("Run name", "mine")
    screen.press("Start the search")
    expect(page.get_by_text("In work")).to_be_visible()
    page.wait_for_function(f"{COUNT_OF_POINTS} >= 1", timeout=LONG)
    before = page.evaluate(COUNT_OF_POINTS)
    page.wait_for_function(f"{COUNT_OF_POINTS} > {before}", timeout=LONG)
    expect(page.get_by_role("list", name="Events")).to_contain_text("joined the front")
