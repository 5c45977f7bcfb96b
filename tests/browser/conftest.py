"""A server, a browser and a real run that was searched through the form."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.screen import Screen, chromium
from tests.conftest import ROOT, Workshop
from tests.serving import serving

RUN = "first"
RECORDED = ROOT / "rosearch_engine" / "recorded" / "demo.zip"
Opener = Callable[..., Screen]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as started:
            yield started
    except RuntimeError as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def address(made_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over the workshop's home folder, which starts without a run."""
    with serving(tmp_path_factory.mktemp("typed_here"), **made_workshop.environment) as (address, _):
        yield address
    _end_searches(made_workshop)


@pytest.fixture(scope="session")
def new_workshop(made_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The workshop's sentences and encoder beside a home folder that begins empty."""
    return dataclasses.replace(made_workshop, home=tmp_path_factory.mktemp("newcomer") / "home")


@pytest.fixture(scope="session")
def new_address(new_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app as a newcomer gets it: an empty home folder, and the recorded run that comes with the program."""
    settings = new_workshop.environment | {"ROSEARCH_RECORDED": str(RECORDED)}
    with serving(tmp_path_factory.mktemp("newcomer_here"), **settings) as (address, _):
        yield address
    _end_searches(new_workshop)


def _end_searches(workshop: Workshop) -> None:
    from rosearch_engine.runs import process
    from rosearch_engine.store import Store

    with workshop.entered():
        for run in Store.read().runs():
            if process.state(run) in process.ALIVE:
                process.stop(run["name"], force=True)


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> dict[str, BrowserContext]:
    """A browser's state for each look of a window, so that the app's own files are fetched once."""
    return {}


@pytest.fixture
def opener(browser: Browser, contexts: dict[str, BrowserContext]) -> Iterator[Opener]:
    """Opens tabs; at the end none of them may have done what a page must not do."""
    opened: list[Screen] = []

    def tab(address: str, **look: Any) -> Screen:
        whole = {"viewport": {"width": 1400, "height": 900}, "color_scheme": "light"} | look
        name = json.dumps(whole, sort_keys=True)
        if name not in contexts:
            contexts[name] = browser.new_context(**whole)
        opened.append(Screen(contexts[name].new_page(), address))
        return opened[-1]

    yield tab
    for screen in opened:
        screen.page.close()
        assert screen.faults == []


@pytest.fixture
def screen(opener: Opener, address: str, first: str) -> Screen:
    """A tab at the app that has a finished run."""
    return opener(address)


@pytest.fixture(scope="session")
def first(browser: Browser, address: str, made_workshop: Workshop) -> str:
    """Name of a small real run: set up in the form with one's own file, started, and watched to its end."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    screen = Screen(context.new_page(), address)
    screen.open("search")
    fill_form(screen, made_workshop.data, made_workshop.encoder)
    screen.write("Run name", RUN)
    screen.press("Start the search")
    expect(screen.sidebar.get_by_label("Run", exact=True)).to_have_value(RUN)
    screen.now("finished")
    context.close()
    assert screen.faults == []
    return RUN


def fill_form(screen: Screen, data: Path, teacher: Path) -> None:
    """Ask for a search that takes seconds and leaves nothing out."""
    page = screen.page
    screen.choose("standard")
    screen.choose("My own file")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(data)
    expect(page.get_by_role("button", name="Preview the data")).to_be_visible()
    screen.settled()
    screen.write("Students to search", "3")
    numbers = {
        "Data:": {
            "Rows to use (at most)": "1600",
            "Validation sentences": "100",
            "Sentences the search may attack": "40",
            "Held-out sentences": "40",
        },
        "Teacher:": {"Teacher model": str(teacher), "Fine-tuning (epochs)": "6", "Fine-tuning learning rate": "0.003"},
        "Search space:": {
            "Operations per student (at most)": "3",
            "Embedding rank (dimensions)": "8, 16",
            "Kappas (gene)": "",
            "Coefficients": "3",
        },
        "Distillation:": {
            "Distillation (epochs)": "2",
            "Weight of the worst case κ": "0.1",
            "Distillation learning rate": "0.003",
            "Batch size (word pieces)": "640",
        },
        "Attack:": {"Attacked sentences per student": "12"},
        "Search:": {"Population (parents)": "2", "Plain chains per input code": "1"},
    }
    for title, fields in numbers.items():
        part = screen.folded(title)
        for label, value in fields.items():
            screen.write(label, value, part)
    space = screen.folded("Search space:")
    for chip in ("characters", "none", "free", "bounded"):
        space.get_by_role("button", name=f"Remove {chip}", exact=True).click()
        screen.settled()
    space.get_by_role("combobox", name="Context", exact=True).click()
    page.get_by_role("option", name="invariant", exact=True).click()
    screen.settled()
