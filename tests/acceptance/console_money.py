"""What the console's money pages and its batches have to show: some days ago, and under a budget."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from penstock.batches.members import Entry, write_members
from penstock.batches.record import Batch, Stage
from penstock.bootstrap import build
from penstock.money.limits import MONEY_PATH, NANO, Limit
from penstock.paths import account_path, batch_path
from penstock.ports import Merge, Put
from penstock.services import Services
from penstock.settings import read_settings
from tests.unit.bills.bill_stage import CALLS, DAY, NOON, RATES, book, report, server, unsure

#: The day's bill, and a batch.
BILL = f"bill/{DAY}~openai"
BATCH = "batch/default/nightly-1"


async def stored(folder: Path, members: list[str]) -> None:
    """Beside the running stack, in its folder."""
    s = build(read_settings({"PENSTOCK_LOCAL": str(folder)}))
    try:
        await _bill(s)
        await _budgets(s)
        await _batch(s, members)
    finally:
        await s.close()


async def _bill(s: Services) -> None:
    """A call from before midnight, one of two that may have been paid, a wrong rate, and a tax."""
    midnight = NOON - timedelta(hours=12)
    late = replace(CALLS[0], at=midnight + timedelta(minutes=1))
    mini = CALLS[40].model
    await book(
        s, [*CALLS, replace(late, at=midnight - timedelta(seconds=30))], target="nano", tenant="default"
    )
    await unsure(s, 2, target="nano")
    rates = {**RATES, mini: {**RATES[mini], "output": "5"}}
    calls = [*CALLS, late, replace(late, at=NOON)]
    await report(s, server(calls, rates=rates, besides={"Tax": "0.002"}))


async def _budgets(s: Services) -> None:
    limits = [
        Limit("all", "month", None, 30 * NANO, "park"),
        Limit("tenant:default", "day", None, 2 * NANO, "fail"),
    ]
    now = s.clock.now()
    spent = {"granted": 29 * NANO, "returned": 4 * NANO}
    today = {f"granted_d{now:%d}": NANO, f"returned_d{now:%d}": NANO // 5}
    writes = [
        Merge(MONEY_PATH, {"limits": [limit.encode() for limit in limits]}),
        Merge(account_path("all", f"{now:%Y-%m}"), spent),
        Merge(account_path("tenant:default", f"{now:%Y-%m}"), today),
    ]
    await s.store.commit(writes, timeout_s=20)


async def _batch(s: Services, members: list[str]) -> None:
    now = s.clock.now()
    entries = [Entry(name, now, 0, 1) for name in members]
    manifest = await write_members(s, "default", "nightly-1", entries)
    one = Batch(
        "default", "nightly-1", "nano-batch", "p", Stage.OUT, manifest, now - timedelta(hours=1),
        now + timedelta(hours=5), members=len(members), jobs=("batch_6a1",), fates={"answered": 1},
        sent_at=now - timedelta(minutes=50),
    )  # fmt: skip
    await s.store.commit([Put(batch_path("default", "nightly-1"), one.encode())], timeout_s=20)
