"""cloudbuild.yaml against the deployer and the trigger that Terraform makes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub, without types

from tests.terraform.workspace import ENVIRONMENTS, ROOT, Run, Workspace


@pytest.fixture
def build() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
    return parsed


@pytest.fixture
def everything(workspace: Workspace) -> Run:
    return workspace.test("modules/platform")["with_everything"]


def test_nothing_is_applied_that_was_not_tested_bundled_and_planned(build: dict[str, Any]) -> None:
    # Steps run one after the other unless one says `waitFor`
    assert [step["id"] for step in build["steps"]] == [
        "terraform",
        "test",
        "bundle",
        "settings",
        "plan",
        "apply",
    ]
    assert not [step["id"] for step in build["steps"] if "waitFor" in step or step.get("allowFailure")]
    script = {step["id"]: step.get("script", "") for step in build["steps"]}
    assert "scripts/test" in script["test"]
    assert "terraform plan -out=/workspace/plan" in script["plan"]
    assert "terraform apply /workspace/plan" in script["apply"]
    assert "CI=true" in build["options"]["env"]


def test_it_runs_as_the_deployer_and_logs_to_cloud_logging(build: dict[str, Any], everything: Run) -> None:
    accounts = {account.values["account_id"] for account in everything.of("google_service_account")}
    name = build["serviceAccount"].rpartition("/")[2].partition("@")[0]
    assert name in accounts
    assert build["options"]["logging"] == "CLOUD_LOGGING_ONLY"


def test_the_trigger_sets_what_the_build_reads(build: dict[str, Any], everything: Run) -> None:
    [trigger] = everything.of("google_cloudbuild_trigger")
    assert set(trigger.values["substitutions"]) == {"_ENV", "_REGION", "_STATE_BUCKET"}
    assert set(trigger.values["substitutions"]) <= set(build["substitutions"])
    assert trigger.values["filename"] == "cloudbuild.yaml"
    assert build["substitutions"]["_ENV"] in ENVIRONMENTS


def test_every_image_has_a_version(build: dict[str, Any]) -> None:
    tags = [step["name"].rpartition(":")[2] for step in build["steps"]]
    assert not [tag for tag in tags if "/" in tag or tag.startswith("latest")]
