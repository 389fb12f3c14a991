"""How the command speaks: data on stdout, words on stderr, and the same spelling of a figure everywhere."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from penstock_ops.terminal.system import is_local, local_folder

#: Wide enough for a result's line where stdout is no terminal.
_FILE_WIDTH = 140

_STYLES = {"completed": "green", "failed": "red", "dead letter": "yellow", "unfinished": "yellow"}


def stdout() -> Console:
    """For data."""
    tty = sys.stdout.isatty()
    return Console(width=None if tty else _FILE_WIDTH, highlight=False, soft_wrap=not tty)


def stderr() -> Console:
    """For words about it."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def say(sentence: str) -> None:
    """A remark to the person at the terminal."""
    stderr().print(f"[dim]{escape(sentence)}[/dim]")


def warn(sentence: str) -> None:
    stderr().print(f"[yellow]{escape(sentence)}[/yellow]")


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Data for a program."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent, default=str) + "\n")
    sys.stdout.flush()


def coloured(status: str) -> str:
    """A status with its colour, as rich's markup."""
    style = _STYLES.get(status)
    return f"[{style}]{status}[/{style}]" if style else escape(status)


def dollars(usd: float | None) -> str:
    """An amount; None is unknown, and never 0."""
    if usd is None:
        return "unknown"
    if usd == 0:
        return "$0"
    return f"${usd:.6f}" if abs(usd) < 1 else f"${usd:,.2f}"


def tokens(usage: Mapping[str, Any] | None) -> str:
    """Prompt and completion tokens; `~` marks an estimate."""
    if not usage:
        return "–"
    mark = "~" if usage["estimated"] else ""
    return f"{mark}{usage['prompt_tokens']} → {usage['completion_tokens']}"


def counted(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def milliseconds(ms: int) -> str:
    return f"{ms:,}"


def own_name(env: Mapping[str, str], *, local: bool) -> str:
    """How this shell calls the command; `local`: so that it talks to the local folder whatever is set."""
    installed = Path(sys.executable).with_name("penstock")
    name = "penstock"
    if shutil.which("penstock") is None and installed.exists():
        here = Path.cwd()
        name = str(installed.relative_to(here) if installed.is_relative_to(here) else installed)
    if local and not is_local(env):
        return f"PENSTOCK_LOCAL={local_folder(env)} {name}"
    return name
