"""The stack on Google's emulators: topics, the functions as they run by hand, the bridge between them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from penstock.timing import Timing
from penstock.variables import OFF
from penstock_ops.emulation.emulators import Emulators
from penstock_ops.processes.awaited import awaited
from penstock_ops.processes.leash import Leashed
from penstock_ops.processes.stack import READY_S, not_started
from penstock_ops.terminal.faults import OperatorFault
from penstock_ops.terminal.topology import Topology
from penstock_ops.terminal.topology_on_pubsub import create_on_pubsub

TARGETS = ("request_handler", "response_processor", "sweeper")


class EmulatedStack:
    """Emulators, a process for each function, and the bridge. They all end with this process."""

    def __init__(
        self, env: Mapping[str, str], urls: Mapping[str, str], children: Mapping[str, Leashed]
    ) -> None:
        #: What a shell must export to talk to it.
        self.env = env
        self.urls = urls
        self.children = children

    @property
    def ended(self) -> str | None:
        """The name of a part that has ended by itself."""
        return next((name for name, child in self.children.items() if child.ended), None)


@contextlib.contextmanager
def emulated(env: Mapping[str, str], project: str, folder: Path, source: Path) -> Iterator[EmulatedStack]:
    """Start everything, logs and long texts below `folder`; stop it at the end.

    Raises EmulatorFault, OperatorFault.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        running = Emulators.start(logs)
        stack.callback(running.stop)
        exports = running.environment | {
            "GOOGLE_CLOUD_PROJECT": project,
            "PENSTOCK_BUCKET": str(folder / "blobs"),
        }
        full = {name: value for name, value in env.items() if name != "PENSTOCK_LOCAL"} | exports
        topology = _topology(env)
        asyncio.run(create_on_pubsub(topology, project, exports["PUBSUB_EMULATOR_HOST"], {}))
        children: dict[str, Leashed] = {}
        urls: dict[str, str] = {}
        more = (
            ("run_handler", topology.runs_topic),
            ("batcher", topology.batches_topic),
            ("courier", topology.callbacks_topic),
        )
        targets = [*TARGETS, *(target for target, topic in more if topic)]
        switched = (("front_door", "PENSTOCK_DOOR"), ("console", "PENSTOCK_CONSOLE"))
        targets += [target for target, switch in switched if env.get(switch, OFF) != OFF]
        for target in targets:
            port = _free_port()
            urls[target] = f"http://127.0.0.1:{port}/"
            children[target] = Leashed(_function(target, source, port), log=_fresh(logs, target), env=full)
            stack.callback(children[target].stop)
        for target in targets:
            _wait_listening(target, children[target], int(urls[target].rstrip("/").rpartition(":")[2]))
        children["bridge"] = Leashed(_bridge(topology, urls), log=_fresh(logs, "bridge"), env=full)
        stack.callback(children["bridge"].stop)
        yield EmulatedStack(exports, urls, children)


def _topology(env: Mapping[str, str]) -> Topology:
    normal = Topology()
    return Topology(
        request_topic=env.get("PENSTOCK_REQUEST_TOPIC") or normal.request_topic,
        response_topic=env.get("PENSTOCK_RESPONSE_TOPIC") or normal.response_topic,
        dead_letter_topic=env.get("PENSTOCK_DEAD_LETTER_TOPIC") or normal.dead_letter_topic,
        runs_topic=env.get("PENSTOCK_RUNS_TOPIC") or None,
        internal_topic=env.get("PENSTOCK_INTERNAL_TOPIC") or normal.internal_topic,
        batches_topic=env.get("PENSTOCK_BATCHES_TOPIC") or None,
        callbacks_topic=env.get("PENSTOCK_CALLBACKS_TOPIC") or None,
    )


def _function(target: str, source: Path, port: int) -> list[str]:
    """As by hand (docs/design.md §2.5), on loopback alone."""
    framework = Path(sys.executable).with_name("functions-framework")
    return [
        *(str(framework), "--source", str(source), "--target", target),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]


def _bridge(topology: Topology, urls: Mapping[str, str]) -> list[str]:
    return [
        *(sys.executable, "-m", "penstock_ops.emulation.bridge"),
        *(f"{subscription}={url}" for subscription, url in topology.endpoints(urls).items()),
        *("--ack-deadline", str(Timing().ack_deadline_s)),
        *("--min-backoff", str(topology.min_backoff_s or 0)),
    ]


def _wait_listening(target: str, child: Leashed, port: int) -> None:
    if not awaited(lambda: _listens(port), ended=lambda: child.ended, within_s=READY_S):
        raise OperatorFault(not_started(target, child.log, ended=child.ended))


def _listens(port: int) -> bool | None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return None


def _fresh(logs: Path, name: str) -> Path:
    log = logs / f"{name}.log"
    log.write_bytes(b"")
    return log


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
