"""The attack in the browser, with a person's sentence and with a hostile one; and the newcomer's whole way."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.browser.conftest import Opener
from tests.browser.screen import LONG, Screen

VERDICT = re.compile(r"^(gpp_bad |verified_user |error )?(Fooled|Held|Already wrong)\.")
HOSTILE = (
    "<script>window.harmed=1</script> <img src=nowhere onerror=window.harmed=1> a **funny** "
    "[film](javascript:alert(1)) :red[that] $x^2$ never `dies` 🎬👩‍👩‍👧 \u202eاللوحة\u202c it \u0007\u001b is "
    "&lt;b&gt; charming </textarea></style> {{x}} %s"
)


def test_an_example_is_attacked(screen: Screen, first: str) -> None:
    screen.open("attack", run=first)
    attack_the_first_example(screen)
    page = screen.page
    expect(page.get_by_text("What the model thinks")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\d+ queries in [\d.]+ s\.$"))).to_be_visible()
    with page.expect_download() as saved:
        screen.press(re.compile("JSON"))
    assert saved.value.suggested_filename.startswith("attack-s0")


def test_a_hostile_sentence_is_shown_as_text(screen: Screen, first: str) -> None:
    screen.open("attack", run=first)
    page = screen.page
    page.get_by_label("Your sentence", exact=True).fill(HOSTILE)
    page.get_by_label("Your sentence", exact=True).press("Control+Enter")
    expect(page.get_by_test_id("stAlert").get_by_text(VERDICT)).to_be_visible(timeout=LONG)
    shown = page.get_by_text("What the model thinks")
    expect(shown).to_be_visible()
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("<script>window.harmed=1</script>")
    for strange in ("img[src=nowhere]", "a[href^=javascript]", ".katex", "b"):
        expect(main.locator(strange)).to_have_count(0)
    page.reload()
    screen.drawn()
    assert page.evaluate("window.harmed") is None


def test_a_newcomer_attacks_an_example_within_a_minute_and_six_clicks(opener: Opener, new_address: str) -> None:
    screen = opener(new_address)
    began = time.monotonic()
    screen.open()
    name = screen.click_another_point()
    expect(screen.sidebar.get_by_label("Student", exact=True)).to_have_value(name)
    screen.sidebar.get_by_role("link", name="Architecture").click()
    screen.heading("Architecture")
    expect(screen.page.locator("svg .node").first).to_be_visible()
    screen.press("Attack it")
    screen.heading("Attack")
    others = screen.page.get_by_role("button", name=re.compile("after attack$"))
    if others.count():  # the recorded run came without this student's weights
        others.first.click()
        expect(others).to_have_count(0)
    attack_the_first_example(screen)
    seconds = time.monotonic() - began
    print(f"newcomer: {seconds:.0f} s, {screen.clicks} clicks")
    assert screen.clicks <= 6
    assert seconds <= 60


def attack_the_first_example(screen: Screen) -> None:
    """Take the first example and attack the student in hand with it."""
    examples = screen.page.get_by_role("radiogroup", name="Examples, as the search attacked them")
    examples.get_by_role("radio").first.click()
    expect(screen.page.get_by_label("Your sentence", exact=True)).not_to_have_value("")
    screen.settled()
    screen.press("Attack (Ctrl+Enter)")
    expect(screen.page.get_by_test_id("stAlert").get_by_text(VERDICT)).to_be_visible(timeout=LONG)
