"""Who falls to another target looks first whether that one has answered the same question before: while a
route's first target is down, each repetition would else be paid there again."""

from __future__ import annotations

from penstock.errors import StoreError
from penstock.messages.request import CacheMode
from penstock.paths import cache_path
from penstock.requests.flight import CacheEntry
from penstock.requests.incoming import Incoming
from penstock.requests.seams import Reused
from penstock.services import Services
from penstock.targets.routes import Target


async def answered_before(s: Services, incoming: Incoming, target: Target) -> Reused | None:
    """The cached answer of `target`, for whom the request was not claimed; None: there is none,
    or nobody can tell. Whom it answers at this moment is not waited for."""
    request, key = incoming.request, incoming.key_of(target)
    if key is None or key == incoming.key or request.cache is CacheMode.REFRESH:
        return None
    try:
        [found] = await s.store.read([cache_path(request.tenant, key)], timeout_s=s.timing.read_s)
    except StoreError:
        return None
    entry = CacheEntry.decode(found.fields) if found.fields is not None else None
    if entry is None or entry.answer is None or entry.expires_at <= found.read_at:
        return None
    return Reused(entry.answer.reused(), "hit", lambda record: record)
