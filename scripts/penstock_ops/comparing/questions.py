"""What a comparison asks: the questions of a file, or a sample of those that a tenant really asked."""

from __future__ import annotations

import csv
import hashlib
import heapq
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from penstock.errors import BlobMissing
from penstock.messages.strict_json import canonical
from penstock.requests.record import Record
from penstock_ops.asking.bodies import read_requests
from penstock_ops.learning.stored import ended
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.system import System

#: Who asked, until when, who is told and what is echoed are not asked again.
_NOT_ASKED: Final = (
    *("request_id", "tenant", "model", "deadline", "max_wait_s", "callback", "metadata", "schema_version"),
    "expected",
)
_COLUMNS: Final = ("prompt", "system", "expected")
_TABLES: Final[Mapping[str, str]] = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True, slots=True)
class Question:
    """The fields of a request that determine its answer, and the answer that is right, where one is known."""

    body: Mapping[str, Any]
    expected: str | None = None


def of_file(path: Path) -> list[Question]:
    """Each question once. A table's header names `prompt`, and if it likes `system` and `expected`; else the
    file holds what `penstock publish` takes, in which `expected` may stand too. Raises Misuse."""
    delimiter = _TABLES.get(path.suffix.lower())
    read = _of_requests(path) if delimiter is None else _of_table(path, delimiter)
    questions = _once(read)
    if not questions:
        raise Misuse(f"{path} is empty: give it a question a line.")
    return questions


async def of_ledger(system: System, tenant: str, most: int, since: datetime | None) -> list[Question]:
    """At most so many of what `tenant` asked, drawn by the hash of the id: the same ones each time.

    Raises OperatorFault where there are none.
    """
    unreadable: list[str] = []
    drawn: list[tuple[int, str, Record]] = []
    async for record in ended(system, tenant, since, unreadable):
        if record.plan is not None and record.plan.arm is not None and record.plan.arm.pinned:
            continue  # an earlier comparison's
        mark = int.from_bytes(hashlib.sha256(record.request_id.encode()).digest()[:8])
        heapq.heappush(drawn, (-mark, record.request_id, record))
        if len(drawn) > most:
            heapq.heappop(drawn)
    bodies = [await _asked(system, record) for _, _, record in sorted(drawn, reverse=True)]
    questions = _once(Question(_kept(body)) for body in bodies if body is not None)
    if not questions:
        raise OperatorFault(
            f"Tenant {tenant} has no stored requests to compare with: name another --tenant, an earlier "
            "--since, or a file of questions."
        )
    return questions


def _once(questions: Iterator[Question]) -> list[Question]:
    return list({canonical(question.body): question for question in questions}.values())


def _kept(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in _NOT_ASKED}


def _of_requests(path: Path) -> Iterator[Question]:
    for found in read_requests(path):
        if isinstance(found.body, bytes):
            raise Misuse(found.unreadable())
        expected = found.body.get("expected")
        if expected is not None and not isinstance(expected, str):
            expected = json.dumps(expected)
        yield Question(_kept(found.body), expected)


def _of_table(path: Path, delimiter: str) -> Iterator[Question]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _of_rows(str(path), csv.reader(file, delimiter=delimiter, strict=True))
    except OSError as error:
        raise Misuse(f"{path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise Misuse(f"{path} is not UTF-8: convert it.") from None
    except csv.Error as error:
        raise Misuse(f"{path} is no table: {error}.") from None


def _of_rows(name: str, rows: Any) -> Iterator[Question]:
    header = [cell.strip().lower() for cell in next(rows, ())]
    if not header:
        return
    unknown = [column for column in header if column not in _COLUMNS]
    if unknown or "prompt" not in header or len(set(header)) < len(header):
        raise Misuse(
            f"{name}, line 1: the header must name `prompt`, and may name `system` and `expected`; "
            f"it says {', '.join(header)}."
        )
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise Misuse(
                f"{name}, line {rows.line_num}: {len(row)} columns, and the header has {len(header)}: "
                "give each column a value, or leave the column out."
            )
        yield _of_row(name, rows.line_num, dict(zip(header, row, strict=True)))


def _of_row(name: str, line: int, row: Mapping[str, str]) -> Question:
    if not row["prompt"].strip():
        raise Misuse(f"{name}, line {line}: the prompt is empty.")
    user = {"role": "user", "content": row["prompt"]}
    system = row.get("system", "").strip()
    messages = [{"role": "system", "content": system}, user] if system else [user]
    return Question({"messages": messages}, row.get("expected", "").strip() or None)


async def _asked(system: System, record: Record) -> Mapping[str, Any] | None:
    """None: its long text is gone."""
    s, data = system.services, record.payload
    if data is None and record.payload_ref is not None:
        try:
            data = await s.blobs.get(record.payload_ref, timeout_s=s.timing.blob_s)
        except BlobMissing:
            return None
    body = json.loads(data) if data is not None else None
    return body if isinstance(body, dict) else None
