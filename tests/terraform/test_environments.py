"""dev, staging and prod: the same but for values, and each a whole installation."""

from __future__ import annotations

import re

import pytest

from tests.terraform.workspace import ENVIRONMENTS, TERRAFORM, Workspace, read_runs

FOLDER = TERRAFORM / "environments"

#: What a project id, a region and a bundle make. A change here changes what an operator sees and pays.
RESOURCES = {"dev": 108, "staging": 111, "prod": 114}

MISSPELT = """
mock_provider "google" {}
mock_provider "google-beta" {}
mock_provider "time" {}

run "misspelt" {
  command = plan
  variables {
    project_id = "my-project-1"
    region     = "us-central1"
    bundle     = "tests/bundle.stand-in"
    routes = {
      default  = "own"
      defaults = "own"
      routes = { own = {
        fallbacks = true
        targets   = [{ name = "n", provider = "offline", model = "m", max_concurency = 4 }]
      } }
    }
    response_consumers = { app = { member = "user:a@example.com", tenants = "acme" } }
    data               = { archive_day = 30, adopt = [] }
    operations = {
      email      = "a@example.com"
      thresholds = { p95 = 60 }
      budget     = { billing_account = "012345-6789AB-CDEF01", units = 50, unit = "USD" }
    }
  }
}
"""


def _without_literals(text: str) -> str:
    return re.sub(r'= ("[^"]*"|\["[^\]]*\]|true|false|[0-9.]+)(?=[ ,}\n])', "= LITERAL", text)


def test_main_files_differ_in_literals_only() -> None:
    shapes = {_without_literals((FOLDER / name / "main.tf").read_text()) for name in ENVIRONMENTS}
    assert len(shapes) == 1


def test_main_files_do_differ() -> None:
    assert len({(FOLDER / name / "main.tf").read_text() for name in ENVIRONMENTS}) == len(ENVIRONMENTS)


def test_everything_else_is_the_same() -> None:
    files = {
        path.relative_to(FOLDER / "dev")
        for path in (FOLDER / "dev").rglob("*")
        if path.suffix in (".tf", ".hcl")
    }
    for file in files - {(FOLDER / "dev" / "main.tf").relative_to(FOLDER / "dev")}:
        assert len({(FOLDER / name / file).read_text() for name in ENVIRONMENTS}) == 1, file


def test_what_is_misspelt_is_named_not_ignored(workspace: Workspace) -> None:
    # Given every kind of object that an operator writes, with a slip in each
    folder = workspace.root / "environments/dev"
    (folder / "misspelt").mkdir()
    (folder / "misspelt/environment.tftest.hcl").write_text(MISSPELT)
    workspace.init("environments/dev")
    done = workspace.terraform("environments/dev", "test", "-json", "-test-directory=misspelt")
    # I expect the plan to be refused, and each of them to be named
    [said] = [text for run in read_runs(done.stdout).values() for text in run.said]
    assert re.findall(r"[a-z_]+(?:\.[a-z0-9_]+)+(?=[,:])", said) == [
        "routes.defaults",
        "routes.own.fallbacks",
        "routes.own.targets.max_concurency",
        "response_consumers.app.tenants",
        "data.archive_day",
        "operations.email",
        "operations.thresholds.p95",
        "operations.budget.unit",
    ]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_main_is_short_and_knows_its_name(name: str) -> None:
    text = (FOLDER / name / "main.tf").read_text()
    assert len(text.splitlines()) < 40
    assert re.search(rf'environment *= "{name}"', text)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_resource_count(workspace: Workspace, name: str) -> None:
    assert len(workspace.test(f"environments/{name}")["as_shipped"].resources) == RESOURCES[name]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_only_prod_waits_for_approval(workspace: Workspace, name: str) -> None:
    [trigger] = workspace.test(f"environments/{name}")["by_cloud_build"].of("google_cloudbuild_trigger")
    assert trigger.values["approval_config"][0]["approval_required"] is (name == "prod")
    assert trigger.values["substitutions"]["_ENV"] == name


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_only_prod_keeps_its_data_from_destroy(workspace: Workspace, name: str) -> None:
    run = workspace.test(f"environments/{name}")["as_shipped"]
    keeps = name == "prod"
    [database] = run.of("google_firestore_database")
    assert (database.values["delete_protection_state"] == "DELETE_PROTECTION_ENABLED") is keeps
    assert {bucket.values["force_destroy"] for bucket in run.of("google_storage_bucket")} == {not keeps}
    assert {table.values["deletion_protection"] for table in run.of("google_bigquery_table")} == {keeps}
    assert {secret.values["deletion_protection"] for secret in run.of("google_secret_manager_secret")} == {
        keeps
    }
