"""`previous_response_id`: a conversation goes on where it was, within one's own tenant."""

from __future__ import annotations

from typing import Any

from penstock.door.previous import PREVIOUS
from penstock.services import Services
from tests.unit.door.asking import Client, client
from tests.unit.door.providers import Counted, Refusing, answering, rejected

RESPONSES = "/v1/responses"


async def said(mine: Client, text: str, **fields: Any) -> Any:
    heard = await mine.ask("POST", RESPONSES, {"model": "one", "input": text, **fields})
    assert heard.status == 200, heard.body
    return heard.json


async def test_a_conversation_goes_on(s: Services) -> None:
    provider = Counted(text="The Rhine.")
    mine = Client(answering(s, provider), (await client(s)).key)
    first = await said(mine, "Name a river.", instructions="Be brief.")
    second = await said(mine, "And another?", instructions="Be long.", **{PREVIOUS: first["id"]})
    third = await said(mine, "One more?", **{PREVIOUS: second["id"]})
    turns = [[(m["role"], m["content"]) for m in asked.messages] for asked in provider.asked]
    spoken = [("user", "Name a river."), ("assistant", "The Rhine."), ("user", "And another?")]
    assert turns[1] == [("system", "Be long."), *spoken]
    assert turns[2] == [*spoken, ("assistant", "The Rhine."), ("user", "One more?")]
    assert (first[PREVIOUS], third[PREVIOUS]) == (None, second["id"])
    looked = await mine.ask("GET", f"{RESPONSES}/{third['id']}")
    assert looked.json[PREVIOUS] == second["id"]


async def test_in_the_background_it_goes_on_too(s: Services) -> None:
    mine = await client(s)
    first = await said(mine, "Name a river.")
    queued = await said(mine, "And another?", background=True, **{PREVIOUS: first["id"]})
    looked = await mine.ask("GET", f"{RESPONSES}/{queued['id']}")
    assert (queued[PREVIOUS], looked.json[PREVIOUS]) == (first["id"], first["id"])


async def test_what_cannot_be_gone_on_from(s: Services) -> None:
    mine, other = await client(s), await client(s, "globex")
    failing = Client(answering(s, Refusing(rejected())), mine.key)
    theirs = await said(other, "Name a river.")
    await failing.ask("POST", RESPONSES, {"model": "one", "input": "Why?"}, idempotency_key="failed")
    queued = await said(mine, "Name a river.", background=True)
    for previous, status in (
        (theirs["id"], 404), ("nobody's", 404), ("../x", 404), ("failed", 400), (7, 400), (queued["id"], 404),
    ):  # fmt: skip
        heard = await mine.ask("POST", RESPONSES, {"model": "one", "input": "On?", PREVIOUS: previous})
        assert heard.status == status, (previous, heard.body)
