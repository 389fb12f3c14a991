"""`penstock publish`: put requests on the topic, and wait for their results if asked to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape

from penstock_ops.asking.outgoing import Outgoing, Sent, publish_all
from penstock_ops.asking.pending import Ended, Pending
from penstock_ops.asking.publish_options import Options, messages_of
from penstock_ops.asking.show import show_failure, show_result
from penstock_ops.processes.folder_lock import serving
from penstock_ops.terminal.console import own_name, print_json, say, stdout, warn
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.system import System, open_system
from penstock_ops.upkeep.pause import warn_if_paused


@dataclass(slots=True)
class _Waited:
    """What came of the wait."""

    sent: Sequence[Sent]
    ended: list[Ended] = field(default_factory=list)
    #: Why nothing more will come; empty: all ended.
    stopped: str = ""


async def publish(
    prompts: Sequence[str], files: Sequence[Path], options: Options, *, wait_s: float | None, as_json: bool
) -> int:
    """Publish them all, or none when one is wrong; the exit code. `wait_s` None: do not wait."""
    messages = messages_of(prompts, files, options)
    async with open_system() as system:
        say(f"penstock publish → {system.name}")
        if wait_s is None:
            sent = await publish_all(system, messages)
            _show_sent(sent, as_json)
            _say_when_unserved(system)
            return 0
        await warn_if_paused(system)
        waited = await _publish_and_wait(system, messages, wait_s)
    return _show_waited(waited, as_json)


async def _publish_and_wait(system: System, messages: Sequence[Outgoing], wait_s: float) -> _Waited:
    async with AsyncExitStack() as stack:
        pending = await stack.enter_async_context(Pending(system))
        waited = _Waited(await publish_all(system, messages))
        with progress("waiting", len(messages)) as advance:
            await pending.wait(
                waited.sent,
                wait_s=wait_s,
                on_change=lambda: advance(len(pending.ended), pending.waiting_for),
                is_served=lambda: _is_served(system),
            )
        waited.ended = pending.ended
        if pending.unfinished:
            waited.stopped = (
                f"no result within {wait_s:g} s ({pending.waiting_for})"
                if _is_served(system)
                else _unserved(system)
            )
    return waited


def _is_served(system: System) -> bool:
    """Whether somebody answers, as far as this machine can tell."""
    return system.folder is None or serving(system.folder) is not None


def _unserved(system: System) -> str:
    return f"nobody serves {system.name}: start `{own_name(os.environ, local=False)} dev` in another shell"


def _say_when_unserved(system: System) -> None:
    if not _is_served(system):
        warn(f"It will wait: {_unserved(system)}.")


def _show_sent(sent: Sequence[Sent], as_json: bool) -> None:
    for one in sent:
        if as_json:
            print_json(_ids(one), indent=None)
        else:
            print(one.outgoing.request_id)


def _show_waited(waited: _Waited, as_json: bool) -> int:
    by_message = {ended.sent.message_id: ended for ended in waited.ended}
    out = stdout()
    failed = False
    for number, sent in enumerate(waited.sent):
        ended = by_message.get(sent.message_id)
        failed = failed or ended is None or ended.result is None or ended.result["error"] is not None
        if as_json:
            print_json(_line(sent, ended), indent=None)
        elif ended is not None:
            if number:
                out.print()
            _show_ended(sent, ended)
    if waited.stopped:
        left = [sent.outgoing.request_id for sent in waited.sent if sent.message_id not in by_message]
        read = f"{own_name(os.environ, local=False)} get {left[0]}"
        raise OperatorFault(f"{waited.stopped}. Nothing is lost: `{read}` shows it when it is there.")
    return int(failed)


def _show_ended(sent: Sent, ended: Ended) -> None:
    out = stdout()
    if ended.result is not None:
        show_result(out, ended.result)
        return
    out.print(f"[yellow]dead letter[/yellow]  [bold]{escape(sent.outgoing.request_id)}[/bold]")
    show_failure(out, str(ended.reason), ended.error)


def _line(sent: Sent, ended: Ended | None) -> Mapping[str, Any]:
    if ended is None:
        return _ids(sent) | {"status": "unfinished"}
    if ended.result is None:
        return _ids(sent) | {"status": "dead_letter", "reason": ended.reason, "error": ended.error}
    return ended.result


def _ids(sent: Sent) -> dict[str, str]:
    message = sent.outgoing
    return {"tenant": message.tenant, "request_id": message.request_id, "message_id": sent.message_id}
