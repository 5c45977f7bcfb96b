"""What stands before every request: the names that the app answers to, and headers for the browser."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class Guard:
    """Refuses requests to a host that is not the app's, pages and websockets alike, and adds `HEADERS` to answers.

    A web page whose name is made to point at this machine (DNS rebinding) sends that name, and so gets nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._hosts = app, hosts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif not self._is_ours(Headers(scope=scope).get("host", "")):
            await _refuse(scope, receive, send)
        else:
            await self._app(scope, receive, _adding_headers(send))

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


def _adding_headers(send: Send) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return adding
