"""The GPUs that Cloud Run attaches, from the dated table `gpus.json` beside this file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from penstock_ops.tune.faults import TuneFault

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclass(frozen=True)
class Gpu:
    """One GPU type and the smallest Cloud Run instance that may carry it."""

    #: Cloud Run's accelerator name, as in Terraform.
    key: str
    name: str
    memory_mib: int
    compute_capability: float
    min_vcpu: int
    min_memory_gib: int
    engines: tuple[str, ...]

    @property
    def memory_bytes(self) -> int:
        return self.memory_mib * MIB


@cache
def gpu_table() -> dict[str, Gpu]:
    """Every known GPU by Cloud Run's name for it."""
    table = json.loads(files("penstock_ops.tune").joinpath("gpus.json").read_text(encoding="utf-8"))
    return {
        key: Gpu(key=key, **{**row, "engines": tuple(row["engines"])}) for key, row in table["gpus"].items()
    }


def find_gpu(name: str) -> Gpu:
    """The GPU called `name`, with or without `nvidia-`; TuneFault if unknown."""
    try:
        return gpu_table()["nvidia-" + name.lower().removeprefix("nvidia-")]
    except KeyError:
        known = ", ".join(key.removeprefix("nvidia-") for key in gpu_table())
        raise TuneFault(f"unknown GPU {name!r}; Cloud Run attaches: {known}") from None
