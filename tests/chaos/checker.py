"""The checker: reads the evidence of a run and says every way in which the promise was broken.

It knows docs/design.md §2 and §3 and nothing of the code's inside. Each violation is one sentence with ids.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.adapters import Written
from tests.chaos.callback_checker import callback_violations
from tests.chaos.evidence import Carried, Evidence
from tests.chaos.explain import unexplained
from tests.chaos.money_checker import money_violations
from tests.chaos.pace_checker import pace_violations
from tests.chaos.run_checker import run_violations
from tests.chaos.similar_checker import similar_violations

#: In every simulated prompt; must never be seen in a log line.
SECRET = "PLANTED-SECRET"

_NOT_ASKED = ("request_id", "tenant", "deadline", "max_wait_s")
_TYPED = {
    "malformed", "conflict", "content_refused", "provider_rejected", "attempts_exhausted",
    "deadline_exceeded", "internal", "budget_exhausted", "callback_undeliverable",
}  # fmt: skip
#: What the sweeper and response_processor may touch.
_NOT_THE_HOLDERS = {
    *("due_at", "sweeps", "confirmed_at", "perhaps_booked", "open_since", "expires_at", "done_in", "orphans"),
    *("holds", "holding", "held_at", "waits", "turn"),
}

Key = tuple[str, str]


def violations(evidence: Evidence) -> list[str]:
    """Every broken assertion of one run that was given the time to come to rest."""
    found = [f"a story raised: {crash}" for crash in evidence.crashes]
    if not evidence.at_rest:
        found.append("not at rest: a lease, due work or an unacked message is left")
    case = _Case(evidence)
    for check in (
        case.every_accepted_id_has_its_results, case.calls_are_explained, case.answers_fit_their_questions,
        case.messages_that_are_no_requests_are_dead_letters, case.dead_letters_are_typed,
        case.failures_have_their_dead_letter, case.usage_counts_once,
        case.perhaps_paid_counts_once, case.seams_write_once,
        case.history_is_lawful,
    ):  # fmt: skip
        found += check()
    found += run_violations(evidence) + callback_violations(evidence)
    found += money_violations(evidence)
    found += pace_violations(evidence)
    found += similar_violations(evidence)
    if SECRET in evidence.log:
        found.append("a prompt stands in a log line")
    return found


class _Case:
    """The evidence, by request."""

    def __init__(self, evidence: Evidence) -> None:
        self._e = evidence
        self._asked: dict[Key, list[Carried]] = defaultdict(list)
        self._no_requests: list[Carried] = []
        for message in evidence.published:
            if message.attributes.get("penstock_kind", "member") != "member":
                continue
            key = _key(message)
            if key is None:
                self._no_requests.append(message)
            else:
                self._asked[key].append(message)
        self._documents = {
            (str(fields["tenant"]), str(fields["request_id"])): fields
            for path, fields in evidence.documents.items()
            if "/requests/" in path
        }
        self._results: dict[Key, dict[int, set[bytes]]] = defaultdict(lambda: defaultdict(set))
        for message in evidence.results:
            body = json.loads(message.data)
            life = self._results[(body["tenant"], body["request_id"])]
            life[body["redrive_count"]].add(message.data)

    def every_accepted_id_has_its_results(self) -> Iterator[str]:
        for key in self._asked:
            document = self._documents.get(key)
            if document is None:
                yield f"{key}: accepted, but there is no document"
                continue
            if document["state"] != "terminal" or "confirmed_at" not in document:
                yield f"{key}: not finished: {document['state']}, confirmed {document.get('confirmed_at')}"
                continue
            for field in ("due_at", "open_since", "owner", "lease_until"):
                if field in document:
                    yield f"{key}: at rest, but its document still has {field}"
            if "expires_at" not in document:
                yield f"{key}: delivered, but it would never be deleted"
            yield from self._results_of(key, document)
        for key in self._results.keys() - self._asked.keys():
            yield f"{key}: a result for a request that nobody made"

    def _results_of(self, key: Key, document: Mapping[str, Any]) -> Iterator[str]:
        lives = self._results[key]
        for count in range(document["redrive_count"] + 1):
            different = len(lives[count])
            if different != 1:
                yield f"{key}: {different} different results under redrive_count {count}, expected exactly 1"
        for count, bodies in lives.items():
            statuses = {json.loads(body)["status"] for body in bodies}
            if count < document["redrive_count"] and statuses != {"failed"}:
                yield f"{key}: redrive_count {count} was {statuses} and yet redriven"
        newest = [json.loads(body) for body in lives[document["redrive_count"]]]
        if newest and newest[0] != json.loads(json.dumps(document["result"])):
            yield f"{key}: the published result is not the stored one"

    def calls_are_explained(self) -> Iterator[str]:
        by_request: dict[Key, list[Any]] = defaultdict(list)
        for call in self._e.calls:
            by_request[call.tenant, call.request_id].append(call)
        reopened: dict[Key, list[float]] = defaultdict(list)
        answered: dict[Key, dict[str, float]] = defaultdict(dict)
        for write in self._e.written:
            for rung in write.fields.get("rungs") or ():
                if rung.get("role") == "embedding":
                    continue  # no call of a model's
                by = f"judge of {rung['judged']}" if "judged" in rung else rung["answer"]["target"]
                answered[_key_of_path(write.path)].setdefault(by, write.at)
            if write.fields.get("redrive_count"):
                reopened[_key_of_path(write.path)].append(write.at)
        for key, calls in by_request.items():
            told = unexplained(calls, reopened[key], self._e.happened, answered[key])
            yield from (f"{key}: {what}" for what in told)

    def answers_fit_their_questions(self) -> Iterator[str]:
        for key, document in self._documents.items():
            result = document.get("result")
            if not result or result["status"] != "completed" or result["completion"] is None:
                continue
            if "judges" in document or result["cache"] == "similar":
                continue  # tests/chaos/similar_checker.py
            tenant, target, asked, _ = result["completion"]["text"].split("|", 3)
            longest = self._e.longest.get(target)
            if "payload" in document and asked != _question(bytes(document["payload"]), longest):
                yield f"{key}: was given the answer to another question"
            if tenant != key[0]:
                yield f"{key}: was given an answer of tenant {tenant}"
            if target != result["target"]:
                yield f"{key}: says that {result['target']} answered, it was {target}"

    def messages_that_are_no_requests_are_dead_letters(self) -> Iterator[str]:
        refused = {
            (letter.attributes["source_message_id"], letter.attributes["reason"], letter.data)
            for letter in self._e.letters
            if "reason" in letter.attributes
        }
        for message in self._no_requests:
            if (message.message_id, "malformed", message.data) not in refused:
                yield f"message {message.message_id}: malformed, but no dead letter with its bytes"
        for key, messages in self._asked.items():
            accepted = (self._documents.get(key) or {}).get("payload_sha256")
            for message in messages:
                differs = accepted is not None and _digest(message.data) != accepted
                if differs and (message.message_id, "conflict", message.data) not in refused:
                    yield f"{key}: message {message.message_id} conflicts, but no dead letter with its bytes"

    def dead_letters_are_typed(self) -> Iterator[str]:
        for letter in self._e.letters:
            reason = letter.attributes.get("reason")
            if reason is None:
                source = letter.attributes.get("CloudPubSubDeadLetterSourceSubscription")
                yield f"Pub/Sub's own dead-letter policy took a message from {source}"
            elif reason not in _TYPED:
                yield f"dead letter {letter.message_id}: the reason {reason} is not in the closed set"

    def failures_have_their_dead_letter(self) -> Iterator[str]:
        letters = {
            (a.get("tenant"), a.get("request_id"), a.get("redrive_count"), a["reason"]): letter.data
            for letter in self._e.letters
            if "reason" in (a := letter.attributes)
        }
        for key, lives in self._results.items():
            originals = {message.data for message in self._asked[key]}
            for body in (json.loads(data) for bodies in lives.values() for data in bodies):
                if body["status"] != "failed" or body["error"]["reason"] == "cancelled":
                    continue
                name = (*key, str(body["redrive_count"]), body["error"]["reason"])
                if name not in letters:
                    yield f"{key}: failed with {body['error']['reason']}, but no dead letter says so"
                elif letters[name] not in originals and letters[name] != b"":
                    yield f"{key}: its dead letter does not hold the original bytes"

    def usage_counts_once(self) -> Iterator[str]:
        counted: Counter[str] = Counter()
        for path, fields in self._e.documents.items():
            if "/usage/" in path:
                counted[path.split("/")[1]] += int(fields.get("requests", 0))
        lived: Counter[str] = Counter()
        for (tenant, _), document in self._documents.items():
            lived[tenant] += document["redrive_count"] + ("confirmed_at" in document)
        for tenant in counted | lived:
            if counted[tenant] != lived[tenant]:
                yield f"tenant {tenant}: usage counts {counted[tenant]} results, there were {lived[tenant]}"

    def perhaps_paid_counts_once(self) -> Iterator[str]:
        """A call that may have been paid is in the usage as often as its request's document says."""
        counted = sum(
            int(fields.get("perhaps_paid", 0))
            for path, fields in self._e.documents.items()
            if "/usage/" in path
        )
        booked = sum(document.get("perhaps_booked", 0) for document in self._documents.values())
        if counted != booked:
            yield f"usage counts {counted} calls that may have been paid, the requests' documents {booked}"

    def seams_write_once(self) -> Iterator[str]:
        """What lies with a claim, a save or a confirmation is written as often as these are: see tally.py."""
        for path, fields in self._e.documents.items():
            if "/tally/" not in path:
                continue
            request_id = path.rpartition("/")[2].rpartition("-")[0]
            fence = self._documents[path.split("/")[1], request_id]["fence"]
            if fields != {"claimed": fence, "saved": 1, "confirmed": 1}:
                yield f"{path}: {dict(fields)} under fence {fence}, expected one claim a fence and one each"

    def history_is_lawful(self) -> Iterator[str]:
        by_path: dict[str, list[Written]] = defaultdict(list)
        for write in self._e.written:
            by_path[write.path].append(write)
        for path, writes in by_path.items():
            yield from (f"{_key_of_path(path)}: {what}" for what in _history(writes))


