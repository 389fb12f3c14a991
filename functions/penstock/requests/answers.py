"""An answer as it is kept: at its price, and in the bucket where it is long."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from penstock.errors import BlobUnavailable
from penstock.messages.completion import BlobRef, Completion
from penstock.messages.plan import Plan
from penstock.messages.result import Answer
from penstock.messages.strict_json import canonical
from penstock.money.lane import Lane
from penstock.paths import completion_blob
from penstock.services import Services
from penstock.targets.routes import Target


def priced(
    s: Services, completion: Completion, target: Target, plan: Plan | None, lane: Lane = Lane.SYNC
) -> Answer:
    """`completion` as an answer, at its price in `lane`."""
    cost = s.prices.cost(target.priced_as, completion.usage, lane)
    if plan is not None and plan.predicts:
        at_list = s.prices.cost(target.priced_as, replace(completion.usage, service_tier=None))
        if cost.usd is not None and at_list.usd is not None:
            cost = replace(cost, saved_by_lane_usd=at_list.usd - cost.usd)
    return Answer.of(completion, provider=target.provider, target=target.name, cost=cost)


def size_of(answer: Answer) -> int:
    """Bytes of the completion, where the document would hold it."""
    return len(canonical(answer.completion)) if answer.completion is not None else 0


async def spilled(s: Services, tenant: str, answer: Answer) -> Answer:
    """The same answer with its completion in the bucket. Raises BlobUnavailable."""
    if answer.completion is None:
        return answer
    data = canonical(answer.completion)
    name = completion_blob(tenant, hashlib.sha256(data).hexdigest())
    return replace(answer, completion=None, ref=await put_patiently(s, name, data))


async def said_in(s: Services, answer: Answer) -> Mapping[str, Any]:
    """The completion, wherever it lies. Raises BlobMissing, BlobUnavailable."""
    if answer.ref is None:
        return answer.completion or {}
    read: Mapping[str, Any] = json.loads(await s.blobs.get(answer.ref, timeout_s=s.timing.blob_s))
    return read


async def put_patiently(s: Services, name: str, data: bytes) -> BlobRef:
    """Into the bucket: what is written here is paid for. Raises BlobUnavailable."""
    give_up = s.clock.monotonic() + s.timing.settle_s
    while True:
        try:
            return await s.blobs.put(name, data, timeout_s=s.timing.blob_s)
        except BlobUnavailable:
            if s.clock.monotonic() >= give_up:
                raise
            await asyncio.sleep(s.timing.quick_retry_s * (0.5 + s.jitter()))
