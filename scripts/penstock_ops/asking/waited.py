"""What a wait brought: the results in the order in which the messages were published, and what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock_ops.asking.long_answers import whole
from penstock_ops.asking.pending import Ended
from penstock_ops.asking.publishing import Sent
from penstock_ops.asking.show import show_failure, show_result
from penstock_ops.terminal.console import print_json, stdout
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import System


async def show_waited(system: System, sent: Sequence[Sent], ended: Sequence[Ended], *, as_json: bool) -> bool:
    """Print them all; whether one failed or is unfinished."""
    by_message = {one.sent.message_id: one for one in ended}
    failed = False
    for number, one in enumerate(sent):
        end = by_message.get(one.message_id)
        failed = failed or end is None or end.result is None or end.result["error"] is not None
        if as_json:
            print_json(_line(one, end), indent=None)
            continue
        if number:
            stdout().print()
        await _show(system, one, end)
    return failed


async def _show(system: System, sent: Sent, ended: Ended | None) -> None:
    out = stdout()
    if ended is None:
        out.print(f"[yellow]unfinished[/yellow]  [bold]{shown(sent.request_id)}[/bold]")
    elif ended.result is None:
        out.print(f"[yellow]dead letter[/yellow]  [bold]{shown(sent.request_id)}[/bold]")
        show_failure(out, str(ended.reason), ended.error)
    else:
        show_result(out, await whole(system, ended.result))


def _line(sent: Sent, ended: Ended | None) -> Mapping[str, Any]:
    if ended is None:
        return ids(sent) | {"status": "unfinished"}
    if ended.result is None:
        return ids(sent) | {"status": "dead_letter", "reason": ended.reason, "error": ended.error}
    return ended.result


def ids(sent: Sent) -> dict[str, str]:
    """What names a published message to a program."""
    return {"tenant": sent.tenant, "request_id": sent.request_id, "message_id": sent.message_id}
