"""What is to be done with each dead letter. The handler's table has the last word; this spares it the rest.

Nothing here changes anything: documents and long originals are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from penstock.errors import BadMessage, BlobError, Reason
from penstock.messages.envelope import Envelope
from penstock.messages.redrive import MAX_REDRIVES
from penstock.messages.request import LONGEST_WAIT_S, Request, decode_request
from penstock.paths import request_path
from penstock.redriving.letters import Kind, Letter
from penstock.redriving.match import Nameless, match
from penstock.redriving.options import Options
from penstock.requests.record import Record, State
from penstock.requests.stored import record_of
from penstock.services import Services

#: Documents of one read.
_BATCH = 100
#: Only when they are named: no redrive can help them, unless something else was changed since.
_NAMED_ONLY = {
    Reason.MALFORMED.value: "it can only fail again; if a route was added since, say --reason malformed",
    Reason.CONFLICT.value: "another payload owns its id: publish it under a new one",
}

_NO_REQUEST = (
    "it names no id and no stored request is its own: it may have been answered (--force redrives it)"
)
_NOT_SEARCHED = "it names no id: `penstock redrive` looks for its request among all that is stored"


class Do(StrEnum):
    """What is done with a letter."""

    #: Publish the original to the request topic.
    REDRIVE = "redrive"
    #: Publish the result to the response topic again.
    REPUBLISH = "publish again"
    #: Take it away: there is nothing left to do about it.
    DROP = "drop"
    #: Leave it where it is.
    STAY = "stay"


@dataclass(frozen=True, slots=True)
class Step:
    """One letter, its further copies, and what is done with them. `why` says it to a person."""

    letter: Letter
    do: Do
    why: str
    #: What is redriven, its ids settled; `wait_s` is how long it may take from then on.
    request: Request | None = None
    wait_s: float = 0.0
    copies: tuple[Letter, ...] = field(default=())

    @property
    def message_ids(self) -> list[str]:
        return [letter.message_id for letter in (self.letter, *self.copies)]

    @property
    def pays(self) -> bool:
        """Whether a call is to be expected."""
        return self.do is Do.REDRIVE and not self.why


@dataclass(frozen=True, slots=True)
class Planned:
    """The steps for some letters, in their order, copies of one request's letter taken together."""

    steps: list[Step]
    #: Stored requests that this release cannot read, where letters without an id were looked for.
    unreadable: list[str]


async def plan(s: Services, letters: Sequence[Letter], options: Options) -> Planned:
    """Raises StoreError."""
    unreadable: list[str] = []
    steps = [await _first(s, letter, options) for letter in letters]
    steps = await _named(s, steps, options, unreadable)
    records = await _records(s, [step.request for step in steps if step.request is not None])
    steps = [_with_record(step, records, s, options) for step in steps]
    return Planned(_together(steps), unreadable)


async def _first(s: Services, letter: Letter, options: Options) -> Step:
    """What the letter alone tells."""
    match letter.kind:
        case Kind.FOREIGN:
            return _stay(letter, "it is no dead letter of Penstock or Pub/Sub")
        case Kind.WAKE:
            return Step(letter, Do.DROP, "the sweeper wakes the request again by itself")
        case Kind.RESPONSE:
            return Step(letter, Do.REPUBLISH, "a result; never a prompt")
    if letter.kind is Kind.LETTER and letter.source_topic != s.topics.request:
        return _stay(letter, f"it never was a request: it came on {letter.source_topic}")
    if letter.reason in _NAMED_ONLY and letter.reason not in options.reasons:
        return _stay(letter, _NAMED_ONLY[letter.reason])
    if letter.redrive_count >= MAX_REDRIVES:
        return _stay(letter, f"redriven {letter.redrive_count} times already: publish it under a new id")
    try:
        if letter.ref is not None:
            data = await s.blobs.get(letter.ref, timeout_s=s.timing.blob_s)
            letter = replace(letter, data=data)
        return Step(letter, Do.REDRIVE, "", request=_request(s, letter))
    except BlobError as error:
        return _stay(letter, f"its original cannot be read: {error}")
    except BadMessage as error:
        return _stay(letter, f"it can only fail again: {error}")


