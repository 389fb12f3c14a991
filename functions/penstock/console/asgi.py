"""The console behind a server, by ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from penstock.console.asked import FORM_LIMIT, Call
from penstock.console.desk import Desk
from penstock.console.page import Page
from penstock.console.site import page

App = Callable[[Any, Any, Any], Awaitable[None]]


def app(desk: Callable[[], Awaitable[Desk]]) -> App:
    """The console as an ASGI application; `desk` is asked for when somebody comes."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        raw, _, _ = scope.get("raw_path", scope["path"].encode()).partition(b"?")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        call = Call(scope["method"], raw, scope["query_string"], headers, await _body(receive))
        await _send(send, await page(await desk(), call), call.method)

    return serve


async def _body(receive: Any) -> bytes:
    """What was sent, and a little more than FORM_LIMIT of it at most."""
    body, more = b"", True
    while more and len(body) <= FORM_LIMIT:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _send(send: Any, answer: Page, method: str) -> None:
    headers = {"Content-Type": answer.kind, "Content-Length": str(len(answer.body)), **answer.headers}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
