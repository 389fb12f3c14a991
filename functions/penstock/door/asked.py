"""What somebody asks of the door: a method, a path in whole segments, headers, and a body that comes yet."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_to_bytes

from penstock.door.wrong import Wrong, not_found, of_message
from penstock.errors import BadMessage
from penstock.messages.strict_json import decode_object

#: Bytes of a body that is JSON: a request's own limit (docs/design.md §2.3).
BODY_LIMIT: Final = 9_000_000
#: What is still read of a body that is too long, so that the refusal is heard: who is cut off sees none.
_HEARD: Final = 64 * 1024 * 1024

#: Bytes a second of a file, on the average.
_SLOWEST: Final = 8192

_QUERY_LIMIT: Final = 64
#: What an id may be; nothing else ever reaches a path of the store.
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One HTTP request. `headers` by lower-case names; `raw_path` as it was sent, without the query."""

    method: str
    raw_path: bytes
    query: bytes
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

    @property
    def segments(self) -> tuple[str, ...]:
        """The path, decoded once and piece by piece. Raises Wrong for what is no plain path."""
        head, *pieces = self.raw_path.split(b"/")
        if head or len(pieces) > 8:
            raise not_found("address")
        return tuple(map(_segment, pieces))

    def parameters(self, *known: str) -> dict[str, str]:
        """The query's parameters. Raises Wrong for one that is not `known`."""
        found: dict[str, str] = {}
        for name, value in _fields(self.query):
            if name.partition("[")[0] not in known:
                raise Wrong(400, f"The query may hold {_listed(known)}.", code="unsupported_parameter")
            found[name] = value
        return found

    def number(self, name: str, default: int, most: int, values: Mapping[str, str]) -> int:
        """A whole number of the query. Raises Wrong."""
        text = values.get(name, str(default))
        if not (text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) <= most):
            raise Wrong(400, f"`{name}` must be a whole number up to {most}.", param=name)
        return int(text)

    async def body(self, within_s: float) -> bytes:
        """Raises Wrong for what is too long or does not come within `within_s` seconds."""
        try:
            async with asyncio.timeout(within_s):
                return await self._whole()
        except TimeoutError:
            raise Wrong(408, "The body did not come in time: send it without pauses.") from None

    async def paced(self, within_s: float) -> AsyncIterator[bytes]:
        """The body in pieces. Raises Wrong where one takes `within_s` seconds, or all of them are slower than
        `_SLOWEST` after that: whoever sends a byte a minute is not sending a file."""
        loop, waited_s, size = asyncio.get_running_loop(), 0.0, 0
        while True:
            began = loop.time()
            try:
                async with asyncio.timeout(within_s + min(0.0, size / _SLOWEST - waited_s)):
                    piece = await anext(self.chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise Wrong(408, "The body did not come in time: send it without pauses.") from None
            # What we do with a piece is not the sender's time.
            waited_s += loop.time() - began
            size += len(piece)
            yield piece

    async def json(self, within_s: float) -> dict[str, Any]:
        """The body as a strict JSON object. Raises Wrong."""
        try:
            return decode_object(await self.body(within_s))
        except BadMessage as error:
            raise of_message(error) from None

    @property
    def traceparent(self) -> str | None:
        text = self.headers.get("traceparent", "")
        return text if _TRACEPARENT.fullmatch(text) else None

    async def heard(self, within_s: float) -> None:
        """Read what still comes, for a while: who is cut off while they send never see what was answered."""
        size = 0
        with contextlib.suppress(TimeoutError, Wrong):
            async with asyncio.timeout(within_s):
                async for chunk in self.chunks:
                    size += len(chunk)
                    if size > _HEARD:
                        return

    async def _whole(self) -> bytes:
        kept, size = [], 0
        async for chunk in self.chunks:
            size += len(chunk)
            if size <= BODY_LIMIT:
                kept.append(chunk)
            elif size > _HEARD:
                break
        if size > BODY_LIMIT:
            raise Wrong(413, f"The body is too long: at most {BODY_LIMIT:,} bytes are taken here.")
        return b"".join(kept)


def _fields(query: bytes) -> list[tuple[str, str]]:
    """Raises Wrong."""
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_QUERY_LIMIT)
    except ValueError:
        raise Wrong(400, f"The query has over {_QUERY_LIMIT} parameters: leave some out.") from None


def known_id(text: str, what: str) -> str:
    """`text`, which is an id; raises Wrong, as if there were none."""
    if _ID.fullmatch(text):
        return text
    raise not_found(what)


def _segment(piece: bytes) -> str:
    try:
        text = unquote_to_bytes(piece).decode()
    except UnicodeDecodeError:
        raise not_found("address") from None
    if text in (".", "..") or any(c == "/" or c == "\\" or ord(c) < 32 or ord(c) == 127 for c in text):
        raise not_found("address")
    return text


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"
