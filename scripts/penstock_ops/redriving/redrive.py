"""`penstock redrive`: look through the dead letters, say what would be done, do it if wanted."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import typer

from penstock.errors import PublishFailed
from penstock.messages.redrive import Redrive
from penstock_ops.redriving.cost import Estimate, estimate
from penstock_ops.redriving.letters import COPIED, Letter, read_letter
from penstock_ops.redriving.options import Options
from penstock_ops.redriving.plan import Do, Step, plan
from penstock_ops.redriving.show import plan_json, show_plan
from penstock_ops.redriving.source import Waiting, open_waiting, topology_of
from penstock_ops.terminal.console import counted, print_json, say, stdout, warn
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.system import System, open_system

#: Publishes under way at once.
_WIDTH = 50


@dataclass(slots=True)
class _Done:
    """What was done, in letters' first copies. `error` is the last failed publish's."""

    redriven: int = 0
    republished: int = 0
    dropped: int = 0
    failed: int = 0
    error: str = ""


async def redrive(options: Options, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    """0: done, or nothing to do. 1: something failed, or a named id is not there. Raises Misuse."""
    if not (dry_run or yes) and (as_json or sys.stdin is None or not sys.stdin.isatty()):
        raise Misuse("Nobody can be asked here: say --dry-run to look, or --yes to do it.")
    async with open_system() as system, open_waiting(system) as waiting:
        say(f"penstock redrive ← {system.name}, {topology_of(system).dead_letter_subscription}")
        letters = await _look(system, waiting)
        wanted = [letter for letter in letters if options.wants(letter)]
        steps = await plan(system, wanted, options)
        cost = _cost(system, steps, options)
        if not as_json:
            show_plan(steps, len(letters), cost)
        to_do = [step for step in steps if step.do is not Do.STAY]
        done = _Done()
        if not dry_run and to_do and (yes or _confirmed(to_do)):
            done = await _do(system, waiting, to_do, options.rate)
    if as_json:
        print_json(plan_json(steps, len(letters), cost) | {"dry_run": dry_run} | _done_json(done))
    elif not dry_run and to_do:
        _show(done)
    if missing := options.ids - {letter.request_id for letter in wanted}:
        warn(f"No dead letter matches {', '.join(sorted(missing))}.")
    return int(bool(done.failed or missing))


async def _look(system: System, waiting: Waiting) -> list[Letter]:
    responses = topology_of(system).response_subscription
    with progress("looking through the dead letters", 0) as advance:
        envelopes = await waiting.look(lambda count: advance(count, f"{count:,} found"))
    return [read_letter(envelope, responses) for envelope in envelopes]


def _cost(system: System, steps: Sequence[Step], options: Options) -> Estimate:
    if options.price and system.services.prices.model(options.price) is None:
        raise Misuse(f"--price {options.price!r} is not in the price book.")
    paying = [step.request for step in steps if step.pays and step.request is not None]
    return estimate(paying, system.services.prices, price=options.price)


def _confirmed(steps: Sequence[Step]) -> bool:
    letters = counted(sum(len(step.message_ids) for step in steps), "letter")
    return typer.confirm(f"Do this with {letters}?")


async def _do(system: System, waiting: Waiting, steps: Sequence[Step], rate: float) -> _Done:
    """Publish, `rate` letters a second; ack what was confirmed, and only that."""
    done, begun, loop = _Done(), 0, asyncio.get_running_loop()
    width = min(_WIDTH, math.ceil(rate))
    start = loop.time()
    with progress("redriving", len(steps)) as advance:
        while begun < len(steps):
            group = steps[begun : begun + width]
            await asyncio.sleep(start + begun / rate - loop.time())
            confirmed = await asyncio.gather(*(_publish(system, step, done) for step in group))
            finished = [step for step, ok in zip(group, confirmed, strict=True) if ok]
            await waiting.ack([message_id for step in finished for message_id in step.message_ids])
            begun += len(group)
            advance(begun, f"{done.failed} failed" if done.failed else "")
            if not finished:
                raise OperatorFault(_stopped(done, len(steps) - begun))
    return done


async def _publish(system: System, step: Step, done: _Done) -> bool:
    """Whether the letter may go."""
    topics, timing = system.services.topics, system.services.timing
    letter = step.letter
    if step.do is Do.DROP:
        done.dropped += 1
        return True
    if step.do is Do.REPUBLISH:
        topic = topics.response
        attributes = {k: v for k, v in letter.attributes.items() if not k.startswith(COPIED)}
    else:
        topic, attributes = topics.request, _redrive(step).encode()
    try:
        await system.services.bus.publish(topic, letter.data, attributes, timeout_s=timing.publish_s)
    except PublishFailed as error:
        done.failed += 1
        done.error = str(error)
        return False
    done.redriven += step.do is Do.REDRIVE
    done.republished += step.do is Do.REPUBLISH
    return True


def _redrive(step: Step) -> Redrive:
    assert step.request is not None  # the plan redrives requests alone; for mypy
    deadline = datetime.now(UTC) + timedelta(seconds=step.wait_s)
    return Redrive(step.request.tenant, step.request.request_id, step.letter.redrive_count + 1, deadline)


def _stopped(done: _Done, left: int) -> str:
    return (
        f"stopped, since nothing is taken any more: {done.error.rstrip('.')}. "
        f"{counted(done.redriven, 'letter')} redriven, "
        f"{counted(left + done.failed, 'letter')} left where they were: run it again."
    )


def _show(done: _Done) -> None:
    facts = [
        counted(done.redriven, "letter") + " redriven",
        f"{done.republished:,} published again" if done.republished else "",
        f"{done.dropped:,} dropped" if done.dropped else "",
    ]
    stdout().print(", ".join(fact for fact in facts if fact) + ".")
    if done.failed:
        warn(f"{counted(done.failed, 'letter')} could not be published and stayed: {done.error}")


def _done_json(done: _Done) -> dict[str, int | str | None]:
    return {
        "redriven": done.redriven,
        "published_again": done.republished,
        "dropped": done.dropped,
        "failed": done.failed,
        "error": done.error or None,
    }
