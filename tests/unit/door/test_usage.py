"""`GET /v1/usage`: one's own tenant's, and no other's."""

from __future__ import annotations

from datetime import timedelta

from penstock.budgets.accounts import GRANTED, RETURNED, detail
from penstock.money.limits import ALL, MONEY_PATH, Limit
from penstock.paths import USAGE, account_path
from penstock.ports import Put
from penstock.services import Services
from tests.unit.door.asking import client

NANO = 1_000_000_000


async def test_what_was_used_and_what_is_left(s: Services) -> None:
    now = s.clock.now()
    day, before = now.date(), now.date() - timedelta(days=3)
    counters = {"requests": 2, "prompt_tokens": 30, "cost_nano_usd": NANO // 4, "model": "m"}
    limits = [Limit("tenant:acme", "month", None, 2 * NANO), Limit(ALL, "month", None, 9 * NANO)]
    account = {GRANTED + detail("month", None, day): NANO, RETURNED + detail("month", None, day): NANO // 2}
    writes = [Put(f"tenants/acme/{USAGE}/{one}-0-x", {**counters, "day": str(one)}) for one in (day, before)]
    writes += [Put(f"tenants/globex/{USAGE}/{day}-0-x", counters)]
    writes += [Put(MONEY_PATH, {"limits": [limit.encode() for limit in limits]})]
    writes += [Put(account_path("tenant:acme", f"{day:%Y-%m}"), account)]
    await s.store.commit(writes, timeout_s=10)
    mine = await client(s)
    told = (await mine.ask("GET", "/v1/usage")).json
    assert (told["tenant"], told["requests"], told["prompt_tokens"]) == ("acme", 4, 60)
    assert told["spent_usd"] == 0.5
    [budget] = told["budgets"]
    assert (budget["limit_usd"], budget["used_usd"], budget["left_usd"]) == (2.0, 0.5, 1.5)
    today = (await mine.ask("GET", "/v1/usage", query=b"days=1")).json
    assert (today["since"], today["requests"]) == (str(day), 2)


async def test_what_may_not_be_asked(s: Services) -> None:
    mine = await client(s)
    for query in (b"days=0", b"days=32", b"days=x", b"tenant=globex"):
        assert (await mine.ask("GET", "/v1/usage", query=query)).status == 400
    submitting = await client(s, scopes=("submit",), key_id="k-2")
    assert (await submitting.ask("GET", "/v1/usage")).status == 403
