"""A delivery that concerns a request: a client's message, a wake, or a redrive, made ready to be claimed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from penstock.errors import BadMessage, BlobMissing
from penstock.messages.completion import BlobRef
from penstock.messages.envelope import Envelope
from penstock.messages.parent import Parent, is_member_id
from penstock.messages.pin import pinned
from penstock.messages.plan import Plan
from penstock.messages.redrive import redrive_count
from penstock.messages.request import CacheMode, Request, decode_request
from penstock.messages.wake import KIND, MEMBER, WAKE, Wake
from penstock.paths import cache_key, cascade_key, payload_blob
from penstock.requests.flight import cacheable
from penstock.requests.lifecycle import Arrival, arrival_of_redrive, arrival_of_request, arrival_of_wake
from penstock.requests.record import Record
from penstock.services import Services
from penstock.targets.cascade import digest
from penstock.targets.routes import Routes, Target

#: Payloads and completions longer than this lie in the bucket, not in the document (docs/design.md §2.3).
INLINE_LIMIT = 256 * 1024
#: The attribute of a judge's own message.
_JUDGES = "penstock_audit"


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a delivery asks for. `envelope` carries the client's original bytes, also for a wake."""

    request: Request
    envelope: Envelope
    #: Who may answer, in order; empty when a stored request's route is gone.
    targets: tuple[Target, ...]
    #: Cache key of the first target's answer; None when the cache plays no part.
    key: str | None
    #: Where the payload lies when it is long.
    payload_ref: BlobRef | None = None
    wake: Wake | None = None
    #: None unless this is a redrive.
    redrive_count: int | None = None
    #: The run that asks; None: a client does.
    parent: Parent | None = None
    #: What the route chose, where it says `cheapest` or `split`, or what a comparison pinned; `targets` are
    #: those that it names.
    plan: Plan | None = None
    #: What it judges of another request, where it is a judge's own (messages/audited.py).
    judges: Mapping[str, Any] | None = None

    @property
    def is_new(self) -> bool:
        """Whether this may be the first that anybody hears of the request."""
        return self.wake is None and self.redrive_count is None

    def planned(self, plan: Plan | None, routes: Routes) -> Incoming:
        """The same with the targets of `plan`, or in the route's own order without one; as it is where
        this deployment has none of them any more."""
        if plan == self.plan:
            return self
        targets = _targets(self.request, routes, kept=True) if plan is None else _named(plan, routes)
        if plan is not None and plan.answered and not targets:
            targets = _others(self.request, plan, routes)
        elif not targets:
            return self
        return replace(self, targets=targets, key=_key(self.request, targets, plan, routes), plan=plan)

    def key_of(self, target: Target) -> str | None:
        """Cache key of `target`'s answer; None when the cache plays no part."""
        whole = self.plan is not None and self.plan.cascade is not None
        if self.key is None or whole or target is self.targets[0]:
            return self.key
        return cache_key(self.request, target)

    def arrival(self, record: Record | None) -> Arrival:
        """What this is to the document that is there."""
        if self.wake is not None:
            return arrival_of_wake(record, self.wake.fence)
        if self.redrive_count is not None:
            if record is None and is_member_id(self.request.request_id):
                return Arrival.STALE  # only its run makes one
            return arrival_of_redrive(record, self.redrive_count, self.request.payload_sha256)
        return arrival_of_request(record, self.envelope.message_id, self.request.payload_sha256)


def is_wake(envelope: Envelope) -> bool:
    return envelope.attributes.get(KIND) == WAKE


def is_member(envelope: Envelope) -> bool:
    return envelope.attributes.get(KIND) == MEMBER


async def incoming_message(s: Services, envelope: Envelope) -> Incoming:
    """A client's message or a redrive; a long payload is in the bucket when this returns.

    Raises BadMessage, BlobUnavailable.
    """
    parent = Parent.of(envelope.attributes) if is_member(envelope) else None
    count = redrive_count(envelope.attributes)
    ours = parent is not None or count is not None
    request = decode_request(envelope, default_wait_s=s.timing.default_wait_s, member=ours)
    targets = _targets(request, s.routes, kept=parent is not None)
    if not ours:
        _check_cache(request, s.routes)
    pin = None if ours else _pin(envelope, s)
    payload_ref = await _store_payload(s, request, envelope.data)
    key = _first_key(request, targets)
    judges = _judges(envelope) if _JUDGES in envelope.attributes and not ours else None
    incoming = Incoming(request, envelope, targets, key, payload_ref, None, count, parent, judges=judges)
    return incoming if pin is None else incoming.planned(pin, s.routes)


