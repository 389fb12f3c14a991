"""A room to come: one entry of the platform's map and a name in its topics, off until its switch is set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.terraform.grants import Grant, grants
from tests.terraform.workspace import Run, Workspace, read_runs

PLATFORM = "modules/platform"
PROJECT = "my-project-1"
#: The account of every function has a name, so that a grant can be read.
HEAD = """
mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://function.example.run.app" } }
  }
}
mock_provider "google-beta" {}
mock_provider "time" {}

override_resource {
  target = google_service_account.function["sorter"]
  values = { member = "serviceAccount:sorter@p", email = "sorter@p", name = "accounts/sorter" }
}

variables {
  project_id  = "my-project-1"
  region      = "us-central1"
  environment = "test"
  secrets     = ["openai"]
  routes = {
    default = "a"
    routes  = { a = { targets = [{ name = "n", provider = "openai", model = "m", secret = "openai" }] } }
  }
}
"""
#: As it would be written into rooms_beyond.tf, with everything that a room can have.
ENTRY = """
    sorter = {
      name         = "sort-handler"
      description  = "Stands for a room to come."
      shape        = { cpu = 1, memory = "1Gi", concurrency = 8, min_instances = 0, max_instances = 2 }
      subscription = { sortings = "llm-sortings-handler" }
      pausable     = true
      publishes    = ["requests", "sortings"]
      models       = true
      blobs        = "sortings/"
      collections  = { sortings = { expires = true, indexed = ["due_at"] } }
      needs        = { "Set operations.budget: a sorting is a large bill." = var.operations.budget != null }
    }
"""
RUN = """
run "%s" {
  variables {
    functions = {
      bundle = "tests/bundle.stand-in"
      rooms  = %s
      shapes = { sorter = { max_instances = 5 } }
    }
    operations = { budget = %s }
  }
}
"""
BUDGET = '{ billing_account = "012345-6789AB-CDEF01", units = 50 }'
RUNS = (("off", "[]", BUDGET), ("on", '["sorter"]', BUDGET), ("in_need", '["sorter"]', "null"))


@pytest.fixture(scope="module")
def runs(workspace: Workspace) -> dict[str, Run]:
    """The platform with that entry: off, on, and on without what it needs."""
    folder = workspace.copy(PLATFORM, "platform_with_a_room")
    _insert(folder / "rooms_beyond.tf", "  beyond = {\n", ENTRY)
    _insert(folder / "names.tf", "  topics = {\n", '    sortings = "llm-sortings"\n')
    _insert(folder / "names.tf", "  collections = {\n", '    sortings = "sortings"\n')
    (folder / "to_come").mkdir()
    (folder / "to_come/rooms.tftest.hcl").write_text(HEAD + "".join(RUN % run for run in RUNS))
    where = folder.as_posix()
    workspace.init(where)
    done = workspace.terraform(where, "test", "-json", "-verbose", "-test-directory=to_come")
    return read_runs(done.stdout)


def _insert(file: Path, after: str, text: str) -> None:
    whole = file.read_text()
    assert whole.count(after) == 1, f"{file.name} has no single {after!r}"
    file.write_text(whole.replace(after, after + text))


def test_off_leaves_nothing_of_it(runs: dict[str, Run], workspace: Workspace) -> None:
    # Given the same platform as it ships
    shipped = workspace.test(PLATFORM)["as_small_as_it_gets"]
    off = {resource.address for resource in runs["off"].resources}
    # I expect the same resources but for the budget, whose API is one more, and no word of the room in any
    budget = {resource.address for resource in runs["off"].resources if "budget" in resource.address}
    assert off - budget == {resource.address for resource in shipped.resources}
    told = json.dumps([dict(resource.values) for resource in runs["off"].resources])
    # Words that are longer than the ids which stand-ins make up: one of them once had "sort" in it.
    assert [word for word in ("sorter", "sortings") if word in told] == []


def test_on_has_its_function_its_topic_its_indexes_and_its_grants(runs: dict[str, Run]) -> None:
    on, off = runs["on"], {resource.address for resource in runs["off"].resources}
    assert on.status == "pass", on.said
    added = [resource for resource in on.resources if resource.address not in off]
    [function] = [r for r in added if r.type == "google_cloudfunctions2_function"]
    assert function.values["build_config"][0]["entry_point"] == "sort_handler"
    config = function.values["service_config"][0]
    assert (config["max_instance_request_concurrency"], config["max_instance_count"]) == (8, 5)
    assert [r.values["name"] for r in added if r.type == "google_pubsub_topic"] == ["llm-sortings"]
    [push] = [r for r in added if r.type == "google_pubsub_subscription"]
    assert (push.values["name"], len(push.values["dead_letter_policy"])) == ("llm-sortings-handler", 1)
    fields = {r.values["field"] for r in added if r.type == "google_firestore_field"}
    assert fields == {"*", "due_at", "expires_at"}
    assert {grant for grant in grants(added, PROJECT) if grant.identity == "sorter"} == {
        Grant("sorter", "roles/datastore.user", "project", "penstock-database-only"),
        Grant("sorter", "roles/storage.objectUser", "bucket PROJECT-blobs", "only-sortings"),
        Grant("sorter", "roles/pubsub.publisher", "topic llm-requests"),
        Grant("sorter", "roles/pubsub.publisher", "topic llm-sortings"),
        Grant("sorter", "roles/secretmanager.secretAccessor", "secret openai"),
    }


def test_on_changes_nothing_of_the_others(runs: dict[str, Run]) -> None:
    before = {resource.address for resource in runs["off"].resources}
    assert before <= {resource.address for resource in runs["on"].resources}


def test_without_what_it_needs_it_is_named_at_plan(runs: dict[str, Run]) -> None:
    assert runs["in_need"].status == "error"
    [said] = runs["in_need"].said
    assert "sorter: Set operations.budget: a sorting is a large bill." in said
