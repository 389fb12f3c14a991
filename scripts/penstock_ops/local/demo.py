"""`penstock demo`: the main job, start to end, on this machine alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from penstock.settings import Settings
from penstock_ops.asking.long_answers import whole
from penstock_ops.asking.pending import Ended, Pending
from penstock_ops.asking.publishing import Sent, publish_all
from penstock_ops.asking.spool import Spool
from penstock_ops.local import demo_outcome
from penstock_ops.local.demo_outcome import Outcome
from penstock_ops.local.listed_model import first_model
from penstock_ops.local.questions import fill
from penstock_ops.processes.folder_lock import serving
from penstock_ops.processes.stack import LocalStack
from penstock_ops.terminal.console import counted, own_name, print_json, say, warn
from penstock_ops.terminal.progress import progress
from penstock_ops.terminal.system import (
    System,
    local_folder,
    local_topology,
    open_system,
    stack_settings,
    writable,
)

#: How long the end waits for the results' confirmation, in seconds.
_CONFIRM_S = 5.0


def demo(questions: Sequence[str], *, as_json: bool, idle_s: float) -> int:
    """Publish `questions` (prompts, files; none: the shipped file), show what came of it: the exit code."""
    with Spool() as messages:
        fill(messages, questions)
        outcome, folder = _run(messages, idle_s, in_full=not as_json and len(messages) <= demo_outcome.FEW)
    if as_json:
        print_json(demo_outcome.as_json(outcome, folder))
    else:
        demo_outcome.show(outcome)
        name = own_name(os.environ, local=True)
        say(f"To look at it in a browser: `{name} dev`, and open the console's address that it prints.")
    return int(outcome.fell_short)


def _run(messages: Spool, idle_s: float, *, in_full: bool) -> tuple[Outcome, Path]:
    env, settings = _environment()
    folder = writable(settings.folder)
    say(f"penstock demo: {counted(len(messages), 'message')}, local folder {folder}")
    with contextlib.ExitStack() as stack:
        if running := serving(folder):
            say(f"The stack of process {running.pid} is up on it and answers.")
        else:
            for warning in settings.warnings:
                warn(warning)
            stack.enter_context(LocalStack.start(folder, env))
        try:
            return asyncio.run(_ask(env, messages, idle_s, in_full=in_full)), folder
        except KeyboardInterrupt:
            warn(f"Interrupted. Nothing is lost: `{own_name(os.environ, local=True)} dev` goes on with it.")
            raise


def _environment() -> tuple[dict[str, str], Settings]:
    """This shell's, with a model to ask; all of it is checked before anything is asked or made."""
    env = dict(os.environ) | {"PENSTOCK_LOCAL": str(local_folder(os.environ))}
    asks = bool(env.get("OPENAI_BASE_URL") and not env.get("PENSTOCK_ROUTES"))
    if asks and not env.get("PENSTOCK_DEFAULT_MODEL"):
        stack_settings(env | {"PENSTOCK_DEFAULT_MODEL": "asked-for-below"})
        env["PENSTOCK_DEFAULT_MODEL"] = _first_model(env)
    return env, stack_settings(env)


async def _ask(env: Mapping[str, str], messages: Spool, idle_s: float, *, in_full: bool) -> Outcome:
    sent: list[Sent] = []
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(open_system(env))
        pending = await stack.enter_async_context(Pending(system))
        await publish_all(system, messages, sent, lambda: None)
        with progress("answering", len(sent)) as advance:
            await pending.wait(
                sent,
                idle_s=idle_s,
                on_change=lambda: advance(len(pending.ended), pending.waiting_for),
                is_served=lambda: serving(local_folder(env)) is not None,
            )
        await _confirmed(system)
        ended = [await _whole(system, one) for one in pending.ended] if in_full else pending.ended
        return Outcome(sent, ended, pending.waiting_for)


async def _whole(system: System, ended: Ended) -> Ended:
    return replace(ended, result=await whole(system, ended.result)) if ended.result else ended


async def _confirmed(system: System) -> None:
    """Let the broker finish what is on its way: the results' deliveries to response_processor."""
    topology, bus = local_topology(system.settings), system.local_bus
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CONFIRM_S):
            # The broker is another process: there is no event to wait for.
            while bus and await bus.waiting(topology.response_subscription):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


def _first_model(env: Mapping[str, str]) -> str:
    model = first_model(env)
    say(f"PENSTOCK_DEFAULT_MODEL is not set: asking {model}, the first that {env['OPENAI_BASE_URL']} lists.")
    return model
