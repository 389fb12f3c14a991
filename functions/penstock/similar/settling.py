"""What the evidence makes of a way, each time that some was added: it opens, or closes."""

from __future__ import annotations

import contextlib

from penstock import log
from penstock.errors import PreconditionFailed
from penstock.paths import evidence_path
from penstock.ports import Update
from penstock.services import Services
from penstock.similar.evidence import Way
from penstock.similar.standing import Standing


async def settle(s: Services, tenant: str, way: Way) -> None:
    """Write down that `way` is open, or closed, where it is so by now. Whoever comes second leaves it. Raises
    StoreError."""
    route = s.routes.routes.get(way.route)
    if route is None or route.similar is None:
        return
    [found] = await s.store.read([evidence_path(tenant, way.name)], timeout_s=s.timing.read_s)
    standing, allowed = Standing.decode(found.fields), route.similar.max_wrong
    change = standing.change(allowed, s.clock.now(), judged=bool(way.judge))
    if change is None:
        return
    with contextlib.suppress(PreconditionFailed):
        await s.store.commit([Update(found.path, change, found.version)], timeout_s=s.timing.commit_s)
        what = "closed: too many are wrong" if "closed_at" in change else "open: few enough are wrong"
        log.event("similar.settled", f"Similar answers are {what}.", tenant=tenant, route=way.route)
