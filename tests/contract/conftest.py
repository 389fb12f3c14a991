"""The adapters under contract: every test of this folder runs over each of a port's adapters."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.adapters.blobs.folder import FolderBlobs
from penstock.adapters.blobs.gcs import BucketBlobs
from penstock.adapters.stores.firestore import FirestoreStore
from penstock.adapters.stores.sqlite import SqliteStore
from penstock.ports import Blobs, Store
from tests.conftest import FIRESTORES, firestore_of
from tests.servers.gcs_server import GcsServer


class SystemClock:
    """The Clock port on the machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture(params=["sqlite", *FIRESTORES])
async def store(request: pytest.FixtureRequest, tmp_path: Path, project: str) -> AsyncIterator[Store]:
    """An empty store."""
    opened: Store
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path, SystemClock())
    else:
        opened = FirestoreStore(project, emulator_host=firestore_of(request, request.param))
    yield opened
    await opened.close()


@pytest.fixture
async def server() -> AsyncIterator[GcsServer]:
    """Cloud Storage, as far as we use it, with a bucket `answers`."""
    async with GcsServer("answers") as server:
        server.page_size = 2
        yield server


@pytest.fixture(params=["folder", "bucket"])
async def blobs(request: pytest.FixtureRequest, tmp_path: Path, server: GcsServer) -> AsyncIterator[Blobs]:
    """An empty blob store."""
    opened: Blobs
    opened = (
        FolderBlobs(tmp_path) if request.param == "folder" else BucketBlobs("answers", endpoint=server.url)
    )
    yield opened
    await opened.close()
