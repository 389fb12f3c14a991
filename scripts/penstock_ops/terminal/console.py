"""How the command speaks: data on stdout, words on stderr, and the same spelling of a figure everywhere."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from penstock_ops.terminal.shown import printable, shown, spelled_in_json
from penstock_ops.terminal.system import is_local, local_folder

#: Wide enough for a result's line where stdout is no terminal, or one too narrow to fold words for.
_FILE_WIDTH, _LEAST_WIDTH = 140, 40

_STYLES = {"completed": "green", "failed": "red", "dead letter": "yellow", "unfinished": "yellow"}


def stdout(least_width: int = _LEAST_WIDTH) -> Console:
    """For data. A terminal narrower than that folds the lines itself, so that nothing is cut off."""
    console = Console(highlight=False, emoji=False)
    if not sys.stdout.isatty() or console.width < least_width:
        console.width, console.soft_wrap = max(_FILE_WIDTH, least_width), True
    return console


def stderr() -> Console:
    """For words about it."""
    console = Console(stderr=True, highlight=False, emoji=False)
    console.soft_wrap = not sys.stderr.isatty() or console.width < _LEAST_WIDTH
    return console


def say(sentence: str) -> None:
    """A remark to the person at the terminal."""
    stderr().print(f"[dim]{shown(sentence)}[/dim]")


def warn(sentence: str) -> None:
    stderr().print(f"[yellow]{shown(sentence)}[/yellow]")


def complain(sentence: str) -> None:
    """Why the command ends without having done what it was asked."""
    stderr().print(f"[red]error: {shown(sentence)}[/red]", soft_wrap=True)


def write(text: str) -> None:
    """A text of others on stdout, line by line as it is: rich would fold it and turn its tabs into spaces."""
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Data for a program; in ASCII alone where stdout takes no more, or the text is no Unicode."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    if not _takes(text):
        text = json.dumps(value, ensure_ascii=True, indent=indent, default=str)
    sys.stdout.write(spelled_in_json(text) + "\n")
    sys.stdout.flush()


def _takes(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


def coloured(status: str) -> str:
    """A status with its colour, as rich's markup."""
    style = _STYLES.get(status)
    return f"[{style}]{status}[/{style}]" if style else shown(status)


def dollars(usd: float | None) -> str:
    """An amount; None is unknown, and never 0."""
    if usd is None:
        return "unknown"
    if usd == 0:
        return "$0"
    return f"${usd:.6f}" if abs(usd) < 1 else f"${usd:,.2f}"


def tokens(usage: Mapping[str, Any] | None) -> str:
    """Prompt and completion tokens, with the share that the provider's cache had; `~` marks an estimate."""
    if not usage:
        return "–"
    mark = "~" if usage["estimated"] else ""
    share = usage.get("cached_tokens", 0) / (usage["prompt_tokens"] or 1)
    cached = f" ({usage['cached_tokens']} cached, {share:.0%})" if share else ""
    return f"{mark}{usage['prompt_tokens']}{cached} → {usage['completion_tokens']}"


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
