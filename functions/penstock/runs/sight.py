"""A page and its run, seen together."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.paths import page_path, run_path
from penstock.ports import Snapshot
from penstock.runs.page import Page
from penstock.runs.record import Run
from penstock.services import Services


@dataclass(frozen=True, slots=True)
class Sight:
    """As one read saw them; `found` is the page's document."""

    found: Snapshot
    page: Page
    run: Run


async def look_at(s: Services, tenant: str, name: str) -> Sight | None:
    """None where one of them is gone. Raises StoreError, BadMessage."""
    paths = [page_path(tenant, name), run_path(tenant, name.partition("/")[0])]
    found, run = await s.store.read(paths, timeout_s=s.timing.read_s)
    if found.fields is None or run.fields is None:
        return None
    return Sight(found, Page.decode(found.fields), Run.decode(run.fields))
