"""Who serves a local folder: a lock that ends with its holder, however he ends, and a note beside it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

#: A look at the lock holds it for a moment: a claim tries this long, in seconds.
_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Serving:
    """A running local stack. `urls` are the functions' addresses by name; `token` is its starter's."""

    pid: int
    token: str
    urls: Mapping[str, str]


class AlreadyServed(Exception):
    """Another stack serves this folder."""


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Be the one who serves `folder`. Raises AlreadyServed."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(_lock(folder), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        _acquire(lock)
        _note(folder).unlink(missing_ok=True)
        yield
        _note(folder).unlink(missing_ok=True)
    finally:
        os.close(lock)


def announce(folder: Path, serving: Serving) -> None:
    """Tell where the stack is; only whoever holds the claim may."""
    aside = _note(folder).with_suffix(".new")
    aside.write_text(json.dumps(asdict(serving)))
    aside.replace(_note(folder))


def serving(folder: Path) -> Serving | None:
    """The stack that serves `folder` now; None: nobody does, or it is only starting."""
    try:
        lock = os.open(_lock(folder), os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(folder)
    finally:
        os.close(lock)
    return None


def _read(folder: Path) -> Serving | None:
    try:
        return Serving(**json.loads(_note(folder).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _acquire(lock: int) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise AlreadyServed from None
            time.sleep(0.02)
        else:
            return


def _lock(folder: Path) -> Path:
    return folder / "serving.lock"


def _note(folder: Path) -> Path:
    return folder / "serving.json"
