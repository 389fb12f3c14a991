"""The calls of one delivery: ask, and after each failure do what targets/retry.py decides.

The order is what keeps the promise "paid at most once": the ledger's line lies in the store before
a call starts, and the lease is checked just before the socket (docs/design.md §3.4, §3.6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from penstock import log
from penstock.errors import BlobError, FailureClass, ProviderFailure, Reason, StoreError
from penstock.leases.holder import Holder
from penstock.messages.completion import Completion, Withheld
from penstock.messages.request import Request
from penstock.messages.result import Answer
from penstock.ports import Write
from penstock.requests import transitions
from penstock.requests.kept import stand_of, stranded
from penstock.requests.out import Out
from penstock.requests.queueing import next_at_once
from penstock.requests.record import NOT_CALLED, Record
from penstock.requests.seams import How, Reused, Second, seams_of, with_line
from penstock.services import Services
from penstock.targets.gate import GateRefusal
from penstock.targets.retry import MAX_TRIES, Again, Fail, NextTarget, Park, decide
from penstock.targets.routes import Target

#: Take-overs in a row without any saved outcome: a poisonous reply is not paid for ever (§3.6).
MAX_TAKEOVERS = 3


@dataclass(frozen=True, slots=True)
class Answered:
    """`target` gave `completion`."""

    completion: Completion
    target: Target
    #: What else is to be saved with it.
    also: Callable[[Record], Record] = field(default=lambda record: record)


@dataclass(frozen=True, slots=True)
class Refused:
    """It is over without an answer; `target` is None when nobody was asked."""

    fail: Fail
    target: Target | None
    #: What came with a refusal, and is paid.
    withheld: Completion | None = None


Outcome = Answered | Refused | Park | Out


class _NotNow(Exception):
    """The last look before the socket: since the call was decided on, it has become one too many."""


class Calls:
    """The provider calls of one delivery. `provider_ms` is the time spent inside them.

    `began` is when the delivery came, in monotonic seconds: claim and waiting are part of its time. `late`
    looks for an answer that a batch paid for; raises StoreError, BlobError. `elsewhere` looks for what a
    target has answered already that the request comes to after another one; it raises nothing.
    """

    def __init__(
        self, s: Services, holder: Holder[Record], request: Request, targets: tuple[Target, ...],
        began: float, late: Callable[[], Awaitable[Answer | None]] | None = None,
        elsewhere: Callable[[Target], Awaitable[Reused | None]] | None = None,
    ) -> None:  # fmt: skip
        self.provider_ms = 0
        self._s = s
        self._holder = holder
        self._request = request
        self._targets = targets
        self._late = late
        self._elsewhere = elsewhere
        #: The target that was asked after last in the cache; the claim has done that for the first one.
        self._looked_for = 0
        self._index = min(holder.record.target_index, len(targets) - 1)
        self.began = began
        self._budget_end = s.clock.monotonic() + s.timing.provider_budget_s
        self._cut_off_at = began + s.timing.self_cancel_s
        self._called = False
        self._quick = 0
        self._reloaded = False
        self._how: How | None = None
        #: The failure that no write has noted yet, how often and how long was asked under the ledger's open
        #: line, and the ambiguous tries with it.
        self._failure: ProviderFailure | None = None
        self._asked = 0
        self._asked_ms = 0
        self._tries = holder.record.tries

    async def run(self) -> Outcome | Answer | Reused:
        """Until an answer, its own or one paid for meanwhile, a refusal, or a reason to come back later.

        Raises FencedOut or StoreUnavailable: then nothing was called after the last ledger line.
        """
        outcome: Outcome | None = self._refusal()
        if outcome is None and not self._holder.record.has_open_line:
            await self._open_attempt()  # the claim left open whether it waits
        while outcome is None:
            target = self._targets[self._index]
            if self._must_pause(target):
                return Park(0)
            if (known := await self._known(target)) is not None:
                return known
            stop = await self._before(target)
            if isinstance(stop, Park) and stop.elsewhere and self._index + 1 < len(self._targets):
                await self._pass_over(stop, target)
                continue
            if stop is not None:
                return stop
            try:
                return await self._made(target)
            except _NotNow:
                return self._refusal() or Park(0)
            except ProviderFailure as failure:
                self._holder.calling = False
                outcome = await self._after(failure, target) or self._refusal()
        return outcome

    async def once(self, how: How | None = None) -> Answered | ProviderFailure | Park:
        """One call, under the ledger's open line; Park: it may not start now. `how`: where it is no chat."""
        self._how = how
        target = self._targets[0]
        if self._must_pause(target) or await self._before(target) is not None:
            return Park(0)
        try:
            made = await self._made(target)
        except _NotNow:
            return Park(0)
        except ProviderFailure as failure:
            self._holder.calling = False
            self._failure = failure
            return failure
        return made if isinstance(made, Answered) else Park(0)

    async def resumed(self) -> Outcome | None:
        """What the call has come to that its provider keeps; None: to nothing, and the next one may start.

        Raises FencedOut or StoreUnavailable.
        """
        stand, asked = await stand_of(self._s, self._holder, self._request)
        if isinstance(stand, ProviderFailure):
            return await self._ended_without(stand, asked)
        return stand if isinstance(stand, Out) else Answered(stand, self._s.routes.targets[asked])

    async def _ended_without(self, failure: ProviderFailure, asked: str) -> Outcome | None:
        """The call that was kept brought no answer; who may not wait any more is asked at once."""
        self._failure, self._asked, record = failure, 1, self._holder.record
        names = [target.name for target in self._targets]
        self._index = names.index(asked) if asked in names else self._index
        index = next_at_once(record._replace(target_index=self._index), self._targets, self._s.clock.now())
        if failure.kind is FailureClass.FINAL or index == self._index:
            if not self._targets:
                return self._refusal()
            return await self._after(failure, self._targets[self._index]) or self._refusal()
        self._tries += failure.kind is FailureClass.AMBIGUOUS
        self._index = index
        await self._open_attempt()
        return self._refusal()

    def noted(self, record: Record) -> Record:
        """`record` with what is known of its newest attempt: for the write that ends the delivery."""
        if self._failure is None:
            return record
        outcome = self._failure.kind.value if self._asked else NOT_CALLED
        known = record.with_outcome(outcome, self._failure.message, max(1, self._asked), self._asked_ms)
        return known._replace(tries=self._tries, response=None)

    def made(self, record: Record, outcome: str, message: str = "") -> Record:
        """`record` with the outcome of the call that was made last, and those before it under its line."""
        return record.with_outcome(outcome, message, max(1, self._asked), self._asked_ms)

    def more_than(self, target: str) -> bool:
        """Whether there is somebody to ask after `target`."""
        return any(other.name == target for other in self._targets[:-1])

    def next_rung(self, record: Record, after: str) -> tuple[Record, list[Write]]:
        """`record`, which keeps the answer of `after`, with the line of the call that comes now."""
        return self._line(record, self._targets[self._place(after) + 1], self._request)

    def line_of(self, record: Record, second: Second) -> tuple[Record, list[Write]]:
        """The same with that of its judge."""
        return self._line(record, second.target, second.request)

    def _line(self, record: Record, target: Target, request: Request) -> tuple[Record, list[Write]]:
        line = transitions.calling(record, target.name, self._s.clock.now())
        return with_line(self._s, request, line, target)

    async def not_yet(self, why: str) -> None:
        """The call of the ledger's open line waits for another one: the rooms hear that nothing was paid."""
        target, unpaid = self._targets[self._index], ProviderFailure(FailureClass.UNPAID, why)
        for seam in seams_of(self._s):
            await seam.after_call(self._s, self._holder, target, unpaid)

    def now(self, record: Record) -> tuple[Record, list[Write]]:
        """`record` with the line of the call that comes now."""
        return self._line(record, self._targets[self._index], self._request)

    def go_on(self, after: str) -> None:
        """That is written: `after`, and those before it, are asked no more."""
        self._targets = self._targets[self._place(after) + 1 :]
        self._index, self._quick = 0, 0
        self._failure, self._asked, self._asked_ms = None, 0, 0

    def _place(self, name: str) -> int:
        return [target.name for target in self._targets].index(name)

    def _refusal(self) -> Refused | None:
        """Why no call may start at all."""
        record = self._holder.record
        if not self._targets:
            message = "No route is left for this request, or it cannot be read any more; redrive it."
            return Refused(Fail(Reason.INTERNAL, message), None)
        if self._s.clock.now() >= record.deadline:
            message = f"The deadline passed before an answer came{self._last_answer()}"
            return Refused(Fail(Reason.DEADLINE_EXCEEDED, message), None)
        if self._tries >= MAX_TRIES:
            message = f"Gave up after {self._tries} tries that may have been paid{self._last_answer()}"
            return Refused(Fail(Reason.ATTEMPTS_EXHAUSTED, message), None)
        if record.takeovers >= MAX_TAKEOVERS:
            message = f"{record.takeovers} holders in a row disappeared without an outcome."
            return Refused(Fail(Reason.INTERNAL, message), None)
        return None

    def _last_answer(self) -> str:
        """The end of a sentence: what was answered last, or why nobody was even asked, if that is known."""
        record = self.noted(self._holder.record)
        known = record.last_answer
        told, how = (known.message, "last answer: ") if known is not None else (record.not_asked, "")
        return f"; {how}{told[:1].lower()}{told[1:]}" if told else "."

    def _must_pause(self, target: Target) -> bool:
        """Whether this delivery may start no call, though another one may."""
        now = self._s.clock.monotonic()
        # The first call always fits the budget: a route's timeout is never longer than the whole of it.
        spent = self._called and self._budget_end - now < target.timeout_s
        return self._s.draining.is_set() or spent or self._cut_off_at - now < target.timeout_s

    async def _before(self, target: Target) -> Outcome | Answer | None:
        """Why no further call is needed, or a room that is switched on lets none start."""
        try:
            late = self._late if self._called else None  # before the first one the delivery has looked
            if late is not None and (answer := await late()) is not None:
                return answer
            for seam in seams_of(self._s):
                stop = await seam.before_call(self._s, self._holder, target)
                if stop is not None:
                    return Refused(stop, target) if isinstance(stop, Fail) else stop
        except (StoreError, BlobError):
            return Park(self._s.timing.park_min_s)
        return None

    async def _known(self, target: Target) -> Reused | None:
        """What `target` has answered somebody else, looked for once when the request comes to it."""
        if self._elsewhere is None or self._index == self._looked_for:
            return None
        self._looked_for = self._index
        return await self._elsewhere(target)

    async def _made(self, target: Target) -> Answered | Out:
        """Call, and tell the rooms what came. Until they have seen it, a cut-off is of unknown outcome; so is
        one before it is written that the provider keeps the call."""
        try:
            completion = await self._call(target)
        except ProviderFailure as failure:
            for seam in seams_of(self._s):
                await seam.after_call(self._s, self._holder, target, failure)
            raise
        if isinstance(completion, Out):
            return completion
        for seam in seams_of(self._s):
            await seam.after_call(self._s, self._holder, target, completion)
        self._holder.calling = False
        return Answered(completion, target)

    async def _call(self, target: Target) -> Completion | Out:
        self._called = True
        started = self._s.clock.monotonic()
        outcome = "cancelled"
        try:
            async with self._s.gates[target.name].call() as passage:
                # Over already: somebody else may have taken our flight by now, and asks our question.
                if self._holder.remaining_s() <= 0:
                    raise _NotNow
                await self._holder.ensure(self._s.timing.lease_reserve_s)
                # The queue before the gate, a renewal, a machine that slept: time has passed.
                for seam in seams_of(self._s):
                    seam.at_socket(self._s, self._holder, target)
                if self._s.draining.is_set() or self._refusal() is not None:
                    raise _NotNow
                self._holder.calling = True
                self._asked += 1
                if target.lane == "background":
                    return await self._begun(target)
                completion = await self._asked_now(target)
                passage.queued_s = completion.queued_s
            outcome = "ok"
            return completion
        except ProviderFailure as failure:
            outcome = "not_called" if isinstance(failure, GateRefusal) else failure.kind.value
            raise
        except _NotNow:
            outcome = "not_called"
            raise
        finally:
            spent = round((self._s.clock.monotonic() - started) * 1000)
            self.provider_ms += spent
            self._asked_ms += spent
            log.event(
                "provider.called",
                f"{target.name} answered: {outcome}.",
                provider=target.provider,
                model=target.model,
                target=target.name,
                outcome=outcome,
                ms=spent,
                tenant=self._request.tenant,
                request_id=self._request.request_id,
            )

    async def _asked_now(self, target: Target) -> Completion:
        if self._how is not None:
            return await self._how(target.timeout_s)
        provider = self._s.providers[target.name]
        return await provider.complete(self._asked_of(target), timeout_s=target.timeout_s)

    async def _begun(self, target: Target) -> Out:
        for seam in seams_of(self._s):
            out = await seam.begin(self._s, self._holder, self._asked_of(target), target)
            if out is not None:
                return out
        raise stranded()

    def _asked_of(self, target: Target) -> Request:
        """The request as `target` is asked: the record keeps it as it came."""
        return replace(self._request, params=target.effective(self._request.params))

    async def _after(self, failure: ProviderFailure, target: Target) -> Outcome | None:
        """What a failure leads to; None: ask again, everything is written that must be."""
        if self._failure is None or not isinstance(failure, GateRefusal):
            self._failure = failure  # what the gate says after a real answer is no news
        if await self._key_was_renewed(failure, target):
            return None
        record = self._holder.record
        self._tries += failure.kind is FailureClass.AMBIGUOUS
        decision = decide(
            failure,
            tries=self._tries,
            quick=self._quick,
            parks=record.parks,
            same=record.in_a_row(failure.message),
            remaining_s=(record.deadline - self._s.clock.now()).total_seconds(),
            asked=self._index + 1,
            more_targets=self._index + 1 < len(self._targets),
            jitter=self._s.jitter(),
            resting=isinstance(failure, GateRefusal) and failure.resting,
            timing=self._s.timing,
        )
        match decision:
            case Again(wait_s):
                await asyncio.sleep(wait_s)
                if failure.kind is FailureClass.UNPAID and self._holder.record.response is None:
                    self._quick += 1  # nothing was paid: the attempt's line still stands
                else:
                    await self._open_attempt()
                return None
            case NextTarget():
                self._index += 1
                await self._open_attempt()
                return None
            case Fail() as fail:
                return Refused(fail, target, failure.completion if isinstance(failure, Withheld) else None)
            case Park() as park:
                return park

    async def _pass_over(self, stop: Park, target: Target) -> None:
        """The next target is asked at once, as after a failure that was not paid."""
        self._failure = self._failure or ProviderFailure(FailureClass.UNPAID, stop.why)
        for seam in seams_of(self._s):
            await seam.after_call(self._s, self._holder, target, self._failure)
        self._index += 1
        await self._open_attempt()

    async def _open_attempt(self) -> None:
        """The ledger is written before the next try (§3.6)."""
        target = self._targets[self._index]
        now = self._s.clock.now()

        def next_line(record: Record) -> tuple[Record, list[Write]]:
            line = transitions.calling(self.noted(record), target.name, now)
            return with_line(self._s, self._request, line._replace(target_index=self._index), target)

        await self._holder.write_with(next_line)
        self._failure, self._asked, self._asked_ms = None, 0, 0

    async def _key_was_renewed(self, failure: ProviderFailure, target: Target) -> bool:
        """After a 401 or 403 the key is fetched once more, and when it is another one, tried once more."""
        if failure.status not in (401, 403) or self._reloaded:
            return False
        self._reloaded = True
        return await self._s.providers[target.name].reload_key()
