"""The Pub/Sub bus on a bad network: every publish ends in time, and only as PublishFailed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # grpcio publishes no types
import pytest

from penstock.adapters.buses.pubsub import PubSubBus
from penstock.errors import PublishFailed
from penstock_ops.emulation.emulators import Emulators
from tests.contract.bus_rigs import LocalRig
from tests.servers.cutting_proxy import Cut, CuttingProxy
from tests.servers.refusing_grpc import RefusingGrpc

TOPIC = "llm-responses"


@pytest.fixture
async def proxy(emulators: Emulators) -> AsyncIterator[CuttingProxy]:
    async with CuttingProxy(emulators.pubsub.host) as proxy:
        yield proxy


@pytest.fixture
async def bus(proxy: CuttingProxy, project: str) -> AsyncIterator[PubSubBus]:
    """A bus whose connection through the proxy stands."""
    bus = PubSubBus(project, emulator_host=proxy.host)
    with pytest.raises(PublishFailed, match=TOPIC):
        await bus.publish(TOPIC, b"there is no such topic", {}, timeout_s=10)
    yield bus
    await bus.close()


@pytest.mark.emulators
@pytest.mark.parametrize("cut", [Cut.STALL, Cut.RESET, Cut.SWALLOW_ANSWER, Cut.RESET_ON_ANSWER])
async def test_a_publish_without_a_confirmation_failed(bus: PubSubBus, proxy: CuttingProxy, cut: Cut) -> None:
    proxy.cut = cut
    outcomes = await asyncio.gather(
        *(bus.publish(TOPIC, b"x", {}, timeout_s=1) for _ in range(50)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {PublishFailed}


@pytest.mark.emulators
async def test_a_cancelled_publish_is_cancelled(bus: PubSubBus, proxy: CuttingProxy) -> None:
    proxy.cut = Cut.STALL
    publishing = asyncio.create_task(bus.publish(TOPIC, b"x", {}, timeout_s=60))
    await asyncio.sleep(0)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing


@pytest.mark.parametrize("status", [s for s in grpc.StatusCode if s is not grpc.StatusCode.OK], ids=str)
async def test_a_refused_publish_is_sent_once(status: grpc.StatusCode) -> None:
    async with RefusingGrpc(status) as server:
        bus = PubSubBus("pen-refused", emulator_host=server.host)
        with pytest.raises(PublishFailed, match=TOPIC):
            await bus.publish(TOPIC, b"x", {}, timeout_s=30)
        await bus.close()
    assert server.calls == 1


async def test_nobody_listening_fails_at_once() -> None:
    bus = PubSubBus("pen-nobody", emulator_host="127.0.0.1:1")
    with pytest.raises(PublishFailed, match=TOPIC):
        await bus.publish(TOPIC, b"x", {}, timeout_s=3600)
    await bus.close()


async def test_a_closed_bus_can_be_used_again(tmp_path: Path) -> None:
    async with LocalRig(tmp_path).running() as rig:
        await rig.create_topic(TOPIC)
        for _ in range(2):
            assert await rig.bus.publish(TOPIC, b"x", {}, timeout_s=10)
            await rig.bus.close()
