"""`penstock demo`: the main job, start to end, on this machine alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from importlib import resources
from pathlib import Path
from typing import Any

from penstock.settings import read_settings
from penstock_ops.asking.outgoing import Body, Outgoing, outgoing, publish_all, read_bodies
from penstock_ops.asking.pending import Pending
from penstock_ops.local import demo_outcome
from penstock_ops.local.demo_outcome import Outcome
from penstock_ops.local.listed_model import first_model
from penstock_ops.processes.folder_lock import serving
from penstock_ops.processes.stack import LocalStack
from penstock_ops.terminal.console import counted, own_name, print_json, say, warn
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.system import System, local_folder, local_topology, open_system, writable

_FILES = (".json", ".jsonl", ".ndjson", ".txt")
#: How long the end waits for the results' confirmation, in seconds.
_CONFIRM_S = 5.0


def demo(questions: Sequence[str], *, as_json: bool, idle_s: float) -> int:
    """Publish `questions` (prompts, files; none: the shipped file), show what came of it: the exit code."""
    messages = _messages(questions)
    env = dict(os.environ)
    folder = writable(local_folder(env))
    env["PENSTOCK_LOCAL"] = str(folder)
    if env.get("OPENAI_BASE_URL") and not env.get("PENSTOCK_ROUTES"):
        env["PENSTOCK_DEFAULT_MODEL"] = env.get("PENSTOCK_DEFAULT_MODEL") or _first_model(env)
    settings = read_settings(env)
    say(f"penstock demo: {counted(len(messages), 'message')}, local folder {folder}")
    with contextlib.ExitStack() as stack:
        if running := serving(folder):
            say(f"The stack of process {running.pid} is up on it and answers.")
        else:
            for warning in settings.warnings:
                warn(warning)
            stack.enter_context(LocalStack.start(folder, env))
        try:
            outcome = asyncio.run(_ask(env, messages, idle_s))
        except KeyboardInterrupt:
            warn(f"Interrupted. Nothing is lost: `{own_name(os.environ, local=True)} dev` goes on with it.")
            raise
    if as_json:
        print_json(demo_outcome.as_json(outcome, folder))
    else:
        demo_outcome.show(outcome)
    return int(outcome.fell_short)


async def _ask(env: Mapping[str, str], messages: Sequence[Outgoing], idle_s: float) -> Outcome:
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(open_system(env))
        pending = await stack.enter_async_context(Pending(system))
        sent = await publish_all(system, messages)
        with progress("answering", len(sent)) as advance:
            await pending.wait(
                sent,
                idle_s=idle_s,
                on_change=lambda: advance(len(pending.ended), pending.waiting_for),
                is_served=lambda: serving(local_folder(env)) is not None,
            )
        await _confirmed(system)
        return Outcome(sent, pending.ended, pending.waiting_for)


async def _confirmed(system: System) -> None:
    """Let the broker finish what is on its way: the results' deliveries to response_processor."""
    topology, bus = local_topology(system.settings), system.local_bus
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CONFIRM_S):
            # The broker is another process: there is no event to wait for.
            while bus and await bus.waiting(topology.response_subscription):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


def _messages(questions: Sequence[str]) -> list[Outgoing]:
    run = f"demo-{secrets.token_hex(2)}"
    if not questions:
        text = resources.files("penstock_ops.local").joinpath("prompts.jsonl").read_text(encoding="utf-8")
        bodies = [json.loads(line) for line in text.splitlines()]
        return [
            outgoing(_in_run(run, body), "prompts.jsonl", f"{run}-{n:02d}")
            for n, body in enumerate(bodies, 1)
        ]
    found: list[tuple[str, Body]] = []
    for question in questions:
        if question == "-" or _names_file(question):
            found += read_bodies(Path(question))
        elif question.strip():
            found.append(("the command line", {"prompt": question}))
        else:
            raise Misuse("A prompt must say something.")
    return [outgoing(body, where, f"{run}-{n:02d}") for n, (where, body) in enumerate(found, 1)]


def _names_file(question: str) -> bool:
    """Whether it is a file's name, there or not: a prompt may end in one, but has spaces before it."""
    return question.lower().endswith(_FILES) and (" " not in question or os.path.exists(question))


def _in_run(run: str, body: dict[str, Any]) -> dict[str, Any]:
    """The shipped ids show what one id twice does: within this run, not against the last one."""
    return body | {"request_id": f"{run}-{body['request_id']}"} if "request_id" in body else body


def _first_model(env: Mapping[str, str]) -> str:
    model = first_model(env)
    say(f"PENSTOCK_DEFAULT_MODEL is not set: asking {model}, the first that {env['OPENAI_BASE_URL']} lists.")
    return model
