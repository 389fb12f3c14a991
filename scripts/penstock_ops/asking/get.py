"""`penstock get`: one request's result, or how far it has come."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from penstock.messages.request import REQUEST_ID_LIMIT, TENANT_LIMIT, id_fault
from penstock.paths import request_path
from penstock.requests.record import Record, State
from penstock.requests.stored import record_of
from penstock.timing import Timing
from penstock_ops.asking import lane
from penstock_ops.asking.long_answers import whole
from penstock_ops.asking.refused import refused
from penstock_ops.asking.show import show_result
from penstock_ops.processes.folder_lock import serving
from penstock_ops.terminal.console import print_json, say, stdout, warn
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.moments import clock
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import System, open_system
from penstock_ops.upkeep.pause import warn_if_paused


async def get(request_id: str, tenant: str, *, as_json: bool) -> int:
    """Show it; 0: completed, 1: failed or not finished. Raises OperatorFault when there is none."""
    for name, text, limit in (("ID", request_id, REQUEST_ID_LIMIT), ("--tenant", tenant, TENANT_LIMIT)):
        if fault := id_fault(text, limit):
            raise Misuse(f"{name} {fault}.")
    async with open_system() as system:
        say(f"penstock get ← {system.name}")
        record = await _read(system, tenant, request_id)
        await _tell_refused(system, tenant, request_id)
        if record.state is not State.TERMINAL or record.result is None:
            _show_state(record, system, as_json)
            await warn_if_paused(system)
            return 1
        result = dict(record.result)
        if as_json:
            print_json(result)
        else:
            out = stdout()
            show_result(out, await whole(system, result))
            _show_batch(out, record)
            _show_attempts(out, record)
    return int(result["status"] != "completed")


async def _read(system: System, tenant: str, request_id: str) -> Record:
    path = request_path(tenant, request_id)
    [found] = await system.services.store.read([path], timeout_s=Timing().read_s)
    if found.fields is None:
        none = f"{system.name} has no request {request_id} of tenant {tenant}"
        told = await refused(system, tenant, request_id, stored=False)
        if told and system.local_bus is not None:
            raise OperatorFault(f"{none}. {told}")
        raise OperatorFault(
            f"{none}: not taken up yet, never published here, or refused (then it is among the dead "
            f"letters). {told}".rstrip()
        )
    record = record_of(found)
    if record is None:
        raise OperatorFault(f"the document {path} cannot be read by this version of Penstock.")
    return record


async def _tell_refused(system: System, tenant: str, request_id: str) -> None:
    """What was refused beside the request that is shown: another payload under its id, for one."""
    told = await refused(system, tenant, request_id, stored=True)
    if system.local_bus is None:
        say(f"Was another message refused under this id? {told}")
    elif told:
        warn(told)


def _show_state(record: Record, system: System, as_json: bool) -> None:
    if as_json:
        print_json(_state(record))
        return
    out = stdout()
    out.print(
        f"[yellow]unfinished[/yellow]  [bold]{shown(record.request_id)}[/bold]  tenant {shown(record.tenant)}"
    )
    out.print(shown(_sentence(record)))
    _show_attempts(out, record)
    if system.folder is not None and serving(system.folder) is None:
        warn(f"Nobody serves {system.name}, so it waits: start `penstock dev`.")


def _sentence(record: Record) -> str:
    until = f" until {clock(record.not_before)}" if record.not_before else ""
    told = record.last_answer
    waits_for = f" The last answer: {told.message}" if told else f" {record.not_asked}".rstrip()
    deadline = f"Its deadline is {clock(record.deadline)}."
    match record.state:
        case State.LEASED:
            return f"It is being worked on (fence {record.fence}). {deadline}"
        case State.PARKED:
            return f"It is parked{until}, then tried again.{waits_for} {deadline}"
        case State.FOLLOWING:
            leader = (record.leader or "").rpartition("/")[2]
            return f"It follows {leader}, which asks the same question. {deadline}"
        case State.QUEUED | State.SENT:
            return f"{lane.waiting(record)} {deadline}"
    return f"It is {record.state.value}. {deadline}"


def _state(record: Record) -> dict[str, Any]:
    return {
        "tenant": record.tenant,
        "request_id": record.request_id,
        "status": "unfinished",
        "state": record.state.value,
        "not_before": record.not_before,
        "deadline": record.deadline,
        "following": record.leader,
        "batch": record.batch,
        **lane.told(record),
        "response": record.response,
        "fence": record.fence,
        "calls": record.calls,
        "last_answer": record.last_answer.encode() if record.last_answer else None,
        "attempts": [attempt.encode() for attempt in record.attempts],
    }


def _show_batch(out: Console, record: Record) -> None:
    """The batch whose line brought the outcome."""
    if record.line is not None and record.batch is not None:
        out.print(f"\n[dim]by batch {shown(record.batch)}, line {shown(record.line)}[/dim]", soft_wrap=True)


def _show_attempts(out: Console, record: Record) -> None:
    """The ledger, unless all there is to say is that one call went well."""
    if all(attempt.outcome == "ok" for attempt in record.attempts) and len(record.attempts) < 2:
        return
    out.print(f"\n[bold]Calls[/bold] ({record.calls} in all)")
    for attempt in record.attempts:
        message = f"  {attempt.message}" if attempt.message else ""
        times = f" ({attempt.asked} times)" if attempt.asked > 1 else ""
        out.print(
            f"  {clock(attempt.at)}  {shown(attempt.target)}  {shown(attempt.outcome + times + message)}",
            soft_wrap=True,
        )
