"""The command a person types, from a folder of their own."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.server import HEADERS
from tests.app.conftest import SCREENS
from tests.serving import get, serving


@pytest.fixture
def address(home: Path, tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as (address, _):
        yield address


def test_the_real_command_serves_every_page(address: str) -> None:
    for page in ("", "search", "front", "statistics", "architecture", "compare", "attack", "export"):
        status, body = get(f"{address}/{page}")
        assert status == 200
        assert b"<title>" in body


def test_a_page_renders_from_another_folder(home: Path, tmp_path: Path) -> None:
    code = f"""
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(SCREENS)!r}, default_timeout=60).run()
assert not app.exception, app.exception
print(app.title[0].value)
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "RoSearch Explorer"


def ask(address: str, host: str, path: str = "/", **headers: str) -> http.client.HTTPResponse:
    """A request under another name than the address, as of a page whose name was made to point here."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    return connection.getresponse()


SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_a_name_that_was_made_to_point_here_gets_nothing(address: str) -> None:
    port = urlsplit(address).port
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1@evil.example", "a b", ""):
        for path in ("/", "/_stcore/health", "/static/js/x.js"):
            refused = ask(address, host, path)
            assert refused.status == 421, (host, path)
            assert b"ROSEARCH_HOSTS" in refused.read()
        origin = f"http://{host}"
        assert ask(address, host, "/_stcore/stream", Origin=origin, **SOCKET).status == 403, host
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST", "localhost."):
        assert ask(address, host).status == 200, host
        assert ask(address, host, "/_stcore/stream", Origin=f"http://{host}", **SOCKET).status == 101, host


def test_answers_tell_the_browser_what_is_allowed(address: str) -> None:
    for path in ("/", "/search", "/_stcore/health"):
        headers = ask(address, "localhost", path).headers
        for name, value in HEADERS.items():
            assert headers[name] == value, (path, name)


@pytest.mark.parametrize(
    ("settings", "answers", "refuses"),
    [
        ({"ROSEARCH_HOSTS": "lab.example, B.example"}, ["lab.example", "b.example:80", "localhost"], ["evil.example"]),
        ({"ROSEARCH_MODE": "demo"}, ["demo.example", "10.0.0.7"], []),
        ({"ROSEARCH_MODE": "demo", "ROSEARCH_HOSTS": "lab.example"}, ["lab.example", "127.0.0.1"], ["evil.example"]),
        ({"ROSEARCH_MODE": "dmeo"}, ["localhost"], ["evil.example"]),
    ],
)  # fmt: skip
def test_the_names_that_are_answered_to(
    home: Path, tmp_path: Path, settings: dict[str, str], answers: list[str], refuses: list[str]
) -> None:
    with serving(tmp_path, **settings) as (address, _):
        assert [ask(address, host).status for host in answers] == [200] * len(answers)
        assert [ask(address, host).status for host in refuses] == [421] * len(refuses)
