"""`penstock wrong`: a similar answer was wrong, so its source goes, and the evidence hears of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.errors import AlreadyExists, BadMessage, PreconditionFailed
from penstock.paths import REQUESTS, cache_path, evidence_path, request_path
from penstock.ports import REMOVE, Delete, Snapshot, Update, Write
from penstock.requests.record import Record
from penstock.services import Services
from penstock.similar.audits import way_in
from penstock.similar.evidence import judged
from penstock.similar.standing import Standing
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import open_system

#: So many of those who were given it are listed.
_LISTED: Final = 1_000
#: How often somebody else's write at the same moment is looked at again.
_LOOKS: Final = 5


async def wrong(request_id: str, tenant: str, *, as_json: bool) -> int:
    """The exit code. Raises OperatorFault where it was given no similar answer."""
    async with open_system() as system:
        say(f"penstock wrong {shown(request_id)} → {system.name}, tenant {tenant}")
        s = system.services
        case = await _case(s, tenant, request_id)
        await _forget(s, tenant, case)
        new = await _count(s, tenant, request_id, case)
        closed = await _close(s, tenant, case)
        given = await _given(s, tenant, case)
    told = {"source": case["source"], "counted": new, "closed": closed, "given_to": given}
    if as_json:
        print_json(told)
        return 0
    stdout().print(
        f"[green]gone[/green]: nobody is given the answer of {shown(case['source'])} any more. "
        + ("It counts as wrong." if new else "It was counted before.")
    )
    if closed:
        stdout().print("So many are wrong by now that the way is closed: see `penstock similar show`.")
    stdout().print(f"It was given to {len(given)}; who needs a right one asks again under a new id:")
    for name in given:
        stdout().print(f"  {shown(name)}", markup=False)
    return 0


async def _case(s: Services, tenant: str, request_id: str) -> Mapping[str, Any]:
    [found] = await s.store.read([request_path(tenant, request_id)], timeout_s=s.timing.read_s)
    try:
        record = Record.decode(found.fields) if found.fields is not None else None
    except BadMessage as error:
        raise OperatorFault(str(error)) from None
    if record is None:
        raise OperatorFault(f"there is no request {request_id} of tenant {tenant}: is it another --tenant's?")
    if record.similar is None or not record.similar["given"]:
        raise OperatorFault(
            f"the request {request_id} was given no similar answer: its own call or the exact cache answered "
            "it. To ask anew, publish it under a new id with cache refresh."
        )
    return record.similar


async def _forget(s: Services, tenant: str, case: Mapping[str, Any]) -> None:
    """The answer leaves the cache, whose document may carry somebody's flight; the question goes."""
    path = cache_path(tenant, case["key"])
    for _ in range(_LOOKS):
        [found] = await s.store.read([path], timeout_s=s.timing.read_s)
        writes: list[Write] = [Delete(case["at"])]
        if found.fields is not None:
            writes.append(Update(path, {"answer": REMOVE, "stored_at": REMOVE}, found.version))
        try:
            await s.store.commit(writes, timeout_s=s.timing.commit_s)
            return
        except PreconditionFailed:
            continue
    raise OperatorFault("the cache is being written at this very moment; try again.")


async def _count(s: Services, tenant: str, request_id: str, case: Mapping[str, Any]) -> bool:
    """Whether it counted now, and not before."""
    writes = judged(tenant, way_in(case), request_id, case["cosine"], s.clock.now(), wrong=True)
    try:
        await s.store.commit(writes, timeout_s=s.timing.commit_s)
    except AlreadyExists:
        return False
    return True


async def _close(s: Services, tenant: str, case: Mapping[str, Any]) -> bool:
    """Whether the way is closed by now."""
    way = way_in(case)
    for _ in range(_LOOKS):
        [found] = await s.store.read([evidence_path(tenant, way.name)], timeout_s=s.timing.read_s)
        standing = Standing.decode(found.fields)
        if standing.closed or standing.open is None:
            return standing.closed
        change = standing.change(standing.open_for, s.clock.now(), judged=bool(way.judge))
        if change is None or await _written(s, found, change):
            return change is not None
    return False


async def _written(s: Services, found: Snapshot, change: Mapping[str, Any]) -> bool:
    try:
        await s.store.commit([Update(found.path, change, found.version)], timeout_s=s.timing.commit_s)
    except PreconditionFailed:
        return False
    return True


async def _given(s: Services, tenant: str, case: Mapping[str, Any]) -> list[str]:
    """The requests that were given the same answer."""
    of = f"{tenant}/{case['key']}"
    found = await s.store.find(REQUESTS, "similar_of", of, of, limit=_LISTED, timeout_s=s.timing.read_s)
    return [one.path.rpartition("/")[2] for one in found]
