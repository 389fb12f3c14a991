"""The request: what a client asks, decoded, checked and provider-neutral (docs/design.md §2.1)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from penstock.errors import BadMessage
from penstock.messages.addressee import Addressee, CallbackBody
from penstock.messages.conversation import Message, is_blank
from penstock.messages.dumps import without_nothing
from penstock.messages.envelope import Envelope, parse_time
from penstock.messages.params import Params
from penstock.messages.parent import is_member_id
from penstock.messages.strict_json import ABSENT, Strict, canonical, check, decode_object
from penstock.messages.wake import KIND

#: What a client may wait at most: as long as the dead letters are kept.
LONGEST_WAIT_S: Final = 31 * 24 * 3600

#: A deadline may lie this much further out, since a client's clock is not Pub/Sub's.
_CLOCK_SLACK_S: Final = 3600

#: Ids are also document ids: neither ".", ".." nor "__…__" can start with a letter or digit.
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_ID_RULE: Final = "must be 1 to {limit} characters of A-Z a-z 0-9 . _ : - starting with a letter or digit"
TENANT_LIMIT: Final = 64
REQUEST_ID_LIMIT: Final = 128

_METADATA_KEY: Final = re.compile(r"(?!__)[A-Za-z0-9_.-]{1,64}")
METADATA_LIMIT_BYTES: Final = 4096
_METADATA_TOO_LONG: Final = "must be at most 4096 bytes of JSON"

#: Who asks and until when is not what is asked: outside the payload digest.
_NOT_PAYLOAD: Final = frozenset({"request_id", "tenant", "deadline", "max_wait_s"})


class CacheMode(StrEnum):
    """Whether the exact-match cache may answer, and may keep the answer."""

    AUTO = "auto"
    USE = "use"
    REFRESH = "refresh"
    OFF = "off"
    #: As `use`; and where its route allows it, the answer of a similar question may stand (docs/similar.md).
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class Request:
    """One question, identified by (tenant, request_id).

    `messages` is the conversation in OpenAI's form, `prompt` already turned into one user message, and what
    says nothing left out (messages/dumps.py).
    `params` holds only what the client set. `model` is a route's alias, None for the default route.
    `payload_sha256` is the hex digest that decides a conflict (see `payload_digest`).
    """

    tenant: str
    request_id: str
    messages: tuple[Mapping[str, Any], ...]
    model: str | None
    params: Mapping[str, Any]
    cache: CacheMode
    deadline: datetime
    metadata: Mapping[str, str]
    payload_sha256: str
    #: Whether the client said itself until when it waits.
    names_deadline: bool = False
    #: Whom to tell when it has ended.
    callback: Addressee | None = None


def decode_request(envelope: Envelope, *, default_wait_s: float, member: bool = False) -> Request:
    """The request in a delivery. Raises BadMessage saying what to change, without any value in it.

    `default_wait_s`: seconds from publishing to the deadline where the client sets none.
    `member`: the attribute may name a member's id (messages/parent.py), which no client may give.
    A deadline that has passed is no fault of the message; the request then ends `deadline_exceeded`.
    """
    body = decode_object(envelope.data)
    asked = body | {"messages": without_nothing(body["messages"])} if "messages" in body else body
    check(_Body, asked)
    return Request(
        tenant=_tenant(envelope, body),
        request_id=_request_id(envelope, body, member),
        messages=_messages(asked),
        model=body.get("model"),
        params=body.get("params", {}),
        cache=CacheMode(body.get("cache", CacheMode.AUTO)),
        deadline=_deadline(envelope, body, default_wait_s),
        metadata=body.get("metadata", {}),
        payload_sha256=payload_digest(body),
        names_deadline="deadline" in body or "max_wait_s" in body,
        callback=Addressee.decode(body["callback"]) if "callback" in body else None,
    )


def payload_digest(body: Mapping[str, Any]) -> str:
    """Hex sha256 of what is asked: the body without request_id, tenant, deadline and max_wait_s.

    A client computes it in one line, to see that a result is for what it sent:
    `sha256(json.dumps({k: v for k, v in body.items() if k not in ("request_id", "tenant", "deadline",
    "max_wait_s")}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()`
    """
    payload = {name: value for name, value in body.items() if name not in _NOT_PAYLOAD}
    return hashlib.sha256(canonical(payload)).hexdigest()


def id_fault(text: str, limit: int) -> str | None:
    """What is wrong with a tenant or request_id of at most `limit` characters; None: nothing."""
    if len(text) <= limit and _ID.fullmatch(text):
        return None
    return _ID_RULE.format(limit=limit)


def _tenant(envelope: Envelope, body: Mapping[str, Any]) -> str:
    return agreed("tenant", body.get("tenant"), envelope, TENANT_LIMIT) or "default"


def _request_id(envelope: Envelope, body: Mapping[str, Any], member: bool) -> str:
    if member and is_member_id(envelope.attributes.get("request_id", "")):
        return envelope.attributes["request_id"]
    given = agreed("request_id", body.get("request_id"), envelope, REQUEST_ID_LIMIT)
    if given is not None:
        return given
    if _is_redrive(envelope):
        raise BadMessage("A redrive needs `request_id`, in its attributes or in the body.")
    if id_fault(envelope.message_id, REQUEST_ID_LIMIT):
        raise BadMessage("`request_id` is missing, and the Pub/Sub message id cannot stand in: set it.")
    return envelope.message_id


def agreed(name: str, in_body: str | None, envelope: Envelope, limit: int) -> str | None:
    """The id that body and attributes name, if any does; they must not differ."""
    in_attributes = envelope.attributes.get(name)
    if in_attributes is None:
        return in_body
    if fault := id_fault(in_attributes, limit):
        raise BadMessage(f"The attribute `{name}` {fault}.")
    if in_body not in (None, in_attributes):
        raise BadMessage(
            f"`{name}` differs between the body and the attributes: send one, or the same twice."
        )
    return in_attributes


def _is_redrive(envelope: Envelope) -> bool:
    return envelope.attributes.get(KIND) == "redrive"


def _messages(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    if "prompt" in body:
        return ({"role": "user", "content": body["prompt"]},)
    return tuple(body["messages"])


def _deadline(envelope: Envelope, body: Mapping[str, Any], default_wait_s: float) -> datetime:
    """When the client stops waiting, in UTC. A redrive's own deadline replaces the body's."""
    if _is_redrive(envelope) and "deadline" in envelope.attributes:
        text = envelope.attributes["deadline"]
        return _deadline_in(text, "The attribute `deadline`", envelope, LONGEST_WAIT_S)
    return end_of(envelope, body, default_wait_s, LONGEST_WAIT_S)


def end_of(envelope: Envelope, body: Mapping[str, Any], default_wait_s: float, longest_s: float) -> datetime:
    """The `deadline` or `max_wait_s` of a body, at most `longest_s` after publishing. Raises BadMessage."""
    if "deadline" in body:
        return _deadline_in(body["deadline"], "`deadline`", envelope, longest_s)
    return _after(envelope.published_at, body.get("max_wait_s", default_wait_s))


def _deadline_in(text: str, name: str, envelope: Envelope, longest_s: float) -> datetime:
    try:
        deadline = parse_time(text)
    except ValueError:
        # Not chained: datetime's own errors quote the text.
        raise BadMessage(
            f"{name} must be an RFC 3339 time with an offset, such as 2030-01-31T12:00:00Z."
        ) from None
    if deadline > _after(envelope.published_at, longest_s + _CLOCK_SLACK_S):
        raise BadMessage(f"{name} must lie at most {longest_s / 86_400:g} days after publishing.")
    return deadline


def _after(moment: datetime, seconds: float) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        raise BadMessage("The message's publish time is too late for a deadline: publish it again.") from None


# What the body may hold. The models only check; the request keeps the client's own objects.


def _few_keys(metadata: Any) -> Any:
    """Refuses early what is too long anyway: pydantic remembers every single fault."""
    if isinstance(metadata, dict) and len(metadata) > METADATA_LIMIT_BYTES:
        raise PydanticCustomError("rule", _METADATA_TOO_LONG)
    return metadata


def _metadata(metadata: dict[str, str]) -> dict[str, str]:
    for key in metadata:
        if not _METADATA_KEY.fullmatch(key):
            raise PydanticCustomError(
                "rule", "has a key that is not 1 to 64 characters of A-Z a-z 0-9 _ . - or starts with __"
            )
    if len(canonical(metadata)) > METADATA_LIMIT_BYTES:
        raise PydanticCustomError("rule", _METADATA_TOO_LONG)
    return metadata


#: What clients may hang on to a request or a run.
Metadata = Annotated[dict[str, str], BeforeValidator(_few_keys), AfterValidator(_metadata)]


def id_rule(limit: int) -> AfterValidator:
    """Checks a tenant or an id of at most `limit` characters."""

    def validate(text: str) -> str:
        if fault := id_fault(text, limit):
            raise PydanticCustomError("rule", "{fault}", {"fault": fault})
        return text

    return AfterValidator(validate)


class Question(Strict):
    """What is asked, and how: the part of a body that a run's step is a template of."""

    prompt: str = ABSENT
    messages: Annotated[list[Message], Field(min_length=1, fail_fast=True)] = ABSENT
    model: Annotated[str, Field(min_length=1, max_length=256)] = ABSENT
    params: Params = ABSENT
    cache: CacheMode = Field(default=ABSENT, strict=False)

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        given = self.model_fields_set
        if ("prompt" in given) == ("messages" in given):
            raise PydanticCustomError("rule", "must have exactly one of `prompt` and `messages`")
        if "prompt" in given and is_blank(self.prompt):
            raise PydanticCustomError("rule", "has an empty `prompt`: it must say something")
        return self


class _Body(Question):
    """The message data of a request."""

    request_id: Annotated[str, id_rule(REQUEST_ID_LIMIT)] = ABSENT
    tenant: Annotated[str, id_rule(TENANT_LIMIT)] = ABSENT
    deadline: str = ABSENT
    max_wait_s: Annotated[float, Field(gt=0, le=LONGEST_WAIT_S)] = ABSENT
    metadata: Metadata = ABSENT
    callback: CallbackBody = ABSENT

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if {"deadline", "max_wait_s"} <= self.model_fields_set:
            raise PydanticCustomError("rule", "may have `deadline` or `max_wait_s`, not both")
        return self
