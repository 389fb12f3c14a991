"""One call of a Google API, JSON over HTTP: no SDK, which would take longer to import than to ask."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp

from penstock.adapters.providers.aiohttp_failures import of_error
from penstock.adapters.providers.connections import CONNECT_S
from penstock.adapters.providers.failures import ambiguous, of_status
from penstock.adapters.providers.key import Key
from penstock.adapters.providers.one_call import call_once
from penstock.errors import ProviderFailure

_GARBAGE: Final = ambiguous("Google's reply is not the JSON that its API writes.")
#: Of what has ended, or is gone: there is nothing to call back.
_OVER: Final = frozenset({400, 404, 409})
_PAGE: Final = "100"


class GoogleApi:
    """`base_url`: the API's address with its version."""

    def __init__(self, base_url: str, key: Key | None) -> None:
        self._base_url, self._key = base_url.rstrip("/"), key
        self._http: aiohttp.ClientSession | None = None

    async def call(
        self, method: str, path: str, *, timeout_s: float, params: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        """What it says. Raises ProviderFailure, with the status where there was one."""

        async def ask(headers: Mapping[str, str]) -> dict[str, Any]:
            async with self._session().request(
                method, f"{self._base_url}/{path}", headers=headers, params=params, json=body,
                allow_redirects=False,
            ) as reply:  # fmt: skip
                data = await reply.read()
            said = _object(data)
            if not 200 <= reply.status < 300:
                raise of_status(reply.status, said)
            if said is None:
                raise _GARBAGE.failure()
            return said

        return await call_once(ask, key=self._key, timeout_s=timeout_s, of_error=of_error)

    async def listed(
        self, path: str, field: str, *, timeout_s: float, params: Mapping[str, str] | None = None
    ) -> AsyncIterator[Any]:
        """Page by page to the end, for the order of a listing is promised nowhere. Raises ProviderFailure."""
        page: str | None = ""
        while page is not None:
            asked = {"pageSize": _PAGE, **(params or {})} | ({"pageToken": page} if page else {})
            said = await self.call("GET", path, params=asked, timeout_s=timeout_s)
            for one in said.get(field, []):
                yield one
            page = said.get("nextPageToken") or None

    async def cancel(self, name: str, *, timeout_s: float) -> None:
        """Call back what runs under `name`; what does not is left as it is. Raises ProviderFailure."""
        try:
            await self.call("POST", f"{name}:cancel", body={}, timeout_s=timeout_s)
        except ProviderFailure as failure:
            if failure.status not in _OVER:
                raise

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            limits = aiohttp.ClientTimeout(total=None, connect=CONNECT_S)
            self._http = aiohttp.ClientSession(timeout=limits, trust_env=False)
        return self._http


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
