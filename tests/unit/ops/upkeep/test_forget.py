"""`penstock forget` on a local folder: all of one tenant, nothing of another."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.batches.record import CLOSED, WAITING, Batch, Stage
from penstock.budgets.held import with_hold
from penstock.leases.document import LEASED
from penstock.messages.completion import BlobRef
from penstock.messages.hold import Hold
from penstock.ports import Create, Put
from penstock.requests.record import State
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.upkeep.forget import forget
from penstock_ops.upkeep.pause import pause
from tests.unit.ops.redriving.redrive_stage import Folder

LONG = "y" * 300_000


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Folder]:
    monkeypatch.setenv("PENSTOCK_LOCAL", str(tmp_path / "penstock"))
    made = Folder(tmp_path / "penstock")
    await made.prepare()
    yield made
    await made.services.close()


async def ask(folder: Folder, tenant: str, count: int) -> None:
    for number in range(count):
        await folder.publish({"prompt": f"{number} {tenant}?", "request_id": f"r{number}", "tenant": tenant})
    await folder.publish({"prompt": f"{tenant} {LONG}", "request_id": "long", "tenant": tenant})
    await folder.serve()
    orphan = {"answer": {}, "created_at": datetime.now(UTC)}
    path = f"tenants/{tenant}/requests/r0/orphans/w"
    await folder.services.store.commit([Create(path, orphan)], timeout_s=10)


async def stored(folder: Folder, tenant: str) -> dict[str, int]:
    """What the store and the bucket hold of a tenant."""
    collections = ("requests", "cache", "usage", "requests/r0/orphans")
    counts = {
        name: len(
            await folder.services.store.scan(f"tenants/{tenant}/{name}", after="", limit=999, timeout_s=9)
        )
        for name in collections
    }
    blobs = (folder.services.blobs._folder / "tenants" / tenant).rglob("*.blob")  # type: ignore[attr-defined]  # the folder's own
    return counts | {"blobs": len(list(blobs))}


async def run(capsys: pytest.CaptureFixture[str], tenant: str, **given: bool) -> dict[str, Any]:
    capsys.readouterr()
    options = {"yes": False, "force": False} | given
    assert await forget(tenant, as_json=True, **options) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


async def test_a_tenant_is_counted_then_forgotten_and_no_other(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given two tenants, more documents than one page, long texts among them
    await ask(folder, "acme", 2)
    await ask(folder, "acme-2", 2)
    fields = (await folder.record("r1", "acme")).encode()
    more = [Create(f"tenants/acme/requests/more-{number}", fields) for number in range(118)]
    await folder.services.store.commit(more, timeout_s=10)
    before, other = await stored(folder, "acme"), await stored(folder, "acme-2")
    assert before["blobs"] > 0

    # If forget is only asked, I expect figures and nothing gone
    told = await run(capsys, "acme")
    assert told["deleted"] is False
    assert (told["requests"], told["orphans"], told["cache"]) == (121, 1, before["cache"])
    assert told["open"] == 0
    assert told["not_reached"]
    assert await stored(folder, "acme") == before

    # and if it is told to, nothing left of this tenant alone
    told = await run(capsys, "acme", yes=True)
    assert told["deleted"] is True
    assert told["blobs"] == before["blobs"]
    assert set((await stored(folder, "acme")).values()) == {0}
    assert await stored(folder, "acme-2") == other

    # and a second time finds nothing, as an interrupted one finds the rest
    assert (await run(capsys, "acme", yes=True))["requests"] == 0


async def test_unfinished_requests_are_in_the_way(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await ask(folder, "acme", 1)
    await pause(None, as_json=True)
    folder = Folder(folder.services.blobs._folder.parent)  # type: ignore[attr-defined]  # another instance
    await folder.publish({"prompt": "Unfinished?", "request_id": "open", "tenant": "acme"})
    await folder.serve()

    told = await run(capsys, "acme")
    assert (told["open"], told["open_ids"]) == (1, ["open"])
    with pytest.raises(OperatorFault, match="open") as refused:
        await forget("acme", yes=True, force=False, as_json=True)
    assert refused.value.code == 1
    assert (await stored(folder, "acme"))["requests"] == 3

    assert (await run(capsys, "acme", yes=True, force=True))["deleted"] is True
    assert set((await stored(folder, "acme")).values()) == {0}
    await folder.services.close()


async def test_what_an_unfinished_request_holds_of_a_budget_is_charged_as_it_goes(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given one that is out in a batch, and holds for its line
    await ask(folder, "acme", 1)
    hold = Hold("a", 700, datetime(2036, 1, 1, tzinfo=UTC))
    record, _ = with_hold((await folder.record("r0", "acme"))._replace(state=State.SENT), hold)
    await folder.services.store.commit([Put(record.path, record.encode())], timeout_s=10)

    # If it is forgotten all the same, I expect its line to be counted, since it may be paid
    await run(capsys, "acme", yes=True, force=True)
    shards = await folder.services.store.scan("allotments/a/drawn", after="", limit=9, timeout_s=9)
    assert [shard.fields for shard in shards] == [{"nano": 700}]


async def test_a_batch_that_is_out_is_left_to_who_has_the_key(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given one that is over, one that is out and held, and one of a later version
    soon = datetime(2036, 1, 1, tzinfo=UTC)
    over = Batch(
        tenant="acme", name="over", target="lazy", pile="p", stage=Stage.OVER, state=CLOSED,
        manifest=BlobRef("file:///nowhere", 1, "0"), created_at=soon, escalate_at=soon,
    )  # fmt: skip
    out = over._replace(name="out", stage=Stage.OUT, state=LEASED, owner="somebody", fence=3)
    later = Put("tenants/acme/batches/later", {"state": "of tomorrow"})
    written = [Put(batch.path, batch.encode()) for batch in (over, out)]
    await folder.services.store.commit([*written, later], timeout_s=10)

    # If its tenant is forgotten, I expect it told so, its holder fenced out, and the others gone
    assert (await run(capsys, "acme"))["out"] == 1
    assert (await run(capsys, "acme", yes=True))["batches"] == 3
    [left] = await folder.services.store.scan("tenants/acme/batches", after="", limit=9, timeout_s=9)
    told = Batch.decode(left.fields or {})
    assert (told.name, told.forgotten, told.state, told.owner, told.fence) == ("out", True, WAITING, None, 4)
    assert told.escalate_at < datetime.now(UTC) + timedelta(seconds=1)

    # and a person is told
    await forget("acme", yes=False, force=False, as_json=False)
    assert "1 batch would be called back" in " ".join(capsys.readouterr().out.split())


async def test_what_cannot_be_read_is_named_and_goes_with_the_rest(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given documents of a later version, one of them not at rest
    await ask(folder, "acme", 1)
    closed, unfinished = "tenants/acme/requests/closed", "tenants/acme/requests/unfinished"
    later = {"state": "of tomorrow"}
    writes = [Put(closed, later), Put(unfinished, later | {"open_since": "00:2030"})]
    await folder.services.store.commit(writes, timeout_s=10)

    capsys.readouterr()
    assert await forget("acme", yes=False, force=False, as_json=True) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert (told["requests"], told["unreadable"]) == (4, [closed, unfinished])
    assert closed in shown.err
    assert told["open_ids"] == ["unfinished"]
    with pytest.raises(OperatorFault, match="unfinished"):
        await forget("acme", yes=True, force=False, as_json=True)
    assert (await run(capsys, "acme", yes=True, force=True))["deleted"] is True
    assert set((await stored(folder, "acme")).values()) == {0}


async def test_what_is_asked_again_is_new(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await ask(folder, "acme", 1)
    first = await folder.record("r0", "acme")
    await run(capsys, "acme", yes=True)
    await folder.publish({"prompt": "0 acme?", "request_id": "r0", "tenant": "acme"})
    await folder.serve()
    again = await folder.record("r0", "acme")
    assert again.created_at > first.created_at
    assert (again.result or {})["cache"] == "miss"


async def test_a_tenant_that_is_none(folder: Folder) -> None:
    for tenant in ("", "a/b", "../x", "*"):
        with pytest.raises(Misuse, match="--tenant"):
            await forget(tenant, yes=True, force=True, as_json=True)


async def test_what_a_person_reads(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    await ask(folder, "acme", 1)
    capsys.readouterr()
    await forget("acme", yes=False, force=False, as_json=False)
    shown = capsys.readouterr()
    assert "would be forgotten" in shown.out
    assert "Not reached" in shown.out
    assert "--yes" in shown.err
