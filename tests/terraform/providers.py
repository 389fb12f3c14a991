"""Providers for the tests of Terraform: where they come from, and those that stay up between tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cached_property
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
#: Stands for the real providers on machines that cannot download them: their schema, without the cloud.
_STAND_IN = _ROOT.parent / "shared" / "tfschema"
#: What a provider wants to see before it serves (terraform, internal/plugin/serve.go).
_COOKIE = {"TF_PLUGIN_MAGIC_COOKIE": "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"}
#: The stand-in spends two of its sixteen threads on each connection and never gets them back: it needs more.
_THREADS = """
import concurrent.futures
_Pool = concurrent.futures.ThreadPoolExecutor
concurrent.futures.ThreadPoolExecutor = lambda _: _Pool(4096)
"""


class Providers:
    """The stand-in, where it lies beside the checkout; else the real ones, cached in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = Path(os.environ.get("TFSCHEMA_HOME") or Path.home() / ".cache" / "tfschema")
        self._processes: list[subprocess.Popen[str]] = []
        if _STAND_IN.is_dir() and not (self._home / "terraformrc").exists():
            subprocess.run([_STAND_IN / "install.sh", self._home], check=True, capture_output=True)

    @property
    def source(self) -> dict[str, str]:
        """The environment in which `terraform init` finds them."""
        if _STAND_IN.is_dir():
            return {"TF_CLI_CONFIG_FILE": str(self._home / "terraformrc")}
        cache = self._folder / "providers"
        cache.mkdir(exist_ok=True)
        return {"TF_PLUGIN_CACHE_DIR": str(cache)}

    @cached_property
    def running(self) -> dict[str, str]:
        """The environment in which Terraform uses stand-ins that are up already.

        By itself it starts each of them anew for every walk through the graph, dozens of times in one test.
        They keep nothing between two questions, so one process can serve all (TF_REATTACH_PROVIDERS, as in
        "Debugging providers" of Terraform's documentation). The real ones are left to Terraform.
        """
        if not _STAND_IN.is_dir():
            return {}
        found = {name: self._start(name) for name in sorted(_required())}
        return {"TF_REATTACH_PROVIDERS": json.dumps(found)}

    def close(self) -> None:
        """End what is up."""
        for process in self._processes:
            process.terminate()
            process.communicate()

    def _start(self, name: str) -> dict[str, object]:
        """Start the provider hashicorp/`name`; where it listens, as Terraform wants to be told."""
        # One for each test process: none writes it while the provider of another reads it.
        patch = self._folder / f"stand-in-{os.getpid()}"
        patch.mkdir(exist_ok=True)
        (patch / "sitecustomize.py").write_text(_THREADS)
        env = os.environ | _COOKIE | {"PYTHONPATH": str(patch)}
        [binary, *_] = self._home.glob(f"plugins/*/hashicorp/{name}/*/*/terraform-provider-*")
        process = subprocess.Popen([binary], env=env, stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        assert process.stdout is not None
        # The handshake: version of the core protocol, of the plugin protocol, network, address, wire format.
        _, version, network, address, wire, *_ = process.stdout.readline().strip().split("|")
        return {
            "Protocol": wire,
            "ProtocolVersion": int(version),
            "Pid": process.pid,
            "Test": True,  # Terraform leaves it up
            "Addr": {"Network": network, "String": address},
        }


def _required() -> set[str]:
    """Every provider that some module requires."""
    files = (_ROOT / "terraform").rglob("versions.tf")
    return {name for file in files for name in re.findall(r'"hashicorp/([a-z-]+)"', file.read_text())}
