"""What the functions refuse at start is refused at plan, and nothing else: each row of a table by both."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from penstock.bootstrap import build
from penstock.errors import SettingsError
from penstock.money.lane import WINDOWS
from penstock.money.pricing import PriceBook
from penstock.settings import read_settings
from penstock.targets.access import GOOGLE as GOOGLE_ADDRESS
from penstock.targets.pasted import KEY
from tests.terraform.route_tables import BAD, GOOD, PASTED, SECRETS, Routes
from tests.terraform.workspace import ROOT, TERRAFORM, Run, Workspace, read_runs

ROWS = {name: routes for name, (routes, _) in BAD.items()} | PASTED | GOOD
FIELD = list(BAD)[:6]

#: Row => its run, and everything that was said of it.
Rows = dict[str, tuple[Run, str]]

RUN = """
variables {
  project_id        = "my-project-1"
  secrets           = %s
  handler_instances = 2
  budget_s          = 480
  routes            = %s
}

run "row" {
  command = plan
}
"""
ENVIRONMENT = """
mock_provider "google" {}
mock_provider "google-beta" {}
mock_provider "time" {}

variables {
  project_id = "my-project-1"
  region     = "us-central1"
  bundle     = "tests/bundle.stand-in"
  secrets    = ["openai"]
  %s
}

run "row" {
  command = plan
}
"""


ENGINE = """
  engine = {
    kind        = "vllm"
    image       = "a/b@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    model       = "some/model"
    gpu         = "nvidia-l4"
    concurrency = 32
  }
  routes = {
    default = "a"
    routes  = { a = { targets = [{ name = "gpu", model = "some/model", engine = true }] } }
  }
