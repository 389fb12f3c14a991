"""What is promised of callbacks: for each end that somebody wants to be told of exactly one, under one id
until it was taken, with the words of that end; or a dead letter that says it was not."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.callback_receiver import Received
from tests.chaos.evidence import Evidence

Document = Mapping[str, Any]


def callback_violations(evidence: Evidence) -> list[str]:
    """Every broken promise of every callback."""
    return list(_Case(evidence).check())


class _Case:
    def __init__(self, evidence: Evidence) -> None:
        self._e = evidence
        self._callbacks = _below(evidence, "callbacks")
        self._by_id: dict[str, list[Received]] = defaultdict(list)
        for received in evidence.received:
            self._by_id[received.webhook_id or received.url].append(received)

    def check(self) -> Iterator[str]:
        yield from self._each_end_has_one()
        for document in self._callbacks.values():
            yield from (f"callback {document['callback_id']}: {what}" for what in self._of(document))
        known = {_id(document) for document in self._callbacks.values()}
        for webhook_id in self._by_id.keys() - known:
            yield f"{webhook_id!r} arrived, and no callback has that id"

    def _each_end_has_one(self) -> Iterator[str]:
        owed: Counter[tuple[str, str, str, int]] = Counter()
        for path, fields in _below(self._e, "requests").items():
            if "callback" in fields and "confirmed_at" in fields:
                for count in range(fields["redrive_count"] + 1):
                    owed[path.split("/")[1], "request", fields["request_id"], count] = 1
        for path, fields in _below(self._e, "runs").items():
            if "callback" in fields and fields["state"] == "done":
                owed[path.split("/")[1], "run", fields["run_id"], fields["generation"]] = 1
        there = Counter(
            (document["tenant"], about["kind"], about["name"], about["round"])
            for document in self._callbacks.values()
            if (about := document["about"])["kind"] != "endpoint"
        )
        for end in owed:
            if there[end] != 1:
                yield f"{end}: has {there[end]} callbacks, expected one"
        for end in there.keys() - owed.keys():
            if end[1] == "request":
                yield f"{end}: is told, and nobody asked for it"

    def _of(self, document: Document) -> Iterator[str]:
        if document["state"] not in ("delivered", "undeliverable"):
            yield f"not at rest: {document['state']}"
            return
        for field in ("due_at", "open_since", "owner", "lease_until", "not_before"):
            if field in document:
                yield f"over, but its document still has {field}"
        if "expires_at" not in document:
            yield "over, but it would never be deleted"
        arrived = self._by_id[_id(document)]
        taken = [received for received in arrived if 200 <= (received.status or 0) < 300]
        if document["state"] == "delivered" and not taken:
            yield "said to be delivered, and nobody took it"
        if document["state"] == "undeliverable" and not self._has_letter(document):
            yield "undeliverable, but no dead letter says so"
        if len({received.body for received in arrived}) > 1:
            yield "arrived with different bodies under one id"
        for received in arrived[:1]:
            yield from self._words(document, received)

    def _words(self, document: Document, received: Received) -> Iterator[str]:
        told, about = received.told, document["about"]
        if told["type"] != document["type"]:
            yield f"said {told['type']}, it is {document['type']}"
        if about["kind"] == "run":
            yield from self._of_run(document["tenant"], about, told)
        if about["kind"] != "request":
            return
        data = told["data"]
        if (data["request_id"], data["redrive_count"]) != (about["name"], about["round"]):
            yield "told of another request, or another round of it"
        published = [json.loads(carried.data) for carried in self._e.results]
        if data not in published and "completion_url" not in data:
            yield "told something else than the response topic carried"

    def _of_run(self, tenant: str, about: Document, told: Document) -> Iterator[str]:
        data = told["data"]
        if (data["run_id"], data["generation"]) != (about["name"], about["round"]):
            yield "told of another run, or another generation of it"
        run = self._e.documents.get(f"tenants/{tenant}/runs/{about['name']}", {})
        if run.get("generation", 0) == about["round"] and data["status"] != run["outcome"]["status"]:
            yield f"told {data['status']}, the run {run['outcome']['status']}"

    def _has_letter(self, document: Document) -> bool:
        return any(
            letter.attributes.get("reason") == "callback_undeliverable"
            and letter.attributes.get("source_message_id") == document["callback_id"]
            for letter in self._e.letters
        )


def _id(document: Document) -> str:
    """What arrives under: an execution of Workflows knows its callback by its address."""
    url: str = document["to"].get("url", "")
    return url or f"msg_{document['callback_id']}"


def _below(evidence: Evidence, collection: str) -> dict[str, Document]:
    """The documents directly in `collection`, by path."""
    found = evidence.documents.items()
    return {path: fields for path, fields in found if path.split("/")[2::2] == [collection]}
