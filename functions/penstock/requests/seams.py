"""The seams: where another room adds something to a request's life, each in one place of the core.

A room hands a Seam to the Services of its instances while it is switched on. What a seam reads and writes is
struck by the fault matrix as the core's own steps are (tests/chaos/matrix.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.errors import BadMessage, ProviderFailure
from penstock.leases.holder import Holder
from penstock.messages.addressee import Addressee
from penstock.messages.completion import Completion
from penstock.messages.envelope import Envelope
from penstock.messages.request import Request
from penstock.messages.result import Answer, Failure
from penstock.ports import Write
from penstock.requests.incoming import Incoming
from penstock.requests.out import Out
from penstock.requests.record import Record
from penstock.services import Services
from penstock.targets.retry import Fail, Park
from penstock.targets.routes import Target

if TYPE_CHECKING:
    from penstock.requests.beside import Beside


@dataclass(frozen=True, slots=True)
class Reused:
    """An answer of another question, which stands for this one's: `cache` is what the result says of it, and
    `also` adds to the record what else is saved with it. Nobody inherits it."""

    answer: Answer
    cache: str
    also: Callable[[Record], Record]


#: One call within so many seconds. Raises ProviderFailure.
How = Callable[[float], Awaitable[Completion]]


@dataclass(frozen=True, slots=True)
class Second:
    """Somebody who is asked beside the request's own call: whom, and what; `why_not`, of a judge: why what it
    says is against an answer, None where it is not; `how`, of who is no model that chats."""

    target: Target
    request: Request
    why_not: Callable[[Mapping[str, Any]], str | None] = lambda completion: None
    how: How | None = None


class Seam:
    """What a room adds; by default nothing. Its writes land exactly as often as those that they lie with."""

    def plan(self, s: Services, incoming: Incoming) -> Incoming:
        """Before the claim: who is asked, and in which order. It must not raise, and reads nothing."""
        return incoming

    async def admits(self, s: Services, envelope: Envelope) -> bool:
        """Whether a member's message is this room's own. Raises BadMessage where it only says so;
        StoreError: then it comes again."""
        return False

    async def calls_back(self, s: Services, tenant: str, callback: Addressee) -> bool:
        """Whether this room tells `callback` when a request or a run of `tenant` has ended. Raises BadMessage
        where it cannot be told; StoreError: then the message comes again."""
        return False

    def beside_claim(self, s: Services, incoming: Incoming) -> None:
        """Begin what may be under way while the claim is, as the pause is read. It must not raise, and
        whoever needs it waits for it in `before_call`."""

    def pile_of(self, s: Services, record: Record, target: Target) -> str | None:
        """The pile that `record` joins for `target`, whose lane waits; None: not of this room. Pure."""
        return None

    def with_queue(self, s: Services, record: Record) -> Sequence[Write]:
        """Writes in the batch that puts `record` in its pile."""
        return ()

    def queued(self, s: Services, record: Record) -> None:
        """That batch has landed. It must not raise."""

    def before_batch(self, s: Services) -> None:
        """A delivery about a pile or a batch begins. It must not raise."""

    async def before_sending(
        self, s: Services, record: Record, target: Target, batch: str
    ) -> Park | Fail | None:
        """As `before_call`, of a request that nobody holds and that `batch` is about to take; a stamp that is
        tried again asks again. Raises StoreError, BlobError."""
        return None

    def with_stamp(self, s: Services, record: Record, batch: str) -> tuple[Record, Sequence[Write]]:
        """`record` as it is stamped for `batch`, which it was asked about before, and writes that lie with
        it. It must not raise."""
        return record, ()

    async def sealed(self, s: Services, batch: str, stamped: Collection[str] | None) -> None:
        """This delivery stamps nobody for `batch` any more. `stamped`: the paths of its members; None: nobody
        can tell who else became one. It must not raise."""

    async def may_be_sent(self, s: Services, record: Record, request: Request, target: Target) -> bool:
        """The last look at a member before its line lies in the file of a create; who may not go back to the
        pile. Raises StoreError."""
        return True

    def after_line(
        self, s: Services, record: Record, target: Target, outcome: Completion | ProviderFailure
    ) -> Record:
        """`record`, which is out in a batch, once its own line has been read: that is `outcome`. Pure."""
        return record

    def given_back(self, s: Services, record: Record, outcome: str) -> tuple[Record, Sequence[Write]]:
        """`record` as it is written when it is out no more, and waits again: what its ledger's line says is
        `outcome`; and writes that lie with it. Pure."""
        return record, ()

    def with_claim(self, s: Services, incoming: Incoming, record: Record) -> Sequence[Write]:
        """Writes in the batch that leases `record`."""
        return ()

    def with_line(
        self, s: Services, request: Request, record: Record, target: Target
    ) -> tuple[Record, Sequence[Write]]:
        """`record` as it is written with the ledger's new line, of a call to `target`, and writes that lie
        with it: at the claim, and before each further call that may be paid. A claim that looks again asks
        again. It must not raise."""
        return record, ()

    async def touches(self, s: Services, record: Record, target: Target) -> bool:
        """Whether a call of `record` to `target` may be held back, or counts, here. Raises StoreError."""
        return False

    def unclaimed(self, owner: str, *, sure: bool) -> None:
        """The delivery `owner` leaves its claim without a lease; `sure`: nothing that it wrote can land any
        more. It must not raise."""

    async def instead(
        self, s: Services, holder: Holder[Record], incoming: Incoming, beside: Beside
    ) -> Reused | None:
        """An answer in place of the calls that begin now; None: they begin. Raises FencedOut,
        StoreUnavailable of its own ledger lines alone: what else goes wrong is no answer."""
        return None

    async def begin(
        self, s: Services, holder: Holder[Record], request: Request, target: Target
    ) -> Out | None:
        """Begin a call that the provider keeps; None: not of this room. Raises ProviderFailure."""
        return None

    async def ask_after(
        self, s: Services, record: Record, request: Request, target: Target
    ) -> Out | Completion | ProviderFailure | None:
        """How the call `record.response` stands; None: not of this room. It raises nothing."""
        return None

    async def let_go(
        self, s: Services, response: str, request: Request, target: Target, *, ended: bool
    ) -> None:
        """Nobody asks after the call `response` any more. It must not raise."""

    async def before_call(self, s: Services, holder: Holder[Record], target: Target) -> Park | Fail | None:
        """A step before each call to `target`; None: call. What is parked was not called, and not paid.

        Raises FencedOut; StoreError, BlobError: then it is put aside for a while.
        """
        return None

    def at_socket(self, s: Services, holder: Holder[Record], target: Target) -> None:
        """The last look before a call to `target`: time has passed since `before_call`. Raises GateRefusal
        where it may not go now, and nothing else."""

    async def after_call(
        self, s: Services, holder: Holder[Record], target: Target, outcome: Completion | ProviderFailure
    ) -> None:
        """A step after each call. Raises ProviderFailure to refuse an answer, which is then a failure like
        any other, and nothing else: what is paid for waits to be saved."""

    def weigh(self, s: Services, request: Request, target: str, completion: Mapping[str, Any]) -> str | None:
        """Why the answer of `target` does not stand, so that the next one is asked: a sentence without a word
        of it. None: it stands, or is not of this room. It must not raise."""
        return None

    def second(
        self, s: Services, request: Request, target: str, completion: Mapping[str, Any]
    ) -> Second | None:
        """Who else is to be asked whether that answer, against which nothing speaks, stands. It must not
        raise."""
        return None

    def put_aside(
        self, s: Services, holder: Holder[Record], record: Record
    ) -> tuple[Record, Sequence[Write]]:
        """`record` as it is written when it is put aside without an outcome, and writes that lie with it."""
        return record, ()

    def at_save(self, s: Services, holder: Holder[Record], record: Record) -> Record:
        """`record` as it is written with its result, which a store may refuse: then it is asked again."""
        return record

    def without_holder(self, s: Services, record: Record) -> Record:
        """As `at_save`, where nobody holds `record`: it is answered by another's call, or by its batch."""
        return record

    def ended(self, s: Services, holder: Holder[Record]) -> None:
        """The work of a delivery is over, and what it last wrote is `holder.record`. It must not raise."""

    def with_save(self, s: Services, record: Record, outcome: Answer | Failure) -> Sequence[Write]:
        """Writes in the batch that makes `outcome` the result of `record`, an answer of its own call or the
        end of its tries; what the cache or a leader answers needed no call, and no holder."""
        return ()

    def with_confirmation(self, s: Services, record: Record) -> Sequence[Write]:
        """Writes in the batch that confirms the result of `record`."""
        return ()

    async def after_confirmation(self, s: Services, record: Record) -> None:
        """A step after each delivery of the result of `record`, whoever confirmed it. Raises PublishFailed,
        StoreError: then it comes again."""

    def before_response(self) -> None:
        """A delivery of the response topic begins. It must not raise."""

    async def after_response(self, s: Services, confirmed: Record | None) -> None:
        """That delivery ends. `confirmed`: what it, and nobody before it, confirmed, as it was until then,
        with the time of it. It must not raise, and the delivery's end waits for it."""

    def at_the_end(self) -> None:
        """SIGTERM came: what is neither durable nor under way goes out now. It must not raise."""

    def close(self) -> None:
        """The end of a process: stop what was begun beside a delivery."""


