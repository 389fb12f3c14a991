"""Where shared limits touch a request's life (requests/seams.py): no call starts without a slot of its own.

The slot is booked beside the claim, so that it costs no round trip. Where it is not near, the request is put
aside into the limit's queue, which the sweeper gives turns to (pacing/keeper.py), or another target answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from penstock.errors import ProviderFailure, Reason
from penstock.leases.holder import Holder
from penstock.messages.completion import Completion
from penstock.messages.request import Request
from penstock.money.limits import TARGET
from penstock.pacing.asked import tokens_asked, tokens_had
from penstock.pacing.booking import Booker, Slot
from penstock.pacing.heard import heard_429, heard_told
from penstock.pacing.known import Known, micro
from penstock.pacing.meter import MICRO
from penstock.pacing.queue import waits_in
from penstock.ports import Write
from penstock.requests.record import Record
from penstock.requests.seams import Seam
from penstock.services import Services
from penstock.targets.gate import GateRefusal
from penstock.targets.pace import Pace, touching
from penstock.targets.retry import Fail, Park
from penstock.targets.routes import Target

#: How often a slot that has passed is asked for anew in one delivery.
_TRIES = 3


@dataclass(slots=True)
class _Live:
    """One delivery. `booked`: for `paces`, and not used yet; `turn`: what the sweeper booked for it."""

    request: Request
    paces: tuple[Pace, ...] = ()
    booked: asyncio.Future[Slot | None] | None = None
    used: Slot | None = None
    tokens: int = 0
    turn_used: bool = False
    waits: str | None = None


class Paces(Seam):
    """`paces`: what the deployment's settings name."""

    def __init__(self, paces: Iterable[Pace]) -> None:
        self._paces = tuple(paces)
        self._touched: dict[tuple[str, str], tuple[Pace, ...]] = {}
        self._known = Known()
        self._booker = Booker(self._known)
        #: Each delivery that has a lease, or asks for one, by its owner.
        self._live: dict[str, _Live] = {}

    def with_line(
        self, s: Services, request: Request, record: Record, target: Target
    ) -> tuple[Record, Sequence[Write]]:
        paces = self._touching(record.tenant, target.name)
        if paces and record.owner:
            live = self._live.setdefault(record.owner, _Live(request))
            live.request = request  # a judge is asked another question than the request's own
            if live.booked is not None and live.paces != paces:
                self._give_back(live)
            if live.booked is None and record.turn is None and self._blocked(s, paces) is None:
                self._ask(s, live, paces, tokens_asked(request, target))
        return record, ()

    async def touches(self, s: Services, record: Record, target: Target) -> bool:
        return bool(self._touching(record.tenant, target.name))

    def unclaimed(self, owner: str, *, sure: bool) -> None:
        live = self._live.pop(owner, None)
        if live is not None:
            self._give_back(live)

    async def before_call(self, s: Services, holder: Holder[Record], target: Target) -> Park | Fail | None:
        paces = self._touching(holder.record.tenant, target.name)
        live = self._live.get(holder.owner)
        if live is not None:
            live.waits = live.used = None
        if not paces or live is None:
            return None
        live.tokens = tokens_asked(live.request, target)
        if fault := _too_large(paces, live.tokens):
            return Fail(Reason.PROVIDER_REJECTED, fault)
        for _ in range(_TRIES):
            waits = await self._slot(s, holder.record, live, paces)
            if waits is not None:
                return self._queued(s, holder.record, live, _by_lot(s, holder.record, paces, waits))
            if live.used is not None:
                return None
        return self._queued(s, holder.record, live, paces[0])

    def at_socket(self, s: Services, holder: Holder[Record], target: Target) -> None:
        live = self._live.get(holder.owner)
        if live is None or live.used is None:
            return
        if self._known.now(s.clock) > live.used.until:
            raise GateRefusal(f"Target {target.name} was not called in its slot.", None, resting=False)

    async def after_call(
        self, s: Services, holder: Holder[Record], target: Target, outcome: Completion | ProviderFailure
    ) -> None:
        live = self._live.get(holder.owner)
        paces = self._touching(holder.record.tenant, target.name)
        if live is None or not paces:
            return
        if isinstance(outcome, Completion):
            self._owe(s, live, paces, outcome)
        for pace in paces:
            if pace.scope == f"{TARGET}{target.name}":
                await self._hear(s, pace, outcome)

    def put_aside(
        self, s: Services, holder: Holder[Record], record: Record
    ) -> tuple[Record, Sequence[Write]]:
        live = self._live.get(holder.owner)
        if live is None or live.waits is None:
            return record, ()
        return record._replace(waits=live.waits, not_before=None), ()

    def ended(self, s: Services, holder: Holder[Record]) -> None:
        self.unclaimed(holder.owner, sure=True)

    def close(self) -> None:
        self._booker.close()

    def _touching(self, tenant: str, target: str) -> tuple[Pace, ...]:
        known = self._touched.get((tenant, target))
        if known is None:
            known = touching(self._paces, tenant, target)
            if known:
                self._touched[tenant, target] = known
        return known

    def _ask(
        self, s: Services, live: _Live, paces: tuple[Pace, ...], tokens: int
    ) -> asyncio.Future[Slot | None]:
        live.paces, live.booked = paces, self._booker.ask(s, paces, tokens)
        return live.booked

    def _give_back(self, live: _Live) -> None:
        if live.booked is not None:
            self._booker.give_back(live.paces, live.booked)
            live.booked = None

    async def _slot(self, s: Services, record: Record, live: _Live, paces: tuple[Pace, ...]) -> Pace | None:
        """Wait for a slot on all of `paces`, which is then `live.used`; the pace whose queue it joins where
        that would be too long; None without either: the slot has passed. Raises StoreError."""
        turn = self._turn(s, record, live, paces)
        left = tuple(pace for pace in paces if turn is None or pace.scope != turn[0])
        if live.booked is None and (blocked := self._blocked(s, left)) is not None:
            return blocked
        slot = turn[1] if turn is not None else None
        if left:
            booked = await (live.booked or self._ask(s, live, left, live.tokens))
            if booked is None:
                live.booked = None
                return self._farthest(s, left)
            slot = booked if slot is None else Slot(max(slot.at, booked.at), min(slot.until, booked.until))
        assert slot is not None
        wait = slot.at - self._known.now(s.clock)
        if wait > self._longest(s, turn is not None):
            return self._farthest(s, left or paces)
        if wait > 0:
            await asyncio.sleep(wait / MICRO)
        live.booked, live.turn_used = None, turn is not None or live.turn_used
        if self._known.now(s.clock) <= slot.until and self._is_let(s, paces):
            live.used = slot
        return None

    def _turn(
        self, s: Services, record: Record, live: _Live, paces: tuple[Pace, ...]
    ) -> tuple[str, Slot] | None:
        """The second that the sweeper booked for it, if that is still to come."""
        turn = record.turn
        if turn is None or live.turn_used or all(pace.scope != turn["queue"] for pace in paces):
            return None
        at = micro(turn["at"])
        slot = Slot(at, at + round(s.timing.slot_late_s * MICRO))
        return (turn["queue"], slot) if self._known.now(s.clock) < slot.until else None

    def _longest(self, s: Services, has_turn: bool) -> int:
        return round((s.timing.turn_wait_s if has_turn else s.timing.patience_s) * MICRO)

    def _blocked(self, s: Services, paces: Iterable[Pace]) -> Pace | None:
        """A pace behind whose queue a newcomer waits, or which has no slot soon."""
        now = self._known.now(s.clock)
        soon = now + round(s.timing.patience_s * MICRO)
        for pace in paces:
            heard = self._known.of(s, pace.scope)
            if heard.queued_until > now or heard.free_at() > soon:
                return pace
        return None

    def _farthest(self, s: Services, paces: Iterable[Pace]) -> Pace:
        return max(paces, key=lambda pace: self._known.of(s, pace.scope).free_at())

    def _is_let(self, s: Services, paces: Iterable[Pace]) -> bool:
        """Whether no 429 was heard of while it waited."""
        now, late = self._known.now(s.clock), round(s.timing.slot_late_s * MICRO)
        loud = [pace for pace in paces if self._known.of(s, pace.scope).not_before > now + late]
        for pace in loud:
            self._booker.drop(pace.scope)
        return not loud

    def _queued(self, s: Services, record: Record, live: _Live, pace: Pace) -> Park:
        """Into the queue of `pace`; it looks by itself only seldom."""
        self._give_back(live)
        live.waits = waits_in(record, pace.scope, live.tokens if pace.tpm else 0)
        net = min(s.timing.turn_net_max_s, s.timing.turn_net_s * 2 ** min(record.parks, 5))
        elsewhere = pace.scope.startswith(TARGET)
        return Park(net * (1 + s.jitter() / 4), f"It waits its turn under {pace}.", elsewhere=elsewhere)

    def _owe(self, s: Services, live: _Live, paces: Iterable[Pace], completion: Completion) -> None:
        more = tokens_had(completion) - live.tokens
        if more > 0:
            for pace in paces:
                if pace.tpm is not None:
                    self._booker.owe(s, pace, more)

    async def _hear(self, s: Services, pace: Pace, outcome: Completion | ProviderFailure) -> None:
        if isinstance(outcome, ProviderFailure) and outcome.status == 429:
            await heard_429(s, self._known, pace, outcome.retry_after_s)
            self._booker.drop(pace.scope)
        elif isinstance(outcome, Completion) and outcome.told_limits is not None:
            await heard_told(s, self._known, pace, outcome.told_limits)


def _by_lot(s: Services, record: Record, paces: Iterable[Pace], waits: Pace) -> Pace:
    """The pace whose queue is joined: `waits`, or now and then that of the turn it came with in vain. Of two
    that touch the same two limits each could have the turn that the other lacks, minute after minute."""
    turn = record.turn["queue"] if record.turn is not None else None
    came = [pace for pace in paces if pace.scope == turn]
    return came[0] if came and s.jitter() < 0.5 else waits


def _too_large(paces: Iterable[Pace], tokens: int) -> str:
    """Why no minute is long enough for this call; empty: one is."""
    for pace in paces:
        if pace.tpm is not None and tokens > pace.tpm:
            return (
                f"One call of this request counts {tokens:,} tokens, prompt and longest answer, which is "
                f"more than {pace}: shorten it, set a lower max_tokens, or raise tpm."
            )
    return ""
