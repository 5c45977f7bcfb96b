"""What stands before every request: the names that the app answers to, what visitors may send, and headers for the
browser.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from app import access

_OWN: Final = ("localhost", "127.0.0.1", "::1")

# Streamlit styles its elements in place, makes scripts of components from strings, which arrive as blobs, and has an
# inline script in its page. So `unsafe-inline` and `blob:` stay: these headers keep out other machines, not injected
# text.
_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


# What a browser says that shows a page. Streamlit knows more: to empty the caches of all visitors, which ends the
# process that attacks, to run scripts whenever a file changes, to tell of the folder's git repository, and to write
# files for coding agents into it.
_FROM_VISITORS: Final = (
    "rerun_script",
    "stop_script",
    "app_heartbeat",
    "file_urls_request",
    "deferred_file",
    "dataframe_chunk",
)
_UPLOAD: Final = "/_stcore/upload_file/"
# Of a visitor: sentences to attack. Streamlit keeps them in memory for as long as the visitor's tab is open.
UPLOAD_BYTES: Final = 1_000_000
UPLOADS_EACH: Final = 20
_TABS: Final = 10_000


class Guard:
    """Refuses requests to a host that is not the app's, pages and websockets alike, and adds `HEADERS` to answers.

    A web page whose name is made to point at this machine (DNS rebinding) sends that name, and so gets nothing. Where
    others are meant to come, it drops what no page of the app sends, and in a demo it bounds uploads.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._hosts = app, hosts()
        self._is_shared, self._is_demo = access.is_shared(), access.is_demo()
        self._uploads = OrderedDict[str, int]()  # how many each tab has sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif not self._is_ours(Headers(scope=scope).get("host", "")):
            await _refuse(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, _from_visitors(receive) if self._is_shared else receive, send)
        elif self._is_demo and scope["method"] in ("PUT", "POST") and not self._takes(scope):
            await _too_much(scope, receive, _adding_headers(send))
        else:
            await self._app(scope, receive, _adding_headers(send))

    def _takes(self, scope: Scope) -> bool:
        """Whether a visitor may send this: a small file, and not the tab's hundredth."""
        _, is_upload, where = scope["path"].partition(_UPLOAD)
        if not is_upload:
            return True
        length = Headers(scope=scope).get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length[:12]) > UPLOAD_BYTES:
            return False  # also of unknown length
        tab = where.partition("/")[0]
        self._uploads[tab] = self._uploads.pop(tab, 0) + 1
        if len(self._uploads) > _TABS:
            self._uploads.popitem(last=False)
        return self._uploads[tab] <= UPLOADS_EACH

    def _is_ours(self, host: str) -> bool:
        return self._hosts is None or _name(host) in self._hosts


def hosts() -> frozenset[str] | None:
    """The names that the app answers to: `ROSEARCH_HOSTS`, and this machine's own; None for any.

    Any where others are meant to come (`access.mode`) and no name is set: then the server in front knows its name.
    """
    named = frozenset(part.strip().lower() for part in os.environ.get("ROSEARCH_HOSTS", "").split(",") if part.strip())
    return None if not named and access.is_shared() else named | frozenset(_OWN)


def _name(host: str) -> str | None:
    """The name in a `Host` header, without its port; None for what is none."""
    try:
        found = urlsplit(f"//{host}")
        _ = found.port
    except ValueError:
        return None
    return None if found.path or found.query or "@" in host else (found.hostname or "").rstrip(".")


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    text = "This app does not answer to that name. Open it at localhost, or add the name to ROSEARCH_HOSTS.\n"
    await PlainTextResponse(text, status_code=421)(scope, receive, send)


async def _too_much(scope: Scope, receive: Receive, send: Send) -> None:
    text = f"In a shared demo, a file may have {UPLOAD_BYTES:,} bytes, and a tab may send {UPLOADS_EACH}.\n"
    await PlainTextResponse(text, status_code=413)(scope, receive, send)


def _from_visitors(receive: Receive) -> Receive:
    """Without the messages that no page of the app sends; what is no message is Streamlit's to refuse."""

    async def receiving() -> Message:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive" or _kind(message.get("bytes") or b"") in (*_FROM_VISITORS, None):
                return message

    return receiving


def _kind(content: bytes) -> str | None:
    try:
        message = BackMsg.FromString(content)
    except Exception:  # whatever protobuf raises
        return None
    kind: str | None = message.WhichOneof("type")
    return message.backend_operation_request.WhichOneof("payload") if kind == "backend_operation_request" else kind


def _adding_headers(send: Send) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return adding
