"""The attack in the browser, with a person's sentence and with a hostile one."""

from __future__ import annotations

import re

import psutil
from playwright.sync_api import expect

from tests.browser.screen import LONG, Screen

VERDICT = '[role="status"][data-verdict]'
HOSTILE = (
    "<script>window.harmed=1</script> <img src=nowhere onerror=window.harmed=1> a **funny** "
    "[film](javascript:alert(1)) :red[that] $x^2$ never `dies` 🎬👩‍👩‍👧 \u202eاللوحة\u202c it \u0007\u001b is "
    "&lt;b&gt; charming </textarea></style> {{x}} %s"
)


def test_an_example_is_attacked(screen: Screen, first: str) -> None:
    screen.open("attack", run=first)
    attack_the_first_example(screen)
    page = screen.page
    expect(page.get_by_text("Class probabilities")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\d+ (query|queries) in [\d.]+ s\.$"))).to_be_visible()
    with page.expect_download() as saved:
        screen.press(re.compile("JSON"))
    assert saved.value.suggested_filename.startswith("attack-s0")


def test_a_hostile_sentence_is_shown_as_text(screen: Screen, first: str) -> None:
    screen.open("attack", run=first)
    page = screen.page
    page.get_by_label("Your sentence", exact=True).fill(HOSTILE)
    page.get_by_label("Your sentence", exact=True).press("Control+Enter")
    expect(page.locator(VERDICT)).to_be_visible(timeout=LONG)
    shown = page.get_by_text("Class probabilities")
    expect(shown).to_be_visible()
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("<script>window.harmed=1</script>")
    for strange in ("img[src=nowhere]", "a[href^=javascript]", ".katex", "b"):
        expect(main.locator(strange)).to_have_count(0)
    page.reload()
    screen.drawn()
    assert page.evaluate("window.harmed") is None


def test_an_attack_process_that_dies_is_told_of_and_starts_anew(screen: Screen, first: str) -> None:
    screen.open("attack", run=first)
    page = screen.page
    attack_the_first_example(screen)
    page.get_by_label("Your sentence", exact=True).fill("a truly dreadful and wonderful film about people " * 20)
    page.get_by_label("Query budget", exact=True).fill("20000")
    page.get_by_label("Your sentence", exact=True).press("Control+Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    (worker,) = [one for one in psutil.Process().children(recursive=True) if "attack-worker" in one.cmdline()]
    worker.kill()
    expect(page.get_by_text("the attack process ended unexpectedly").first).to_be_visible()
    attack_the_first_example(screen, number=1)


def test_a_broken_file_is_refused_with_a_remedy_and_a_good_one_is_taken(screen: Screen, first: str) -> None:
    screen.open("attack", run=first)
    screen.choose("A few sentences")
    upload = screen.page.get_by_test_id("stFileUploaderDropzoneInput")
    upload.set_input_files({"name": "mine.parquet", "mimeType": "application/octet-stream", "buffer": b"PAR1\0\xff"})
    refused = screen.page.get_by_test_id("stAlert").filter(has_text="file")
    expect(refused).to_contain_text("mine.parquet")
    upload.set_input_files({"name": "mine.csv", "mimeType": "text/csv", "buffer": b"text\na fine film\na dull film\n"})
    expect(screen.page.get_by_role("button", name="Attack 2 sentences")).to_be_visible()
    expect(refused).to_have_count(0)


def test_a_text_beyond_the_limit_is_not_attacked(screen: Screen, first: str) -> None:
    screen.open("attack", run=first)
    box = screen.page.get_by_label("Your sentence", exact=True)
    box.fill("dull " * 2000)
    box.press("Control+Enter")
    screen.settled()
    expect(screen.page.get_by_text(re.compile("/1000"))).to_be_visible()
    expect(screen.page.locator(VERDICT)).to_have_count(0)


def attack_the_first_example(screen: Screen, number: int = 0) -> None:
    """Take the first example, or a later one, and attack the student in hand with it."""
    examples = screen.page.get_by_role("radiogroup", name=re.compile("^Examples from the search"))
    examples.get_by_role("radio").nth(number).click()
    expect(screen.page.get_by_label("Your sentence", exact=True)).not_to_have_value("")
    screen.settled()
    screen.press("Attack (Ctrl+Enter)")
    expect(screen.page.locator(VERDICT)).to_be_visible(timeout=LONG)
