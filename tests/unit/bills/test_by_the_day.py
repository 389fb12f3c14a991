"""What the scheduler's call does: the days that are due, of every account."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock.adapters.bills.chosen import biller_of
from penstock.adapters.providers.keys import PlainKey
from penstock.biller import Account, Biller
from penstock.bills.story import AFTER_DAYS, reconcile_due
from penstock.services import Services
from tests.servers.bill_server import KEY
from tests.unit.bills.bill_stage import CALLS, DAY, book, server
from tests.unit.ops.redriving.redrive_stage import Folder

pytestmark = pytest.mark.slow


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Services]:
    services = Folder(tmp_path).services
    yield services
    await services.close()


async def test_each_account_has_both_days_and_one_that_fails_holds_up_nobody(
    s: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=ago) for ago in AFTER_DAYS]
    calls = [replace(call, at=call.at + (day - DAY)) for day in days for call in CALLS]
    await book(s, calls)
    accounts = [Account("lost", "openai", key="key_of_nobody"), Account("ours", "openai", key="key_ours")]
    async with server(calls) as told:

        def asking(account: Account) -> Biller:
            return biller_of(account, PlainKey(KEY), told.url)

        assert await reconcile_due(s, accounts, asking) == (2, 2)
    found = await s.store.scan("bills", after="", limit=9, timeout_s=9)
    assert [one.path for one in found] == [f"bills/{day}~ours" for day in sorted(days)]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["account"] for line in lines if line["action"] == "bill.unread"] == ["lost", "lost"]
    assert [line["account"] for line in lines if line["action"] == "bill.reconciled"] == ["ours", "ours"]
    assert not any(line["action"] == "bill.unexplained" for line in lines)
