"""Calls that the provider keeps: OpenAI's Responses API in background (API reference, responses).

A response is stored there until it is deleted: what is not stored cannot be asked after. There is no listing:
a create without an answer is found by nobody.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from penstock.adapters.providers.aiohttp_failures import of_error
from penstock.adapters.providers.connections import Connections, Reply
from penstock.adapters.providers.failures import UNSENDABLE, of_status, rejected, unreadable
from penstock.adapters.providers.key import Key
from penstock.adapters.providers.one_call import call_once, reload, utc_now
from penstock.adapters.providers.openai import OPENAI_URL, url_below
from penstock.adapters.providers.reply_limit import MAX_REPLY_BYTES
from penstock.adapters.providers.reply_text import decoded
from penstock.adapters.providers.response_form import response_form
from penstock.adapters.providers.response_stand import stand_of
from penstock.errors import ProviderFailure
from penstock.later import Kept, Stand
from penstock.messages.request import Request
from penstock.targets.in_background import unsayable
from penstock.targets.retry_after import retry_after_s

#: Longer is no name that could be kept.
_LONGEST: Final = 256
_NO_NAME = unreadable("The provider's reply to a call in background names no response.", 2)


class ResponsesProvider:
    """One model at one address."""

    def __init__(
        self, model: str, base_url: str | None = None, key: Key | None = None, *,
        service_tier: str | None = None, window: str | None = None, now: Callable[[], datetime] = utc_now,
    ) -> None:  # fmt: skip
        self._model, self._base_url, self._key, self._now = model, base_url or OPENAI_URL, key, now
        self._always: dict[str, Any] = {"background": True, "store": True, "stream": False}
        if service_tier is not None:
            self._always["service_tier"] = service_tier
        if window is not None:
            self._always["background_options"] = {"completion_window": window}
        self._connections = Connections(max_reply_bytes=MAX_REPLY_BYTES)

    async def begin(self, request: Request, mark: Mapping[str, str], *, timeout_s: float) -> Kept:
        field = unsayable(request)
        if field is not None:
            told = f"A call in background cannot say {field!r}: leave it out, or ask a target in lane sync."
            raise rejected(told).failure()
        form = {"model": self._model, **response_form(request), **self._always, "metadata": dict(mark)}
        data = json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode()
        url = self._url("responses")
        body = await self._asked(lambda headers: self._connections.post(url, data, headers), timeout_s)
        name = body.get("id") if isinstance(body, Mapping) else None
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST or not name.isprintable():
            raise _NO_NAME.failure(status=200)
        return Kept(name)

    async def look(self, name: str, request: Request, *, timeout_s: float) -> Stand:
        return stand_of(name, await self._one("GET", name, timeout_s), request, self._model)

    async def cancel(self, name: str, request: Request, *, timeout_s: float) -> Stand:
        try:
            body = await self._one("POST", name, timeout_s, "/cancel")
        except ProviderFailure as failure:
            if failure.status not in (400, 409):
                raise
            return await self.look(name, request, timeout_s=timeout_s)  # it has ended
        return stand_of(name, body, request, self._model)

    async def delete(self, name: str, *, timeout_s: float) -> None:
        try:
            await self._one("DELETE", name, timeout_s)
        except ProviderFailure as failure:
            if failure.status != 404:
                raise

    async def reload_key(self) -> bool:
        return await reload(self._key)

    async def close(self) -> None:
        await self._connections.close()

    async def _one(self, method: str, name: str, timeout_s: float, more: str = "") -> Any:
        url = self._url(f"responses/{quote(name, safe='')}{more}")
        return await self._asked(lambda headers: self._connections.ask(method, url, headers), timeout_s)

    def _url(self, path: str) -> str:
        url = url_below(self._base_url, path)
        if url is None:
            raise UNSENDABLE.failure()
        return url

    async def _asked(self, ask: Callable[[Mapping[str, str]], Awaitable[Reply]], timeout_s: float) -> Any:
        """The decoded body of a reply. Raises ProviderFailure."""
        reply = await call_once(ask, key=self._key, timeout_s=timeout_s, of_error=of_error)
        body = decoded(reply.data, reply.headers.get("Content-Type"))
        if not reply.succeeded:
            raise of_status(reply.status, body, retry_after_s(reply.headers, self._now()))
        return body
