"""How far a bench has come: a bar on stderr, where that is a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from penstock_ops.terminal.console import stderr

#: Drawn this often a second: drawing takes time on a core that emulators and clock share.
_DRAWN_PER_S = 2


class Steps:
    """Call it with what begins now. Without a bar it says nothing."""

    def __init__(self, bar: Progress | None = None, line: TaskID | None = None) -> None:
        self._bar = bar
        self._line = line
        self._begun = 0

    def expect(self, total: int) -> None:
        """So many steps come from here on; before that the bar only shows that something moves."""
        self._begun = 0
        self._update(total=total, completed=0)

    def __call__(self, what: str) -> None:
        self._update(completed=self._begun, note=escape(what))
        self._begun += 1

    def _update(self, **fields: object) -> None:
        if self._bar is not None and self._line is not None:
            self._bar.update(self._line, **fields)  # type: ignore[arg-type]  # its named fields, as they come


@contextlib.contextmanager
def steps(doing: str) -> Iterator[Steps]:
    """The steps of `doing`; the bar is gone at the end."""
    console = stderr()
    bar = Progress(
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
        console=console,
        transient=True,
        refresh_per_second=_DRAWN_PER_S,
        disable=not console.is_terminal,
    )
    with bar:
        yield Steps(bar, bar.add_task("", total=None, note=""))
