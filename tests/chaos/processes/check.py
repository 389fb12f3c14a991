"""From a run on real processes to the checker's evidence; and surplus calls, which it cannot know of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from tests.acceptance.system import Message
from tests.chaos.checker import violations
from tests.chaos.evidence import Carried, Evidence
from tests.chaos.processes.explain import Surplus, answers_had, paid_in_vain, surplus_calls
from tests.chaos.processes.instance import SECRET
from tests.chaos.processes.provider import ANSWER_MARK
from tests.chaos.processes.records import keep
from tests.chaos.processes.stage import Stage
from tests.servers.openai_server import PROMPT_ID


async def found_wrong(stage: Stage, at_rest: bool, repaired_at: float) -> tuple[list[str], list[Surplus]]:
    """Every violation of the promise, and every surplus call with what explains it."""
    ledger = stage.model.ledger.calls
    evidence = await _evidence(stage, at_rest)
    had = answers_had(evidence.documents)
    surplus = surplus_calls(ledger, stage.model.callers, stage.strikes.dealt, repaired_at, had)
    keep(stage.folder, evidence, stage.strikes.dealt, surplus)
    wrong = violations(evidence)
    wrong += unrecorded(stage, evidence)
    requests = [path for path in evidence.documents if "/requests/" in path]
    wrong += [f"{path}: none of its changes was seen" for path in stage.history.unseen(requests)]
    if any(ANSWER_MARK in line for line in stage.log_lines()):
        wrong.append("an answer stands in a log line")
    wrong += paid_in_vain(surplus)
    return wrong, surplus


def unrecorded(stage: Stage, evidence: Evidence) -> list[str]:
    """Paid calls that no request's own ledger announced: its line must lie in the store before the call."""
    announced: Counter[str] = Counter()
    for path, document in evidence.documents.items():
        asked = PROMPT_ID.search(bytes(document.get("payload", b"")).decode(errors="replace"))
        if "/requests/" in path and asked:
            announced[asked.group(1)] += document["calls"]
    paid = stage.model.ledger.counts(billed_only=True)
    return [
        f"{asked}: paid {count} times, and only {announced[asked]} calls were announced in the documents"
        for asked, count in paid.items()
        if count > announced[asked]
    ]


async def _evidence(stage: Stage, at_rest: bool) -> Evidence:
    documents = {**await stage.documents("requests"), **await stage.documents("usage")}
    unacked = await stage.unacked()
    lines = stage.log_lines()
    return Evidence(
        at_rest=at_rest and not unacked,
        calls=(),  # the provider knows questions, not requests: see explain.py
        documents=documents,
        written=stage.history.written,
        published=stage.published,
        results=carried(stage.results.messages),
        letters=carried(stage.dead_letters.messages),
        happened=(),
        crashes=[line for line in lines if "delivery.crashed" in line or "Traceback" in line],
        longest=stage.longest,
        log="\n".join(line for line in lines if SECRET in line)[:1000],
    )


def carried(messages: Sequence[Message]) -> list[Carried]:
    return [Carried(str(n), message.data, message.attributes) for n, message in enumerate(messages)]


def failures(stage: Stage) -> list[tuple[bytes, dict[str, str]]]:
    """The dead letters to redrive: the original bytes of each request that failed, and who it is."""
    found = {}
    for letter in stage.dead_letters.messages:
        told = letter.attributes
        if told.get("request_id") and told["reason"] not in ("malformed", "conflict"):
            found[told["tenant"], told["request_id"]] = (letter.data, dict(told))
    return list(found.values())


def not_completed(stage: Stage, redriven: Sequence[dict[str, str]]) -> list[str]:
    """Redrives that did not end in an answer, although the provider had been repaired."""
    completed = {
        (m.attributes["tenant"], m.attributes["request_id"])
        for m in stage.results.messages
        if json.loads(m.data)["status"] == "completed"
    }
    return [
        f"{letter['tenant']}/{letter['request_id']}: redriven after repair, and yet not completed"
        for letter in redriven
        if (letter["tenant"], letter["request_id"]) not in completed
    ]
