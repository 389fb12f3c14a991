"""Many messages at once: put aside in order, published in order, and known by their ids however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from penstock.adapters.buses.local import LocalBus
from penstock.errors import PublishFailed
from penstock_ops.asking.outgoing import Outgoing, outgoing
from penstock_ops.asking.publishing import Sent, publish_all
from penstock_ops.asking.spool import Spool
from penstock_ops.terminal.system import System, open_system


def message(number: int) -> Outgoing:
    return outgoing({"prompt": f"{number} " + "x" * 1000, "request_id": f"r{number}"})


def test_a_spool_gives_back_what_it_took_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given more than is held in memory. I expect every message as it was, twice."""
    monkeypatch.setattr("penstock_ops.asking.spool._IN_MEMORY", 10_000)
    messages = [message(number) for number in range(100)]
    with Spool() as spool:
        for one in messages:
            spool.add(one)

        assert len(spool) == 100
        assert list(spool) == messages
        assert list(spool) == messages


async def _published(system: System) -> list[str]:
    assert system.local_bus is not None
    return [
        envelope.attributes["request_id"] for envelope in await system.local_bus.peek("llm-requests-handler")
    ]


async def test_all_are_published_in_order(tmp_path: Path) -> None:
    sent: list[Sent] = []
    async with open_system({"PENSTOCK_LOCAL": str(tmp_path)}) as system:
        await publish_all(system, (message(number) for number in range(120)), sent, lambda: None)

        assert sorted(await _published(system)) == sorted(f"r{number}" for number in range(120))
    assert [one.request_id for one in sent] == [f"r{number}" for number in range(120)]


class _Breaking(LocalBus):
    """Takes nothing more from the 60th on."""

    asked = 0

    async def publish(
        self, topic: str, data: bytes, attributes: Mapping[str, str], *, timeout_s: float
    ) -> str:
        self.asked += 1
        if self.asked >= 60:
            raise PublishFailed("no more")
        return await super().publish(topic, data, attributes, timeout_s=timeout_s)


async def test_what_was_taken_before_a_fault_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a bus that takes 59 of 200. I expect the fault, and just those 59 by their ids."""
    monkeypatch.setattr("penstock.adapters.buses.local.LocalBus", _Breaking)
    sent: list[Sent] = []
    async with open_system({"PENSTOCK_LOCAL": str(tmp_path)}) as system:
        with pytest.raises(PublishFailed):
            await publish_all(system, (message(number) for number in range(200)), sent, lambda: None)

        assert sorted(one.request_id for one in sent) == sorted(await _published(system))
    assert len(sent) == 59


async def test_what_was_taken_before_an_interruption_is_known(tmp_path: Path) -> None:
    """Given that we are interrupted. I expect what was under way to be waited for, and known."""
    sent: list[Sent] = []
    middle = asyncio.Event()

    def on_sent() -> None:
        if len(sent) == 20:
            middle.set()

    async with open_system({"PENSTOCK_LOCAL": str(tmp_path)}) as system:
        messages = (message(number) for number in range(500))
        publishing = asyncio.create_task(publish_all(system, messages, sent, on_sent))
        await middle.wait()
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing

        assert sorted(one.request_id for one in sent) == sorted(await _published(system))
    assert 20 <= len(sent) < 500
