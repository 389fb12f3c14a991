"""What only the door can break: a request lost, another answer than the stored one, one asked twice."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.messages.strict_json import canonical
from penstock.paths import request_path
from tests.chaos.evidence import Carried
from tests.chaos.processes.door.clients import Heard
from tests.chaos.processes.door.workload import Question

Documents = Mapping[str, Mapping[str, Any]]


def door_violations(
    asked: Sequence[Question], heard: Sequence[Heard], again: Sequence[Heard], documents: Documents
) -> list[str]:
    """Every way in which the clients were wronged; `again`: what was heard when all was asked once more."""
    told: dict[Question, list[Heard]] = defaultdict(list)
    for one in (*heard, *again):
        told[one.question].append(one)
    wrong = [f"{_name(question)}: nobody was told anything" for question in asked if question not in told]
    for question, answers in told.items():
        wrong += [f"{_name(question)}: {what}" for what in _of_question(question, answers, documents)]
    return wrong + list(_strangers(heard, documents))


def _of_question(question: Question, answers: Sequence[Heard], documents: Documents) -> Iterator[str]:
    ids = {one.request_id for one in answers}
    if len(ids) > 1:
        yield f"was asked under {len(ids)} ids: {sorted(ids)}"
    for one in answers:
        document = documents.get(request_path(question.tenant, one.request_id)) if one.request_id else None
        if document is None:
            yield f"lost: {one.told or 'answered'}, and there is no document {one.request_id!r}"
            continue
        result = document.get("result") or {}
        stored = (result.get("completion") or {}).get("text")
        if one.text is None:
            yield from _failed(one, result)
        elif one.text != stored:
            yield f"heard another answer than the stored one of {one.request_id}"


def _failed(one: Heard, result: Mapping[str, Any]) -> Iterator[str]:
    """A client may hear of a failure, of one that is stored."""
    if result.get("status") != "failed":
        yield f"was told {one.told!r}, and {one.request_id} is {result.get('status')}"


def _strangers(heard: Sequence[Heard], documents: Documents) -> Iterator[str]:
    known = {request_path(one.question.tenant, one.request_id) for one in heard if one.request_id}
    for path in documents:
        if "/requests/" in path and path not in known:
            yield f"{path}: a request that no client was told of"


def accepted(heard: Sequence[Heard]) -> list[Carried]:
    """What the clients asked, as if each had published it: for the checker of every promise."""
    found = {}
    for one in heard:
        if one.request_id:
            body = {"model": one.question.model, "messages": one.question.messages}
            named = {"tenant": one.question.tenant, "request_id": one.request_id}
            found[one.question.tenant, one.request_id] = Carried("", canonical(body), named)
    return list(found.values())


def _name(question: Question) -> str:
    return f"{question.kind} {question.prompt_id}"


def ended(documents: Documents) -> Mapping[str, int]:
    """How many requests ended how."""
    found: dict[str, int] = defaultdict(int)
    for path, document in documents.items():
        if "/requests/" in path:
            result = json.loads(json.dumps(document.get("result"), default=str))
            found[_end(result)] += 1
    return found


def _end(result: Any) -> str:
    if not result:
        return "unfinished"
    return str(result["error"]["reason"]) if result["error"] else "completed"
