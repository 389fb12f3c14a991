"""`penstock forget`: remove what is stored of one tenant; a dry run unless told otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, field

from penstock.budgets.held import charged_together
from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.paths import (
    AUDITS,
    BATCHES,
    CALLBACKS,
    CLIENT_BATCHES,
    DOOR,
    ENDPOINTS,
    EVIDENCE,
    FILES,
    PILES,
    REQUESTS,
    RESPONSES,
    RUNS,
    SIMILAR,
)
from penstock.ports import Delete, Snapshot, Write
from penstock.requests.record import Record, State
from penstock.requests.stored import record_of
from penstock_ops.terminal.console import counted, print_json, say, stdout, warn
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.system import System, open_system
from penstock_ops.terminal.unreadable import warn_unreadable
from penstock_ops.upkeep.forgotten_batches import call_back_all, out_of, told_of

#: Documents of one query, and of one commit.
_BATCH = 100
#: Queries for orphans under way at once.
_WIDTH = 20
#: One deletion in the bucket may take this long, in seconds: its blobs go one by one.
_BLOBS_S = 600.0
_HEX = "0123456789abcdef"
_OF_DOOR = (DOOR, RESPONSES, FILES, CLIENT_BATCHES)
#: What a tenant has in the bucket, in parts that one deletion manages (paths.py).
_PARTS = [f"{kind}/{a}{b}" for kind in ("payloads", "completions") for a in _HEX for b in _HEX]

#: What lies elsewhere, and how long.
NOT_REACHED = (
    "messages that wait in topics and subscriptions (results and dead letters: up to 31 days); "
    "one that is still delivered makes its request anew",
    "the archive of dead letters, and originals over 9 MB that dead letters refer to (bucket, dead-letters/)",
    "the warehouse (BigQuery) and the logs, which hold ids, counts and costs",
    "backups of the database, and older generations where the bucket keeps them",
    "a call of lane background that was still out: its provider keeps it for its 30 days",
    "a file of a batch whose upload got no answer: it expires at its provider, two days after the window",
    "answers of abandoned attempts beside requests that were deleted before (collection orphans)",
)


@dataclass(slots=True)
class Found:
    """What is stored of a tenant. `blobs`: long texts that its requests name; the cache may name more."""

    requests: int = 0
    orphans: int = 0
    cache: int = 0
    usage: int = 0
    runs: int = 0
    pages: int = 0
    batches: int = 0
    #: Of these, who are not over: their jobs and files are at their provider.
    out: int = 0
    callbacks: int = 0
    endpoints: int = 0
    door: int = 0
    blobs: int = 0
    #: The ids of unfinished requests, the first few, and how many there are.
    open: int = 0
    open_ids: list[str] = field(default_factory=list)
    #: Paths of requests that this version cannot read; counted above like the others.
    unreadable: list[str] = field(default_factory=list)

    @property
    def documents(self) -> int:
        kinds = (self.requests, self.orphans, self.cache, self.usage, self.runs, self.pages)
        return sum(kinds) + self.batches + self.callbacks + self.endpoints + self.door


async def forget(tenant: str, *, yes: bool, force: bool, as_json: bool) -> int:
    """Count, and with `yes` delete. Raises Misuse, OperatorFault when requests are unfinished."""
    if fault := id_fault(tenant, TENANT_LIMIT):
        raise Misuse(f"--tenant {fault}.")
    async with open_system() as system:
        say(f"penstock forget {tenant} ← {system.name}")
        found = await _count(system, tenant)
        if found.open and yes and not force:
            raise OperatorFault(_open_sentence(found))
        blobs = 0
        if yes:
            blobs = await _delete(system, tenant, found)
        fate = "they are deleted with the rest." if yes else "they would be deleted with the rest."
        warn_unreadable(found.unreadable, fate)
    if as_json:
        _print_json(tenant, found, yes, blobs)
    else:
        _print(tenant, found, yes, blobs)
    return 0


async def _count(system: System, tenant: str) -> Found:
    found = Found()
    blobs: set[str] = set()
    with progress("counting", 0) as advance:
        async for page in _pages(system, f"tenants/{tenant}/{REQUESTS}"):
            for snapshot in page:
                _note(found, snapshot, blobs)
            found.orphans += sum(len(orphans) for orphans in await _orphans(system, page))
            advance(found.requests, f"{found.requests:,} requests")
        async for page in _pages(system, f"tenants/{tenant}/cache"):
            found.cache += len(page)
        async for page in _pages(system, f"tenants/{tenant}/usage"):
            found.usage += len(page)
        for collection in (PILES, BATCHES):
            async for page in _pages(system, f"tenants/{tenant}/{collection}"):
                found.batches += len(page)
                found.out += len(out_of(page)) if collection == BATCHES else 0
        async for page in _pages(system, f"tenants/{tenant}/{CALLBACKS}"):
            found.callbacks += len(page)
        async for page in _pages(system, f"tenants/{tenant}/{ENDPOINTS}"):
            found.endpoints += len(page)
        for collection in _OF_DOOR:
            async for page in _pages(system, f"tenants/{tenant}/{collection}"):
                found.door += len(page)
        async for page in _pages(system, f"tenants/{tenant}/{RUNS}"):
            found.runs += len(page)
            for run in page:
                _note_run(found, run)
                found.pages += len(
                    [one async for some in _pages(system, f"{run.path}/pages") for one in some]
                )
    found.blobs = len(blobs)
    return found


def _note(found: Found, snapshot: Snapshot, blobs: set[str]) -> None:
    found.requests += 1
    record = record_of(snapshot)
    if record is None:
        found.unreadable.append(snapshot.path)
        # Every version marks so what is not at rest: the sweeper's first query lives on it.
        is_open = "open_since" in (snapshot.fields or {})
    else:
        _note_blobs(record, blobs)
        is_open = record.state is not State.TERMINAL or record.confirmed_at is None
    if is_open:
        found.open += 1
        if len(found.open_ids) < 5:
            found.open_ids.append(snapshot.path.rpartition("/")[2])


def _note_run(found: Found, run: Snapshot) -> None:
    """An unfinished run would bring its members back."""
    if "open_since" in (run.fields or {}):
        found.open += 1
        found.open_ids.append(run.path.rpartition("/")[2])


def _note_blobs(record: Record, blobs: set[str]) -> None:
    if record.payload_ref:
        blobs.add(record.payload_ref.uri)
    if record.result and (ref := record.result.get("completion_ref")):
        blobs.add(ref["uri"])


async def _delete(system: System, tenant: str, found: Found) -> int:
    """Everything, a request's orphans before itself, so that an interrupted run can be taken up again.

    How many blobs went.
    """
    gone = 0

    async def delete(
        paths: Sequence[str], advance: Callable[[int, str], None], charges: Sequence[Write] = ()
    ) -> None:
        nonlocal gone
        services = system.services
        for start in range(0, len(paths), _BATCH):
            writes = [Delete(path) for path in paths[start : start + _BATCH]]
            with_charges = [*writes, *(charges if start == 0 else ())]
            await services.store.commit(with_charges, timeout_s=services.timing.commit_s)
            gone += len(writes)
            advance(gone, "")

    with progress("deleting documents", found.documents) as advance:
        async for page in _pages(system, f"tenants/{tenant}/{REQUESTS}"):
            for orphans in await _orphans(system, page):
                await delete([orphan.path for orphan in orphans], advance)
            # What one holds that is out, in a batch or at its provider, may be spent all the same.
            records = filter(None, map(record_of, page))
            await delete([snapshot.path for snapshot in page], advance, charged_together(records))
        async for page in _pages(system, f"tenants/{tenant}/{RUNS}"):
            for run in page:
                async for pages in _pages(system, f"{run.path}/pages"):
                    await delete([one.path for one in pages], advance)
            await delete([snapshot.path for snapshot in page], advance)
        for collection in (
            *("cache", "usage", PILES, CALLBACKS, ENDPOINTS, "reach", SIMILAR, EVIDENCE, AUDITS),
            *_OF_DOOR,
        ):
            async for page in _pages(system, f"tenants/{tenant}/{collection}"):
                await delete([snapshot.path for snapshot in page], advance)
        async for page in _pages(system, f"tenants/{tenant}/{BATCHES}"):
            await delete(await call_back_all(system.services, page), advance)
    return await _delete_blobs(system, tenant)


async def _delete_blobs(system: System, tenant: str) -> int:
    deleted = 0
    prefixes = [*_PARTS, ""] if system.folder is None else [""]
    with progress("deleting long texts", len(prefixes)) as advance:
        for number, part in enumerate(prefixes, 1):
            prefix = f"tenants/{tenant}/{part}"
            deleted += await system.services.blobs.delete(prefix, timeout_s=_BLOBS_S)
            advance(number, f"{deleted:,} deleted")
    return deleted


async def _pages(system: System, collection: str) -> AsyncIterator[list[Snapshot]]:
    """The documents of a collection by id; what was read may be deleted before the next page."""
    services, after = system.services, ""
    while True:
        page = await services.store.scan(
            collection, after=after, limit=_BATCH, timeout_s=services.timing.read_s
        )
        if not page:
            return
        yield page
        after = page[-1].path.rpartition("/")[2]


async def _orphans(system: System, requests: Sequence[Snapshot]) -> list[list[Snapshot]]:
    """The paid answers that lie beside each of `requests`."""
    width = asyncio.Semaphore(_WIDTH)

    async def of(request: Snapshot) -> list[Snapshot]:
        async with width:
            return [orphan async for page in _pages(system, f"{request.path}/orphans") for orphan in page]

    return await asyncio.gather(*(of(request) for request in requests))


def _open_sentence(found: Found) -> str:
    some = ", ".join(found.open_ids) + (", …" if found.open > len(found.open_ids) else "")
    return (
        f"{counted(found.open, 'request')} of this tenant not finished ({some}): their holders and messages "
        "would bring them back. Nothing was deleted. Wait until they end (`penstock get ID`), or use "
        "--yes --force, and once more an hour later."
    )


def _print(tenant: str, found: Found, done: bool, blobs: int) -> None:
    out = stdout()
    out.print(f"{'[green]forgotten[/green]' if done else '[yellow]would be forgotten[/yellow]'}  {tenant}")
    for count, kind in (
        (found.requests, "requests"),
        (found.orphans, "paid answers of abandoned attempts"),
        (found.cache, "cache entries"),
        (found.usage, "usage counters"),
        (found.runs + found.pages, "runs and their pages"),
        (found.batches, "batches and their piles"),
        (found.callbacks + found.endpoints, "callbacks and endpoints"),
        (found.door, "what the front door keeps of calls"),
    ):
        out.print(f"  {count:>9,}  {kind}")
    if done:
        out.print(f"  {blobs:>9,}  long texts")
    else:
        out.print(f"  {found.blobs:>9,}  long texts that the requests name; all of the tenant's would go")
    if found.out:
        out.print(told_of(found.out, done=done), soft_wrap=True)
    out.print("Not reached by this:", soft_wrap=True)
    for line in NOT_REACHED:
        out.print(f"  - {line}", soft_wrap=True)
    if not done and found.open:
        warn(_open_sentence(found))
    elif not done:
        say("Nothing was deleted: --yes does it.")


def _print_json(tenant: str, found: Found, done: bool, blobs: int) -> None:
    counts = asdict(found) | ({"blobs": blobs} if done else {})
    print_json({"tenant": tenant, "deleted": done, **counts, "not_reached": NOT_REACHED})
