"""The checker of runs sees each kind of broken promise: sound evidence, tampered with one thing at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.evidence import Evidence
from tests.chaos.run_checker import run_violations
from tests.chaos.run_stage import RUNS, mapped, start
from tests.chaos.stage import Stage, play

_RUN = "tenants/default/runs/r"
_PAGE = f"{_RUN}/pages/0.0.0"


@pytest.fixture(scope="module")
def sound() -> Evidence:
    async def scene(stage: Stage) -> None:
        await start(stage.world, "r", ["a", "b"], mapped(), mapped("two"))
        await stage.rest()

    return play(scene, shape=RUNS)


def _with(evidence: Evidence, path: str, **fields: object) -> Evidence:
    return replace(evidence, documents={**evidence.documents, path: {**evidence.documents[path], **fields}})


def _closed_twice(evidence: Evidence) -> Evidence:
    close = next(write for write in evidence.paged if write.fields.get("state") == "closed")
    return replace(evidence, paged=[*evidence.paged, close])


def _still_open(evidence: Evidence) -> Evidence:
    return _with(evidence, _PAGE, state="emitted")


def _never_deleted(evidence: Evidence) -> Evidence:
    run = {name: value for name, value in evidence.documents[_RUN].items() if name != "expires_at"}
    return replace(evidence, documents={**evidence.documents, _RUN: run})


def _unfinished(evidence: Evidence) -> Evidence:
    return _with(evidence, _RUN, state="running")


def _closed_stage_twice(evidence: Evidence) -> Evidence:
    closed = evidence.documents[_RUN]["closed"]
    return _with(evidence, _RUN, closed=[*closed, closed[-1]])


def _one_too_many(evidence: Evidence) -> Evidence:
    first, second = evidence.documents[_RUN]["closed"]
    return _with(evidence, _RUN, closed=[first | {"ok": 3}, second])


def _member_lost(evidence: Evidence) -> Evidence:
    """As if one of the page's members had never been asked."""
    lost = next(path for path, fields in evidence.documents.items() if _is_of_page(fields))
    return replace(evidence, documents={p: f for p, f in evidence.documents.items() if p != lost})


def _is_of_page(fields: Mapping[str, Any]) -> bool:
    parent = fields.get("parent")
    return isinstance(parent, Mapping) and (parent["stage"], parent["page"]) == ("0", 0)


def _rows(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[Evidence], Evidence]:
    """The first stage's rows, changed in the bucket."""

    def tampered(evidence: Evidence) -> Evidence:
        manifest = json.loads(evidence.blobs[evidence.documents[_RUN]["closed"][0]["manifest"]["uri"]])
        uri = manifest["pages"][0]["parts"][0]["uri"]
        rows = change([json.loads(line) for line in evidence.blobs[uri].splitlines()])
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        return replace(evidence, blobs={**evidence.blobs, uri: data})

    return tampered


_BROKEN: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "a page closed twice": (_closed_twice, "closed 2 times"),
    "a page left open": (_still_open, "its page 0.0.0 is emitted"),
    "a run for ever": (_never_deleted, "would never be deleted"),
    "a run under way": (_unfinished, "not finished: running"),
    "a stage closed twice": (_closed_stage_twice, "was closed 2 times"),
    "a count that is wrong": (_one_too_many, "its pages say otherwise"),
    "a member that is not there": (_member_lost, "there are 1"),
    "a row too few": (_rows(lambda rows: rows[:1]), "has 1 rows"),
    "an answer of nobody": (_rows(lambda rows: [row | {"item": {"text": "x"}} for row in rows]), "otherwise"),
    "rows in another order": (_rows(lambda rows: rows[::-1]), "did not work on what step 0 left"),
    "an error that was none": (
        _rows(lambda rows: [row | {"error": {"reason": "internal", "message": ""}} for row in rows]),
        "its row says otherwise",
    ),
}


def test_sound_evidence_has_no_violation(sound: Evidence) -> None:
    assert run_violations(sound) == []


@pytest.mark.parametrize(("tamper", "says"), _BROKEN.values(), ids=_BROKEN)
def test_what_is_broken_is_seen(sound: Evidence, tamper: Callable[[Evidence], Evidence], says: str) -> None:
    assert any(says in violation for violation in run_violations(tamper(sound)))
