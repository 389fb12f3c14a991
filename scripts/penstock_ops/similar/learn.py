"""`penstock similar learn`: stored results replayed in the order of their time, as if they were asked now.

The look is the one that a request makes. What it finds is compared where that costs nothing; else verifier
and judge are asked by the tenant's ordinary requests, and the deployment counts what they say.
"""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from penstock.errors import AlreadyExists, PreconditionFailed, PublishFailed
from penstock.money.estimate import estimate_tokens, estimate_usage
from penstock.parts import Embedders
from penstock.paths import cache_path
from penstock.ports import Update
from penstock.requests.flight import CacheEntry
from penstock.services import Services
from penstock.similar.audits import case_of, first_question
from penstock.similar.embedding import NoVector, embed_without_a_line
from penstock.similar.entry import Entry
from penstock.similar.evidence import Way, judged
from penstock.similar.lookup import Look, look_around, looked, stands_alone
from penstock.similar.questions import judging
from penstock.similar.ways import way_of
from penstock.targets.gate import gates
from penstock.targets.routes import Routes
from penstock.targets.similarity import Similar
from penstock_ops.similar.planted import plant
from penstock_ops.similar.stored import Asked, ended, stored
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
        asked = sorted([one async for one in stored(s, tenant, alias, first)], key=ended)
        if not asked:
            raise OperatorFault(f"no stored result of tenant {tenant} by route {alias} may be looked at.")
        _price(s, similar, asked, planted, yes=yes)
        done, later = Learned(), {one.record.request_id for one in asked}
        for one in asked:
            later.discard(one.record.request_id)
            await _learn(s, tenant, way, similar, one, later, done)
        if similar.judge is not None:
            done.planted = await plant(s, tenant, way, similar.judge, asked, planted)
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


def _price(s: Services, similar: Similar, asked: list[Asked], planted: int, *, yes: bool) -> None:
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
    s: Services, tenant: str, way: Way, similar: Similar, one: Asked, later: Set[str], done: Learned
) -> None:
    look = looked(one.incoming, one.question, way, similar)
    done.looked += 1
    try:
        await embed_without_a_line(s, look)
        await look_around(s, one.incoming, look)
    except Exception as error:  # one of many: it is said, and the others go on
        done.failed += 1
        why = error if isinstance(error, NoVector) else type(error).__name__
        say(f"{one.record.request_id}: not looked at ({why}).")
        return
    # Of a pair that is kept already the later one counts, as it did the first time.
    earlier = look.candidate is not None and look.candidate.entry.source not in later
    if earlier and one.record.similar is None:
        done.found += 1
        await _judge(s, tenant, way, one, look, done)
    done.kept += await _keep(s, tenant, similar, one, look)


async def _judge(s: Services, tenant: str, way: Way, one: Asked, look: Look, done: Learned) -> None:
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


async def _keep(s: Services, tenant: str, similar: Similar, one: Asked, look: Look) -> bool:
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
