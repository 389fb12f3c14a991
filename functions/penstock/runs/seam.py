"""What runs add to the life of a request (requests/seams.py): nothing at all, unless it is a member."""

from __future__ import annotations

import hmac

from penstock.errors import BadMessage, Reason
from penstock.leases.holder import Holder
from penstock.messages.envelope import Envelope
from penstock.messages.parent import Parent, proof, proof_of
from penstock.requests.incoming import Incoming
from penstock.requests.record import Record
from penstock.requests.seams import Seam
from penstock.runs.wakes import wake_link, wake_page
from penstock.runs.watch import RunsWatch
from penstock.services import Services
from penstock.targets.retry import Fail, Park
from penstock.targets.routes import Target


def _proves(secret: str | None, tenant: str, member: str, given: str) -> bool:
    return secret is not None and hmac.compare_digest(proof(secret, tenant, member), given)


class Members(Seam):
    """Members come from their runs alone, end with them, and tell their pages when they are done."""

    def __init__(self) -> None:
        self._watch = RunsWatch()

    async def admits(self, s: Services, envelope: Envelope) -> bool:
        parent = Parent.of(envelope.attributes)
        tenant = envelope.attributes.get("tenant", "default")
        given, member = proof_of(envelope.attributes), parent.member_id()
        if _proves(await self._watch.secret(s, tenant, parent.run), tenant, member, given):
            return True
        # What is known may be of a run that had this id before.
        run = await self._watch.current(s, tenant, parent.run)
        if run is not None and _proves(run.secret, tenant, member, given):
            return True
        raise BadMessage("A member's message is published by its run alone: send a request of your own.")

    def beside_claim(self, s: Services, incoming: Incoming) -> None:
        if incoming.parent is not None:
            self._watch.look(s, incoming.request.tenant, incoming.parent.run)

    async def before_call(self, s: Services, holder: Holder[Record], target: Target) -> Park | Fail | None:
        return await self._ended(s, holder.record)

    async def before_sending(
        self, s: Services, record: Record, target: Target, batch: str
    ) -> Park | Fail | None:
        return await self._ended(s, record)

    async def _ended(self, s: Services, record: Record) -> Fail | None:
        if record.parent is None or record.redrive_count:
            return None  # a client's; or the operator's word counts more than the run's end
        run = await self._watch.current(s, record.tenant, record.parent.run, record.parent.generation)
        if run is None or not run.is_live or run.generation != record.parent.generation:
            return Fail(Reason.CANCELLED, "The run that asked has ended.")
        return None

    async def after_confirmation(self, s: Services, record: Record) -> None:
        """Always, also when it was confirmed before: whoever did may have died before it could tell."""
        if record.parent is None:
            return
        if record.completed and not record.parent.is_last:
            await wake_link(s, record.tenant, record.parent)
        else:
            await wake_page(s, record.tenant, record.parent.page_name)
