"""The provider `openai`: any server that speaks OpenAI's chat API, vLLM's too.

Importing this module imports the SDK (about a second): bootstrap does it when a route needs it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient

from penstock.messages.completion import Completion
from penstock.messages.request import Request
from penstock.providers.chat_reply import read_completion
from penstock.providers.key import Key
from penstock.providers.one_call import call_once, reload, utc_now
from penstock.providers.openai_failures import of_error
from penstock.providers.params import openai_params
from penstock.providers.reply_limit import IDENTITY, MAX_REPLY_BYTES, limit_reply

#: Where OpenAI answers when a target names no base_url.
OPENAI_URL = "https://api.openai.com/v1"
#: Seconds until a connection must stand (or one of the pool be free); nothing is paid by then.
CONNECT_S = 10.0
#: A longer request goes out in pieces of this size: aiohttp warns against more than 1 MiB at once, which
#: would keep every other request of the instance waiting.
PIECE_BYTES = 2**18


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


class OpenAIProvider:
    """Asks one model at one address. The client is built at the first call, then kept with its connections.

    `key` None sends no secret (a server of one's own without a key). `now` is the wall clock, for the
    dates in Retry-After.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key: Key | None = None,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._model, self._base_url, self._key = model, base_url or OPENAI_URL, key
        self._max_reply_bytes, self._now = max_reply_bytes, now
        self._client: AsyncOpenAI | None = None

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        """Ask once; everything together ends within `timeout_s` seconds. Raises ProviderFailure."""

        async def ask(authorization: Mapping[str, str]) -> bytes:
            return await self._post(self._body(request), authorization)

        data = await call_once(
            ask, key=self._key, timeout_s=timeout_s, of_error=lambda error: of_error(error, self._now())
        )
        return read_completion(data, request, model=self._model)

    def _body(self, request: Request) -> dict[str, Any]:
        params = openai_params(request.params, self._base_url)
        return {"model": self._model, "messages": list(request.messages), **params}

    async def _post(self, body: Mapping[str, Any], authorization: Mapping[str, str]) -> bytes:
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        # The SDK's door for requests that it does not model: our JSON goes out as it is, bytes come back.
        response = await self._connected().post(
            "/chat/completions",
            content=data if len(data) <= PIECE_BYTES else _pieces(data),
            cast_to=httpx2.Response,
            options={"headers": {**headers, **IDENTITY, **authorization}},
        )
        return response.content

    def _connected(self) -> AsyncOpenAI:
        if self._client is None:
            http = DefaultAioHttpClient(
                follow_redirects=False, event_hooks={"response": [limit_reply(self._max_reply_bytes)]}
            )
            client = AsyncOpenAI(
                # The SDK wants one; each call brings its own Authorization header.
                api_key="none",
                base_url=self._base_url,
                # The SDK's retries would hide paid attempts from the ledger.
                max_retries=0,
                timeout=httpx2.Timeout(None, connect=CONNECT_S, pool=CONNECT_S),
                http_client=http,
            )
            # The SDK takes these from the environment, which only settings.py may read, and would tell them
            # to whatever server base_url names.
            client.organization = client.project = None
            self._client = client
        return self._client

    async def reload_key(self) -> bool:
        """Fetch the key again; False when it is the same, or there is none, or it cannot be had."""
        return await reload(self._key)

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()
