"""The checker of the door sees each kind of broken promise: sound evidence, tampered with once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from penstock.paths import request_path
from penstock.services import Services
from tests.chaos.processes.door.check import door_violations
from tests.chaos.processes.door.clients import Heard
from tests.chaos.processes.door.workload import KEYED, KEYLESS, Question
from tests.unit.door.asking import Client, client
from tests.unit.door.conftest import s as s
from tests.unit.door.providers import Counted, Refusing, rejected

_ANSWERED = Question("acme", "one", KEYED, "one")
_KEYLESS = Question("acme", "two", KEYLESS, "one")
_FAILED = Question("acme", "three", KEYED, "two")


@dataclass(frozen=True)
class Told:
    """What the clients were told, and what is stored."""

    heard: tuple[Heard, ...]
    again: tuple[Heard, ...]
    documents: Mapping[str, Mapping[str, Any]]

    def violations(self) -> list[str]:
        return door_violations([_ANSWERED, _KEYLESS, _FAILED], self.heard, self.again, self.documents)

    def stored(self, question: int, **fields: Any) -> Told:
        """With another document of that question."""
        path = request_path("acme", self.heard[question].request_id)
        return replace(self, documents={**self.documents, path: {**self.documents[path], **fields}})

    def without(self, question: int) -> Told:
        path = request_path("acme", self.heard[question].request_id)
        return replace(self, documents={name: one for name, one in self.documents.items() if name != path})

    def told(self, question: int, **fields: Any) -> Told:
        heard = list(self.heard)
        heard[question] = replace(heard[question], **fields)
        return replace(self, heard=tuple(heard))


async def _ask(mine: Client, question: Question) -> Heard:
    named = {"idempotency_key": question.key} if question.key else {}
    heard = await mine.chat(named, model=question.model, messages=question.messages)
    request_id = heard.headers["x-penstock-request-id"]
    if heard.status != 200:
        return Heard(question, request_id, None, heard.error["code"])
    return Heard(question, request_id, heard.json["choices"][0]["message"]["content"])


@pytest.fixture
async def sound(s: Services) -> Told:
    mine = await client(s)
    providers = {"at-one": Counted(text="Because."), "at-two": Refusing(rejected())}
    theirs = Client(replace(s, providers=providers), mine.key)
    heard = tuple([await _ask(theirs, question) for question in (_ANSWERED, _KEYLESS, _FAILED)])
    again = tuple([await _ask(theirs, question) for question in (_ANSWERED, _FAILED)])
    found = await s.store.scan("tenants/acme/requests", after="", limit=100, timeout_s=10)
    return Told(heard, again, {one.path: one.fields or {} for one in found})


def test_sound_evidence_is_sound(sound: Told) -> None:
    assert sound.violations() == []
    assert [one.text is None for one in sound.heard] == [False, False, True]


TAMPERED: Mapping[str, tuple[Callable[[Told], Told], str]] = {
    "a question that nobody answered": (lambda e: replace(e, heard=e.heard[1:], again=()), "told anything"),
    "an accepted request without a document": (lambda e: e.without(0), "lost"),
    "one given up without a request": (lambda e: e.told(1, request_id="", text=None), "lost"),
    "another answer than the stored one": (lambda e: e.told(0, text="Another."), "another answer"),
    "an answer that was never stored": (lambda e: e.stored(1, result=None), "another answer"),
    "a failure that is an answer": (lambda e: e.told(0, text=None, told="502"), "was told"),
    "a failure that is none yet": (lambda e: e.stored(2, result=None), "was told"),
    "one key, two requests": (
        lambda e: replace(e, again=(replace(e.again[0], request_id=e.heard[1].request_id),)),
        "under 2 ids",
    ),
    "a request that no client asked": (
        lambda e: replace(e, heard=(e.heard[0], e.heard[2]), again=e.again),
        "no client was told of",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_tampered_with_is_seen(sound: Told, name: str) -> None:
    tamper, told = TAMPERED[name]
    found = tamper(sound).violations()
    assert any(told in violation for violation in found), found
