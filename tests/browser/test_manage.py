"""What people keep of a run, in the browser: notes that outlive the server, settings copied and imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import RECORDED, Opener
from tests.browser.screen import Screen
from tests.conftest import Workshop
from tests.serving import serving

NOTE = "<script>window.harmed=1</script> keep **this** one: best so far"


def test_a_note_a_tag_and_a_pin_are_kept_over_a_restart(
    opener: Opener, made_workshop: Workshop, tmp_path: Path
) -> None:
    settings = {"ROSEARCH_HOME": str(tmp_path / "home"), "ROSEARCH_RECORDED": str(RECORDED)}
    settings["NLTK_DATA"] = made_workshop.nltk_data
    with serving(tmp_path, **settings) as (address, _):
        screen = opener(address)
        screen.open("export")
        page = screen.page
        student = screen.student()
        screen.press("Note and tags")
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Note", exact=True).fill(NOTE)
        tags = dialog.get_by_label("Tags", exact=True)
        for tag in ("small", "small"):
            tags.fill(tag)
            tags.press("Enter")
        tags.press("Tab")  # while its list is open, it hides all else from who asks by role
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_have_count(0)
        screen.settled()
        with screen.answered():
            screen.press("Pin")
    with serving(tmp_path, **settings) as (address, _):
        screen = opener(address)
        screen.open("export", student=student)
        page = screen.page
        expect(page.get_by_text(NOTE, exact=True)).to_be_visible()
        expect(page.locator(".stMarkdownBadge", has_text="small")).to_have_count(1)
        expect(page.get_by_role("button", name="Unpin")).to_be_visible()
        assert page.evaluate("window.harmed") is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_settings_are_copied_and_imported(opener: Opener, address: str, first: str, theme: str) -> None:
    screen = opener(address, color_scheme=theme)
    screen.open("export", run=first, export_what="Settings")
    page = screen.page
    text = page.get_by_test_id("stCode").nth(1).inner_text()
    assert '"made_by"' in text
    box = page.get_by_label("Settings as JSON", exact=True)
    box.fill(text.replace('"candidates": 3', '"candidates": 5'))
    box.press("Control+Enter")
    screen.settled()
    screen.press("Open in the search form")
    screen.heading("Search")
    expect(page.get_by_role("radio", name="imported settings")).to_be_checked()
    expect(page.get_by_test_id("stMain").get_by_label("Students to search", exact=True)).to_have_value("5")


def test_settings_of_another_version_are_refused(screen: Screen, first: str) -> None:
    screen.open("export", run=first, export_what="Settings")
    box = screen.page.get_by_label("Settings as JSON", exact=True)
    box.fill('{"made_by": "9.9.9", "search": {"wings": 3}}')
    box.press("Control+Enter")
    screen.settled()
    screen.press("Open in the search form")
    expect(screen.page.get_by_test_id("stAlert").filter(has_text="written by version 9.9.9")).to_be_visible()


def test_the_next_student_is_a_key_away(screen: Screen, first: str) -> None:
    screen.open("architecture", run=first, student="s0001")
    with screen.answered():
        screen.page.keyboard.press("j")
    expect(screen.sidebar.get_by_label("Student", exact=True)).to_have_value("s0002")
