"""Choosing a student in the browser: a point, its architecture, links, the dark theme."""

from __future__ import annotations

import re

import numpy as np
from playwright.sync_api import expect

from app.front_chart.component import PLANES
from app.front_chart.points import place
from rosearch_engine.front import non_dominated
from rosearch_engine.objectives import counts
from rosearch_engine.store import Store
from rosearch_engine.store.rows import measured
from tests.browser.conftest import Opener
from tests.browser.screen import Screen
from tests.conftest import Workshop

DARK = "rgb(18, 21, 28)"  # backgroundColor of theme.dark in app/.streamlit/config.toml
LIGHT = re.compile(r"rgb\((1[3-9]\d|2\d\d), (1[3-9]\d|2\d\d), (1[3-9]\d|2\d\d)\)")


def test_a_click_on_a_point_takes_its_student_in_hand_and_into_the_link(screen: Screen, first: str) -> None:
    screen.open("front", run=first)
    name = screen.click_another_point()
    expect(screen.page.get_by_role("heading", level=3, name=name)).to_be_visible()
    expect(screen.sidebar.get_by_label("Student", exact=True)).to_have_value(name)
    expect(screen.page).to_have_url(re.compile(rf"student={name}"))
    screen.page.reload()
    screen.drawn()
    assert screen.student() == name


def test_the_ring_is_drawn_at_the_click_and_the_others_stay_readable(screen: Screen, first: str) -> None:
    screen.open("front", run=first)
    name = screen.click_another_point()
    assert screen.chart.locator(f"[data-ring={name}]").count() == 1, "before the app has answered"
    faded = "host => [...host.querySelectorAll('.mark')].filter(mark => getComputedStyle(mark).opacity < 1).length"
    assert screen.chart.evaluate(faded) == 0


def test_the_pictures_front_is_the_engines(screen: Screen, first: str, workshop: Workshop) -> None:
    screen.open("front", run=first)
    rows = measured(Store.read().students(Store.read().run(first)["id"]))
    for plane, (x, y, _) in PLANES.items():
        screen.choose(plane)
        drawn = set(screen.chart.evaluate(f"host => [...host.chart.inPlane('{x}', '{y}')].map(row => row.name)"))
        values = np.array([(place(row, x), place(row, y)) if counts(row) else (0.0, 0.0) for row in rows])
        assert drawn == {row["name"] for row, best in zip(rows, non_dominated(values), strict=True) if best}


def test_a_lasso_around_all_fills_the_table_with_them(screen: Screen, first: str) -> None:
    screen.open("front", run=first)
    places = screen.points()
    screen.press(re.compile("Lasso"))
    left, right = min(x for _, x, _ in places) - 20, max(x for _, x, _ in places) + 20
    top, bottom = min(y for _, _, y in places) - 20, max(y for _, _, y in places) + 20
    mouse = screen.page.mouse
    mouse.move(left, top)
    mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 1)):
        mouse.move(x, y, steps=4)
    mouse.up()
    expect(screen.page.get_by_text(f"The {len(places)} students inside the lasso")).to_be_visible()


def test_on_a_phone_the_whole_graph_fits(opener: Opener, address: str, first: str) -> None:
    screen = opener(address, viewport={"width": 360, "height": 800})
    screen.open("architecture", run=first, student="s0002")
    host = screen.page.locator(".host")
    expect(host.locator("svg")).to_be_visible()
    assert host.evaluate("host => host.scrollWidth <= host.clientWidth + 1")
    assert screen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_architecture_is_drawn_and_its_nodes_tell_their_genes(screen: Screen, first: str) -> None:
    screen.open("architecture", run=first, student="s0002")
    page = screen.page
    nodes = page.locator("svg .node")
    expect(nodes).to_have_count(5)  # with the ledger and the sum
    expect(page.get_by_text("Click a node to see its genes.")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Transformer layer,")).click()
    expect(page.get_by_role("heading", level=3, name="Transformer layer")).to_be_visible()
    expect(page.get_by_text("1, which initialises and supervises it")).to_be_visible()
    nodes.last.press("Enter")
    expect(page.get_by_role("heading", level=3, name="Sum")).to_be_visible()
    expect(page.get_by_text("Classifier head (2), Ledger (3)")).to_be_visible()
    expect(nodes.last).to_have_class(re.compile("picked"))


def test_two_students_lie_in_one_picture(screen: Screen, first: str) -> None:
    screen.open("architecture", run=first, student="s0002")
    screen.page.get_by_label("Compare with", exact=True).click()
    screen.page.get_by_role("option", name="s0003").click()
    expect(screen.page.get_by_text("Only in s0003")).to_be_visible()


def test_a_link_to_a_run_that_is_gone_says_so_and_shows_another(screen: Screen, first: str) -> None:
    screen.open("front", run="nobody", student="s0099")
    expect(screen.page.get_by_text("There is no run called 'nobody'. Showing")).to_be_visible()
    screen.open("architecture", run=first, student="s0099")
    expect(screen.page.get_by_text("has no measured student with that name. Showing")).to_be_visible()
    expect(screen.sidebar.get_by_label("Student", exact=True)).to_have_value(re.compile(r"^s000\d$"))


def test_the_app_follows_a_dark_system(opener: Opener, address: str, first: str) -> None:
    screen = opener(address, color_scheme="dark")
    screen.open("architecture", run=first, student="s0002")
    expect(screen.page.get_by_test_id("stApp")).to_have_css("background-color", DARK)
    paper = screen.page.locator("svg .node rect").first
    expect(paper).to_have_css("fill", DARK)
    screen.open("front", run=first)
    ticks = screen.chart.locator("svg .text").first
    expect(ticks).to_have_css("fill", LIGHT)
