"""Planted bugs: each is applied alone to a copy of functions/, and a named test must notice it.

A mutant that survives says that the tests do not see that part of the promise. planted.toml holds the edits
as literal texts, each of which must occur exactly once: a change of the code that makes one obsolete fails
test_mutants.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_PENSTOCK = Path("functions/penstock")


@dataclass(frozen=True, slots=True)
class Edit:
    """`old` becomes `new` in the file below functions/penstock."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug and the test that must fail with it."""

    name: str
    test: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`killed`: the named test failed, as it must."""

    mutant: str
    test: str
    killed: bool
    output: str


def _planted() -> tuple[Mutant, ...]:
    text = Path(__file__).with_name("planted.toml").read_text(encoding="utf-8")
    return tuple(
        Mutant(entry["name"], entry["test"], tuple(Edit(**edit) for edit in entry["edit"]))
        for entry in tomllib.loads(text)["mutant"]
    )


MUTANTS = _planted()


def apply(mutant: Mutant, functions: Path) -> None:
    """Plant the bug in the copy below `functions`. Raises ValueError when an edit does not fit the code."""
    for edit in mutant.edits:
        path = functions / "penstock" / edit.file
        text = path.read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            count = text.count(edit.old)
            raise ValueError(f"{mutant.name}: found {count} times in {edit.file}: {edit.old!r}")
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def unfitting() -> list[str]:
    """Every edit that the shipped code does not have exactly once."""
    faults = []
    for mutant in MUTANTS:
        for edit in mutant.edits:
            count = (REPOSITORY / _PENSTOCK / edit.file).read_text(encoding="utf-8").count(edit.old)
            if count != 1:
                faults.append(f"{mutant.name}: found {count} times in {edit.file}: {edit.old!r}")
    return faults


def baseline() -> str | None:
    """None when every named test passes on an unharmed copy, else the output."""
    tests = sorted({mutant.test for mutant in MUTANTS})
    passed, output = _run(None, tests)
    return None if passed else output


def hunt(mutants: Sequence[Mutant] = MUTANTS) -> Iterator[Verdict]:
    """Each planted bug, one at a time."""
    for mutant in mutants:
        passed, output = _run(mutant, [mutant.test])
        yield Verdict(mutant.name, mutant.test, not passed, output)


def _run(mutant: Mutant | None, tests: Sequence[str]) -> tuple[bool, str]:
    """Whether `tests` pass with the bug planted (None: with none), on the same examples each time."""
    with tempfile.TemporaryDirectory(prefix="penstock-mutant-") as folder:
        functions = Path(folder) / "functions"
        # With what is compiled, since most of it stays; what is being compiled just now may be gone at once.
        shutil.copytree(REPOSITORY / "functions", functions, ignore=shutil.ignore_patterns("*.pyc.*"))
        if mutant is not None:
            apply(mutant, functions)
        environment = os.environ | {"PYTHONPATH": str(functions), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [
            sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:schemathesis",
            "-o", "addopts=--import-mode=importlib", "--timeout=60",
            "--timeout-method=thread", "--hypothesis-seed=0", *tests,
        ]  # fmt: skip
        run = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
        )
    if run.returncode not in (0, 1):
        said = run.stdout[-2000:] + run.stderr[-2000:]
        raise RuntimeError(f"pytest itself failed ({run.returncode}):\n{said}")
    return run.returncode == 0, run.stdout
