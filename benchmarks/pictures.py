"""The README's pictures: `python -m benchmarks.pictures`, from the repository.

Opens the app in a browser as a newcomer would, with the recorded run, or with `--run` on one of this machine's. Needs
what `make setup-browser` brings.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import expect

from benchmarks.own_home import own_home
from rosearch_engine.store import Store
from tests.browser.screen import LONG, Screen, chromium
from tests.serving import serving

SENTENCE = "a warm and funny film with a great cast and a moving story"
WIDTH = 1400


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--run", help="one of this machine's runs, instead of the recorded one")
    options.add_argument("--to", type=Path, default=Path("docs"), help="folder of the pictures")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, _app(Path(folder), chosen.run) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        screen, run = Screen(page, address), {"run": chosen.run} if chosen.run else {}

        screen.open("front", **run)
        screen.points()
        _take(screen, chosen.to / "front.png", most=1080)

        screen.open("architecture", **run, student=_most_joined(chosen.run))
        page.get_by_role("button", name=re.compile("^Transformer layer,")).first.click()
        expect(page.get_by_role("heading", level=3, name="Transformer layer")).to_be_visible()
        _take(screen, chosen.to / "architecture.png", most=1130)

        screen.open("attack", **run)
        page.get_by_label("Your sentence", exact=True).fill(SENTENCE)
        page.get_by_label("Your sentence", exact=True).press("Control+Enter")
        expect(page.get_by_text("Class probabilities")).to_be_visible(timeout=LONG)
        _take(screen, chosen.to / "attack.png")


@contextmanager
def _app(folder: Path, run: str | None) -> Iterator[str]:
    """The app's address: over this machine's runs if one is named, else over none but the recorded one."""
    if not run:
        own_home(folder / "home")
    with serving(folder) as (address, _):
        yield address


def _most_joined(run: str | None) -> str:
    """The student whose architecture has most to show."""
    store = Store.read()
    students = store.students(store.run(run or store.runs()[0]["name"])["id"])
    done = [row for row in students if row["status"] == "done"]
    return max(done, key=lambda row: len(row["genome"]["edges"]))["name"]


def _take(screen: Screen, file: Path, most: int = 1400) -> None:
    """A picture of the whole page, down to a height."""
    screen.settled()
    height = screen.page.get_by_test_id("stMain").evaluate("main => main.firstElementChild.scrollHeight")
    screen.page.set_viewport_size({"width": WIDTH, "height": min(most, height)})
    screen.page.mouse.move(0, 0)
    screen.settled()
    screen.page.screenshot(path=file, animations="disabled")
    print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
