"""Where similar answers touch a request's life (requests/seams.py): a look before the call, what is kept with
the save, and what its confirmation leads to. Only for requests that say `cache: similar`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from penstock import log
from penstock.leases.holder import Holder
from penstock.messages.result import Answer, Failure
from penstock.ports import Write
from penstock.requests.beside import Beside
from penstock.requests.incoming import Incoming
from penstock.requests.record import Record
from penstock.requests.seams import Reused, Seam
from penstock.services import Services
from penstock.similar.audits import case_of, confirmed, first_question, next_question, way_in
from penstock.similar.eligible import question_of
from penstock.similar.embedding import NoVector, embed
from penstock.similar.entry import Entry
from penstock.similar.lookup import Look, look_around, looked, stands_alone
from penstock.similar.receipt import given, told, with_told
from penstock.similar.settling import settle
from penstock.similar.standing import drawn
from penstock.similar.verifying import verify
from penstock.similar.ways import way_of

SIMILAR = "similar"


class Similars(Seam):
    """Gives the answers of similar questions where evidence allows it, and gathers that evidence."""

    def __init__(self) -> None:
        #: What each delivery that has a lease found, by its owner.
        self._looks: dict[str, Look] = {}

    async def instead(
        self, s: Services, holder: Holder[Record], incoming: Incoming, beside: Beside
    ) -> Reused | None:
        look = self._begun(s, holder, incoming)
        if look is None:
            return None
        try:
            await embed(s, incoming, beside, look)
        except NoVector as error:
            _missed(holder, error)
            return None
        try:
            await look_around(s, incoming, look)
        except Exception as error:
            # Whatever a part raises: that is a miss, and never a failure of the request.
            _missed(holder, error)
            return None
        return await self._given(s, holder, incoming, beside, look)

    def _begun(self, s: Services, holder: Holder[Record], incoming: Incoming) -> Look | None:
        """The look of this delivery, which begins; None: there is none, or there was one."""
        record, question = holder.record, question_of(incoming.request)
        bought = any(rung.role is not None for rung in record.rungs or ())  # once a life
        if question is None or bought or not incoming.targets or incoming.key is None:
            return None
        alias = incoming.request.model or s.routes.default
        route = s.routes.routes.get(alias)
        if route is None or route.similar is None or holder.owner in self._looks:
            return None
        way = way_of(alias, route, s.routes, s.embedders[route.similar.embedder].name)
        look = looked(incoming, question, way, route.similar)
        self._looks[holder.owner] = look
        return look

    async def _given(
        self, s: Services, holder: Holder[Record], incoming: Incoming, beside: Beside, look: Look
    ) -> Reused | None:
        """Its candidate's answer, where it may be given; else, while that is open, or drawn, it is judged."""
        standing, found, similar = look.standing, look.candidate, look.similar
        if standing is None or found is None:
            return None
        threshold = standing.serves_from(similar.max_wrong)
        if threshold is not None and found.cosine < threshold:
            look.why = "The nearest question is not near enough."
            return None
        share = standing.share(similar.max_wrong, similar.audit)
        request = incoming.request
        look.judge = drawn(request.tenant, request.request_id, share)
        look.why = "It is judged whether a similar answer would do."
        if threshold is None or look.judge:
            return None
        if not await verify(s, incoming, beside, look):
            return None
        look.given = True
        known = beside.settled(holder.record).rungs or ()
        paid = [*look.paid, *(rung for rung in known if rung.role is not None)]
        answer = given(found, paid, s.prices, similar.cap, share)
        return Reused(answer, SIMILAR, beside.settled)

    def put_aside(
        self, s: Services, holder: Holder[Record], record: Record
    ) -> tuple[Record, Sequence[Write]]:
        """What was paid is not lost to the books."""
        look = self._looks.get(holder.owner)
        if look is None or not look.paid:
            return record, ()
        return record._replace(rungs=(*(record.rungs or ()), *look.paid)), ()

    def at_save(self, s: Services, holder: Holder[Record], record: Record) -> Record:
        look = self._looks.get(holder.owner)
        if look is None:
            return record
        if look.given and look.candidate is not None and look.standing is not None:
            said = told(look.candidate, look.standing, look.similar.max_wrong)
            record = record._replace(similar_of=f"{record.tenant}/{look.candidate.entry.key}")
        else:
            said = {"why": look.why}
        record = with_told(record, look.paid, said)
        return record._replace(similar=case_of(look, record))

    def with_save(self, s: Services, record: Record, outcome: Answer | Failure) -> Sequence[Write]:
        """The question, by which similar ones find the answer that lies in the cache by the same batch."""
        look = self._looks.get(record.owner or "")
        if look is None or not look.vector or not isinstance(outcome, Answer) or look.given:
            return ()
        cascades = record.plan is not None and record.plan.cascade is not None
        if not stands_alone(outcome) or not (cascades or outcome.target == look.target):
            return ()
        # The batch's cache document is made after this: it does not end before.
        until = s.clock.now() + timedelta(seconds=s.timing.cache_s)
        entry = Entry(look.scope, look.key, look.question, record.request_id, until)
        return [entry.put(record.tenant, look.vector, look.similar.cap)]

    def ended(self, s: Services, holder: Holder[Record]) -> None:
        self._looks.pop(holder.owner, None)

    def with_confirmation(self, s: Services, record: Record) -> Sequence[Write]:
        return confirmed(record)

    async def after_confirmation(self, s: Services, record: Record) -> None:
        case = record.similar or record.judges
        if case is None or case.get("given"):
            return
        question = first_question(s, record) or await next_question(s, record)
        if question is not None:
            data, attributes = question
            await s.bus.publish(s.topics.request, data, attributes, timeout_s=s.timing.publish_s)
        await settle(s, record.tenant, way_in(case))


def _missed(holder: Holder[Record], error: Exception) -> None:
    why = str(error) if isinstance(error, NoVector) else type(error).__name__
    log.warning("similar.missed", "No similar answer was looked for.", reason=why, **holder.record.ids())
