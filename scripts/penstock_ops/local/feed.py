"""`scripts/examples/feed`: a feed's entries as a run on this machine; what they say, and what it cost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.adapters.feeds import fetch_feed
from penstock.errors import PenstockError
from penstock.feeds.asked import MAX_WAIT_S
from penstock.feeds.entries import items_of
from penstock.messages.strict_json import canonical
from penstock_ops.local.feed_told import tell
from penstock_ops.processes.folder_lock import serving
from penstock_ops.processes.serve import RUN_HANDLER
from penstock_ops.processes.stack import LocalStack
from penstock_ops.running.pipeline_file import read_pipeline
from penstock_ops.running.reach import get_run
from penstock_ops.running.show import follow_to_end
from penstock_ops.terminal.console import complain, say
from penstock_ops.terminal.faults import OperatorFault, exit_code, sentence
from penstock_ops.terminal.system import local_folder, open_system, stack_settings, writable

_TENANT = "default"


def main(pipeline: str, feed: str) -> int:
    """The exit code."""
    try:
        body, _ = read_pipeline(Path(pipeline))
        items = items_of(_read(feed))
        env = _environment()
        with _served(env):
            return asyncio.run(_ask(env, body, items))
    except KeyboardInterrupt:
        return 130
    except (OperatorFault, PenstockError, OSError) as error:
        complain(sentence(error))
        return exit_code(error)


def _read(feed: str) -> bytes:
    """The bytes of a file, or at an address. Raises FeedError, OperatorFault."""
    if feed.startswith(("http://", "https://")):
        return asyncio.run(fetch_feed(feed))
    try:
        return Path(feed).read_bytes()
    except OSError as error:
        raise OperatorFault(f"{feed} cannot be read ({error.strerror}).") from None


def _environment() -> dict[str, str]:
    """This shell's, on its local folder, with runs switched on."""
    env = dict(os.environ) | {"PENSTOCK_LOCAL": str(local_folder(os.environ))}
    return {"PENSTOCK_RUNS_TOPIC": "llm-runs"} | env


@contextlib.contextmanager
def _served(env: Mapping[str, str]) -> Iterator[None]:
    """The local stack while the body runs: the one that is up, or ours. Raises OperatorFault."""
    folder = writable(stack_settings(env).folder)
    running = serving(folder)
    if running is None:
        with LocalStack.start(folder, env):
            yield
        return
    if RUN_HANDLER not in running.urls:
        raise OperatorFault(
            f"process {running.pid} serves {folder} without runs: end it, or start it with "
            "PENSTOCK_RUNS_TOPIC=llm-runs."
        )
    yield


async def _ask(env: Mapping[str, str], pipeline: Mapping[str, Any], items: list[dict[str, str]]) -> int:
    run_id = f"feed-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    body = {
        "run_id": run_id,
        "tenant": _TENANT,
        "pipeline": pipeline,
        "items": items,
        "max_wait_s": MAX_WAIT_S,
    }
    async with open_system(env) as system:
        s = system.services
        say(f"{len(items)} entries, run {run_id} → {system.name}")
        await s.bus.publish(s.topics.runs, canonical(body), {}, timeout_s=s.timing.publish_s)
        code = await follow_to_end(system, _TENANT, run_id, as_json=False)
        await tell(s, await get_run(system, _TENANT, run_id))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