async def check_callback(s: Services, tenant: str, callback: Addressee | None) -> None:
    """Raises BadMessage where nobody would ever tell `callback`; StoreError."""
    if callback is None:
        return
    for seam in seams_of(s):
        if await seam.calls_back(s, tenant, callback):
            return
    raise BadMessage("This deployment has callbacks switched off: switch them on, or leave `callback` out.")


def seams_of(s: Services) -> tuple[Seam, ...]:
    """What the rooms that are switched on add, in the order of the rooms."""
    return s.seams


def with_line(s: Services, request: Request, record: Record, target: Target) -> tuple[Record, list[Write]]:
    """What every room adds to the ledger's new line."""
    writes: list[Write] = []
    for seam in seams_of(s):
        record, more = seam.with_line(s, request, record, target)
        writes += more
    return record, writes


def with_stamp(s: Services, record: Record, batch: str) -> tuple[Record, list[Write]]:
    """What every room adds to the stamp of a batch's member."""
    writes: list[Write] = []
    for seam in seams_of(s):
        record, more = seam.with_stamp(s, record, batch)
        writes += more
    return record, writes


def after_line(s: Services, record: Record, target: Target, outcome: Completion | ProviderFailure) -> Record:
    """What every room makes of a record whose batch's line has been read."""
    for seam in seams_of(s):
        record = seam.after_line(s, record, target, outcome)
    return record


def given_back(s: Services, record: Record, outcome: str) -> tuple[Record, list[Write]]:
    """What every room adds to a record that is out in a batch no more."""
    writes: list[Write] = []
    for seam in seams_of(s):
        record, more = seam.given_back(s, record, outcome)
        writes += more
    return record, writes


def put_aside(s: Services, holder: Holder[Record], record: Record) -> tuple[Record, list[Write]]:
    """What every room adds to a record that is put aside."""
    writes: list[Write] = []
    for seam in seams_of(s):
        record, more = seam.put_aside(s, holder, record)
        writes += more
    return record, writes


def at_save(s: Services, holder: Holder[Record], record: Record) -> Record:
    """What every room adds to a record with its result."""
    for seam in seams_of(s):
        record = seam.at_save(s, holder, record)
    return record


def without_holder(s: Services, record: Record) -> Record:
    """What every room adds to a record whose result no holder writes."""
    for seam in seams_of(s):
        record = seam.without_holder(s, record)
    return record
