"""What Firestore indexes and deletes by itself is as docs/design.md §5 says."""

from __future__ import annotations

from tests.design_page import collection, table
from tests.terraform.workspace import Run, Workspace


def _fields(workspace: Workspace) -> Run:
    return workspace.test("modules/platform")["with_everything"]


def test_the_documents_searched_and_expiring_are_terraforms(workspace: Workspace) -> None:
    fields = _fields(workspace).of("google_firestore_field")
    written = [row for row in table("document") if not row["by"].startswith("nobody yet")]
    rows = {collection(row["document"]): row for row in written}

    indexed = {
        (field.values["collection"], field.values["field"])
        for field in fields
        for config in field.values["index_config"]
        if config["indexes"]
    }
    told = {
        (name, field.strip())
        for name, row in rows.items()
        for field in row["searched"].split(",")
        if row["searched"] != "–"
    }
    assert indexed == told

    expiring = {field.values["collection"] for field in fields if field.values.get("ttl_config")}
    assert expiring == {name for name, row in rows.items() if row["expires"] != "never"}

    exempt = {field.values["collection"] for field in fields if field.values["field"] == "*"}
    assert exempt == set(rows)
