"""The console behind a server, by ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html).

Only a browser that means this machine is answered: a name of somebody else's that leads here belongs to a
page that wants to read ours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from penstock.console.page import Page, drawn
from penstock.console.site import page
from penstock.services import Services

_OURS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})

App = Callable[[Any, Any, Any], Awaitable[None]]


def local_app(services: Callable[[], Awaitable[Services]]) -> App:
    """The console for whoever sits at this machine."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raw, _, _ = scope.get("raw_path", scope["path"].encode()).partition(b"?")
        if _host(scope) not in _OURS:
            answer = drawn("wrong.html", 421, sentence="Open the console by its own address: 127.0.0.1.")
        else:
            answer = await page(await services(), scope["method"], raw, scope["query_string"])
        await _send(send, answer, scope["method"])

    return app


def _host(scope: Any) -> str:
    for name, value in scope["headers"]:
        if name == b"host":
            host: str = value.decode("latin-1")
            return host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    return ""


async def _send(send: Any, answer: Page, method: str) -> None:
    headers = {"Content-Type": answer.kind, "Content-Length": str(len(answer.body)), **answer.headers}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
