"""Asking: every question of every target, as ordinary requests that are pinned to it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.messages.pin import pin
from penstock_ops.asking.long_answers import whole
from penstock_ops.asking.outgoing import Outgoing, outgoing
from penstock_ops.asking.pending import Pending
from penstock_ops.asking.publish import is_served
from penstock_ops.asking.publishing import Sent, publish_all
from penstock_ops.terminal.console import own_name
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.system import System


@dataclass(frozen=True, slots=True)
class Round:
    """Under which name, whose requests, and how long they are waited for, in seconds."""

    name: str
    tenant: str
    wait_s: float

    def message(self, place: str, body: Mapping[str, Any], target: str) -> Outgoing:
        """A request for `target`, its id the round's name and `place`. Raises Misuse."""
        fields = {**body, "request_id": f"{self.name}.{place}", "tenant": self.tenant}
        message = outgoing(fields)
        if fault := message.fault or message.size_fault:
            raise Misuse(f"The question {message.prompt!r} cannot be asked: {fault}")
        return replace(message, attributes={**message.attributes, **pin(target, self.name)})


async def ask(system: System, round: Round, messages: Sequence[Outgoing]) -> dict[str, Mapping[str, Any]]:
    """Results by request id; those that are there already cost nothing. Raises OperatorFault where one is
    not there in time, or was refused."""
    async with Pending(system) as pending:
        sent: list[Sent] = []
        with progress("asking", len(messages)) as advance:
            await publish_all(system, messages, sent, lambda: None)
            await pending.wait(
                sent,
                wait_s=round.wait_s,
                on_change=lambda: advance(len(pending.ended), pending.waiting_for),
                is_served=lambda: is_served(system),
            )
    if pending.unfinished:
        served = "" if is_served(system) else f" Nobody serves {system.name}."
        raise OperatorFault(
            f"{len(pending.unfinished):,} of {len(sent):,} are not answered yet "
            f"({pending.waiting_for}).{served} Nothing is lost: the same "
            f"{own_name(os.environ, local=False)} compare goes on where it stopped."
        )
    refused = [one for one in pending.ended if one.result is None]
    if refused:
        raise OperatorFault(
            f"{len(refused):,} of {len(sent):,} were refused: {refused[0].error} Are the routes those of the "
            "deployment?"
        )
    return {one.sent.request_id: await whole(system, one.result or {}) for one in pending.ended}
