"""A page's document, `tenants/T/runs/R/pages/P`: up to 200 rows of one stage, their members, their outcome.

It is not searched for: its run knows which of its pages are open, and wakes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from penstock.errors import BadMessage, Reason
from penstock.leases.document import LEASED
from penstock.leases.lease import Lease
from penstock.messages.completion import BlobRef
from penstock.messages.parent import Parent, page_name
from penstock.paths import page_path
from penstock.ports import Fields
from penstock.runs.record import stage_name
from penstock.runs.rows import PAGE_ROWS
from penstock.timing import Timing


class PageState(StrEnum):
    """What the document says of itself."""

    #: Nobody has taken it yet.
    OPEN = "open"
    #: Its members are being published.
    LEASED = LEASED
    #: They are; their results are waited for.
    EMITTED = "emitted"
    #: Its rows are frozen.
    CLOSED = "closed"
    LATER = "in a state of a later release"

    @classmethod
    def _missing_(cls, value: object) -> PageState | None:
        return cls.LATER if isinstance(value, str) else None


class Page(NamedTuple):
    """One page. `refused`: by index, why a row could not be asked about. `parts`: its rows at the end, each
    {"ref", "rows"}; more than one where a split has made more of them."""

    tenant: str
    run_id: str
    generation: int
    step: int
    level: int
    number: int
    source: BlobRef
    state: PageState = PageState.OPEN
    fence: int = 0
    write_id: str = ""
    owner: str | None = None
    lease_until: datetime | None = None
    #: What this page's rows became in the generation before.
    base: tuple[BlobRef, ...] = ()
    #: Members that were published.
    members: int | None = None
    refused: Mapping[str, Mapping[str, str]] | None = None
    parts: tuple[Mapping[str, Any], ...] | None = None
    ok: int | None = None
    failed: int | None = None
    #: Rows that nobody was asked about, for the run had ended.
    pending: int | None = None
    #: What its members cost, as far as that is known, in nano-dollars; and of how many it is not.
    nano_usd: int | None = None
    cost_unknown: int | None = None
    #: Of its run's budget, where that has one: what was held for it, and what it is charged.
    held_nano: int | None = None
    charged_nano: int | None = None
    expires_at: datetime | None = None

    @property
    def name(self) -> str:
        return page_name(self.run_id, self.generation, self.stage, self.number)

    @property
    def stage(self) -> str:
        return stage_name(self.step, self.level)

    @property
    def path(self) -> str:
        return page_path(self.tenant, self.name)

    def parent(self, index: int, link: int, links: int) -> Parent:
        """The place of the member for row `index` of this page."""
        number = self.number * PAGE_ROWS + index
        return Parent(self.run_id, self.generation, self.stage, self.number, number, link, links)

    def index_of(self, number: int) -> int:
        """The row of a member's number."""
        return number - self.number * PAGE_ROWS

    @property
    def done_in(self) -> str:
        return self.parent(0, 0, 1).done_in(self.tenant)

    @property
    def expected(self) -> int:
        """How many members say that they are done in the end."""
        return (self.members or 0) - len(self.refused_later)

    @property
    def refused_later(self) -> list[str]:
        """Those that were published and refused at a later link."""
        return [index for index, why in (self.refused or {}).items() if why.get("link", "0") != "0"]

    def ids(self) -> dict[str, Any]:
        return {"tenant": self.tenant, "run_id": self.run_id, "page": self.name.partition("/")[2]}

    def sent_as(self, write_id: str) -> Page:
        return self._replace(write_id=write_id)

    def told(self, left: Fields) -> Page:
        return self._replace(**left) if left else self

    def leased_until(self, lease: Lease, timing: Timing) -> Page:
        return self._replace(state=PageState.LEASED, lease_until=lease.wall_end)

    def encode(self) -> dict[str, Any]:
        return {name: _stored(value) for name, value in self._asdict().items() if value is not None}

    def changes(self, old: Page) -> dict[str, Any]:
        return {
            name: _stored(value)
            for name, value, before in zip(self._fields, self, old, strict=True)
            if value != before
        }

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> Page:
        """Raises BadMessage (internal) on a document that no version of Penstock wrote."""
        try:
            known = {name: document[name] for name in cls._fields if name in document}
            known["state"] = PageState(document["state"])
            known["source"] = BlobRef.decode(document["source"])
            known["base"] = tuple(BlobRef.decode(value) for value in document.get("base", ()))
            if document.get("parts") is not None:
                known["parts"] = tuple(document["parts"])
            return cls(**known)
        except (KeyError, TypeError, ValueError, AttributeError):
            message = "The stored document of this page cannot be read."
            raise BadMessage(message, Reason.INTERNAL) from None


def _stored(value: Any) -> Any:
    if isinstance(value, PageState):
        return value.value
    if isinstance(value, BlobRef):
        return value.encode()
    if isinstance(value, tuple):
        return [_stored(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value
