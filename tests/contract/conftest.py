"""The adapters under contract: every test of this folder runs over each of a port's adapters."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.adapters.stores.firestore import FirestoreStore
from penstock.adapters.stores.sqlite import SqliteStore
from penstock.ports import Store
from penstock_ops.emulation.emulators import Emulators


class SystemClock:
    """The Clock port on the machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


STORES = ["sqlite", pytest.param("firestore", marks=pytest.mark.emulators)]


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path, project: str) -> AsyncIterator[Store]:
    """An empty store."""
    opened: Store
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path, SystemClock())
    else:
        emulators: Emulators = request.getfixturevalue("emulators")
        opened = FirestoreStore(project, emulator_host=emulators.firestore.host)
    yield opened
    await opened.close()
