"""For every test: Google's emulators where it asks for them, and a Ctrl-C that works."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.examples  # noqa: F401 - registers the profile that --hypothesis-profile may name
from penstock_ops.emulation.emulators import Emulator, EmulatorMissing, Emulators
from tests.servers.firestore_wire.process import start_firestore

_MISSING = "EMULATORS MISSING"

#: The files that keep a worker longest. They are begun first, so that short ones fill the end; a file that is
#: missing here only costs time.
_LONGEST = (
    "terraform/test_configurations.py",
    "chaos/test_matrix.py",
    "chaos/test_model.py",
    "unit/tune/test_knee_on_hidden_engines.py",
    "unit/test_scripts.py",
    "acceptance/test_protocol.py",
    "acceptance/test_cli_publish.py",
    "acceptance/test_cli_dev.py",
    "chaos/test_simulate.py",
    "chaos/test_processes.py",
    "chaos/test_leases.py",
    "acceptance/test_redrive.py",
    "acceptance/test_demo.py",
    "acceptance/test_cli_errors.py",
    "unit/tune/test_cli.py",
    "chaos/test_flight_processes.py",
    "unit/test_tiers.py",
)


def pytest_configure() -> None:
    """A shell's background processes ignore Ctrl-C, and so would every command that a test interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, the others as they were."""
    here = Path(__file__).parent
    ranks = {here / name: rank for rank, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulators]:
    """Both emulators, one pair per xdist worker. Projects isolate tests: see `project`."""
    folder: Path = tmp_path_factory.mktemp("emulators")
    try:
        running = Emulators.start(folder)
    except EmulatorMissing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{_MISSING}, and CI=true: {missing}")
        pytest.skip(f"{_MISSING}: {missing}")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def firestore_wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Our own Firestore, with indexes and without Java; one per xdist worker, as the emulators."""
    running = start_firestore(tmp_path_factory.mktemp("firestore"))
    yield running
    running.stop()


#: Whoever speaks Firestore's wire: Google's emulator, and ours, of which it is the witness.
FIRESTORES = [pytest.param("firestore", marks=pytest.mark.emulators), "wire"]


def firestore_of(request: pytest.FixtureRequest, name: str) -> str:
    """`host:port` of the one of FIRESTORES called `name`."""
    if name == "wire":
        return str(request.getfixturevalue("firestore_wire").host)
    return str(request.getfixturevalue("emulators").firestore.host)


@pytest.fixture(params=FIRESTORES)
def firestore(request: pytest.FixtureRequest) -> str:
    """`host:port` of a Firestore."""
    return firestore_of(request, request.param)


@pytest.fixture
def project() -> str:
    """A project id that no other test has."""
    return f"pen-{uuid.uuid4().hex[:20]}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly, at the very end, that a part of the tests could not run."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)]
    missing = [reason for reason in reasons if _MISSING in reason]
    if missing:
        terminalreporter.write_sep("!", f"{len(missing)} tests did not run", red=True, bold=True)
        terminalreporter.write_line(missing[0].removeprefix("Skipped: "), red=True)
