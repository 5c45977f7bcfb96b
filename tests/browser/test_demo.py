"""A visitor of a shared demo: looks, attacks, exports, is offered nothing else, and is refused what is not offered."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from rosearch_engine.store import Store
from tests.browser.conftest import RECORDED, Opener
from tests.browser.screen import LONG, Screen
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


def runs(home: Path) -> list[str]:
    store = Store.read(f"sqlite:///{home / 'rosearch.db'}")
    try:
        return [run["name"] for run in store.runs()]
    finally:
        store.close()


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
    screen.open("attack", run="example", student="s0004")
    attack_the_first_example(screen)
    screen.choose("A few sentences")
    expect(screen.page.get_by_test_id("stFileUploader")).to_have_count(0)
    screen.open("export", run="example", student="s0004")
    screen.press("Create the checkpoint")
    expect(screen.page.get_by_role("button", name="Checkpoint (zip")).to_be_visible(timeout=LONG)


def recorded_frames(screen: Screen) -> list[bytes]:
    """What the browser sends to the server from now on."""
    frames: list[bytes] = []

    def keep(frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            frames.append(frame)

    screen.page.on("websocket", lambda socket: socket.on("framesent", keep))
    return frames


def replay(address: str, frames: list[bytes]) -> None:
    """Send the same messages, as a visitor may who writes a client of their own, each once the last was answered."""
    place = urlsplit(address)
    with connect(
        f"ws://{place.netloc}/_stcore/stream",
        subprotocols=[Subprotocol("streamlit")],
        origin=Origin(f"http://{place.netloc}"),
        max_size=None,
    ) as socket:
        for frame in frames:
            socket.send(frame)
            if BackMsg.FromString(frame).WhichOneof("type") == "rerun_script":
                _until_answered(socket)


def _until_answered(socket: ClientConnection) -> None:
    while True:
        frame = socket.recv(timeout=60, decode=False)
        if ForwardMsg.FromString(frame).WhichOneof("type") == "script_finished":
            return


def test_what_a_hidden_button_would_send_is_refused_by_the_server(
    demo: tuple[str, Path], tmp_path: Path, opener: Opener
) -> None:
    """The messages of somebody who deletes the run where that is allowed, sent to the demo and, to see that they
    still do what they did, to a server without a bar."""
    alone = tmp_path / "alone"
    (alone / "served").mkdir(parents=True)
    settings = {"ROSEARCH_RECORDED": str(RECORDED), "NLTK_DATA": nltk_data()}
    with serving(alone / "served", ROSEARCH_HOME=str(alone / "home"), **settings) as (address, _):
        screen = opener(address)
        frames = recorded_frames(screen)
        screen.open("search", run="example")
        shutil.copytree(alone / "home", alone / "again")
        screen.choose("Watch")
        screen.press("Delete")
        screen.press("Delete it", screen.page.get_by_role("dialog"))
        expect(screen.page.get_by_text("Delete this run?")).to_have_count(0)
        screen.settled()
        assert runs(alone / "home") == []
    assert sum(BackMsg.FromString(frame).WhichOneof("type") == "rerun_script" for frame in frames) >= 4

    with serving(alone / "served", ROSEARCH_HOME=str(alone / "again"), **settings) as (address, _):
        replay(address, frames)
    assert runs(alone / "again") == [], "the messages alone delete it"

    address, home = demo
    replay(address, frames)
    assert runs(home) == ["example"]
