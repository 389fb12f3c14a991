"""Google's Pub/Sub and Firestore emulators: found in the Cloud SDK, started, reset, stopped.

java is started directly: `gcloud beta emulators … start` leaves its JVM behind when it is ended.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from penstock_ops.processes.awaited import awaited
from penstock_ops.processes.leash import Leashed

#: How long an emulator may take until it answers, in seconds (1.3–3 s on two idle cores).
READY_S = 60.0
#: How often a start is tried again when somebody else took the free port in the meantime.
_STARTS = 3
_JVM = ("-XX:+UseSerialGC", "-Duser.language=en")
#: Compiled at once rather than well: sooner ready, and slower after the first minutes.
_BRIEF = "-XX:TieredStopAtLevel=1"

_INSTALL = (
    "install them with `gcloud components install pubsub-emulator cloud-firestore-emulator`, "
    "or, where the SDK came by apt, `apt-get install google-cloud-cli-pubsub-emulator "
    "google-cloud-cli-firestore-emulator`"
)


class EmulatorFault(Exception):
    """An emulator is missing or will not start; `str(fault)` says what to do."""


class EmulatorMissing(EmulatorFault):
    """Something is not installed on this machine; `str(fault)` says what."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Where one emulator lies below the SDK's root, and its main class."""

    name: str
    jar: str
    main_class: str


PUBSUB = Kind(
    "Pub/Sub",
    "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar",
    "com.google.cloud.pubsub.testing.v1.Main",
)
FIRESTORE = Kind(
    "Firestore",
    "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar",
    "com.google.cloud.datastore.emulator.firestore.CloudFirestore",
)


class Emulator:
    """One running emulator at `host` (127.0.0.1:port). It ends with `stop`, or with this process."""

    def __init__(self, kind: Kind, host: str, process: Leashed) -> None:
        self.kind = kind
        self.host = host
        self._process = process

    @classmethod
    def start(cls, kind: Kind, folder: Path, *, brief: bool = True) -> Emulator:
        """Start it on a free port, its log in `folder`, and wait until it answers; `brief`: it works for
        seconds rather than minutes. Raises EmulatorFault."""
        jvm = (*_JVM, _BRIEF) if brief else _JVM
        command = (find_java(), *jvm, "-cp", str(find_jar(kind)), kind.main_class)
        for _ in range(_STARTS):
            port = _free_port()
            log = folder / f"{kind.name.lower().replace('/', '')}-{port}.log"
            process = Leashed([*command, "--host=127.0.0.1", f"--port={port}"], log=log)
            emulator = cls(kind, f"127.0.0.1:{port}", process)
            if emulator._wait_ready():
                return emulator
            process.stop()
        raise EmulatorFault(f"the {kind.name} emulator does not start; its last words:\n{_tail(log)}")

    def stop(self) -> None:
        self._process.stop()

    def call(self, method: str, path: str) -> None:
        """One request to the emulator's own administration. Raises EmulatorFault."""
        request = urllib.request.Request(f"http://{self.host}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310  # always http
                reply.read()
        except OSError as error:
            raise EmulatorFault(
                f"the {self.kind.name} emulator at {self.host} refused {path}: {error}"
            ) from error

    def _wait_ready(self) -> bool:
        return bool(awaited(self._answers, ended=lambda: self._process.ended, within_s=READY_S))

    def _answers(self) -> bool | None:
        try:
            self.call("GET", "/")
        except EmulatorFault:
            return None
        return True


class Emulators:
    """Both emulators, and the environment in which Penstock and Google's clients find them."""

    def __init__(self, pubsub: Emulator, firestore: Emulator) -> None:
        self.pubsub = pubsub
        self.firestore = firestore

    @classmethod
    def start(cls, folder: Path | None = None, *, brief: bool = True) -> Emulators:
        """Start both; logs go to `folder` (default: a new temporary one). Raises EmulatorFault."""
        folder = folder or Path(tempfile.mkdtemp(prefix="penstock-emulators-"))
        pubsub = Emulator.start(PUBSUB, folder, brief=brief)
        try:
            return cls(pubsub, Emulator.start(FIRESTORE, folder, brief=brief))
        except BaseException:
            pubsub.stop()
            raise

    @property
    def environment(self) -> dict[str, str]:
        return {"PUBSUB_EMULATOR_HOST": self.pubsub.host, "FIRESTORE_EMULATOR_HOST": self.firestore.host}

    def reset(self, project: str, database: str = "(default)") -> None:
        """Forget every topic and subscription of all projects, and every document of this one."""
        self.pubsub.call("POST", "/reset")
        self.firestore.call("DELETE", f"/emulator/v1/projects/{project}/databases/{database}/documents")

    def stop(self) -> None:
        self.pubsub.stop()
        self.firestore.stop()


def find_java() -> str:
    """The path of java. Raises EmulatorMissing."""
    java = shutil.which("java")
    if java is None:
        raise EmulatorMissing("Google's emulators need Java 11 or later on the PATH: install a Java runtime")
    return java


def find_jar(kind: Kind) -> Path:
    """The emulator's newest jar below the Cloud SDK. Raises EmulatorMissing."""
    found = sorted(_sdk_root().glob(kind.jar))
    if not found:
        raise EmulatorMissing(f"the Cloud SDK at {_sdk_root()} has no {kind.name} emulator: {_INSTALL}")
    return found[-1]


def _sdk_root() -> Path:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise EmulatorMissing(
            f"Google's emulators come with the Cloud SDK, and gcloud is not on the PATH: {_INSTALL}"
        )
    root = Path(gcloud).resolve().parent.parent
    if (root / "platform").is_dir():
        return root
    # A wrapper script (snap, a package manager's shim): gcloud itself knows, in a second or two.
    told = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"], capture_output=True, text=True, check=False
    )
    if told.returncode != 0 or not told.stdout.strip():
        raise EmulatorMissing(f"`gcloud info` does not tell where the Cloud SDK lies: {told.stderr.strip()}")
    return Path(told.stdout.strip())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])
