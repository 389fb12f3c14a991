"""A progress bar on stderr, where that is a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from penstock_ops.terminal.console import stderr
from penstock_ops.terminal.shown import printable


@contextlib.contextmanager
def progress(doing: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Call what is given with how many are done, and a note; the bar is gone at the end."""
    console = stderr()
    bar = Progress(
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # what is printed into a file meanwhile stays out of the bar
    )
    with bar:
        line = bar.add_task("", total=total, note="")
        yield lambda done, note: bar.update(line, completed=done, note=_on_one_line(note))


def _on_one_line(note: str) -> str:
    return " ".join(printable(note).split())
