"""Every module and environment: formatted, valid, its own tests pass, and it reads as the house wants it."""

from __future__ import annotations

import re

import pytest

from tests.terraform.workspace import ENVIRONMENTS, MODULES, TERRAFORM, Workspace

FOLDERS = [f"modules/{name}" for name in MODULES] + [f"environments/{name}" for name in ENVIRONMENTS]
FILES = sorted(path for path in TERRAFORM.rglob("*.tf") if ".terraform" not in path.parts)


def test_everything_is_formatted(workspace: Workspace) -> None:
    done = workspace.terraform(".", "fmt", "-check", "-recursive", "-diff")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_is_valid_with_every_module_below_it(workspace: Workspace, name: str) -> None:
    workspace.init(f"environments/{name}")
    done = workspace.terraform(f"environments/{name}", "validate", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_is_outside_of_that() -> None:
    # Given that `validate` follows every module call from an environment down
    called = {
        source
        for file in FILES
        for source in re.findall(r'source += "(?:\.\./)+(?:modules/)?([a-z_]+)"', file.read_text())
    }
    assert called == set(MODULES)


@pytest.mark.parametrize("where", FOLDERS)
def test_its_own_tests_pass(workspace: Workspace, where: str) -> None:
    failed = {name: run.said for name, run in workspace.test(where).items() if run.status != "pass"}
    assert not failed


@pytest.mark.parametrize("where", FOLDERS)
def test_whatever_may_be_refused_is_refused_in_a_test(workspace: Workspace, where: str) -> None:
    # Given every variable of a module that has a validation
    validated = {
        name
        for file in (TERRAFORM / where).glob("*.tf")
        for name, body in _blocks(file.read_text(), "variable")
        if "validation {" in body
    }
    # I expect a run that expects exactly its failure
    tests = "".join(file.read_text() for file in (TERRAFORM / where / "tests").glob("*.tftest.hcl"))
    expected = set(
        re.findall(r"var\.([a-z_]+)", " ".join(re.findall(r"expect_failures\s*=\s*\[([^\]]*)\]", tests)))
    )
    assert validated - expected == set()


@pytest.mark.parametrize("name", [file.relative_to(TERRAFORM).as_posix() for file in FILES])
def test_reads_well(name: str) -> None:
    text = (TERRAFORM / name).read_text()
    assert len(text.splitlines()) < 150
    for kind in ("variable", "output"):
        for block, body in _blocks(text, kind):
            assert re.search(r"\n  description +=", body), f"{kind} {block} has no description"


@pytest.mark.parametrize("where", FOLDERS)
def test_a_module_has_at_most_twelve_variables(where: str) -> None:
    names = [
        name for file in (TERRAFORM / where).glob("*.tf") for name, _ in _blocks(file.read_text(), "variable")
    ]
    assert 0 < len(names) <= 12


def _blocks(text: str, kind: str) -> list[tuple[str, str]]:
    """(name, text) of every top-level block of a kind, in text that terraform fmt has formatted."""
    found = re.findall(rf'^{kind} "([^"]+)" \{{(.*?)^\}}', text, re.MULTILINE | re.DOTALL)
    return [(str(name), str(body)) for name, body in found]
