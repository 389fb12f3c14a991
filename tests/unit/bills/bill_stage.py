"""Calls as a provider bills them, beside the same calls as our ledger has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from penstock.adapters.bills.openai import OpenAIBill
from penstock.adapters.providers.keys import PlainKey
from penstock.biller import Account, Biller
from penstock.bills.report import Cause, Report
from penstock.bills.story import reconciled
from penstock.messages.completion import Usage
from penstock.money.lane import Lane
from penstock.paths import usage_path
from penstock.ports import Increment, Merge
from penstock.services import Services
from tests.servers.bill_server import KEY, Billed, BillServer

#: Over for long enough that the day after it is over too.
DAY = datetime.now(UTC).date() - timedelta(days=3)
NOON = datetime.combine(DAY, time(12), UTC)
NANO, MINI = "gpt-5.4-nano-2026-03-17", "gpt-5.4-mini"
#: As the price book has them.
RATES = {
    NANO: {"input": "0.2", "cached_input": "0.02", "cache_write": "0.2", "output": "1.25"},
    f"{NANO} batch": {"input": "0.1", "cached_input": "0.01", "output": "0.625"},
    MINI: {"input": "0.75", "cached_input": "0.075", "cache_write": "0.75", "output": "4.5"},
}
#: A day without a fault: two models, two lanes, two tiers.
CALLS = [
    *[Billed(NOON + timedelta(minutes=n), NANO, fresh=900, cached=100, output=50) for n in range(40)],
    *[Billed(NOON + timedelta(minutes=n), MINI, fresh=2_000, output=400) for n in range(10)],
    *[Billed(NOON, NANO, fresh=500, output=20, batch=True) for _ in range(5)],
]


def server(calls: Iterable[Billed] = CALLS, **given: Any) -> BillServer:
    return BillServer(list(calls), **{"rates": RATES} | given)


async def book(s: Services, calls: Iterable[Billed], target: str = "t", tenant: str = "acme") -> None:
    """What a confirmed result adds for each of `calls`, as the responder does it."""
    writes: dict[str, tuple[dict[str, str], Counter[str]]] = {}
    for call in calls:
        lane = Lane.BATCH if call.batch else Lane.SYNC
        account = {
            "day": f"{call.at:%Y-%m-%d}", "model": call.model, "lane": lane.value,
            "tier": "standard" if call.tier == "default" else call.tier, "target": target,
        }  # fmt: skip
        path = usage_path(tenant, "r", *account.values())
        writes.setdefault(path, (account, Counter()))[1].update(_counts(s, call, lane))
    merges = [
        Merge(path, account | {name: Increment(by) for name, by in counts.items()})
        for path, (account, counts) in writes.items()
    ]
    await s.store.commit(merges, timeout_s=10)


def _counts(s: Services, call: Billed, lane: Lane) -> dict[str, int]:
    prompt = call.fresh + call.cached + call.written
    usage = Usage(prompt, call.output, call.cached, cache_write_tokens=call.written)
    usd = s.prices.cost(call.model, usage, lane).usd
    return {
        "requests": 1, "answered": 1, "cache_miss": 1, "prompt_tokens": prompt,
        "cached_tokens": call.cached, "cache_write_tokens": call.written, "completion_tokens": call.output,
        "cost_nano_usd": round((usd or 0) * 1e9), "cost_unknown": int(usd is None),
    }  # fmt: skip


async def unsure(s: Services, calls: int, target: str = "t", day: date = DAY) -> None:
    """So many calls of which nobody knows whether they were paid."""
    account = {"day": str(day), "model": "", "lane": "sync", "tier": "standard", "target": target}
    path = usage_path("acme", "r", *account.values())
    fields = account | {"perhaps_paid": Increment(calls)}
    await s.store.commit([Merge(path, fields)], timeout_s=10)


async def report(s: Services, told: BillServer, account: Account | None = None) -> Report:
    account = account or Account("openai", "openai")
    async with told:
        biller: Biller = OpenAIBill(account, PlainKey(KEY), told.url)
        try:
            return await reconciled(s, account, biller, DAY)
        finally:
            await biller.close()


def causes(found: Report) -> list[str]:
    """Which causes carry money, in their order."""
    return list(dict.fromkeys(one.cause for one in found.differences if one.nano))


def amount(found: Report, cause: Cause) -> int:
    return sum(one.nano for one in found.differences if one.cause == cause.value)
