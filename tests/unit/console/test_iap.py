"""Who Identity-Aware Proxy let in: assertions signed as it signs them, its keys over a socket."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth import jwt
from google.auth.crypt import ES256Signer

from penstock.adapters.google.iap import IapKeeper
from penstock.bootstrap import build
from penstock.console.asked import Call
from penstock.console.site import page
from penstock.console.who import Role, behind_iap
from penstock.errors import NotLetIn
from penstock.operating import desk_of
from penstock.settings import read_settings

AUDIENCE = "/projects/123/locations/us-central1/services/console"


class Proxy:
    """Identity-Aware Proxy's two halves: it signs, and tells its public keys."""

    def __init__(self) -> None:
        self.private: dict[str, Any] = {}
        self.fetched = 0
        self.up = True
        self.new_key("first")

    def new_key(self, name: str) -> None:
        self.private = {name: ec.generate_private_key(ec.SECP256R1())} | self.private

    def assertion(self, **claims: Any) -> str:
        name, key = next(iter(self.private.items()))
        now = int(time.time())
        whole = {
            "iss": "https://cloud.google.com/iap", "aud": AUDIENCE, "iat": now, "exp": now + 600,
            "email": "Ann@example.com", "sub": "accounts.google.com:1",
        }  # fmt: skip
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        encoded: bytes = jwt.encode(ES256Signer.from_string(pem, name), whole | claims)  # type: ignore[no-untyped-call]
        return encoded.decode()

    async def keys(self, _: web.Request) -> web.Response:
        self.fetched += 1
        if not self.up:
            return web.Response(status=503)
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        public = {
            name: key.public_key().public_bytes(encoding, form).decode() for name, key in self.private.items()
        }
        return web.Response(text=json.dumps(public), content_type="application/json")


@pytest_asyncio.fixture
async def proxy() -> AsyncIterator[tuple[Proxy, str]]:
    made, app = Proxy(), web.Application()
    app.router.add_get("/keys", made.keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield made, "http://{}:{}/keys".format(*runner.addresses[0][:2])
    await runner.cleanup()


async def test_who_came_is_believed_and_the_keys_are_kept(proxy: tuple[Proxy, str]) -> None:
    made, address = proxy
    keeper = IapKeeper(AUDIENCE, address)
    who = behind_iap(keeper.who, frozenset({"ann@example.com"}))
    ann = await who({"x-goog-iap-jwt-assertion": made.assertion()})
    assert (ann.name, ann.role) == ("Ann@example.com", Role.OPERATOR)
    eve = await who({"x-goog-iap-jwt-assertion": made.assertion(email="eve@example.com")})
    assert eve.role is Role.VIEWER
    assert made.fetched == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "/projects/123/locations/us-central1/services/another"},
        {"iss": "https://accounts.google.com"},
        {"exp": 1_700_000_000, "iat": 1_600_000_000},
        {"iat": 4_000_000_000, "exp": 4_000_000_600},
        {"email": None},
    ],
)
async def test_what_was_not_meant_for_us_is_not_believed(
    proxy: tuple[Proxy, str], claims: dict[str, Any]
) -> None:
    made, address = proxy
    with pytest.raises(NotLetIn):
        await IapKeeper(AUDIENCE, address).who(made.assertion(**claims))


async def test_nor_is_what_somebody_else_signed_or_nobody(proxy: tuple[Proxy, str]) -> None:
    made, address = proxy
    keeper = IapKeeper(AUDIENCE, address)
    other = Proxy().assertion()  # another key of the same name
    body = made.assertion().rpartition(".")[0]
    unsigned = "eyJhbGciOiJub25lIn0." + body.partition(".")[2] + "."
    for spoilt in ("", "x", "a.b.c", "é", other, body + ".", body + ".AAAA", unsigned):
        with pytest.raises(NotLetIn):
            await keeper.who(spoilt)


async def test_a_new_key_is_fetched_but_not_at_everybodys_bidding(
    proxy: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, address = proxy
    keeper = IapKeeper(AUDIENCE, address)
    await keeper.who(made.assertion())
    made.new_key("second")
    with pytest.raises(NotLetIn):
        await keeper.who(made.assertion())
    assert made.fetched == 1
    later = time.monotonic() + 11
    monkeypatch.setattr("penstock.adapters.google.iap.time.monotonic", lambda: later)
    assert await keeper.who(made.assertion()) == "Ann@example.com"
    # Their keeper is away: whom we know by the keys that we have we still know
    made.up = False
    hour = later + 3601
    monkeypatch.setattr("penstock.adapters.google.iap.time.monotonic", lambda: hour)
    assert await keeper.who(made.assertion()) == "Ann@example.com"


async def test_behind_the_proxy_this_machine_is_nobody(tmp_path: Path) -> None:
    told = json.dumps({"audience": AUDIENCE, "operators": ["ann@example.com"]})
    settings = read_settings({"PENSTOCK_LOCAL": str(tmp_path), "PENSTOCK_CONSOLE": told})
    services = build(settings)
    shown = await page(desk_of(settings, services), Call("GET", b"/", b"", {"host": "127.0.0.1"}))
    await services.close()
    assert (shown.status, b"Identity-Aware Proxy" in shown.body) == (401, True)
