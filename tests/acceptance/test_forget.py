"""`penstock forget` on Google's Firestore emulator, and what a person is told."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.adapters.stores.firestore import FirestoreStore
from penstock.paths import cache_path, orphan_path, request_path, usage_path
from penstock.ports import Create
from penstock.requests.record import Record, State
from penstock_ops.emulation.emulators import Emulators
from penstock_ops.terminal.topology import Topology
from penstock_ops.terminal.topology_on_pubsub import create_on_pubsub
from tests.acceptance.penstock_command import Done, Operator

pytestmark = [pytest.mark.emulators]

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def request(tenant: str, request_id: str, state: State = State.TERMINAL) -> Create:
    """A request's document; a terminal one is at rest."""
    record = Record(
        tenant=tenant,
        request_id=request_id,
        state=state,
        fence=1,
        write_id="w",
        deadline=NOW,
        message_id="1",
        published_at=NOW,
        created_at=NOW,
        payload=b"{}",
        payload_sha256="0" * 64,
        confirmed_at=NOW if state is State.TERMINAL else None,
    )
    return Create(request_path(tenant, request_id), record.encode())


async def test_one_tenant_is_forgotten(emulators: Emulators, project: str, tmp_path: Path) -> None:
    # Given two tenants with more than a page of requests, cache, usage, an orphan and a long text
    environment = emulators.environment
    await create_on_pubsub(Topology(), project, environment["PUBSUB_EMULATOR_HOST"], {})
    store = FirestoreStore(project, emulator_host=environment["FIRESTORE_EMULATOR_HOST"])
    for tenant in ("acme", "acme2"):
        writes = [request(tenant, f"r{number}") for number in range(130)]
        writes += [Create(orphan_path(tenant, "r0", f"w{number}"), {"fence": 1}) for number in range(3)]
        writes += [Create(cache_path(tenant, f"k{number}"), {"expires_at": NOW}) for number in range(5)]
        writes.append(Create(usage_path(tenant, "r0", "2026-11-21", "m"), {"requests": 1}))
        await store.commit(writes, timeout_s=30)
        blob = tmp_path / "blobs" / "tenants" / tenant / "payloads" / f"{'ab' * 32}.blob"
        blob.parent.mkdir(parents=True)
        blob.write_bytes(b"long")

    async def penstock(*words: str) -> Done:
        env = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "GOOGLE_CLOUD_PROJECT": project,
            "PENSTOCK_BUCKET": str(tmp_path / "blobs"), **environment,
        }  # fmt: skip
        return await asyncio.to_thread(Operator(env).run, *words)

    async def left(tenant: str) -> list[int]:
        folder = f"tenants/{tenant}"
        names = (f"{folder}/requests", f"{folder}/requests/r0/orphans", f"{folder}/cache", f"{folder}/usage")
        counts = [len(await store.scan(name, after="", limit=500, timeout_s=30)) for name in names]
        return [*counts, len(list((tmp_path / "blobs" / "tenants" / tenant).rglob("*.blob")))]

    # If it is only asked, I expect it counted and all there; an unfinished request is named
    await store.commit([request("acme", "open", State.PARKED)], timeout_s=30)
    asked = await penstock("forget", "--tenant", "acme")
    assert asked.code == 0, asked.err
    assert "131" in asked.out
    assert await left("acme") == [131, 3, 5, 1, 1]

    # and with --yes refused while a request is unfinished
    refused = await penstock("forget", "--tenant", "acme", "--yes")
    assert refused.code == 1
    assert "open" in refused.err
    assert await left("acme") == [131, 3, 5, 1, 1]

    # If it is insisted, I expect nothing left of this tenant, and all of the other
    done = await penstock("forget", "--tenant", "acme", "--yes", "--force", "--json")
    assert done.code == 0, done.err
    assert (done.json["requests"], done.json["orphans"], done.json["blobs"]) == (131, 3, 1)
    assert await left("acme") == [0, 0, 0, 0, 0]
    assert await left("acme2") == [130, 3, 5, 1, 1]
    await store.close()
