"""Put a selection of dead letters back to work: shown first with what it costs, then done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from penstock.console import audit
from penstock.console.asked import Asked, checked, number
from penstock.console.desk import Desk
from penstock.console.letters import LOOK, filters_of, matches, seen
from penstock.console.page import Page, Wrong, drawn, gone_to
from penstock.errors import PenstockError
from penstock.ports import Waiting
from penstock.redriving.carry_out import Done, carry_out
from penstock.redriving.cost import estimate
from penstock.redriving.letters import read_letter
from penstock.redriving.options import Options
from penstock.redriving.plan import Do, Planned, Step, plan

#: A redrive lasts no longer than the browser and the service wait for it, in seconds.
LONGEST_S: Final = 240
FASTEST: Final = 100


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a form chose: letters by their message ids, or all that match; and how many a second."""

    options: Options
    filters: dict[str, str]

    @classmethod
    def of(cls, asked: Asked) -> Chosen:
        """Raises Wrong."""
        ids = frozenset(checked("letter", one, 256) for one in asked.all_given("letter"))
        everything = asked.given("what") == "all"
        if not everything and not ids:
            raise Wrong(400, "No letter is chosen: mark some, or take all that match.")
        rate = number("Letters a second", asked.given("rate"), 1, FASTEST)
        # One whose request nobody names would have to be looked for among all that is stored.
        options = Options(message_ids=frozenset() if everything else ids, rate=rate, search=False)
        return cls(options, filters_of(dict(asked.form)) if everything else {})


async def preview(desk: Desk, asked: Asked) -> Page:
    """Raises Wrong, LettersOutOfReach, StoreError, BlobError."""
    chosen = Chosen.of(asked)
    async with desk.letters() as waiting:
        planned = await _planned(desk, waiting, chosen)
    steps = planned.steps
    paying = [step.request for step in steps if step.pays and step.request is not None]
    cost = estimate(paying, desk.s.prices, routes=desk.s.routes)
    counts = Counter((step.letter.reason, step.do) for step in steps for _ in step.message_ids)
    whys = Counter((step.do.value, step.why) for step in steps if step.why)
    to_do = [step for step in steps if step.do is not Do.STAY]
    return drawn(
        "preview.html", asked=asked, cost=cost, verbs=list(Do), counts=counts, whys=sorted(whys.items()),
        reasons=sorted({reason for reason, _ in counts}), rate=round(chosen.options.rate),
        message_ids=[one for step in to_do for one in step.message_ids], seconds=_seconds(to_do, chosen),
    )  # fmt: skip


async def redrive(desk: Desk, asked: Asked) -> Page:
    """Raises Wrong, LettersOutOfReach, StoreError, BlobError."""
    chosen = Chosen.of(asked)
    if not chosen.options.message_ids:
        raise Wrong(400, "Letters are redriven as they were shown: look at the preview first.")
    asked_for = len(chosen.options.message_ids)
    name = await audit.begin(desk.s, asked, "redrive", f"{asked_for} letters chosen")
    try:
        async with desk.letters() as waiting:
            planned = await _planned(desk, waiting, chosen)
            steps = [step for step in planned.steps if step.do is not Do.STAY]
            done = await carry_out(desk.s, waiting, steps, chosen.options.rate)
    except (PenstockError, Wrong) as error:
        await audit.end(desk.s, name, "failed", str(error))
        raise
    outcome = "failed" if done.failed or done.stopped else "done"
    await audit.end(desk.s, name, outcome, _said(done, planned, asked_for), done.requests)
    return gone_to(f"/audit/{name}")


async def _planned(desk: Desk, waiting: Waiting, chosen: Chosen) -> Planned:
    """Raises Wrong where it would take too long."""
    found = await waiting.look(lambda _: None, LOOK)
    letters = [read_letter(one, desk.s.topics.response_subscription) for one in found]
    wanted = [one for one in letters if chosen.options.wants(one) and matches(seen(one), chosen.filters)]
    planned = await plan(desk.s, wanted, chosen.options)
    if _seconds(planned.steps, chosen) > LONGEST_S:
        raise Wrong(400, f"At that speed it takes over {LONGEST_S} s: take fewer letters, or more a second.")
    return planned


def _seconds(steps: Sequence[Step], chosen: Chosen) -> float:
    return len(steps) / chosen.options.rate


def _said(done: Done, planned: Planned, asked_for: int) -> str:
    stayed = sum(len(step.message_ids) for step in planned.steps if step.do is Do.STAY)
    found = sum(len(step.message_ids) for step in planned.steps)
    facts = [
        f"{done.redriven} redriven",
        f"{done.republished} published again" if done.republished else "",
        f"{done.dropped} dropped" if done.dropped else "",
        f"{stayed} stayed" if stayed else "",
        f"{asked_for - found} were gone, or in somebody else's hands" if asked_for > found else "",
        f"{done.failed + done.left} could not be published and stayed: {done.error}" if done.failed else "",
    ]
    return ", ".join(fact for fact in facts if fact)
