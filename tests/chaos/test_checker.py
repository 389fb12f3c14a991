"""The checker sees each kind of broken promise: sound evidence is tampered with, one thing at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.checker import SECRET, violations
from tests.chaos.evidence import Carried, Evidence
from tests.chaos.provider import Reply
from tests.chaos.stage import Stage, play

_PATH = "tenants/default/requests/r"


@pytest.fixture(scope="module")
def sound() -> Evidence:
    async def scene(stage: Stage) -> None:
        await stage.ask("r", cache="off")
        await stage.rest()
        await stage.ask("refused", "other")
        await stage.rest()
        await stage.ask("r", "quite another", cache="off")
        await stage.world.publish(b"{", {})

    return play(scene, replies=[Reply(), Reply("rejected", 0.2)])


def _with_document(evidence: Evidence, **fields: object) -> Evidence:
    documents = {**evidence.documents, _PATH: {**evidence.documents[_PATH], **fields}}
    return replace(evidence, documents=documents)


def _another_result(evidence: Evidence) -> Evidence:
    body = json.loads(evidence.results[0].data) | {"model": "changed"}
    return replace(evidence, results=[*evidence.results, Carried("99", json.dumps(body).encode(), {})])


def _foreign_answer(evidence: Evidence) -> Evidence:
    result = dict(evidence.documents[_PATH]["result"])
    completion = result["completion"] | {"text": "acme|a|0000|call 0|"}
    return _with_document(evidence, result=result | {"completion": completion})


def _rewritten(evidence: Evidence) -> Evidence:
    ends = next(write for write in evidence.written if write.path == _PATH and "result" in write.fields)
    return replace(evidence, written=[*evidence.written, replace(ends, at=ends.at + 9)])


def _lower_fence(evidence: Evidence) -> Evidence:
    claim = next(write for write in evidence.written if write.path == _PATH)
    return replace(evidence, written=[*evidence.written, claim])


def _stranger(evidence: Evidence) -> Evidence:
    ends = next(write for write in evidence.written if write.path == _PATH and "result" in write.fields)
    written = [replace(write, by="i9/99") if write is ends else write for write in evidence.written]
    return replace(evidence, written=written)


def _untyped(evidence: Evidence) -> Evidence:
    copy = Carried("98", b"x", {"CloudPubSubDeadLetterSourceSubscription": "requests"})
    return replace(evidence, letters=[*evidence.letters, copy])


TAMPERED: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "not at rest": (lambda e: replace(e, at_rest=False), "not at rest"),
    "a document is gone": (lambda e: replace(e, documents={}), "there is no document"),
    "no result": (lambda e: replace(e, results=[]), "0 different results"),
    "two results": (_another_result, "2 different results"),
    "not confirmed": (lambda e: _with_document(e, state="leased"), "not finished"),
    "still due": (lambda e: _with_document(e, due_at="00:x"), "still has due_at"),
    "never deleted": (lambda e: _without_expiry(e), "never be deleted"),
    "a surplus call": (lambda e: replace(e, calls=[*e.calls, replace(e.calls[0], number=7)]), "2 paid calls"),
    "a stranger's answer": (_foreign_answer, "answer of tenant acme"),
    "another question's answer": (_foreign_answer, "the answer to another question"),
    "no dead letter": (lambda e: replace(e, letters=[]), "no dead letter says so"),
    "no dead letter of a conflict": (lambda e: replace(e, letters=[]), "conflicts, but no dead letter"),
    "no dead letter of a malformed one": (lambda e: replace(e, letters=[]), "malformed, but no dead letter"),
    "Pub/Sub gave up": (_untyped, "Pub/Sub's own dead-letter policy"),
    "usage twice": (lambda e: _with_document(e, redrive_count=1), "usage counts"),
    "a completed result changed": (_rewritten, "changed a completed result"),
    "a fence went back": (_lower_fence, "fence 1 after 1"),
    "a write under another's fence": (_stranger, "which is"),
    "a prompt in the log": (lambda e: replace(e, log=f"… {SECRET}"), "a prompt stands in a log line"),
    "a crash": (lambda e: replace(e, crashes=["i0: KeyError"]), "a story raised"),
}


def _without_expiry(evidence: Evidence) -> Evidence:
    document = {name: value for name, value in evidence.documents[_PATH].items() if name != "expires_at"}
    return replace(evidence, documents={**evidence.documents, _PATH: document})


def test_sound_evidence_has_no_violation(sound: Evidence) -> None:
    assert violations(sound) == []


@pytest.mark.parametrize("what", TAMPERED)
def test_the_checker_sees(what: str, sound: Evidence) -> None:
    tamper, sentence = TAMPERED[what]
    assert any(sentence in violation for violation in violations(tamper(sound)))
