"""A browser's side of the app's websocket, without a browser: what is on a page, and any message a page could send."""

from __future__ import annotations

import http.client
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

PATIENCE = 180.0  # against a hang only
_HAVING_AN_ID = ("button", "text_input", "text_area", "selectbox", "button_group", "checkbox", "number_input")


@dataclass
class Page:
    """What a run of the script put onto a page.

    Attributes:
        widgets: by the key that the app gave them, or their label: (kind, id).
        kinds: of all messages since the last page.
        runs_on_save: whether the server says that it runs scripts whenever a file changes.
        texts: of markdown and alerts.
        exceptions: that the script ended with, as the page tells them.
    """

    widgets: dict[str, tuple[str, str]] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    runs_on_save: bool = False
    texts: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)


@dataclass
class Visitor:
    """One tab."""

    socket: ClientConnection
    session: str = ""

    def send(self, message: BackMsg) -> None:
        self.socket.send(message.SerializeToString())

    def run(self, page: str = "", widgets: Mapping[str, Any] | None = None, **asked: Any) -> Page:
        """Ask for a page, and wait until its script has ended.

        Args:
            widgets: by their ids: None for a button that is pressed, else the field of `WidgetState` and its value.
            asked: other fields of `ClientState`.
        """
        states = [_state(name, value) for name, value in (widgets or {}).items()]
        state = ClientState(page_name=page, **asked)
        state.widget_states.widgets.extend(states)
        self.send(BackMsg(rerun_script=state))
        return self._read()

    def _read(self) -> Page:
        page, until = Page(), time.monotonic() + PATIENCE
        while True:
            content = self.socket.recv(timeout=until - time.monotonic())
            assert isinstance(content, bytes)
            message = ForwardMsg.FromString(content)
            kind = message.WhichOneof("type")
            page.kinds.add(kind)
            page.runs_on_save |= message.session_status_changed.run_on_save
            if kind == "new_session":
                self.session = message.new_session.initialize.session_id or self.session
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                _take(page, message.delta.new_element)
            elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return page


def _take(page: Page, element: Any) -> None:
    kind = element.WhichOneof("type")
    one = getattr(element, kind)
    if kind in ("markdown", "alert"):
        page.texts.append(one.body)
    elif kind == "exception":
        page.exceptions.append(one.message)
    identity = getattr(one, "id", "")
    if identity.startswith("$$ID-"):
        key = identity.split("-", 2)[2]
        page.widgets[getattr(one, "label", "") if key == "None" else key] = (kind, identity)


def _state(identity: str, value: Any) -> WidgetState:
    return WidgetState(id=identity, **({"trigger_value": True} if value is None else value))


@contextmanager
def visiting(address: str) -> Iterator[Visitor]:
    """A tab that is open during the block."""
    where = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    protocols, origin = [Subprotocol("streamlit")], Origin(address)
    with connect(where, subprotocols=protocols, origin=origin, proxy=None, max_size=None) as socket:
        yield Visitor(socket)


def put(address: str, path: str, content: bytes, name: str = "mine.csv") -> int:
    """The status of an upload as Streamlit's page makes it, with the token that it takes from a cookie."""
    with urllib.request.urlopen(f"{address}/_stcore/health", timeout=60) as answer:
        cookies = [cookie.partition(";")[0] for cookie in answer.headers.get_all("Set-Cookie") or ()]
    token = next((one.partition("=")[2] for one in cookies if one.startswith("_streamlit_xsrf=")), "")
    body = (
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: text/csv\r\n\r\n".encode()
        + content
        + b"\r\n--b--\r\n"
    )
    headers = {
        "Content-Type": "multipart/form-data; boundary=b",
        "X-Xsrftoken": token,
        "Cookie": f"_streamlit_xsrf={token}",
    }
    server = urlsplit(address)
    connection = http.client.HTTPConnection(server.hostname or "", server.port, timeout=60)
    try:
        # A server may refuse before it has read all of the body; its answer is there all the same.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request("PUT", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
