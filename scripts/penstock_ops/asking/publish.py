"""`penstock publish`: put requests on the topic, and wait for their results if asked to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from penstock.errors import PublishFailed
from penstock_ops.asking.pending import Pending
from penstock_ops.asking.publish_options import Options, fill
from penstock_ops.asking.publishing import Sent, publish_all
from penstock_ops.asking.spool import Spool
from penstock_ops.asking.waited import ids, show_waited
from penstock_ops.processes.folder_lock import serving
from penstock_ops.terminal.console import own_name, print_json, say, warn, write
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.system import System, open_system
from penstock_ops.upkeep.pause import warn_if_paused


def publish(
    prompts: Sequence[str], files: Sequence[Path], options: Options, *, wait_s: float | None, as_json: bool
) -> int:
    """Publish them all, or none when one is wrong; the exit code. `wait_s` None: do not wait."""
    with Spool() as messages:
        # Before there is an event loop: it would keep Ctrl-C from whoever waits for stdin.
        fill(messages, prompts, files, options)
        return asyncio.run(_publish_filled(messages, wait_s, as_json))


async def _publish_filled(messages: Spool, wait_s: float | None, as_json: bool) -> int:
    async with open_system() as system:
        say(f"penstock publish → {system.name}")
        if wait_s is None:
            await _publish(system, messages, lambda sent: _print_ids(sent, as_json))
            _say_when_unserved(system)
            return 0
        await warn_if_paused(system)
        return await _publish_and_wait(system, messages, wait_s, as_json)


async def _publish(system: System, messages: Spool, tell: Callable[[Sequence[Sent]], None]) -> list[Sent]:
    """However it ends, the ids of those that were taken are told: they will be paid for."""
    sent: list[Sent] = []
    try:
        with progress("publishing", len(messages)) as advance:
            await publish_all(system, messages, sent, lambda: advance(len(sent), ""))
    except PublishFailed as error:
        raise PublishFailed(f"{error}; {len(sent):,} of {len(messages):,} were published") from error
    finally:
        tell(sent)
    return sent


async def _publish_and_wait(system: System, messages: Spool, wait_s: float, as_json: bool) -> int:
    async with Pending(system) as pending:
        sent = await _publish(system, messages, _say_ids)
        try:
            with progress("waiting", len(sent)) as advance:
                await pending.wait(
                    sent,
                    wait_s=wait_s,
                    on_change=lambda: advance(len(pending.ended), pending.waiting_for),
                    is_served=lambda: is_served(system),
                )
        except asyncio.CancelledError:
            await show_waited(system, sent, pending.ended, as_json=as_json)
            if pending.unfinished:
                warn(_not_lost("Interrupted", pending))
            raise
        failed = await show_waited(system, sent, pending.ended, as_json=as_json)
    if pending.unfinished:
        waited = f"no result within {wait_s:g} s ({pending.waiting_for})"
        raise OperatorFault(_not_lost(waited if is_served(system) else _unserved(system), pending))
    return int(failed)


def _not_lost(why: str, pending: Pending) -> str:
    read = f"{own_name(os.environ, local=False)} get {pending.unfinished[0].request_id}"
    return f"{why}. Nothing is lost: `{read}` shows it when it is there."


def is_served(system: System) -> bool:
    """Whether somebody answers, as far as this machine can tell."""
    return system.folder is None or serving(system.folder) is not None


def _unserved(system: System) -> str:
    return f"nobody serves {system.name}: start `{own_name(os.environ, local=False)} dev` in another shell"


def _say_when_unserved(system: System) -> None:
    if not is_served(system):
        warn(f"It will wait: {_unserved(system)}.")


def _print_ids(sent: Sequence[Sent], as_json: bool) -> None:
    for one in sent:
        if as_json:
            print_json(ids(one), indent=None)
        else:
            write(one.request_id)


def _say_ids(sent: Sequence[Sent]) -> None:
    """On stderr, since stdout is for the results: whoever is interrupted knows what to ask for later."""
    if sent:
        say("\n".join(f"published {one.request_id}" for one in sent))
