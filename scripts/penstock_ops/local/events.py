"""The functions' log lines as a person follows them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

#: Shown beside the message, where a line has them, in this order.
_FACTS = ("reason", "error", "target", "wait_s", "woken", "cache", "model", "total_ms", "cost_usd")
_COLOURS = {"WARNING": "yellow", "ERROR": "red"}


class Events:
    """New lines of some growing log files. Lines that are not the functions' own come as text."""

    def __init__(self, logs: Sequence[Path]) -> None:
        self._logs = logs
        self._open: dict[Path, BinaryIO] = {}
        self._rest: dict[Path, bytes] = {}

    def new(self) -> Iterator[dict[str, Any]]:
        """What was written since the last call."""
        for log in self._logs:
            if log not in self._open and log.exists():
                self._open[log] = log.open("rb")
            if log not in self._open:
                continue
            *lines, rest = (self._rest.get(log, b"") + self._open[log].read()).split(b"\n")
            self._rest[log] = rest
            yield from (_event(line) for line in lines if line.strip())

    def close(self) -> None:
        for file in self._open.values():
            file.close()


def is_quiet(event: dict[str, Any]) -> bool:
    """Whether it says only that nothing happened, or what another line says better."""
    match event.get("action"):
        case "sweep.finished":
            return not event.get("woken")
        case "provider.called":
            return event.get("outcome") == "ok"
        case "settings.warning":
            return True  # said at the start
    return False


def line(event: dict[str, Any]) -> tuple[str, str]:
    """A line for a person and its colour."""
    who = event.get("request_id") or ""
    if event.get("tenant") not in (None, "default"):
        who = f"{event['tenant']}/{who}"
    facts = " ".join(f"{name}={event[name]}" for name in _FACTS if event.get(name) is not None)
    words = " ".join(part for part in (who, event.get("message", ""), facts) if part)
    text = f"{datetime.now().astimezone():%H:%M:%S}  {event.get('action', ''):<20}  {words}"
    return text, _COLOURS.get(event.get("severity", ""), "")


def _event(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"message": raw.decode("utf-8", "replace")}
