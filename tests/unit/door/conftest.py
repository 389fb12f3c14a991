"""An instance with the door in it, on a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest_asyncio

from penstock.adapters.buses.local import LocalBus
from penstock.services import Services
from penstock_ops.terminal.topology import Topology
from tests.unit.door.asking import opened


@pytest_asyncio.fixture
async def s(tmp_path: Path) -> AsyncIterator[Services]:
    async with ready(opened(tmp_path)) as services:
        yield services


@pytest_asyncio.fixture
async def with_runs(tmp_path: Path) -> AsyncIterator[Services]:
    """The same with batches, which are runs."""
    async with ready(opened(tmp_path, PENSTOCK_RUNS_TOPIC="llm-runs")) as services:
        yield services


@asynccontextmanager
async def ready(services: Services) -> AsyncIterator[Services]:
    assert isinstance(services.bus, LocalBus)
    for topic in (*Topology().topics, *filter(None, [services.topics.runs])):
        await services.bus.create_topic(topic)
    yield services
    await services.close()
