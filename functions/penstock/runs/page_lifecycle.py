"""The life of a page: what every message does in every state (docs/runs.md shows the same table)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from penstock.leases.lease import is_expired
from penstock.runs.page import Page, PageState
from penstock.timing import Timing


class PageSeen(StrEnum):
    """What a reader finds of a page, the store's clock included."""

    ABSENT = "absent"
    OPEN = "open"
    #: Somebody publishes its members.
    LEASED = "leased"
    #: Whoever did has died.
    EXPIRED = "lease expired"
    EMITTED = "emitted"
    CLOSED = "closed"
    LATER = "in a state of a later release"


class PageArrival(StrEnum):
    """What a delivery is to the page that is there."""

    #: A member is done, or the run has opened the page.
    NUDGE = "nudge"
    #: The run has waited in vain, and the page's fence is still the same.
    SEARCH = "search"
    #: The run has waited in vain, and somebody has taken the page since.
    STALE = "stale search"
    #: A link of a member is answered, and another one follows.
    LINK = "link"


class PageAction(StrEnum):
    """What is done."""

    #: Take it, and publish its members.
    EMIT = "emit"
    #: Count its members; all of them done: freeze their rows.
    LOOK = "look"
    #: The same, and publish what was lost once more.
    SEARCH = "search"
    #: Publish the member's next link, or note why it cannot be.
    NEXT = "next link"
    #: Wake the run: the page is closed.
    TELL = "tell the run"
    ACK = "ack"


_A = PageAction


def _row(nudge: PageAction, search: PageAction, link: PageAction) -> dict[PageArrival, PageAction]:
    return {
        PageArrival.NUDGE: nudge,
        PageArrival.SEARCH: search,
        PageArrival.STALE: PageAction.ACK,
        PageArrival.LINK: link,
    }


#: state × message → action.
PAGE_TABLE: Final[dict[PageSeen, dict[PageArrival, PageAction]]] = {
    #                        nudge     search     link
    PageSeen.ABSENT: _row(   _A.ACK,   _A.ACK,    _A.ACK),
    PageSeen.OPEN: _row(     _A.EMIT,  _A.EMIT,   _A.ACK),
    PageSeen.LEASED: _row(   _A.ACK,   _A.ACK,    _A.NEXT),
    PageSeen.EXPIRED: _row(  _A.EMIT,  _A.EMIT,   _A.NEXT),
    PageSeen.EMITTED: _row(  _A.LOOK,  _A.SEARCH, _A.NEXT),
    PageSeen.CLOSED: _row(   _A.TELL,  _A.TELL,   _A.ACK),
    PageSeen.LATER: _row(    _A.ACK,   _A.ACK,    _A.ACK),
}  # fmt: skip


def seen_page(page: Page | None, read_at: datetime, timing: Timing) -> PageSeen:
    """The state of `page` at the store's time `read_at`."""
    if page is None:
        return PageSeen.ABSENT
    match page.state:
        case PageState.OPEN:
            return PageSeen.OPEN
        case PageState.LEASED:
            return PageSeen.EXPIRED if is_expired(page.lease_until, read_at, timing) else PageSeen.LEASED
        case PageState.EMITTED:
            return PageSeen.EMITTED
        case PageState.CLOSED:
            return PageSeen.CLOSED
        case PageState.LATER:
            return PageSeen.LATER


def arrival_at_page(page: Page | None, fence: int, link: int | None) -> PageArrival:
    """What a wake is to `page`: of fence 0 a nudge, of its own fence the run's search."""
    if link is not None:
        return PageArrival.LINK
    if fence == 0:
        return PageArrival.NUDGE
    return PageArrival.SEARCH if page is not None and page.fence == fence else PageArrival.STALE
