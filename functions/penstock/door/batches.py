"""`/v1/batches`: a file of requests becomes a run of one map, over any target."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from penstock.door.asked import Asked
from penstock.door.batch import PIPELINE, Batch, read_batch
from penstock.door.batch_lines import ENDPOINTS, Lines
from penstock.door.caller import Caller
from penstock.door.file import File, kept_s, kept_until, read_file
from penstock.door.files import SIZE_LIMIT, lines_of
from penstock.door.identity import is_retry, named_id, pointer_of, pointing, repeated_id
from penstock.door.inputs import is_input, read_input
from penstock.door.listed import listed
from penstock.door.reply import Reply, said
from penstock.door.seam import Door
from penstock.door.wrong import Wrong, unknown
from penstock.errors import AlreadyExists
from penstock.messages.strict_json import canonical
from penstock.paths import CLIENT_BATCHES, client_batch_path, run_path
from penstock.ports import Merge
from penstock.runs.message import LONGEST_RUN_S, Told, Verb
from penstock.runs.record import Run, State
from penstock.runs.room import Runs
from penstock.services import Services

_OUTPUT: Final = "output_expires_after"
_KNOWN: Final = frozenset({"input_file_id", "endpoint", "completion_window", "metadata", _OUTPUT})
#: OpenAI's limits of metadata.
_METADATA: Final = (16, 64, 512)
_WINDOW: Final = re.compile(r"([1-9][0-9]{0,2})([hd])")
#: Times that only fall, so that a list by id begins with the newest.
_HORIZON_MS: Final = 1 << 44
#: How many lines are checked before others have their turn.
_AT_ONCE: Final = 200


async def create(s: Services, door: Door, caller: Caller, asked: Asked) -> Reply:
    """Twice with one Idempotency-Key is once. Raises Wrong, StoreError, BlobError, PublishFailed."""
    sent = await asked.json(s.timing.door_body_s)
    if not any(isinstance(room, Runs) for room in s.rooms):
        raise Wrong(404, "Batches are runs, which are switched off here: set PENSTOCK_RUNS_TOPIC.")
    window_s = _check(sent, caller)
    now = s.clock.now()
    batch_id, pointer = await _named(s, caller, asked, sent)
    file = await _file(s, caller.tenant, sent["input_file_id"])
    if file.purpose != "batch":
        raise Wrong(400, "The file's purpose must be `batch`: send it again so.", param="input_file_id")
    lines = Lines(s, caller, sent["endpoint"])
    ref = await _items(s, caller.tenant, batch_id, file, lines)
    ends_at = now + timedelta(seconds=window_s)
    batch = Batch(
        batch_id, file.file_id, sent["endpoint"], sent["completion_window"], sent.get("metadata") or {},
        lines.count, now, ends_at, kept_until(s), output_s=kept_s(sent, _OUTPUT),
        generation=file.ref.generation if is_input(file.file_id) else None,
    )  # fmt: skip
    return said((await _begun(s, caller, batch, ref, pointer)).told(None, now))


async def _file(s: Services, tenant: str, file_id: str) -> File:
    """Raises Wrong, StoreError, BlobError."""
    if is_input(file_id):
        return await read_input(s, tenant, file_id, SIZE_LIMIT)
    return await read_file(s, tenant, file_id)


async def _named(s: Services, caller: Caller, asked: Asked, sent: dict[str, Any]) -> tuple[str, str | None]:
    """The id, and the pointer that its retries look for, where no key of the client's stands for it."""
    named = named_id(asked, "batch_")
    if named is not None:
        return named, None
    pointer = pointer_of(caller, {**sent, "batch": True})
    repeated = await repeated_id(s, caller, pointer) if is_retry(asked) else None
    falling = _HORIZON_MS - int(s.clock.now().timestamp() * 1000)
    return repeated or f"batch_{falling:011x}{s.new_id()}", pointer


async def _begun(
    s: Services, caller: Caller, batch: Batch, ref: Mapping[str, Any], pointer: str | None
) -> Batch:
    """Known first, then published; the same once more is the same run. Raises Wrong."""
    writes = [batch.keeping(caller.tenant)]
    writes += [pointing(s, caller.tenant, pointer, batch.batch_id)] if pointer else []
    try:
        await s.store.commit(writes, timeout_s=s.timing.commit_s)
    except AlreadyExists:
        before, _, _ = await read_batch(s, caller.tenant, batch.batch_id)
        same = replace(before, cancelling_at=None, created_at=batch.created_at, ends_at=batch.ends_at)
        if replace(same, expires_at=batch.expires_at) != batch:
            told = "This Idempotency-Key was used for another batch before: send this one under a new key."
            raise Wrong(409, told, code="idempotency_key_in_use", final=True) from None
        batch = before
    left_s = (batch.ends_at - s.clock.now()).total_seconds()
    body = {
        "run_id": batch.batch_id,
        "tenant": caller.tenant,
        "pipeline": PIPELINE,
        "items_ref": ref,
        "max_wait_s": max(1.0, left_s),
    }
    await s.bus.publish(s.topics.runs, canonical(body), {}, timeout_s=s.timing.publish_s)
    return batch


