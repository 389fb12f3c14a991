"""Every error that Penstock raises on purpose, in one tree.

PenstockError
├── SettingsError            the environment is wrong; names every fault
├── NotAPush                 an HTTP request that is no Pub/Sub push (400)
├── BadMessage               a delivery that cannot become a request (dead letter, acked)
├── ProviderFailure          a provider did not answer; carries its failure class
├── StoreError
│   ├── AlreadyExists        a create() found the document there
│   ├── PreconditionFailed   an update's version is not the document's any more
│   ├── WriteRefused         the store will never take this write (too large, invalid)
│   └── StoreUnavailable     nothing is known about the outcome
├── PublishFailed            the bus did not confirm a publish
├── BlobError
│   ├── BlobMissing          there is no such blob
│   └── BlobUnavailable      the blob store did not answer
├── FeedError                what is named as a feed cannot be fetched, or is none
├── BillError                a provider's figures cannot be had, or cannot be compared with ours
├── SecretError              a provider key could not be fetched
│   └── SecretUnavailable    its keeper did not answer: asking again may help
├── NotDelivered             an endpoint gave no answer to a callback
└── FencedOut                somebody else holds the request now; what we know must not be written
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a request or a message failed for good: the closed set of docs/design.md §2.4."""

    #: The message cannot become a request.
    MALFORMED = "malformed"
    #: Another payload already owns this (tenant, request_id).
    CONFLICT = "conflict"
    #: The provider's content filter refused the question or the answer.
    CONTENT_REFUSED = "content_refused"
    #: The provider answered that the request itself is wrong (400, 404, 422, …).
    PROVIDER_REJECTED = "provider_rejected"
    #: Every allowed try ended in an ambiguous or paid failure.
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    #: The client's deadline passed before an answer was there.
    DEADLINE_EXCEEDED = "deadline_exceeded"
    #: Penstock itself failed on this request, three take-overs in a row or on a broken document.
    INTERNAL = "internal"
    #: A budget lets no further call start, or none as dear as this one: not paid.
    BUDGET_EXHAUSTED = "budget_exhausted"
    #: The run that asked had ended before this was called: not paid, and no dead letter.
    CANCELLED = "cancelled"
    #: Pub/Sub gave up delivering: a copy made by its own dead-letter policy.
    UNDELIVERABLE = "undeliverable"
    #: Nobody took a callback in three days; the result itself is there.
    CALLBACK_UNDELIVERABLE = "callback_undeliverable"

    @property
    def shared(self) -> bool:
        """Whether the followers of a flight share this failure (docs/design.md §3.5)."""
        return self in (Reason.CONTENT_REFUSED, Reason.PROVIDER_REJECTED)

    @property
    def retriable(self) -> bool:
        """Whether a redrive or a new request_id may well succeed (docs/design.md §2.2)."""
        return self in _RETRIABLE


_RETRIABLE = frozenset(
    {Reason.ATTEMPTS_EXHAUSTED, Reason.DEADLINE_EXCEEDED, Reason.INTERNAL, Reason.BUDGET_EXHAUSTED}
)


class FailureClass(StrEnum):
    """What a failed provider call means for the bill: docs/design.md §3.6."""

    #: Surely not paid (429, 503, connection refused): try again, without a count, until the deadline.
    UNPAID = "unpaid"
    #: Perhaps or surely paid (timeout, reset, 500, garbage): counted in the ledger, tried a few times.
    AMBIGUOUS = "ambiguous"
    #: Asking again cannot help (other 4xx, content filter).
    FINAL = "final"


class PenstockError(Exception):
    """Base of everything raised on purpose."""


class SettingsError(PenstockError):
    """The environment does not describe a system that can run; `faults` names every reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("Penstock cannot start:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults = faults


class NotAPush(PenstockError):
    """The HTTP request is neither a wrapped Pub/Sub push nor a CloudEvent that carries one."""


class BadMessage(PenstockError):
    """A delivery cannot become a request; `str(error)` says what the client has to change.

    `tenant` and `request_id` are the request's where they are known to be ids, else empty.
    """

    def __init__(
        self, message: str, reason: Reason = Reason.MALFORMED, *, tenant: str = "", request_id: str = ""
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.tenant = tenant
        self.request_id = request_id


class ProviderFailure(PenstockError):
    """A provider call ended without a usable answer.

    `message` is fit for logs and results: it never holds a key, a prompt or a completion.
    `retry_after_s` is what the provider asked for, in seconds, already parsed; None: it asked nothing.
    `status` is the HTTP status, where there was one, or the one that the error's own words stand for: after
    401 and 403 the key is fetched once more.
    On a failure that is not final, `reason` says what the request would end with.
    `enough`: a reply that cannot be read; so many of the same in a row, and no further one is bought.
    """

    def __init__(
        self,
        kind: FailureClass,
        message: str,
        *,
        reason: Reason = Reason.PROVIDER_REJECTED,
        retry_after_s: float | None = None,
        status: int | None = None,
        enough: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.status = status
        self.enough = enough


class StoreError(PenstockError):
    """Something about a read or a commit of the document store."""


class AlreadyExists(StoreError):
    """A create() in the batch found its document there; nothing of the batch was written."""


class PreconditionFailed(StoreError):
    """An update's version was not the document's version; nothing of the batch was written."""


class WriteRefused(StoreError):
    """The store will never take this batch as it is (a value too large, an invalid field)."""


class StoreUnavailable(StoreError):
    """No answer in time, or a transport error: a commit may or may not have landed."""


class PublishFailed(PenstockError):
    """The bus did not confirm a publish; the message may or may not have been taken."""


class LettersOutOfReach(PenstockError):
    """The dead letters' subscription is not there, or not for us; the sentence says what to do."""


class NotLetIn(PenstockError):
    """Nobody whom we believe says who came to the console; the sentence is fit for them."""


class BlobError(PenstockError):
    """Something about the blob store."""


class BlobMissing(BlobError):
    """There is no blob of that name or generation."""


class BlobUnavailable(BlobError):
    """The blob store did not answer in time, or refused."""


class FeedError(PenstockError):
    """What is named as a feed cannot be fetched, or is none; its text is for a person."""


class BillError(PenstockError):
    """A provider's figures cannot be had, or cannot be compared with ours; its text is for a person, and
    never holds a key."""


class SecretError(PenstockError):
    """A provider key could not be fetched; `str(error)` names the secret, never its value."""


class SecretUnavailable(SecretError):
    """The keeper of a key did not answer, or not now; the next try may succeed."""


class NotDelivered(PenstockError):
    """An endpoint gave no answer to a callback, which may have arrived all the same; `str(error)` is fit for
    logs: it names no address."""


class FencedOut(PenstockError):
    """Somebody else holds the request by now: nothing more may be written in its name."""
