"""`penstock demo --lanes`: the same questions with three deadlines, and what each deadline buys."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock_ops.asking.found import Found
from penstock_ops.asking.outgoing import outgoing
from penstock_ops.asking.pending import Pending
from penstock_ops.asking.publishing import Sent, publish_all
from penstock_ops.asking.spool import Spool
from penstock_ops.emulation.offline_lanes import MODEL, offline_lanes
from penstock_ops.local.demo_lanes_shown import PRICE, Group, as_json, show
from penstock_ops.local.questions import found
from penstock_ops.processes.folder_lock import serving
from penstock_ops.processes.stack import LocalStack
from penstock_ops.terminal.console import counted, print_json, say
from penstock_ops.terminal.durations import seconds
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.system import open_system, stack_settings

#: The system's own waits are so much shorter: two and a half minutes until a batch is sealed become 3 s.
_SCALE = 50
#: However it goes, it ends then, in seconds: ten times what it takes on a machine that is not busy.
_ENDS_S = 240.0
_QUESTIONS = ("Why is the sky blue?", "Name a river.", "What is a penstock?", "How deep is the sea?")
#: What of this shell is no business of the stack of a demo.
_OTHERS = ("PENSTOCK_", "OPENAI_", "GOOGLE_CLOUD_PROJECT", "PUBSUB_", "FIRESTORE_", "K_")


@dataclass(frozen=True, slots=True)
class Deadline:
    """What a request names, and the route that it goes by."""

    name: str
    route: str

    def asks(self, body: Mapping[str, object]) -> dict[str, object]:
        """`body` with this deadline; not from the cache, where all three would share one answer."""
        said = {name: value for name, value in body.items() if name not in ("request_id", "deadline")}
        waits = {"max_wait_s": seconds(self.name)} if self.name else {}
        return said | {"model": self.route, "cache": "off"} | waits


_DEADLINES = (Deadline("", "soon"), Deadline("30m", "soon"), Deadline("1d", "later"))


def demo_lanes(questions: Sequence[str], *, as_data: bool) -> int:
    """The exit code: 1 where a request failed or did not end in time. Raises Misuse, OperatorFault."""
    asked = [_body(one) for one in found(questions or _QUESTIONS)]
    say(f"penstock demo --lanes: {counted(len(asked), 'question')}, each with three deadlines")
    groups = asyncio.run(_run(asked))
    if as_data:
        print_json(as_json(groups))
    else:
        show(groups, _SCALE)
    return int(not all(group.whole for group in groups))


def _body(one: Found) -> Mapping[str, object]:
    """Raises Misuse for what is no request."""
    if isinstance(one.body, bytes):
        raise Misuse(one.unreadable())
    if fault := outgoing(one.body).fault:
        raise Misuse(one.told(fault))
    return one.body


async def _run(asked: Sequence[Mapping[str, object]]) -> list[Group]:
    with tempfile.TemporaryDirectory(prefix="penstock-lanes-") as folder:
        async with offline_lanes() as url:
            env = _environment(Path(folder), url)
            stack_settings(env)
            with await asyncio.to_thread(LocalStack.start, Path(folder), env):
                return await _ask(env, Path(folder), asked)


def _environment(folder: Path, url: str) -> dict[str, str]:
    shell = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    return shell | {
        "PENSTOCK_LOCAL": str(folder),
        "PENSTOCK_ROUTES": _routes(url),
        "PENSTOCK_BATCHES_TOPIC": "llm-batches",
        "PENSTOCK_TIME_SCALE": str(_SCALE),
        "OPENAI_API_KEY": "offline",
    }


def _routes(url: str) -> str:
    """One model at one price in three lanes."""
    usual = {"provider": "openai", "model": MODEL, "price": PRICE, "base_url": url, "max_output": 200}
    at_once, flex = usual | {"name": "at-once"}, usual | {"name": "flex", "service_tier": "flex"}
    batch = usual | {"name": "batch", "lane": "batch"}
    routes = {
        "soon": {"choose": "cheapest", "targets": [at_once, flex]},
        "later": {"choose": "cheapest", "targets": [at_once, batch]},
    }
    return json.dumps({"default": "soon", "routes": routes})


async def _ask(env: Mapping[str, str], folder: Path, asked: Sequence[Mapping[str, object]]) -> list[Group]:
    sent: list[Sent] = []
    with Spool() as messages:
        for name, body in _bodies(asked):
            messages.add(outgoing(body, name))
        async with open_system(env) as system, Pending(system) as pending:
            await publish_all(system, messages, sent, lambda: None)
            with progress("answering", len(sent)) as advance:
                await pending.wait(
                    sent,
                    wait_s=_ENDS_S,
                    on_change=lambda: advance(len(pending.ended), pending.waiting_for),
                    is_served=lambda: serving(folder) is not None,
                )
    ended = {one.sent.request_id: one for one in pending.ended}
    return [
        Group(deadline.name, [ended.get(f"{number}-{n}") for n in range(len(asked))])
        for number, deadline in enumerate(_DEADLINES)
    ]


def _bodies(asked: Sequence[Mapping[str, object]]) -> Iterator[tuple[str, dict[str, object]]]:
    for number, deadline in enumerate(_DEADLINES):
        yield from ((f"{number}-{n}", deadline.asks(body)) for n, body in enumerate(asked))
