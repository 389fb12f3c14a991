"""Logs: one JSON object a line on stdout, as Cloud Logging takes it, with a stable `action`.

Prompts, completions and keys are never handed to this module: callers log ids, counts and reasons.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


def event(action: str, message: str, *, severity: str = "INFO", **fields: Any) -> None:
    """Write one line. `action` is what metrics and alerts match; `message` is for people."""
    line = {"severity": severity, "action": action, "message": message} | fields
    sys.stdout.write(_encode(line) + "\n")
    sys.stdout.flush()


def warning(action: str, message: str, **fields: Any) -> None:
    event(action, message, severity="WARNING", **fields)


def error(action: str, message: str, **fields: Any) -> None:
    event(action, message, severity="ERROR", **fields)


def crash(action: str, message: str, error: Exception, **fields: Any) -> None:
    """An unforeseen error: its type and where it came from, but not its text, which may hold a prompt."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    event(action, message, severity="ERROR", error=type(error).__name__, where=where, **fields)
