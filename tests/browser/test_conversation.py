"""The attack as a conversation, in the browser: a swap by hand, the teacher beside the student, a fallen sentence."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Opener
from tests.browser.screen import LONG, Screen

SENTENCE = "a warm and funny film with a great cast and a moving story"


def verdicts(screen: Screen) -> list[str]:
    return [str(one.get_attribute("data-verdict")) for one in screen.page.locator("[data-verdict]").all()]


def attack(screen: Screen, text: str) -> None:
    screen.page.get_by_label("Your sentence", exact=True).fill(text)
    screen.page.get_by_label("Your sentence", exact=True).press("Control+Enter")
    expect(screen.page.get_by_text("Class probabilities")).to_be_visible(timeout=LONG)
    screen.settled()


def test_student_and_teacher_stand_side_by_side_and_the_link_leads_back(
    screen: Screen, opener: Opener, address: str, first: str
) -> None:
    screen.open("attack", run=first, student="s0001")
    page = screen.page
    page.get_by_role("combobox", name=re.compile("Models")).click()
    page.get_by_role("option", name=re.compile("^teacher")).click()
    page.keyboard.press("Escape")
    right = page.get_by_role("radiogroup", name=re.compile("What is right")).get_by_role("radio").nth(1)
    label = right.inner_text()
    right.click()
    attack(screen, SENTENCE)
    assert len(verdicts(screen)) == 3, "a row a model, and the one in detail"
    rows = page.get_by_test_id("stHtml").filter(has_text="teacher · ")
    expect(rows).to_contain_text("s0001 · ")
    with screen.answered():
        page.get_by_role("radio", name=re.compile("^teacher · ")).click()
    assert "text=a+warm+and+funny" in page.url
    other = opener(address)
    other.page.goto(page.url)
    other.drawn()
    expect(other.page.get_by_label("Your sentence", exact=True)).to_have_value(SENTENCE)
    expect(other.page.get_by_role("radio", name=label, exact=True)).to_be_checked()
    expect(other.page.get_by_test_id("stMultiSelect")).to_contain_text("teacher · ")


def test_a_link_with_a_text_that_is_too_long_is_refused(screen: Screen, first: str) -> None:
    screen.open("attack", run=first, text="dull " * 1000)
    expect(screen.page.get_by_test_id("stAlert").filter(has_text="Use at most 1,000")).to_be_visible()
    expect(screen.page.get_by_label("Your sentence", exact=True)).to_have_value("")


def test_a_word_is_swapped_by_hand(screen: Screen, first: str) -> None:
    screen.open("attack", run=first, student="s0001")
    attack(screen, SENTENCE)
    page = screen.page
    say = page.get_by_label("Say instead", exact=True)
    say.click()
    say.fill("dreadful")
    page.keyboard.press("Enter")
    screen.settled()
    with screen.answered():
        screen.press(re.compile("What if"))
    expect(page.locator("ins", has_text="dreadful")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^(still \d|\d → \d)$"))).to_be_visible()
    with screen.answered():
        screen.press(re.compile("Take the swaps back"))
    expect(page.locator("ins", has_text="dreadful")).to_have_count(0)


def test_a_fallen_sentence_is_opened_and_attacked_anew(screen: Screen, first: str) -> None:
    screen.open("attack", run=first, student="s0001", attack_with="Which sentences fell")
    page = screen.page
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_visible()
    box = table.bounding_box()
    assert box is not None
    with screen.answered():
        page.mouse.click(box["x"] + 18, box["y"] + 36 + 17)  # the first row's mark, below the header
    opened = page.locator("[data-verdict]").first
    expect(opened).to_be_visible()
    with screen.answered():
        screen.press("Attack this sentence")
    text = page.get_by_label("Your sentence", exact=True)
    expect(text).not_to_have_value("")
    expect(page.get_by_role("radio", name="don't know", exact=True)).not_to_be_checked()
