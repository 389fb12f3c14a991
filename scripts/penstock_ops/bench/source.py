"""The functions of another commit, beside those of the working tree."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from penstock_ops.terminal.faults import Misuse, OperatorFault

_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Source:
    """A functions/ folder, and its name for people."""

    name: str
    functions: Path

    @property
    def main(self) -> Path:
        return self.functions / "main.py"

    def env(self) -> dict[str, str]:
        """What makes an instance import this folder's penstock, whatever else is installed.

        Raises OperatorFault when it would import another one all the same.
        """
        path = os.pathsep.join([str(self.functions), *_others(os.environ.get("PYTHONPATH"))])
        found = _run(
            [sys.executable, "-c", "import penstock; print(penstock.__path__[0])"],
            env={**os.environ, "PYTHONPATH": path},
        )
        if Path(found.decode().strip()).resolve() != (self.functions / "penstock").resolve():
            raise OperatorFault(
                f"{self.name}: an instance would import penstock from {found.decode().strip()}."
            )
        return {"PYTHONPATH": path}


def working_tree() -> Source:
    dirty = _git("status", "--porcelain", "--", "functions").strip()
    return Source(f"working tree ({_short('HEAD')}{' with changes' if dirty else ''})", _ROOT / "functions")


def at_commit(revision: str, folder: Path) -> Source:
    """`revision`'s functions/, unpacked below `folder`. Raises Misuse when there is no such commit."""
    short = _short(revision)
    unpacked = folder / f"base-{short}"
    with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", short, "functions"))) as archive:
        archive.extractall(unpacked, filter="data")
    name = f"base {revision}" if revision == short else f"base {revision} ({short})"
    return Source(name, unpacked / "functions")


def _short(revision: str) -> str:
    try:
        named = _git("rev-parse", "--short", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except OperatorFault:
        raise Misuse(f"{revision!r} names no commit of this repository.") from None
    return named.decode().split()[-1]


def _git(*words: str) -> bytes:
    return _run(["git", "-C", str(_ROOT), *words])


def _run(command: list[str], env: dict[str, str] | None = None) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, env=env)
    except FileNotFoundError:
        raise OperatorFault(f"{command[0]} is not on the PATH.") from None
    if done.returncode:
        raise OperatorFault(f"{' '.join(command[:4])} … failed: {done.stderr.decode().strip()[-300:]}")
    return done.stdout


def _others(path: str | None) -> list[str]:
    """The folders of `path` but our own functions/."""
    return [
        each
        for each in (path or "").split(os.pathsep)
        if each and Path(each).resolve() != _ROOT / "functions"
    ]
