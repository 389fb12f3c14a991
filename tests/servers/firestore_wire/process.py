"""The server started beside a test or a proof, in the place of Google's Firestore emulator."""

from __future__ import annotations

import sys
from pathlib import Path

from penstock_ops.emulation.emulators import PUBSUB, READY_S, Emulator, EmulatorFault, Emulators, Kind
from penstock_ops.processes.awaited import awaited
from penstock_ops.processes.leash import Leashed

_KIND = Kind("indexed Firestore", "", "")
_COMMAND = (sys.executable, "-m", "tests.servers.firestore_wire")


def start_firestore(folder: Path) -> Emulator:
    """Start it, its log in `folder`, and wait until it listens. It has no administration: a project that
    nobody has named is empty. Raises EmulatorFault."""
    log = folder / "firestore-wire.log"
    log.unlink(missing_ok=True)  # a folder that was kept has the last one's
    process = Leashed(_COMMAND, log=log)
    host = awaited(lambda: _host(log), ended=lambda: process.ended, within_s=READY_S)
    if host is None:
        process.stop()
        raise EmulatorFault(f"the {_KIND.name} does not start; it said:\n{log.read_text(errors='replace')}")
    return Emulator(_KIND, host, process)


def start_indexed(folder: Path) -> Emulators:
    """Google's Pub/Sub emulator, and this Firestore. Raises EmulatorFault."""
    pubsub = Emulator.start(PUBSUB, folder, brief=False)
    try:
        return Emulators(pubsub, start_firestore(folder))
    except BaseException:
        pubsub.stop()
        raise


def _host(log: Path) -> str | None:
    """What the first line says, once it is whole."""
    first, whole, _ = log.read_text(errors="replace").partition("\n")
    return first if whole and first.startswith("127.0.0.1:") else None
