"""`penstock export`: a tenant's answers as a set that a smaller model can be tuned on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from penstock.errors import BadMessage, BlobMissing
from penstock.messages.completion import BlobRef
from penstock.messages.envelope import Envelope
from penstock.messages.request import Request, decode_request
from penstock.requests.record import Record
from penstock_ops.learning.datasheet import Datasheet
from penstock_ops.learning.example import (
    FORMATS,
    TAUGHT,
    Format,
    LeftOut,
    example,
    is_held_back,
    question_digest,
)  # fmt: skip
from penstock_ops.learning.set_files import SetFiles
from penstock_ops.learning.stored import day, ended, tenant_named
from penstock_ops.terminal.console import counted, print_json, say, stdout, warn
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.system import System, open_system
from penstock_ops.terminal.unreadable import warn_unreadable

#: What stands for the route of requests that name none: which that was, only the functions know.
NO_ROUTE_NAMED: Final = "default"
#: OpenAI refuses a file of fewer.
_OPENAI_LEAST: Final = 10
#: Documents of one look whether they are still there.
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed."""

    tenant: str
    format: str
    route: str | None
    target: str | None
    since: str | None
    drop: tuple[str, ...]
    validation: float
    usd_per_million: float | None
    epochs: int

    def check(self) -> datetime | None:
        """The first day. Raises Misuse."""
        tenant_named(self.tenant)
        if self.format not in FORMATS:
            raise Misuse(f"--format {self.format!r}: it is one of {', '.join(FORMATS)}.")
        if not 0 <= self.validation < 1:
            raise Misuse("--validation is a share of all examples: at least 0 and below 1.")
        needed = sorted({*self.drop} & ({*TAUGHT} - {"name"}))
        if needed:
            raise Misuse(f"--drop {needed[0]}: a message is made of it; drop fields of what is said.")
        return day(self.since, "--since")


async def export(wanted: Wanted, out: Path, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, and OperatorFault where there is nothing that may be given away."""
    since = wanted.check()
    sheet = Datasheet()
    unreadable: list[str] = []
    async with open_system() as system:
        say(f"penstock export {wanted.tenant} ← {system.name}")
        with SetFiles(out, validation=wanted.validation > 0) as files:
            paths = await _write(system, wanted, since, files, sheet, unreadable)
            _check_enough(wanted, sheet)
            await _check_still_there(system, wanted.tenant, paths)
            asked = {name: value for name, value in asdict(wanted).items() if value not in (None, ())}
            told = sheet.told(asked, wanted.usd_per_million, wanted.epochs)
            kept = files.keep(told)
    warn_unreadable(unreadable, "they are in no file.")
    if as_json:
        print_json(told | {"files": [str(path) for path in kept]})
    else:
        _print(sheet, kept)
    return 0


async def _write(
    system: System, wanted: Wanted, since: datetime | None, files: SetFiles, sheet: Datasheet,
    unreadable: list[str],
) -> list[str]:  # fmt: skip
    """Every example; the paths of the requests that they are made of."""
    seen: set[str] = set()
    paths = []
    async for record in ended(system, wanted.tenant, since, unreadable):
        result = record.result or {}
        try:
            request = await _question(system, record)
            if not _is_of(wanted, request, result):
                continue
            line = example(
                request, await _completion(system, result), cast(Format, wanted.format), {*wanted.drop}
            )
        except LeftOut as why:
            sheet.left_out[str(why)] += 1
            continue
        digest = question_digest(request, result["model"])
        if digest in seen:
            sheet.duplicates += 1
            continue
        seen.add(digest)
        held_back = is_held_back(digest, wanted.validation)
        files.add("validation" if held_back else "train", line)
        sheet.add(result, held_back=held_back)
        paths.append(record.path)
    return paths


def _is_of(wanted: Wanted, request: Request, result: Mapping[str, Any]) -> bool:
    """Whether it was asked of the route, and answered by the target, that are wanted."""
    alias = request.model or NO_ROUTE_NAMED
    return wanted.route in (None, alias) and wanted.target in (None, result["target"])


async def _question(system: System, record: Record) -> Request:
    """What was asked. Raises LeftOut."""
    data = record.payload
    if data is None and record.payload_ref is not None:
        data = await _blob(system, record.payload_ref)
    ids = {"tenant": record.tenant, "request_id": record.request_id}
    envelope = Envelope(data or b"", ids, record.message_id, record.published_at, "")
    try:
        return decode_request(envelope, default_wait_s=system.services.timing.default_wait_s, member=True)
    except BadMessage:
        raise LeftOut("the question cannot be read any more") from None


async def _completion(system: System, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was answered. Raises LeftOut."""
    if result["status"] != "completed":
        raise LeftOut("it failed")
    if result["completion"] is not None:
        said: Mapping[str, Any] = result["completion"]
        return said
    read: Mapping[str, Any] = json.loads(await _blob(system, BlobRef.decode(result["completion_ref"])))
    return read


async def _blob(system: System, ref: BlobRef) -> bytes:
    try:
        return await system.services.blobs.get(ref, timeout_s=system.services.timing.blob_s)
    except BlobMissing:
        raise LeftOut("its long text is gone from the bucket") from None


def _check_enough(wanted: Wanted, sheet: Datasheet) -> None:
    """Raises OperatorFault where no set comes of it."""
    why = "; ".join(f"{count:,}: {reason}" for reason, count in sheet.left_out.most_common(3))
    left = f" Left out: {why}." if why else ""
    if not sheet.examples:
        raise OperatorFault(
            f"Nothing of tenant {wanted.tenant} is stored that could be exported: it never asked so, its "
            f"requests are past their retention, or it was forgotten. Nothing was written.{left}"
        )
    if wanted.format == "openai-chat" and sheet.train < _OPENAI_LEAST:
        raise OperatorFault(
            f"OpenAI takes no file of fewer than {_OPENAI_LEAST} examples, and there are {sheet.train} to "
            f"train on. Nothing was written.{left}"
        )


async def _check_still_there(system: System, tenant: str, paths: list[str]) -> None:
    """Whoever was forgotten while we read must not come back in a file. Raises OperatorFault."""
    s = system.services
    for start in range(0, len(paths), _AT_ONCE):
        found = await s.store.read(paths[start : start + _AT_ONCE], timeout_s=s.timing.read_s)
        if not all(one.exists for one in found):
            raise OperatorFault(
                f"Requests of tenant {tenant} were forgotten or ended their retention while they were read. "
                "Nothing was written: export again, if it may be."
            )


def _print(sheet: Datasheet, kept: list[Path]) -> None:
    held = f", {sheet.validation:,} of them for validation" if sheet.validation else ""
    stdout().print(
        f"{counted(sheet.examples, 'example')}{held}; {counted(sheet.duplicates, 'duplicate')} left out."
    )
    for reason, count in sheet.left_out.most_common():
        stdout().print(f"  left out, {count:,}: {reason}")
    for path in kept:
        stdout().print(str(path), markup=False, highlight=False, soft_wrap=True)
    warn(
        "Names and addresses in sentences are still there: no program finds them all. Read it before you "
        "give it away."
    )
