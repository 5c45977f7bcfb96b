"""A visitor of a shared demo: looks, attacks, exports, is offered nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import RECORDED, Opener
from tests.browser.screen import LONG
from tests.browser.test_attack import attack_the_first_example
from tests.conftest import fetched
from tests.serving import serving

FORBIDDEN = (
    "Start a search", "Start your own search", "Start the search", "Delete", "Stop", "Resume", "Duplicate settings",
)  # fmt: skip
PAGES = ("", "search", "front", "statistics", "architecture", "attack", "export")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A demo's address and home folder, with the recorded run that comes with the program."""
    home = tmp_path / "home"
    settings = {"ROSEARCH_HOME": str(home), "ROSEARCH_RECORDED": str(RECORDED), "ROSEARCH_MODE": "demo"}
    with serving(tmp_path, NLTK_DATA=nltk_data(), **settings) as (address, _):
        yield address, home


def nltk_data() -> str:
    return str(fetched("stopwords").parents[1])


def test_a_visitor_is_offered_nothing_that_acts_and_sees_no_path(demo: tuple[str, Path], opener: Opener) -> None:
    address, home = demo
    screen = opener(address)
    for page in PAGES:
        screen.open(page, run="example")
        offered = screen.page.get_by_test_id("stButton").all_inner_texts()
        assert offered
        assert not [name for name in offered if name.strip().endswith(FORBIDDEN)], (page, offered)
        expect(screen.page.get_by_role("radio", name="New search")).to_have_count(0)
        expect(screen.page.get_by_test_id("stFileUploader")).to_have_count(0)
        assert str(home) not in screen.page.content()


def test_a_visitor_attacks_and_exports(demo: tuple[str, Path], opener: Opener) -> None:
    screen = opener(demo[0])
    screen.open("attack", run="example", student="s0006")
    attack_the_first_example(screen)
    screen.choose("A few sentences")
    expect(screen.page.get_by_test_id("stFileUploader")).to_have_count(0)
    screen.open("export", run="example", student="s0006")
    screen.press("Create the checkpoint")
    expect(screen.page.get_by_role("button", name="Checkpoint (zip")).to_be_visible(timeout=LONG)
