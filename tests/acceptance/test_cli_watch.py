"""`penstock watch`: results as they come, taken from nobody else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from penstock.adapters.buses.local import LocalBus
from penstock.clock import SystemClock
from tests.acceptance.penstock_command import Operator


def test_two_watchers_see_their_results(tmp_path: Path) -> None:
    """Given one who watches a tenant and one who watches all. If results come, I expect each to see his."""
    operator = Operator.at(tmp_path / "penstock")
    with (
        operator.dev(),
        operator.start("watch", "--json", "--tenant", "acme", "--count", "1") as one,
        operator.start("watch", "--count", "2") as all_of_them,
    ):
        one.read_err_until("Following.")
        all_of_them.read_err_until("Following.")

        operator.run("publish", "--wait", "--id", "first", "One?")
        operator.run("publish", "--wait", "--id", "second", "--tenant", "acme", "Two?")

        assert json.loads(one.out.readline())["request_id"] == "second"
        assert one.process.wait(20) == 0
        assert "status" in all_of_them.out.readline()
        assert "first" in all_of_them.out.readline()
        assert "acme/second" in all_of_them.out.readline()
        assert all_of_them.process.wait(20) == 0

    assert not [name for name in subscriptions(tmp_path / "penstock") if name.startswith("tap-")]


def test_a_killed_watcher_leaves_nothing_that_piles_up(tmp_path: Path) -> None:
    """Given a watcher that was killed. If somebody watches again, I expect its subscription to be gone."""
    operator = Operator.at(tmp_path / "penstock")
    with operator.start("watch") as killed:
        killed.read_err_until("Following.")
        killed.process.kill()
        killed.process.wait(20)
    with operator.start("watch") as next_one:
        next_one.read_err_until("Following.")
        taps = [name for name in subscriptions(tmp_path / "penstock") if name.startswith("tap-")]
        code = next_one.interrupt()

    assert len(taps) == 1
    assert str(next_one.process.pid) in taps[0]
    assert code == 130


def subscriptions(folder: Path) -> list[str]:
    async def read() -> list[str]:
        bus = LocalBus(folder, SystemClock())
        try:
            return [subscription.name for subscription in await bus.subscriptions()]
        finally:
            await bus.close()

    return asyncio.run(read())
