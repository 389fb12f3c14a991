"""Do what a plan says: publish, at a given speed, and take away the letters that were taken up."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from penstock.errors import PublishFailed
from penstock.messages.redrive import Redrive
from penstock.ports import Waiting
from penstock.redriving.letters import COPIED
from penstock.redriving.plan import Do, Step
from penstock.services import Services

#: Publishes under way at once.
_WIDTH = 50

#: Hears how many steps were begun, and how many of them failed.
Advance = Callable[[int, int], None]


@dataclass(slots=True)
class Done:
    """What was done, in letters' first copies. `error` is the last failed publish's.

    `stopped`: nothing was taken any more, and `left` steps were not begun.
    """

    redriven: int = 0
    republished: int = 0
    dropped: int = 0
    failed: int = 0
    left: int = 0
    stopped: bool = False
    error: str = ""
    #: (tenant, request_id) of what was redriven.
    requests: list[tuple[str, str]] = field(default_factory=list)


async def carry_out(
    s: Services, waiting: Waiting, steps: Sequence[Step], rate: float, advance: Advance = lambda *_: None
) -> Done:
    """`rate` letters a second; acked is what was confirmed, and only that. Raises StoreUnavailable."""
    done, begun, loop = Done(), 0, asyncio.get_running_loop()
    width = min(_WIDTH, math.ceil(rate))
    start = loop.time()
    while begun < len(steps):
        group = steps[begun : begun + width]
        await asyncio.sleep(start + begun / rate - loop.time())
        confirmed = await asyncio.gather(*(_publish(s, step, done) for step in group))
        finished = [step for step, ok in zip(group, confirmed, strict=True) if ok]
        await waiting.ack([message_id for step in finished for message_id in step.message_ids])
        begun += len(group)
        advance(begun, done.failed)
        if not finished:
            done.left, done.stopped = len(steps) - begun, True
            break
    return done


async def _publish(s: Services, step: Step, done: Done) -> bool:
    """Whether the letter may go."""
    letter = step.letter
    if step.do is Do.DROP:
        done.dropped += 1
        return True
    if step.do is Do.REPUBLISH:
        topic = s.topics.response
        attributes = {k: v for k, v in letter.attributes.items() if not k.startswith(COPIED)}
    else:
        topic, attributes = s.topics.request, _redrive(step).encode()
    try:
        await s.bus.publish(topic, letter.data, attributes, timeout_s=s.timing.publish_s)
    except PublishFailed as error:
        done.failed += 1
        done.error = str(error)
        return False
    _count(step, done)
    return True


def _count(step: Step, done: Done) -> None:
    if step.do is Do.REPUBLISH:
        done.republished += 1
        return
    done.redriven += 1
    if step.request is not None:
        done.requests.append((step.request.tenant, step.request.request_id))


def _redrive(step: Step) -> Redrive:
    assert step.request is not None  # the plan redrives requests alone; for mypy
    deadline = datetime.now(UTC) + timedelta(seconds=step.wait_s)
    return Redrive(step.request.tenant, step.request.request_id, step.letter.redrive_count + 1, deadline)
