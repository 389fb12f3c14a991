"""`penstock compare`: the same questions asked of several targets, and what tells them apart."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from penstock.messages.strict_json import canonical
from penstock_ops.asking.outgoing import Outgoing
from penstock_ops.comparing.asked import Round, ask
from penstock_ops.comparing.bench import Bench
from penstock_ops.comparing.contestants import Contestants, contestants, label
from penstock_ops.comparing.expected import expected_usd
from penstock_ops.comparing.grading import Grader
from penstock_ops.comparing.measured import measured
from penstock_ops.comparing.page import save_page
from penstock_ops.comparing.questions import Question, of_file, of_ledger
from penstock_ops.comparing.show import Comparison, show, told
from penstock_ops.learning.stored import day, tenant_named
from penstock_ops.terminal.console import counted, dollars, print_json, say, warn
from penstock_ops.terminal.faults import Misuse
from penstock_ops.terminal.routes_named import routes_named
from penstock_ops.terminal.system import System, open_system


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed."""

    file: Path | None
    from_ledger: int | None
    targets: str
    judge: str | None
    routes: Path | None
    tenant: str
    since: str | None
    html: Path | None
    fresh: bool
    yes: bool
    wait_s: float
    grade: str | None = None
    about: str = ""
    max_wrong: float = 0.05

    def check(self, *, as_json: bool) -> None:
        """Raises Misuse."""
        if (self.file is None) == (self.from_ledger is None):
            raise Misuse("Which questions? Name a FILE of them, or say --from-ledger 200: one of the two.")
        if not 0 < self.max_wrong < 1:
            raise Misuse("--max-wrong must be a share above 0 and below 1, such as 0.05.")
        if len(self.about) > 2_000 or (self.about and self.grade is None):
            raise Misuse("--about tells --grade in up to 2,000 characters what counts.")
        if not self.yes and (as_json or sys.stdin is None or not sys.stdin.isatty()):
            raise Misuse("Nobody can be asked here whether it may cost that: say --yes.")


def compare(wanted: Wanted, *, as_json: bool) -> int:
    """The exit code. Raises Misuse, OperatorFault."""
    wanted.check(as_json=as_json)
    who = contestants(wanted.targets, wanted.judge, routes_named(wanted.routes), grader=wanted.grade)
    questions = of_file(wanted.file) if wanted.file is not None else None
    return asyncio.run(run(wanted, who, questions, as_json=as_json))


async def run(
    wanted: Wanted, who: Contestants, questions: Sequence[Question] | None, *, as_json: bool
) -> int:
    """The same without what is read before there is an event loop."""
    tenant, since = tenant_named(wanted.tenant), day(wanted.since, "--since")
    async with open_system() as system:
        say(f"penstock compare → {system.name}, tenant {tenant}")
        asked = questions or await of_ledger(system, tenant, wanted.from_ledger or 0, since)
        round = Round(_name(asked, fresh=wanted.fresh), tenant, wanted.wait_s)
        messages = _messages(round, asked, who, fresh=wanted.fresh)
        if not _may(system, wanted, who, messages[: len(asked)]):
            return 1
        results = await ask(system, round, messages)
        found = await _compared(system, round, who, asked, messages, results)
        if who.grader is not None:
            grader = Grader(system, round, who.grader, wanted.about)
            await _graded(grader, who, found, messages, results)
        found.max_wrong = wanted.max_wrong
    _tell(found, wanted.html, as_json=as_json)
    return 0


def _name(questions: Sequence[Question], *, fresh: bool) -> str:
    """The same questions give the same ids, so that what was answered once is not asked again."""
    digest = hashlib.sha256(b"\n".join(canonical(question.body) for question in questions)).hexdigest()[:10]
    return f"cmp-{digest}-{uuid.uuid4().hex[:6]}" if fresh else f"cmp-{digest}"


def _messages(
    round: Round, questions: Sequence[Question], who: Contestants, *, fresh: bool
) -> list[Outgoing]:
    """All of the first target, then all of the next. Raises Misuse."""
    return [
        round.message(f"{label(target)}.{number}", _body(question, fresh=fresh), target.name)
        for target in who.targets
        for number, question in enumerate(questions)
    ]


def _body(question: Question, *, fresh: bool) -> Mapping[str, Any]:
    renewed = fresh and question.body.get("cache") != "off"
    return {**question.body, "cache": "refresh"} if renewed else question.body


def _may(system: System, wanted: Wanted, who: Contestants, messages: Sequence[Outgoing]) -> bool:
    """Whether it may cost what it is expected to: said first, and asked for."""
    usd = expected_usd(system.services, [message.data for message in messages], who)
    cost = "an amount that the price book cannot tell" if usd is None else f"about {dollars(usd)} at most"
    what = f"{counted(len(messages), 'question')}, {counted(len(who.targets), 'target')}"
    say(
        f"{what}{', a judge' if who.judge else ''}: {cost}; what is cached or was asked before costs nothing."
    )
    return wanted.yes or typer.confirm("Ask them?")


async def _compared(
    system: System, round: Round, who: Contestants, questions: Sequence[Question],
    messages: Sequence[Outgoing], results: Mapping[str, Mapping[str, Any]],
) -> Comparison:  # fmt: skip
    """`messages` are those of the targets, in their order."""
    many = len(questions)
    ordered = [results[message.request_id] for message in messages]
    rows = [ordered[start : start + many] for start in range(0, len(ordered), many)]
    found = [
        measured(target.name, questions, row, rows[0] if number else None)
        for number, (target, row) in enumerate(zip(who.targets, rows, strict=True))
    ]
    comparison = Comparison(round.name, many, found)
    if who.judge is not None:
        bench = Bench(system, round, who.judge)
        for target, row, one in zip(who.targets[1:], rows[1:], found[1:], strict=True):
            one.values["judged"] = await bench.judged(label(target), questions, rows[0], row)
        comparison.judge = bench.told()
    return comparison


async def _graded(
    grader: Grader, who: Contestants, found: Comparison, messages: Sequence[Outgoing],
    results: Mapping[str, Mapping[str, Any]],
) -> None:  # fmt: skip
    """Grades for every target but the baseline, which would be the last one of a cascade."""
    for number, (target, one) in enumerate(zip(who.targets, found.targets, strict=True)):
        if number:
            its = messages[number * found.questions : (number + 1) * found.questions]
            answers = [results[message.request_id] for message in its]
            one.scores["at_least"] = await grader.graded(label(target), its, answers)


def _tell(found: Comparison, html: Path | None, *, as_json: bool) -> None:
    if as_json:
        print_json(told(found))
    else:
        show(found)
    if found.judge is not None and found.judge.garbage:
        warn(
            f"{found.judge.garbage:,} of {found.judge.pairs:,} pairs have no verdict, since what the judge "
            f"{found.judge.target} said was none or it failed; they are in no figure of its preference."
        )
    if html is not None:
        save_page(found, html)
        say(f"{html} shows it with charts.")
