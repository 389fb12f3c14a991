"""Provider keys from Secret Manager, against a server that speaks its gRPC."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types
import pytest

from penstock.adapters.providers import keys
from penstock.adapters.providers.keys import PlainKey, SecretManagerKey
from penstock.adapters.providers.retried import TRIES
from penstock.errors import SecretError
from tests.servers.secret_server import SecretServer

SECRET = "projects/p/secrets/openai"
KEY = "sk-very-secret-value"


async def no_pause(_: float) -> None:
    """In the place of the sleep between two tries."""


def _key(server: SecretServer) -> SecretManagerKey:
    return SecretManagerKey(SECRET, endpoint=server.host, sleep=no_pause)


@pytest.fixture
async def server() -> AsyncIterator[SecretServer]:
    secrets = {f"{SECRET}/versions/latest": KEY.encode(), f"{SECRET}/versions/3": b"sk-third\n"}
    async with SecretServer(secrets) as server:
        yield server


async def test_nothing_is_fetched_before_it_is_needed(server: SecretServer) -> None:
    key = _key(server)
    assert server.asked == []
    assert await key.value() == KEY
    assert await key.value() == KEY
    assert server.asked == [f"{SECRET}/versions/latest"]


async def test_a_named_version_is_fetched_and_its_line_end_dropped(server: SecretServer) -> None:
    assert await SecretManagerKey(f"{SECRET}/versions/3", endpoint=server.host).value() == "sk-third"


async def test_fifty_callers_share_one_fetch(server: SecretServer) -> None:
    key = _key(server)
    server.gate.clear()
    callers = [asyncio.create_task(key.value()) for _ in range(50)]
    while not server.asked:
        await asyncio.sleep(0.01)
    server.gate.set()
    assert set(await asyncio.gather(*callers)) == {KEY}
    assert len(server.asked) == 1


async def test_a_cancelled_first_caller_does_not_spoil_the_others(server: SecretServer) -> None:
    key = _key(server)
    server.gate.clear()
    first, second = asyncio.create_task(key.value()), asyncio.create_task(key.value())
    while not server.asked:
        await asyncio.sleep(0.01)
    first.cancel()
    server.gate.set()
    assert await second == KEY


async def test_reload_tells_whether_the_key_is_another_one(server: SecretServer) -> None:
    key = _key(server)
    await key.value()
    assert await key.reload() is False
    server.secrets[f"{SECRET}/versions/latest"] = b"sk-rotated"
    assert await asyncio.gather(*(key.reload() for _ in range(50))) == [True] * 50
    assert await key.value() == "sk-rotated"
    # once for the value, once for each of the two rounds of reloads
    assert len(server.asked) == 3


async def test_a_failed_fetch_is_not_kept(server: SecretServer) -> None:
    key = _key(server)
    server.refuse_with = grpc.StatusCode.UNAVAILABLE
    with pytest.raises(SecretError):
        await key.value()
    server.refuse_with = None
    assert await key.value() == KEY


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (grpc.StatusCode.NOT_FOUND, "create it, or correct its name"),
        (grpc.StatusCode.PERMISSION_DENIED, "roles/secretmanager.secretAccessor"),
        (grpc.StatusCode.FAILED_PRECONDITION, "enable this version"),
        (grpc.StatusCode.UNAUTHENTICATED, "Unauthenticated"),
        (grpc.StatusCode.UNAVAILABLE, "ServiceUnavailable"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_a_refusal_names_the_secret_and_what_to_do(
    server: SecretServer, status: grpc.StatusCode, advice: str
) -> None:
    server.refuse_with = status
    with pytest.raises(SecretError, match=advice) as refused:
        await _key(server).value()
    assert f"{SECRET}/versions/latest" in str(refused.value)


async def test_a_secret_that_fails_twice_and_then_comes_has_come(server: SecretServer) -> None:
    server.failures = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL]
    assert await _key(server).value() == KEY
    assert len(server.asked) == 3


async def test_a_secret_that_goes_on_failing_is_given_up(server: SecretServer) -> None:
    server.refuse_with = grpc.StatusCode.UNAVAILABLE
    with pytest.raises(SecretError, match="ServiceUnavailable"):
        await _key(server).value()
    assert len(server.asked) == TRIES


@pytest.mark.parametrize(
    "status", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAUTHENTICATED]
)
async def test_a_refusal_is_not_asked_for_again(server: SecretServer, status: grpc.StatusCode) -> None:
    server.refuse_with = status
    with pytest.raises(SecretError):
        await _key(server).value()
    assert len(server.asked) == 1


async def test_a_server_that_hangs_is_given_up_in_time(
    server: SecretServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "TRY_S", 0.05)
    server.gate.clear()
    with pytest.raises(SecretError, match=r"did not come within 0\.05 s"):
        await _key(server).value()
    assert len(server.asked) == TRIES


async def test_nobody_listening_is_a_secret_error() -> None:
    with pytest.raises(SecretError, match=SECRET):
        await SecretManagerKey(SECRET, endpoint="127.0.0.1:1", sleep=no_pause).value()


@pytest.mark.parametrize("name", ["openai", "projects/p/secrets/", "projects/p/secrets/s/versions/", "", " "])
def test_a_name_that_is_none_is_refused_at_once(name: str) -> None:
    with pytest.raises(SecretError, match="projects/P/secrets/S/versions/V"):
        SecretManagerKey(name)


@pytest.mark.parametrize("data", [b"\xff\xfesk-very-secret-value", b"", b" \n"])
async def test_what_is_no_key_is_refused_without_being_shown(server: SecretServer, data: bytes) -> None:
    server.secrets[f"{SECRET}/versions/latest"] = data
    with pytest.raises(SecretError, match=r"does not hold text|is empty") as refused:
        await _key(server).value()
    assert "secret-value" not in "".join(traceback.format_exception(refused.value))


async def test_no_representation_shows_a_key(server: SecretServer) -> None:
    fetched = _key(server)
    await fetched.value()
    plain = PlainKey(KEY)
    assert KEY not in f"{fetched!r} {fetched} {plain!r} {plain}"
    assert (await plain.value(), await plain.reload()) == (KEY, False)
