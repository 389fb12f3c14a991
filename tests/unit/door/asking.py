"""Somebody at the door of an instance that is not behind a server: what is asked, and what is said."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.bootstrap import build
from penstock.door.asked import Asked
from penstock.door.key import Key
from penstock.door.site import answer
from penstock.paths import key_path
from penstock.ports import Put
from penstock.services import Services
from penstock.settings import read_settings

ROUTES = {
    "default": "one",
    "routes": {
        name: {"targets": [{"name": f"at-{name}", "provider": "offline", "model": "offline"}]}
        for name in ("one", "two")
    },
}
CHAT = {"model": "one", "messages": [{"role": "user", "content": "Why?"}]}


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


@dataclass(slots=True)
class Client:
    """One bearer of a key. `s` is the instance."""

    s: Services
    key: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, body: Any = None, query: bytes = b"", **headers: str
    ) -> Heard:
        """`body`: bytes as they are, everything else as JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"authorization": f"Bearer {self.key}"} | self.headers | named
        reply = await answer(self.s, Asked(method, path.encode("latin-1"), query, sent, _chunks(data)))
        whole = reply.body if isinstance(reply.body, bytes) else b"".join([part async for part in reply.body])
        return Heard(reply.status, reply.headers, whole)

    async def chat(self, headers: Mapping[str, str] | None = None, **fields: Any) -> Heard:
        return await self.ask("POST", "/v1/chat/completions", CHAT | fields, b"", **(headers or {}))


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65_536):
        yield data[start : start + 65_536]


def opened(folder: Path, **env: str) -> Services:
    """An instance on `folder` with the door in it."""
    given = {"PENSTOCK_LOCAL": str(folder), "PENSTOCK_ROUTES": json.dumps(ROUTES), "PENSTOCK_DOOR": "keys"}
    return build(read_settings(given | env))


async def client(s: Services, tenant: str = "acme", **fields: Any) -> Client:
    """The bearer of a new key of `tenant`."""
    now = datetime.now(UTC)
    scopes = fields.pop("scopes", ("submit", "read", "batch"))
    key_id, routes = fields.pop("key_id", f"k-{tenant}"), fields.pop("routes", ())
    key = Key(key_id, tenant, scopes, routes, None, now, **fields)
    key, text = key.with_new_secret(now, None)
    await s.store.commit([Put(key_path(key.key_id), key.encode())], timeout_s=10)
    return Client(s, text)
