"""How fast is the app, as its users meet it? `python -m benchmarks.app`, from the repository.

Starts the app as a person does and opens it in Chromium, with the recorded run and a run of some thousand students
beside it. That run's architectures are drawn from the real space; its figures are drawn around those of the recorded
run's students, and serve for nothing but the load. Needs what `make setup-browser` brings.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Browser, Page

from benchmarks.load import LOAD, Load
from benchmarks.own_home import own_home
from tests.browser.screen import chromium
from tests.serving import serving, serving_script

# Page, its query beside the run, and what must be there for it to be of use.
PAGES: dict[str, tuple[str, dict[str, str], str]] = {
    "Overview": ("", {}, ".front-chart [data-name]"),
    "Search": ("search", {}, "[data-testid=stNumberInput]"),
    "Front": ("front", {}, ".front-chart [data-name]"),
    "Statistics": ("statistics", {}, ".parallel canvas"),
    "Architecture": ("architecture", {"student": "s0007"}, "svg .node"),
    "Export": ("export", {"student": "s0007"}, "[data-testid=stMain] button[kind=primary]"),
    "Attack": ("attack", {"student": "s0007"}, "textarea"),
}
WATCH: tuple[str, dict[str, str], str] = ("search", {}, ".front-chart [data-name]")
# Notes when the page's own heading is there, and since when what is waited for is there and nothing is at work.
STOPWATCH = """
window.runs = 0;
const there = awaited => [document, ...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
  .some(place => (place.shadowRoot || place).querySelector(awaited));
const clock = setInterval(() => {
  const at = performance.now(), app = document.querySelector('[data-testid=stApp]');
  if (!window.heading && document.querySelector('h1')) window.heading = at;
  const usable = app && app.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton]') && there(window.awaited);
  window.usable = usable ? window.usable || at : 0;
}, 20);
new MutationObserver(seen => seen.forEach(({target}) => runs += target.dataset.testScriptState === 'notRunning'))
  .observe(document, {subtree: true, attributes: true, attributeFilter: ['data-test-script-state']});
"""
STILL = 700  # ms for which a page must stay usable to count
LOADS = 3
# Of twenty words, each with one that the other lacks.
SENTENCES = {
    "lighthouse": "a warm and funny film about an old lighthouse with a great cast and a moving story that never drags",
    "harbour": "this long and rather dull film about a small harbour wastes its cast on stale jokes that nobody likes",
}
VISITORS = 20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--students", type=int, nargs="+", default=[1000, 5000])
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    machine = {"cpus": os.cpu_count(), "load": os.getloadavg()[0]}
    measured = {}
    for students in given.students:
        measured[students] = measure(students)
        if not given.json:
            _print(students, measured[students])
    print(json.dumps({"machine": machine, "students": measured}) if given.json else f"machine: {machine}")


def measure(students: int) -> dict[str, Any]:
    """All figures at a number of students; times in seconds, sizes in megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        own_home(home)
        load = Load(students)
        began = time.perf_counter()
        with serving(Path(folder), ROSEARCH_HOME=str(home)) as (address, server), chromium() as browser:
            found: dict[str, Any] = {"start": time.perf_counter() - began}
            found["cold"] = _visit(browser, server, address, *PAGES["Overview"])
            found["attacks"] = _attacks(browser, address, load.model)
            found["pages"] = {name: _page(browser, server, address, *page) for name, page in PAGES.items()}
            found["refresh"] = _refresh(browser, server, address, load)
            found["visitors"] = _visitors(browser, server, address, *PAGES["Front"])
            found["memory"] = server.memory_info().rss / 1e6
            found["torch"] = any("libtorch" in file.path for file in server.memory_maps())
        empty = Path(folder) / "empty.py"
        empty.write_text("import streamlit\n\nstreamlit.title('Empty')\n")
        with serving_script(empty, Path(folder), {}) as (address, server), chromium() as browser:
            found["empty"] = _visitors(browser, server, address, "", {}, "h1")
    return found


def _attacks(browser: Browser, address: str, run: str) -> list[float]:
    """Seconds from the press to the verdict: of the first attack, whose press waits for TextAttack to load, and the
    next, on the recorded run's student."""
    page, times = _tab(browser), []
    _open(page, address, "attack", {"run": run}, "textarea")
    _wait(page)
    for word, sentence in SENTENCES.items():
        box = page.get_by_label("Your sentence", exact=True)
        box.fill(sentence)
        began = time.perf_counter()
        box.press("Control+Enter")
        page.get_by_test_id("stHtml").filter(has_text=word, visible=True).first.wait_for(timeout=300_000)
        page.get_by_text("Class probabilities").wait_for()
        times.append(time.perf_counter() - began)
    page.context.close()
    return times