async def _items(s: Services, tenant: str, batch_id: str, file: File, lines: Lines) -> dict[str, Any]:
    """The file's lines as the run's items, in the bucket. Raises Wrong, BlobError."""

    async def chunks() -> AsyncIterator[bytes]:
        held: list[bytes] = []
        async for item in lines.items(lines_of(s, file)):
            held.append(item)
            if len(held) == _AT_ONCE:
                yield b"".join(held)
                held = []
                await asyncio.sleep(0)
        yield b"".join(held)

    whose = hashlib.sha256(f"{file.ref.uri}#{file.ref.generation}".encode()).hexdigest()[:16]
    name = f"{run_path(tenant, batch_id)}/given-{whose}"
    return (await s.blobs.put_stream(name, chunks(), timeout_s=s.timing.blob_s)).encode()


async def retrieve(s: Services, door: Door, caller: Caller, asked: Asked, batch_id: str) -> Reply:
    """Raises Wrong, StoreError."""
    batch, run, now = await read_batch(s, caller.tenant, batch_id)
    return said(batch.told(run, now))


async def cancel(s: Services, door: Door, caller: Caller, asked: Asked, batch_id: str) -> Reply:
    """Nothing more is called; what is under way ends. Raises Wrong, StoreError, PublishFailed."""
    batch, run, now = await read_batch(s, caller.tenant, batch_id)
    if run is None or run.state is not State.DONE:
        if run is None:
            told = "The batch has not begun yet: cancel it in a moment."
            raise Wrong(409, told, again_s=1)
        mark = Merge(client_batch_path(caller.tenant, batch_id), {"cancelling_at": now})
        await s.store.commit([mark], timeout_s=s.timing.commit_s)
        word = Told(Verb.CANCEL, caller.tenant, batch_id).encode()
        await s.bus.publish(s.topics.runs, b"", word, timeout_s=s.timing.publish_s)
        batch = replace(batch, cancelling_at=now)
    return said(batch.told(run, now))


async def list_batches(s: Services, door: Door, caller: Caller, asked: Asked) -> Reply:
    """The newest first. Raises Wrong, StoreError."""
    query = asked.parameters("after", "limit")
    found: list[Batch] = []

    def told(fields: Any) -> dict[str, Any]:
        found.append(Batch.decode(fields))
        return {"id": found[-1].batch_id}

    page = await listed(s, f"tenants/{caller.tenant}/{CLIENT_BATCHES}", asked, query, told, most=100)
    named = {batch.batch_id: batch for batch in found}
    batches = [named[one["id"]] for one in page["data"]]
    runs = await _runs(s, caller.tenant, batches)
    now: datetime = s.clock.now()
    return said(page | {"data": [batch.told(runs.get(batch.batch_id), now) for batch in batches]})


async def _runs(s: Services, tenant: str, batches: list[Batch]) -> dict[str, Run]:
    if not batches:
        return {}
    paths = [run_path(tenant, batch.batch_id) for batch in batches]
    found = await s.store.read(paths, timeout_s=s.timing.read_s)
    runs = [Run.decode(one.fields) for one in found if one.fields is not None]
    return {run.run_id: run for run in runs}


def _check(sent: Mapping[str, Any], caller: Caller) -> float:
    """How many seconds it may take. Raises Wrong."""
    for name in sent:
        if name not in _KNOWN and sent[name] is not None:
            raise unknown(name if len(name) <= 64 and name.isidentifier() else "(a field)")
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(sent.get(name), str):
            raise Wrong(400, f"`{name}` must be a string.", param=name)
    if sent["endpoint"] not in ENDPOINTS:
        raise Wrong(400, f"`endpoint` must be one of {', '.join(ENDPOINTS)}.", param="endpoint")
    _check_metadata(sent.get("metadata"))
    kept_s(sent, _OUTPUT)
    return min(_window_s(sent["completion_window"]), caller.longest_wait_s)


def _window_s(text: str) -> float:
    match = _WINDOW.fullmatch(text)
    seconds = int(match.group(1)) * {"h": 3600, "d": 86_400}[match.group(2)] if match else 0
    if not 0 < seconds <= LONGEST_RUN_S:
        told = "`completion_window` must be hours or days, up to 14d, such as 24h."
        raise Wrong(400, told, param="completion_window")
    return float(seconds)


def _check_metadata(metadata: Any) -> None:
    pairs, longest_name, longest = _METADATA
    fits = metadata is None or (
        isinstance(metadata, dict)
        and len(metadata) <= pairs
        and all(len(name) <= longest_name for name in metadata)
        and all(isinstance(value, str) and len(value) <= longest for value in metadata.values())
    )
    if not fits:
        told = f"`metadata` must be up to {pairs} strings of {longest} characters, named by {longest_name}."
        raise Wrong(400, told, param="metadata")
