"""What is promised of runs: one closed snapshot per page and stage, each member in it with an outcome that
was true, and the next stage made of that snapshot alone. It knows docs/runs.md: documents and blobs."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.chaos.evidence import Evidence

Row = Mapping[str, Any]


def run_violations(evidence: Evidence) -> list[str]:
    """Every broken promise of every run."""
    runs = {path: fields for path, fields in evidence.documents.items() if path.split("/")[2::2] == ["runs"]}
    found = [what for path, fields in runs.items() for what in _Run(evidence, path, fields).check()]
    return found + list(_closed_once(evidence))


def _closed_once(evidence: Evidence) -> Iterator[str]:
    closes = Counter(write.path for write in evidence.paged if write.fields.get("state") == "closed")
    yield from (f"{path}: closed {times} times" for path, times in closes.items() if times != 1)


class _Run:
    """One run, by its document."""

    def __init__(self, evidence: Evidence, path: str, fields: Mapping[str, Any]) -> None:
        self._e, self._path, self._fields = evidence, path, fields
        self._tenant = path.split("/")[1]
        self._pages = {
            name.rpartition("/")[2]: page
            for name, page in evidence.documents.items()
            if name.startswith(f"{path}/pages/")
        }

    def check(self) -> Iterator[str]:
        name = self._path.rpartition("/")[2]
        for what in (*self._at_rest(), *self._stages(), *self._members(), *self._followed()):
            yield f"run {name}: {what}"

    def _at_rest(self) -> Iterator[str]:
        if self._fields["state"] != "done" or not self._fields.get("outcome"):
            yield f"not finished: {self._fields['state']}"
            return
        for field in ("due_at", "open_since", "owner", "lease_until", "stage"):
            if field in self._fields:
                yield f"done, but its document still has {field}"
        if "expires_at" not in self._fields:
            yield "done, but it would never be deleted"
        for name, page in self._pages.items():
            if page["state"] != "closed":
                yield f"done, but its page {name} is {page['state']}"

    def _stages(self) -> Iterator[str]:
        names = Counter((stage["step"], stage["level"]) for stage in self._fields["closed"])
        yield from (
            f"the stage {name} was closed {times} times" for name, times in names.items() if times > 1
        )
        for stage in self._fields["closed"]:
            entries = self._manifest(stage)["pages"]
            if [entry["page"] for entry in entries] != list(range(stage["pages"])):
                yield f"the manifest of stage {stage['step']} does not name every page once"
            for key in ("ok", "failed", "pending"):
                if sum(entry[key] for entry in entries) != stage[key]:
                    yield f"stage {stage['step']} says {stage[key]} {key}, its pages say otherwise"
            for entry in entries:
                yield from self._entry(entry)

    def _entry(self, entry: Mapping[str, Any]) -> Iterator[str]:
        rows = self._rows(entry)
        if len(rows) != entry["ok"] + entry["failed"]:
            yield f"page {entry['page']} has {len(rows)} rows, it says {entry['ok']} and {entry['failed']}"
        for row in rows:
            if "request_id" in row:
                yield from self._true(row)

    def _true(self, row: Row) -> Iterator[str]:
        """The row says what its member's document says."""
        path = f"tenants/{self._tenant}/requests/{row['request_id']}"
        document = self._e.documents.get(path)
        if document is None or document["state"] != "terminal":
            yield f"{row['request_id']} is in a closed page and has not ended"
            return
        result = document["result"]
        if document.get("redrive_count"):
            return  # late: its own document, not the run's
        if result["status"] == "completed":
            text = result["completion"]["text"] if result["completion"] else None
            if row.get("error") or (text is not None and text not in row["item"].values()):
                yield f"{row['request_id']} completed, its row says otherwise"
        elif (row.get("error") or {}).get("reason") != result["error"]["reason"]:
            yield f"{row['request_id']} failed with {result['error']['reason']}, its row says otherwise"

    def _members(self) -> Iterator[str]:
        """Each page has exactly its own members: one outcome for each index that was ever asked about."""
        asked: dict[str, set[int]] = defaultdict(set)
        for parent in self._parents():
            asked[f"{parent['generation']}.{parent['stage']}.{parent['page']}"].add(parent["index"])
        for name, page in self._pages.items():
            if len(asked[name]) != page.get("members", 0):
                yield f"page {name} says {page.get('members')} members, there are {len(asked[name])}"

    def _parents(self) -> list[Mapping[str, Any]]:
        run = self._path.rpartition("/")[2]
        ours = f"tenants/{self._tenant}/requests/"
        documents = (fields for path, fields in self._e.documents.items() if path.startswith(ours))
        every = [fields["parent"] for fields in documents if isinstance(fields.get("parent"), Mapping)]
        return [parent for parent in every if parent["run"] == run]

    def _followed(self) -> Iterator[str]:
        """A map works on what the stage before it left, and on nothing else."""
        steps = self._blob(self._fields["definition"])["steps"]
        stages = self._fields["closed"]
        for before, after in pairwise(stages):
            if before["step"] == after["step"] or "map" not in steps[after["step"]] or after["pending"]:
                continue
            errors = steps[before["step"]].get("failed_items") == "include_error"
            left = [row["id"] for row in self._stage_rows(before) if errors or not row.get("error")]
            if [row["id"] for row in self._stage_rows(after)] != left:
                yield f"step {after['step']} did not work on what step {before['step']} left"

    def _stage_rows(self, stage: Mapping[str, Any]) -> list[Row]:
        return [row for entry in self._manifest(stage)["pages"] for row in self._rows(entry)]

    def _manifest(self, stage: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._blob(stage["manifest"])

    def _rows(self, entry: Mapping[str, Any]) -> Sequence[Row]:
        return [
            json.loads(line) for part in entry["parts"] for line in self._e.blobs[part["uri"]].splitlines()
        ]

    def _blob(self, ref: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self._e.blobs[ref["uri"]])
        return found
