"""`penstock redrive`: look through the dead letters, say what would be done, do it if wanted."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from penstock.operating import waiting_letters
from penstock.ports import Waiting
from penstock.redriving.carry_out import Done, carry_out
from penstock.redriving.cost import Estimate, estimate
from penstock.redriving.letters import Letter, read_letter
from penstock.redriving.options import Options
from penstock.redriving.plan import Do, Step, plan
from penstock_ops.redriving.cost import routes_here
from penstock_ops.redriving.show import plan_json, show_plan
from penstock_ops.terminal.console import counted, print_json, say, stdout, warn
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.system import System, open_system
from penstock_ops.terminal.unreadable import warn_unreadable

#: More letters than this are for the next run.
_MOST = 1_000_000


async def redrive(options: Options, *, dry_run: bool, yes: bool, as_json: bool) -> int:
    """0: done, or nothing to do. 1: something failed, or a named id is not there. Raises Misuse."""
    if not (dry_run or yes) and (as_json or sys.stdin is None or not sys.stdin.isatty()):
        raise Misuse("Nobody can be asked here: say --dry-run to look, or --yes to do it.")
    async with open_system() as system, waiting_letters(system.settings, system.services) as waiting:
        say(f"penstock redrive ← {system.name}, {system.services.topics.dead_letter_subscription}")
        letters = await _look(system, waiting)
        wanted = [letter for letter in letters if options.wants(letter)]
        planned = await plan(system.services, wanted, options)
        steps = planned.steps
        warn_unreadable(planned.unreadable, "a letter without an id that belongs to one stays.")
        cost = _cost(system, steps, options)
        if not as_json:
            show_plan(steps, len(letters), cost)
        to_do = [step for step in steps if step.do is not Do.STAY]
        done = Done()
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
    responses = system.services.topics.response_subscription
    with progress("looking through the dead letters", 0) as advance:
        envelopes = await waiting.look(lambda count: advance(count, f"{count:,} found"), _MOST)
    return [read_letter(envelope, responses) for envelope in envelopes]


def _cost(system: System, steps: Sequence[Step], options: Options) -> Estimate:
    if options.price and system.services.prices.model(options.price) is None:
        raise Misuse(f"--price {options.price!r} is not in the price book.")
    paying = [step.request for step in steps if step.pays and step.request is not None]
    routes = None if options.price else routes_here()
    return estimate(paying, system.services.prices, routes=routes, price=options.price)


def _confirmed(steps: Sequence[Step]) -> bool:
    letters = counted(sum(len(step.message_ids) for step in steps), "letter")
    return typer.confirm(f"Do this with {letters}?")


async def _do(system: System, waiting: Waiting, steps: Sequence[Step], rate: float) -> Done:
    """Raises OperatorFault where nothing is taken any more."""
    with progress("redriving", len(steps)) as advance:

        def tell(begun: int, failed: int) -> None:
            advance(begun, f"{failed} failed" if failed else "")

        done = await carry_out(system.services, waiting, steps, rate, tell)
    if done.stopped:
        raise OperatorFault(_stopped(done, done.left))
    return done


def _stopped(done: Done, left: int) -> str:
    return (
        f"stopped, since nothing is taken any more: {done.error.rstrip('.')}. "
        f"{counted(done.redriven, 'letter')} redriven, "
        f"{counted(left + done.failed, 'letter')} left where they were: run it again."
    )


def _show(done: Done) -> None:
    facts = [
        counted(done.redriven, "letter") + " redriven",
        f"{done.republished:,} published again" if done.republished else "",
        f"{done.dropped:,} dropped" if done.dropped else "",
    ]
    stdout().print(", ".join(fact for fact in facts if fact) + ".")
    if done.failed:
        warn(f"{counted(done.failed, 'letter')} could not be published and stayed: {done.error}")


def _done_json(done: Done) -> dict[str, int | str | None]:
    return {
        "redriven": done.redriven,
        "published_again": done.republished,
        "dropped": done.dropped,
        "failed": done.failed,
        "error": done.error or None,
    }
