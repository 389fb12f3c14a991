"""What must hold of every resource of every installation, the fullest one included."""

from __future__ import annotations

import json
import re

import pytest

from tests.terraform.grants import Grant, grants
from tests.terraform.workspace import ROOT, Run, Workspace

PROJECT = "my-project-1"
#: Folder and run: the three environments as they ship, and a platform with everything switched on.
INSTALLATIONS = {
    "dev": ("environments/dev", "as_shipped"),
    "staging": ("environments/staging", "as_shipped"),
    "prod": ("environments/prod", "as_shipped"),
    "everything": ("modules/platform", "with_everything"),
}
#: Roles on the project that no finer resource carries. The deployer makes the rest, so its own stand there.
WHOLE_PROJECT = {
    ("courier", "roles/workflows.invoker"),
    ("run-workflow", "roles/logging.logWriter"),
    ("penstock-builder", "roles/logging.logWriter"),
    ("request-handler", "roles/aiplatform.user"),
    ("front-door", "roles/aiplatform.user"),
    ("batcher", "roles/aiplatform.user"),
    # Neither Workflows nor logs have IAM below the project
    ("courier", "roles/workflows.invoker"),
    ("run-workflow", "roles/logging.logWriter"),
    ("response-processor", "roles/telemetry.tracesWriter"),
}


@pytest.fixture(params=INSTALLATIONS)
def run(request: pytest.FixtureRequest, workspace: Workspace) -> Run:
    where, name = INSTALLATIONS[request.param]
    return workspace.test(where)[name]


@pytest.fixture
def everything(workspace: Workspace) -> Run:
    where, name = INSTALLATIONS["everything"]
    return workspace.test(where)[name]


def has_rooms(run: Run) -> bool:
    """Whether the installation has runs switched on, and the other rooms with them."""
    return any(f.values["name"] == "run-handler" for f in run.of("google_cloudfunctions2_function"))


def test_every_push_and_bigquery_subscription_has_a_dead_letter_topic(run: Run) -> None:
    fed = [
        s
        for s in run.of("google_pubsub_subscription")
        if s.values["push_config"] or s.values["bigquery_config"]
    ]
    of_rooms = (
        {"llm-runs-handler", "llm-internal-processor", "llm-internal-bigquery"} if has_rooms(run) else set()
    )
    of_rooms |= {"llm-callbacks-courier", "llm-batches-batcher"} if has_rooms(run) else set()
    assert {s.values["name"] for s in fed} == of_rooms | {
        "llm-requests-handler",
        "llm-responses-processor",
        "llm-responses-bigquery",
    }
    [letters] = [t for t in run.of("google_pubsub_topic") if t.values["name"] == "llm-dead-letters"]
    for subscription in fed:
        [policy] = subscription.values["dead_letter_policy"]
        assert policy == {"dead_letter_topic": letters.values["id"], "max_delivery_attempts": 100}


def test_dead_lettering_has_both_of_its_grants(everything: Run) -> None:
    held = set(grants(everything.resources, PROJECT))
    assert Grant("gcp-sa-pubsub", "roles/pubsub.publisher", "topic llm-dead-letters") in held
    for subscription in everything.of("google_pubsub_subscription"):
        if subscription.values["dead_letter_policy"]:
            where = f"subscription {subscription.values['name']}"
            assert Grant("gcp-sa-pubsub", "roles/pubsub.subscriber", where) in held


def test_every_function_is_waited_for(run: Run) -> None:
    timeouts = {
        f.values["name"]: f.values["service_config"][0]["timeout_seconds"]
        for f in run.of("google_cloudfunctions2_function")
    }
    of_rooms = (
        {"run-handler", "courier", "feed-reader", "reconciler", "front-door", "batcher"}
        if has_rooms(run)
        else set()
    )
    assert set(timeouts) == of_rooms | {"request-handler", "response-processor", "sweeper"}
    for subscription in run.of("google_pubsub_subscription"):
        if subscription.values["push_config"]:
            assert subscription.values["ack_deadline_seconds"] > max(timeouts.values())
    for job in run.of("google_cloud_scheduler_job"):
        assert int(job.values["attempt_deadline"].removesuffix("s")) >= timeouts[job.values["name"]]


def test_no_subscription_of_ours_expires(run: Run) -> None:
    # A consumer's may: it is made anew when its owner asks
    for subscription in run.of("google_pubsub_subscription"):
        if ".google_pubsub_subscription.consumer" not in subscription.address:
            assert subscription.values["expiration_policy"] == [{"ttl": ""}], subscription.address


