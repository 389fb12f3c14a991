"""`penstock similar learn`: stored results replayed in the order of their time, as if they were asked now.

The look is the one that a request makes. What it finds is compared where that costs nothing; else verifier
and judge are asked by the tenant's ordinary requests, and the deployment counts what they say.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Set
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from penstock.errors import AlreadyExists, PreconditionFailed, PublishFailed
from penstock.messages.audited import PLANTED
from penstock.messages.request import CacheMode
from penstock.money.estimate import estimate_tokens, estimate_usage
from penstock.parts import Embedders
from penstock.paths import REQUESTS, cache_path, evidence_path
from penstock.ports import Create, Snapshot, Update
from penstock.requests.flight import CacheEntry
from penstock.requests.incoming import Incoming, incoming_wake
from penstock.requests.record import Record
from penstock.requests.room import wake_of
from penstock.requests.stored import record_of
from penstock.services import Services
from penstock.similar.audits import audit_message, case_of, first_question
from penstock.similar.compared import differ
from penstock.similar.eligible import question_of
from penstock.similar.entry import Entry
from penstock.similar.evidence import Way, judged
from penstock.similar.lookup import Look, look_around, looked, stands_alone
from penstock.similar.questions import judging
from penstock.similar.ways import way_of
from penstock.targets.gate import gates
from penstock.targets.routes import Routes
from penstock.targets.similarity import Similar
from penstock_ops.terminal.console import dollars, print_json, say, stdout
from penstock_ops.terminal.faults import Misuse, OperatorFault
from penstock_ops.terminal.routes_named import routes_named
from penstock_ops.terminal.system import System, open_system

#: Documents of one query.
_BATCH: Final = 100


@dataclass(slots=True)
class Learned:
    """What was done: questions looked at, neighbours found, judged at once (and wrong), and questions put to
    verifier and judge; wrong pairs put to the judge to try it; what failed."""

    looked: int = 0
    found: int = 0
    judged: int = 0
    wrong: int = 0
    asked: int = 0
    planted: int = 0
    kept: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A stored result whose question another's answer might have served."""

    found: Snapshot
    record: Record
    incoming: Incoming
    question: str

    @property
    def answer(self) -> str:
        return str((self.record.result or {})["completion"]["text"])


async def learn(
    alias: str, tenant: str, path: Path | None, since: str | None, planted: int, *, yes: bool, as_json: bool
) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    routes = routes_named(path)
    similar = _similar_of(routes, alias, planted)
    first = _day(since)
    async with open_system() as system:
        say(f"penstock similar learn {alias} → {system.name}, tenant {tenant}")
        s = _with_routes(system, routes)
        way = way_of(alias, routes.routes[alias], routes, s.embedders[similar.embedder].name)
        asked = sorted([one async for one in _stored(s, tenant, alias, first)], key=_ended)
        if not asked:
            raise OperatorFault(f"no stored result of tenant {tenant} by route {alias} may be looked at.")
        _price(s, similar, asked, planted, yes=yes)
        done, later = Learned(), {one.record.request_id for one in asked}
        for one in asked:
            later.discard(one.record.request_id)
            await _learn(s, tenant, way, similar, one, later, done)
        await _plant(s, tenant, way, similar, asked, planted, done)
        await s.embedders[similar.embedder].close()
    if as_json:
        print_json(asdict(done))
    else:
        _print(done)
    return 0


def _similar_of(routes: Routes, alias: str, planted: int) -> Similar:
    route = routes.routes.get(alias)
    if route is None:
        raise Misuse(f"there is no route {alias}: there are {', '.join(sorted(routes.routes))}.")
    if route.similar is None:
        raise Misuse(f"route {alias} has no similar answers: give it a `similar` first.")
    if planted and route.similar.judge is None:
        raise Misuse(f"--planted tries a judge, and route {alias} has none: leave it out.")
    return route.similar


def _day(since: str | None) -> datetime | None:
    if since is None:
        return None
    try:
        return datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Misuse(f"--since {since!r} is no day: write it as 2026-11-21.") from None


