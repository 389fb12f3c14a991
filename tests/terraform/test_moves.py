"""An installation made before the map of functions keeps its resources: applied, upgraded, compared."""

from __future__ import annotations

from tests.terraform.workspace import Workspace, read_runs

#: The addresses of those days, by label: a module for each function, its account inside.
BEFORE = """
module "handler" {
  source = "./function"
  name   = "request-handler"
}

module "responder" {
  source = "./function"
  name   = "response-processor"
}

module "sweeper" {
  source = "./function"
  name   = "sweeper"
}

module "requests" {
  source = "./topic"
  name   = "llm-requests"
}

module "responses" {
  source = "./topic"
  name   = "llm-responses"
}

module "store" {
  source = "./store"
}

resource "google_cloud_scheduler_job" "sweeper" {
  name = "sweeper"
}
"""
FUNCTION = """
variable "name" {}

resource "google_service_account" "this" {
  account_id = var.name
}

resource "google_service_account" "caller" {
  account_id = "${var.name}-caller"
}

resource "google_cloudfunctions2_function" "this" {
  name     = var.name
  location = "us-central1"
}
"""
TOPIC = """
variable "name" {}

resource "google_pubsub_topic" "this" {
  name = var.name
}

resource "google_pubsub_subscription" "push" {
  name  = var.name
  topic = google_pubsub_topic.this.id
}
"""
STORE = """
resource "google_firestore_field" "indexed" {
  for_each = toset(["due_at", "open_since", "following"])

  collection = "requests"
  field      = each.value
}
"""
TEST = """
mock_provider "google" {
  mock_resource "google_cloudfunctions2_function" {
    defaults = { service_config = { uri = "https://function.example.run.app" } }
  }
}
mock_provider "google-beta" {}
mock_provider "time" {}

run "before" {
  state_key = "one"
  module {
    source = "./upgrade/before"
  }
}

run "after" {
  state_key = "one"
  variables {
    project_id  = "my-project-1"
    region      = "us-central1"
    environment = "test"
    functions   = { bundle = "tests/bundle.stand-in" }
    routes = {
      default = "a"
      routes  = { a = { targets = [{ name = "n", provider = "offline", model = "offline" }] } }
    }
  }
}
"""


def test_every_resource_of_an_older_installation_survives(workspace: Workspace) -> None:
    # Given the resources at the addresses that they had, applied
    platform = workspace.copy("modules/platform", "platform_upgraded")
    folder = platform / "upgrade"
    for name, text in {"": BEFORE, "function": FUNCTION, "topic": TOPIC, "store": STORE}.items():
        (folder / "before" / name).mkdir(parents=True)
        (folder / "before" / name / "main.tf").write_text(text)
    (folder / "moves.tftest.hcl").write_text(TEST)
    where = platform.as_posix()
    # If the platform of today is applied over their state
    done = workspace.terraform(where, "init", "-backend=false", "-test-directory=upgrade")
    assert done.returncode == 0, done.stderr
    done = workspace.terraform(where, "test", "-json", "-verbose", "-test-directory=upgrade")
    runs = read_runs(done.stdout)
    assert runs["after"].status == "pass", runs["after"].said
    # I expect each to be there still, under another address
    before = {(r.type, r.values["id"]) for r in runs["before"].resources}
    after = {(r.type, r.values["id"]) for r in runs["after"].resources}
    assert len(before) == 17
    assert before <= after
    assert not {r.address for r in runs["before"].resources} & {r.address for r in runs["after"].resources}
