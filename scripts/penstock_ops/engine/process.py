"""One engine process: start it, wait until it answers, stop it by its own pid."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from penstock_ops.engine.home import EngineHome
from penstock_ops.processes.awaited import awaited

MODEL_NAME = "tiny"
#: A cold start took 40 to 60 s on two cores; a busy machine gets four times that.
START_LIMIT_S = 240.0
#: How long a terminated engine may take to leave before it is killed.
STOP_LIMIT_S = 20.0


class EngineFault(Exception):
    """The engine cannot be had; the message says what to do about it."""


@dataclass
class EngineProcess:
    """A running vLLM server on the loopback address."""

    url: str
    pid: int
    log: Path
    #: Ours when we started it; None for one that `up --detach` left running.
    child: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, home: EngineHome, port: int, options: list[str]) -> EngineProcess:
        """Start the server and return once `/health` answers 200.

        `options` are vLLM's own flags, handed over as they are. Raises EngineFault when the home
        is not installed, the process dies, or START_LIMIT_S passes.
        """
        if not (home.installed() and home.has_model()):
            raise EngineFault("the engine is not installed; run: python -m penstock_ops.engine install")
        if _answers(f"http://127.0.0.1:{port}/health"):
            raise EngineFault(f"port {port} already serves something; choose another --port")
        log = home.log(port)
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(home, port, options),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        engine = cls(f"http://127.0.0.1:{port}", process.pid, log, process)
        home.pidfile(port).write_text(str(process.pid))
        try:
            engine._await_health(process)
        except BaseException:
            engine.stop()
            raise
        return engine

    def _await_health(self, process: subprocess.Popen[bytes]) -> None:
        found = awaited(
            lambda: _answers(self.url + "/health") or None,
            ended=lambda: process.poll() is not None,
            within_s=START_LIMIT_S,
            every_s=0.5,
        )
        if process.poll() is not None:
            raise EngineFault(f"the engine stopped while starting: {_last_error(self.log)}")
        if not found:
            raise EngineFault(f"the engine did not answer within {START_LIMIT_S:.0f} s; see {self.log}")

    def stop(self) -> None:
        """Terminate the server and its workers; kill what is left after STOP_LIMIT_S."""
        _signal_group(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT_S
        while self._alive() and time.monotonic() < deadline:
            time.sleep(0.2)
        _signal_group(self.pid, signal.SIGKILL)
        if self.child:
            self.child.wait()
        self.log.with_suffix(".pid").unlink(missing_ok=True)

    def _alive(self) -> bool:
        return self.child.poll() is None if self.child else _exists(self.pid)


def _command(home: EngineHome, port: int, options: list[str]) -> list[str]:
    return [
        str(home.python), "-m", "vllm.entrypoints.openai.api_server",
        "--model", str(home.model), "--served-model-name", MODEL_NAME,
        "--host", "127.0.0.1", "--port", str(port),
        "--dtype", "float32", "--enforce-eager", *options,
    ]  # fmt: skip


def _environment() -> dict[str, str]:
    """Ours, without a way out: no hub, no usage statistics, a 1 GiB KV cache unless told."""
    fixed = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    return {"VLLM_CPU_KVCACHE_SPACE": "1", **os.environ, **fixed}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 (our own http URL)
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _last_error(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line or "error:" in line]
    return (errors or lines or ["it wrote nothing"])[-1]
