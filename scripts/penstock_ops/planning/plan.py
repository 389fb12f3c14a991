"""`penstock plan`: what requests would cost in each lane, and which one they would go by."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from penstock.errors import BadMessage
from penstock.messages.envelope import Envelope
from penstock.messages.request import Request, decode_request
from penstock.services import Services
from penstock.targets.routes import Routes
from penstock_ops.asking.publish_options import Options, fill
from penstock_ops.asking.spool import Spool
from penstock_ops.planning.planned import Planner, Weighed, by_target
from penstock_ops.planning.speeds import speeds_of
from penstock_ops.planning.tables import of_many, of_one
from penstock_ops.terminal.console import print_json, say, stdout
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.routes_named import routes_named
from penstock_ops.terminal.system import open_system


def plan(
    prompts: Sequence[str], files: Sequence[Path], options: Options, routes: Path | None, *, as_json: bool
) -> int:
    """The exit code. Raises Misuse."""
    with Spool() as messages:
        fill(messages, prompts, files, options)
        return asyncio.run(_plan(messages, routes_named(routes), as_json=as_json))


async def _plan(messages: Spool, routes: Routes, *, as_json: bool) -> int:
    async with open_system() as system:
        say(f"penstock plan ← {system.name}")
        s = system.services
        speeds, now = await speeds_of(s, routes), s.clock.now()
        planner = Planner(routes, lambda target: speeds[target.name], s.prices, s.timing)
        try:
            rows = [planner.weighed(_request(s, message.data), now) for message in messages]
        except BadMessage as error:
            raise Misuse(str(error)) from None
    if as_json:
        print_json([_told(one) for one in rows])
    elif len(rows) == 1:
        stdout().print(of_one(rows[0]))
    else:
        stdout().print(of_many(by_target(rows)))
    return 0


def _request(s: Services, data: bytes) -> Request:
    """Raises BadMessage for what the functions would refuse."""
    envelope = Envelope(data, {}, "0", s.clock.now(), "")
    return decode_request(envelope, default_wait_s=s.timing.default_wait_s)


def _told(rows: Sequence[Weighed]) -> Mapping[str, Any]:
    [chosen] = [row for row in rows if row.chosen]
    return {"target": chosen.target, "lane": chosen.lane, "options": [asdict(row) for row in rows]}
