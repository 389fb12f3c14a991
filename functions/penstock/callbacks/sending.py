"""One attempt: what it needs is read, it is signed and sent, and what came of it says what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from penstock.callbacks.body import Gone, body_of, told
from penstock.callbacks.endpoint import Endpoint, Reach
from penstock.callbacks.record import Callback, Kind
from penstock.callbacks.signing import headers, key_of
from penstock.errors import BadMessage, NotDelivered
from penstock.outlet import Answered
from penstock.paths import endpoint_path, reach_path, request_path
from penstock.ports import Snapshot
from penstock.services import Services

#: The receiver does not want to hear of us any more (Standard Webhooks).
_GONE: Final = 410
#: Of Workflows: the execution has ended.
_ENDED: Final = 404


@dataclass(frozen=True, slots=True)
class Delivered:
    """It was taken."""

    outcome: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not. `retry_after_s`: what was asked for; `switch_off`: the endpoint wants no more."""

    outcome: str
    retry_after_s: float = 0.0
    switch_off: bool = False


@dataclass(frozen=True, slots=True)
class Off:
    """The endpoint is switched off: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Hopeless:
    """No attempt can help."""

    outcome: str


Outcome = Delivered | Failed | Off | Hopeless


@dataclass(frozen=True, slots=True)
class Looked:
    """What an attempt stands on, as one read saw it."""

    endpoint: Endpoint | None
    reach: Reach
    #: The document of `reach`, for what is written there.
    reach_at: Snapshot | None
    request: Snapshot | None


async def look(s: Services, callback: Callback) -> Looked:
    """Raises StoreError."""
    name, kept = callback.to.endpoint, callback.data is not None
    paths = [endpoint_path(callback.tenant, name), reach_path(callback.tenant, name)] if name else []
    if callback.about.kind is Kind.REQUEST and not kept:
        paths.append(request_path(callback.tenant, callback.about.name))
    found = await s.store.read(paths, timeout_s=s.timing.read_s) if paths else []
    request = None if kept or callback.about.kind is not Kind.REQUEST else found[-1]
    if not name:
        return Looked(None, Reach(), None, request)
    return Looked(_endpoint(found[0]), Reach.decode(found[1].fields), found[1], request)


def _endpoint(found: Snapshot) -> Endpoint | None:
    try:
        return Endpoint.decode(found.fields) if found.fields is not None else None
    except BadMessage:
        return None


async def attempt(s: Services, callback: Callback, looked: Looked) -> Outcome:
    """Raises BlobError, SecretError: then nothing was sent."""
    if callback.to.endpoint and looked.endpoint is None:
        return Hopeless("The endpoint is not registered any more.")
    if looked.reach.off_at is not None:
        return Off()
    try:
        data = told(callback, looked.request.fields if looked.request is not None else None)
    except Gone as gone:
        return Hopeless(str(gone))
    body = await body_of(s, callback, data)
    try:
        return _judged(callback, await _post(s, callback, looked.endpoint, body))
    except NotDelivered as error:
        return Failed(str(error))


async def _post(s: Services, callback: Callback, endpoint: Endpoint | None, body: bytes) -> Answered:
    if s.outlet is None or s.signing is None:
        raise NotDelivered("This deployment has callbacks switched off.")
    if endpoint is None:
        if callback.to.project not in s.workflows:
            raise NotDelivered("Workflows of that project are not answered here.")
        return await s.outlet.answer(callback.to.url, body, timeout_s=s.timing.send_s)
    now, master = s.clock.now(), await s.signing.value()
    versions = endpoint.versions(now, s.timing)
    keys = [key_of(master, callback.tenant, endpoint.name, version) for version in versions]
    signed = headers(callback.webhook_id, now, body, keys)
    return await s.outlet.post(endpoint.url, body, signed, timeout_s=s.timing.send_s)


def _judged(callback: Callback, answered: Answered) -> Outcome:
    """2xx alone is a yes."""
    said = f"It answered {answered.status}."
    if 200 <= answered.status < 300:
        return Delivered(said)
    if callback.to.url and answered.status == _ENDED:
        return Hopeless("The execution has ended: it answered 404.")
    return Failed(said, answered.retry_after_s or 0.0, answered.status == _GONE and not callback.to.url)
