"""A provider's API of figures, over HTTP: pages of JSON, read to the last."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import aiohttp

from penstock.adapters.providers.key import Key
from penstock.errors import BillError, SecretError

#: One page may take so long, in seconds; a bill has at most so many, of at most so many bytes.
_PATIENCE_S: Final = 60.0
_PAGES: Final = 200
_LIMIT: Final = 16 * 1024 * 1024
NANO: Final = 1_000_000_000
#: More calls or tokens than this are in no day.
_MOST: Final = 10**15
Params = Sequence[tuple[str, str]]


class Figures:
    """Asks at `address`. `headers` says how a key is shown there; `name` is the provider's, for sentences."""

    def __init__(
        self, name: str, address: str, key: Key, headers: Callable[[str], Mapping[str, str]]
    ) -> None:
        self._name, self._address, self._key, self._headers = name, address.rstrip("/"), key, headers
        self._session: aiohttp.ClientSession | None = None

    async def pages(self, path: str, params: Params) -> AsyncIterator[Mapping[str, Any]]:
        """Every page, by `has_more` and `next_page`. Raises BillError."""
        page: Params = ()
        for _ in range(_PAGES):
            answer = await self.get(path, [*params, *page])
            yield answer
            if not answer.get("has_more") or not answer.get("next_page"):
                return
            page = [("page", str(answer["next_page"]))]
        raise BillError(f"{self._name} has more than {_PAGES} pages of figures for a day: that is no day.")

    async def get(self, path: str, params: Params) -> Mapping[str, Any]:
        """Raises BillError."""
        try:
            status, data = await self._read(path, params)
        except TimeoutError:
            raise BillError(
                f"{self._name} did not answer within {_PATIENCE_S:g} s: try again later."
            ) from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise BillError(f"{self._name} cannot be reached ({type(error).__name__}).") from None
        if status != 200:
            raise BillError(self._refusal(status))
        return self._decoded(data)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _read(self, path: str, params: Params) -> tuple[int, bytes]:
        try:
            key = await self._key.value()
        except SecretError as error:
            raise BillError(f"The key for {self._name}'s figures cannot be had: {error}.") from None
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
            self._session = aiohttp.ClientSession(timeout=timeout)
        headers = {"User-Agent": "penstock", **self._headers(key)}
        url = f"{self._address}{path}"
        # No redirect: the key is this address's alone.
        asked = self._session.get(url, params=params, headers=headers, allow_redirects=False)
        async with asked as answer:
            return answer.status, await self._whole(answer)

    async def _whole(self, answer: aiohttp.ClientResponse) -> bytes:
        data = b""
        async for piece in answer.content.iter_chunked(64 * 1024):
            data += piece
            if len(data) > _LIMIT:
                raise BillError(f"{self._name} answers with over {_LIMIT} bytes: that is no bill.")
        return data

    def _decoded(self, data: bytes) -> Mapping[str, Any]:
        """Money without a detour by floats."""
        try:
            answer = json.loads(data, parse_float=Decimal)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise BillError(f"{self._name} answers with something that is no JSON object.")
        return answer

    def _refusal(self, status: int) -> str:
        match status:
            case 401 | 403:
                return (
                    f"{self._name} does not let this key see its figures ({status}): it takes an "
                    "organization's admin key, not one that calls models."
                )
            case 404:
                return (
                    f"{self._name} has no figures at this address (404): check the address and the project."
                )
            case 429:
                return f"{self._name} answers 429: its figures were asked for too often; try again later."
        return f"{self._name} answers {status} instead of its figures."


def rows(name: str, of: Any) -> list[Mapping[str, Any]]:
    """A list of objects in an answer. Raises BillError."""
    if not isinstance(of, list) or not all(isinstance(row, dict) for row in of):
        raise BillError(f"{name} answers in another form than it documents: is this its address?")
    return of


def count(value: Any) -> int:
    """A number of calls or tokens; what is not told is none."""
    if value is None:
        return 0
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if is_number and 0 <= value < _MOST and value == int(value):
        return int(value)
    raise BillError(f"A number of calls or tokens on the bill is {str(value)[:40]!r}.")


def nano(value: Any, per_dollar: int = 1) -> int:
    """Money as it is told, in so many parts of a dollar. Raises BillError."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise ValueError
        return round(Decimal(value) * NANO / per_dollar)
    except (ArithmeticError, ValueError):
        raise BillError(f"An amount on the bill is {str(value)[:40]!r}, and no number.") from None
