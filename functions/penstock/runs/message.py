"""What travels on the topic of runs: a client's run, and the operator's word to one (docs/runs.md)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from penstock.errors import BadMessage
from penstock.messages.addressee import Addressee, CallbackBody
from penstock.messages.completion import BlobRef
from penstock.messages.envelope import Envelope
from penstock.messages.request import TENANT_LIMIT, Metadata, agreed, end_of, id_fault, id_rule
from penstock.messages.strict_json import ABSENT, Strict, canonical, check, decode_object
from penstock.messages.wake import KIND
from penstock.money.limits import NANO
from penstock.runs.definition import Definition
from penstock.runs.rows import LINE_LIMIT
from penstock.runs.schema import Pipeline

RUN_ID_LIMIT: Final = 64
#: Items that a message carries itself; more lie in the bucket.
INLINE_ITEMS: Final = 1_000
LONGEST_RUN_S: Final = 14 * 24 * 3600
MAX_IN_FLIGHT: Final = 2_000
#: The most that may be asked for: Firestore takes some 10,000 writes a second without a word with Google.
_MAX_IN_FLIGHT_LIMIT: Final = 100_000
#: US dollars: above this a budget is a slip of the hand.
BUDGET_LIMIT: Final = 10_000_000

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NOT_PAYLOAD: Final = frozenset({"run_id", "tenant", "deadline", "max_wait_s"})


class Verb(StrEnum):
    """What the operator says to a run: the kind of the message (messages/wake.py)."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    #: Under the next generation, which the message names.
    REDRIVE = "redrive"


@dataclass(frozen=True, slots=True)
class Named:
    """A pipeline in the bucket, by its name and the hash of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Ordered:
    """A run as it was asked for. Exactly one of `items` and `items_ref` is there."""

    tenant: str
    run_id: str
    #: The definition's own object, or where it lies.
    pipeline: Mapping[str, Any] | Named
    items: tuple[Any, ...] | None
    items_ref: BlobRef | None
    deadline: datetime
    max_in_flight: int
    metadata: Mapping[str, str]
    payload_sha256: str
    callback: Addressee | None = None
    #: What it may spend, in nano-dollars; None: as much as it takes.
    budget_nano: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A verb to a run that is there. `generation`: which one a redrive begins; `budget_nano`: what it may
    spend from a resume on, in nano-dollars, if that is more than before."""

    verb: Verb
    tenant: str
    run_id: str
    generation: int = 0
    budget_nano: int | None = None

    def encode(self) -> dict[str, str]:
        """The message's attributes; its data is empty."""
        named = {KIND: str(self.verb), "tenant": self.tenant, "run_id": self.run_id}
        if self.verb is Verb.REDRIVE:
            return named | {"generation": str(self.generation)}
        if self.budget_nano is not None:
            return named | {"budget_usd": f"{Decimal(self.budget_nano) / NANO:f}"}
        return named

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Told | None:
        """None: the message is none of these. Raises BadMessage."""
        if attributes.get(KIND) not in set(Verb):
            return None
        tenant, run_id = attributes.get("tenant", "default"), attributes.get("run_id", "")
        if id_fault(tenant, TENANT_LIMIT) or id_fault(run_id, RUN_ID_LIMIT):
            raise BadMessage("A verb to a run needs its attributes tenant and run_id.")
        verb = Verb(attributes[KIND])
        generation = attributes.get("generation", "")
        if verb is Verb.REDRIVE and not (generation.isdecimal() and 1 <= int(generation[:6]) < 10_000):
            raise BadMessage("A run's redrive needs the attribute generation, a whole number from 1.")
        budget = _budget(attributes) if verb is Verb.RESUME else None
        return cls(verb, tenant, run_id, int(generation) if verb is Verb.REDRIVE else 0, budget)


def nano_of(usd: float | str | Decimal) -> int:
    """Whole nano-dollars, through the digits that are written. Raises ValueError where it is no budget."""
    try:
        amount = Decimal(str(usd))
    except InvalidOperation:
        raise ValueError(usd) from None
    if not amount.is_finite() or not 0 < amount <= BUDGET_LIMIT:
        raise ValueError(usd)
    return max(1, int(amount * NANO))


def _budget(attributes: Mapping[str, str]) -> int | None:
    if "budget_usd" not in attributes:
        return None
    try:
        return nano_of(attributes["budget_usd"])
    except ValueError:
        message = f"A resume's attribute budget_usd must be above 0 and at most {BUDGET_LIMIT}, in dollars."
        raise BadMessage(message) from None


