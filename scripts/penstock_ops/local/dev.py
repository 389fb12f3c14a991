"""`penstock dev`: the local stack, kept up until it is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.adapters.buses.endpoint import HttpSend
from penstock.settings import Settings, default_folder, read_settings
from penstock.variables import LOCAL
from penstock_ops.emulation.emulated import EmulatedStack, emulated
from penstock_ops.keys.own import own_key
from penstock_ops.local.events import Events, is_quiet, line
from penstock_ops.processes.minute import each_minute
from penstock_ops.processes.serve import FRONT_DOOR, SOURCE
from penstock_ops.processes.stack import LocalStack, log_file, refuse_if_served, tail
from penstock_ops.terminal.console import own_name, print_json, say, stdout, warn
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.shown import shown
from penstock_ops.terminal.system import is_local, local_folder, stack_settings, writable

#: How often new log lines are looked for, in seconds.
_POLL_S = 0.2
#: Whoever sits at this machine has both, unless its environment says otherwise.
_SWITCHED_ON = {"PENSTOCK_DOOR": "keys", "PENSTOCK_CONSOLE": LOCAL}


@dataclass(frozen=True, slots=True)
class _Up:
    """A running stack, as it is told to the person who started it."""

    system: str
    urls: Mapping[str, str]
    #: What another shell has to export.
    exports: Mapping[str, str]
    logs: Sequence[Path]
    #: What clients of OpenAI's API are given.
    client: Mapping[str, str]
    #: The part that has ended by itself; None: all run.
    ended: Callable[[], str | None]


def dev(*, on_emulators: bool, project: str | None, as_json: bool) -> int:
    """Serve until Ctrl-C or SIGTERM. Raises OperatorFault, EmulatorFault, SettingsError."""
    with contextlib.suppress(KeyboardInterrupt):
        if on_emulators:
            _on_emulators(project or os.environ.get("GOOGLE_CLOUD_PROJECT") or "penstock-local", as_json)
        else:
            _on_folder(as_json)
    say("Ended.")
    return 0


def _on_folder(as_json: bool) -> None:
    folder = writable(local_folder(os.environ))
    env = _SWITCHED_ON | dict(os.environ) | {"PENSTOCK_LOCAL": str(folder)}
    settings = stack_settings(env)
    refuse_if_served(folder)
    with LocalStack.start(folder, env) as stack:
        is_default = folder == default_folder(os.environ).absolute() and is_local(os.environ)
        exports = {} if is_default else {"PENSTOCK_LOCAL": str(folder)}
        ended: Callable[[], str | None] = lambda: "the local stack" if stack.ended else None  # noqa: E731
        urls = stack.running.urls
        up = _Up(f"local folder {folder}", urls, exports, [log_file(folder)], _client(settings, urls), ended)
        _tell(up, settings, as_json)
        asyncio.run(_follow(up, as_json))


def _on_emulators(project: str, as_json: bool) -> None:
    folder = writable(local_folder(os.environ) / "emulators")
    # Checked before anything starts; the hosts are not known yet.
    hosts = {"PUBSUB_EMULATOR_HOST": "localhost", "FIRESTORE_EMULATOR_HOST": "localhost"}
    env = {name: value for name, value in os.environ.items() if name != "PENSTOCK_LOCAL"}
    env = _SWITCHED_ON | env
    settings = stack_settings(env | hosts | {"GOOGLE_CLOUD_PROJECT": project})
    say("Starting Google's emulators, the functions and the bridge …")
    with emulated(env, project, folder, SOURCE) as stack:
        client = _client(read_settings({**env, **stack.env}), stack.urls)
        name = f"project {project} on the emulators"
        up = _Up(name, stack.urls, stack.env, _logs(stack), client, lambda: stack.ended)
        _tell(up, settings, as_json)
        asyncio.run(_follow_with_minute(up, settings.time_scale, as_json))


def _client(settings: Settings, urls: Mapping[str, str]) -> Mapping[str, str]:
    """Where the door is, and a key to it; nothing where it is switched off, or asks for none."""
    if FRONT_DOOR not in urls:
        return {}
    address = {"OPENAI_BASE_URL": f"{urls[FRONT_DOOR]}v1"}
    return address | ({"OPENAI_API_KEY": asyncio.run(own_key(settings))} if settings.door == "keys" else {})


def _logs(stack: EmulatedStack) -> list[Path]:
    return [child.log for child in stack.children.values()]


def _plain() -> str:
    return own_name({}, local=False)


def _tell(up: _Up, settings: Settings, as_json: bool) -> None:
    if as_json:
        told = {
            "system": up.system,
            "urls": up.urls,
            "env": up.exports,
            "client": up.client,
            "warnings": settings.warnings,
        }
        print_json({"action": "dev.ready"} | told, indent=None)
        return
    for warning in settings.warnings:
        warn(warning)
    name, out = _plain(), stdout()
    out.print(f"[green]Penstock is up[/green]: {shown(up.system)}")
    for target, url in up.urls.items():
        out.print(f"  {target:<19} {url}")
    out.print("\nIn another shell:")
    for variable, value in up.exports.items():
        out.print(f"  export {variable}={shown(shlex.quote(value))}", soft_wrap=True)
    out.print(f"  {name} publish --wait 'Why is the sky blue?'", soft_wrap=True)
    out.print(f"  {name} watch", soft_wrap=True)
    out.print(f"  {name} get ID", soft_wrap=True)
    if up.client:
        out.print("\nOr with code that speaks OpenAI's API:")
    for variable, value in up.client.items():
        out.print(f"  export {variable}={shown(shlex.quote(value))}", soft_wrap=True)
    out.print("\nCtrl-C ends it. What happens:", style="dim")


async def _follow_with_minute(up: _Up, time_scale: float, as_json: bool) -> None:
    send = HttpSend()
    minute = asyncio.create_task(each_minute(send, up.urls["sweeper"], time_scale=time_scale))
    try:
        await _follow(up, as_json)
    finally:
        minute.cancel()
        await asyncio.wait({minute})
        await send.close()


async def _follow(up: _Up, as_json: bool) -> None:
    """Print the log as it grows. Raises OperatorFault when a part ends by itself."""
    events = Events(up.logs)
    try:
        while True:
            for event in events.new():
                _print(event, as_json)
            if ended := up.ended():
                raise OperatorFault(f"{ended} has ended; the last words:\n{_last_words(up.logs)}")
            await asyncio.sleep(_POLL_S)
    finally:
        events.close()


def _last_words(logs: Sequence[Path]) -> str:
    newest = max(logs, key=lambda log: log.stat().st_mtime if log.exists() else 0)
    return tail(newest)


def _print(event: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(event, indent=None)
    elif not is_quiet(event):
        text, colour = line(event)
        stdout().print(text, style=colour or None, markup=False, soft_wrap=True)
