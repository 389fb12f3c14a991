"""Which Firestore a proof of real processes runs on: `--indexed`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock_ops.emulation.emulators import EmulatorFault, Emulators
from tests.servers.firestore_wire.process import start_indexed

Indexed = Annotated[
    bool,
    typer.Option(
        "--indexed",
        help="On a Firestore of our own that has indexes, in place of Google's emulator: that one reads "
        "every document for each query, so that among some ten thousand none is answered in its time. "
        "Both keep the contract in tests/contract.",
    ),
]


def started(folder: Path, *, indexed: bool) -> Emulators:
    """Google's emulators, or Pub/Sub's beside our Firestore; logs in `folder`. Whatever does not start ends
    the command."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return start_indexed(folder) if indexed else Emulators.start(folder, brief=False)
    except EmulatorFault as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(2) from None


def said(indexed: bool) -> str:
    """The flag as a command has it."""
    return " --indexed" if indexed else ""
