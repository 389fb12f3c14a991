"""Where calls that a provider keeps touch a request's life: begun, asked after, called back, let go.

Nobody waits for one: its name stands in the request's document, and each wake asks how it stands. A create of
unknown outcome cannot be looked for, so it counts as a call that may have been paid, as any other.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock import log
from penstock.errors import FailureClass, ProviderFailure, Reason
from penstock.later import Kept, Stand
from penstock.leases.holder import Holder
from penstock.messages.completion import Completion
from penstock.messages.request import Request
from penstock.requests.out import Out
from penstock.requests.record import Record
from penstock.requests.seams import Seam
from penstock.services import Services
from penstock.targets.routes import Target


class Background(Seam):
    """The targets whose lane is background."""

    async def begin(
        self, s: Services, holder: Holder[Record], request: Request, target: Target
    ) -> Out | None:
        record = holder.record
        mark = {"write": record.write_id}  # tells a person at the provider whose it is, and nothing else
        kept = await s.laters[target.name].begin(request, mark, timeout_s=target.timeout_s)
        return self._out(s, record, kept.name)

    async def ask_after(
        self, s: Services, record: Record, request: Request, target: Target
    ) -> Out | Completion | ProviderFailure | None:
        name, later = record.response or "", s.laters[target.name]
        try:
            stand: Stand = await later.look(name, request, timeout_s=s.timing.kept_ask_s)
            if isinstance(stand, Kept) and s.clock.now() >= _until(record):
                log.warning("request.called_back", "Called back: its time is up.", **record.ids())
                stand = await later.cancel(name, request, timeout_s=s.timing.kept_ask_s)
        except ProviderFailure as failure:
            return await self._unreachable(s, record, target, failure)
        return self._out(s, record, name) if isinstance(stand, Kept) else stand

    async def let_go(
        self, s: Services, response: str, request: Request, target: Target, *, ended: bool
    ) -> None:
        later, wait_s = s.laters[target.name], s.timing.kept_ask_s
        try:
            if not ended:
                await later.cancel(response, request, timeout_s=wait_s)
            await later.delete(response, timeout_s=wait_s)
        except ProviderFailure as failure:
            log.warning("request.still_kept", "A provider keeps a response that nobody needs.",
                        reason=failure.message, target=target.name)  # fmt: skip

    async def _unreachable(
        self, s: Services, record: Record, target: Target, failure: ProviderFailure
    ) -> Out | ProviderFailure:
        """Nobody can say how it stands: asked again until whoever waits must be asked elsewhere."""
        if failure.status in (401, 403):
            await s.laters[target.name].reload_key()
        log.error("request.unreachable", "A call that is kept cannot be asked after.",
                  reason=failure.message, target=target.name, **record.ids())  # fmt: skip
        if s.clock.now() < _until(record) + timedelta(seconds=s.timing.kept_cancel_s / 2):
            return self._out(s, record, record.response or "")
        told = f"Nobody can tell what became of the call that was kept. {failure.message}"
        return ProviderFailure(FailureClass.AMBIGUOUS, told, reason=Reason.ATTEMPTS_EXHAUSTED)

    def _out(self, s: Services, record: Record, name: str) -> Out:
        """Asked after when it has taken 1.6 times as long, but not once it must be called back."""
        now = s.clock.now()
        taken = (now - record.attempts[-1].at).total_seconds()
        wait_s = min(s.timing.kept_most_s, max(s.timing.kept_first_s, 0.6 * taken))
        until, look = _until(record), now + timedelta(seconds=wait_s)
        return Out(name, min(look, until) if now < until else now + timedelta(seconds=s.timing.kept_ask_s))


def _until(record: Record) -> datetime:
    """When whoever waits must be asked at once, or has waited in vain."""
    return record.escalate_at or record.deadline
