"""From runs on real processes to the checker's evidence, and what only these can show."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.checker import violations
from tests.chaos.evidence import Evidence
from tests.chaos.processes.check import carried, unrecorded
from tests.chaos.processes.explain import Surplus, paid_in_vain, surplus_calls
from tests.chaos.processes.instance import SECRET
from tests.chaos.processes.provider import ANSWER_MARK
from tests.chaos.processes.records import keep
from tests.chaos.processes.runs.stage import RunStage
from tests.chaos.processes.runs.workload import Asked, RunsAsked

#: What a run's message may say without being another run (docs/runs.md).
_NOT_PAYLOAD = ("run_id", "tenant", "deadline", "max_wait_s")


async def found_wrong(
    stage: RunStage, asked: RunsAsked, at_rest: bool, repaired_at: float
) -> tuple[list[str], list[Surplus]]:
    """Every violation of the promise, and every surplus call with what explains it."""
    surplus = surplus_calls(stage.model.ledger.calls, stage.model.callers, stage.strikes.dealt, repaired_at)
    evidence = await _evidence(stage, at_rest)
    keep(stage.folder, evidence, stage.strikes.dealt, surplus)
    wrong = violations(evidence) + unrecorded(stage, evidence)
    wrong += [what for run in asked.runs for what in _ended(evidence, run)]
    wrong += _conflicts(stage, evidence) + _strangers(stage) + _unseen(stage, evidence)
    if any(ANSWER_MARK in line for line in stage.log_lines()):
        wrong.append("an answer stands in a log line")
    wrong += paid_in_vain(surplus)
    return wrong, surplus


def _ended(evidence: Evidence, run: Asked) -> Iterator[str]:
    """Redriven after repair, everything has its answer: each stage of it closed once, and whole."""
    document = evidence.documents.get(run.path)
    if document is None:
        yield f"run {run.run_id}: there is no document"
        return
    if (document.get("outcome") or {}).get("status") != "succeeded":
        yield f"run {run.run_id}: redriven after repair, it ended {document.get('outcome')}"
    closed = document.get("closed") or []
    if not closed or closed[0]["total"] != run.rows:
        yield f"run {run.run_id}: its first stage has {closed and closed[0]['total']} rows of {run.rows}"
    if {stage["step"] for stage in closed} != set(range(run.steps)):
        yield f"run {run.run_id}: of its {run.steps} steps {sorted({s['step'] for s in closed})} are closed"
    for stage in closed:
        if open_ := stage["failed"] + stage["pending"]:
            yield f"run {run.run_id}: {open_} rows of step {stage['step']} have no answer"


def _conflicts(stage: RunStage, evidence: Evidence) -> list[str]:
    """Of two runs under one id one is there, and the other's message is a dead letter with its bytes."""
    refused = {letter.data for letter in evidence.letters if letter.attributes.get("reason") == "conflict"}
    by_run: dict[str, set[bytes]] = defaultdict(set)
    for data in stage.told:
        body = json.loads(data)
        accepted = evidence.documents.get(f"tenants/{body['tenant']}/runs/{body['run_id']}")
        if accepted is not None and _digest(body) != accepted["payload_sha256"]:
            by_run[body["run_id"]].add(data)
    return [
        f"run {run_id}: another run came under its id, and no dead letter holds it"
        for run_id, others in by_run.items()
        if not others <= refused
    ]


def _digest(body: Mapping[str, Any]) -> str:
    payload = {name: value for name, value in body.items() if name not in _NOT_PAYLOAD}
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _strangers(stage: RunStage) -> list[str]:
    """Whoever waits for results of their own sees no member's."""
    seen = len(stage.results.messages)
    return [f"{seen} results of members on the topic that clients read"] if seen else []


def _unseen(stage: RunStage, evidence: Evidence) -> list[str]:
    """Watched pages of which the change stream said nothing: then nobody knows how often they closed."""
    watched = [path for path in stage.history.watched if path in evidence.documents]
    return [f"{path}: none of its changes was seen" for path in stage.history.unseen(watched)]


async def _evidence(stage: RunStage, at_rest: bool) -> Evidence:
    documents = {
        **await stage.documents("requests"),
        **await stage.documents("usage"),
        **await stage.documents("callbacks"),
        **await stage.run_documents(),
    }
    unacked = await stage.unacked()
    lines = stage.log_lines()
    return Evidence(
        at_rest=at_rest and not unacked,
        calls=(),  # the provider knows questions, not requests: see explain.py
        documents=documents,
        written=(),
        published=carried(stage.members.messages),
        results=carried(stage.internal.messages),
        letters=carried(stage.dead_letters.messages),
        happened=(),
        crashes=[line for line in lines if "delivery.crashed" in line or "Traceback" in line],
        log="\n".join(line for line in lines if SECRET in line)[:1000],
        paged=[write for write in stage.history.written if "/pages/" in write.path],
        received=stage.endpoint.received,
        blobs={
            path.as_uri(): path.read_bytes()
            for path in (stage.folder / "blobs").glob("tenants/*/runs/**/*.blob")
        },
    )


def figures(stage: RunStage, documents: Mapping[str, Mapping[str, Any]]) -> Counter[str]:
    """What a seed had: members, distinct questions, pages."""
    runs = [fields for path, fields in documents.items() if path.split("/")[2::2] == ["runs"]]
    return Counter(
        runs=len(runs),
        stages=sum(len(run.get("closed") or ()) for run in runs),
        pages=sum("/pages/" in path for path in documents),
        told=len({received.webhook_id for received in stage.endpoint.received}),
        deliveries_of_callbacks=len(stage.endpoint.received),
        questions=len(stage.model.ledger.counts()),
        calls=len(stage.model.ledger.calls),
        paid=sum(call.billed for call in stage.model.ledger.calls),
    )