"""


def _planned(workspace: Workspace, where: str, name: str, texts: dict[str, str]) -> Rows:
    """Each of `texts`, a test file, run beside a copy of a folder."""
    folder = workspace.copy(where, name)
    (folder / "rows").mkdir()
    for number, text in enumerate(texts.values()):
        (folder / f"rows/row{number}.tftest.hcl").write_text(text)
    at = folder.as_posix()
    workspace.init(at)
    said: dict[str, list[str]] = {}
    for line in workspace.terraform(at, "test", "-json", "-test-directory=rows").stdout.splitlines():
        said.setdefault(json.loads(line).get("@testfile", ""), []).append(line)
    rows = {}
    for number, row in enumerate(texts):
        lines = "\n".join(said[f"rows/row{number}.tftest.hcl"])
        rows[row] = (read_runs(lines)["row"], lines)
    return rows


@pytest.fixture(scope="module")
def planned(workspace: Workspace) -> Rows:
    """Every row, planned."""
    texts = {name: RUN % (json.dumps(SECRETS), json.dumps(routes)) for name, routes in ROWS.items()}
    return _planned(workspace, "modules/routes", "routes_in_rows", texts)


def _start(routes: Routes) -> None:
    """What a function does first, in the environment that Terraform would give it. Raises SettingsError."""
    text = json.dumps(routes | {"routes": {a: _coded(r) for a, r in routes["routes"].items()}})
    env = {"GOOGLE_CLOUD_PROJECT": "p", "PENSTOCK_BUCKET": "gs://b", "PENSTOCK_ROUTES": text}
    build(read_settings(env | {"PENSTOCK_BATCHES_TOPIC": "llm-batches"}))


def _coded(route: dict[str, Any]) -> dict[str, Any]:
    return route | {"targets": [_coded_target(dict(target)) for target in route["targets"]]}


def _coded_target(target: dict[str, Any]) -> dict[str, Any]:
    version = target.pop("secret_version", "latest")
    if "secret" in target:
        target["secret"] = f"projects/my-project-1/secrets/{target['secret']}/versions/{version}"
    return target


@pytest.mark.parametrize("row", BAD)
def test_what_the_functions_refuse_is_refused_at_plan(row: str, planned: Rows) -> None:
    routes, sentence = BAD[row]
    with pytest.raises(SettingsError):
        _start(routes)
    run, _ = planned[row]
    assert run.status == "error"
    [said] = run.said
    assert sentence in said


@pytest.mark.parametrize("row", PASTED)
def test_a_key_is_refused_by_both_and_shown_by_neither(row: str, planned: Rows) -> None:
    with pytest.raises(SettingsError) as refused:
        _start(PASTED[row])
    assert "planted" not in str(refused.value)
    run, everything = planned[row]
    assert run.status == "error"
    assert "what reads like a key" in run.said[0].lower()
    assert "planted" not in everything


@pytest.mark.parametrize("row", GOOD)
def test_what_the_functions_take_is_planned(row: str, planned: Rows) -> None:
    _start(GOOD[row])
    run, _ = planned[row]
    assert (run.status, run.said) == ("pass", [])


@pytest.fixture(scope="module")
def environments(workspace: Workspace) -> Rows:
    """The rows from the field, and keys in every collection, in an environment as an operator has it."""
    pasted = {
        "a key among the secrets": 'secrets = ["openai", "sk-planted0123456"]',
        "a key as a label": 'publishers = { sk-planted0123456 = "user:a@example.com" }',
        "a key as a tenant": 'response_consumers = { a = { member = "user:a@x", tenant = "sk-planted" } }',
        "a key for an engine": 'engine = { kind = "vllm", image = "hf_planted0123456789abcd", model = "m" }',
        "a key as an address": 'operations = { emails = ["AIzaSyplanted0123456789"] }',
        "a key as a secret": f"routes = {json.dumps(PASTED['sk-planted as a secret'])}",
    }
    texts = {row: ENVIRONMENT % f"routes = {json.dumps(BAD[row][0])}" for row in FIELD}
    texts |= {row: _with(line) for row, line in pasted.items()}
    texts["an engine too small"] = ENVIRONMENT % ENGINE
    [shown] = re.findall(r"```hcl\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    texts["as the README shows"] = ENVIRONMENT.replace('secrets    = ["openai"]\n', "") % shown
    return _planned(workspace, "environments/dev", "dev_in_rows", texts)


def _with(line: str) -> str:
    name = line.partition(" ")[0]
    return re.sub(rf"\n  {name} +=.*", "", ENVIRONMENT) % line


@pytest.mark.parametrize("row", FIELD)
def test_an_environment_hands_its_routes_to_that(row: str, environments: Rows) -> None:
    run, _ = environments[row]
    assert run.status == "error"
    assert BAD[row][1] in "".join(run.said)


def test_a_key_in_no_collection_of_an_environment_is_shown(
    environments: Rows,
) -> None:
    pasted = {row: found for row, found in environments.items() if row.startswith("a key")}
    assert len(pasted) == 6
    for row, (run, everything) in pasted.items():
        assert run.status == "error", row
        assert "key" in "".join(run.said), row
        assert "planted" not in everything, row


def test_what_depends_on_an_engine_is_refused_before_there_is_one(environments: Rows) -> None:
    run, _ = environments["an engine too small"]
    assert run.status == "error"
    assert "more than the engine takes" in "".join(run.said)


def test_what_the_readme_shows_is_planned(environments: Rows) -> None:
    run, _ = environments["as the README shows"]
    assert (run.status, run.said) == ("pass", [])


def _literals(name: str) -> set[str]:
    """What is written in Terraform as `name = "…"`, or asked for as regex("…"), read as HCL reads it."""
    text = "\n".join(file.read_text() for file in sorted(TERRAFORM.rglob("*.tf")))
    return {json.loads(found) for found in re.findall(rf'{name} *= *("(?:[^"\\]|\\.)*")', text)}


def test_patterns_are_the_codes() -> None:
    assert _literals("key") == {KEY}
    assert _literals("google") == {GOOGLE_ADDRESS}
    function = (TERRAFORM / "modules/function/variables.tf").read_text()
    assert KEY in {json.loads(found) for found in re.findall(r'regex\(("(?:[^"\\]|\\.)*"),', function)}


def test_prices_are_the_books() -> None:
    [listed] = re.findall(r"priced = (\[.*\])", (TERRAFORM / "modules/routes/prices.tf").read_text())
    assert json.loads(listed) == sorted(PriceBook.load().models)


@pytest.mark.parametrize("window", WINDOWS)
def test_windows_are_the_books(window: str) -> None:
    [listed] = re.findall(rf'"{window}" = (\[.*\])', (TERRAFORM / "modules/routes/prices.tf").read_text())
    models = PriceBook.load().models
    assert json.loads(listed) == sorted(name for name, price in models.items() if window in price.background)
