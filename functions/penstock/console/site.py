"""Which page an address means. Everything here reads, and nothing is changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final

from penstock import log
from penstock.console.asked import Asked
from penstock.console.find import find
from penstock.console.life import life
from penstock.console.money import money
from penstock.console.now import now, open_work
from penstock.console.page import Page, Wrong, drawn
from penstock.errors import BlobError, StoreError
from penstock.services import Services

_PAGES: Final[dict[str, Callable[[Services, Asked], Awaitable[Page]]]] = {
    "": now,
    "open": open_work,
    "find": find,
    "money": money,
}
_STATIC: Final = {"console.css": "text/css; charset=utf-8", "console.js": "text/javascript; charset=utf-8"}


async def page(s: Services, method: str, path: bytes, query: bytes) -> Page:
    """The page of an address; never raises: whatever is wrong has a page of its own."""
    try:
        if method not in ("GET", "HEAD"):
            raise Wrong(405, "The console shows, and changes nothing.")
        return await _page(s, Asked.parse(path, query))
    except Wrong as wrong:
        return drawn("wrong.html", wrong.status, sentence=str(wrong))
    except (StoreError, BlobError):
        return drawn("wrong.html", 503, sentence="The store did not answer; load this page again.")
    except Exception as error:
        log.crash("console.crashed", "A fault of ours.", error)
        return drawn("wrong.html", 500, sentence="A fault of ours; the log has its place.")


async def _page(s: Services, asked: Asked) -> Page:
    match asked.path:
        case (name,) if name in _PAGES:
            return await _PAGES[name](s, asked)
        case ("request", tenant, request_id):
            return await life(s, asked, tenant, request_id)
        case ("static", name) if name in _STATIC:
            return Page(files(__package__).joinpath("static", name).read_bytes(), kind=_STATIC[name])
    raise Wrong(404, "The console has no such page.")
