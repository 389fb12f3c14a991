"""Terraform, run on a copy of the repository's terraform/ folder: init once, validate, `terraform test`."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.terraform.providers import Providers

ROOT = Path(__file__).resolve().parents[2]
TERRAFORM = ROOT / "terraform"
MODULES = sorted(path.name for path in (TERRAFORM / "modules").iterdir() if path.is_dir())
ENVIRONMENTS = ("dev", "staging", "prod")

_UNWANTED = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as a run of `terraform test` applied (or planned) it."""

    address: str
    type: str
    values: Mapping[str, Any]


@dataclass(slots=True)
class Run:
    """One `run` block: whether it passed, what it made and what it said."""

    name: str
    status: str = "missing"
    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types."""
        return [resource for resource in self.resources if resource.type in types]


class Workspace:
    """A copy of terraform/ in `folder`, with the providers at hand.

    Several test processes may share a folder: what one has done, the others find done.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = folder / "terraform"
        with self._locked("copy"):
            if not self.root.exists():
                shutil.copytree(TERRAFORM, self.root, ignore=_UNWANTED)
            self._providers = Providers(folder)
        self._env = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_INPUT": "0"}
        self._env |= self._providers.source
        self._tested: dict[str, dict[str, Run]] = {}

    def close(self) -> None:
        """End the providers."""
        self._providers.close()

    def terraform(self, where: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run terraform in a folder below terraform/, or in one of a copy."""
        command = ["terraform", f"-chdir={self.root / where}", *words]
        # What `init` installs it must install by itself: it compares versions.
        env = self._env if words[0] == "init" else self._env | self._providers.running
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    def init(self, where: str) -> None:
        """Make a folder ready; nothing is done the second time."""
        with self._locked(where):
            self._init(where)

    def copy(self, where: str, name: str) -> Path:
        """A folder in a copy of its own, for a test that changes files: others may be running the folder."""
        tree = self._folder / "copies" / name
        shutil.copytree(TERRAFORM, tree, ignore=_UNWANTED)
        return tree / where

    def test(self, where: str) -> dict[str, Run]:
        """Run a folder's tests, once; its runs by name."""
        if where not in self._tested:
            self._tested[where] = read_runs(self._said(where))
        return self._tested[where]

    def _said(self, where: str) -> str:
        """What `terraform test` prints of a folder, whoever has run it."""
        kept = self._folder / f"{_flat(where)}.jsonl"
        with self._locked(where):
            if not kept.exists():
                self._init(where)
                done = self.terraform(where, "test", "-json", "-verbose")
                assert read_runs(done.stdout), (
                    f"terraform test in {where} ran nothing:\n{done.stdout[-3000:]}{done.stderr}"
                )
                kept.write_text(done.stdout)
            return kept.read_text()

    def _init(self, where: str) -> None:
        if not (self.root / where / ".terraform").exists():
            done = self.terraform(where, "init", "-backend=false", "-no-color")
            assert done.returncode == 0, f"terraform init in {where}:\n{done.stdout}{done.stderr}"

    @contextlib.contextmanager
    def _locked(self, what: str) -> Iterator[None]:
        """One process at a time; the kernel lets go of a lock when its holder ends."""
        with (self._folder / f"{_flat(what)}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _flat(where: str) -> str:
    return where.replace("/", "-")


def read_runs(stdout: str) -> dict[str, Run]:
    """The runs in what `terraform test -json -verbose` prints, one JSON object a line."""
    runs: dict[str, Run] = {}
    for line in stdout.splitlines():
        event = json.loads(line)
        run = runs.setdefault(event["@testrun"], Run(event["@testrun"])) if event.get("@testrun") else Run("")
        match event["type"]:
            case "test_run" if event["test_run"]["progress"] == "complete":
                run.status = event["test_run"]["status"]
            case "diagnostic":
                run.said.append(f"{event['diagnostic']['summary']}: {event['diagnostic'].get('detail', '')}")
                if not run.name:  # about a whole file: nothing ran
                    runs.setdefault("(file)", Run("(file)", "error")).said += run.said
            case "test_state":
                state = event["test_state"]
                run.resources = list(_resources(state.get("root_module", {})))
                run.outputs = dict(state.get("outputs", {}))
            case "test_plan":
                changes = event["test_plan"].get("resource_changes", [])
                run.resources = [
                    Resource(change["address"], change["type"], change["change"]["after"])
                    for change in changes
                    if change["mode"] == "managed" and change["change"]["after"] is not None
                ]
    return runs


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for found in module.get("resources", []):
        if found["mode"] == "managed":
            yield Resource(found["address"], found["type"], found["values"])
    for child in module.get("child_modules", []):
        yield from _resources(child)
