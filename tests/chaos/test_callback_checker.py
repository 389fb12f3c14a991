"""The checker of callbacks sees each kind of broken promise: sound evidence, tampered with in one thing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.callback_checker import callback_violations
from tests.chaos.callback_receiver import Received
from tests.chaos.callback_stage import in_turn, register, with_callbacks
from tests.chaos.evidence import Evidence
from tests.chaos.run_stage import RUNS, start
from tests.chaos.stage import Stage, play


@pytest.fixture(scope="module")
def sound() -> Evidence:
    """A run that is told of at its second attempt."""

    async def scene(stage: Stage) -> None:
        await register(stage.world)
        await start(stage.world, "r", ["a"], callback={"endpoint": "crm"})
        await stage.rest()

    return play(scene, shape=with_callbacks(RUNS, in_turn(503)))


def _callback(evidence: Evidence) -> str:
    [path] = [path for path in evidence.documents if "/callbacks/" in path]
    return path


def _with(evidence: Evidence, **fields: Any) -> Evidence:
    path = _callback(evidence)
    return replace(evidence, documents={**evidence.documents, path: {**evidence.documents[path], **fields}})


def _never_owed(evidence: Evidence) -> Evidence:
    path = _callback(evidence)
    return replace(evidence, documents={p: f for p, f in evidence.documents.items() if p != path})


def _owed_twice(evidence: Evidence) -> Evidence:
    path = _callback(evidence)
    again = {**evidence.documents[path], "callback_id": "another"}
    return replace(evidence, documents={**evidence.documents, f"{path}-another": again})


def _never_taken(evidence: Evidence) -> Evidence:
    refused = [replace(one, status=503) for one in evidence.received]
    return replace(evidence, received=refused)


def _another_id(evidence: Evidence) -> Evidence:
    """As if the second attempt had an id of its own: its receiver could not drop the copy."""
    first, second = evidence.received
    return replace(evidence, received=[first, replace(second, webhook_id="msg_another")])


def _said(evidence: Evidence, *which: int, **words: Any) -> Evidence:
    def changed(one: Received) -> Received:
        told = {**one.told, "data": {**one.told["data"], **words}}
        return replace(one, body=json.dumps(told).encode())

    numbered = enumerate(evidence.received)
    return replace(evidence, received=[changed(one) if n in which else one for n, one in numbered])


_BROKEN: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "an end that nobody is told of": (_never_owed, "has 0 callbacks, expected one"),
    "an end that is told of twice": (_owed_twice, "has 2 callbacks, expected one"),
    "taken by nobody": (_never_taken, "said to be delivered, and nobody took it"),
    "two ids of one callback": (_another_id, "no callback has that id"),
    "two bodies under one id": (lambda e: _said(e, 1, metadata={"x": "y"}), "different bodies under one id"),
    "another run": (lambda e: _said(e, 0, 1, run_id="s"), "told of another run"),
    "another generation": (lambda e: _said(e, 0, 1, generation=1), "another generation of it"),
    "another end": (lambda e: _said(e, 0, 1, status="failed"), "told failed, the run succeeded"),
    "still open": (lambda e: _with(e, state="waiting"), "not at rest: waiting"),
    "never deleted": (lambda e: _with(e, due_at="0|x"), "its document still has due_at"),
    "given up without a word": (lambda e: _with(e, state="undeliverable"), "no dead letter says so"),
}


def test_sound_evidence_has_no_violation(sound: Evidence) -> None:
    assert len(sound.received) == 2
    assert callback_violations(sound) == []


@pytest.mark.parametrize(("tamper", "says"), _BROKEN.values(), ids=_BROKEN)
def test_what_is_broken_is_seen(sound: Evidence, tamper: Callable[[Evidence], Evidence], says: str) -> None:
    assert any(says in violation for violation in callback_violations(tamper(sound)))
