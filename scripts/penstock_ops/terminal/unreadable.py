"""Stored requests that this version cannot read: written by a later one (a rollback), or damaged.

They stop no verb: each goes on with the rest, and names them.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock_ops.terminal.console import counted, warn

#: Paths that a sentence names.
_NAMED = 5


def warn_unreadable(paths: Sequence[str], consequence: str) -> None:
    """Name them, and what it means for what the verb does; nothing when there are none."""
    if paths:
        some = ", ".join(paths[:_NAMED]) + (", …" if len(paths) > _NAMED else "")
        warn(
            f"{counted(len(paths), 'stored request')} cannot be read by this version, being damaged or of a "
            f"later one ({some}): {consequence}"
        )
