"""How much a judge misses: it is shown answers of unlike questions, which surely differ, and must say so."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from penstock.errors import AlreadyExists
from penstock.messages.audited import PLANTED
from penstock.paths import evidence_path
from penstock.ports import Create
from penstock.services import Services
from penstock.similar.audits import audit_message
from penstock.similar.compared import differ
from penstock.similar.evidence import Way
from penstock.similar.questions import judging
from penstock_ops.similar.stored import Asked


async def plant(s: Services, tenant: str, way: Way, judge: str, asked: list[Asked], planted: int) -> int:
    """Show `judge` the answer to another question, half the set away, beside the right one, so many times;
    how often that was possible. Raises PublishFailed, StoreError."""
    done = 0
    await _begin(s, tenant, way)
    half = max(1, len(asked) // 2)
    for number in range(planted):
        one, step = asked[number % len(asked)], half + number // len(asked)
        other = asked[(number + step) % len(asked)]
        if differ(one.incoming.request.params, one.answer, other.answer) is False:
            continue
        audit: dict[str, Any] = {
            "step": PLANTED, "of": one.record.request_id, "way": asdict(way), "cosine": 0.0,
        }  # fmt: skip
        life = f"{tenant}/{one.record.request_id}/{other.record.request_id}/{one.record.created_at}"
        asking = judging(one.question, one.answer, other.answer)
        data, attributes = audit_message(s, tenant, judge, life, audit, asking)
        await s.bus.publish(s.topics.request, data, attributes, timeout_s=s.timing.publish_s)
        done += 1
    return done


async def _begin(s: Services, tenant: str, way: Way) -> None:
    """So that `show` names the way from now on."""
    create = Create(evidence_path(tenant, way.name), asdict(way))
    try:
        await s.store.commit([create], timeout_s=s.timing.commit_s)
    except AlreadyExists:
        return
