"""Who is let in: keys, their scopes, their ends, and the walls between tenants."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from penstock.door.key import Key, parts_of
from penstock.door.seam import Door
from penstock.paths import key_path
from penstock.ports import Put
from penstock.services import Services
from tests.unit.door.asking import Client, client

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def fresh(**fields: object) -> Key:
    return replace(Key("k", "acme", ("read",), (), None, NOW), **fields)  # type: ignore[arg-type]


def secret_of(text: str) -> str:
    parts = parts_of(text)
    assert parts is not None
    return parts[1]


def test_what_is_stored_does_not_let_in() -> None:
    key, text = fresh().with_new_secret(NOW, None)
    assert len(secret_of(text)) >= 43  # 256 bits in base64
    assert secret_of(text) not in str(key.encode())
    assert key.lets_in(secret_of(text), NOW)
    assert not key.lets_in(key.secrets[0].sha256, NOW)
    assert Key.decode(key.encode()) == key


def test_a_rotated_key_has_two_secrets_for_a_while_and_one_id() -> None:
    first, old = fresh().with_new_secret(NOW, None)
    grace = NOW + timedelta(hours=1)
    second, new = first.with_new_secret(NOW, grace)
    assert second.key_id == first.key_id
    assert second.lets_in(secret_of(old), NOW)
    assert second.lets_in(secret_of(new), NOW)
    assert not second.lets_in(secret_of(old), grace)
    third, _ = second.with_new_secret(NOW, grace)
    assert not third.lets_in(secret_of(old), NOW)


@pytest.mark.parametrize("fields", [{"revoked_at": NOW}, {"ends_at": NOW}])
def test_an_ended_key_lets_nobody_in(fields: dict[str, datetime]) -> None:
    key, text = fresh(**fields).with_new_secret(NOW, None)
    assert not key.lets_in(secret_of(text), NOW)


SENT = (
    *("", "nothing", "Bearer", "Bearer ", "Basic YTpi", "Bearer k-acme", "Bearer k-acme.", "Bearer ../x.y"),
    *("Bearer k-acme.wrong", "Bearer nobody.wrong", "Bearer \xff.\xff", "Bearer " + "x" * 5000),
)


async def test_no_key_and_a_wrong_one(s: Services) -> None:
    await client(s)
    said = [await Client(s).ask("GET", "/v1/models", authorization=sent) for sent in SENT]
    assert [heard.status for heard in said] == [401] * len(SENT)
    assert {heard.error["code"] for heard in said} == {"missing_api_key", "invalid_api_key"}
    assert {heard.headers["x-should-retry"] for heard in said} == {"false"}


async def test_wrong_unknown_revoked_and_expired_look_alike(s: Services) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await client(s, key_id="good")
    revoked = await client(s, key_id="revoked", revoked_at=past)
    expired = await client(s, key_id="expired", ends_at=past)
    wrong = [Client(s, "good.wrong"), Client(s, "unknown.wrong"), revoked, expired]
    said = {(heard.status, heard.body) for heard in [await one.ask("GET", "/v1/models") for one in wrong]}
    assert len(said) == 1


async def test_a_revocation_is_seen_when_the_key_is_read_again(s: Services) -> None:
    mine = await client(s)
    sceptic = Client(
        replace(s, timing=replace(s.timing, door_key_s=0, door_poll_max_s=0), seams=(Door(keys=True),)),
        mine.key,
    )
    for one in (mine, sceptic):
        assert (await one.ask("GET", "/v1/models")).status == 200
    [found] = await s.store.read([key_path("k-acme")], timeout_s=10)
    key = Key.decode(found.fields or {})
    await s.store.commit([Put(found.path, replace(key, revoked_at=NOW).encode())], timeout_s=10)
    assert (await mine.ask("GET", "/v1/models")).status == 200  # believed for a minute
    assert (await sceptic.ask("GET", "/v1/models")).status == 401


async def test_a_rotated_key_is_looked_for_again_where_the_one_before_is_known(s: Services) -> None:
    at_once = replace(s, timing=replace(s.timing, door_poll_max_s=0), seams=(Door(keys=True),))
    mine = await client(at_once)
    assert (await mine.ask("GET", "/v1/models")).status == 200
    [found] = await s.store.read([key_path("k-acme")], timeout_s=10)
    now = s.clock.now()
    rotated, text = Key.decode(found.fields or {}).with_new_secret(now, now + timedelta(hours=1))
    await s.store.commit([Put(key_path("k-acme"), rotated.encode())], timeout_s=10)
    for key in (text, mine.key):
        assert (await Client(at_once, key).ask("GET", "/v1/models")).status == 200


async def test_a_key_does_what_its_scopes_say(s: Services) -> None:
    reader = await client(s, scopes=("read",))
    assert (await reader.ask("GET", "/v1/models")).status == 200
    heard = await reader.chat()
    assert (heard.status, heard.error["type"]) == (403, "permission_error")


async def test_a_key_sees_and_asks_its_own_models_alone(s: Services) -> None:
    mine = await client(s, routes=("two",))
    assert [model["id"] for model in (await mine.ask("GET", "/v1/models")).json["data"]] == ["two"]
    foreign, absent = await mine.ask("GET", "/v1/models/one"), await mine.ask("GET", "/v1/models/none")
    assert (foreign.status, foreign.body) == (absent.status, absent.body) == (404, absent.body)
    assert (await mine.chat()).error["code"] == "model_not_found"
    assert (await mine.chat(model="two")).status == 200


async def test_another_tenants_response_is_as_absent_as_nobodys(s: Services) -> None:
    mine, theirs = await client(s), await client(s, "umbrella")
    body = {"model": "one", "input": "Why?"}
    asked = await theirs.ask("POST", "/v1/responses", body, idempotency_key="order-17")
    assert asked.json["id"] == "order-17"
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel")):
        foreign = await mine.ask(method, f"/v1/responses/order-17{path}")
        absent = await mine.ask(method, f"/v1/responses/order-18{path}")
        assert (foreign.status, foreign.body) == (404, absent.body)
    # the same key of idempotency is another request there
    mine_too = await mine.ask("POST", "/v1/responses", {**body, "input": "And?"}, idempotency_key="order-17")
    assert mine_too.status == 200


async def test_the_platform_may_let_callers_in_instead(s: Services) -> None:
    platform = Client(replace(s, seams=(Door(keys=False),)))
    assert (await platform.chat({"x_penstock_tenant": "umbrella", "idempotency_key": "one"})).status == 200
    assert (await (await client(s, "umbrella")).ask("GET", "/v1/responses/one")).status == 200
    assert (await platform.ask("GET", "/v1/models", x_penstock_tenant="../x")).status == 400