def _with_routes(system: System, routes: Routes) -> Services:
    """The system's services, which can embed as the deployment does."""
    s, env = system.services, os.environ
    keyed = replace(
        system.settings, openai_api_key=env.get("OPENAI_API_KEY"), openai_base_url=env.get("OPENAI_BASE_URL")
    )
    made = gates(routes, s.clock, s.timing)
    return replace(s, routes=routes, gates=made, embedders=Embedders(routes, keyed))


async def _stored(s: Services, tenant: str, alias: str, since: datetime | None) -> AsyncIterator[_Asked]:
    """Results of calls of their own, by that route, with a question of text alone."""
    after = ""
    while True:
        page = await s.store.scan(
            f"tenants/{tenant}/{REQUESTS}", after=after, limit=_BATCH, timeout_s=s.timing.read_s
        )
        for found in page:
            asked = await _asked(s, alias, since, found)
            if asked is not None:
                yield asked
        if len(page) < _BATCH:
            return
        after = page[-1].path.rpartition("/")[2]


async def _asked(s: Services, alias: str, since: datetime | None, found: Snapshot) -> _Asked | None:
    record = record_of(found)
    if record is None or record.answer_key is None or not record.completed or record.judges is not None:
        return None
    result = record.result or {}
    said = result["completion"]
    if result["cache"] != "miss" or said is None or said["tool_calls"] or said["finish_reason"] != "stop":
        return None
    if since is not None and datetime.fromisoformat(result["completed_at"]) < since:
        return None
    incoming = await incoming_wake(s, wake_of(record), record)
    request = replace(incoming.request, cache=CacheMode.SIMILAR)
    question = question_of(request)
    if question is None or (request.model or s.routes.default) != alias or not incoming.targets:
        return None
    incoming = replace(incoming, request=request, key=record.answer_key)
    return _Asked(found, record, incoming, question)


def _ended(asked: _Asked) -> str:
    return str((asked.record.result or {})["completed_at"])


def _price(s: Services, similar: Similar, asked: list[_Asked], planted: int, *, yes: bool) -> None:
    """Say what it will come to, and ask. Raises OperatorFault where nobody can be asked, or says no."""
    tokens = sum(estimate_tokens(one.question) for one in asked)
    target = s.routes.targets.get(similar.embedder)
    embeddings = 0.0 if target is None else _usd(s, target.priced_as, tokens)
    said = f"{len(asked):,} questions to embed, about {dollars(embeddings)}"
    if similar.judge is not None:
        judge = s.routes.targets.get(similar.judge) or s.routes.routes[similar.judge].targets[0]
        sample = judging(asked[0].question, asked[0].answer, asked[0].answer)
        usage = estimate_usage(sample["messages"], sample["params"], "yes")
        each = s.prices.cost(judge.priced_as, usage).usd
        said += f"; each pair that is judged about {dollars(each)}, {planted:,} of them planted"
    say(said + ".")
    if yes:
        return
    if not os.isatty(0):
        raise OperatorFault("nobody can be asked whether to pay for it: say --yes.")
    import typer

    if not typer.confirm("Go on?"):
        raise OperatorFault("nothing was done.")


def _usd(s: Services, name: str, tokens: int) -> float | None:
    from penstock.messages.completion import Usage

    return s.prices.cost(name, Usage(tokens, 0)).usd


async def _learn(
    s: Services, tenant: str, way: Way, similar: Similar, one: _Asked, later: Set[str], done: Learned
) -> None:
    look = looked(one.incoming, one.question, way, similar)
    done.looked += 1
    try:
        await look_around(s, one.incoming, look)
    except Exception as error:  # one of many: it is said, and the others go on
        done.failed += 1
        say(f"{one.record.request_id}: not looked at ({type(error).__name__}).")
        return
    # Of a pair that is kept already the later one counts, as it did the first time.
    earlier = look.candidate is not None and look.candidate.entry.source not in later
    if earlier and one.record.similar is None:
        done.found += 1
        await _judge(s, tenant, way, one, look, done)
    done.kept += await _keep(s, tenant, similar, one, look)


