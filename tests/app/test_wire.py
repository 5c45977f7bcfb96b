"""A demo over the wire: a visitor with a program of their own sends whatever a page could, and more."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

from app.server import UPLOAD_BYTES, UPLOADS_EACH
from rosearch_engine.store import Store
from tests.app.conftest import fill
from tests.serving import serving
from tests.wire import Page, Visitor, put, visiting

pytestmark = pytest.mark.slow

# Views that act, by page: the widget that chooses them, and what it is set to.
VIEWS: tuple[tuple[str, str, str], ...] = (
    ("overview", "", ""),
    ("search", "", ""),
    ("search", "panel", "Watch"),
    ("export", "export_what", "The run"),
    ("export", "export_what", "Check it again"),
    ("export", "export_what", "Settings"),
)
DELETE, YES = "delete", "delete.yes"


def look(visitor: Visitor, page: str, key: str, value: str, **pressed: Any) -> Page:
    """A view of a page, with widgets of it set or pressed."""
    shown = visitor.run(page)
    if not key:
        return visitor.run(page, pressed) if pressed else shown
    chosen = {shown.widgets[key][1]: {"string_array_value": {"data": [value]}}}
    return visitor.run(page, chosen | pressed)


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """All widgets that the app alone offers, and the proof that a program can press them: it deletes the run."""
    place = tmp_path_factory.mktemp("alone")
    found: dict[str, tuple[str, str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROSEARCH_HOME", str(place))
        patch.delenv("ROSEARCH_STORE", raising=False)
        fill("demo", students=6)
        with serving(place) as (address, _), visiting(address) as visitor:
            for view in VIEWS:
                found |= look(visitor, *view).widgets
            asked = look(visitor, "search", "panel", "Watch", **{found[DELETE][1]: None})
            found |= asked.widgets
            visitor.send(BackMsg(set_run_on_save=True))
            assert visitor.run("search", {found[YES][1]: None}).runs_on_save
        assert Store.read().runs() == []
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, psutil.Popen, Path]]:
    """The address, the process and the home of an app for visitors that has a run."""
    place = tmp_path_factory.mktemp("demo")
    home = place / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROSEARCH_HOME", str(home))
        patch.delenv("ROSEARCH_STORE", raising=False)
        fill("demo", students=6)
        with serving(place, ROSEARCH_MODE="demo") as (address, server):
            yield address, server, home
        said = (place / "served.txt").read_text()
        assert "Traceback" not in said, said


@pytest.fixture
def unharmed(demo: tuple[str, psutil.Popen, Path]) -> Iterator[str]:
    """The demo's address; in the end its files are as they were, and no search or job has been started."""
    address, server, home = demo
    before = _files(home)
    yield address
    assert _files(home) == before
    started = [" ".join(child.cmdline()) for child in server.children(recursive=True)]
    assert not [line for line in started if " work " in line or " job " in line], started
    assert [run["name"] for run in Store.read().runs()] == ["demo"]


def _files(home: Path) -> dict[str, bytes]:
    """Of a store that is read, SQLite keeps an index in memory (-shm), and a log of writes (-wal), which is empty."""
    kept = (path for path in home.rglob("*") if path.is_file() and not path.name.endswith("-shm"))
    found = {str(path.relative_to(home)): path.read_bytes() for path in kept}
    return {name: content for name, content in found.items() if content or not name.endswith("-wal")}


def forged(kind: str) -> Any:
    """A value for a widget of a kind; a button is pressed."""
    return {
        "button": None,
        "text_input": {"string_value": "/etc/passwd"},
        "text_area": {"string_value": '{"data": {"name": "/etc/passwd"}}'},
        "file_uploader": {"file_uploader_state_value": {"uploaded_file_info": []}},
        "checkbox": {"bool_value": True},
        "number_input": {"double_value": 1e300},
        "bidi_component": {"json_value": '{"student": ["../x", "y"], "chosen": 7}'},
    }.get(kind, {"string_value": "/etc/passwd"})


def test_what_a_demo_hides_cannot_be_pressed(offered: dict[str, tuple[str, str]], unharmed: str) -> None:
    acting = {DELETE, YES, "start", "look", "job.pack", "job.rescore", "demo.data.name", "demo.teacher.name"}
    assert acting <= set(offered)
    with visiting(unharmed) as visitor:
        for view in VIEWS[1:]:
            there = visitor.run(view[0]).widgets
            assert not acting & set(there)
            hidden = {one: forged(kind) for key, (kind, one) in offered.items() if key not in there}
            assert len(hidden) > 20
            # All at once; then those that act one after the other, as the page alone would have it.
            assert not visitor.run(view[0], hidden).exceptions
            for key in (DELETE, YES, "start", "job.pack"):
                assert not visitor.run(view[0], {offered[key][1]: None}).exceptions


