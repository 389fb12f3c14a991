"""The listener beside a run of real processes: what it must see whatever becomes of its stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock.adapters.stores.firestore import FirestoreStore
from penstock.errors import StoreUnavailable
from penstock.ports import Put
from tests.chaos.processes.history import History
from tests.servers.cutting_proxy import Cut, CuttingProxy

_PATH = "tenants/acme/requests/r1"


@pytest.fixture
async def store(firestore: str, project: str) -> AsyncIterator[FirestoreStore]:
    made = FirestoreStore(project, emulator_host=firestore)
    yield made
    await made.close()


async def test_a_change_is_seen_although_the_stream_has_gone_silent(
    firestore: str, project: str, store: FirestoreStore
) -> None:
    async with CuttingProxy(firestore) as proxy:
        history = History(project, proxy.host, silence_s=1.5)
        history.watch(_PATH)
        following = asyncio.create_task(history.follow())
        # Given a document whose creation was seen
        await _put(store, {"fence": 1, "owner": "a"})
        while history.unseen([_PATH]):
            await asyncio.sleep(0.01)

        # If the news of its change is lost on a stream that stays open, and nothing more changes
        proxy.cut = Cut.SWALLOW_ANSWER
        await _put(store, {"fence": 2, "owner": "b"})
        await proxy.answer_cut.wait()
        proxy.cut = Cut.NONE

        # I expect it to be seen all the same, with who made it
        while len(history.written) < 2:
            assert not following.done()
            await asyncio.sleep(0.01)
        assert history.written[-1].fields == {"fence": 2, "owner": "b"}
        assert history.written[-1].by == "b"
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def _put(store: FirestoreStore, fields: dict[str, Any]) -> None:
    """Write it at last: Google's emulator fails a commit whose listener was cancelled in the same instant."""
    while True:
        try:
            await store.commit([Put(_PATH, fields)], timeout_s=8)
        except StoreUnavailable:
            continue
        return
