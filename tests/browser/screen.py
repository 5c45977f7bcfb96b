"""The app as a person meets it: a browser, a page of it, and what one does there."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

BROWSERS = ("chromium", "google-chrome")
# Without these it asks the net for updates, and as root, or without a GPU, it does not start.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
# Two shared cores may be busy: a screen of charts can take its time, and the attack's first import much of it.
expect.set_options(timeout=60_000)
LONG = 300_000

# Clicks, as the page is told of them by a person's mouse.
COUNT = "addEventListener('pointerdown', event => event.isTrusted && counted(), true);"
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window.

    Raises:
        RuntimeError: if none is installed.
    """
    place = next(filter(None, map(shutil.which, BROWSERS)), None)
    if place is None:
        raise RuntimeError(f"no browser here ({', '.join(BROWSERS)}). On Debian or Ubuntu: apt-get install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=place, args=FLAGS.split())
        yield browser
        browser.close()


@dataclass
class Screen:
    """One tab at the app.

    Attributes:
        clicks: presses of the mouse so far.
        runs: how often the app's script has come to its end.
        faults: what a page must never do: uncaught errors, dialogs of the browser, requests to other machines.
    """

    page: Page
    address: str
    clicks: int = 0
    runs: int = 0
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.expose_function("counted", self._count)
        self.page.add_init_script(COUNT)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._listen))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", lambda request: self._foreign(request.url))

        def refuse(dialog: Any) -> None:
            self.faults.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        self.page.on("dialog", refuse)

    def _count(self) -> None:
        self.clicks += 1

    def _listen(self, frame: str | bytes) -> None:
        # A run may be over before the page has drawn that it began: only the messages tell of every one.
        message = ForwardMsg.FromString(frame) if isinstance(frame, bytes) else ForwardMsg()
        ended = message.WhichOneof("type") == "script_finished"
        self.runs += ended and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN

    def _foreign(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"request: {url}")

    def open(self, name: str = "", **query: str) -> None:
        """Type an address."""
        self.page.goto(f"{self.address}/{name}?{urlencode(query)}")
        self.drawn()

    def drawn(self) -> None:
        """Wait until the page has its heading and the script has come to its end."""
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        self.settled()

    def settled(self) -> None:
        expect(self.page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        # Parts of the page whose code the browser still fetches.
        expect(self.page.get_by_test_id("stSkeleton")).to_have_count(0)
        expect(self.page.get_by_test_id("stException")).to_have_count(0)

    @contextlib.contextmanager
    def answered(self) -> Iterator[None]:
        """After what is done in the block, wait until the app's script has run once more."""
        before, patience = self.runs, time.monotonic() + 60
        yield
        while self.runs == before and time.monotonic() < patience:
            self.page.wait_for_timeout(20)
        assert self.runs > before, "the app's script did not run again"
        self.page.evaluate(TWO_FRAMES)
        self.settled()

    def choose(self, option: str) -> None:
        """Take one of a few options side by side."""
        one = self.page.get_by_role("radio", name=option, exact=True)
        if not one.is_checked():
            with self.answered():
                one.click()
        expect(one).to_be_checked()

    def heading(self, text: str) -> None:
        """Wait for a page by its heading."""
        expect(self.page.get_by_role("heading", level=1, name=text)).to_be_visible()
        self.settled()

    def press(self, name: str | re.Pattern[str], place: Page | Locator | None = None) -> None:
        """Press a button."""
        (place or self.page).get_by_role("button", name=name, exact=isinstance(name, str)).click()

    def folded(self, title: str) -> Locator:
        """A part of the form that is folded away, unfolded."""
        part = self.page.get_by_test_id("stExpander").filter(has_text=title)
        if not part.locator("details").evaluate("details => details.open"):
            part.locator("summary").click()
        return part

    def write(self, label: str, value: str, place: Locator | None = None) -> None:
        """Write into a field, and wait until the app has taken it in."""
        box = (place or self.page.get_by_test_id("stMain")).get_by_label(label, exact=True)
        if box.input_value() == value:
            return
        with self.answered():
            box.fill(value)
            box.press("Enter")
        expect(box).to_have_value(value)

    @property
    def chart(self) -> Locator:
        """The picture of the front."""
        chart = self.page.locator(".front-chart")
        expect(chart.locator("svg").first).to_be_visible()
        return chart

    def points(self) -> list[tuple[str, float, float]]:
        """The chart's students and where they are drawn, in pixels from the window's corner."""
        self.chart.scroll_into_view_if_needed()
        return [(name, x, y) for name, x, y in self.chart.evaluate("host => host.chart.places()")]

    def click_another_point(self) -> str:
        """Click a point of the chart that is not the student in hand, and under no other; returns its student."""
        points, here = self.points(), self.student()
        alone = [
            (name, x, y)
            for name, x, y in points
            if sum(max(abs(x - other), abs(y - beside)) < 12 for _, other, beside in points) == 1
        ]
        name, x, y = next(point for point in reversed(alone) if point[0] != here)
        self.page.mouse.click(x, y)
        return name

    def now(self, state: str, timeout: float = LONG) -> None:
        """Wait until the run in hand is in a state, as the sidebar says."""
        expect(self.sidebar.get_by_text(state).first).to_be_visible(timeout=timeout)

    @property
    def sidebar(self) -> Locator:
        return self.page.get_by_test_id("stSidebar")

    def student(self) -> str:
        """The student in hand, as the sidebar says."""
        return self.sidebar.get_by_label("Student", exact=True).input_value()