def test_what_is_on_the_page_takes_no_false_values(unharmed: str) -> None:
    """A list is sent what it does not have, a picture and a table what nobody can have picked there."""
    picked = (
        '{"student": {"a": [1]}, "chosen": 7}',
        '{"student": ["../../x", 1], "chosen": ["s0001", {}, null]}',
    )
    rows = ('{"selection": {"rows": [99999], "columns": []}}', '{"selection": {"rows": [-1, 0], "columns": ["x"]}}')
    false: dict[str, tuple[dict[str, Any], ...]] = {
        "selectbox": ({"string_value": "../../etc/passwd"}, {"string_value": "\0"}),
        "button_group": (
            {"string_array_value": {"data": ["/etc/passwd", ""]}},
            {"string_array_value": {"data": ["x"]}},
        ),
        "text_area": ({"string_value": "x" * 200_000}, {"string_value": "\0"}),
        "multiselect": ({"string_array_value": {"data": ["/etc/passwd"]}}, {"string_array_value": {"data": ["", "x"]}}),
        "bidi_component": tuple({"json_value": one} for one in picked),
        "dataframe": tuple({"string_value": one} for one in rows),
    }
    with visiting(unharmed) as visitor:
        for page in ("front", "attack", "overview"):
            there = visitor.run(page).widgets
            for turn in range(2):
                told = visitor.run(page, {one: false[kind][turn] for kind, one in there.values() if kind in false})
                assert not told.exceptions, (page, turn)
                assert "root:" not in str(told.texts)


@pytest.mark.parametrize(
    "asked",
    [
        {"query_string": "run=../../etc&student=/etc/passwd&plane=%00&text=<script>alert(1)</script>"},
        {"query_string": "run=demo&run=demo&student=s9999&recipe=../x&" + "a=b&" * 5000},
        {"page_script_hash": "0" * 32},
        {"page_name": "../../../etc/passwd"},
        {"page_name": "screens.py"},
    ],
)
def test_forged_addresses_show_a_page_and_nothing_else(unharmed: str, asked: dict[str, Any]) -> None:
    with visiting(unharmed) as visitor:
        visitor.run()
        told = visitor.run(**{"page": asked.pop("page_name", "attack"), **asked})
        assert not told.exceptions
        assert "root:" not in str(told.texts)


def test_messages_that_no_page_sends_are_dropped(unharmed: str) -> None:
    """Of all that Streamlit answers to, some reach beyond the visitor's own tab."""
    others: tuple[BackMsg, ...] = (
        BackMsg(clear_cache=True),
        BackMsg(set_run_on_save=True),
        BackMsg(load_git_info=True),
        BackMsg(debug_shutdown_runtime=True),
    )
    with visiting(unharmed) as visitor:
        visitor.run()
        for message in others:
            visitor.send(message)
        wanting = BackMsg()
        wanting.backend_operation_request.session_id = visitor.session
        wanting.backend_operation_request.install_skills.SetInParent()
        visitor.send(wanting)
        visitor.send(BackMsg(rerun_script=ClientState(fragment_id="delete")))
        told = visitor.run("search")
    assert not told.runs_on_save
    assert not told.kinds & {"git_info_changed", "backend_operation_response"}


def test_uploads_of_visitors_are_bounded(unharmed: str) -> None:
    with visiting(unharmed) as visitor:
        visitor.run("attack")
        place = f"/_stcore/upload_file/{visitor.session}"
        assert put(unharmed, f"{place}/big", b"x" * (UPLOAD_BYTES + 1)) == 413
        told = [put(unharmed, f"{place}/{number}", b"text\n") for number in range(UPLOADS_EACH + 2)]
        assert told == [204] * UPLOADS_EACH + [413] * 2
        assert put(unharmed, "/_stcore/upload_file/nobody/x", b"text\n") == 400
    server = urlsplit(unharmed)
    for method, path in (
        ("PUT", "/_stcore/upload_file/x/y"),  # of unknown length
        ("POST", "/_stcore/agent/interact"),
        ("GET", "/media/../../../../etc/passwd"),
        ("GET", "/app/static/../config.toml"),
        ("GET", "/_stcore/bidi-components/front_chart/../../../../etc/passwd"),
    ):
        connection = http.client.HTTPConnection(server.hostname or "", server.port, timeout=60)
        connection.request(method, path, iter([b"{}"]) if method != "GET" else None, encode_chunked=method != "GET")
        answer = connection.getresponse()
        assert b"root:" not in answer.read()
        assert method == "GET" or answer.status in (403, 404, 405, 413), (method, path, answer.status)
