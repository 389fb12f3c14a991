"""A conversation that goes on: `previous_response_id` stands for all that was said until then.

The request that goes on is whole in itself: it has the earlier messages in its own body, so nothing else
of the earlier one is needed when it is delivered, retried or redriven.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from penstock.door.asked import known_id
from penstock.door.caller import Caller
from penstock.door.chat import tool_calls_of
from penstock.door.outcome import Answered, answered
from penstock.door.wrong import Wrong, not_found
from penstock.errors import BadMessage, BlobError
from penstock.messages.parent import is_member_id
from penstock.messages.strict_json import decode_object
from penstock.paths import request_path, response_path
from penstock.ports import Fields, Put, Snapshot, Write
from penstock.requests.record import Record, State
from penstock.services import Services

PREVIOUS: Final = "previous_response_id"
#: The attribute by which the claim learns what of `Past` it has to keep.
PAST: Final = "door_past"
_INSTRUCTED: Final = "instructed"


@dataclass(frozen=True, slots=True)
class Past:
    """What a response's own document does not say: which one it goes on from, and whether its first message
    is its instructions, which hold for it alone."""

    previous: str | None = None
    instructed: bool = False

    @classmethod
    def of(cls, sent: Mapping[str, Any]) -> Past:
        return cls(sent.get(PREVIOUS), bool(sent.get("instructions")))

    @classmethod
    def decode(cls, fields: Fields | None) -> Past:
        known = fields or {}
        return cls(known.get("previous"), bool(known.get(_INSTRUCTED)))

    def encode(self) -> dict[str, Any]:
        return {
            **({"previous": self.previous} if self.previous else {}),
            **({_INSTRUCTED: True} if self.instructed else {}),
        }

    @property
    def attribute(self) -> dict[str, str]:
        text = f"{'i' if self.instructed else ''}:{self.previous or ''}"
        return {PAST: text} if self.encode() else {}

    @classmethod
    def from_attribute(cls, text: str) -> Past:
        instructed, _, previous = text.partition(":")
        return cls(previous or None, bool(instructed))

    def keeping(self, s: Services, tenant: str, response_id: str) -> Write:
        """The write that keeps it, for one that nobody asked in the background."""
        expires = s.clock.now() + timedelta(seconds=s.timing.retention_s)
        return Put(response_path(tenant, response_id), {**self.encode(), "expires_at": expires})


async def said_before(s: Services, caller: Caller, sent: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """The messages before those of `sent`; its answer is the last of them. Raises Wrong, StoreError."""
    named = sent.get(PREVIOUS)
    if named is None:
        return ()
    if not isinstance(named, str):
        raise Wrong(400, f"`{PREVIOUS}` must be a string.", param=PREVIOUS)
    previous_id = known_id(named, "response")
    paths = [request_path(caller.tenant, previous_id), response_path(caller.tenant, previous_id)]
    found, kept = await s.store.read(paths, timeout_s=s.timing.read_s)
    gone = (kept.fields or {}).get("deleted") or is_member_id(previous_id)
    record = None if gone else decoded(found)
    if record is None:
        raise not_found("response")
    if record.state is not State.TERMINAL:
        raise Wrong(409, f"`{PREVIOUS}`: it has no answer yet.", param=PREVIOUS, again_s=1)
    if not record.completed:
        raise Wrong(400, f"`{PREVIOUS}`: it has no answer to go on from.", param=PREVIOUS)
    messages = await _messages(s, record)
    first = 1 if Past.decode(kept.fields).instructed else 0
    return [*messages[first:], _answer(await answered(s, record))]


def decoded(found: Snapshot) -> Record | None:
    """The request's document; None: there is none that this release can read, or its time is over."""
    try:
        record = Record.decode(found.fields) if found.fields is not None else None
    except BadMessage:
        return None
    over = record is not None and record.expires_at is not None and found.read_at > record.expires_at
    return None if over else record


async def _messages(s: Services, record: Record) -> list[dict[str, Any]]:
    """What was asked then. Raises Wrong."""
    try:
        ref = record.payload_ref
        data = await s.blobs.get(ref, timeout_s=s.timing.blob_s) if ref is not None else record.payload or b""
        asked = decode_object(data)
    except (BlobError, BadMessage):
        raise Wrong(503, "What was asked before cannot be read just now: try again.", again_s=1) from None
    prompt = {"role": "user", "content": asked.get("prompt")}
    messages: list[dict[str, Any]] = asked.get("messages") or [prompt]
    return messages


def _answer(answer: Answered) -> dict[str, Any]:
    calls = tool_calls_of(answer)
    said = {"role": "assistant", "content": answer.text or (None if calls else "")}
    return said | ({"tool_calls": calls} if calls else {})