@dataclass(slots=True)
class _Life:
    fence: int = 0
    holder: str = ""
    result: Mapping[str, Any] | None = None


def _history(writes: Sequence[Written]) -> Iterator[str]:
    """Fences grow; under a fence only its delivery writes; a completed result stays."""
    life = _Life()
    for write in writes:
        fields = write.fields
        where = f"write at {write.at:.3f} by {write.by}"
        if "fence" in fields:
            if fields["fence"] <= life.fence:
                yield f"{where}: fence {fields['fence']} after {life.fence}"
            life.fence, life.holder = fields["fence"], write.by
        elif "write_id" in fields:
            if write.by != life.holder:
                yield f"{where}: wrote under fence {life.fence}, which is {life.holder}'s"
        elif extra := set(fields) - _NOT_THE_HOLDERS:
            yield f"{where}: without a write id it touched {sorted(extra)}"
        if "result" in fields:
            if life.result is not None and life.result["status"] == "completed":
                yield f"{where}: changed a completed result"
            new = fields["result"]
            life.result = new if isinstance(new, Mapping) else None


def _key_of_path(path: str) -> Key:
    parts = path.split("/")
    return parts[1], parts[3]


def _key(message: Carried) -> Key | None:
    """Who asks; None when the message can be no request."""
    try:
        body = json.loads(message.data)
        asks = ("prompt" in body) != ("messages" in body)
        named = {**body, **message.attributes}  # a member's ids are in its attributes
        key = (named.get("tenant", "default"), named["request_id"])
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    return key if asks else None


def _digest(data: bytes) -> str:
    body = {name: value for name, value in json.loads(data).items() if name not in _NOT_ASKED}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _question(data: bytes, longest: int | None) -> str:
    body = json.loads(data)
    limit = {} if longest is None else {"max_tokens": longest}
    messages = body.get("messages") or [{"role": "user", "content": body["prompt"]}]
    asked = {"messages": messages, "params": limit | body.get("params", {})}
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
