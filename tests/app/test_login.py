"""Logging in to a team's app: the real server, Streamlit's own login, and an identity provider on this machine."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import threading
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from rosearch_engine.store import Store
from tests.serving import free_port, serving

pytest.importorskip("authlib", reason="Authlib is not installed: pip install '.[login]'")

ADDRESS = "ann@example.com"
SECRETS = """
[auth]
redirect_uri = "{app}/oauth2callback"
cookie_secret = "{random}"
client_id = "rosearch"
client_secret = "only for this test"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


class _Provider(http.server.BaseHTTPRequestHandler):
    """Says of everybody who comes that it is Ann, with a token that it signs."""

    def do_GET(self) -> None:
        place, asked = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
        here = f"http://{self.headers['Host']}"
        if place.path == "/authorize":
            type(self).nonce = asked["nonce"][0]
            back = {"code": "c0de", "state": asked["state"][0]}
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri'][0]}?{urlencode(back)}")
            self.end_headers()
        elif place.path == "/keys":
            self._say({"keys": [self.key.as_dict(private=False)]})
        else:
            ends = {name: f"{here}/{path}" for name, path in ENDS.items()}
            self._say({"issuer": here, "id_token_signing_alg_values_supported": ["RS256"], **ends})

    def do_POST(self) -> None:
        from joserfc import jwt

        self.rfile.read(int(self.headers["Content-Length"]))
        now = int(time.time())
        claims = {
            "iss": f"http://{self.headers['Host']}", "aud": "rosearch", "sub": "1", "iat": now, "exp": now + 600,
            "nonce": self.nonce, "email": ADDRESS, "email_verified": True,
        }  # fmt: skip
        token = jwt.encode({"alg": "RS256", "kid": "k"}, claims, self.key)
        self._say({"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    def _say(self, what: dict[str, Any]) -> None:
        content = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass

    key: Any = None
    nonce = ""


ENDS = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}


@pytest.fixture
def provider() -> Iterator[str]:
    from joserfc.jwk import RSAKey

    _Provider.key = RSAKey.generate_key(2048, {"kid": "k", "use": "sig", "alg": "RS256"})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def address(run_id: int, provider: str, tmp_path: Path) -> Iterator[str]:
    """A team's app with a finished run, in which Ann may act."""
    port = free_port()
    secrets = tmp_path / "secrets.toml"
    app = f"http://localhost:{port}"
    secrets.write_text(SECRETS.format(app=app, provider=provider, random="r4nd0m" * 8))
    settings = {"ROSEARCH_MODE": "team", "ROSEARCH_USERS": ADDRESS, "STREAMLIT_SECRETS_FILES": str(secrets)}
    with serving(tmp_path, STREAMLIT_SERVER_PORT=str(port), **settings):
        yield app


@contextlib.contextmanager
def visiting(address: str, cookies: dict[str, str]) -> Iterator[ClientConnection]:
    """A browser's connection to the app, with the token that tells it from a foreign page's."""
    fetch(f"{address}/_stcore/health", cookies)
    with connect(
        f"ws://{urlsplit(address).netloc}/_stcore/stream",
        subprotocols=[Subprotocol("streamlit"), Subprotocol(cookies["_streamlit_xsrf"])],
        origin=Origin(address),
        additional_headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
        max_size=None,
    ) as socket:
        yield socket


def rerun(socket: ClientConnection, **pressed: bool) -> list[ForwardMsg]:
    """Run the app's script, with buttons pressed by their ids; what it answers."""
    message = BackMsg()
    message.rerun_script.query_string = ""
    for widget in pressed:
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.trigger_value = widget, True
    socket.send(message.SerializeToString())
    answers: list[ForwardMsg] = []
    while not answers or answers[-1].WhichOneof("type") != "script_finished":
        answers.append(ForwardMsg.FromString(socket.recv(timeout=120, decode=False)))
    return answers


def ids_of_buttons(answers: list[ForwardMsg]) -> dict[str, str]:
    elements = [answer.delta.new_element for answer in answers if answer.WhichOneof("type") == "delta"]
    return {one.button.label: one.button.id for one in elements if one.WhichOneof("type") == "button"}


def fetch(url: str, cookies: dict[str, str]) -> http.client.HTTPResponse:
    """An address, as a browser asks for it: cookies are sent and kept, redirects are followed by the caller."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    connection.request("GET", f"{place.path}?{place.query}", headers={"Cookie": sent} if sent else {})
    answer = connection.getresponse()
    for line in answer.headers.get_all("Set-Cookie") or []:
        cookies.update({name: one.coded_value for name, one in SimpleCookie(line).items()})
    answer.read()
    return answer


def test_who_logs_in_is_known_and_may_act(address: str, home: Path) -> None:
    cookies: dict[str, str] = {}
    with visiting(address, cookies) as socket:
        found = ids_of_buttons(rerun(socket))
        assert set(found) == {"Log in"}
        answers = rerun(socket, **{found["Log in"]: True})
    (url,) = [answer.auth_redirect.url for answer in answers if answer.WhichOneof("type") == "auth_redirect"]
    url = url if url.startswith("http") else address + url
    for _ in range(4):
        answer = fetch(url, cookies)
        if answer.status not in (302, 303, 307) or answer.headers["Location"] in ("/", address, f"{address}/"):
            break
        url = answer.headers["Location"]
    assert answer.status in (302, 303, 307), (url, answer.status)
    assert "oauth2callback" in url
    assert any("user" in name for name in cookies), cookies
    with visiting(address, cookies) as socket:
        answers = rerun(socket)
        assert "Log out" in ids_of_buttons(answers)
        assert ADDRESS in str(answers)
    assert len(Store.read().runs()) == 1


def test_a_forged_cookie_is_nobody(address: str) -> None:
    forged = {"_streamlit_user": '2|1:0|10:0|15:_streamlit_user|8:e30=|"abc"'}
    with visiting(address, forged) as socket:
        assert set(ids_of_buttons(rerun(socket))) == {"Log in"}
