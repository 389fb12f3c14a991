"""The provider `tgi`: Hugging Face's Text Generation Inference, one's own, on Cloud Run or elsewhere.

Importing this module imports huggingface_hub's client (half a second): bootstrap does it when needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx2
from huggingface_hub import AsyncInferenceClient

from penstock.adapters.providers.chat_reply import read_completion
from penstock.adapters.providers.failures import rejected
from penstock.adapters.providers.httpx2_reply import limit_reply
from penstock.adapters.providers.key import Key
from penstock.adapters.providers.one_call import call_once, reload, utc_now
from penstock.adapters.providers.params import TGI_UNKNOWN, tgi_params
from penstock.adapters.providers.reply_limit import IDENTITY, MAX_REPLY_BYTES
from penstock.adapters.providers.tgi_failures import of_error
from penstock.messages.completion import Completion
from penstock.messages.request import Request

#: Seconds until a connection must stand; nothing is computed by then.
CONNECT_S = 10.0
#: TGI ignores the model's name; this is what huggingface_hub says for none.
NO_MODEL = "tgi"

#: The headers of the running call's reply; a call is one coroutine, so one context.
_HEADERS: ContextVar[Mapping[str, str]] = ContextVar("headers", default={})  # noqa: B039 # never written to
#: What the SDK is given to read; the reply itself is read by the rules that hold for every provider.
_NO_FIELDS = b"{}"


class TgiProvider:
    """Asks the server at one address.

    `key` is the server's token, or an `IdTokenKey` for a private Cloud Run service; None: it asks for none.
    Whatever it is, an Authorization header is always sent, because huggingface_hub would otherwise send the
    HF_TOKEN of the environment to any server.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str = NO_MODEL,
        key: Key | None = None,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._base_url, self._model, self._key = base_url.rstrip("/"), model, key
        self._max_reply_bytes, self._now = max_reply_bytes, now
        self._http: httpx2.AsyncClient | None = None

    async def complete(self, request: Request, *, timeout_s: float) -> Completion:
        """Ask once; everything together ends within `timeout_s` seconds. Raises ProviderFailure."""
        unknown = sorted(TGI_UNKNOWN.intersection(request.params))
        if unknown:
            raise rejected(f"A TGI server does not take the parameter {unknown[0]}.").failure()

        async def ask(authorization: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
            client = _Client(self._connected(), self._base_url, {**IDENTITY, **authorization})
            params = tgi_params(request.params)
            messages = [dict(message) for message in request.messages]
            await client.chat_completion(messages, model=self._model, **params)
            return client.reply, _HEADERS.get()

        data, headers = await call_once(
            ask, key=self._key, timeout_s=timeout_s, of_error=lambda error: of_error(error, self._now())
        )
        answer = read_completion(data, headers, request, model=self._model)
        return replace(answer, queued_s=_queued_s(headers))

    def _connected(self) -> httpx2.AsyncClient:
        if self._http is None:
            self._http = httpx2.AsyncClient(
                follow_redirects=False,
                event_hooks={"response": [_note_headers, limit_reply(self._max_reply_bytes)]},
                limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=100),
            )
        return self._http

    async def reload_key(self) -> bool:
        """Fetch the token again; False when it is the same, or there is none, or it cannot be had."""
        return await reload(self._key)

    async def close(self) -> None:
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()


async def _note_headers(response: httpx2.Response) -> None:
    _HEADERS.set(response.headers.copy())


def _queued_s(headers: Mapping[str, str]) -> float | None:
    """TGI says in a header how many milliseconds a question waited in its queue."""
    text = headers.get("x-queue-time", "")
    return int(text[:9]) / 1000 if text.isascii() and text.isdigit() else None


class _Client(AsyncInferenceClient):
    """huggingface_hub's client for one call, on connections that outlive it and limit the reply.

    Its own way to hand it an HTTP client is a factory for the whole process; `_get_async_client` is where
    it asks for one, `_inner_post` where it gets a reply. Tests read endless and odd replies through both, so
    a change of the SDK would be noticed.
    """

    def __init__(self, http: httpx2.AsyncClient, base_url: str, headers: Mapping[str, str]) -> None:
        super().__init__(
            base_url=base_url,
            headers=dict(headers),
            # The header above decides; without this the SDK would look for a token in a file at every call.
            token=headers["authorization"].removeprefix("Bearer "),
            timeout=httpx2.Timeout(None, connect=CONNECT_S, pool=CONNECT_S),  # type: ignore[arg-type] # httpx2 takes it wherever it takes seconds
        )
        self._http = http
        #: The bytes of the newest reply, as the SDK never reads them.
        self.reply = b""

    async def _get_async_client(self) -> httpx2.AsyncClient:
        return self._http

    async def _inner_post(self, *args: Any, **kwargs: Any) -> Any:
        self.reply = await super()._inner_post(*args, **kwargs)
        return _NO_FIELDS
