"""What a page has to do: its rows, which of them are asked about, and with what body.

A function of the run's pins and the page's source alone: the members of a page are the same whoever
publishes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.errors import BadMessage
from penstock.messages.envelope import format_time
from penstock.messages.request import Question
from penstock.messages.strict_json import canonical, check
from penstock.runs.definition import Definition, Reduce, Split, Step
from penstock.runs.failing import TEMPLATE_ERROR, TOO_LARGE, failed
from penstock.runs.kept import definition_of, rows_of
from penstock.runs.page import Page
from penstock.runs.record import Run
from penstock.runs.reducing import reduced, values_of
from penstock.runs.rows import Row
from penstock.runs.template import MissingPath
from penstock.services import Services

#: Bytes of one request: Pub/Sub takes 10 MB with its attributes.
REQUEST_LIMIT: Final = 9_000_000


class Refused(Exception):
    """A row cannot be asked about: `row` says why."""

    def __init__(self, row: Row) -> None:
        super().__init__(row.id)
        self.row = row


@dataclass(frozen=True, slots=True)
class Work:
    """A page's rows in order, by index; those that are settled, or have failed, need no member."""

    run: Run
    page: Page
    step: Step
    rows: Sequence[Row]

    @property
    def asked(self) -> list[int]:
        """The indexes that members are made for."""
        return [index for index, row in enumerate(self.rows) if not row.settled and row.error is None]

    def body(self, row: Row, link: int) -> bytes:
        """The request of one link for `row`, which has the answers before it. Raises Refused."""
        ask = self.step.links[link]
        try:
            body = ask.body(self._values(row))
            check(Question, body)
        except MissingPath as missing:
            raise Refused(failed(row, TEMPLATE_ERROR, f"{missing} is missing.")) from None
        except BadMessage as error:
            raise Refused(failed(row, TEMPLATE_ERROR, f"It makes no request: {error}")) from None
        data = canonical({**body, "deadline": format_time(self.run.deadline)})
        if len(data) > REQUEST_LIMIT:
            raise Refused(failed(row, TOO_LARGE, f"The request has {len(data)} bytes."))
        return data

    def answered(self, row: Row, link: int, answer: str) -> Row:
        """`row` with the answer of one link."""
        if isinstance(self.step.does, Reduce):
            return reduced(self.step.does, row, answer)
        return row.with_answer(self.step.links[link].answer, answer)

    def _values(self, row: Row) -> Mapping[str, Any]:
        does = self.step.does
        return values_of(does, row) if isinstance(does, Reduce) else {"item": row.item}


async def work_of(s: Services, run: Run, page: Page) -> Work:
    """Raises BlobError, BadMessage."""
    definition, source = await asyncio.gather(definition_of(s, run), rows_of(s, page.source))
    base = await asyncio.gather(*(rows_of(s, ref) for ref in page.base))
    step = definition.steps[page.step]
    rows = _rows(definition, page, source)
    before = [row for part in base for row in part]
    # The pieces of a split are not its rows: it is cut anew.
    goes_on = before and not isinstance(step.does, Split)
    return Work(run, page, step, _with(before, rows) if goes_on else rows)


def _rows(definition: Definition, page: Page, source: Sequence[Row]) -> list[Row]:
    """The source's rows as this step sees them."""
    if isinstance(definition.steps[page.step].does, Reduce):
        return list(source)
    errors = page.step > 0 and definition.steps[page.step - 1].include_errors
    return [row.going_on() for row in source if row.error is None or errors]


def _with(before: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """What did not fail in the generation before stays as it was; the rows are the same, in one order."""
    pairs = zip(before, rows, strict=True)
    return [row if old.error is not None else old.settled_now() for old, row in pairs]
