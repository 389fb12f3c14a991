"""Who may do what, where: the IAM of an applied run, in the words of docs/security.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.terraform.workspace import Resource

#: IAM resource type => what it stands on, and the attribute that names it.
_PLACES = {
    "google_artifact_registry_repository_iam_member": ("repository", "repository"),
    "google_bigquery_dataset_iam_member": ("dataset", "dataset_id"),
    "google_bigquery_table_iam_member": ("table", "table_id"),
    "google_cloud_run_v2_service_iam_member": ("service", "name"),
    "google_iap_web_cloud_run_service_iam_member": ("service", "cloud_run_service_name"),
    "google_project_iam_member": ("project", None),
    "google_pubsub_subscription_iam_member": ("subscription", "subscription"),
    "google_pubsub_topic_iam_member": ("topic", "topic"),
    "google_secret_manager_secret_iam_member": ("secret", "secret_id"),
    "google_service_account_iam_member": ("account", "service_account_id"),
    "google_storage_bucket_iam_member": ("bucket", "bucket"),
}


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One role for one identity in one place; `only` names the condition that narrows it, if there is one."""

    identity: str
    role: str
    place: str
    only: str = ""


def grants(resources: Iterable[Resource], project: str) -> list[Grant]:
    """Every grant among `resources`. An IAM resource of an unknown or an authoritative kind is a KeyError."""
    return sorted(_grant(resource, project) for resource in resources if "_iam_" in resource.type)


def _grant(resource: Resource, project: str) -> Grant:
    kind, attribute = _PLACES[resource.type]
    name = (
        resource.values[attribute].rpartition("/")[2].replace(f"{project}-", "PROJECT-") if attribute else ""
    )
    titles = [condition["title"] for condition in resource.values.get("condition") or []]
    identity = resource.values["member"].partition(":")[2].partition("@")[0] or resource.values["member"]
    return Grant(identity, resource.values["role"], f"{kind} {name}".strip(), *titles)
