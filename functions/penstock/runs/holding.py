"""What a run's own budget holds for a page before it is emitted, and what it charges when that is closed.

A page holds the most that its members may cost, one call for each link; its close makes the hold what they
did cost. A call that may have been paid, or whose price nobody knows, is charged at its most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from penstock.budgets.worst import Boundless, worst_nano
from penstock.cascades.judge import question
from penstock.errors import BadMessage
from penstock.messages.request import CacheMode, Request
from penstock.money.estimate import BYTES_PER_TOKEN
from penstock.money.limits import NANO, usd
from penstock.runs.definition import Ask, Definition, Reduce, Step
from penstock.runs.members import Found
from penstock.runs.page import Page
from penstock.runs.record import Run
from penstock.runs.reducing import values_of
from penstock.runs.rows import Row
from penstock.runs.template import MissingPath
from penstock.runs.work import Work, work_of
from penstock.services import Services
from penstock.targets.checks import Check
from penstock.targets.routes import Target


class Purse:
    """What is left of a run's budget, while pages are opened; without a budget every page may be."""

    def __init__(self, s: Services, run: Run) -> None:
        self._s, self._run = s, run
        self.held = run.held_nano or 0
        #: Why a page was not opened.
        self.lacks = ""

    async def hold(self, page: Page) -> Page | None:
        """The page with its hold; None: too little is left, and `lacks` says so.

        Raises BlobError; BadMessage where nothing says how much it may cost.
        """
        budget = self._run.budget_nano
        if budget is None:
            return page
        nano = page_at_most(self._s, await work_of(self._s, self._run, page))
        spent = self._run.spent_nano or 0
        if spent + self.held + nano > budget:
            self.lacks = (
                f"The next page may cost {usd(nano)}, and of the budget of {usd(budget)} {usd(spent)} are "
                "spent: resume the run with more."
            )
            return None
        self.held += nano
        return page._replace(held_nano=nano)


def page_at_most(s: Services, work: Work) -> int:
    """Nano-dollars that the page's members may cost. Raises BadMessage that says what to set."""
    try:
        return sum(nano for index in work.asked for nano in _links(s, work, index))
    except Boundless as error:
        raise BadMessage(str(error)) from None


def charged(s: Services, work: Work, found: Found) -> int:
    """What the members of a page have cost, in nano-dollars; at most, where that is not known."""
    try:
        return sum(_charged(s, work, place, found) for place in found)
    except Boundless:  # a deploy has taken a price away since it was held
        return work.page.held_nano or 0


def check_bounds(s: Services, definition: Definition) -> None:
    """Raises BadMessage where a step asks a target for which no budget can hold."""
    for number, step in enumerate(definition.steps):
        for ask in step.links:
            if ask.field is None:
                _check(s, f"pipeline.steps[{number}]", ask)


def _check(s: Services, place: str, ask: Ask) -> None:
    empty = _request({"prompt": "", "model": ask.model, "params": ask.fixed.get("params", {})})
    try:
        _at_most(s, empty)
    except Boundless as error:
        raise BadMessage(f"`{place}`: {error}") from None


def _charged(s: Services, work: Work, place: tuple[int, int], found: Found) -> int:
    index, link = place
    record = found[place]
    paid = (record.result or {}).get("cost", {}).get("usd")
    unsure = record.perhaps_paid + (paid is None)
    at_most = [*_links(s, work, index)][link] if unsure else 0
    return unsure * at_most + round((paid or 0) * NANO)


def _links(s: Services, work: Work, index: int) -> Iterator[int]:
    """The most that each link of a member may cost; none behind one that cannot be rendered."""
    row = work.rows[index]
    for ask in work.step.links:
        try:
            request = _request(ask.body(_values(work.step, row)))
        except MissingPath:
            return
        yield _at_most(s, request)
        row = row.with_answer(ask.answer, _Unknown(_longest(s, request)))


def _values(step: Step, row: Row) -> Mapping[str, Any]:
    return values_of(step.does, row) if isinstance(step.does, Reduce) else {"item": row.item}


class _Unknown(dict[str, Any]):
    """An answer that nobody has yet, `tokens` long: whatever a template takes of it, it takes all of it."""

    def __init__(self, tokens: int) -> None:
        super().__init__({"": "x" * (tokens * BYTES_PER_TOKEN)})

    def get(self, key: str, default: Any = None) -> Any:
        return self


def _at_most(s: Services, request: Request) -> int:
    worst = [worst_nano(request, target, s.prices) for target in _targets(s, request)]
    route = s.routes.resolve(request.model)
    if route.choose != "cascade":
        return max(worst)
    return sum(worst) + sum(_judged_at_most(s, request, name, check) for name, check in route.checks.items())


def _judged_at_most(s: Services, request: Request, name: str, check: Check) -> int:
    """Of a cascade each target may be paid, and each judge, who reads the longest answer."""
    if check.judge is None:
        return 0
    tokens = int(s.routes.targets[name].effective(request.params)["max_tokens"])
    asked = question(check.judge, request, {"text": "x" * (tokens * BYTES_PER_TOKEN)})
    return worst_nano(asked, s.routes.targets[check.judge.target], s.prices)


def _longest(s: Services, request: Request) -> int:
    return max(int(target.effective(request.params)["max_tokens"]) for target in _targets(s, request))


def _targets(s: Services, request: Request) -> list[Target]:
    route = s.routes.resolve(request.model)
    return route.targets if route.choose == "cheapest" else route.eligible


def _request(body: Mapping[str, Any]) -> Request:
    messages = body.get("messages") or [{"role": "user", "content": body.get("prompt", "")}]
    return Request(
        "", "", tuple(messages), body.get("model"), body.get("params", {}), CacheMode.OFF,
        datetime.now(UTC), {}, "",
    )  # fmt: skip