def _page(browser: Browser, server: psutil.Popen, address: str, name: str, query: dict[str, str], awaited: str) -> Any:
    """The first visit of a page, and the median of some more, each by a new visitor with nothing in store."""
    visits = [_visit(browser, server, address, name, query, awaited)]
    _wait_for_children(server)
    visits += [_visit(browser, server, address, name, query, awaited) for _ in range(LOADS)]
    return {"first": visits[0]} | {key: statistics.median(one[key] for one in visits[1:]) for key in visits[0]}


def _visit(
    browser: Browser, server: psutil.Popen, address: str, name: str, query: dict[str, str], awaited: str
) -> dict[str, float]:
    """Seconds from the request to the first paint, to the page's heading, and until it can be used; and the server's
    own processor seconds for it."""
    page = _tab(browser)
    before = _processor(server)
    _open(page, address, name, query, awaited)
    found = _wait(page)
    found["server"] = _processor(server) - before
    page.context.close()
    return found


def _wait_for_children(server: psutil.Popen) -> None:
    """The first visit of Attack starts the process that attacks: it loads for seconds."""
    for child in server.children(recursive=True):
        while child.cpu_percent(1.0) > 5:
            pass


def _tab(browser: Browser) -> Page:
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.add_init_script(STOPWATCH)
    return page


def _open(page: Page, address: str, name: str, query: dict[str, str], awaited: str) -> None:
    page.add_init_script(f"window.awaited = {json.dumps(awaited)}")
    page.goto(f"{address}/{name}?{urlencode({'run': LOAD} | query)}", wait_until="commit")


def _wait(page: Page) -> dict[str, float]:
    page.wait_for_function(f"window.usable && performance.now() - window.usable > {STILL}", timeout=300_000, polling=50)
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    found = page.evaluate(f"({{paint: {paint}, heading: window.heading, usable: window.usable}})")
    return {key: value / 1000 for key, value in found.items()}


def _refresh(browser: Browser, server: psutil.Popen, address: str, load: Load, seconds: int = 40) -> dict[str, float]:
    """Processor seconds of the server for one refresh of the live view, while students come in."""
    with load.searching():
        page = _tab(browser)
        _open(page, address, *WATCH)
        _wait(page)
        before, runs = _processor(server), page.evaluate("window.runs")
        time.sleep(seconds)
        spent, refreshes = _processor(server) - before, page.evaluate("window.runs") - runs
        page.context.close()
    return {"refreshes": refreshes, "server": spent / max(1, refreshes)}


def _visitors(
    browser: Browser, server: psutil.Popen, address: str, name: str, query: dict[str, str], awaited: str
) -> dict[str, float]:
    """Memory that each further visitor takes, and how long all of them wait when they ask for a page at once."""
    before = server.memory_info().rss
    tabs = []
    for _ in range(VISITORS):
        tabs.append(_tab(browser))
        _open(tabs[-1], address, name, query, awaited)
        _wait(tabs[-1])
    each = (server.memory_info().rss - before) / VISITORS / 1e6
    spent = _processor(server)
    for tab in tabs:
        tab.evaluate("void setTimeout(() => location.reload(), 100)")
    time.sleep(0.5)
    times = [_wait(tab)["usable"] for tab in tabs]
    spent = _processor(server) - spent
    for tab in tabs:
        tab.context.close()
    return {"memory": each, "median": statistics.median(times), "slowest": max(times), "server": spent / VISITORS}


def _processor(server: psutil.Popen) -> float:
    used = server.cpu_times()
    return float(used.user + used.system)


def _print(students: int, found: dict[str, Any]) -> None:
    cold, refresh, visitors = found["cold"], found["refresh"], found["visitors"]
    print(f"## {students:,} students\n")
    print(f"- server's start, until it answers: {found['start']:.1f} s; the very first visit: heading after")
    print(f"  {cold['heading']:.1f} s, usable after {cold['usable']:.1f} s, {cold['server']:.1f} s of the server")
    first, following = found["attacks"]
    print(f"- the very first attack, started as soon as its page is loaded: {first:.1f} s; the next: {following:.1f} s")
    print(f"- a live refresh: {refresh['server'] * 1000:.0f} ms of server CPU (n = {refresh['refreshes']})")
    print(
        f"- each additional visitor: {visitors['memory']:.1f} MB (n = {VISITORS}); {VISITORS} reload the front at once:"
    )
    print(
        f"  usable after {visitors['median']:.1f} s (median), {visitors['slowest']:.1f} s (slowest); "
        f"{visitors['server']:.2f} s of the server each; a Streamlit page with a title alone: "
        f"{found['empty']['median']:.1f} s (median), {found['empty']['slowest']:.1f} s (slowest)"
    )
    print(f"- the server at the end: {found['memory']:.0f} MB; torch in it: {'yes' if found['torch'] else 'no'}\n")
    print("| page | first paint | heading | usable | server CPU | first visit: usable |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, page in found["pages"].items():
        times = [f"{page[key]:.2f}" for key in ("paint", "heading", "usable", "server")]
        print(f"| {name} | {' | '.join(times)} | {page['first']['usable']:.2f} |")
    print()


if __name__ == "__main__":
    main()
