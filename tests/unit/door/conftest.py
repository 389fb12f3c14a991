"""An instance with the door in it, on a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from penstock.adapters.buses.local import LocalBus
from penstock.services import Services
from penstock_ops.terminal.topology import Topology
from tests.unit.door.asking import opened


@pytest_asyncio.fixture
async def s(tmp_path: Path) -> AsyncIterator[Services]:
    services = opened(tmp_path)
    assert isinstance(services.bus, LocalBus)
    for topic in Topology().topics:
        await services.bus.create_topic(topic)
    yield services
    await services.close()
