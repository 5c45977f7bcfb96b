"""What stands before the server lets through what a page sends, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState

from app.server import UPLOAD_BYTES, UPLOADS_EACH, Guard

UPLOAD = "/_stcore/upload_file/tab/{}"


def operation(name: str) -> BackMsg:
    message = BackMsg()
    getattr(message.backend_operation_request, name).SetInParent()
    return message


OWN = (
    BackMsg(rerun_script=ClientState()),
    BackMsg(stop_script=True),
    BackMsg(app_heartbeat=True),
    operation("deferred_file"),
    operation("dataframe_chunk"),
)
OTHERS = (
    BackMsg(clear_cache=True),
    BackMsg(set_run_on_save=True),
    BackMsg(load_git_info=True),
    BackMsg(debug_shutdown_runtime=True),
    operation("install_skills"),
    operation("dismiss_skills_nudge"),
)


def heard(messages: list[Message]) -> list[Message]:
    """What the app behind the guard hears of a websocket's messages."""
    found: list[Message] = []
    left = [*messages, {"type": "websocket.disconnect"}]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            found.append(message)

    async def receive() -> Message:
        return left.pop(0)

    async def send(message: Message) -> None: ...

    scope: dict[str, Any] = {"type": "websocket", "headers": [(b"host", b"localhost")]}
    asyncio.run(Guard(app)(scope, receive, send))
    return found


def said(*messages: BackMsg) -> list[Message]:
    return [{"type": "websocket.receive", "bytes": message.SerializeToString()} for message in messages]


@pytest.mark.parametrize("mode", ["demo", "team", "alone"])
def test_messages_beyond_a_visitors_own_tab_are_dropped(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSEARCH_MODE", mode)
    strange: list[Message] = [
        {"type": "websocket.receive", "bytes": b"\xff\xff"},
        {"type": "websocket.receive", "text": "no message"},
    ]
    own = [*said(*OWN), *strange]
    assert heard([*said(*OTHERS), *own]) == (own if mode != "alone" else [*said(*OTHERS), *own])


def status(guard: Guard, path: str, *, method: str = "PUT", length: object = 10) -> int:
    found: list[int] = []
    headers = [(b"host", b"localhost"), (b"content-length", str(length).encode())]

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        found.extend([message["status"]] if message["type"] == "http.response.start" else [])

    asyncio.run(guard({"type": "http", "method": method, "path": path, "headers": headers}, receive, send))
    return found[0]


async def _takes_all(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})


def test_a_demo_bounds_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSEARCH_MODE", "demo")
    guard = Guard(_takes_all)
    for length in (UPLOAD_BYTES + 1, 10**15, "", "-1", "1e3", "٣"):
        assert status(guard, UPLOAD.format("x"), length=length) == 413, length
    told = [status(guard, UPLOAD.format(number)) for number in range(UPLOADS_EACH + 1)]
    assert told == [204] * UPLOADS_EACH + [413]
    assert status(guard, "/base/_stcore/upload_file/other/x", length=UPLOAD_BYTES) == 204
    assert status(guard, UPLOAD.format("x"), method="DELETE") == 204
    assert status(guard, "/_stcore/health", method="GET", length="") == 204


@pytest.mark.parametrize("mode", ["alone", "team"])
def test_elsewhere_the_servers_own_bound_holds(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSEARCH_MODE", mode)
    assert status(Guard(_takes_all), UPLOAD.format("x"), length=UPLOAD_BYTES + 1) == 204


def test_only_so_many_tabs_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSEARCH_MODE", "demo")
    monkeypatch.setattr("app.server._TABS", 3)
    guard = Guard(_takes_all)
    for tab in range(9):
        assert status(guard, f"/_stcore/upload_file/{tab}/x") == 204
    assert len(guard._uploads) == 3