def decode_run(envelope: Envelope, *, default_wait_s: float) -> Ordered:
    """The run in a delivery, with every fault that the message itself can show. Raises BadMessage.

    `default_wait_s`: seconds from publishing to the deadline where the client sets none.
    """
    body = decode_object(envelope.data)
    check(_Body, body)
    if "run_id" not in body and "run_id" not in envelope.attributes:
        raise BadMessage("`run_id` is missing: name the run, so that asking twice is asking once.")
    tenant = agreed("tenant", body.get("tenant"), envelope, TENANT_LIMIT) or "default"
    run_id = agreed("run_id", body.get("run_id"), envelope, RUN_ID_LIMIT) or ""
    payload = {name: value for name, value in body.items() if name not in _NOT_PAYLOAD}
    return Ordered(
        tenant=tenant,
        run_id=run_id,
        pipeline=_pipeline(body["pipeline"]),
        items=tuple(body["items"]) if "items" in body else None,
        items_ref=_items_ref(body["items_ref"], tenant) if "items_ref" in body else None,
        deadline=end_of(envelope, body, default_wait_s, LONGEST_RUN_S),
        max_in_flight=body.get("max_in_flight", MAX_IN_FLIGHT),
        metadata=body.get("metadata", {}),
        payload_sha256=hashlib.sha256(canonical(payload)).hexdigest(),
        callback=Addressee.decode(body["callback"]) if "callback" in body else None,
        budget_nano=nano_of(body["budget_usd"]) if "budget_usd" in body else None,
    )


def _pipeline(body: Mapping[str, Any]) -> Mapping[str, Any] | Named:
    if "name" in body or "sha256" in body:
        named = check(_ByName, {"pipeline": body}).pipeline
        return Named(named.name, named.sha256)
    check(_Inline, {"pipeline": body})
    try:
        Definition.of(body)
    except BadMessage as error:
        raise BadMessage(str(error).replace("`steps", "`pipeline.steps")) from None
    return body


def _items_ref(body: Mapping[str, Any], tenant: str) -> BlobRef:
    ref = BlobRef.decode(body)
    if f"/tenants/{tenant}/runs/" not in ref.uri or ".." in ref.uri:
        raise BadMessage(f"`items_ref.uri` must lie below tenants/{tenant}/runs/ in Penstock's bucket.")
    return ref


def _small(items: list[Any]) -> list[Any]:
    for number, item in enumerate(items):
        if not isinstance(item, str | dict) or not item:
            raise PydanticCustomError("rule", "has at {n} no object with fields and no text", {"n": number})
        if len(canonical(item)) > LINE_LIMIT:
            raise PydanticCustomError(
                "rule",
                "has at {n} an item of over {limit} bytes: split it",
                {"n": number, "limit": LINE_LIMIT},
            )
    return items


def _digest(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise PydanticCustomError("rule", "must be 64 hexadecimal digits, in lower case")
    return text


Digest = Annotated[str, AfterValidator(_digest)]


class _Named(Strict):
    name: Annotated[str, id_rule(64)]
    sha256: Digest


class _ByName(Strict):
    """The place of a pipeline's name, for its faults."""

    pipeline: _Named


class _Inline(Strict):
    """The place of a definition, for its faults."""

    pipeline: Pipeline


class _Ref(Strict):
    uri: Annotated[str, Field(min_length=1, max_length=1024)]
    generation: Annotated[int, Field(ge=0)]
    sha256: Digest


class _Body(Strict):
    """The message data of a run."""

    run_id: Annotated[str, id_rule(RUN_ID_LIMIT)] = ABSENT
    tenant: Annotated[str, id_rule(TENANT_LIMIT)] = ABSENT
    pipeline: dict[str, Any]
    items: Annotated[
        list[Any], Field(min_length=1, max_length=INLINE_ITEMS), AfterValidator(_small)
    ] = ABSENT  # fmt: skip
    items_ref: _Ref = ABSENT
    deadline: str = ABSENT
    max_wait_s: Annotated[float, Field(gt=0, le=LONGEST_RUN_S)] = ABSENT
    max_in_flight: Annotated[int, Field(ge=1, le=_MAX_IN_FLIGHT_LIMIT)] = ABSENT
    budget_usd: Annotated[float, Field(gt=0, le=BUDGET_LIMIT)] = ABSENT
    metadata: Metadata = ABSENT
    callback: CallbackBody = ABSENT

    @model_validator(mode="after")
    def _one_end_and_one_source(self) -> _Body:
        given = self.model_fields_set
        if ("items" in given) == ("items_ref" in given):
            raise PydanticCustomError("rule", "must have exactly one of `items` and `items_ref`")
        if {"deadline", "max_wait_s"} <= given:
            raise PydanticCustomError("rule", "may have `deadline` or `max_wait_s`, not both")
        return self
