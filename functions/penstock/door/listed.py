"""Lists, page by page, as OpenAI's clients walk them: `after` an id, `limit` of them, `has_more`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.door.asked import Asked, known_id
from penstock.ports import Fields
from penstock.services import Services

#: Documents in one read.
_READ: Final = 100
#: Without a limit of the client's own.
_USUAL: Final = 20

Told = Callable[[Fields], dict[str, Any] | None]


async def listed(
    s: Services, collection: str, asked: Asked, query: Mapping[str, str], told: Told, *, most: int
) -> dict[str, Any]:
    """A page of `collection` by id, of those for which `told` has something to say.

    Raises Wrong, StoreError.
    """
    limit = asked.number("limit", min(_USUAL, most), most, query)
    after = known_id(query["after"], "item of this list") if query.get("after") else ""
    data: list[dict[str, Any]] = []
    while len(data) <= limit:
        page = await s.store.scan(collection, after=after, limit=_READ, timeout_s=s.timing.read_s)
        if not page:
            break
        after = page[-1].path.rpartition("/")[2]
        live = (one for one in page if one.fields is not None and one.read_at < one.fields["expires_at"])
        data += filter(None, (told(one.fields or {}) for one in live))
    shown = data[:limit]
    # Strings always, as OpenAI's description has them.
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else ("", "")
    more = {"first_id": first, "last_id": last, "has_more": len(data) > limit}
    return {"object": "list", "data": shown, **more}
