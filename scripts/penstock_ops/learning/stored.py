"""What a tenant was answered: the results that are stored, oldest id first, or those of a file."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.paths import REQUESTS
from penstock.requests.record import Record
from penstock.requests.stored import record_of
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.system import System

#: Documents of one query.
_BATCH = 100
#: What every result has; a line without it is none.
_HAS = ("tenant", "request_id", "status", "cache", "cost", "timings", "completed_at")


def day(text: str | None, option: str) -> datetime | None:
    """The beginning of a day, UTC. Raises Misuse."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Misuse(f"{option} {text!r} is no day: write it as 2026-11-21.") from None


def tenant_named(name: str) -> str:
    """`name`, if a tenant can be called so. Raises Misuse."""
    if fault := id_fault(name, TENANT_LIMIT):
        raise Misuse(f"--tenant {fault}.")
    return name


async def ended(
    system: System, tenant: str, since: datetime | None, unreadable: list[str]
) -> AsyncIterator[Record]:
    """The requests of `tenant` that have a result, completed at or after `since`, and are not past their
    retention. What this version cannot read is left in `unreadable`."""
    s, after = system.services, ""
    while True:
        page = await s.store.scan(
            f"tenants/{tenant}/{REQUESTS}", after=after, limit=_BATCH, timeout_s=s.timing.read_s
        )
        for found in page:
            record = record_of(found)
            if record is None:
                unreadable.append(found.path)
            elif record.result is not None and _counts(record, since, s.clock.now()):
                yield record
        if len(page) < _BATCH:
            return
        after = page[-1].path.rpartition("/")[2]


def _counts(record: Record, since: datetime | None, now: datetime) -> bool:
    if record.expires_at is not None and record.expires_at <= now:
        return False
    return since is None or completed_at(record.result or {}) >= since


def completed_at(result: Mapping[str, Any]) -> datetime:
    """When a result was made."""
    return datetime.fromisoformat(result["completed_at"])


def from_file(path: Path) -> Iterator[Mapping[str, Any]]:
    """The results of a file, one JSON object a line; `-` is stdin. Raises Misuse that names the line."""
    if str(path) == "-":
        yield from _read("stdin", sys.stdin)
        return
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from _read(str(path), file)
    except OSError as error:
        raise Misuse(f"{path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise Misuse(f"{path} is not UTF-8: convert it.") from None


def _read(name: str, file: TextIO) -> Iterator[Mapping[str, Any]]:
    empty = True
    for number, line in enumerate(file, 1):
        if line.strip():
            empty = False
            yield _result(f"{name}, line {number}", line)
    if empty:
        raise Misuse(f"{name} is empty: it must hold one result a line, as JSON.")


def _result(place: str, line: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise Misuse(f"{place} is not JSON.") from None
    lacks = [name for name in _HAS if name not in value] if isinstance(value, dict) else list(_HAS)
    if lacks:
        raise Misuse(f"{place} is no result of Penstock: it lacks {lacks[0]}.")
    checked: Mapping[str, Any] = value
    return checked