async def _judge(s: Services, tenant: str, way: Way, one: _Asked, look: Look, done: Learned) -> None:
    """Count it where that needs nobody, else write it down and ask."""
    look.judge = True
    case = case_of(look, one.record)
    if case is None:
        return
    if "wrong" in case and not way.verifier:
        writes = judged(
            tenant, way, one.record.request_id, case["cosine"], s.clock.now(), wrong=case["wrong"]
        )
        try:
            await s.store.commit(writes, timeout_s=s.timing.commit_s)
        except AlreadyExists:
            return
        done.judged += 1
        done.wrong += case["wrong"]
        return
    question = first_question(s, one.record._replace(similar=case))
    if question is None:
        return
    try:
        update = Update(one.found.path, {"similar": case}, one.found.version)
        await s.store.commit([update], timeout_s=s.timing.commit_s)
        data, attributes = question
        await s.bus.publish(s.topics.request, data, attributes, timeout_s=s.timing.publish_s)
        done.asked += 1
    except (PreconditionFailed, PublishFailed):
        done.failed += 1


async def _keep(s: Services, tenant: str, similar: Similar, one: _Asked, look: Look) -> bool:
    """Whether its question is found from now on: for as long as its answer is in the cache."""
    [cached] = await s.store.read([cache_path(tenant, look.key)], timeout_s=s.timing.read_s)
    known = CacheEntry.decode(cached.fields) if cached.fields is not None else None
    if known is None or known.answer is None or known.expires_at <= s.clock.now() or not look.vector:
        return False
    if not stands_alone(known.answer):
        return False
    entry = Entry(look.scope, look.key, look.question, one.record.request_id, known.expires_at)
    put = entry.put(tenant, look.vector, similar.cap)
    await s.store.commit([put], timeout_s=s.timing.commit_s)
    return True


async def _plant(
    s: Services, tenant: str, way: Way, similar: Similar, asked: list[_Asked], planted: int, done: Learned
) -> None:
    """Show the judge the answer to another question, half the set away, beside the right one."""
    await _begin(s, tenant, way)
    half = max(1, len(asked) // 2)
    for number in range(planted):
        one, step = asked[number % len(asked)], half + number // len(asked)
        other = asked[(number + step) % len(asked)]
        if differ(one.incoming.request.params, one.answer, other.answer) is False or similar.judge is None:
            continue
        audit: dict[str, Any] = {
            "step": PLANTED, "of": one.record.request_id, "way": asdict(way), "cosine": 0.0,
        }  # fmt: skip
        life = f"{tenant}/{one.record.request_id}/{other.record.request_id}/{one.record.created_at}"
        asking = judging(one.question, one.answer, other.answer)
        data, attributes = audit_message(s, tenant, similar.judge, life, audit, asking)
        await s.bus.publish(s.topics.request, data, attributes, timeout_s=s.timing.publish_s)
        done.planted += 1


async def _begin(s: Services, tenant: str, way: Way) -> None:
    """So that `show` names the way from now on."""
    create = Create(evidence_path(tenant, way.name), asdict(way))
    try:
        await s.store.commit([create], timeout_s=s.timing.commit_s)
    except AlreadyExists:
        return


def _print(done: Learned) -> None:
    stdout().print(
        f"{done.looked:,} looked at, {done.found:,} with a similar question; {done.judged:,} judged at once, "
        f"{done.wrong:,} of them wrong; {done.asked:,} put to verifier and judge, {done.planted:,} planted. "
        f"{done.kept:,} are found from now on."
    )
    if done.asked or done.planted:
        stdout().print("What is put to them is counted as it is answered: `penstock similar show`.")
    if done.failed:
        stdout().print(f"[yellow]{done.failed:,} could not be looked at[/yellow].")