async def incoming_wake(s: Services, wake: Wake, record: Record) -> Incoming:
    """The stored request that `wake` means; without targets when this deployment cannot read it any more,
    so that it ends. Raises BlobUnavailable."""
    data = record.payload
    if data is None and record.payload_ref is not None:
        data = await _stored_payload(s, record.payload_ref)
    envelope = Envelope(
        data=data or b"",
        attributes={"tenant": record.tenant, "request_id": record.request_id},
        message_id=record.message_id,
        published_at=record.published_at,
        subscription="",
    )
    try:
        request = decode_request(envelope, default_wait_s=s.timing.default_wait_s, member=True)
    except BadMessage:
        unreadable = _unreadable(record)
        return Incoming(unreadable, envelope, (), None, record.payload_ref, wake, None, record.parent)
    request = replace(request, deadline=record.deadline)
    targets = _targets(request, s.routes, kept=True)
    key = _first_key(request, targets)
    incoming = Incoming(request, envelope, targets, key, record.payload_ref, wake, None, record.parent)
    return incoming.planned(record.plan, s.routes)


def _judges(envelope: Envelope) -> Mapping[str, Any] | None:
    """Raises BadMessage."""
    from penstock.messages.audited import audited  # nobody else needs it

    return audited(envelope.attributes)


def _check_cache(request: Request, routes: Routes) -> None:
    """Raises BadMessage where a client asks for what its route does not do."""
    if request.cache is CacheMode.SIMILAR and routes.resolve(request.model).similar is None:
        raise BadMessage(
            "The field cache says similar, and the route of this request has no similar answers switched on: "
            "say auto, or ask for another model."
        )


def _pin(envelope: Envelope, s: Services) -> Plan | None:
    """Raises BadMessage where it pins to nobody who answers at once."""
    plan = pinned(envelope.attributes, s.clock.now())
    if plan is not None and not any(not target.waits for target in _named(plan, s.routes)):
        raise BadMessage(
            "The attribute penstock_target must name a target of PENSTOCK_ROUTES that answers at once."
        )
    return plan


def _named(plan: Plan, routes: Routes) -> tuple[Target, ...]:
    known = routes.targets
    return tuple(known[name] for name in plan.targets if name in known)


async def _stored_payload(s: Services, ref: BlobRef) -> bytes | None:
    """None when it is gone for good: waiting would help nobody. Raises BlobUnavailable."""
    try:
        return await s.blobs.get(ref, timeout_s=s.timing.blob_s)
    except BlobMissing:
        return None


def _targets(request: Request, routes: Routes, *, kept: bool) -> tuple[Target, ...]:
    """Who may answer. Raises BadMessage where nobody serves the model, unless the request is to be `kept`:
    what is stored, or what a run waits for, fails as a request."""
    try:
        return tuple(routes.resolve(request.model).eligible)
    except BadMessage:
        if kept:
            return ()
        raise


def _others(request: Request, plan: Plan, routes: Routes) -> tuple[Target, ...]:
    """Who is left of a cascade that a deploy made another: nobody who is paid already."""
    targets = _targets(request, routes, kept=True)
    return tuple(target for target in targets if target.name not in plan.answered)


def _key(request: Request, targets: tuple[Target, ...], plan: Plan | None, routes: Routes) -> str | None:
    """A cascade is one target as a whole: what answers is kept, and waited for, by whoever asks all of it.
    Where a deploy has made it another one meanwhile, it is neither."""
    if plan is None or plan.cascade is None:
        return _first_key(request, targets)
    goes_on = cacheable(request) and _cascade_now(request, routes) == plan.cascade
    return cascade_key(request, plan.cascade) if goes_on else None


def _cascade_now(request: Request, routes: Routes) -> str | None:
    try:
        return digest(routes.resolve(request.model))
    except BadMessage:
        return None


def _first_key(request: Request, targets: tuple[Target, ...]) -> str | None:
    return cache_key(request, targets[0]) if targets and cacheable(request) else None


def _unreadable(record: Record) -> Request:
    """What is left of a request whose payload an earlier version took."""
    return Request(
        tenant=record.tenant,
        request_id=record.request_id,
        messages=(),
        model=None,
        params={},
        cache=CacheMode.OFF,
        deadline=record.deadline,
        metadata={},
        payload_sha256=record.payload_sha256,
    )


async def _store_payload(s: Services, request: Request, data: bytes) -> BlobRef | None:
    if len(data) <= INLINE_LIMIT:
        return None
    name = payload_blob(request.tenant, hashlib.sha256(data).hexdigest())
    return await s.blobs.put(name, data, timeout_s=s.timing.blob_s)
