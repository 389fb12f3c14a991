"""`penstock run FILE`: check, say what it may cost, publish, and follow it if asked to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from penstock.messages.addressee import endpoint_fault
from penstock.messages.request import TENANT_LIMIT, id_fault
from penstock.messages.strict_json import canonical
from penstock.redriving.cost import Estimate
from penstock.runs.message import INLINE_ITEMS, RUN_ID_LIMIT
from penstock.runs.planning import ITEMS_LIMIT
from penstock_ops.planning.tables import of_many
from penstock_ops.running.budget import budget_of, compare
from penstock_ops.running.by_lane import Sums, by_lane
from penstock_ops.running.expected import SAMPLE, Expected, expected
from penstock_ops.running.items_file import read_items, rows_of
from penstock_ops.running.pipeline_file import read_pipeline
from penstock_ops.running.reach import check_callback, check_switched_on
from penstock_ops.running.show import follow_to_end
from penstock_ops.terminal.console import counted, dollars, print_json, say, stdout, warn
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.system import System, open_system

_UNPRICED = (
    "What it may cost is unknown: this shell names no model that the price book has. Set PENSTOCK_ROUTES or "
    "OPENAI_API_KEY as for the functions, or say by --price as what it is estimated: gpt-5.4-nano, for one."
)
#: Bytes of items that a message carries itself.
_INLINE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed."""

    pipeline: Path
    items: Path
    run_id: str | None
    tenant: str
    max_wait_s: float | None
    max_in_flight: int | None
    price: str | None
    budget_usd: float | None = None
    callback: str | None = None

    def id(self, now: datetime) -> str:
        """The run's id: as given, else of the file and the time. Raises Misuse."""
        stem = "".join(c if c.isalnum() and c.isascii() else "-" for c in self.pipeline.stem).strip("-")
        run_id = self.run_id or f"{stem[:40] or 'run'}-{now:%Y%m%d-%H%M%S}"
        for name, text, limit in (("--id", run_id, RUN_ID_LIMIT), ("--tenant", self.tenant, TENANT_LIMIT)):
            if fault := id_fault(text, limit):
                raise Misuse(f"{name} {fault}.")
        return run_id


async def start(asked: Asked, *, dry_run: bool, wait: bool, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    run_id = asked.id(datetime.now(UTC))
    budget_of(asked.budget_usd)
    if asked.callback is not None and (fault := endpoint_fault(asked.callback)):
        raise Misuse(f"--callback {fault}.")
    body, definition = read_pipeline(asked.pipeline)
    lines = list(islice(read_items(asked.items), ITEMS_LIMIT + 1))
    if not 0 < len(lines) <= ITEMS_LIMIT:
        many = "no" if not lines else f"over {ITEMS_LIMIT:,}"
        raise Misuse(f"{asked.items} has {many} items: a run takes 1 to {ITEMS_LIMIT:,}.")
    rows = rows_of(lines)
    found = await expected(definition, rows[:SAMPLE], len(rows))
    async with open_system() as system:
        say(f"penstock run {run_id} → {system.name}")
        cost = found.cost(system.services.prices, asked.price)
        if dry_run or not as_json:
            lanes = await by_lane(system.services, found, asked.max_wait_s)
            _tell(run_id, found, cost, lanes, as_json=as_json)
            compare(asked.budget_usd, cost)
        if dry_run:
            return 0
        check_switched_on(system)
        await check_callback(system, asked.tenant, asked.callback)
        await _publish(system, asked, run_id, body, lines)
        if wait:
            return await follow_to_end(system, asked.tenant, run_id, as_json=as_json)
    if as_json:
        print_json({"tenant": asked.tenant, "run_id": run_id, "items": len(lines)})
    else:
        print(run_id)
    return 0


async def _publish(
    system: System, asked: Asked, run_id: str, pipeline: Mapping[str, Any], lines: Sequence[bytes]
) -> None:
    """Raises PublishFailed, BlobError."""
    body: dict[str, Any] = {"run_id": run_id, "tenant": asked.tenant, "pipeline": pipeline}
    if len(lines) <= INLINE_ITEMS and sum(map(len, lines)) <= _INLINE_BYTES:
        body["items"] = [json.loads(line) for line in lines]
    else:
        body["items_ref"] = await _uploaded(system, asked.tenant, run_id, lines)
    if asked.max_wait_s is not None:
        body["max_wait_s"] = asked.max_wait_s
    if asked.max_in_flight is not None:
        body["max_in_flight"] = asked.max_in_flight
    if asked.budget_usd is not None:
        body["budget_usd"] = asked.budget_usd
    if asked.callback is not None:
        body["callback"] = {"endpoint": asked.callback}
    s = system.services
    await s.bus.publish(s.topics.runs, canonical(body), {}, timeout_s=s.timing.publish_s)


async def _uploaded(system: System, tenant: str, run_id: str, lines: Sequence[bytes]) -> dict[str, Any]:
    async def chunks() -> AsyncIterator[bytes]:
        for line in lines:
            yield line + b"\n"

    s = system.services
    name = f"tenants/{tenant}/runs/{run_id}/given.jsonl"
    return (await s.blobs.put_stream(name, chunks(), timeout_s=s.timing.blob_s)).encode()


def _tell(run_id: str, found: Expected, cost: Estimate, lanes: Sums, *, as_json: bool) -> None:
    """What will be asked, what it may cost, and by which lanes it would go."""
    if as_json:
        estimated = cost.as_json() | {"by_step": found.by_step, "refused": found.refused, "by_lane": lanes}
        print_json({"run_id": run_id, "items": found.items, **estimated})
        return
    out = stdout()
    out.print(f"{counted(found.items, 'item')}, {counted(cost.requests, 'request')}:")
    for step, requests in found.by_step.items():
        out.print(f"  {step:<24} {requests:>12,}")
    for why, count in found.refused.items():
        warn(f"No request can be made of {counted(count, 'item')}: {why}.")
    if lanes:
        out.print(of_many(lanes))
    if cost.unknown_price:
        warn(_UNPRICED)
        return
    most = dollars(cost.input_usd + cost.output_usd_at_most)
    out.print(
        f"  expected from {dollars(cost.input_usd)} (the questions) to {most} (answers at their longest)"
    )
    if cost.unlimited_answers:
        warn(f"{counted(cost.unlimited_answers, 'answer')} without max_tokens: their length is in no figure.")
