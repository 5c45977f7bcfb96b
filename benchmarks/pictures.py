"""The README's pictures, of a real run of this machine: `python -m benchmarks.pictures demo`, from the repository.

Opens the app in a browser as a reader would, and needs what `make setup-browser` brings.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from rosearch_engine.config import PRESETS
from tests.browser.screen import LONG, Screen, chromium
from tests.serving import serving

SENTENCE = "a warm and funny film with a great cast and a moving story"
WIDTH = 1400


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("run", nargs="?", default=next(iter(PRESETS)))
    options.add_argument("--to", type=Path, default=Path("docs"), help="folder of the pictures")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (address, _), chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        screen = Screen(page, address)

        screen.open("front", run=chosen.run)
        screen.points()
        _take(screen, chosen.to / "front.png", most=1080)

        screen.open("architecture", run=chosen.run)
        page.locator("svg .node").nth(1).click()
        expect(page.get_by_text("Click a node")).to_have_count(0)
        _take(screen, chosen.to / "architecture.png")

        screen.open("attack", run=chosen.run)
        page.get_by_label("Your sentence", exact=True).fill(SENTENCE)
        page.get_by_label("Your sentence", exact=True).press("Control+Enter")
        expect(page.get_by_text("What the model thinks")).to_be_visible(timeout=LONG)
        _take(screen, chosen.to / "attack.png")


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
