"""The routes that an operator names: those of a file, else of this shell."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.targets.routes import Routes, parse_routes
from penstock_ops.terminal.faults import Misuse


def routes_named(path: Path | None) -> Routes:
    """Raises Misuse."""
    named = str(path) if path is not None else os.environ.get("PENSTOCK_ROUTES", "")
    if not named:
        raise Misuse("Which routes? --routes FILE names the deployment's; so does PENSTOCK_ROUTES.")
    try:
        text = named if named.lstrip().startswith("{") else Path(named).read_text(encoding="utf-8")
        return parse_routes(text)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Misuse(f"The routes cannot be read: {why}") from None
