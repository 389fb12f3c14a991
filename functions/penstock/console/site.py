"""Which page an address means, and which action a form. Whatever is wrong has a page of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib.resources import files
from typing import Final

from penstock import log
from penstock.console import csrf
from penstock.console.actions import action, action_now, actions
from penstock.console.asked import Asked, Call
from penstock.console.batches import batch, batches
from penstock.console.desk import Desk
from penstock.console.find import find
from penstock.console.letters import letters
from penstock.console.life import life
from penstock.console.money import bill, money
from penstock.console.now import now, open_work
from penstock.console.page import Page, Wrong, drawn
from penstock.console.redrive import preview, redrive
from penstock.console.runs import run, run_now, runs, tell_run
from penstock.errors import BlobError, LettersOutOfReach, PublishFailed, StoreError
from penstock.services import Services

_READ: Final[dict[str, Callable[[Services, Asked], Awaitable[Page]]]] = {
    "": now,
    "open": open_work,
    "find": find,
    "money": money,
    "audit": actions,
}
_STATIC: Final = {"console.css": "text/css; charset=utf-8", "console.js": "text/javascript; charset=utf-8"}


async def page(desk: Desk, call: Call) -> Page:
    """The answer to `call`; never raises."""
    asked = None
    try:
        who = await desk.who(call.headers)
        token = csrf.token_in(call.headers)
        asked = Asked.of(call, who, token or csrf.fresh_token())
        shown = await _answer(desk, call, asked)
        return shown if token else _with_token(shown, asked.token, call)
    except Wrong as wrong:
        return drawn("wrong.html", wrong.status, asked=asked, sentence=str(wrong))
    except (StoreError, BlobError, PublishFailed):
        sentence = "The store or the topics did not answer; load this page again."
        return drawn("wrong.html", 503, asked=asked, sentence=sentence)
    except LettersOutOfReach as error:
        return drawn("wrong.html", 503, asked=asked, sentence=str(error))
    except Exception as error:
        log.crash("console.crashed", "A fault of ours.", error)
        return drawn("wrong.html", 500, asked=asked, sentence="A fault of ours; the log has its place.")


async def _answer(desk: Desk, call: Call, asked: Asked) -> Page:
    match call.method:
        case "GET" | "HEAD":
            return await _page(desk, asked)
        case "POST":
            csrf.check(call.headers, asked.given("token"))
            asked.to_act()
            return await _action(desk, asked)
    raise Wrong(405, "The console takes GET, HEAD and its own forms.")


async def _page(desk: Desk, asked: Asked) -> Page:
    match asked.path:
        case (name,) if name in _READ:
            return await _READ[name](desk.s, asked)
        case ("letters",):
            return await letters(desk, asked)
        case ("request", tenant, request_id):
            return await life(desk.s, asked, tenant, request_id)
        case ("runs",):
            return await runs(desk, asked)
        case ("run", tenant, run_id):
            return await run(desk.s, asked, tenant, run_id)
        case ("run", tenant, run_id, "now"):
            return await run_now(desk.s, asked, tenant, run_id)
        case ("bill", name):
            return await bill(desk.s, asked, name)
        case ("batches",):
            return await batches(desk.s, asked)
        case ("batch", tenant, name):
            return await batch(desk.s, asked, tenant, name)
        case ("audit", name):
            return await action(desk.s, asked, name)
        case ("audit", name, "now"):
            return await action_now(desk.s, asked, name)
        case ("static", name) if name in _STATIC:
            return Page(files(__package__).joinpath("static", name).read_bytes(), kind=_STATIC[name])
    raise Wrong(404, "The console has no such page.")


async def _action(desk: Desk, asked: Asked) -> Page:
    match asked.path:
        case ("letters", "preview"):
            return await preview(desk, asked)
        case ("letters", "redrive"):
            return await redrive(desk, asked)
        case ("run", tenant, run_id):
            return await tell_run(desk, asked, tenant, run_id)
    raise Wrong(404, "The console has no such form.")


def _with_token(shown: Page, token: str, call: Call) -> Page:
    secure = call.headers.get("x-forwarded-proto") == "https"
    return replace(shown, headers={**shown.headers, "Set-Cookie": csrf.cookie(token, secure=secure)})
