"""Ten minutes of trouble at the provider while Pub/Sub would give a message up after five attempts.

Penstock parks what cannot be answered now and acks it. Beside it, as the baseline, the usual way: call, and
nack when that fails. Both run on the same broker with the same model and the same traffic.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
from dataclasses import dataclass

from penstock.errors import ProviderFailure
from penstock.messages.envelope import Envelope
from penstock.messages.request import Request, decode_request
from tests.chaos.checker import SECRET, violations
from tests.chaos.evidence import collect
from tests.chaos.instance import Instance
from tests.chaos.loop import run_virtual
from tests.chaos.provider import Kind, Reply
from tests.chaos.workload import ROUTES
from tests.chaos.world import Door, Shape, World, world

#: Pub/Sub's default, and its minimum.
ATTEMPTS = 5
TROUBLE_S = 600.0
_TRAFFIC_S = 300.0
_REST_S = 6 * 3600.0

#: What goes wrong, by name: the kinds of replies during the trouble.
TROUBLES: dict[str, tuple[Kind, ...]] = {
    "429 for ten minutes": ("throttled",),
    "outage of ten minutes": ("broken", "hangs", "refused"),
}


@dataclass(frozen=True, slots=True)
class Weathered:
    """What came out. `false_dead_letters`: messages that nothing was wrong with."""

    requests: int
    completed: int
    false_dead_letters: int
    calls: int
    violations: list[str]


def penstock(trouble: str, requests: int, seed: int) -> Weathered:
    """The shipped code in the storm."""
    return run_virtual(_weather(trouble, requests, seed, None))


def nack_on_failure(trouble: str, requests: int, seed: int) -> Weathered:
    """The baseline: what cannot be answered now is nacked."""
    return run_virtual(_weather(trouble, requests, seed, _call_or_nack))


async def _weather(trouble: str, requests: int, seed: int, door: Door | None) -> Weathered:
    rng = random.Random(seed)
    kinds = TROUBLES[trouble]

    def script(request: Request, target: str, at: float) -> Reply:
        if at >= TROUBLE_S:
            return Reply("ok", rng.uniform(0.5, 3.0))
        return Reply(rng.choice(kinds), rng.uniform(0.05, 1.0))

    log = io.StringIO()
    shape = Shape(ROUTES, seed=seed, instances=3, max_attempts=ATTEMPTS)
    with contextlib.redirect_stdout(log):
        async with world(shape, script) as made:
            made.door = door
            for number in range(requests):
                await asyncio.sleep(rng.expovariate(requests / _TRAFFIC_S))
                body = {"prompt": f"{SECRET} {number}", "request_id": f"r{number}"}
                await made.publish(json.dumps(body).encode(), {})
            await made.rest(_REST_S)
            return await _count(made, requests, door is None, log.getvalue())


async def _count(made: World, requests: int, checked: bool, log: str) -> Weathered:
    evidence = await collect(made, log)
    results = [json.loads(result.data) for result in evidence.results]
    completed = {body["request_id"] for body in results if body.get("status") == "completed"}
    return Weathered(
        requests=requests,
        completed=len(completed),
        false_dead_letters=len(evidence.letters),
        calls=len(evidence.calls),
        violations=violations(evidence) if checked else [],
    )


async def _call_or_nack(instance: Instance, endpoint: str, envelope: Envelope) -> int:
    """The usual handler: decode, call, publish, ack; whatever fails is nacked."""
    if not endpoint.endswith("requests"):
        return 204
    services = instance.services
    request = decode_request(envelope, default_wait_s=24 * 3600)
    try:
        await services.providers["a"].complete(request, timeout_s=60)
    except ProviderFailure:
        return 503
    answer = {"tenant": request.tenant, "request_id": request.request_id, "status": "completed"}
    await services.bus.publish(services.topics.response, json.dumps(answer).encode(), {}, timeout_s=15)
    return 204
