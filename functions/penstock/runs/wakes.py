"""The wakes of runs and pages, on the runs' topic: told apart by the attribute that names the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.errors import BadMessage
from penstock.leases.wake import publish_wake
from penstock.messages.parent import Parent
from penstock.messages.wake import Wake
from penstock.services import Services

#: The attributes that name a run, and a page of it.
RUN, PAGE = "run_id", "page"
#: Of a wake that means a document whatever its fence.
ANY_FENCE = 0
_NUMBER, _LINK = "number", "link"


@dataclass(frozen=True, slots=True)
class PageWake:
    """Look at a page; with `link`, publish that link of its member `number`."""

    wake: Wake
    number: int = 0
    link: int | None = None


async def wake_run(s: Services, tenant: str, run_id: str) -> None:
    """Raises PublishFailed."""
    await publish_wake(s, s.topics.runs, Wake(tenant, run_id, ANY_FENCE), RUN)


async def wake_page(s: Services, tenant: str, page_name: str, fence: int = ANY_FENCE) -> None:
    """Raises PublishFailed."""
    await publish_wake(s, s.topics.runs, Wake(tenant, page_name, fence), PAGE)


async def wake_link(s: Services, tenant: str, parent: Parent) -> None:
    """The link after `parent` is to be published. Raises PublishFailed."""
    wake = Wake(tenant, parent.page_name, ANY_FENCE).encode(PAGE)
    asked = {_NUMBER: str(parent.index), _LINK: str(parent.link + 1)}
    await s.bus.publish(s.topics.runs, b"", wake | asked, timeout_s=s.timing.publish_s)


def page_wake(attributes: Mapping[str, str]) -> PageWake | None:
    """None: the wake means a run. Raises BadMessage."""
    if PAGE not in attributes:
        return None
    wake = Wake.decode(attributes, PAGE)
    if _LINK not in attributes:
        return PageWake(wake)
    try:
        return PageWake(wake, int(attributes[_NUMBER]), int(attributes[_LINK]))
    except (KeyError, ValueError):
        raise BadMessage("A wake of a link needs the attributes number and link, whole numbers.") from None
