"""axe-core finds nothing serious on any page, in either theme."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opener
from tests.browser.screen import Screen
from tests.browser.test_attack import attack_the_first_example

AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
# Streamlit's own markup, out of our reach: by rule, the elements that are let off.
THEIRS: dict[str, list[str]] = {"svg-img-alt": ["[data-testid=stMetricChart]"]}
FIND = """async theirs => {
  const found = await axe.run(document, {resultTypes: ['violations'], elementRef: true});
  return found.violations.filter(one => ['serious', 'critical'].includes(one.impact)).flatMap(one => one.nodes
    .filter(node => !(theirs[one.id] || []).some(selector => node.element.closest(selector)))
    .map(node => `${one.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`));
}"""


def watch(screen: Screen) -> None:
    screen.choose("Watch")
    expect(screen.page.get_by_role("list", name="Events")).to_be_visible()


def unfold(screen: Screen) -> None:
    screen.choose("New search")
    for title in ("Columns", "Data:", "Teacher:", "space:", "Distillation:", "Attack:", "Objectives:", "Search:"):
        screen.folded(title)


def pick_a_node(screen: Screen) -> None:
    screen.page.get_by_role("button", name=re.compile("^Transformer layer,")).first.click()
    expect(screen.page.get_by_role("heading", level=3, name="Transformer layer")).to_be_visible()


def lay_another_over_it(screen: Screen) -> None:
    screen.page.get_by_label("Compare with", exact=True).click()
    screen.page.get_by_role("option").first.click()
    expect(screen.page.get_by_text("Only in").first).to_be_visible()


def compare_runs(screen: Screen) -> None:
    screen.choose("Compare runs")


def a_few(screen: Screen) -> None:
    screen.choose("A few sentences")


def curve(screen: Screen) -> None:
    screen.choose("Queries needed")


def nothing(screen: Screen) -> None:
    pass


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("", nothing),
        ("search", watch),
        ("search", unfold),
        ("search", compare_runs),
        ("front", nothing),
        ("statistics", nothing),
        ("architecture", pick_a_node),
        ("architecture", lay_another_over_it),
        ("attack", attack_the_first_example),
        ("attack", a_few),
        ("attack", curve),
        ("export", nothing),
    ],
)
def test_axe_finds_nothing_serious(
    name: str, act: Callable[[Screen], None], theme: str, opener: Opener, address: str, first: str
) -> None:
    screen = opener(address, color_scheme=theme)
    screen.open(name, run=first, student="s0002")
    act(screen)
    screen.settled()
    screen.page.add_script_tag(path=AXE)
    found = screen.page.evaluate(FIND, THEIRS)
    assert not found, "\n".join(found)
