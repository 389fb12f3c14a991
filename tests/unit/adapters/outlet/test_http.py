"""What leaves by real sockets: where it may go, what it heeds, and what it does not wait for."""

from __future__ import annotations

import asyncio
import ssl
import time

import pytest
import trustme
from standardwebhooks.webhooks import Webhook

from penstock.adapters.outlet.http import HttpOutlet, NotPublic
from penstock.callbacks.signing import headers, key_of
from penstock.clock import SystemClock
from penstock.errors import NotDelivered
from penstock.outlet import Answered
from tests.servers.hook_server import HookServer

BODY = b'{"type":"request.completed"}'


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def served(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment would see what goes out; it is not asked."""
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


async def _post(outlet: HttpOutlet, url: str, timeout_s: float = 5) -> Answered:
    try:
        return await outlet.post(url, BODY, {"webhook-id": "msg_1"}, timeout_s=timeout_s)
    finally:
        await outlet.close()


async def _fails(outlet: HttpOutlet, url: str, timeout_s: float = 5) -> str:
    with pytest.raises(NotDelivered) as failed:
        await _post(outlet, url, timeout_s)
    return str(failed.value)


async def test_it_arrives_over_tls_and_the_standards_own_library_takes_its_signature(
    served: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    keys = [key_of("master", "acme", "crm", version) for version in (2, 1)]
    async with HookServer(tls=served) as server:
        outlet = HttpOutlet(tls=trusting, is_allowed=lambda host: True)
        signed = headers("msg_0a1b", SystemClock().now(), BODY, keys)
        answered = await outlet.post(f"https://localhost:{server.port}/hooks?a=1", BODY, signed, timeout_s=5)
        await outlet.close()
    assert answered == Answered(204)
    [arrived] = server.arrived
    assert (arrived.line, arrived.body) == ("POST /hooks?a=1 HTTP/1.1", BODY)
    assert arrived.headers["content-type"] == "application/json"
    for key in keys:
        assert Webhook(key).verify(BODY, arrived.headers)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001", "0177.0.0.1", "127.1", "2130706433"),
        *("0.0.0.0", "１２７.0.0.1", "[::]"),
    ],
)
async def test_this_machine_is_never_dialled_in_whatever_spelling(host: str) -> None:
    async with HookServer() as server:
        await _fails(HttpOutlet(), f"http://{host}:{server.port}/")
        assert server.connected == 0


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "0xA9FEA9FE", "0251.0376.0251.0376", "0xA9.0xFE.0xA9.0xFE", "169.254.43518"),
        *("[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]"),
        *("[2001:0:a9fe:a9fe::1]", "[fd00:ec2::254]", "１６９.254.169.254", "169.254.169.254."),
        *("2852039166", "169.16689662", "[::a9fe:a9fe]"),
    ],
)
async def test_the_metadata_server_is_never_dialled_in_whatever_spelling(host: str) -> None:
    dialled: list[str] = []

    def is_allowed(address: str) -> bool:
        dialled.append(address)
        return HttpOutlet()._is_allowed(address)

    said = await _fails(HttpOutlet(is_allowed=is_allowed), f"http://{host}/", 3)
    if dialled:  # else the client took it for no address at all
        assert said == NotPublic.said


async def test_what_a_name_leads_to_when_it_is_dialled_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was public when it was registered leads inside now."""
    loop = asyncio.get_running_loop()

    async def leads_inside(*_: object, **__: object) -> list[object]:
        return [(2, 1, 6, "", ("127.0.0.1", 0))]

    async with HookServer() as server:
        monkeypatch.setattr(loop, "getaddrinfo", leads_inside)
        said = await _fails(HttpOutlet(), f"http://crm.example.com:{server.port}/")
        assert (said, server.connected) == (NotPublic.said, 0)


async def test_a_local_system_may_tell_this_machine_alone() -> None:
    async with HookServer() as server:
        assert await _post(HttpOutlet(loopback=True), f"http://127.0.0.1:{server.port}/") == Answered(204)
    assert await _fails(HttpOutlet(loopback=True), "http://10.255.255.1/", 3) == NotPublic.said


async def test_a_redirect_is_not_followed() -> None:
    async with HookServer() as inside:
        away = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{inside.port}/\r\nContent-Length: 0\r\n\r\n"
        async with HookServer(away.encode()) as server:
            answered = await _post(HttpOutlet(loopback=True), f"http://127.0.0.1:{server.port}/")
        assert (answered.status, inside.connected) == (302, 0)


async def test_a_head_that_drips_is_cut_off() -> None:
    async with HookServer(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 4000, drip_s=0.05) as server:
        began = time.monotonic()
        said = await _fails(HttpOutlet(loopback=True), f"http://127.0.0.1:{server.port}/", 0.5)
        assert (said, time.monotonic() - began < 3) == ("It did not answer within 0.5 s.", True)


async def test_a_body_is_not_waited_for_however_long() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\nRetry-After: 7\r\n\r\n" + b"a" * 65_536
    async with HookServer(reply) as server:
        began = time.monotonic()
        answered = await _post(HttpOutlet(loopback=True), f"http://127.0.0.1:{server.port}/")
        assert answered == Answered(200, 7)
        assert time.monotonic() - began < 3


async def test_a_head_without_end_is_refused() -> None:
    async with HookServer(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n") as server:
        said = await _fails(HttpOutlet(loopback=True), f"http://127.0.0.1:{server.port}/")
        assert said.startswith("It gave no readable answer")


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(served: ssl.SSLContext) -> None:
    async with HookServer(tls=served) as server:
        said = await _fails(HttpOutlet(loopback=True), f"https://localhost:{server.port}/")
        assert said == "Its certificate is not to be trusted, or it speaks no TLS."
        assert server.arrived == []


async def test_no_sentence_names_the_address() -> None:
    for url in ("http://127.0.0.1:9/secret-path", "http://no-such-host.invalid/secret-path", "http://[bad/"):
        assert "secret-path" not in await _fails(HttpOutlet(loopback=True), url)


class _Token:
    async def value(self) -> str:
        return "token-of-ours"


async def test_workflows_get_a_token_and_nobody_else_does() -> None:
    async with HookServer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as server:
        outlet = HttpOutlet(loopback=True, token=_Token(), workflows=f"http://127.0.0.1:{server.port}/")
        waits = "https://workflowexecutions.googleapis.com/v1/projects/p/locations/l/callbacks/c"
        assert (await outlet.answer(waits, BODY, timeout_s=5)).status == 200
        for other in (
            "https://crm.example.com/",
            "https://workflowexecutions.googleapis.com.evil.example/v1/",
        ):
            with pytest.raises(NotDelivered):
                await outlet.answer(other, BODY, timeout_s=5)
        await outlet.close()
    [arrived] = server.arrived
    assert arrived.headers["authorization"] == "Bearer token-of-ours"
    assert arrived.line == "POST /v1/projects/p/locations/l/callbacks/c HTTP/1.1"
