"""A bucket as a shelf, by Cloud Storage's JSON API: four requests, and no SDK in the container.

Wire: https://cloud.google.com/storage/docs/json_api/v1/objects
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from typing import IO, Any, Final
from urllib.parse import quote

import aiohttp

from penstock.drain.shelf_errors import NotThere, ShelfError
from penstock.drain.token import MachineToken

_API: Final = "https://storage.googleapis.com"
_PIECE: Final = 1024 * 1024
#: Tries of one write, and seconds before the second: what was worked off is worth waiting for.
_TRIES, _AGAIN_S = 6, 0.5
#: Bounds of one request, in seconds: to connect, and between two pieces.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)


class Bucket:
    """The Shelf port on a bucket. `api`: a stand-in, asked without a token."""

    def __init__(self, bucket: str, api: str | None = None) -> None:
        self._api, self._bucket = api or _API, bucket
        self._token = None if api else MachineToken()
        self._http: aiohttp.ClientSession | None = None

    async def put(self, name: str, data: bytes, *, new: bool = False) -> bool:
        return await self._upload(name, lambda: data, new=new)

    async def put_stream(self, name: str, pieces: AsyncIterable[bytes]) -> None:
        # By way of a file: a request that is tried again has to begin anew.
        with tempfile.NamedTemporaryFile() as spool:
            async for piece in pieces:
                spool.write(piece)
            spool.flush()
            await self._upload(name, lambda: _opened(spool.name))

    async def read(self, name: str) -> AsyncIterator[bytes]:
        url = f"{self._api}/download/storage/v1/b/{self._bucket}/o/{quote(name, safe='')}"
        headers = await self._headers()
        try:
            async with self._session().get(url, params={"alt": "media"}, headers=headers) as reply:
                if reply.status == 404:
                    raise NotThere(name)
                _check(reply, name)
                async for piece in reply.content.iter_chunked(_PIECE):
                    yield piece
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ShelfError(f"The bucket did not give {name}: {type(error).__name__}.") from None

    async def names(self, prefix: str) -> list[str]:
        url, found, page = f"{self._api}/storage/v1/b/{self._bucket}/o", [], ""
        while True:
            params = {"prefix": prefix, "fields": "items/name,nextPageToken"}
            said = await self._json(url, params | ({"pageToken": page} if page else {}))
            found += [item["name"] for item in said.get("items", [])]
            page = said.get("nextPageToken", "")
            if not page:
                return sorted(found)

    async def delete(self, name: str) -> None:
        url = f"{self._api}/storage/v1/b/{self._bucket}/o/{quote(name, safe='')}"
        try:
            async with self._session().delete(url, headers=await self._headers()) as reply:
                if reply.status != 404:
                    _check(reply, name)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ShelfError(f"The bucket did not delete {name}: {type(error).__name__}.") from None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def _upload(self, name: str, data: Any, *, new: bool = False) -> bool:
        """The same bytes under the same name: a write whose answer was lost may be repeated."""
        for again in range(_TRIES):
            if again:
                await asyncio.sleep(_AGAIN_S * 2**again)
            status = await self._post(name, data(), new)
            if status == 412:
                return False
            if status is not None and status < 500 and status not in (408, 429):
                break
        if status is None or status >= 300:
            raise ShelfError(f"The bucket did not take {name}: {status or 'no answer'}.", status)
        return True

    async def _post(self, name: str, data: bytes | IO[bytes], new: bool) -> int | None:
        params = {"uploadType": "media", "name": name} | ({"ifGenerationMatch": "0"} if new else {})
        url, headers = f"{self._api}/upload/storage/v1/b/{self._bucket}/o", await self._headers()
        try:
            async with self._session().post(url, params=params, data=data, headers=headers) as reply:
                await reply.read()
                return reply.status
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def _json(self, url: str, params: dict[str, str]) -> Any:
        try:
            async with self._session().get(url, params=params, headers=await self._headers()) as reply:
                _check(reply, "the list")
                return await reply.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ShelfError(f"The bucket did not list: {type(error).__name__}.") from None

    async def _headers(self) -> dict[str, str]:
        if self._token is None:
            return {}
        return {"Authorization": f"Bearer {await self._token.get(self._session())}"}

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self._http


def _opened(path: str) -> IO[bytes]:
    return open(path, "rb")  # the request closes it


def _check(reply: aiohttp.ClientResponse, name: str) -> None:
    if reply.status >= 300:
        raise ShelfError(f"The bucket answered {reply.status} for {name}.", reply.status)
