"""The body of a callback: type, timestamp and data, as Standard Webhooks has it; a long text as a link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.callbacks.record import About, Callback, Kind
from penstock.errors import BadMessage
from penstock.messages.completion import BlobRef
from penstock.messages.strict_json import canonical
from penstock.paths import callback_blob
from penstock.requests.record import Record, State
from penstock.services import Services

#: Bytes of a body; the specification asks for fewer than 20 kB.
BODY_LIMIT: Final = 20_000


class Gone(Exception):
    """What is to be told of is not there any more."""


def told(callback: Callback, request: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The data that `callback` tells: its own, or the result in `request`, the request's document as it is
    now. Raises Gone where that is another life's, or cannot be read."""
    if callback.data is not None:
        return callback.data
    try:
        record = Record.decode(request) if request is not None else None
    except BadMessage:
        record = None
    if record is None or record.result is None or not _is_of(callback.about, record):
        raise Gone("The result is not kept any more.")
    return record.result


def _is_of(about: About, record: Record) -> bool:
    same = record.created_at == about.life and record.redrive_count == about.round
    return about.kind is Kind.REQUEST and same and record.state is State.TERMINAL


async def body_of(s: Services, callback: Callback, data: Mapping[str, Any]) -> bytes:
    """The bytes of one attempt. Raises BlobError."""
    if data.get("completion_ref"):
        return _body(callback, await _linked(s, data, BlobRef.decode(data["completion_ref"])))
    body = _body(callback, data)
    if len(body) < BODY_LIMIT or not data.get("completion"):
        return body
    name = callback_blob(callback.tenant, callback.callback_id)
    ref = await s.blobs.put(name, canonical(data["completion"]), timeout_s=s.timing.blob_s)
    by_reference = {**data, "completion": None, "completion_ref": ref.encode()}
    return _body(callback, await _linked(s, by_reference, ref))


async def _linked(s: Services, data: Mapping[str, Any], ref: BlobRef) -> Mapping[str, Any]:
    """`data` with an address that its receiver can open without knowing us."""
    url = await s.blobs.link(ref, lasts_s=s.timing.link_s, timeout_s=s.timing.blob_s)
    return {**data, "completion_url": url}


def _body(callback: Callback, data: Mapping[str, Any]) -> bytes:
    return canonical({"type": callback.type, "timestamp": callback.happened_at, "data": data})
