"""The routes that an operator names: those of a file, else of this shell."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.errors import SettingsError
from penstock.targets.routes import Routes, parse_routes
from penstock_ops.terminal.faults import Misuse


def routes_named(path: Path | None) -> Routes:
    """Raises Misuse."""
    named = str(path) if path is not None else os.environ.get("PENSTOCK_ROUTES", "")
    if not named:
        raise Misuse("Which routes? --routes FILE names the deployment's; so does PENSTOCK_ROUTES.")
    inline = path is None and named.lstrip().startswith("{")
    where = "PENSTOCK_ROUTES" if inline else named
    try:
        return parse_routes(named if inline else Path(named).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Misuse(f"The routes cannot be read: {where}: {why}.") from None
    except SettingsError as error:
        faults = "; ".join(fault.replace("PENSTOCK_ROUTES", where) for fault in error.faults)
        raise Misuse(f"The routes cannot be used: {faults}") from None