def test_nothing_is_public(run: Run) -> None:
    for resource in run.resources:
        assert not {"allUsers", "allAuthenticatedUsers"} & set(_strings(resource.values)), resource.address
        assert not resource.values.get("invoker_iam_disabled")
    for bucket in run.of("google_storage_bucket"):
        assert bucket.values["public_access_prevention"] == "enforced"
        assert bucket.values["uniform_bucket_level_access"] is True


def test_only_its_own_caller_may_invoke_a_function(everything: Run) -> None:
    invokers = {
        (g.identity, g.place) for g in grants(everything.resources, PROJECT) if g.role == "roles/run.invoker"
    }
    assert invokers == {
        ("request-handler-caller", "service request-handler"),
        ("response-processor-caller", "service response-processor"),
        ("sweeper-caller", "service sweeper"),
        ("run-handler-caller", "service run-handler"),
        ("feed-reader-caller", "service feed-reader"),
        ("courier-caller", "service courier"),
        ("reconciler-caller", "service reconciler"),
        ("front-door-caller", "service front-door"),
        ("shop", "service front-door"),
        ("front-door", "service engine"),
        ("batcher-caller", "service batcher"),
        ("request-handler", "service engine"),
        ("batcher", "service engine"),
        ("gcp-sa-iap", "service console"),
    }
    for function in everything.of("google_cloudfunctions2_function"):
        open_to = "ALL" if function.values["name"] == "front-door" else "INTERNAL_ONLY"
        assert function.values["service_config"][0]["ingress_settings"] == f"ALLOW_{open_to}"


def test_no_primitive_role_and_nothing_authoritative(run: Run) -> None:
    # An *_iam_policy or *_iam_binding would take away what others were granted: grants() knows members only
    for grant in grants(run.resources, PROJECT):
        assert grant.role not in {"roles/owner", "roles/editor", "roles/viewer"}


def test_a_role_on_the_project_is_narrowed(everything: Run) -> None:
    wide = {
        (g.identity, g.role)
        for g in grants(everything.resources, PROJECT)
        if g.place == "project" and not g.only and g.identity != "penstock-deployer"
    }
    assert wide == WHOLE_PROJECT


def test_no_secret_value_anywhere(run: Run) -> None:
    assert run.of("google_secret_manager_secret")
    assert not run.of("google_secret_manager_secret_version")
    for function in run.of("google_cloudfunctions2_function"):
        [config] = function.values["service_config"]
        assert config["secret_environment_variables"] == []
        assert config["secret_volumes"] == []
        assert not [
            name for name in config["environment_variables"] if re.search(r"KEY|TOKEN|PASSWORD", name)
        ]


def test_no_secret_in_outputs(run: Run) -> None:
    shown = json.dumps(run.outputs)
    assert "secret_data" not in shown
    assert not re.search(r"sk-[A-Za-z0-9]|BEGIN [A-Z ]*PRIVATE KEY", shown)
    assert not [name for name, output in run.outputs.items() if output.get("sensitive")]


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_the_engine_is_off_by_default(workspace: Workspace, name: str) -> None:
    where, shipped = INSTALLATIONS[name]
    assert not workspace.test(where)[shipped].of("google_cloud_run_v2_service")


def test_prompts_stay_in_the_region(run: Run) -> None:
    for topic in run.of("google_pubsub_topic"):
        assert topic.values["message_storage_policy"][0]["allowed_persistence_regions"] == ["us-central1"]
    places = {r.values["location"] for r in run.of("google_storage_bucket", "google_bigquery_dataset")}
    assert places == {"us-central1"}


def test_security_md_lists_every_grant_and_no_other(everything: Run) -> None:
    # Given the rows of the table: identity | role | where | why
    rows = re.findall(
        r"^\| `([^`|]+)` \| `(roles/[^`|]+)` \| ([^|]+?) \| ([^|]+?) \|$",
        (ROOT / "docs/security.md").read_text(),
        re.M,
    )
    written = {Grant(identity, role, *_place(where)) for identity, role, where, _ in rows}
    assert written == set(grants(everything.resources, PROJECT))
    assert len(rows) == len(written), "a row stands twice"


def _place(cell: str) -> tuple[str, str]:
    """`topic `x`` or `project, only `title``, without the backquotes."""
    place, _, only = cell.replace("`", "").partition(", only ")
    return place, only


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in _strings(part)]
    return [value] if isinstance(value, str) else []