def _request(s: Services, letter: Letter, request_id: str = "") -> Request:
    """The original as the handler will read it. Without an id it has that of its message, or none yet.

    Raises BadMessage.
    """
    named = {"tenant": letter.tenant, "request_id": request_id or letter.request_id}
    envelope = Envelope(
        data=letter.data,
        attributes={name: value for name, value in named.items() if value},
        message_id=letter.source_message_id or letter.message_id,
        published_at=letter.published_at or letter.died_at,
        subscription="",
    )
    return decode_request(envelope, default_wait_s=s.timing.default_wait_s)


async def _named(s: Services, steps: Sequence[Step], options: Options, unreadable: list[str]) -> list[Step]:
    """Settle the id of every copy whose request has none."""
    nameless = {
        step.letter.message_id: Nameless(
            step.letter.message_id, step.request.tenant, step.request.payload_sha256, step.letter.published_at
        )
        for step in steps
        if step.request is not None and step.letter.kind is Kind.REQUEST
        if not step.letter.request_id and step.letter.published_at is not None
    }
    found = await match(s, list(nameless.values()), unreadable) if nameless else {}
    return [_name(s, step, found, options) for step in steps]


def _name(s: Services, step: Step, found: Mapping[str, Record], options: Options) -> Step:
    letter = step.letter
    if step.request is None or letter.request_id or letter.kind is not Kind.REQUEST:
        return step
    record = found.get(letter.message_id)
    if record is None and not options.force:
        return _stay(letter, _NO_REQUEST if options.search else _NOT_SEARCHED)
    # The letter's own id stays the same however often this is run.
    name = record.request_id if record is not None else f"undelivered-{letter.message_id}"
    return replace(step, request=_request(s, letter, name))


async def _records(s: Services, requests: Sequence[Request]) -> Mapping[str, Record | None]:
    """The stored records by path; None: one that cannot be read."""
    paths = sorted({request_path(request.tenant, request.request_id) for request in requests})
    found: dict[str, Record | None] = {}
    for start in range(0, len(paths), _BATCH):
        batch = paths[start : start + _BATCH]
        for snapshot in await s.store.read(batch, timeout_s=s.timing.read_s):
            if snapshot.fields is not None:
                found[snapshot.path] = record_of(snapshot)
    return found


def _with_record(step: Step, records: Mapping[str, Record | None], s: Services, options: Options) -> Step:
    """What the store tells beside the letter."""
    request, letter = step.request, step.letter
    if request is None:
        return step
    path = request_path(request.tenant, request.request_id)
    record = records.get(path)
    if record is None and path in records:
        return _stay(letter, f"its stored request cannot be read by this version: {path}")
    if record is not None and record.payload_sha256 != request.payload_sha256:
        if letter.reason not in options.reasons:
            return _stay(letter, "another payload owns its id: publish it under a new one")
        record = None
    wait_s = options.max_wait_s or _wait_s(s, letter, request, record)
    step = replace(step, wait_s=min(wait_s, LONGEST_WAIT_S))
    if record is None:
        return step
    if record.redrive_count > letter.redrive_count:
        return Step(letter, Do.DROP, "it was redriven since; a later failure has its own letter")
    if record.completed:
        return replace(step, why="it has its answer: published again, nothing is paid")
    if record.state is not State.TERMINAL:
        return Step(letter, Do.DROP, "it is stored and being worked on")
    return step


def _wait_s(s: Services, letter: Letter, request: Request, record: Record | None) -> float:
    """How long the client wanted to wait at first, in seconds."""
    published_at = letter.published_at or (record.published_at if record else letter.died_at)
    original = _request(s, replace(letter, published_at=published_at), request.request_id)
    wait = original.deadline - published_at
    if wait <= timedelta(0):
        return s.timing.default_wait_s
    return wait.total_seconds()


def _together(steps: Iterable[Step]) -> list[Step]:
    """Letters are delivered at least once: one redrive for all that say the same."""
    first: dict[tuple[str, str, int], int] = {}
    merged: list[Step] = []
    for step in steps:
        if step.do is not Do.REDRIVE or step.request is None:
            merged.append(step)
            continue
        key = (step.request.tenant, step.request.request_id, step.letter.redrive_count)
        if key in first:
            seen = merged[first[key]]
            merged[first[key]] = replace(seen, copies=(*seen.copies, step.letter))
        else:
            first[key] = len(merged)
            merged.append(step)
    return merged


def _stay(letter: Letter, why: str) -> Step:
    return Step(letter, Do.STAY, why)
